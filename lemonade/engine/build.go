package engine

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// graphBuilder turns a network into a GoMLX graph.
//
// Every value carries a leading batch axis, of the batch's size or of 1: the
// latter where a value is the same for every sample, as a parameter or a constant
// is. Elementwise operations broadcast it for free; the others call
// [graphBuilder.whole] where they need the full batch.
type graphBuilder struct {
	net      *arch.Network
	weights  *weightSet
	g        *Graph
	batch    int
	compute  dtypes.DType // of activations, and of kernels as they are used
	training bool
	random   *Node // state of the random generator; training only
	rate     *Node // scalar: share of a batch's statistics in the running averages; training only

	// apart is true when the graph runs, which XLA does not know when it compiles: what
	// is computed on that condition is not merged with what it is computed from. nil on
	// a GPU, where the host would have to read the condition, and without training.
	apart *Node
}

// buildFunc builds one node from its inputs, whose shapes are [batch or 1, sample's shape …].
type buildFunc func(b *graphBuilder, i int, n arch.Node, in []*Node) *Node

// builders has the builder of every operation in [arch.Ops] except "input".
var builders = map[string]buildFunc{
	"conv":       conv,
	"dense":      dense,
	"batch_norm": batchNorm,
	"layer_norm": layerNorm,
	"group_norm": groupNorm,

	"relu":         unary(relu),
	"silu":         unary(func(x *Node) *Node { return Mul(x, Sigmoid(x)) }),
	"gelu":         unary(gelu),
	"hard_swish":   unary(func(x *Node) *Node { return Mul(x, hardSigmoid(x)) }),
	"hard_sigmoid": unary(hardSigmoid),
	"tanh":         unary(Tanh),
	"sigmoid":      unary(Sigmoid),
	"leaky_relu":   leakyRelu,
	"softmax":      softmax,

	"max_pool":        maxPool,
	"avg_pool":        avgPool,
	"global_avg_pool": maskedPool(globalMean, maskedMean),
	"global_max_pool": maskedPool(globalPool(reduceMax), maskedMax),

	"embedding":            embedding,
	"token_mask":           tokenMask,
	"positional_embedding": positionalEmbedding,
	"conv1d":               conv1d,
	"max_pool1d":           pool1d(maxPool),
	"avg_pool1d":           pool1d(avgPool),
	"lstm":                 recurrentLayer(lstmStates),
	"gru":                  recurrentLayer(gruStates),

	"dropout":   dropout,
	"drop_path": dropPath,

	"flatten":         reshape,
	"reshape":         reshape,
	"transpose":       transpose,
	"concat":          concat,
	"slice":           slice,
	"channel_shuffle": channelShuffle,
	"upsample":        upsample,

	"constant":  constant,
	"parameter": parameter,

	"add":     pairwise(Add),
	"sub":     pairwise(Sub),
	"mul":     pairwise(Mul),
	"div":     pairwise(Div),
	"maximum": pairwise(Max),
	"minimum": pairwise(Min),

	"mean": reduce(ReduceMean),
	"max":  reduce(reduceMax),

	"sqrt":   unary(func(x *Node) *Node { return Sqrt(MaxScalar(x, 1e-12)) }), // the clamp keeps the gradient finite
	"exp":    unary(Exp),
	"abs":    unary(Abs),
	"square": unary(Square),

	"attention": attention,
	"matmul":    matmul,
}

// forward builds the whole network on x [batch, input …] and returns the
// logits [batch, classes].
func (b *graphBuilder) forward(x *Node) *Node {
	b.g, b.batch = x.Graph(), x.Shape().Dim(0)
	values := make([]*Node, len(b.net.Nodes))
	for i, n := range b.net.Nodes {
		values[i] = b.node(i, n, x, values)
	}
	return b.whole(values[b.net.Output()])
}

// node builds node i; a panic of GoMLX gets the node's name on its way up.
func (b *graphBuilder) node(i int, n arch.Node, x *Node, values []*Node) (out *Node) {
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Errorf("node %d (%s): %v", i, n.Op, p))
		}
	}()
	if n.Op == "input" {
		if b.net.Vocabulary > 0 {
			return x // ids
		}
		return ConvertDType(x, b.compute)
	}
	build, ok := builders[n.Op]
	if !ok {
		panic(fmt.Errorf("the engine has no builder for operation %q", n.Op))
	}
	in := make([]*Node, len(n.Inputs))
	for k, j := range n.Inputs {
		in[k] = values[j]
	}
	out = build(b, i, n, in)
	if got := arch.Shape(out.Shape().Dimensions[1:]); got.String() != n.Shape.String() {
		panic(fmt.Errorf("built shape %s, declared %s", got, n.Shape))
	}
	return out
}

// weight returns a weight of node i in the data type of the activations.
func (b *graphBuilder) weight(i int, name string) *Node {
	return ConvertDType(b.master(i, name), b.compute)
}

// master returns a weight of node i as it is kept: in float32.
func (b *graphBuilder) master(i int, name string) *Node {
	return b.weights.variable(i, name).NodeValue(b.g)
}

// whole gives x its full batch axis where that is 1.
func (b *graphBuilder) whole(x *Node) *Node {
	if dims := x.Shape().Clone().Dimensions; dims[0] != b.batch {
		dims[0] = b.batch
		return BroadcastToDims(x, dims...)
	}
	return x
}

// wide runs f on x in the weights' data type where activations are narrower:
// norms and softmax lose too much in bfloat16.
func (b *graphBuilder) wide(x *Node, f func(*Node) *Node) *Node {
	if b.compute != dtypes.BFloat16 {
		return f(x)
	}
	return ConvertDType(f(ConvertDType(x, dtypes.Float32)), b.compute)
}

// uniform draws numbers in [0, 1) of the given dimensions.
func (b *graphBuilder) uniform(dims ...int) *Node {
	var values *Node
	b.random, values = RandomUniform(b.random, shapes.Make(dtypes.Float32, dims...))
	return values
}

// constant is a number, shape [].
func constant(b *graphBuilder, _ int, n arch.Node, _ []*Node) *Node {
	return Reshape(Scalar(b.g, b.compute, n.Attrs.Float("value")), 1)
}

// parameter is a learned tensor, the same for every sample.
func parameter(b *graphBuilder, i int, _ arch.Node, _ []*Node) *Node {
	return ExpandAxes(b.weight(i, "value"), 0)
}
