package lemonade_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestParseRungs(t *testing.T) {
	for _, c := range []struct {
		text string
		want lemonade.Rungs
		err  string
	}{
		{"3", lemonade.Rungs{Count: 3}, ""},
		{"4,reduction=2, shrink=both,least=2", lemonade.Rungs{Count: 4, Reduction: 2, Shrink: "both", Least: 2}, ""},
		{"three", lemonade.Rungs{}, `"three"`},
		{"3,halve=2", lemonade.Rungs{}, `"halve=2"`},
		{"3,least=-1", lemonade.Rungs{}, `"least=-1"`},
		{"", lemonade.Rungs{}, `""`},
	} {
		got, err := lemonade.ParseRungs(c.text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %s", c.text, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v, (-want +got):\n%s", c.text, err, diff)
		}
		if again, err := lemonade.ParseRungs(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%q is written as %q, which is read as %v, %v", c.text, got, again, err)
		}
	}
}

// trained is one training of an evaluator that keeps them.
type trained struct {
	Network           string
	Epochs, Samples   int
	Weights, Profiled bool
}

// learner is an evaluator whose networks learn more in a longer training, and the
// larger ones more slowly: ranks of short trainings are not those of long ones. It
// profiles only where it is asked to.
type learner struct {
	trained []trained
	at      func(n int) // called at the begin of the n-th training, from 1; may be nil
}

func (*learner) Describe() evaluate.Description { return evaluate.Description{Engine: "scripted"} }

func (l *learner) Evaluate(ctx context.Context, j trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	l.trained = append(l.trained, trained{j.Network.Hash(), j.Budget.Epochs, j.Data.TrainSamples, j.Weights != "", !j.Budget.NoProfile})
	if l.at != nil {
		l.at(len(l.trained))
	}
	if ctx.Err() != nil {
		return trial.Result{}, ctx.Err()
	}
	result := measured(j)
	p := float64(j.Network.Costs().Params)
	result.Metrics[trial.Accuracy] = trial.Measurement{Value: p / (p + 100 + p*p/float64(j.Budget.Epochs*50_000)), Method: trial.MethodCounted}
	result.Metrics[trial.TrainingEnergy] = trial.Measurement{Value: 0.001 * float64(j.Budget.Epochs), Unit: "kWh", Method: trial.MethodEstimate}
	result.Seconds = map[string]float64{trial.PhaseCompile: 1, trial.PhaseTrain: 2 * float64(j.Budget.Epochs), trial.PhaseEvaluate: float64(j.Budget.Epochs)}
	if j.Budget.NoProfile {
		delete(result.Metrics, trial.InferenceEnergy)
		delete(result.Metrics, trial.Latency)
	} else {
		result.Seconds[trial.PhaseProfile] = 8
	}
	return result, nil
}

func inRungs(t *testing.T) (lemonade.Options, *learner) {
	o, l := quick, &learner{}
	o.Dir, o.Epochs, o.Rungs, o.Evaluator = t.TempDir(), 9, lemonade.Rungs{Count: 3}, l
	return o, l
}

func TestRungsAreFixed(t *testing.T) {
	o, _ := inRungs(t)
	open(t, "fixed", o)
	for _, c := range []struct {
		name  string
		rungs lemonade.Rungs
		want  string
	}{
		{"fixed", lemonade.Rungs{Count: 2}, "rungs: the study was created with 3"},
		{"new", lemonade.Rungs{Count: 4}, "rungs: 4"},
	} {
		s, err := lemonade.Open(t.Context(), c.name, lemonade.Options{Data: "digits", Epochs: 9, Dir: o.Dir, Rungs: c.rungs})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %v: error %v, want one with %q", c.name, c.rungs, err, c.want)
		}
	}
	open(t, "fixed", lemonade.Options{Dir: o.Dir, Rungs: lemonade.Rungs{Count: 3, Reduction: 3}})
}

