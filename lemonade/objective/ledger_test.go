package objective

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestLedger holds a ledger of a search that goes on, and whose trials may change,
// against the definitions.
func TestLedger(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range rounds / 10 {
		o, draw := random(t, rng)
		if len(o.Wants) < 2 {
			continue
		}
		o.Axes = []trial.Metric{o.Wants[0].Metric, o.Wants[1].Metric}
		first := draw()
		o.Fix(first)
		var h trial.History
		var l Ledger
		for id := 1; id <= 40; id++ {
			h = append(h, complete(id, draw()))
			h = slices.Clone(h) // what was handed out is not written to
			switch k := rng.IntN(id); rng.IntN(6) {
			case 0:
				h[k].State = trial.Failed
			case 1:
				h[k] = complete(k+1, draw())
			case 2:
				o.Anchors = map[trial.Metric]float64{o.Wants[0].Metric: rng.Float64()}
			}
			l.Update(o, h)
			if diff := cmp.Diff(undominated(o, h), l.Front()); diff != "" {
				t.Fatalf("after trial %d (-want +got):\n%s", id, diff)
			}
			for i := range h {
				want, ok := o.Score(h[i].Metrics)
				if got, known := l.Score(i); got != want || known != ok {
					t.Fatalf("after trial %d, score of trial %d: %v, %v, want %v, %v", id, i+1, got, known, want, ok)
				}
			}
		}
		if got, want := o.Hypervolumes(h), o.Hypervolume(h); got[len(got)-1] != want {
			t.Errorf("the last of the hypervolumes is %v, want %v", got[len(got)-1], want)
		}
	}
}

// undominated is the front as it is defined.
func undominated(o Objective, h trial.History) []int {
	ids := []int{}
	for i := range h {
		p, ok := o.Point(&h[i])
		dominated := func(t trial.Trial) bool {
			q, known := o.Point(&t)
			return known && t.State == trial.Complete && o.dominates(q, p)
		}
		if ok && h[i].State == trial.Complete && !slices.ContainsFunc(h, dominated) {
			ids = append(ids, h[i].ID)
		}
	}
	return ids
}
