package engine

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// unary wraps an elementwise function.
func unary(f func(*Node) *Node) buildFunc {
	return func(_ *graphBuilder, _ int, _ arch.Node, in []*Node) *Node { return f(in[0]) }
}

// pairwise wraps a function of two operands, whose sample shapes are aligned on the right.
func pairwise(f func(a, b *Node) *Node) buildFunc {
	return func(_ *graphBuilder, _ int, _ arch.Node, in []*Node) *Node {
		rank := max(in[0].Rank(), in[1].Rank())
		return f(padRank(in[0], rank), padRank(in[1], rank))
	}
}

// padRank inserts axes of size 1 after the batch axis until x has the rank.
func padRank(x *Node, rank int) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	for len(dims) < rank {
		dims = slices.Insert(dims, 1, 1)
	}
	return Reshape(x, dims...)
}

func relu(x *Node) *Node { return Max(x, ZerosLike(x)) }

// gelu is the exact form, x·Φ(x) (Hendrycks & Gimpel 2016).
func gelu(x *Node) *Node {
	return Mul(MulScalar(x, 0.5), OnePlus(Erf(MulScalar(x, 1/math.Sqrt2))))
}

// hardSigmoid is relu6(x+3)/6 (Howard et al. 2019).
func hardSigmoid(x *Node) *Node {
	return MulScalar(MinScalar(MaxScalar(AddScalar(x, 3.0), 0.0), 6.0), 1.0/6)
}

func leakyRelu(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	x, zero := in[0], ZerosLike(in[0])
	return Add(Max(x, zero), MulScalar(Min(x, zero), n.Attrs.Float("slope")))
}

func softmax(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	return b.wide(in[0], func(x *Node) *Node { return Softmax(x, n.Attrs.Int("axis")) })
}

// dropout zeroes single values and scales the rest, in training only
// (Srivastava et al. 2014).
func dropout(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	if !b.training || n.Attrs.Float("rate") == 0 {
		return in[0]
	}
	x := b.whole(in[0])
	return b.drop(x, n.Attrs.Float("rate"), x.Shape().Dimensions)
}

// dropPath zeroes whole samples and scales the rest, in training only: stochastic
// depth (Huang et al. 2016).
func dropPath(b *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	if !b.training || n.Attrs.Float("rate") == 0 {
		return in[0]
	}
	x := b.whole(in[0])
	dims := slices.Repeat([]int{1}, x.Rank())
	dims[0] = b.batch
	return b.drop(x, n.Attrs.Float("rate"), dims)
}

// drop multiplies x by a random mask of the given dimensions, 0 with
// probability rate and 1/(1-rate) otherwise.
func (b *graphBuilder) drop(x *Node, rate float64, dims []int) *Node {
	uniform := b.uniform(dims...)
	keep := GreaterOrEqual(uniform, Scalar(b.g, dtypes.Float32, rate))
	return Mul(x, MulScalar(ConvertDType(keep, x.DType()), 1/(1-rate)))
}
