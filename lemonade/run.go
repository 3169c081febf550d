package lemonade

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// RunOptions say how far a run goes and who is told.
type RunOptions struct {
	Trials int         // in total, those of earlier runs included
	Stop   Stop        // end sooner
	On     func(Event) // never called by two goroutines at once; may be nil
}

// Run carries the study on until it has the number of trials asked for. It is the
// papers' algorithm, one round after the other:
//
//	prepare the expert system turns the history into commands, and the proposer
//	        turns the commands into a program that parses, keeps the limits and
//	        is new, within its repair turns
//	measure a worker process trains the network and measures it
//	score   the objective weighs the measurements; all is recorded
//
// In a study of rungs a network is trained briefly first, and a round of the loop is
// the promotion of one whenever one is due: see [Rungs].
//
// With a lag of 1 the next round is prepared while a network is trained, on what
// was known before that training.
//
// A trial that was interrupted earlier comes first and keeps its id. Run returns
// nil when it is through or a condition of Stop holds, [record.ErrRunning] where
// another process runs the study, and ctx.Err() when it is cancelled; nothing is
// lost then.
func (s *Study) Run(ctx context.Context, o RunOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	r, err := s.start(ctx, o)
	if err != nil {
		cancel()
		return err
	}
	defer r.close()
	defer r.ahead.wait()
	defer cancel()
	for !r.finished() {
		t, err := r.next(ctx)
		if err != nil {
			return err
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
	return r.settle(ctx)
}

// next returns the trial to go on with: one on its way to the next rung, else one
// that is to be promoted, else one of a new network.
func (r *runner) next(ctx context.Context) (trial.Trial, error) {
	t, ok := r.climbing()
	if !ok {
		t, ok = r.due()
	}
	if ok {
		t, _, err := r.Trial(ctx, t.ID)
		if err != nil {
			return t, err
		}
		t.State, t.Reason, t.Ended = trial.Running, "", time.Time{}
		r.emit(Event{Kind: Promoted, Trial: t})
		return t, nil
	}
	id := r.undone()
	t, err := r.prepared(ctx, id)
	if err == nil && r.settings.Lag > 0 && id < r.run.Trials {
		r.prepareAhead(ctx, id+1)
	}
	return t, err
}

// measure trains the network in a worker. The record says so before it begins,
// and how often it did.
//
// A network that a study of the folder has trained already is not trained again: see
// [Options].NoReuse.
func (r *runner) measure(ctx context.Context, t *trial.Trial) error {
	job := r.jobAt(t.Program, len(t.Rungs)+1)
	key, err := trial.Key(job, r.engine)
	if err != nil {
		return err
	}
	if r.top(*t) {
		job.Weights = r.weightsFile(t.ID)
	}
	_, job.Budget.NoProfile = t.LastRung()
	began := time.Now()
	result, from, err := r.reuse(ctx, job, key)
	if err != nil {
		return err
	}
	if from != nil {
		r.emit(Event{Kind: Note, Trial: *t, Text: fmt.Sprintf("trial %d: its network was trained before, in %s, and is not trained again", t.ID, from)})
	} else if result, err = r.train(ctx, t, job); err != nil {
		return err // the trial stays Running: the next run takes it up again
	}
	here := r.conditions(job)
	conditions := &here
	if last, ok := t.LastRung(); ok && (last.Conditions == nil || *last.Conditions != here) {
		conditions = nil // what was profiled at the first rung is kept
	}
	t.Reused = from
	t.State, t.Reason, t.Curve, t.Seconds, t.Forecast, t.Quality = result.State, result.Reason, result.Curve, result.Seconds, result.Forecast, result.Quality
	t.Conditions = conditions
	if len(r.settings.Ladder) > 0 {
		r.climbed(t, job, key, began, result)
		rung := &t.Rungs[len(t.Rungs)-1]
		rung.Reused, rung.Conditions = from, conditions
	} else {
		t.Metrics = maps.Clone(t.Metrics) // others may be looking
		maps.Copy(t.Metrics, result.Metrics)
	}
	if job.Weights == "" {
		return nil
	}
	switch _, err := os.Stat(job.Weights); {
	case t.State != trial.Complete:
		_ = os.Remove(job.Weights) // there are some where it failed after the training
	case err == nil: // an evaluator of another kind writes none
		t.Weights = job.Weights
	}
	return nil
}

// train has the job done by a worker.
func (r *runner) train(ctx context.Context, t *trial.Trial, job trial.Job) (trial.Result, error) {
	t.Runs++
	if err := r.save(ctx, *t); err != nil {
		return trial.Result{}, err
	}
	profiling := false
	result, err := r.evaluator.Evaluate(ctx, job, func(p trial.Progress) {
		if p.Phase == trial.PhaseProfile && !profiling {
			profiling = true
			r.ahead.quiet.Lock()
		}
		if rungs := len(r.settings.Ladder); rungs > 0 {
			p.Rung, p.Rungs = len(t.Rungs)+1, rungs
		}
		r.emit(Event{Kind: Progress, Trial: *t, Progress: &p})
	})
	if profiling {
		r.ahead.quiet.Unlock()
	}
	return result, err
}

// score weighs what was measured and ends the trial.
func (r *runner) score(ctx context.Context, t *trial.Trial) error {
	t.Ended = time.Now()
	rungs := len(t.Rungs)
	switch {
	case t.State != trial.Complete:
	case rungs < len(r.settings.Ladder):
		r.rest(t)
	default:
		if r.fix(t.Metrics) { // the first trial that was trained in full fixes the anchors, for good
			if err := r.store.SetState(context.WithoutCancel(ctx), r.name, []byte(asJSON(r.objective))); err != nil {
				return err
			}
		}
		if reason := r.objective.Infeasible(t.Metrics); reason != "" {
			t.State, t.Reason = trial.Infeasible, reason
		}
		if rungs > 0 {
			t.Rungs[rungs-1].State, t.Rungs[rungs-1].Reason = t.State, t.Reason
		}
		if e, ok := r.objective.Score(t.Metrics); ok {
			t.Effectiveness = &e
		}
	}
	if err := r.save(ctx, *t); err != nil {
		return err
	}
	if t.State == trial.Running { // goes through to the next rung
		return nil
	}
	r.emit(Event{Kind: Ended, Trial: *t})
	return r.keepFront(ctx)
}

// fix completes the objective, which others may be reading.
func (r *runner) fix(m trial.Metrics) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objective.Fix(m)
}
