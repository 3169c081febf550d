package engine

import (
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// attention is multi-head scaled dot-product attention (Vaswani et al. 2017) of
// queries [B Tq Cq] over keys [B Tk Ck] and values [B Tk Cv], without those keys at
// which a mask [B Tk] is 0.
func attention(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	in = b.sameBatch(in...)
	heads, size := n.Attrs.Int("heads"), n.Attrs.Int("key_dim")
	biased := func(y *Node, name string) *Node {
		if n.Attrs.Bool("bias") {
			return addLast(y, b.weight(i, name+"_bias"))
		}
		return y
	}
	project := func(x *Node, name string) *Node {
		y := biased(product(x, b.weight(i, name)), name)
		return Reshape(y, y.Shape().Dim(0), y.Shape().Dim(1), heads, size)
	}
	query, key, value := project(in[0], "query"), project(in[1], "key"), project(in[2], "value")
	scores := MulScalar(Einsum("bqhd,bkhd->bhqk", query, key), 1/math.Sqrt(float64(size)))
	shares := b.wide(scores, func(x *Node) *Node {
		if len(in) > 3 {
			keep := BroadcastToDims(ExpandAxes(keeps(in[3]), 1, 2), x.Shape().Dimensions...)
			x = Where(keep, x, BroadcastToDims(Scalar(b.g, x.DType(), -1e9), x.Shape().Dimensions...))
		}
		return Softmax(x, -1)
	})
	mixed := Einsum("bhqk,bkhd->bqhd", shares, value)
	mixed = Reshape(mixed, mixed.Shape().Dim(0), mixed.Shape().Dim(1), heads*size)
	return biased(product(mixed, b.weight(i, "output")), "output")
}

// matmul multiplies a [B … M K] by c [B … K N], or [B … N K] with transpose_b;
// leading axes broadcast.
func matmul(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	rank := max(in[0].Rank(), in[1].Rank())
	x, y := padRank(in[0], rank), padRank(in[1], rank)
	lead := make([]int, rank-2)
	for axis := range lead {
		lead[axis] = max(x.Shape().Dim(axis), y.Shape().Dim(axis))
	}
	flat := func(x *Node) *Node { // [lead M K], leading axes in one
		dims := x.Shape().Dimensions
		full := append(slices.Clone(lead), dims[rank-2:]...)
		if !slices.Equal(full, dims) {
			x = BroadcastToDims(x, full...)
		}
		return Reshape(x, -1, full[rank-2], full[rank-1])
	}
	equation := "lmk,lkn->lmn"
	if n.Attrs.Bool("transpose_b") {
		equation = "lmk,lnk->lmn"
	}
	z := Einsum(equation, flat(x), flat(y))
	return Reshape(z, append(lead[:1:1], n.Shape...)...)
}
