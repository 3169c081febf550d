package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// answer runs a network in inference, in float64, on a batch of samples.
func answer(t *testing.T, weights *weightSet, net *arch.Network, x any) []float64 {
	t.Helper()
	return runGraph(t, weights.store, func(g *Graph) *Node {
		b := &graphBuilder{net: net, weights: weights, compute: dtypes.Float64}
		return b.forward(Const(g, x))
	})
}

// TestRecurrent compares the states of every kind of recurrent layer with those
// that the cells' formulas give step by step.
func TestRecurrent(t *testing.T) {
	const batch, steps, channels, units = 3, 5, 2, 3
	rng := rand.New(rand.NewPCG(3, 4))
	for _, op := range []string{"lstm", "gru"} {
		for _, direction := range []string{"forward", "backward", "both"} {
			for _, arguments := range []string{"", ", sequences = False", ", bias = False", ", mask = mask"} {
				t.Run(op+" "+direction+arguments, func(t *testing.T) {
					// The mask is a channel of its own.
					source := fmt.Sprintf("def network(x, classes):\n    mask = reshape(slice(x, start = %d), [%d])\n    x = slice(x, start = 0, stop = %d)\n    return flatten(%s(x, %d, direction = %q%s))\n",
						channels, steps, channels, op, units, direction, arguments)
					ways := len(waysOf(direction))
					classes := steps * ways * units
					if arguments == ", sequences = False" {
						classes = ways * units
					}
					net := parse(t, source, arch.Shape{steps, channels + 1}, classes).Network
					weights, err := newWeights(net, 1, dtypes.Float64)
					if err != nil {
						t.Fatal(err)
					}
					node := slices.IndexFunc(net.Nodes, func(n arch.Node) bool { return n.Op == op })
					at := map[string][]float64{}
					for k := range weights.list {
						w := &weights.list[k]
						at[w.Name] = normals(rng, w.Shape)
						if err := w.variable.SetValue(hostTensor(dtypes.Float64, at[w.Name], w.Shape)); err != nil {
							t.Fatal(err)
						}
					}
					x := make([][][]float64, batch)
					for s := range x {
						x[s] = make([][]float64, steps)
						for k := range x[s] {
							x[s][k] = normals(rng, []int{channels + 1})
						}
					}
					got := answer(t, weights, net, x)
					var want []float64
					for s := range x {
						want = append(want, reference(net.Nodes[node], at, x[s], arguments == ", mask = mask", arguments == ", sequences = False")...)
					}
					if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
						t.Errorf("(-formulas +engine):\n%s", d)
					}
				})
			}
		}
	}
}

// reference is a recurrent layer of one sample [T C+1], whose last channel is the mask.
func reference(n arch.Node, at map[string][]float64, x [][]float64, masked, last bool) []float64 {
	units := n.Attrs.Int("units")
	ways := waysOf(n.Attrs.Text("direction"))
	states := make([][]float64, len(x))
	var ends []float64
	for _, way := range ways {
		order := make([]int, len(x))
		for k := range order {
			order[k] = k
			if way != "" || n.Attrs.Text("direction") == "backward" {
				order[k] = len(x) - 1 - k
			}
		}
		weight := func(name string, k int) float64 {
			if values := at[way+name]; values != nil {
				return values[k]
			}
			return 0 // without bias
		}
		h, c := make([]float64, units), make([]float64, units)
		for _, k := range order {
			if !masked || x[k][len(x[k])-1] > 0 {
				h, c = step(n.Op, units, weight, x[k][:len(x[k])-1], h, c)
			}
			states[k] = append(states[k], h...)
		}
		ends = append(ends, h...)
	}
	if last {
		return ends
	}
	return slices.Concat(states...)
}

// step is one step of a cell.
func step(op string, units int, weight func(string, int) float64, x, h, c []float64) (nextH, nextC []float64) {
	gates := map[string]int{"lstm": 4, "gru": 3}[op]
	sum := func(name string, v []float64, gate, u int) (s float64) {
		for k := range v {
			s += v[k] * weight(name, k*gates*units+gate*units+u)
		}
		return s
	}
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	nextC = c
	if op == "lstm" {
		nextC = nil
	}
	for u := range units {
		gate := func(k int) float64 { return sum("kernel", x, k, u) + sum("recurrent", h, k, u) }
		if op == "lstm" {
			i, f := sigmoid(gate(0)+weight("bias", u)), sigmoid(gate(1)+weight("forget_bias", u))
			g, o := math.Tanh(gate(2)+weight("bias", units+u)), sigmoid(gate(3)+weight("bias", 2*units+u))
			memory := f*c[u] + i*g
			nextC, nextH = append(nextC, memory), append(nextH, o*math.Tanh(memory))
			continue
		}
		r, z := sigmoid(gate(0)+weight("bias", u)), sigmoid(gate(1)+weight("bias", units+u))
		candidate := math.Tanh(sum("kernel", x, 2, u) + weight("bias", 2*units+u) + r*(sum("recurrent", h, 2, u)+weight("recurrent_bias", u)))
		nextH = append(nextH, (1-z)*candidate+z*h[u])
	}
	return nextH, nextC
}

