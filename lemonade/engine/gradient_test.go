package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// gradientCases are expressions of x, an image of [6 5 4] unless the case says
// otherwise. Together they take every code path of every builder; a linear layer
// behind each mixes its elements with different weights.
var gradientCases = []struct {
	name, expr string
	input      arch.Input
}{
	{name: "conv", expr: "conv(x, 3)"},
	{name: "conv without bias", expr: "conv(x, 3, bias = False)"},
	{name: "conv even kernel", expr: "conv(x, 3, kernel = (2, 4))"},
	{name: "conv valid", expr: `conv(x, 3, kernel = (3, 2), padding = "valid")`},
	{name: "conv stride", expr: "conv(x, 3, stride = 2)"},
	{name: "conv uneven stride", expr: "conv(x, 3, kernel = (5, 3), stride = (3, 2))"},
	{name: "conv valid stride", expr: `conv(x, 3, stride = 2, padding = "valid")`},
	{name: "conv dilation", expr: "conv(x, 3, dilation = 2)"},
	{name: "conv stride and dilation", expr: "conv(x, 3, stride = 2, dilation = (2, 1))"},
	{name: "conv valid stride and dilation", expr: `conv(x, 3, kernel = 2, stride = 2, dilation = 3, padding = "valid")`},
	{name: "conv groups", expr: "conv(x, 6, groups = 2)"},
	{name: "conv groups stride", expr: "conv(x, 6, groups = 2, stride = 2)"},
	{name: "conv groups stride and dilation", expr: "conv(x, 2, groups = 2, stride = 2, dilation = 2)"},
	{name: "conv 1x1", expr: "conv(x, 3, kernel = 1)"},
	{name: "conv 1x1 stride", expr: "conv(x, 3, kernel = 1, stride = (2, 3))"},
	{name: "conv 1x1 groups", expr: "conv(x, 6, kernel = 1, groups = 2)"},
	{name: "depthwise", expr: "depthwise_conv(x)"},
	{name: "depthwise multiplier stride", expr: "depthwise_conv(x, multiplier = 2, stride = 2)"},
	{name: "depthwise dilation", expr: "depthwise_conv(x, dilation = 2)"},
	{name: "depthwise multiplier stride and dilation", expr: "depthwise_conv(x, kernel = (2, 3), multiplier = 3, stride = (2, 1), dilation = 2)"},
	{name: "depthwise valid", expr: `depthwise_conv(x, kernel = (3, 2), padding = "valid")`},
	{name: "depthwise of many rows", expr: "depthwise_conv(x, stride = 2)", input: arch.Shape{68, 3, 2}},
	{name: "depthwise large kernel", expr: "depthwise_conv(x, kernel = (3, 5), dilation = (1, 2))", input: arch.Shape{32, 3, 2}},
	{name: "depthwise larger kernel", expr: "depthwise_conv(x, kernel = (5, 7))"},
	{name: "depthwise 1x1", expr: "depthwise_conv(x, kernel = 1, stride = 2)"},
	{name: "conv of a parameter", expr: "x * conv(parameter([6, 5, 2]), 4)"},
	{name: "mean of a convolution", expr: "global_avg_pool(tanh(conv(x, 3)))"},
	{name: "shared", expr: `conv(conv(x, 4, share = "a"), 4, share = "a")`},
	{name: "shared batch norm", expr: `batch_norm(tanh(batch_norm(x, share = "a")), share = "a")`},

	{name: "dense", expr: "dense(flatten(x), 7)"},
	{name: "dense last axis", expr: "dense(x, 3, bias = False)"},
	{name: "dense vector", expr: "dense(x, 5)", input: arch.Shape{7}},

	{name: "batch_norm", expr: "batch_norm(x)"},
	{name: "batch_norm of a product", expr: "batch_norm(x * sigmoid(x), epsilon = 0.1)"},
	{name: "batch_norm vector", expr: "batch_norm(x)", input: arch.Shape{7}},
	{name: "batch_norm of a parameter", expr: "x + batch_norm(parameter([6, 5, 4]))"},
	{name: "layer_norm", expr: "layer_norm(x)"},
	{name: "layer_norm vector", expr: "layer_norm(x)", input: arch.Shape{7}},
	{name: "group_norm", expr: "group_norm(x, groups = 2)"},
	{name: "group_norm sequence", expr: "group_norm(x, groups = 3)", input: arch.Shape{5, 6}},

	{name: "relu", expr: "relu(x)"},
	{name: "relu of a product", expr: "relu(x * tanh(x) - 0.1)"},
	{name: "silu", expr: "silu(x)"},
	{name: "gelu", expr: "gelu(x)"},
	{name: "hard_swish", expr: "hard_swish(x * 3)"},
	{name: "hard_sigmoid", expr: "hard_sigmoid(x * 3)"},
	{name: "tanh", expr: "tanh(x)"},
	{name: "sigmoid", expr: "sigmoid(x)"},
	{name: "leaky_relu", expr: "leaky_relu(x, slope = 0.2)"},
	{name: "softmax", expr: "softmax(x)"},
	{name: "softmax of a product, other axis", expr: "softmax(x * x, axis = 0)"},

	{name: "max_pool tiles", expr: "max_pool(x)"},
	{name: "max_pool tiles of a product", expr: "max_pool(x * tanh(x))"},
	{name: "max_pool large tiles", expr: "max_pool(x, window = (6, 2))"},
	{name: "max_pool overlap", expr: `max_pool(x, window = 3, stride = 2, padding = "same")`},
	{name: "max_pool overlap of a product", expr: `max_pool(x * x, window = 3, stride = 1, padding = "same")`},
	{name: "max_pool same ragged", expr: `max_pool(x, window = 2, padding = "same")`},
	{name: "max_pool valid", expr: `max_pool(x, window = (3, 2), stride = (1, 2))`},
	{name: "avg_pool tiles", expr: "avg_pool(x)"},
	{name: "avg_pool same", expr: `avg_pool(x, window = 3, stride = 2, padding = "same")`},
	{name: "avg_pool overlap", expr: `avg_pool(x, window = 3, stride = 1)`},
	{name: "global_avg_pool", expr: "global_avg_pool(x)"},
	{name: "global_avg_pool sequence", expr: "global_avg_pool(x)", input: arch.Shape{5, 3}},
	{name: "global_max_pool", expr: "global_max_pool(x)"},
	{name: "global_max_pool of a product", expr: "global_max_pool(x * sigmoid(x))"},
	{name: "squeeze-excite", expr: "x * sigmoid(dense(relu(dense(global_avg_pool(x), 3)), 4))"},

	{name: "flatten", expr: "flatten(x)"},
	{name: "reshape", expr: "reshape(x, [10, -1])"},
	{name: "transpose", expr: "transpose(x, [2, 0, 1])"},
	{name: "concat", expr: "concat([x, tanh(x), slice(x, start = 1, stop = 3)])"},
	{name: "concat other axis", expr: "concat([x, x * x], axis = 0)"},
	{name: "concat with a parameter", expr: "concat([parameter([1, 4]), reshape(x, [30, 4])], axis = 0)"},
	{name: "slice", expr: "slice(x, start = 1, stop = 3)"},
	{name: "slice step", expr: "slice(x * x, start = 1, stop = 6, axis = 0, step = 2)"},
	{name: "slice to the end", expr: "slice(x, start = 2, axis = 0)"},
	{name: "split", expr: "split(x, 2)[0] * split(x, 2)[1]"},
	{name: "channel_shuffle", expr: "channel_shuffle(x, groups = 2)"},
	{name: "channel_shuffle vector", expr: "channel_shuffle(x, groups = 3)", input: arch.Shape{12}},
	{name: "upsample nearest", expr: "upsample(x, factor = (2, 3))"},
	{name: "upsample bilinear", expr: `upsample(x, factor = (2, 3), method = "bilinear")`},
	{name: "upsample bilinear small", expr: `upsample(x, factor = 4, method = "bilinear")`, input: arch.Shape{2, 1, 3}},

	{name: "add", expr: "x + tanh(x)"},
	{name: "add a number", expr: "x * 0.5 + 2"},
	{name: "sub channels", expr: "x - global_avg_pool(x)"},
	{name: "sub from a number", expr: "1 - x"},
	{name: "mul broadcast both ways", expr: "mean(x, axes = [0], keepdims = True) * mean(x, axes = [1, 2], keepdims = True)"},
	{name: "mul by a scalar of the sample", expr: "x * mean(x)"},
	{name: "div", expr: "x / (1.5 + tanh(x))"},
	{name: "div channels", expr: "x / (2 + sigmoid(global_avg_pool(x)))"},
	{name: "div by a parameter", expr: "x / (3 + tanh(parameter([5, 1])))"},
	{name: "maximum", expr: "maximum(x, tanh(x) * x)"},
	{name: "maximum of a parameter", expr: "maximum(x, parameter([4]))"},
	{name: "minimum", expr: "minimum(x * x, global_avg_pool(x))"},
	{name: "mean", expr: "mean(x, axes = [0, 2])"},
	{name: "mean keepdims", expr: "x * mean(x, axes = [1], keepdims = True)"},
	{name: "max", expr: "max(x, axes = [0, 2])"},
	{name: "max of a product keepdims", expr: "x * max(x * tanh(x), axes = [1], keepdims = True)"},
	{name: "max channels", expr: "max(x * x, axes = [-1])"},
	{name: "max of all", expr: "x * max(x)"},
	{name: "sqrt", expr: "sqrt(1 + x * x)"},
	{name: "exp", expr: "exp(x)"},
	{name: "abs", expr: "abs(x)"},
	{name: "square", expr: "square(x)"},
	{name: "parameter", expr: "x + parameter([6, 1, 4])"},

	{name: "attention", expr: "attention(x, heads = 2)", input: arch.Shape{5, 6}},
	{name: "attention without bias", expr: "attention(x, heads = 3, key_dim = 2, units = 4, bias = False)", input: arch.Shape{5, 6}},
	{name: "cross attention", expr: "attention(x, slice(tanh(x), start = 1, axis = 0), slice(x * x, start = 1, axis = 0), heads = 2, key_dim = 3)", input: arch.Shape{5, 6}},
	{name: "attention with learned queries", expr: "attention(parameter([2, 4]), x, heads = 2)", input: arch.Shape{5, 6}},
	{name: "matmul", expr: "matmul(x, transpose(x))", input: arch.Shape{5, 6}},
	{name: "matmul transpose_b", expr: "matmul(x, tanh(x), transpose_b = True)", input: arch.Shape{5, 6}},
	{name: "matmul with leading axes", expr: "matmul(x, tanh(x), transpose_b = True)"},
	{name: "matmul with a parameter", expr: "matmul(x, parameter([4, 3]))"},
	{name: "attention with a mask", expr: "attention(x, heads = 2, mask = MASK)", input: sequence},
	{name: "cross attention with a mask", expr: "attention(parameter([2, 4]), x, heads = 2, mask = MASK)", input: sequence},

	{name: "embedding", expr: "embedding(x, 3)", input: text},
	{name: "embedding shared", expr: `embedding(x, 3, share = "a") * tanh(embedding(x, 3, share = "a"))`, input: text},
	{name: "token_mask", expr: "embedding(x, 1) * reshape(token_mask(x), [7, 1])", input: text},
	{name: "positional_embedding", expr: "positional_embedding(x)", input: sequence},
	{name: "positional_embedding sinusoidal", expr: `x * positional_embedding(x, kind = "sinusoidal")`, input: sequence},
	{name: "positional_embedding of a text", expr: "tanh(positional_embedding(embedding(x, 4)))", input: text},
	{name: "conv1d", expr: "conv1d(x, 3)", input: sequence},
	{name: "conv1d even kernel", expr: "conv1d(x, 3, kernel = 4, bias = False)", input: sequence},
	{name: "conv1d valid stride", expr: `conv1d(x, 3, stride = 2, padding = "valid")`, input: sequence},
	{name: "conv1d stride and dilation", expr: "conv1d(x, 3, stride = 2, dilation = 2)", input: sequence},
	{name: "conv1d causal", expr: `conv1d(x, 3, padding = "causal")`, input: sequence},
	{name: "conv1d causal stride and dilation", expr: `conv1d(x, 3, kernel = 2, stride = 3, dilation = 2, padding = "causal")`, input: sequence},
	{name: "conv1d groups", expr: "conv1d(x, 4, groups = 2)", input: sequence},
	{name: "conv1d depthwise", expr: `conv1d(x, 6, groups = 6, padding = "causal")`, input: sequence},
	{name: "conv1d of 1", expr: "conv1d(x, 3, kernel = 1, stride = 2)", input: sequence},
	{name: "max_pool1d", expr: "max_pool1d(x * tanh(x))", input: sequence},
	{name: "max_pool1d overlap", expr: `max_pool1d(x, window = 3, stride = 2, padding = "same")`, input: sequence},
	{name: "max_pool1d of [T]", expr: "x * reshape(upsample(reshape(max_pool1d(flatten(x), 6), [5, 1, 1]), factor = (1, 6)), [5, 6])", input: sequence},
	{name: "avg_pool1d", expr: "avg_pool1d(x)", input: sequence},
	{name: "avg_pool1d overlap", expr: `avg_pool1d(x, window = 3, stride = 1, padding = "same")`, input: sequence},
	{name: "global_avg_pool with a mask", expr: "global_avg_pool(x * x, MASK)", input: sequence},
	{name: "global_max_pool with a mask", expr: "global_max_pool(x * x, mask = MASK)", input: sequence},
	{name: "lstm", expr: "lstm(x, 3)", input: sequence},
	{name: "lstm without bias", expr: "lstm(x, 3, bias = False)", input: sequence},
	{name: "lstm backward", expr: `lstm(x, 3, direction = "backward")`, input: sequence},
	{name: "lstm both with a mask", expr: `lstm(x, 3, direction = "both", mask = MASK)`, input: sequence},
	{name: "lstm last", expr: "lstm(x, 3, sequences = False, mask = MASK)", input: sequence},
	{name: "lstm both last", expr: `lstm(x, 3, direction = "both", sequences = False)`, input: sequence},
	{name: "lstm of one step", expr: "lstm(x, 3)", input: arch.Shape{1, 4}},
	{name: "lstm shared", expr: `lstm(lstm(x, 6, share = "a"), 6, share = "a")`, input: sequence},
	{name: "lstm of a parameter", expr: "x * lstm(parameter([5, 3]), 6)", input: sequence},
	{name: "lstm of a text", expr: "lstm(embedding(x, 4), 3, mask = token_mask(x))", input: text},
	{name: "gru", expr: "gru(x, 3)", input: sequence},
	{name: "gru without bias", expr: "gru(x, 3, bias = False)", input: sequence},
	{name: "gru backward with a mask", expr: `gru(x, 3, direction = "backward", mask = MASK)`, input: sequence},
	{name: "gru both", expr: `gru(x, 3, direction = "both")`, input: sequence},
	{name: "gru both last with a mask", expr: `gru(x, 3, direction = "both", sequences = False, mask = MASK)`, input: sequence},
	{name: "gru over an lstm", expr: "gru(lstm(x, 4), 3)", input: sequence},

	{name: "matmul broadcasting", expr: "matmul(mean(x, axes = [0], keepdims = True), x, transpose_b = True)"},
}

