package lemonade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Extras are the study's trainings outside its search: [Study.Baselines],
// [Study.Final] and [Study.Rank] make them.
func (s *Study) Extras() trial.Extras {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.extras)
	score(all, s.objective)
	return all
}

// TestReads are all accesses to the test split, the oldest first.
func (s *Study) TestReads() []trial.TestRead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reads)
}

// readExtras reads them from the record.
func (s *Study) readExtras(ctx context.Context) error {
	extras, err := s.store.Extras(ctx, s.name)
	if err != nil {
		return err
	}
	reads, err := s.store.TestReads(ctx, s.name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.extras, s.reads = extras, reads
	s.mu.Unlock()
	return nil
}

// extra returns what the record has of a training: the same purpose, network, budget
// and seed. Of several it is the one that came furthest.
func (s *Study) extra(want trial.Extra) (trial.Extra, bool) {
	var found trial.Extra
	for _, x := range s.Extras() {
		if x.Purpose != want.Purpose || x.Name != want.Name || x.Of != want.Of || x.Epochs != want.Epochs || x.Seed != want.Seed ||
			want.Purpose == trial.Baseline && (x.Program == nil || x.Program.Source != want.Program.Source) { // it was another program then
			continue
		}
		if found = x; kept(x) {
			break
		}
	}
	return found, found.ID != 0
}

// kept reports whether a training is through. One that failed is tried again.
func kept(x trial.Extra) bool { return x.State == trial.Complete || x.State == trial.Infeasible }

// carryOut trains what the record does not have yet of some trainings, one after the
// other, and returns all of them. What is complete when ctx is cancelled stays.
func (s *Study) carryOut(ctx context.Context, what string, plan trial.Extras, on func(Event)) (trial.Extras, error) {
	all := slices.Clone(plan)
	left := 0
	for i, x := range all {
		if found, ok := s.extra(x); ok && kept(found) {
			all[i] = found
		} else {
			left++
		}
	}
	if left == 0 {
		return all, nil
	}
	if s.settings.Replay != "" {
		return nil, fmt.Errorf("%s: study %q repeats what %q recorded and trains nothing: ask for it in a study of another name", what, s.name, s.settings.Replay)
	}
	r, err := s.hold(ctx, RunOptions{On: on})
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.useData(ctx); err != nil {
		return nil, err
	}
	if err := r.useEvaluator(ctx); err != nil {
		return nil, err
	}
	for i, x := range all {
		if kept(x) {
			continue
		}
		if found, ok := s.extra(x); ok {
			if all[i] = found; kept(found) { // by another process, meanwhile
				continue
			}
		}
		if all[i], err = r.trainExtra(ctx, all[i], fmt.Sprintf("%s (%d of %d)", nameOf(x), i+1, len(all))); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// nameOf says what a training is.
func nameOf(x trial.Extra) string {
	if x.Purpose == trial.Baseline {
		return "baseline " + x.Name
	}
	return fmt.Sprintf("%s of trial %d, %d epochs, seed %d", x.Purpose, x.Of, x.Epochs, x.Seed)
}

// trainExtra trains and measures one network outside the search. The record says so
// before it begins. A test split is read when all else is done, and that is recorded
// before its figure is known.
func (r *runner) trainExtra(ctx context.Context, x trial.Extra, title string) (trial.Extra, error) {
	job, broken, err := r.extraJob(ctx, &x)
	if err != nil {
		return x, fmt.Errorf("%s: %w", nameOf(x), err)
	}
	if x.ID == 0 {
		x.ID = -1
		for _, other := range r.Extras() {
			x.ID = min(x.ID, other.ID-1)
		}
		x.Started = time.Now()
	}
	if x.Key, err = trial.Key(job, r.engine); err != nil {
		return x, err
	}
	x.State, x.Reason, x.Ended = trial.Running, "", time.Time{}
	var result trial.Result
	if !job.Test { // a final is trained here, and its access to the test split recorded
		if result, x.Reused, err = r.reuse(ctx, job, x.Key); err != nil {
			return x, err
		}
	}
	conditions := r.conditions(job)
	if x.Conditions = &conditions; x.Reused != nil {
		r.emit(Event{Kind: Note, Trial: x.Trial, Text: fmt.Sprintf("%s: trained before, in %s, and not trained again", nameOf(x), x.Reused)})
		r.take(&x, result, job, broken)
		return x, r.saveExtra(ctx, x)
	}
	x.Runs++
	if err := r.saveExtra(ctx, x); err != nil {
		return x, err
	}
	r.emit(Event{Kind: Began, Trial: x.Trial, Text: title})

	read := &testRead{runner: r, x: x, wanted: job.Test}
	result, err = r.evaluator.Evaluate(ctx, job, func(p trial.Progress) {
		if p.Phase == trial.PhaseTest {
			read.once(ctx)
		}
		r.emit(Event{Kind: Progress, Trial: x.Trial, Progress: &p, Text: title})
	})
	if _, ok := result.Metrics[trial.TestAccuracy]; ok { // an evaluator that tells no progress
		read.once(ctx)
	}
	if err := errors.Join(read.err, err); err != nil {
		return x, err // it stays Running: the next call takes it up again
	}
	r.take(&x, result, job, broken)
	if err := r.saveExtra(ctx, x); err != nil {
		return x, err
	}
	r.emit(Event{Kind: Ended, Trial: x.Trial, Text: title})
	return x, nil
}

// take ends a training with its result.
func (r *runner) take(x *trial.Extra, result trial.Result, job trial.Job, broken string) {
	x.State, x.Reason, x.Curve, x.Seconds, x.Forecast, x.Quality = result.State, result.Reason, result.Curve, result.Seconds, result.Forecast, result.Quality
	x.Metrics, _ = r.static(x.Program)
	for name, m := range result.Metrics {
		if x.Purpose == trial.Baseline || !slices.Contains(ofInference, name) {
			x.Metrics[name] = m
		}
	}
	x.Ended = time.Now()
	if _, ok := x.Metrics[trial.TestAccuracy]; job.Test && !ok && x.State == trial.Complete {
		x.State, x.Reason = trial.Failed, trial.BadData+": the evaluator does not read the test split: use one of this version"
	}
	if x.Purpose == trial.Baseline && x.State == trial.Complete {
		if broken == "" {
			broken = r.objective.Infeasible(x.Metrics)
		}
		if broken != "" { // it is shown all the same
			x.State, x.Reason = trial.Infeasible, broken
		}
	}
	switch _, err := os.Stat(job.Weights); {
	case job.Weights == "":
	case x.State != trial.Complete:
		_ = os.Remove(job.Weights)
	case err == nil:
		x.Weights = job.Weights
	}
}

// briefly is what the measurement of inference may take in a long training: what the
// network costs is known from the search. So little time gives no figures worth keeping.
const briefly = 200 * time.Millisecond

var ofInference = []trial.Metric{
	trial.InferenceEnergy, trial.InferencePower, trial.Latency, trial.LatencyP95, trial.LatencyP99, trial.Throughput,
}

// extraJob is what a training asks of the evaluator: for a baseline the study's own
// job, for the others one on all training samples, with other epochs and another seed.
// None is stopped at a limit; which one a baseline breaks from the start is returned.
func (r *runner) extraJob(ctx context.Context, x *trial.Extra) (job trial.Job, broken string, err error) {
	if x.Purpose == trial.Baseline {
		program, err := r.parse(ctx, x.Program.Source)
		if wrong := (*evaluate.ProgramError)(nil); errors.As(err, &wrong) {
			return job, "", fmt.Errorf("its program is wrong for this data: %w", wrong)
		} else if err != nil {
			return job, "", err
		}
		x.Program, x.Hash, x.Costs = program, program.Network.Hash(), program.Network.Costs()
		_, broken = r.static(program)
		job = r.jobAt(program, len(r.settings.Ladder)) // of a whole training
		job.Budget.Limits = nil
		return job, broken, nil
	}
	job = r.job(x.Program)
	job.Budget.Epochs, job.Budget.Limits, job.Budget.Profile = x.Epochs, nil, briefly
	job.Data.TrainSamples, job.Data.Fingerprint = 0, r.whole
	job.Seed = x.Seed
	if x.Purpose == trial.Final {
		job.Test = true
		job.Weights = r.weightsOf(fmt.Sprintf("final-%d-%d-%d", x.Of, x.Epochs, x.Seed))
	}
	return job, "", nil
}

// saveExtra writes the training, also when the run is being cancelled.
func (r *runner) saveExtra(ctx context.Context, x trial.Extra) error {
	if err := r.store.SaveExtra(context.WithoutCancel(ctx), r.name, x); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.extras, func(other trial.Extra) bool { return other.ID == x.ID }); i >= 0 {
		r.extras[i] = x
	} else {
		r.extras = append(r.extras, x)
	}
	return nil
}

// testRead writes down the one access to the test split of a training.
type testRead struct {
	*runner
	x      trial.Extra
	wanted bool
	done   bool
	err    error
}

func (t *testRead) once(ctx context.Context) {
	if t.done || !t.wanted {
		return
	}
	t.done = true
	read := trial.TestRead{At: time.Now().UTC(), Who: who(), Purpose: t.x.Purpose, Trial: t.x.Of, Hash: t.x.Hash, Epochs: t.x.Epochs, Seed: t.x.Seed}
	if t.err = t.store.AddTestRead(context.WithoutCancel(ctx), t.name, read); t.err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.reads = append(t.reads, read)
	}
}

// who is the user and the machine, as far as they are known.
func who() string {
	name, host := "unknown user", "unknown machine"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil && h != "" {
		host = h
	}
	return name + " on " + host
}

// score sets the effectiveness of the baselines, as far as the study's objective has
// its anchors.
func score(all trial.Extras, o objective.Objective) {
	for i, x := range all {
		if x.Purpose != trial.Baseline || x.State != trial.Complete {
			continue
		}
		if e, ok := o.Score(objective.MetricsOf(x.Trial)); ok {
			all[i].Effectiveness = &e
		}
	}
}
