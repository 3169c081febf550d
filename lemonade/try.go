package lemonade

import (
	"context"
	"fmt"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Try trains and measures a program that a person wrote, as a trial of the study
// whose proposer is [trial.ByHand], and returns that trial. It counts as one of
// [RunOptions].Trials, and a search that goes on afterwards may change its network
// as any other.
//
// A program that does not parse, or that breaks a limit which is known before any
// training, is an error with the exact reason, and no trial begins. Nothing is
// trained twice: where the same network with the same recipe was a trial of the
// study already, that one is returned.
//
// What happens meanwhile is told to on, which may be nil. When ctx is cancelled the
// trial stays as it is: to try the same program again takes it up, and so does
// [Study.Run].
func (s *Study) Try(ctx context.Context, source string, on func(Event)) (trial.Trial, error) {
	if s.settings.Replay != "" {
		return trial.Trial{}, fmt.Errorf("try: study %q repeats what %q recorded and trains nothing: try the program in a study of another name", s.name, s.settings.Replay)
	}
	r, err := s.hold(ctx, RunOptions{On: on})
	if err != nil {
		return trial.Trial{}, err
	}
	defer r.close()
	if err := r.useData(ctx); err != nil {
		return trial.Trial{}, err
	}
	if err := r.useEvaluator(ctx); err != nil {
		return trial.Trial{}, err
	}
	t, err := r.byHand(ctx, source)
	if err != nil || t.State.Done() {
		return t, err
	}
	for !t.State.Done() { // through all rungs, where the study has some
		if err := r.measure(ctx, &t); err != nil {
			return t, err
		}
		if err := r.score(ctx, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

// byHand begins the trial of a program, or returns the one that it was already.
func (r *runner) byHand(ctx context.Context, source string) (trial.Trial, error) {
	d := r.round(len(r.Trials()) + 1)
	program, state, reason, err := d.check(ctx, source)
	switch {
	case err != nil:
		return trial.Trial{}, err
	case state == trial.Duplicate:
		known, _, err := r.Trial(ctx, r.known(program))
		return known, err
	case state != trial.Complete:
		return trial.Trial{}, fmt.Errorf("the program is %s and is not trained: %s", state, reason)
	}
	d.State, d.Proposer, d.Started = trial.Waiting, trial.ByHand, time.Now()
	if err := d.save(ctx, d.Trial); err != nil {
		return d.Trial, err
	}
	d.emit(Event{Kind: Began, Trial: d.Trial})
	_, err = d.answered(ctx, hand(source), 0, propose.Proposal{Source: source}, nil)
	return d.Trial, err
}

// hand is the proposer of the one program that a person wrote.
type hand string

func (hand) Name() string { return trial.ByHand }

func (h hand) Propose(ctx context.Context, _ propose.Request) (propose.Proposal, error) {
	return propose.Proposal{Source: string(h)}, ctx.Err()
}
