package engine

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// TestOptimizers takes steps on the loss Σ w², whose gradient is 2w, and compares
// with the update rules on the host.
func TestOptimizers(t *testing.T) {
	const rate, decay, momentum = 0.1, 0.01, 0.9
	net := parse(t, "def network(x, classes):\n    return dense(x, classes)\n", arch.Shape{3}, 2).Network
	for _, name := range []string{"sgd", "adamw"} {
		t.Run(name, func(t *testing.T) {
			w, err := newWeights(net, 1, dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			opt, err := newOptimizer(arch.Recipe{Optimizer: name, Momentum: momentum, WeightDecay: decay}, w)
			if err != nil {
				t.Fatal(err)
			}
			exec, err := model.NewExec(testEngine(t).backend, w.store, func(_ *model.Scope, vector *Node) *Node {
				var loss *Node
				for _, weight := range w.list {
					term := ReduceAllSum(Square(AddScalar(weight.variable.NodeValue(vector), 0.5)))
					if loss == nil {
						loss = term
					} else {
						loss = Add(loss, term)
					}
				}
				opt.apply(w, loss, vector)
				return loss
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]float64{}
			state := map[string][][2]float64{}
			for _, weight := range w.list {
				for _, v := range read(t, weight) {
					want[weight.name] = append(want[weight.name], float64(v))
					state[weight.name] = append(state[weight.name], [2]float64{})
				}
			}
			for step := 1; step <= 4; step++ {
				if _, err := exec.Call(numbers{learningRate: rate, step: step}.tensor()); err != nil {
					t.Fatal(err)
				}
				for _, weight := range w.list {
					d := 0.0
					if weight.Decay {
						d = decay
					}
					for k, v := range want[weight.name] {
						s := &state[weight.name][k]
						g := 2 * (v + 0.5)
						if name == "sgd" {
							g += d * v
							s[0] = momentum*s[0] + g
							v -= rate * (g + momentum*s[0])
						} else {
							s[0] = 0.9*s[0] + 0.1*g
							s[1] = 0.999*s[1] + 0.001*g*g
							m, u := s[0]/(1-math.Pow(0.9, float64(step))), s[1]/(1-math.Pow(0.999, float64(step)))
							v -= rate * (m/(math.Sqrt(u)+1e-8) + d*v)
						}
						want[weight.name][k] = v
					}
				}
			}
			for _, weight := range w.list {
				for k, v := range read(t, weight) {
					if math.Abs(float64(v)-want[weight.name][k]) > 1e-4 {
						t.Errorf("%s[%d] is %v; want %v", weight.name, k, v, want[weight.name][k])
					}
				}
			}
		})
	}
}

func read(t *testing.T, w weight) []float32 {
	t.Helper()
	values, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestLearningRate checks where each schedule begins, peaks and ends.
func TestLearningRate(t *testing.T) {
	const steps = 100
	for _, c := range []struct {
		schedule          string
		warmup            float64
		first, peak, last float64
		peakAt            int
	}{
		{"one_cycle", 0.3, 0.04, 1, 4e-6, 30},
		{"one_cycle", 0, 1, 1, 4e-6, 0},
		{"cosine", 0.2, 1.0 / 21, 1, 0, 20},
		{"constant", 0.2, 1.0 / 21, 1, 1, 20},
		{"constant", 0, 1, 1, 1, 0},
	} {
		r := arch.Recipe{Schedule: c.schedule, Warmup: c.warmup, LearningRate: 2}
		rate := func(step int) float64 {
			v, err := learningRate(r, step, steps)
			if err != nil {
				t.Fatal(err)
			}
			return v / 2
		}
		got := [3]float64{rate(0), rate(c.peakAt), rate(steps - 1)}
		for k, want := range [3]float64{c.first, c.peak, c.last} {
			if math.Abs(got[k]-want) > 1e-9 {
				t.Errorf("%s with warm-up %v gives %v at its beginning, peak and end; want %v, %v, %v", c.schedule, c.warmup, got, c.first, c.peak, c.last)
				break
			}
		}
		for step := 1; step < steps; step++ {
			if up := rate(step) >= rate(step-1); rate(step) != rate(step-1) && up != (step <= c.peakAt) {
				t.Errorf("%s goes the wrong way at step %d", c.schedule, step)
			}
		}
	}
	if v, err := learningRate(arch.DefaultRecipe, 0, 1); err != nil || v <= 0 {
		t.Errorf("a training of one step has the rate %v, %v", v, err)
	}
}

// TestInitializers compares the spread of each initializer with its formula, and
// demands that a weight's values depend on its own name only.
func TestInitializers(t *testing.T) {
	const in, out = 50, 20
	want := map[string]float64{
		"he_normal": math.Sqrt(2.0 / in), "he_uniform": math.Sqrt(2.0 / in),
		"glorot_normal": math.Sqrt(2.0 / (in + out)), "glorot_uniform": math.Sqrt(2.0 / (in + out)),
		"lecun_normal": math.Sqrt(1.0 / in), "normal": 0.02, "zeros": 0, "ones": 0,
	}
	for _, name := range arch.Initializers {
		w := arch.Weight{Name: "kernel", Shape: arch.Shape{400, 50}, Init: name, FanIn: in, FanOut: out}
		values, err := initial(w, source(1, "0.kernel"))
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares float64
		for _, v := range values {
			sum += v
			squares += v * v
		}
		n := float64(len(values))
		mean := sum / n
		deviation := math.Sqrt(max(squares/n-mean*mean, 0))
		if target, ok := want[name]; !ok || math.Abs(deviation-target) > 0.03*target {
			t.Errorf("%s has deviation %v; want %v", name, deviation, target)
		}
		if offset := map[string]float64{"ones": 1}[name]; math.Abs(mean-offset) > 0.01 {
			t.Errorf("%s has mean %v; want %v", name, mean, offset)
		}
	}
	if _, err := initial(arch.Weight{Init: "nonsense"}, source(1, "a")); err == nil {
		t.Error("an unknown initializer was accepted")
	}
}

// TestVersion compares the constant with the module's requirement.
func TestVersion(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/gomlx/" + strings.Replace(Version, " ", " ", 1); !strings.Contains(string(data), want) {
		t.Errorf("go.mod does not require %q", want)
	}
}

// FuzzSplitSafetensors demands an error, never a panic, from any bytes.
func FuzzSplitSafetensors(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add([]byte("\x3f\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}          \x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		header, body, err := splitSafetensors(data)
		if err == nil && (header == nil || len(body) > len(data)) {
			t.Errorf("%d tensors in %d of %d bytes", len(header), len(body), len(data))
		}
	})
}