var sequence, text = arch.Shape{5, 6}, arch.Tokens{Length: 7, Vocabulary: 4}

// maskOfSequence keeps about half of the positions of x [5 6].
const maskOfSequence = "reshape(slice(x, start = 2, stop = 3), [5])"

// TestGradients compares the gradient of every operation, by its input and by its
// weights, with central differences along random directions in float64.
func TestGradients(t *testing.T) {
	e := testEngine(t)
	seen := map[string]bool{"dropout": true, "drop_path": true} // see TestDrop
	for _, c := range gradientCases {
		if c.input == nil {
			c.input = arch.Shape{6, 5, 4}
		}
		expr := strings.ReplaceAll(c.expr, "MASK", maskOfSequence)
		program := parse(t, fmt.Sprintf("def network(x, classes):\n    return dense(flatten(%s), classes)\n", expr), c.input, 3)
		for _, n := range program.Network.Nodes {
			seen[n.Op] = true
		}
		t.Run(c.name, func(t *testing.T) { checkGradients(t, e, program.Network, true) })
		if strings.HasPrefix(c.name, "conv") {
			t.Run(c.name+" on a GPU", func(t *testing.T) { checkGradients(t, e, program.Network, false) })
		}
	}
	for _, op := range arch.Ops() {
		if !op.Surface && !seen[op.Name] {
			t.Errorf("operation %s has no case", op.Name)
		}
	}
}

