package engine

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// reshape also serves flatten: both give the node's declared shape.
func reshape(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	return Reshape(in[0], withBatch(in[0], n.Shape)...)
}

// withBatch puts x's batch size before a sample's shape.
func withBatch(x *Node, shape arch.Shape) []int {
	return append([]int{x.Shape().Dim(0)}, shape...)
}

func transpose(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	permutation := []int{0}
	for _, axis := range n.Attrs.Ints("axes") {
		permutation = append(permutation, axis+1)
	}
	return TransposeAllAxes(in[0], permutation...)
}

func concat(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	in = b.sameBatch(in...)
	return Concatenate(in, in[0].Rank()+n.Attrs.Int("axis"))
}

// sameBatch gives all operands the same batch axis.
func (b *graphBuilder) sameBatch(in ...*Node) []*Node {
	same := true
	for _, x := range in {
		same = same && x.Shape().Dim(0) == in[0].Shape().Dim(0)
	}
	out := slices.Clone(in)
	for k := range out {
		if !same {
			out[k] = b.whole(out[k])
		}
	}
	return out
}

func slice(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	part := AxisRange(n.Attrs.Int("start"), n.Attrs.Int("stop")).Stride(n.Attrs.Int("step"))
	return SliceAxis(in[0], in[0].Rank()+n.Attrs.Int("axis"), part)
}

// channelShuffle mixes the channels of groups (Zhang et al. 2018).
func channelShuffle(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	x, groups := in[0], n.Attrs.Int("groups")
	dims := x.Shape().Dimensions
	last := len(dims) - 1
	split := append(slices.Clone(dims[:last]), groups, dims[last]/groups)
	return Reshape(Transpose(Reshape(x, split...), last, last+1), dims...)
}

func upsample(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	x, factor := in[0], n.Attrs.Ints("factor")
	dims := x.Shape().Dimensions
	if n.Attrs.Text("method") == "nearest" {
		x = Reshape(x, dims[0], dims[1], 1, dims[2], 1, dims[3])
		x = BroadcastToDims(x, dims[0], dims[1], factor[0], dims[2], factor[1], dims[3])
		return Reshape(x, withBatch(x, n.Shape)...)
	}
	// Two small matrix products: GoMLX's Interpolate has no gradient for images
	// of up to 3 pixels.
	rows := ConstAsDType(b.g, b.compute, bilinear(dims[1], factor[0]))
	cols := ConstAsDType(b.g, b.compute, bilinear(dims[2], factor[1]))
	return Einsum("bowc,pw->bopc", Einsum("bhwc,oh->bowc", x, rows), cols)
}

// bilinear returns the weights [size*factor][size] of linear interpolation with
// half-pixel centres and clamped edges.
func bilinear(size, factor int) [][]float64 {
	out := make([][]float64, size*factor)
	for o := range out {
		out[o] = make([]float64, size)
		at := min(max((float64(o)+0.5)/float64(factor)-0.5, 0), float64(size-1))
		low := int(at)
		out[o][low] = 1 - (at - float64(low))
		if low+1 < size {
			out[o][low+1] = at - float64(low)
		}
	}
	return out
}

// reduce wraps a reduction over the axes that a node names.
func reduce(f func(x *Node, axes ...int) *Node) buildFunc {
	return func(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
		x := in[0]
		axes := make([]int, 0, x.Rank())
		for _, axis := range n.Attrs.Ints("axes") {
			axes = append(axes, x.Rank()+axis)
		}
		return Reshape(f(x, axes...), withBatch(x, n.Shape)...)
	}
}

// globalPool wraps a reduction over all axes of a sample but the last.
func globalPool(f func(x *Node, axes ...int) *Node) buildFunc {
	return func(_ *graphBuilder, _ int, _ arch.Node, in []*Node) *Node {
		axes := make([]int, 0, in[0].Rank())
		for axis := 1; axis < in[0].Rank()-1; axis++ {
			axes = append(axes, axis)
		}
		return f(in[0], axes...)
	}
}

// globalMean is the mean over all axes of a sample but the last. But for what comes of
// convolutions it is a product with a row of equal shares: XLA's library of fused kernels
// draws what comes before a reduction into it, whole layers at times, and is then
// several times as slow. A product also sums bfloat16 in float32.
func globalMean(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	if b.compute != dtypes.BFloat16 && b.convolved(i) {
		return globalPool(ReduceMean)(b, i, n, in)
	}
	x := in[0]
	dims := x.Shape().Dimensions
	batch, channels := dims[0], dims[len(dims)-1]
	pixels := x.Shape().Size() / (batch * channels)
	shares := BroadcastToDims(Scalar(x.Graph(), x.DType(), 1/float64(pixels)), batch, 1, pixels)
	mean := DotGeneral(shares, []int{2}, []int{0}, Reshape(x, batch, pixels, channels), []int{1}, []int{0})
	return Reshape(mean, batch, channels)
}

// reduceMax is the maximum over the axes, never the batch's, as a tree of
// pairwise maxima: the gradient of GoMLX's ReduceMax is wrong where its input is
// a product.
func reduceMax(x *Node, axes ...int) *Node {
	dims := x.Shape().Dimensions
	permutation, rest, count := []int{0}, []int{dims[0]}, 1
	for _, axis := range axes {
		permutation = append(permutation, axis)
		count *= dims[axis]
	}
	for axis := 1; axis < len(dims); axis++ {
		if !slices.Contains(axes, axis) {
			permutation = append(permutation, axis)
			rest = append(rest, dims[axis])
		}
	}
	x = Reshape(TransposeAllAxes(x, permutation...), slices.Insert(slices.Clone(rest), 1, count)...)
	for count > 1 {
		half := (count + 1) / 2 // the halves share the middle of an odd count
		x = Max(SliceAxis(x, 1, AxisRange(0, half)), SliceAxis(x, 1, AxisRange(count-half, count)))
		count = half
	}
	return Reshape(x, rest...)
}
