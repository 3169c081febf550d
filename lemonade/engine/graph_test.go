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
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// runGraph runs a graph of no inputs and returns its output in float64.
func runGraph(t *testing.T, store *model.Store, build func(g *Graph) *Node) []float64 {
	t.Helper()
	exec, err := model.NewExec(testEngine(t).backend, store, func(_ *model.Scope, g *Graph) *Node {
		return ConvertDType(build(g), dtypes.Float64)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	outputs, err := exec.Call()
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float64](outputs[0])
}

// TestDrop checks the share that is dropped, what is dropped together, that the
// mean stays, and that inference changes nothing.
func TestDrop(t *testing.T) {
	const batch, rows, cols, rate = 400, 10, 10, 0.3
	for _, c := range []struct {
		op     string
		groups int // values that are kept or dropped together
	}{{"dropout", 1}, {"drop_path", rows * cols}} {
		t.Run(c.op, func(t *testing.T) {
			program := parse(t, fmt.Sprintf("def network(x, classes):\n    return flatten(%s(x, rate = %v))\n", c.op, rate), arch.Shape{rows, cols, 1}, rows*cols)
			run := func(training bool) []float64 {
				weights, err := newWeights(program.Network, 1, dtypes.Float32)
				if err != nil {
					t.Fatal(err)
				}
				return runGraph(t, weights.store, func(g *Graph) *Node {
					b := &graphBuilder{net: program.Network, weights: weights, compute: dtypes.Float32, training: training}
					b.random = RNGStateFromSeedForGraph(g, 5)
					return b.forward(Const(g, tensors.FromScalarAndDimensions(float32(1), batch, rows, cols, 1)))
				})
			}
			for _, v := range run(false) {
				if v != 1 {
					t.Fatalf("inference turned 1 into %v", v)
				}
			}
			values := run(true)
			kept := 0
			for k := 0; k < len(values); k += c.groups {
				group := values[k : k+c.groups]
				if slices.Min(group) != slices.Max(group) {
					t.Fatalf("a sample has %v and %v", slices.Min(group), slices.Max(group))
				}
				switch v := group[0]; {
				case v == 0:
				case math.Abs(v-1/(1-rate)) < 1e-5:
					kept++
				default:
					t.Fatalf("value %v", v)
				}
			}
			draws := float64(len(values) / c.groups)
			deviation := math.Sqrt(rate * (1 - rate) / draws)
			if share := float64(kept) / draws; math.Abs(share-(1-rate)) > 5*deviation {
				t.Errorf("kept %.4f; want %.2f within %.4f", share, 1-rate, 5*deviation)
			}
		})
	}
}

// TestEvaluationPads compares counts over a number of samples that fills no
// whole batch with those of batches of one.
func TestEvaluationPads(t *testing.T) {
	m := train(t, smallJob(t, 1))
	const count = 301 // the batch is 256
	got, err := m.evaluate(t.Context(), count, func(k int) int32 { return int32(k) })
	if err != nil {
		t.Fatal(err)
	}
	var want evaluated
	for k := range count {
		one, err := m.evaluate(t.Context(), 1, func(int) int32 { return int32(k) })
		if err != nil {
			t.Fatal(err)
		}
		want.loss += one.loss / count
		want.accuracy += one.accuracy
		one.answers[0].Index = k
		want.answers = append(want.answers, one.answers...)
	}
	want.accuracy /= count
	if d := cmp.Diff(want, got, cmp.AllowUnexported(evaluated{}), cmpopts.EquateApprox(0, 1e-5)); d != "" {
		t.Errorf("(-one by one +together):\n%s", d)
	}
}

// TestForms compares the forms that an operation has in training and in inference.
func TestForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	image := tensors.FromFlatDataAndDimensions(normals(rng, []int{2 * 7 * 5 * 3}), 2, 7, 5, 3)
	for _, c := range []struct {
		expr    string
		outputs int
	}{
		{"max_pool(relu(conv(x, 3)))", 18},
		{"max_pool(x)", 18},
		{`max_pool(conv(x, 3), padding = "same")`, 36},
		{"conv(x, 3, kernel = 1, stride = 2)", 36},
		{`conv(x, 3, kernel = 1, stride = (2, 3), padding = "valid")`, 24},
	} {
		net := parse(t, fmt.Sprintf("def network(x, classes):\n    return flatten(%s)\n", c.expr), arch.Shape{7, 5, 3}, c.outputs).Network
		weights, err := newWeights(net, 1, dtypes.Float64)
		if err != nil {
			t.Fatal(err)
		}
		forward := func(training bool) []float64 {
			return runGraph(t, weights.store, func(g *Graph) *Node {
				b := &graphBuilder{net: net, weights: weights, compute: dtypes.Float64, training: training}
				return b.forward(Const(g, image))
			})
		}
		if d := cmp.Diff(forward(true), forward(false), cmpopts.EquateApprox(0, 1e-12)); d != "" {
			t.Errorf("%s (-training +inference):\n%s", c.expr, d)
		}
	}
}