// TestPaddingChangesNothing compares the answers to texts with those to the same
// texts with more padding behind them.
func TestPaddingChangesNothing(t *testing.T) {
	texts := [][]int32{{3, 5, 2, 7}, {4, 4, 0, 0}, {9, 0, 0, 0}}
	padded := make([][]int32, len(texts))
	for k := range texts {
		padded[k] = append(slices.Clone(texts[k]), make([]int32, 5)...)
	}
	for _, body := range []string{
		"global_avg_pool(tanh(embedding(x, 4) + 1), mask)",
		"global_max_pool(tanh(embedding(x, 4)) - 2, mask)",
		"lstm(embedding(x, 4), 3, sequences = False, mask = mask)",
		`gru(embedding(x, 4), 3, direction = "both", sequences = False, mask = mask)`,
		`global_max_pool(lstm(embedding(x, 4), 3, direction = "both", mask = mask), mask)`,
		"global_avg_pool(attention(embedding(x, 4), heads = 2, mask = mask), mask)",
		"global_avg_pool(conv1d(embedding(x, 4), 3), mask)",
		`global_avg_pool(conv1d(embedding(x, 4), 3, padding = "causal"), mask)`,
		"global_max_pool(max_pool1d(embedding(x, 4), 2), max_pool1d(mask, 2))",
		"global_avg_pool(positional_embedding(embedding(x, 4), kind = \"sinusoidal\"), mask)",
	} {
		t.Run(body, func(t *testing.T) {
			source := fmt.Sprintf("def network(x, classes):\n    mask = token_mask(x)\n    return dense(%s, classes)\n", body)
			run := func(tokens [][]int32) []float64 {
				net := parse(t, source, arch.Tokens{Length: len(tokens[0]), Vocabulary: 10}, 2).Network
				weights, err := newWeights(net, 1, dtypes.Float64)
				if err != nil {
					t.Fatal(err)
				}
				return answer(t, weights, net, tokens)
			}
			if d := cmp.Diff(run(texts), run(padded), cmpopts.EquateApprox(0, 1e-12)); d != "" {
				t.Errorf("(-short +padded):\n%s", d)
			}
		})
	}
}

