package lemonade_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	if job.Budget.NoProfile {
		maps.DeleteFunc(r.Metrics, func(m trial.Metric, _ trial.Measurement) bool {
			return !m.Follows() && m != trial.TrainingEnergy && m != trial.CO2e && m != trial.TrainingTime
		})
	}
	return r, recordtest.Weights(job.Weights)
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
			if saved.Trainings != 3 {
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

// TestReuseInRungs takes every training of a network over, and that of a whole one also
// where it was no rung.
func TestReuseInRungs(t *testing.T) {
	o := quick
	o.Dir, o.Epochs = t.TempDir(), 4
	whole := &machine{about: thisMachine}
	o.Evaluator = whole
	run(t, open(t, "whole", o), 1, nil)

	o.Rungs = lemonade.Rungs{Count: 2}
	first := &machine{about: thisMachine}
	o.Evaluator = first
	a := open(t, "a", o)
	run(t, a, 4, nil)
	if r := a.Trials()[0].Rungs; len(r) != 2 || r[0].Reused != nil || r[1].Reused == nil || r[1].Reused.Study != "whole" {
		t.Errorf("the first network goes through all rungs, and its whole training is there: %+v", r)
	}
	trainings := 0
	for _, x := range a.Trials() {
		trainings += len(x.Rungs)
	}
	if saved := a.Report().Saved.Trainings; first.jobs != trainings-1 || saved != 1 {
		t.Errorf("%d of %d trainings, saved %d, want one saved", first.jobs, trainings, saved)
	}

	again := &machine{about: thisMachine}
	o.Evaluator = again
	b := open(t, "b", o)
	run(t, b, 4, nil)
	if saved := b.Report().Saved.Trainings; again.jobs != 0 || saved != trainings {
		t.Errorf("%d trainings, saved %d, want none and %d", again.jobs, saved, trainings)
	}
	ignored := cmpopts.IgnoreFields(trial.Rung{}, "Reused", "Started", "Ended")
	for i, x := range a.Trials() {
		if diff := cmp.Diff(x.Rungs, b.Trials()[i].Rungs, ignored); diff != "" {
			t.Errorf("trial %d (-want +got):\n%s", x.ID, diff)
		}
	}
}

// TestReuseOfBaselines trains a baseline once for all studies.
func TestReuseOfBaselines(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	first, again := &machine{about: thisMachine}, &machine{about: thisMachine}
	o.Evaluator = first
	a := open(t, "a", o)
	want, err := a.Baselines(t.Context(), lemonade.BaselineOptions{Names: []string{"cnn"}})
	if err != nil {
		t.Fatal(err)
	}
	o.Evaluator = again
	b := open(t, "b", o)
	got, err := b.Baselines(t.Context(), lemonade.BaselineOptions{Names: []string{"cnn"}})
	if err != nil {
		t.Fatal(err)
	}
	if first.jobs != 1 || again.jobs != 0 || len(got) != 1 || got[0].Reused == nil || got[0].Reused.Study != "a" || got[0].Reused.Trial != want[0].ID {
		t.Errorf("%d and %d trainings; %+v", first.jobs, again.jobs, got)
	}
	if diff := cmp.Diff(want[0].Metrics, got[0].Metrics); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReuseOfWhatHoldsInPart does not take over the figures of a trial whose rungs were
// trained on several machines, or one that lacks what the study is after.
func TestReuseOfWhatHoldsInPart(t *testing.T) {
	elsewhere := thisMachine
	elsewhere.Machine = "an i9, 16 threads"
	inRungs, whole := quick, quick
	inRungs.Dir, inRungs.Epochs, inRungs.Rungs = t.TempDir(), 4, lemonade.Rungs{Count: 2}
	whole.Dir, whole.Epochs = inRungs.Dir, 4

	inRungs.Evaluator = &machine{about: elsewhere}
	run(t, open(t, "moved", inRungs), 3, nil)
	inRungs.Evaluator = &machine{about: thisMachine, jobs: 100}
	moved := open(t, "moved", inRungs)
	run(t, moved, 12, nil)
	sources := map[string]string{} // of programs, by what is special about them
	for _, x := range moved.Trials() {
		if x.ID <= 3 && len(x.Rungs) == 2 && !x.Rungs[0].Through {
			sources["begun elsewhere"] = x.Program.Source
		}
	}

	accurate := inRungs
	accurate.Prefer, accurate.Wants, accurate.Axes = "none", []objective.Want{{Metric: trial.Accuracy}, {Metric: trial.MACs}}, []trial.Metric{trial.Accuracy, trial.MACs}
	const source = "def network(x, classes):\n    return dense(global_avg_pool(relu(conv(x, 5))), classes)\n"
	short := whole
	short.Epochs, short.Evaluator = 1, &machine{about: elsewhere}
	try(t, open(t, "short", short), source)
	accurate.Evaluator = &machine{about: thisMachine, jobs: 200}
	long := whole
	long.Evaluator = &machine{about: elsewhere}
	const other = "def network(x, classes):\n    return dense(global_avg_pool(relu(conv(x, 7))), classes)\n"
	try(t, open(t, "long", long), other)
	study := open(t, "accurate", accurate)
	x := try(t, study, other)
	if x.Rungs[0].Reused != nil || x.Rungs[1].Reused == nil {
		t.Fatalf("rungs %+v, want the second taken over", x.Rungs)
	}
	for _, m := range []trial.Metric{trial.TrainingEnergy, trial.CO2e, trial.TrainingTime} {
		if got, ok := x.Metrics[m]; ok {
			t.Errorf("the whole training was elsewhere, and has the %s %v of the short one here", m, got.Value)
		}
	}
	if _, ok := x.Metrics[trial.Latency]; !ok {
		t.Error("the latency that was measured here is lost")
	}
	if x := try(t, study, source); x.Rungs[0].Reused == nil || x.Rungs[1].Reused != nil {
		t.Fatalf("rungs %+v, want the first taken over", x.Rungs)
	}
	sources["never profiled"] = source

	if len(sources) != 2 {
		t.Fatalf("programs %v", sources)
	}
	for name, source := range sources {
		for _, o := range []lemonade.Options{short, whole} {
			o.Evaluator = &machine{about: thisMachine, jobs: 300}
			x := try(t, open(t, fmt.Sprintf("%s for %d", name, o.Epochs), o), source)
			if _, ok := x.Metrics[trial.Latency]; x.Reused != nil || !ok {
				t.Errorf("%s, %d epochs: reused from %v, a latency: %v", name, o.Epochs, x.Reused, ok)
			}
		}
	}
}

func try(t *testing.T, s *lemonade.Study, source string) trial.Trial {
	t.Helper()
	x, err := s.Try(t.Context(), source, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestReuseOfWeights takes no file for a trial's weights that another training has left
// there, be it that the study of that name is a new one.
func TestReuseOfWeights(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	o.Evaluator = &machine{about: thisMachine}
	a := open(t, "a", o)
	run(t, a, 6, nil)
	left := func(id int) string { return filepath.Join(o.Dir, "weights", "b", fmt.Sprintf("%d.safetensors", id)) }
	for id := range 6 {
		if err := errors.Join(os.MkdirAll(filepath.Dir(left(1)), 0o755), os.WriteFile(left(id+1), []byte("of another"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	without := 0
	b := open(t, "b", o)
	run(t, b, 6, func(e lemonade.Event) {
		if e.Kind != lemonade.Ended {
			return
		}
		was, _, err := a.Trial(t.Context(), e.Trial.ID)
		if err != nil || e.Trial.Reused == nil || (was.Weights == "") != (e.Trial.Weights == "") {
			t.Errorf("trial %d, reused from %v: weights %q, the training's %q; %v", e.Trial.ID, e.Trial.Reused, e.Trial.Weights, was.Weights, err)
		}
		if e.Trial.Weights == "" {
			without++
		}
	})
	if without == 0 || without == 6 {
		t.Fatalf("%d of 6 without weights: the test shows nothing", without)
	}
	for _, x := range b.Trials() {
		if x.Weights == "" {
			continue
		}
		if got, err := os.ReadFile(x.Weights); err != nil || string(got) != "weights" {
			t.Errorf("weights of trial %d: %q, %v", x.ID, got, err)
		}
	}
}