// TestJoins checks what the form of a max pool hangs on in inference.
func TestJoins(t *testing.T) {
	for expr, want := range map[string]bool{
		"relu(batch_norm(conv(x, 3)))": false,
		"relu(x + conv(x, 3))":         true,
		"x":                            false,
	} {
		net := parse(t, fmt.Sprintf("def network(x, classes):\n    return dense(flatten(max_pool(%s)), classes)\n", expr), arch.Shape{6, 6, 3}, 2).Network
		i := slices.IndexFunc(net.Nodes, func(n arch.Node) bool { return n.Op == "max_pool" })
		if got := (&graphBuilder{net: net}).joins(i); got != want {
			t.Errorf("%s: joins is %v; want %v", expr, got, want)
		}
	}
}

// TestConvolved checks what the form of a global mean hangs on.
func TestConvolved(t *testing.T) {
	for expr, want := range map[string]bool{
		"relu(batch_norm(conv(x, 3)))":                       true,
		"relu(x + conv(conv(x, 3), 3))":                      false, // x is the input
		"relu(conv(x, 3) + batch_norm(conv(x, 3)))":          true,
		"conv(x, 3) * sigmoid(dense(global_avg_pool(x), 3))": true, // a gate
		"conv(x, 3, kernel = 1)":                             false,
		"conv(x, 3, kernel = 1, stride = 2)":                 true,
		"depthwise_conv(x)":                                  false,
		"max_pool(conv(x, 3))":                               false,
		"dense(conv(x, 3), 3)":                               false,
	} {
		net := parse(t, fmt.Sprintf("def network(x, classes):\n    return dense(global_avg_pool(%s), classes)\n", expr), arch.Shape{6, 6, 3}, 2).Network
		pool := net.Nodes[net.Output()].Inputs[0]
		if got := (&graphBuilder{net: net}).convolved(pool); got != want {
			t.Errorf("%s: convolved is %v; want %v", expr, got, want)
		}
	}
}

// TestCrossEntropy checks the loss against its formula.
func TestCrossEntropy(t *testing.T) {
	logits := [][]float32{{1, 2, 3}, {0, 0, 5}}
	labels := []int32{2, 0}
	for _, smoothing := range []float64{0, 0.3} {
		got := runGraph(t, model.NewStore(), func(g *Graph) *Node {
			return crossEntropy(Const(g, logits), Const(g, labels), smoothing)
		})
		for k, row := range logits {
			total := 0.0
			for _, v := range row {
				total += math.Exp(float64(v))
			}
			want := 0.0
			for c, v := range row {
				target := smoothing / 3
				if int32(c) == labels[k] {
					target += 1 - smoothing
				}
				want -= target * (float64(v) - math.Log(total))
			}
			if math.Abs(got[k]-want) > 1e-5 {
				t.Errorf("smoothing %v: loss %v; want %v", smoothing, got[k], want)
			}
		}
	}
}

// TestBorder checks what becomes of panics and errors of GoMLX.
func TestBorder(t *testing.T) {
	err := guardCompile("build", func() error { panic(fmt.Errorf("node 3 (conv): bad\nstack")) })
	if want := "the network does not compile: build: node 3 (conv): bad"; err == nil || err.Error() != want {
		t.Errorf("error is %v; want %s", err, want)
	}
	err = guardCompile("build", func() error {
		return fmt.Errorf("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
	})
	if d := cmp.Diff(ErrOutOfMemory, err, cmpopts.EquateErrors()); d != "" {
		t.Error(d)
	}
	e := testEngine(t)
	if e.Device() == "" {
		t.Error("the device has no description")
	}
	net := parse(t, "def network(x, classes):\n    return dense(flatten(x), classes)\n", arch.Shape{2, 2, 1}, 2).Network
	net.Nodes[1].Shape = arch.Shape{7} // flatten to a wrong size panics in GoMLX
	_, _, _, err = e.Stepper(Job{Network: net, Recipe: arch.DefaultRecipe})
	if d := cmp.Diff(ErrCompile, err, cmpopts.EquateErrors()); d != "" {
		t.Errorf("error is %v\n%s", err, d)
	}
	want := "the network does not compile: build the training step: node 1 (flatten): "
	if err != nil && !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error is %v; want it to begin with %q", err, want)
	}
}
