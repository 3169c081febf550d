package lemonade_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// examiner measures as measured does, and the test split where a job asks for it. It
// keeps the jobs, and interrupts the run in the one of that number, from 1.
type examiner struct {
	jobs      []trial.Job
	interrupt int
	cancel    context.CancelFunc
}

func (e *examiner) Describe() evaluate.Description { return scripted(nil).Describe() }

func (e *examiner) Evaluate(ctx context.Context, j trial.Job, on func(trial.Progress)) (trial.Result, error) {
	e.jobs = append(e.jobs, j)
	if len(e.jobs) == e.interrupt {
		e.cancel()
		return trial.Result{}, ctx.Err()
	}
	result := measured(j)
	if j.Test {
		on(trial.Progress{Phase: trial.PhaseTest})
		result.Metrics[trial.TestAccuracy] = trial.Measurement{Value: result.Metrics[trial.Accuracy].Value - float64(j.Seed)/1e6, Method: trial.MethodCounted}
	}
	return result, nil
}

func TestFinal(t *testing.T) {
	e := &examiner{}
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), e
	o.Limits = map[trial.Metric]float64{trial.TrainingEnergy: 1}
	s := open(t, "searched", o)
	if _, err := s.Final(t.Context(), lemonade.FinalOptions{}); err == nil || !strings.Contains(err.Error(), "no front yet") {
		t.Errorf("before the first trial: %v", err)
	}
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 4}); err != nil {
		t.Fatal(err)
	}
	before, front := s.Trials(), s.Front().IDs
	searched := len(e.jobs)
	for _, j := range e.jobs {
		if j.Test {
			t.Fatal("the search asks for the test split")
		}
	}

	// Interrupted in its second training, it keeps the first.
	ctx, cancel := context.WithCancel(t.Context())
	e.interrupt, e.cancel = searched+2, cancel
	if _, err := s.Final(ctx, lemonade.FinalOptions{Seeds: 2}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if n := len(s.TestReads()); n != 1 {
		t.Errorf("the test split was read %d times by one training", n)
	}
	e.interrupt = 0
	all, err := s.Final(t.Context(), lemonade.FinalOptions{Seeds: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := 2 * len(front)
	if trained := len(e.jobs) - searched - 1; len(all) != want || trained != want {
		t.Errorf("%d trainings after an interruption, %d in all; want %d", trained, len(all), want)
	}
	for _, j := range e.jobs[searched:] {
		if !j.Test || j.Budget.Epochs != 8 || j.Budget.Limits != nil || j.Data.TrainSamples != 0 || !strings.HasSuffix(j.Data.Fingerprint, "/whole") || j.Seed != 1001 && j.Seed != 2001 {
			t.Errorf("a final asks for %+v of %+v, seed %d, test %v", j.Budget, j.Data, j.Seed, j.Test)
		}
	}
	reads := s.TestReads()
	if len(reads) != want {
		t.Errorf("%d reads of the test split, want one for each of %d trainings", len(reads), want)
	}
	for i, r := range reads {
		if x := all[i]; r.Trial != x.Of || r.Seed != x.Seed || r.Hash != x.Hash || r.Epochs != 8 || r.Purpose != trial.Final || !strings.Contains(r.Who, " on ") || r.At.IsZero() {
			t.Errorf("read %d is recorded as %+v, was of trial %d", i, r, x.Of)
		}
	}

	// Asked again, and by a program that opens the study anew, it answers from the record.
	again := open(t, "searched", lemonade.Options{Dir: o.Dir, Evaluator: e})
	trained := len(e.jobs)
	same, err := again.Final(t.Context(), lemonade.FinalOptions{Seeds: 2, Trials: front})
	if diff := cmp.Diff(metricsOf(all), metricsOf(same)); err != nil || diff != "" {
		t.Errorf("%v (-first +again):\n%s", err, diff)
	}
	if len(e.jobs) != trained || len(again.TestReads()) != want {
		t.Errorf("asked again: %d trainings, %d reads", len(e.jobs)-trained, len(again.TestReads())-want)
	}
	if m, ok := again.Extras().Tested(front[0]); !ok || m.Spread == nil || *m.Spread == 0 {
		t.Errorf("test accuracy of trial %d: %+v, %v", front[0], m, ok)
	}

	// The search goes on as if there had been no final.
	if diff := cmp.Diff(before, again.Trials()); diff != "" {
		t.Errorf("the trials changed:\n%s", diff)
	}
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 5}); err != nil {
		t.Fatal(err)
	}
	for _, tr := range again.Trials() {
		if _, ok := tr.Metrics[trial.TestAccuracy]; ok {
			t.Errorf("the search has the test accuracy of trial %d", tr.ID)
		}
	}
	report := again.Report()
	if _, ok := report.Trials[front[0]-1].Metrics[trial.TestAccuracy]; !ok || len(report.TestReads) != want || len(report.Extras) != want {
		t.Errorf("the report has %d reads, %d extras, and of trial %d %v", len(report.TestReads), len(report.Extras), front[0], report.Trials[front[0]-1].Metrics)
	}
}

func metricsOf(all trial.Extras) (out []trial.Metrics) {
	for _, x := range all {
		out = append(out, x.Metrics)
	}
	return out
}