func TestRungs(t *testing.T) {
	o, l := inRungs(t)
	s := open(t, "rungs", o)
	var promoted []string
	run(t, s, 12, func(e lemonade.Event) {
		if e.Kind == lemonade.Promoted {
			promoted = append(promoted, fmt.Sprintf("%d to %d", e.Trial.ID, len(e.Trial.Rungs)+1))
		}
	})
	trials := s.Trials()
	if len(trials) != 12 {
		t.Fatalf("%d trials, want 12: promotions do not count", len(trials))
	}
	at := map[int]int{} // rung -> trials measured there
	for _, tr := range trials {
		for i, r := range tr.Rungs {
			at[r.Rung]++
			if r.Rung != i+1 || r.Of != 3 || r.Epochs != []int{1, 3, 9}[i] || r.State != trial.Complete || r.Key == "" {
				t.Errorf("trial %d, %v: %+v", tr.ID, r, r)
			}
		}
		last, _ := tr.LastRung()
		if tr.Metrics[trial.Accuracy] != last.Metrics[trial.Accuracy] || tr.Key != last.Key {
			t.Errorf("trial %d: accuracy %v, of its last rung %v", tr.ID, tr.Metrics[trial.Accuracy], last.Metrics[trial.Accuracy])
		}
		if _, ok := tr.Metrics[trial.InferenceEnergy]; !ok {
			t.Errorf("trial %d has lost the energy of its inference", tr.ID)
		}
		switch want := map[bool]trial.State{true: trial.Complete, false: trial.Pruned}[last.Rung == 3]; {
		case tr.State != want, (tr.Effectiveness != nil) != (want == trial.Complete):
			t.Errorf("trial %d is %s with %v rungs, effectiveness %v", tr.ID, tr.State, last, tr.Effectiveness)
		case want == trial.Pruned && !strings.HasPrefix(tr.Reason, fmt.Sprintf("rung %d of 3: Pareto rank ", last.Rung)):
			t.Errorf("trial %d: reason %q", tr.ID, tr.Reason)
		}
	}
	if len(trials[0].Rungs) != 3 {
		t.Errorf("the first network has %d rungs: it goes through", len(trials[0].Rungs))
	}
	// Twelve at the first, of which the best four are promoted and whoever was among the best
	// earlier, and the first network.
	if at[1] != 12 || at[2] < 4 || at[2] > 7 || at[3] < 2 || at[3] > 4 {
		t.Errorf("trainings by rung: %v", at)
	}
	if want := at[2] + at[3]; len(promoted) != want {
		t.Errorf("%d promotions told, want %d: %q", len(promoted), want, promoted)
	}
	for i, d := range l.trained {
		if d.Weights != (d.Epochs == 9) || d.Profiled != (d.Epochs == 1) {
			t.Errorf("training %d: %+v: weights are of the top rung, and the profile of the lowest", i+1, d)
		}
		if slices.Contains(l.trained[:i], d) {
			t.Errorf("training %d is done again: %+v", i+1, d)
		}
	}
	for _, id := range s.Front().IDs {
		if trials[id-1].State != trial.Complete {
			t.Errorf("trial %d is on the front and %s", id, trials[id-1].State)
		}
	}
	report := s.Report()
	saving := report.Saving
	spent, whole := 0.0, 0.001*9*12
	for _, d := range l.trained {
		spent += 0.001 * float64(d.Epochs)
	}
	if saving == nil || saving.Programs != 12 || !near(saving.Energy, spent) || !near(saving.WholeEnergy, whole) || !near(saving.WholeSeconds, 12*(1+18+9+8)) || saving.Seconds >= saving.WholeSeconds {
		t.Errorf("saving %+v, want %v kWh of %v", saving, spent, whole)
	}
	if report.Rungs == nil || report.Rungs.Count != 3 || len(report.Trials[0].Rungs) != 3 {
		t.Errorf("the report has rungs %v, of trial 1 %d", report.Rungs, len(report.Trials[0].Rungs))
	}

	again := open(t, "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "rungs"})
	run(t, again, 12, nil)
	if diff := cmp.Diff(decisions(trials), decisions(again.Trials())); diff != "" {
		t.Errorf("replayed (-recorded +replayed):\n%s", diff)
	}
	if _, err := s.Try(t.Context(), "def network(x, classes):\n    return dense(global_avg_pool(relu(conv(x, 5))), classes)\n", nil); err != nil {
		t.Fatal(err)
	}
	if tried := s.Trials()[12]; tried.State != trial.Complete || len(tried.Rungs) != 3 {
		t.Errorf("tried by hand: %s with %d rungs, want all", tried.State, len(tried.Rungs))
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// decision is what a study made of a network, without the times.
type decision struct {
	State         trial.State
	Reason        string
	Program       string
	Commands      []trial.Command
	Parent        int
	Steps         []int
	Metrics       trial.Metrics
	Effectiveness *float64
}

func decisions(h trial.History) (all []decision) {
	for _, t := range h {
		d := decision{State: t.State, Reason: t.Reason, Program: t.Program.Source, Commands: t.Commands, Parent: t.Parent, Metrics: t.Metrics, Effectiveness: t.Effectiveness}
		for _, r := range t.Rungs {
			d.Steps = append(d.Steps, r.Step)
		}
		all = append(all, d)
	}
	return all
}

// TestRungsAfterKill copies the record in the middle of trainings, as a kill would
// leave it, and goes on with each of the copies.
func TestRungsAfterKill(t *testing.T) {
	for _, lag := range []int{0, 1} {
		o, l := inRungs(t)
		o.Lag = &lag
		copies := map[int]string{}
		l.at = func(n int) {
			if n%6 != 2 {
				return
			}
			copies[n] = t.TempDir()
			files, err := filepath.Glob(filepath.Join(o.Dir, "lemonade.db*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("files of the record: %q, %v", files, err)
			}
			for _, from := range files {
				content, err := os.ReadFile(from)
				if err == nil && !strings.HasSuffix(from, "-shm") { // which SQLite makes anew
					err = os.WriteFile(filepath.Join(copies[n], filepath.Base(from)), content, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		s := open(t, "killed", o)
		run(t, s, 9, nil)
		want := decisions(s.Trials())
		steps := len(l.trained)
		for _, n := range slices.Sorted(maps.Keys(copies)) {
			rest := &learner{}
			again := open(t, "killed", lemonade.Options{Dir: copies[n], Evaluator: rest})
			run(t, again, 9, nil)
			if diff := cmp.Diff(want, decisions(again.Trials())); diff != "" {
				t.Errorf("lag %d, killed in training %d (-uninterrupted +gone on):\n%s", lag, n, diff)
			}
			if diff := cmp.Diff(l.trained[n-1:steps], rest.trained); diff != "" {
				t.Errorf("lag %d, killed in training %d: what was trained afterwards (-uninterrupted +gone on):\n%s", lag, n, diff)
			}
		}
	}
}

func TestRungsLimits(t *testing.T) {
	o, _ := inRungs(t)
	o.Limits = map[trial.Metric]float64{trial.Accuracy: 0.5, trial.Latency: 2.5}
	failed := false
	o.Evaluator = scripted(func(j trial.Job) trial.Result {
		l := learner{}
		result, _ := l.Evaluate(t.Context(), j, nil)
		if !failed && j.Budget.Epochs == 3 { // the first network, on its way
			failed = true
			return trial.Result{State: trial.Failed, Reason: trial.NaN + ": the loss"}
		}
		return result
	})
	s := open(t, "limits", o)
	run(t, s, 8, nil)
	first := s.Trials()[0]
	if _, kept := first.Metrics[trial.Accuracy]; first.State != trial.Failed || len(first.Rungs) != 2 || kept {
		t.Errorf("failed at its second rung: %s, %d rungs, metrics %v", first.State, len(first.Rungs), first.Metrics)
	}
	through := 0
	for _, tr := range s.Trials()[1:] {
		last := tr.Rungs[len(tr.Rungs)-1]
		slow := tr.Metrics[trial.Latency].Value > 2.5
		switch {
		case slow && (tr.State != trial.Infeasible || len(tr.Rungs) != 1 || last.State != trial.Infeasible):
			t.Errorf("trial %d, too slow: %s, %v, want infeasible at the first rung", tr.ID, tr.State, last)
		case !slow && tr.State == trial.Infeasible && last.Rung != 3:
			t.Errorf("trial %d: %s at %v: its accuracy is judged in the end", tr.ID, tr.Reason, last)
		}
		if last.Rung == 3 {
			through++
		}
	}
	if through == 0 {
		t.Error("no network came to the top after the first one had failed")
	}
}

// TestRungsOnDigits is a small study with real trainings.
func TestRungsOnDigits(t *testing.T) {
	o := quick
	o.Dir, o.TrainSamples, o.Rungs = t.TempDir(), 200, lemonade.Rungs{Count: 2, Reduction: 2, Shrink: "both"}
	o.Measure.Profile = 200 * time.Millisecond
	s := open(t, "digits", o)
	run(t, s, 2, nil)
	at := map[int]int{}
	for _, tr := range s.Trials() {
		for _, r := range tr.Rungs {
			at[r.Rung]++
			_, profiled := r.Seconds[trial.PhaseProfile]
			if r.State != trial.Complete || len(r.Curve) != r.Epochs || profiled != (r.Rung == 1) || r.Metrics[trial.Latency].Value <= 0 {
				t.Errorf("trial %d, %v: %s %s, %d epochs, latency %v, profiled %v", tr.ID, r, r.State, r.Reason, len(r.Curve), r.Metrics[trial.Latency], profiled)
			}
		}
		if first := tr.Rungs[0]; first.Epochs != 1 || first.Samples != 141 || first.Share != 0.5*141/200 {
			t.Errorf("trial %d: the first rung has %d epochs on %d samples, %v of the work", tr.ID, first.Epochs, first.Samples, first.Share)
		}
	}
	if at[1] != 2 || at[2] < 1 {
		t.Errorf("trainings by rung: %v", at)
	}
	if saving := s.Report().Saving; saving == nil || saving.Energy <= 0 || saving.WholeSeconds <= 0 || saving.Method == "" {
		t.Errorf("saving %+v", saving)
	}
}
