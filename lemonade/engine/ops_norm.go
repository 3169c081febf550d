package engine

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// batchNorm normalises each channel over the batch and all other axes (Ioffe &
// Szegedy 2015). Training uses the batch's own statistics and blends them into
// the running averages; inference uses the averages.
func batchNorm(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	epsilon := n.Attrs.Float("epsilon")
	scale, offset := b.master(i, "scale"), b.master(i, "offset")
	mean, variance := b.weights.variable(i, "mean"), b.weights.variable(i, "variance")
	return b.wide(in[0], func(x *Node) *Node {
		if !b.training {
			gain := Div(scale, Sqrt(AddScalar(variance.NodeValue(b.g), epsilon)))
			shift := Sub(offset, Mul(mean.NodeValue(b.g), gain))
			return addLast(Mul(x, lastAxis(gain, x.Rank())), shift)
		}
		y, batchMean, batchVariance := InternalBatchNormForTraining(x, scale, offset, float32(epsilon), -1)
		blend := func(average *Node, batch *Node) *Node {
			return Add(average, Mul(ConvertDType(b.rate, batch.DType()), StopGradient(Sub(batch, average))))
		}
		mean.SetNodeValue(blend(mean.NodeValue(b.g), batchMean))
		variance.SetNodeValue(blend(variance.NodeValue(b.g), batchVariance))
		return y
	})
}

// layerNorm normalises over the last axis (Ba, Kiros & Hinton 2016).
func layerNorm(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	scale, offset := b.master(i, "scale"), b.master(i, "offset")
	return b.wide(in[0], func(x *Node) *Node {
		y := standardise(x, n.Attrs.Float("epsilon"), x.Rank()-1)
		return addLast(Mul(y, lastAxis(scale, x.Rank())), offset)
	})
}

// groupNorm normalises within groups of channels, over all axes of a sample (Wu
// & He 2018).
func groupNorm(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	scale, offset := b.master(i, "scale"), b.master(i, "offset")
	groups := n.Attrs.Int("groups")
	return b.wide(in[0], func(x *Node) *Node {
		dims := x.Shape().Dimensions
		channels := dims[len(dims)-1]
		y := Reshape(x, dims[0], -1, groups, channels/groups)
		y = Reshape(standardise(y, n.Attrs.Float("epsilon"), 1, 3), dims...)
		return addLast(Mul(y, lastAxis(scale, x.Rank())), offset)
	})
}

// standardise subtracts the mean over the axes and divides by the standard
// deviation. 1/Sqrt, because GoMLX has no gradient of Rsqrt.
func standardise(x *Node, epsilon float64, axes ...int) *Node {
	centred := Sub(x, ReduceAndKeep(x, ReduceMean, axes...))
	variance := ReduceAndKeep(Square(centred), ReduceMean, axes...)
	return Div(centred, Sqrt(AddScalar(variance, epsilon)))
}