func TestRank(t *testing.T) {
	e := &examiner{}
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), e
	s := open(t, "ranked", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 5}); err != nil {
		t.Fatal(err)
	}
	best := slices.MaxFunc(s.Trials(), func(a, b trial.Trial) int {
		return int(a.Costs.Params - b.Costs.Params) // which measured makes the most accurate
	})
	if _, err := s.Final(t.Context(), lemonade.FinalOptions{Trials: []int{best.ID}, Seeds: 1}); err != nil {
		t.Fatal(err)
	}
	before := len(e.jobs)
	all, err := s.Rank(t.Context(), lemonade.RankOptions{Networks: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[0].Of != best.ID || all[0].Purpose != trial.Final || len(e.jobs) != before+2 {
		t.Errorf("%d networks, the first is trial %d for a %s, %d trainings; want 3 from the best, which a final has trained", len(all), all[0].Of, all[0].Purpose, len(e.jobs)-before)
	}
	for _, j := range e.jobs[before:] {
		if j.Test || j.Seed != 1001 || j.Budget.Epochs != 8 {
			t.Errorf("a ranking asks for %d epochs, seed %d, test %v", j.Budget.Epochs, j.Seed, j.Test)
		}
	}
	if n := len(s.TestReads()); n != 1 {
		t.Errorf("%d reads of the test split, want that of the final alone", n)
	}
	if m, ok := s.Extras().Over(trial.Accuracy, best.ID, 8); !ok || m.Value != best.Metrics[trial.Accuracy].Value {
		t.Errorf("trial %d after a long training: %+v, %v", best.ID, m, ok)
	}
}

func TestBaselines(t *testing.T) {
	e := &examiner{}
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), e
	o.Limits = map[trial.Metric]float64{trial.Params: 250_000}
	s := open(t, "held", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil {
		t.Fatal(err)
	}
	front, hypervolume := s.Front().IDs, s.Hypervolume()
	all, err := s.Baselines(t.Context(), lemonade.BaselineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range all {
		got = append(got, x.Name+" "+string(x.State))
		if (x.Effectiveness == nil) == (x.State == trial.Complete) || x.Epochs != 2 || x.Seed != 1 || x.Hash == "" {
			t.Errorf("%+v", x)
		}
	}
	if diff := cmp.Diff([]string{"resnet20 infeasible", "mobilenet complete", "cnn infeasible"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	search, own := e.jobs[0], e.jobs[2]
	if search.Seed != own.Seed || search.Budget.Epochs != own.Budget.Epochs || search.Data != own.Data || own.Test {
		t.Errorf("a baseline is trained with %+v, %+v, the search's with %+v, %+v", own.Budget, own.Data, search.Budget, search.Data)
	}
	if n := len(s.Trials()); n != 2 || !slices.Equal(front, s.Front().IDs) || s.Hypervolume() != hypervolume {
		t.Errorf("%d trials, front %v, hypervolume %v after the baselines", n, s.Front().IDs, s.Hypervolume())
	}
	if _, err := s.Baselines(t.Context(), lemonade.BaselineOptions{Names: []string{"cnn"}}); err != nil || len(e.jobs) != 5 {
		t.Errorf("one of them again: %d trainings, %v", len(e.jobs)-2, err)
	}
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil || len(s.Trials()) != 3 {
		t.Errorf("the search goes on to %d trials: %v", len(s.Trials()), err)
	}
}

func TestExtrasRefuse(t *testing.T) {
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), &examiner{}
	s := open(t, "searched", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil {
		t.Fatal(err)
	}
	replayed := open(t, "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "searched"})
	if err := replayed.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil {
		t.Fatal(err)
	}
	final := func(o lemonade.FinalOptions) func() error {
		return func() error { _, err := s.Final(t.Context(), o); return err }
	}
	for want, call := range map[string]func() error{
		"epochs: 1 is not between the 2 of the study itself": final(lemonade.FinalOptions{Epochs: 1}),
		"seeds: 101 is not between 1 and 100":                final(lemonade.FinalOptions{Seeds: 101}),
		"has none of the number 7: it has 2":                 final(lemonade.FinalOptions{Trials: []int{7}}),
		"2 is named twice":                                   final(lemonade.FinalOptions{Trials: []int{2, 2}}),
		"networks: 9 is not between 2 and the 2 complete":    func() error { _, err := s.Rank(t.Context(), lemonade.RankOptions{Networks: 9}); return err },
		`no "vgg" for such data: choose among resnet20`: func() error {
			_, err := s.Baselines(t.Context(), lemonade.BaselineOptions{Names: []string{"vgg"}})
			return err
		},
		"a study of another name": func() error { _, err := replayed.Baselines(t.Context(), lemonade.BaselineOptions{}); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFinalOnDigits is a final by the worker: the count is of the test split.
func TestFinalOnDigits(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	s := open(t, "real", o)
	if _, err := s.Try(t.Context(), small, nil); err != nil {
		t.Fatal(err)
	}
	all, err := s.Final(t.Context(), lemonade.FinalOptions{Epochs: 3, Seeds: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := all[0]
	got, ok := x.Metrics[trial.TestAccuracy]
	if x.State != trial.Complete || !ok || !strings.Contains(got.Note, "of 360 test samples") || got.Value < 0.13 { // chance is 0.1
		t.Errorf("%s %s: test accuracy %+v", x.State, x.Reason, got)
	}
	if x.Weights == "" || len(x.Curve) != 3 || x.Seconds[trial.PhaseTest] <= 0 {
		t.Errorf("weights %q, a curve of %d epochs, %v", x.Weights, len(x.Curve), x.Seconds)
	}
	reads := s.TestReads()
	if len(reads) != 1 || reads[0].At.Before(x.Started) || reads[0].At.After(x.Ended) {
		t.Errorf("read as %+v", reads)
	}
}
