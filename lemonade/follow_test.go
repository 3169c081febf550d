package lemonade_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// gated is an evaluator that tells of its progress and waits for leave to end.
type gated chan struct{}

func (s gated) Evaluate(ctx context.Context, j trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	progress(trial.Progress{Phase: trial.PhaseCompile})
	progress(trial.Progress{Phase: trial.PhaseTrain, Done: 0.5, Epoch: 1, Epochs: 2, Forecast: &trial.Forecast{Seconds: 40}})
	select {
	case <-s:
		return measured(j), nil
	case <-ctx.Done():
		return trial.Result{}, ctx.Err()
	}
}

func (gated) Describe() evaluate.Description { return evaluate.Description{Engine: "gated"} }

// TestFollow follows a study that another handle runs, from the middle of its
// first trial to its end.
func TestFollow(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	leave := make(gated)
	o.Evaluator = leave
	running := open(t, "followed", o)
	watched := open(t, "followed", lemonade.Options{Dir: o.Dir})

	told := 0
	if err := watched.Follow(t.Context(), func(lemonade.Event) { told++ }); err != nil || told != 0 {
		t.Fatalf("nobody runs it: %d events, %v; want none at once", told, err)
	}

	ended := make(chan error)
	training := make(chan struct{}, 2)
	go func() {
		ended <- running.Run(t.Context(), lemonade.RunOptions{Trials: 2, On: func(e lemonade.Event) {
			if e.Kind == lemonade.Progress && e.Progress.Phase == trial.PhaseTrain {
				training <- struct{}{}
			}
		}})
	}()
	<-training
	if who, is, err := watched.Running(); err != nil || !is || who.Trials != 2 || who.Trial != 1 {
		t.Errorf("running: %+v, %v, %v; want trial 1 of 2", who, is, err)
	}

	var events []string
	released := map[int]bool{}
	err := watched.Follow(t.Context(), func(e lemonade.Event) {
		line := fmt.Sprintf("%d of %d %s", e.Trial.ID, e.Trials, e.Kind)
		switch e.Kind {
		case lemonade.Progress:
			line += fmt.Sprintf(" %s %.1f forecast %v", e.Progress.Phase, e.Progress.Done, e.Progress.Forecast.Seconds)
			if !released[e.Trial.ID] {
				released[e.Trial.ID] = true
				leave <- struct{}{}
			}
		case lemonade.Answered:
			line += fmt.Sprintf(" %d %s", len(e.Trial.Attempts), e.Trial.Attempts[len(e.Trial.Attempts)-1].State)
		case lemonade.Ended:
			line += " " + string(e.Trial.State)
		}
		events = append(events, line)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// The rule book answers at once, so that the record has the answer where a
	// follower looks first.
	want := strings.Split(`1 of 2 began
1 of 2 answered 1 complete
1 of 2 progress train 0.5 forecast 40
1 of 2 ended complete
2 of 2 began
2 of 2 answered 1 complete
2 of 2 progress train 0.5 forecast 40
2 of 0 ended complete`, "\n")
	// Whether the lock is still held when the last trial's end is seen, is chance.
	last := len(events) - 1
	events[last] = strings.Replace(events[last], "2 of 2", "2 of 0", 1)
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := len(watched.Trials()); n != 2 || watched.Trials()[1].State != trial.Complete {
		t.Errorf("the follower has %d trials: %+v", n, watched.Trials())
	}
	if _, is, err := watched.Running(); is || err != nil {
		t.Errorf("after the end: running %v, %v", is, err)
	}
}

// TestFollowIsCancelled holds that a follower ends when it is told to, and the
// run goes on.
func TestFollowIsCancelled(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	leave := make(gated)
	o.Evaluator = leave
	running := open(t, "followed", o)
	watched := open(t, "followed", lemonade.Options{Dir: o.Dir})
	ended := make(chan error)
	began := make(chan struct{}, 1)
	go func() {
		ended <- running.Run(t.Context(), lemonade.RunOptions{Trials: 1, On: func(e lemonade.Event) {
			if e.Kind == lemonade.Began {
				began <- struct{}{}
			}
		}})
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	if err := watched.Follow(ctx, func(lemonade.Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it cancelled", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	leave <- struct{}{}
	if err := <-ended; err != nil {
		t.Errorf("the run that was followed: %v", err)
	}
}
