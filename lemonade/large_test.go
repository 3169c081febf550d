package lemonade_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/record/recordtest"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestLarge opens a study of so many trials that they are held in outline, and goes on
// with it.
func TestLarge(t *testing.T) {
	if racing {
		t.Skip("under the race detector, which takes half a minute for it, the small studies stand for this one")
	}
	const n = 1003
	o := lemonade.Options{Dir: t.TempDir(), Data: "digits", Evaluator: noTraining{rand.New(rand.NewPCG(1, 1))}}
	open(t, "large", o)
	h, fixed, err := recordtest.History(n, true)
	if err != nil {
		t.Fatal(err)
	}
	h[fixed.Front(h)[0]-1].Weights = "there/before.safetensors"
	if err := recordtest.Adopt(t.Context(), o.Dir, "large", h, fixed); err != nil {
		t.Fatal(err)
	}
	s := open(t, "large", o)
	outlines := s.Outlines()
	for i := range h {
		if diff := cmp.Diff(h[i].Outline(false), outlines[i]); diff != "" {
			t.Fatalf("outline of trial %d (-want +got):\n%s", i+1, diff)
		}
	}
	best, ok := s.Best()
	if id, _ := fixed.Best(h); !ok || best.ID != id || best.Program == nil || best.Quality == nil {
		t.Errorf("the best is trial %d with program %v and quality %v, want trial %d whole", best.ID, best.Program, best.Quality, id)
	}
	if got, ok, err := s.Trial(t.Context(), 7); err != nil || !ok {
		t.Error(ok, err)
	} else if diff := cmp.Diff(h[6], got); diff != "" {
		t.Errorf("trial 7 (-want +got):\n%s", diff)
	}

	// What a run knows has programs, and what it saves of earlier trials takes nothing away.
	run(t, s, n+2, func(e lemonade.Event) {
		if all := s.Trials(); len(all) < n || all[6].Program == nil || !all[6].Brief {
			t.Errorf("during the run there are %d trials, the seventh %+v", len(all), all[6])
		}
	})
	store, err := record.Open(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	after, err := store.Trials(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != n+2 || len(after[n].Attempts) == 0 || after[n].Quality == nil {
		t.Fatalf("%d trials after the run, trial %d is %+v", len(after), n+1, after[n])
	}
	if diff := cmp.Diff(after, s.Trials()); diff != "" {
		t.Errorf("after the run (-want +got):\n%s", diff)
	}
	for i := range h {
		h[i].Weights, after[i].Weights = "", "" // those of the front alone are kept
	}
	if diff := cmp.Diff(h, after[:n]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLargeGoesOn takes up a round that was interrupted in a study that is held in
// outline, and trains for longer what was trained briefly before.
func TestLargeGoesOn(t *testing.T) {
	if racing {
		t.Skip("under the race detector, which takes half a minute for it, the small studies stand for this one")
	}
	const n = 1003
	o := lemonade.Options{
		Dir: t.TempDir(), Data: "digits", Epochs: 9, Rungs: lemonade.Rungs{Count: 2},
		Evaluator: failing{noTraining{rand.New(rand.NewPCG(1, 1))}, 9},
	}
	open(t, "large", o)
	h, fixed, err := recordtest.History(n, true)
	if err != nil {
		t.Fatal(err)
	}
	const source = "def network(x, classes):\n    return dense(global_avg_pool(relu(conv(x, 5))), classes)\n"
	dropped := h[0].Dropped
	h = append(h, trial.Trial{ID: n + 1, State: trial.Waiting, Dropped: dropped, Attempts: []trial.Attempt{{Proposer: "rulebook", State: trial.Complete, Program: source}}})
	if err := recordtest.Adopt(t.Context(), o.Dir, "large", h, fixed); err != nil {
		t.Fatal(err)
	}
	s := open(t, "large", o)
	promoted := 0
	run(t, s, n+3, func(e lemonade.Event) {
		if e.Kind == lemonade.Promoted {
			promoted = e.Trial.ID
			if e.Trial.Brief {
				t.Error("what is promoted is not whole")
			}
		}
	})
	all := s.Trials() // read anew
	first := all[n]
	if first.Program == nil || first.Program.Source != source || len(first.Rungs) == 0 {
		t.Errorf("the interrupted round went on with %+v", first)
	}
	if diff := cmp.Diff(dropped, first.Dropped); diff != "" {
		t.Errorf("commands that were dropped (-want +got):\n%s", diff)
	}
	if promoted <= n {
		t.Fatalf("trial %d was promoted", promoted)
	}
	if got := all[promoted-1]; got.State != trial.Failed || got.Curve != nil || got.Quality != nil {
		t.Errorf("the longer training failed, and the trial is %s with a curve %v and a quality %v", got.State, got.Curve, got.Quality)
	}
}

// failing fails the trainings of so many epochs.
type failing struct {
	noTraining
	epochs int
}

func (f failing) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	if job.Budget.Epochs == f.epochs {
		return trial.Result{State: trial.Failed, Reason: trial.OutOfMemory}, nil
	}
	return f.noTraining.Evaluate(ctx, job, progress)
}
