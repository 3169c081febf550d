package trial

import (
	"math"
	"strings"
	"testing"
)

func TestExtras(t *testing.T) {
	run := func(p Purpose, of, epochs int, seed int64, state State, accuracy, test float64) Extra {
		x := Extra{Purpose: p, Of: of, Epochs: epochs, Seed: seed, Trial: Trial{State: state, Metrics: Metrics{Accuracy: {Value: accuracy}}}}
		if p == Final {
			x.Metrics[TestAccuracy] = Measurement{Value: test, Spread: new(float64)}
		}
		return x
	}
	all := Extras{
		run(Final, 3, 12, 1, Complete, 0.5, 0.4), // shorter, and so not told of
		run(Final, 3, 40, 1, Complete, 0.80, 0.70),
		run(Final, 3, 40, 2, Complete, 0.84, 0.74),
		run(Final, 3, 40, 3, Failed, 0.1, 0.1),
		run(Ranking, 3, 40, 1, Complete, 0.80, 0), // the same training for another purpose
		run(Ranking, 4, 40, 1, Complete, 0.6, 0),
		run(Final, 5, 40, 1, Complete, 0.9, 0.85),
		{Purpose: Baseline, Name: "resnet20", Epochs: 40, Seed: 1, Trial: Trial{State: Complete, Metrics: Metrics{Accuracy: {Value: 0.3}}}},
	}
	for _, c := range []struct {
		name          string
		got           func() (Measurement, bool)
		value, spread float64 // the latter -1 for none
		note          string
	}{
		{"two seeds", func() (Measurement, bool) { return all.Tested(3) }, 0.72, 0.02 * math.Sqrt2, "2 seeds"},
		{"one seed", func() (Measurement, bool) { return all.Tested(5) }, 0.85, 0, "one seed, 40 epochs"},
		{"validation", func() (Measurement, bool) { return all.Over(Accuracy, 3, 40) }, 0.82, 0.02 * math.Sqrt2, "2 seeds"},
		{"a ranking alone", func() (Measurement, bool) { return all.Over(Accuracy, 4, 40) }, 0.6, -1, "one seed"},
		{"another budget", func() (Measurement, bool) { return all.Over(Accuracy, 3, 12) }, 0.5, -1, "12 epochs"},
	} {
		m, ok := c.got()
		got := -1.0
		if m.Spread != nil {
			got = *m.Spread
		}
		if !ok || math.Abs(m.Value-c.value) > 1e-12 || math.Abs(got-c.spread) > 1e-12 || !strings.Contains(m.Note, c.note) {
			t.Errorf("%s: %+v with spread %v, want %v ± %v, %q", c.name, m, got, c.value, c.spread, c.note)
		}
	}
	for _, id := range []int{0, 4, 9} { // no trial, one without a final, none of that number
		if m, ok := all.Tested(id); ok {
			t.Errorf("trial %d is tested: %+v", id, m)
		}
	}
	if m, ok := all.Over(Accuracy, 4, 41); ok {
		t.Errorf("a budget that nothing was trained for: %+v", m)
	}
}
