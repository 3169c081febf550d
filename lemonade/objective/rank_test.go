package objective

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// rankedOn is an objective for these axes, with a history of one value for each of
// them; a negative one is unknown.
func rankedOn(t *testing.T, axes []trial.Metric, values ...[]float64) (Objective, trial.History) {
	t.Helper()
	o, err := New([]Want{{Metric: trial.Accuracy, Priority: High}, {Metric: trial.Latency}}, nil)
	if err == nil {
		o, err = o.On(axes...)
	}
	if err != nil {
		t.Fatal(err)
	}
	var h trial.History
	for i, row := range values {
		tr := trial.Trial{ID: i + 1, State: trial.Complete, Metrics: trial.Metrics{}}
		for k, m := range axes {
			if row[k] >= 0 {
				tr.Metrics[m] = trial.Measurement{Value: row[k]}
			}
		}
		h = append(h, tr)
	}
	if len(h) > 0 {
		o.Fix(h[0].Metrics)
	}
	return o, h
}

func TestRank(t *testing.T) {
	two := []trial.Metric{trial.Accuracy, trial.Latency}
	three := []trial.Metric{trial.Accuracy, trial.Latency, trial.InferenceEnergy}
	for _, c := range []struct {
		name   string
		axes   []trial.Metric
		values [][]float64
		want   [][2]int // id and rank
	}{
		{"nothing", two, nil, nil},
		{"one after the other", two, [][]float64{{0.5, 3}, {0.6, 2}, {0.7, 1}}, [][2]int{{3, 1}, {2, 2}, {1, 3}}},
		{"a front in the order of effectiveness", two, [][]float64{{0.5, 4}, {0.9, 5}, {0.4, 3}}, [][2]int{{2, 1}, {1, 1}, {3, 1}}},
		{"the same twice, the earlier first", two, [][]float64{{0.5, 4}, {0.5, 4}, {0.4, 4}}, [][2]int{{1, 1}, {2, 1}, {3, 2}}},
		{"unknown comes last", two, [][]float64{{0.5, 4}, {0.9, -1}, {0.4, 5}}, [][2]int{{1, 1}, {3, 2}, {2, 0}}},
		{"three axes", three, [][]float64{{0.5, 4, 4}, {0.5, 4, 3}, {0.4, 5, 2}, {0.4, 5, 5}}, [][2]int{{2, 1}, {3, 1}, {1, 2}, {4, 3}}},
	} {
		o, h := rankedOn(t, c.axes, c.values...)
		var got [][2]int
		for _, s := range o.Rank(h) {
			got = append(got, [2]int{s.ID, s.Rank})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// The first rank is the front, the second that of what is left, and so on.
func TestRankPeels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, axes := range [][]trial.Metric{{trial.Accuracy, trial.Latency}, {trial.Latency, trial.Params}, {trial.Accuracy, trial.Latency, trial.InferenceEnergy}} {
		for range 40 {
			var values [][]float64
			for range 1 + rng.IntN(40) {
				var row []float64
				for range axes {
					row = append(row, float64(rng.IntN(12))/12)
				}
				values = append(values, row)
			}
			o, h := rankedOn(t, axes, values...)
			ranks := map[int][]int{}
			got := map[int]int{}
			for _, s := range o.Rank(h) {
				got[s.ID] = s.Rank
			}
			for _, tr := range h {
				ranks[got[tr.ID]] = append(ranks[got[tr.ID]], tr.ID)
			}
			left := h
			for rank := 1; len(left) > 0; rank++ {
				front := o.Front(left)
				if diff := cmp.Diff(front, ranks[rank]); diff != "" {
					t.Fatalf("%v of %v, rank %d (-front +rank):\n%s", axes, values, rank, diff)
				}
				var rest trial.History
				for _, tr := range left {
					if got[tr.ID] != rank {
						rest = append(rest, tr)
					}
				}
				left = rest
			}
		}
	}
}

func TestAnchored(t *testing.T) {
	target := 2.0
	o, err := New([]Want{{Metric: trial.Accuracy}, {Metric: trial.Latency, Target: &target}, {Metric: trial.InferenceEnergy}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Fix(trial.Metrics{trial.Accuracy: {Value: 0.8}, trial.Latency: {Value: 5}, trial.InferenceEnergy: {Value: 3}})
	before := fmt.Sprint(o.Anchors)
	got := o.Anchored(trial.Metrics{trial.Accuracy: {Value: 0.3}, trial.Latency: {Value: 4}})
	want := map[trial.Metric]float64{trial.Accuracy: 0.3, trial.Latency: 2, trial.InferenceEnergy: 3}
	if diff := cmp.Diff(want, got.Anchors); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(o.Reference, got.Reference); diff != "" || fmt.Sprint(o.Anchors) != before {
		t.Errorf("the reference or the first objective has changed: %s, %v", diff, o.Anchors)
	}
}

func BenchmarkRank(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	o, err := New(nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	var h trial.History
	for i := range 10_000 {
		h = append(h, trial.Trial{ID: i + 1, State: trial.Complete, Metrics: trial.Metrics{
			trial.Accuracy: {Value: rng.Float64()}, trial.InferenceEnergy: {Value: rng.Float64(), Unit: "J"},
		}})
	}
	for b.Loop() {
		o.Rank(h)
	}
}
