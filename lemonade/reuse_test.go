package lemonade_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record/recordtest"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// machine is an evaluator that trains nothing, counts what it is asked for and writes
// weights.
type machine struct {
	about evaluate.Description
	jobs  int
}

func (m *machine) Describe() evaluate.Description { return m.about }

func (m *machine) Evaluate(_ context.Context, job trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	m.jobs++
	r := recordtest.Result(rand.New(rand.NewPCG(uint64(m.jobs), 1)), job.Network.Costs())
	recordtest.Weights(job.Weights)
	return r, nil
}

var thisMachine = evaluate.Description{Engine: "none", Precision: "float32", Machine: "an EPYC, 2 threads", Device: "cpu", Meter: trial.MethodEstimate, Backend: "xla:/somewhere/plugin.so"}

func TestReuse(t *testing.T) {
	accurate := []objective.Want{{Metric: trial.Accuracy}, {Metric: trial.MACs}}
	other := thisMachine
	other.Machine = "an i9, 16 threads"
	gpu := thisMachine
	gpu.Device = "a GPU"
	for name, c := range map[string]struct {
		options func(*lemonade.Options)
		about   evaluate.Description
		trained int
	}{
		"the same":                {func(*lemonade.Options) {}, thisMachine, 0},
		"in another place":        {func(*lemonade.Options) {}, func() evaluate.Description { a := thisMachine; a.Backend = "xla:/elsewhere/plugin.so"; return a }(), 0},
		"switched off":            {func(o *lemonade.Options) { o.NoReuse = true }, thisMachine, 3},
		"another seed":            {func(o *lemonade.Options) { o.Seed = 2 }, thisMachine, 3},
		"another budget":          {func(o *lemonade.Options) { o.Epochs = 3 }, thisMachine, 3},
		"another machine":         {func(*lemonade.Options) {}, other, 3},
		"another device":          {func(*lemonade.Options) {}, gpu, 3},
		"another time to measure": {func(o *lemonade.Options) { o.Measure.Profile = 3e9 }, thisMachine, 3},
		"another building":        {func(o *lemonade.Options) { o.Measure.Carbon = carbon.Options{PUE: 1.5} }, thisMachine, 3},
		"another machine, after what holds anywhere": {func(o *lemonade.Options) {
			o.Prefer, o.Wants, o.Axes = "none", accurate, []trial.Metric{trial.Accuracy, trial.MACs}
		}, other, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := quick
			o.Dir = t.TempDir()
			first := &machine{about: thisMachine}
			o.Evaluator = first
			a := open(t, "a", o)
			run(t, a, 3, nil)
			if first.jobs != 3 {
				t.Fatalf("%d trainings in an empty folder, want 3", first.jobs)
			}

			again := &machine{about: c.about}
			o.Evaluator = again
			c.options(&o)
			b := open(t, "b", o)
			run(t, b, 3, nil)
			if again.jobs != c.trained {
				t.Errorf("%d trainings, want %d", again.jobs, c.trained)
			}
			saved := b.Report().Saved
			for i, got := range b.Trials() {
				if (got.Reused == nil) != (c.trained > 0) || (got.Runs == 0) != (c.trained == 0) || got.State != trial.Complete || got.Conditions == nil {
					t.Errorf("trial %d: %s, reused %v, %d runs, conditions %v", got.ID, got.State, got.Reused, got.Runs, got.Conditions)
				}
				if c.trained > 0 {
					continue
				}
				want := a.Trials()[i]
				if diff := cmp.Diff(&trial.Source{Study: "a", Trial: want.ID}, got.Reused); diff != "" {
					t.Errorf("trial %d (-want +got):\n%s", got.ID, diff)
				}
				here := c.about.Machine == thisMachine.Machine
				ignored := cmpopts.IgnoreMapEntries(func(m trial.Metric, _ trial.Measurement) bool { return !here && !m.Follows() })
				if diff := cmp.Diff(want.Metrics, got.Metrics, ignored); diff != "" {
					t.Errorf("trial %d (-want +got):\n%s", got.ID, diff)
				}
				if _, known := got.Metrics[trial.Latency]; known != here {
					t.Errorf("trial %d has a latency: %v, want %v", got.ID, known, here)
				}
				if diff := cmp.Diff(want.Curve, got.Curve); diff != "" || got.Quality == nil {
					t.Errorf("trial %d: quality %v, curve (-want +got):\n%s", got.ID, got.Quality, diff)
				}
			}
			if c.trained > 0 {
				if saved != (trial.Savings{}) {
					t.Errorf("saved %+v", saved)
				}
				return
			}
			if saved.Trials != 3 {
				t.Errorf("saved %+v, want 3 trainings", saved)
			}
			// What two studies keep is there until both have let it go.
			for _, id := range b.Front().IDs {
				kept, _, _ := b.Trial(t.Context(), id)
				was, _, _ := a.Trial(t.Context(), id)
				if _, err := os.Stat(kept.Weights); was.Weights != "" && (err != nil || kept.Weights == was.Weights) {
					t.Errorf("trial %d: its weights %q, those of the training %q: %v", id, kept.Weights, was.Weights, err)
				}
			}

			// What was taken over is no source itself: a third study names the first.
			o.Evaluator = again
			third := open(t, "c", o)
			run(t, third, 1, nil)
			if got := third.Trials()[0].Reused; got == nil || got.Study != "a" {
				t.Errorf("reused from %v, want study a", got)
			}
		})
	}
}

// TestReuseSpendsNothing lets a study whose energy is capped go on with trainings that
// are there.
func TestReuseSpendsNothing(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	o.Evaluator = &machine{about: thisMachine}
	run(t, open(t, "a", o), 3, nil)
	b := open(t, "b", o)
	if err := b.Run(t.Context(), lemonade.RunOptions{Trials: 4, Stop: lemonade.Stop{Energy: 1e-12}}); err != nil {
		t.Fatal(err)
	}
	if n := len(b.Trials()); n != 4 { // the fourth is the first one that it trains
		t.Errorf("%d trials, want 4", n)
	}
}
