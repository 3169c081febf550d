package engine

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// embedding looks up the vectors of token ids [B T], which are zeros for padding.
func embedding(b *graphBuilder, i int, _ arch.Node, in []*Node) *Node {
	rows := ConvertDType(Gather(b.master(i, "table"), ExpandAxes(in[0], -1)), b.compute)
	return Mul(rows, ExpandAxes(b.tokenMask(in[0]), -1))
}

// tokenMask is 1 for a token and 0 for padding.
func (b *graphBuilder) tokenMask(tokens *Node) *Node {
	return ConvertDType(NotEqual(tokens, ZerosLike(tokens)), b.compute)
}

func tokenMask(b *graphBuilder, _ int, _ arch.Node, in []*Node) *Node { return b.tokenMask(in[0]) }

// positionalEmbedding adds a vector to each position of x [B T C].
func positionalEmbedding(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	if n.Attrs.Text("kind") == "learned" {
		return Add(in[0], ExpandAxes(b.weight(i, "table"), 0))
	}
	return Add(in[0], ExpandAxes(ConstAsDType(b.g, b.compute, sinusoids(n.Shape[0], n.Shape[1])), 0))
}

// sinusoids are the positions of Vaswani et al. 2017: pairs of sine and cosine,
// each slower than the one before.
func sinusoids(t, c int) [][]float64 {
	out := make([][]float64, t)
	for at := range out {
		out[at] = make([]float64, c)
		for k := range out[at] {
			angle := float64(at) * math.Pow(10_000, -float64(k/2*2)/float64(c))
			out[at][k] = math.Sin(angle + float64(k%2)*math.Pi/2)
		}
	}
	return out
}

// conv1d is the convolution of an image of width 1.
func conv1d(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	x, kernel := in[0], b.weight(i, "kernel")
	k, stride, dilation := n.Attrs.Int("kernel"), n.Attrs.Int("stride"), n.Attrs.Int("dilation")
	column := ExpandAxes(x, 2)
	var y *Node
	if groups := n.Attrs.Int("groups"); groups == 1 && k == 1 {
		y = product(strided(column, 0, 0, n.Shape[0], 1, []int{stride, 1}), Squeeze(kernel, 0))
	} else {
		pads := padding(n.Attrs.Text("padding"), []int{x.Shape().Dim(1), 1}, []int{k, 1}, []int{stride, 1}, []int{dilation, 1})
		if n.Attrs.Text("padding") == "causal" {
			pads[0] = [2]int{(k - 1) * dilation, 0}
		}
		y = convolution{[]int{stride, 1}, []int{dilation, 1}, pads, b.apart}.grouped(column, ExpandAxes(kernel, 1), groups)
	}
	y = Squeeze(y, 2)
	if n.Attrs.Bool("bias") {
		y = addLast(y, b.weight(i, "bias"))
	}
	return y
}

// pool1d pools a sequence [B T C], or a mask [B T], as an image of width 1.
func pool1d(pool buildFunc) buildFunc {
	return func(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
		dims := in[0].Shape().Dimensions
		image := arch.Node{
			Shape: arch.Shape{n.Shape[0], 1, 1},
			Attrs: arch.Attrs{
				"window": []int{n.Attrs.Int("window"), 1}, "stride": []int{n.Attrs.Int("stride"), 1}, "padding": n.Attrs.Text("padding"),
			},
		}
		y := pool(b, i, image, []*Node{Reshape(in[0], dims[0], dims[1], 1, -1)})
		return Reshape(y, withBatch(y, n.Shape)...)
	}
}

// maskedPool pools x [B T C] over the positions where the mask is above 0, and
// gives 0 where it nowhere is; without a mask it pools all.
func maskedPool(all buildFunc, masked func(x, keep *Node) *Node) buildFunc {
	return func(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
		if len(in) == 1 {
			return all(b, i, n, in)
		}
		in = b.sameBatch(in...)
		return masked(in[0], ExpandAxes(keeps(in[1]), -1))
	}
}

// maskedMean sums in float32 where x is narrower, as there may be many positions.
func maskedMean(x, keep *Node) *Node {
	wide := x
	if x.DType() == dtypes.BFloat16 {
		wide = ConvertDType(x, dtypes.Float32)
	}
	ones := ConvertDType(keep, wide.DType())
	count := ReduceSum(ones, 1)
	return ConvertDType(Div(ReduceSum(Mul(wide, ones), 1), Max(count, OnesLike(count))), x.DType())
}

func maskedMax(x, keep *Node) *Node {
	least := BroadcastToDims(Scalar(x.Graph(), x.DType(), -1e30), x.Shape().Dimensions...)
	most := reduceMax(Where(BroadcastToDims(keep, x.Shape().Dimensions...), x, least), 1)
	some := GreaterThan(most, Scalar(x.Graph(), x.DType(), -1e29))
	return Where(some, most, ZerosLike(most))
}
