package forecast

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestRankCorrelations(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name              string
		x, y              []float64
		spearman, kendall float64
	}{
		{"alike", []float64{1, 2, 3, 4}, []float64{10, 20, 30, 99}, 1, 1},
		{"reversed", []float64{1, 2, 3}, []float64{3, 2, 1}, -1, -1},
		{"one pair", []float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 0.8, 2.0 / 3},
		{"ties", []float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 4.5 / math.Sqrt(4.5*5), 5 / math.Sqrt(5*6)},
		{"one side the same", []float64{1, 1, 1}, []float64{1, 2, 3}, nan, nan},
		{"none", nil, nil, nan, nan},
	} {
		equal := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b) }
		if s, k := Spearman(tt.x, tt.y), Kendall(tt.x, tt.y); !equal(s, tt.spearman) || !equal(k, tt.kendall) {
			t.Errorf("%s: Spearman %g, Kendall %g, want %g and %g", tt.name, s, k, tt.spearman, tt.kendall)
		}
	}
}

// TestAssess: only what came before a trial is used, and a tracker that follows a
// study says what one that reads it at once does.
func TestAssess(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	h := history(all[:20])
	h[9].State, h[9].Metrics = trial.Failed, nil
	var tracker Tracker
	for n := range len(h) + 1 {
		if d := cmp.Diff(Assess(h[:n], o), tracker.Assess(h[:n], o)); d != "" {
			t.Fatalf("after %d trials: %s", n, d)
		}
	}
	got := tracker.Assess(h, o)
	for i, trust := range got {
		if trust.Metric != o.Axes[i] || trust.Trials != 20-1-Enough || *trust.Kendall < 0.6 || *trust.Spearman < *trust.Kendall {
			t.Errorf("%+v, Spearman %.2f, Kendall %.2f", trust, *trust.Spearman, *trust.Kendall)
		}
	}
	if !Trusted(got) {
		t.Error("is not trusted")
	}
	blind := history(all[:20])
	for i := range blind {
		blind[i].Metrics[trial.Accuracy] = trial.Measurement{Value: float64(i*7%20) / 20}
	}
	if trust := Assess(blind, o); Trusted(trust) {
		t.Errorf("accuracies of no sense are trusted: Kendall %.2f", *trust[0].Kendall)
	}
	if early := Assess(h[:LeastTrials], o); Trusted(early) || Trusted(nil) {
		t.Errorf("%d forecasts are trusted", early[0].Trials)
	}
}

// TestTrackedForecast: a tracker that follows a study forecasts what one that looks at
// it at once does, also where an earlier trial is trained on and where the objective
// changes; and it makes each forecast once.
func TestTrackedForecast(t *testing.T) {
	all := world(t)
	h := history(all[:16])
	later := h[3].Metrics
	h[3].State, h[3].Metrics = trial.Pruned, nil
	var tracker Tracker
	check := func(h trial.History, o objective.Objective) {
		t.Helper()
		got, want := tracker.Forecast(h, o), New(h, o)
		if (got == nil) != (want == nil) {
			t.Fatalf("%d trials: %v, want %v", len(h), got, want)
		}
		if got == nil {
			return
		}
		s := Describe(all[40], "")
		if d := cmp.Diff(want.Estimates(s), got.Estimates(s)); d != "" || got.Improvement(s) != want.Improvement(s) {
			t.Errorf("%d trials: improvement %v, want %v\n%s", len(h), got.Improvement(s), want.Improvement(s), d)
		}
		if tracker.Forecast(h, o) != got {
			t.Errorf("%d trials: the forecast is made twice", len(h))
		}
	}
	o := over(t, trial.Accuracy, trial.Latency)
	for n := range len(h) + 1 {
		if n == 12 {
			h[3].State, h[3].Metrics = trial.Complete, later
		}
		check(h[:n], o)
	}
	check(h[:10], o)
	other := over(t, trial.Latency, trial.Accuracy)
	check(h, other)
	other.Reference = map[trial.Metric]float64{trial.Accuracy: 0.9, trial.Latency: 0.2}
	check(h, other)
}

func TestHopeless(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	h := history(all[:30])
	f, trust := New(h, o), Assess(h, o)
	onFront := map[string]bool{}
	everything := history(all)
	for _, id := range o.Front(everything) {
		onFront[everything[id-1].Hash] = true
	}
	dropped := 0
	for _, p := range all[30:] {
		s := Describe(p, "")
		why := f.Hopeless(s, 31, trust)
		if why == "" {
			continue
		}
		dropped++
		if onFront[s.Hash] {
			t.Errorf("a network of the front is dropped: %s", why)
		}
		if !strings.HasPrefix(why, "by the forecast it is dominated with a probability of ") || !strings.Contains(why, "accuracy ") {
			t.Errorf("reason %q", why)
		}
		for name, kept := range map[string]string{
			"in an exempt trial":     f.Hopeless(s, 2*Exempt, trust),
			"without trust":          f.Hopeless(s, 31, nil),
			"with too few forecasts": f.Hopeless(s, 31, Assess(h[:LeastTrials], o)),
			"without a forecast":     New(h[:2], o).Hopeless(s, 31, trust),
		} {
			if kept != "" {
				t.Errorf("dropped %s: %s", name, kept)
			}
		}
	}
	if dropped == 0 {
		t.Error("nothing is dropped")
	}
	t.Logf("%d of %d are dropped, %d are not on the front", dropped, len(all)-30, len(all)-30-len(onFront))
}
