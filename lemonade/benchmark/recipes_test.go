package benchmark

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// smoother is an evaluator whose accuracy depends on the recipe and the seed alone.
type smoother struct{ jobs []trial.Job }

func (s *smoother) Describe() evaluate.Description { return evaluate.Description{Engine: "none"} }

func (s *smoother) Evaluate(_ context.Context, job trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	s.jobs = append(s.jobs, job)
	accuracy := 0.5 + 0.01*float64(job.Seed)
	if job.Recipe.LabelSmoothing == 0 {
		accuracy -= 0.02
	}
	return trial.Result{
		State: trial.Complete, Metrics: trial.Metrics{trial.Accuracy: {Value: accuracy}}, Seconds: map[string]float64{trial.PhaseTrain: 3},
	}, nil
}

func TestRecipes(t *testing.T) {
	o, err := RecipeOptions{Data: "cifar10", Dir: t.TempDir(), Seeds: []int64{1, 2}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	info := datasets.Info{Shape: []int{32, 32, 3}, ClassNames: make([]string, 10)}
	e := &smoother{}
	run := func() RecipeReport {
		t.Helper()
		r, err := recipes(t.Context(), o, info, e, trial.Job{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	o.ReportOnly = true
	if r := run(); len(e.jobs) > 0 || r.Arms[0].Accuracy.Mean != nil {
		t.Errorf("a report of nothing trained %d times and has accuracy %v", len(e.jobs), r.Arms[0].Accuracy.Mean)
	}
	o.ReportOnly = false
	r := run()
	recipesSeen := map[arch.Recipe]bool{}
	for _, job := range e.jobs {
		recipesSeen[job.Recipe] = true
		if err := job.Recipe.Validate(); err != nil {
			t.Error(err)
		}
	}
	if len(e.jobs) != 2*len(changes) || len(recipesSeen) != len(changes) {
		t.Errorf("%d trainings of %d recipes, want 2 of each of %d", len(e.jobs), len(recipesSeen), len(changes))
	}
	var text strings.Builder
	if err := r.Write(&text, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| whole recipe | 51.5 [51.0, 52.0] | – | 2 of 2 | 3 [3, 3] |", "| no label smoothing | 49.5 [49.0, 50.0] | -2.0 [-2.0, -2.0] |", "| no momentum | 51.5 [51.0, 52.0] | +0.0 [+0.0, +0.0] |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}

	// A cut line is trained again, and nothing else.
	kept, err := os.ReadFile(o.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.file(), kept[:len(kept)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(e.jobs)
	run()
	run()
	if len(e.jobs) != before+1 {
		t.Errorf("%d trainings after a cut, want 1", len(e.jobs)-before)
	}
	if _, err := (RecipeOptions{Network: "x", Epochs: -1}).complete(); err == nil || !strings.Contains(err.Error(), "data") || !strings.Contains(err.Error(), "plain") || !strings.Contains(err.Error(), "-1") {
		t.Errorf("faults are %v", err)
	}
}