// TestTokenDropout checks which tokens become unknown, and how many.
func TestTokenDropout(t *testing.T) {
	const batch, length, rate = 200, 50, 0.3
	s := &samples{shape: []int{length}, vocabulary: 9, labels: []int32{0}}
	for k := range length {
		s.values = appendTokens(s.values, []int32{int32(k % 9)})
	}
	weights, err := newWeights(parse(t, "def network(x, classes):\n    return dense(flatten(embedding(x, 1)), classes)\n", s.reads(), 2).Network, 1, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	data, err := testEngine(t).upload(weights.store, s, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := runGraph(t, weights.store, func(g *Graph) *Node {
		b := &graphBuilder{g: g, batch: batch, random: RNGStateFromSeedForGraph(g, 3)}
		return data.forgetful(b, Const(g, make([]int32, batch)), rate)
	})
	lost, words := 0.0, 0.0
	for k, id := range got {
		was := float64(k % length % 9)
		if was > 1 {
			words++
		}
		switch {
		case id == was:
		case id == unknown && was != 0:
			lost++
		default:
			t.Fatalf("token %v became %v", was, id)
		}
	}
	if share := lost / words; math.Abs(share-rate) > 5*math.Sqrt(rate*(1-rate)/words) {
		t.Errorf("%.4f of the words became unknown; want %v", share, rate)
	}
}

// order makes texts of 4 to 24 words in which tokens 2 and 3 stand once each: the
// class is which of them comes first. The words' counts say nothing about it.
func order(train, validation int) *samples {
	const length, vocabulary = 24, 40
	rng := rand.New(rand.NewPCG(1, 2))
	s := &samples{shape: []int{length}, vocabulary: vocabulary, fit: train}
	for range train + validation {
		words := make([]int32, length)
		n := 4 + rng.IntN(length-3)
		for k := range n {
			words[k] = int32(4 + rng.IntN(vocabulary-4))
		}
		places := rng.Perm(n)[:2]
		words[places[0]], words[places[1]] = 2, 3
		label := int32(0)
		if places[1] < places[0] {
			label = 1
		}
		s.values = appendTokens(s.values, words)
		s.labels = append(s.labels, label)
	}
	return s
}

// learners tell the classes of [order] apart; what only counts words cannot.
var learners = []struct {
	name, body  string
	least, most float64 // accuracy
	precisions  []string
}{
	{"lstm", "lstm(x, 24, sequences = False, mask = mask)", 0.97, 1, []string{Float32, BFloat16}},
	{"gru both ways", `gru(x, 16, direction = "both", sequences = False, mask = mask)`, 0.97, 1, []string{Float32}},
	{"attention", "global_max_pool(attention(positional_embedding(x), heads = 2, mask = mask), mask)", 0.9, 1, []string{Float32, BFloat16}},
	{"conv1d", "global_max_pool(relu(conv1d(relu(conv1d(x, 32, kernel = 5)), 32, kernel = 5, dilation = 5)), mask)", 0.9, 1, []string{Float32}},
	{"counting", "global_avg_pool(x, mask)", 0, 0.6, []string{Float32}},
}

// TestLearnsOrder trains small networks on a task that needs the order of words.
func TestLearnsOrder(t *testing.T) {
	for _, c := range learners {
		t.Run(c.name, func(t *testing.T) {
			for _, precision := range c.precisions {
				m, took := learn(t, c.body, precision)
				t.Logf("%s: accuracy %.3f in %.1f s", precision, m.Accuracy, took.Seconds())
				if m.Accuracy < c.least || m.Accuracy > c.most {
					t.Errorf("%s: accuracy %.3f; want %v to %v", precision, m.Accuracy, c.least, c.most)
				}
				table := values(t, m)["1.table"]
				if padding := table[:16]; slices.ContainsFunc(padding, func(v float32) bool { return v != 0 }) {
					t.Errorf("%s: padding's vector is %v after training", precision, padding)
				}
			}
		})
	}
}

// TestTextModel predicts with a network for texts, and brings its weights back.
func TestTextModel(t *testing.T) {
	m, _ := learn(t, learners[0].body, "")
	q := m.Quality()
	if q == nil || len(m.answers) != 500 {
		t.Fatalf("quality %+v of %d answers", q, len(m.answers))
	}
	right := 0
	for _, a := range m.answers {
		if a.True == a.Predicted {
			right++
		}
	}
	if got := float64(right) / 500; math.Abs(got-m.Accuracy) > 1e-9 {
		t.Errorf("the answers are right on %v, the model on %v", got, m.Accuracy)
	}
	run, err := m.Predictor(3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := testEngine(t).newModel(m.net, order(4000, 500), "", 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.weights.read(path); err != nil {
		t.Fatal(err)
	}
	if err := again.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m.answers, again.answers); d != "" {
		t.Errorf("the model that was brought back answers otherwise (-before +after):\n%s", d)
	}
	if _, err := testEngine(t).newModel(m.net, &samples{shape: []int{24}, vocabulary: 41, labels: []int32{0}}, "", 1, 0); err == nil || !strings.Contains(err.Error(), "[24] of 40 ids") {
		t.Errorf("another vocabulary: %v", err)
	}
}

func learn(t *testing.T, body, precision string) (*Model, time.Duration) {
	t.Helper()
	began := time.Now()
	m, err := testEngine(t).train(t.Context(), textJob(t, body, precision), func() (*samples, error) { return order(4000, 500), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, time.Since(began)
}

// textJob trains a network of that body on the samples of order.
func textJob(t *testing.T, body, precision string) Job {
	t.Helper()
	source := fmt.Sprintf("def network(x, classes):\n    mask = token_mask(x)\n    x = embedding(x, 16)\n    return dense(%s, classes)\n\ndef recipe():\n    return training(learning_rate = 0.01)\n", body)
	program := parse(t, source, order(1, 1).reads(), 2)
	return Job{Network: program.Network, Recipe: program.Recipe, Epochs: 6, Seed: 1, Precision: precision}
}