// checkGradients has graphs as they are on a CPU, with computations of their own, or on a GPU.
func checkGradients(t *testing.T, e *Engine, net *arch.Network, cpu bool) {
	const batch, epsilon, tolerance = 3, 1e-6, 1e-6
	weights, err := newWeights(net, 1, dtypes.Float64)
	if err != nil {
		t.Fatal(err)
	}
	// All tensors enter as inputs: x, then the trainable weights.
	names, shapes := []string{"input"}, [][]int{append([]int{batch}, net.Input...)}
	first := 0 // of what there is a gradient by: token ids have none
	if net.Vocabulary > 0 {
		first = 1
	}
	var trainable []*model.Variable
	for _, w := range weights.list {
		if w.Trainable {
			names, shapes = append(names, w.name), append(shapes, w.Shape)
			trainable = append(trainable, w.variable)
		}
	}
	exec, err := model.NewExec(e.backend, weights.store, func(_ *model.Scope, in []*Node) []*Node {
		g := in[0].Graph()
		b := &graphBuilder{net: net, weights: weights, compute: dtypes.Float64, training: true, rate: Const(g, float32(0.1))}
		if cpu {
			b.apart = GreaterThan(ReduceAllSum(Abs(in[0])), Const(g, 0.0))
		}
		for k, v := range trainable {
			v.SetNodeValue(in[k+1])
		}
		x := in[0]
		if net.Vocabulary > 0 {
			x = ConvertDType(x, dtypes.Int32)
		}
		logits := b.forward(x)
		mix := Const(g, [][]float64{{0.3, -1, 0.7}, {1, 0.2, -0.4}, {-0.6, 0.9, 0.5}})
		loss := ReduceAllSum(Mul(logits, mix))
		return append([]*Node{loss}, Gradient(loss, in[first:]...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	rng := rand.New(rand.NewPCG(7, 7))
	at := make([][]float64, len(shapes))
	for k, shape := range shapes {
		at[k] = normals(rng, shape)
	}
	for k := range at[0] {
		if net.Vocabulary > 0 {
			at[0][k] = float64(rng.IntN(net.Vocabulary))
		}
	}
	call := func(values [][]float64) []*tensors.Tensor {
		args := make([]any, len(values))
		for k, v := range values {
			args[k] = tensors.FromFlatDataAndDimensions(slices.Clone(v), shapes[k]...)
		}
		outputs, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		return outputs
	}
	gradients := call(at)[1:]
	for k, name := range names {
		if k < first {
			continue
		}
		gradient := tensors.MustCopyFlatData[float64](gradients[k-first])
		for range 2 {
			direction := normals(rng, shapes[k])
			moved := func(by float64) float64 {
				values := slices.Clone(at)
				values[k] = slices.Clone(at[k])
				for j := range direction {
					values[k][j] += by * direction[j]
				}
				return tensors.ToScalar[float64](call(values)[0])
			}
			var got float64
			for j := range direction {
				got += gradient[j] * direction[j]
			}
			want := (moved(epsilon) - moved(-epsilon)) / (2 * epsilon)
			if math.IsNaN(got) || math.Abs(got-want) > tolerance*max(1, math.Abs(want)) {
				t.Errorf("gradient by %s along a direction is %.9g; differences give %.9g", name, got, want)
			}
		}
	}
}

func normals(rng *rand.Rand, shape []int) []float64 {
	values := make([]float64, arch.Shape(shape).Size())
	for k := range values {
		values[k] = rng.NormFloat64()
	}
	return values
}

// TestBuilders demands a builder for every operation, and nothing else.
func TestBuilders(t *testing.T) {
	want := map[string]bool{}
	for _, op := range arch.Ops() {
		if !op.Surface && op.Name != "input" {
			want[op.Name] = true
			if builders[op.Name] == nil {
				t.Errorf("operation %s has no builder", op.Name)
			}
		}
	}
	for name := range builders {
		if !want[name] {
			t.Errorf("builder %s builds no operation of arch", name)
		}
	}
	for name := range valuewise {
		if builders[name] == nil {
			t.Errorf("valuewise has %s, which is no operation", name)
		}
	}
	for _, name := range arch.Initializers {
		if _, ok := initializers[name]; !ok {
			t.Errorf("initializer %s is missing", name)
		}
	}
}
