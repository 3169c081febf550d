package lemonade_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// small is a network of one convolution, and renamed the same under other names.
const (
	small   = "def network(x, classes):\n    x = relu(conv(x, 8))\n    return dense(global_avg_pool(x), classes)\n"
	renamed = "def network(picture, classes):\n    features = conv(picture, filters = 8)\n    return dense(global_avg_pool(relu(features)), classes)\n"
)

func TestTry(t *testing.T) {
	trainings := 0
	o := quick
	o.Dir = t.TempDir()
	o.Limits = map[trial.Metric]float64{trial.Params: 5_000}
	o.Evaluator = scripted(func(j trial.Job) trial.Result {
		trainings++
		return measured(j)
	})
	s := open(t, "mine", o)
	var told []lemonade.Kind
	first, err := s.Try(t.Context(), small, func(e lemonade.Event) {
		if e.Kind != lemonade.Note { // of what is prepared on first use
			told = append(told, e.Kind)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.ID != 1 || first.State != trial.Complete || first.Proposer != trial.ByHand || first.Effectiveness == nil || len(first.Attempts) != 1 {
		t.Errorf("the trial is %+v, want one by hand, complete and scored", first)
	}
	if diff := cmp.Diff([]lemonade.Kind{lemonade.Began, lemonade.Answered, lemonade.Ended}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	again, err := s.Try(t.Context(), renamed, nil)
	if err != nil || again.ID != 1 || trainings != 1 {
		t.Errorf("the same under other names: trial %d after %d trainings (%v), want trial 1 after one", again.ID, trainings, err)
	}
	for source, want := range map[string][]string{
		"def network(x, classes):\n    return dense(conv(x, 2) + conv(x, 3), classes)\n":                {"invalid", "model.star:2:", "[8 8 2]"},
		"def network(x, classes):\n    return dense(global_avg_pool(conv(conv(x, 64), 64)), classes)\n": {"infeasible", "params", "limit of 5 k"},
		"I would rather not.": {"invalid", "model.star:1:"},
	} {
		_, err := s.Try(t.Context(), source, nil)
		if err == nil {
			t.Errorf("%q: no error", source)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: error %q does not say %q", source, err, part)
			}
		}
	}
	if n := len(s.Trials()); n != 1 || trainings != 1 {
		t.Errorf("%d trials after %d trainings: a refused program begins none", n, trainings)
	}

	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil {
		t.Fatal(err)
	}
	if second := s.Trials()[1]; second.Proposer != "rulebook" || second.Parent != 1 {
		t.Errorf("trial 2 is by %s from trial %d, want the rule book's from trial 1", second.Proposer, second.Parent)
	}

	replayed := open(t, "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "mine"})
	if err := replayed.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil {
		t.Fatal(err)
	}
	for i, tr := range replayed.Trials() {
		if want := s.Trials()[i]; tr.State != want.State || tr.Hash != want.Hash {
			t.Errorf("trial %d is replayed as %s %s, was %s %s", tr.ID, tr.State, tr.Hash, want.State, want.Hash)
		}
	}
	if _, err := replayed.Try(t.Context(), small, nil); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("a study that is replayed: %v, want an error that says to take another", err)
	}
}

// interruptible ends with ctx in its first trainings.
type interruptible struct {
	scripted
	cancel context.CancelFunc
}

func (i *interruptible) Evaluate(ctx context.Context, j trial.Job, on func(trial.Progress)) (trial.Result, error) {
	if cancel := i.cancel; cancel != nil {
		cancel()
		return trial.Result{}, ctx.Err()
	}
	return i.scripted.Evaluate(ctx, j, on)
}

// TestTryInterrupted holds that an interrupted trial is taken up by the same program
// and by a run alike.
func TestTryInterrupted(t *testing.T) {
	for _, byRun := range []bool{false, true} {
		t.Run(fmt.Sprintf("by run %t", byRun), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			e := &interruptible{scripted(measured), cancel}
			var _ evaluate.Evaluator = e
			o := quick
			o.Dir, o.Evaluator = t.TempDir(), e
			s := open(t, "mine", o)
			if tr, err := s.Try(ctx, small, nil); !errors.Is(err, context.Canceled) || tr.State != trial.Running {
				t.Fatalf("trial %d is %s (%v), want it running and cancelled", tr.ID, tr.State, err)
			}
			e.cancel = nil
			var err error
			if byRun {
				err = s.Run(t.Context(), lemonade.RunOptions{Trials: 1})
			} else {
				_, err = s.Try(t.Context(), renamed, nil)
			}
			if all := s.Trials(); err != nil || len(all) != 1 || all[0].State != trial.Complete || all[0].Runs != 2 || all[0].Proposer != trial.ByHand {
				t.Errorf("%v: %+v, want one trial by hand, complete in its second run", err, all)
			}
		})
	}
}
