package lemonade

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// RunOptions say how far a run goes and who is told.
type RunOptions struct {
	Trials int         // in total, those of earlier runs included
	Stop   Stop        // end sooner
	On     func(Event) // called from Run's goroutine, in order; may be nil
}

// Run carries the study on until it has the number of trials asked for. It is the
// papers' algorithm, one round after the other:
//
//	advise  the expert system turns the history into commands
//	propose the proposer turns the commands into a program that parses,
//	        keeps the limits and is new, within its repair turns
//	measure a worker process trains the network and measures it
//	score   the objective weighs the measurements; all is recorded
//
// A trial that was interrupted earlier comes first and keeps its id. Run returns
// nil when it is through or a condition of Stop holds, [record.ErrRunning] where
// another process runs the study, and ctx.Err() when it is cancelled; nothing is
// lost then.
func (s *Study) Run(ctx context.Context, o RunOptions) error {
	r, err := s.start(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	for !r.finished() {
		t, err := r.next(ctx)
		if err != nil {
			return err
		}
		if t.State == trial.Waiting {
			if err := r.propose(ctx, &t); err != nil {
				return err
			}
		}
		if t.State == trial.Running {
			if err := r.measure(ctx, &t); err != nil {
				return err
			}
		}
		if err := r.score(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

// next returns the interrupted trial, or a new one with the expert's commands.
func (r *runner) next(ctx context.Context) (trial.Trial, error) {
	if n := len(r.trials); n > 0 && !r.trials[n-1].State.Done() {
		return r.trials[n-1], nil
	}
	t := trial.Trial{ID: len(r.trials) + 1, State: trial.Waiting, Proposer: r.proposer.Name(), Started: time.Now()}
	advice, err := r.rules.Advise(expert.Input{
		History: r.trials, Objective: r.objective, Trial: t.ID,
		Task: expert.Task{Name: r.info.Name, Input: r.info.Shape, Classes: len(r.info.ClassNames)},
	})
	if err != nil {
		return t, fmt.Errorf("trial %d: the expert system: %w", t.ID, err)
	}
	t.Parent, t.Commands = advice.Parent, advice.Commands
	r.trials = append(r.trials, t)
	if err := r.save(ctx, t); err != nil {
		return t, err
	}
	r.run.On(Event{Kind: Began, Trial: t})
	return t, nil
}

// propose asks for a program until one is accepted: by the study's proposer
// first, then by the rule book. The trial is Running afterwards, or has ended as
// its last attempt did.
func (r *runner) propose(ctx context.Context, t *trial.Trial) error {
	if n := len(t.Attempts); n > 0 && t.Attempts[n-1].State == trial.Complete { // interrupted before it was accepted
		return r.acceptAgain(ctx, t)
	}
	if turns := len(t.Attempts); turns <= repairs { // else an interrupted trial had come as far as the rule book
		if err := r.ask(ctx, t, r.proposer, turns, repairs); err != nil || t.State == trial.Running {
			return err
		}
	}
	if r.proposer.Name() != r.fallback.Name() {
		r.run.On(Event{Kind: Note, Trial: *t, Text: fmt.Sprintf("trial %d: no program of %s was accepted, the rule book proposes", t.ID, r.proposer.Name())})
		if err := r.ask(ctx, t, r.fallback, len(t.Attempts), len(t.Attempts)+repairs); err != nil || t.State == trial.Running {
			return err
		}
	}
	last := t.Attempts[len(t.Attempts)-1]
	t.State, t.Reason = last.State, last.Reason
	return nil
}

// measure trains the network in a worker. The record says so before it begins,
// and how often it did.
func (r *runner) measure(ctx context.Context, t *trial.Trial) error {
	t.Runs++
	if err := r.save(ctx, *t); err != nil {
		return err
	}
	job := r.job(t.Program)
	job.Weights = r.weightsFile(t.ID)
	result, err := r.evaluator.Evaluate(ctx, job, func(p trial.Progress) {
		r.run.On(Event{Kind: Progress, Trial: *t, Progress: &p})
	})
	if err != nil {
		return err // the trial stays Running: the next run takes it up again
	}
	t.State, t.Reason, t.Curve = result.State, result.Reason, result.Curve
	for name, m := range result.Metrics {
		t.Metrics[name] = m
	}
	if t.State == trial.Complete {
		t.Weights = job.Weights
	} else {
		_ = os.Remove(job.Weights) // there are some where it failed after the training
	}
	return nil
}

// score weighs what was measured and ends the trial.
func (r *runner) score(ctx context.Context, t *trial.Trial) error {
	t.Ended = time.Now()
	if t.State == trial.Complete {
		if r.objective.Fix(t.Metrics) { // the first measured trial fixes the anchors, for good
			if err := r.store.SetState(context.WithoutCancel(ctx), r.name, []byte(asJSON(r.objective))); err != nil {
				return err
			}
		}
		if reason := r.objective.Infeasible(t.Metrics); reason != "" {
			t.State, t.Reason = trial.Infeasible, reason
		}
		if e, ok := r.objective.Score(t.Metrics); ok {
			t.Effectiveness = &e
		}
	}
	if err := r.save(ctx, *t); err != nil {
		return err
	}
	r.run.On(Event{Kind: Ended, Trial: *t})
	return r.keepFront(ctx)
}
