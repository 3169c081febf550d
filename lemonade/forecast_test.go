package lemonade_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// wasteful scores networks by their size: of each accuracy there is a cheapest one, and
// what spends more on latency is dominated.
func wasteful(j trial.Job) trial.Result {
	r := measured(j)
	c := j.Network.Costs()
	r.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: 1e-9 * float64(c.MACs+50*c.ActivationMemory), Unit: "J", Method: trial.MethodEstimate}
	return r
}

// TestForecast: once forecasts can be trusted, what they call hopeless is answered so
// and another network trained; without the part nothing is.
func TestForecast(t *testing.T) {
	o := quick
	o.Dir, o.Proposer, o.Recipe, o.Evaluator = t.TempDir(), "random", "fixed", scripted(wasteful)
	s := open(t, "spares", o)
	run(t, s, 30, nil)
	pruned := 0
	for _, tr := range s.Trials() {
		for _, a := range tr.Attempts {
			if a.State != trial.Pruned {
				continue
			}
			pruned++
			if !strings.HasPrefix(a.Reason, "by the forecast it is dominated with a probability of ") {
				t.Errorf("trial %d: reason %q", tr.ID, a.Reason)
			}
		}
		if tr.State != trial.Complete {
			t.Errorf("trial %d is %s: %s", tr.ID, tr.State, tr.Reason)
		}
	}
	if pruned == 0 {
		t.Error("nothing was spared")
	}
	for _, trust := range s.Trust() {
		if trust.Trials < 20 || trust.Kendall == nil || *trust.Kendall < 0.4 {
			t.Errorf("%+v", trust)
		}
	}

	replayed := open(t, "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "spares"})
	run(t, replayed, 30, nil)
	for i, tr := range s.Trials() {
		var want, got []trial.State
		for _, a := range tr.Attempts {
			want = append(want, a.State)
		}
		for _, a := range replayed.Trials()[i].Attempts {
			got = append(got, a.State)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("trial %d is replayed otherwise: %s", tr.ID, d)
		}
	}

	o.Without = []lemonade.Part{lemonade.Forecast}
	s = open(t, "trains", o)
	run(t, s, 30, nil)
	for _, tr := range s.Trials() {
		for _, a := range tr.Attempts {
			if a.State == trial.Pruned {
				t.Fatalf("without the part, trial %d: %s", tr.ID, a.Reason)
			}
		}
	}
}
