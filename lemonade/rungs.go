package lemonade

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// jobAt is the training of a program at a rung, from 1; in a study without rungs
// there is but one.
func (r *runner) jobAt(p *arch.Program, rung int) trial.Job {
	j := trial.Job{
		Network: p.Network, Recipe: p.Recipe, Choices: p.Taken(), Data: r.data, Seed: r.settings.Seed, Precision: r.precision,
		Budget: trial.Budget{Epochs: r.settings.Epochs, Profile: r.settings.Profile, Limits: r.stops()}, Account: r.settings.account(),
	}
	if ladder := r.settings.Ladder; len(ladder) > 0 {
		b := ladder[min(rung, len(ladder))-1]
		j.Budget.Epochs, j.Data.TrainSamples, j.Data.Fingerprint = b.Epochs, b.Samples, b.Fingerprint
	}
	return j
}

// top reports whether the next training of the trial is the whole one.
func (r *runner) top(t trial.Trial) bool { return len(t.Rungs)+1 >= len(r.settings.Ladder) }

// climbed adds what came of a training at a rung to the trial. What does not depend
// on the weights, such as energy and latency of inference, is known from the first
// rung on.
func (r *runner) climbed(t *trial.Trial, job trial.Job, key string, began time.Time, result trial.Result) {
	ladder := r.settings.Ladder
	metrics := trial.Metrics{}
	for name, m := range t.Metrics {
		if info, _ := name.Info(); info.Static || result.State == trial.Complete && !name.Follows() && !ofTraining(name) {
			metrics[name] = m
		}
	}
	maps.Copy(metrics, result.Metrics)
	t.Metrics, t.Key = metrics, key

	measured := maps.Clone(metrics)
	maps.DeleteFunc(measured, func(name trial.Metric, _ trial.Measurement) bool {
		info, _ := name.Info()
		return info.Static
	})
	rung := len(t.Rungs) + 1
	t.Rungs = append(slices.Clip(t.Rungs), trial.Rung{
		Rung: rung, Of: len(ladder), Step: 1 + trainings(r.Trials()), Epochs: job.Budget.Epochs, Samples: job.Data.TrainSamples, Share: ladder[rung-1].Share,
		Key: key, State: result.State, Reason: result.Reason, Metrics: measured, Curve: result.Curve, Seconds: result.Seconds, Started: began, Ended: time.Now(),
	})
}

// trainings counts those that have ended.
func trainings(h trial.History) (n int) {
	for _, t := range h {
		n += len(t.Rungs)
	}
	return n
}

// rest judges a trial that was measured at a rung below the top. Limits that a
// longer training may still keep are not held yet.
func (r *runner) rest(t *trial.Trial) {
	here := &t.Rungs[len(t.Rungs)-1]
	costs := maps.Clone(t.Metrics)
	for _, m := range []trial.Metric{trial.Accuracy, trial.TrainAccuracy, trial.Loss} {
		delete(costs, m)
	}
	if reason := r.objective.Infeasible(costs); reason != "" {
		t.State, t.Reason = trial.Infeasible, reason
		here.State, here.Reason = t.State, t.Reason
		return
	}
	if here.Through = r.through(*t); here.Through {
		t.State = trial.Running
		return
	}
	t.State = trial.Pruned
	trials := r.Trials()
	trials[t.ID-1] = *t
	standings := r.rank(trials, here.Rung)
	place := slices.IndexFunc(standings, func(s objective.Standing) bool { return s.ID == t.ID })
	t.Reason = r.standing(*here, standings[place].Rank, place+1, len(standings))
}

// through reports whether a trial goes through all rungs at once: until the anchors
// are fixed, and where a person wrote the program.
func (r *runner) through(t trial.Trial) bool {
	return t.Proposer == trial.ByHand || len(r.objective.Reference) == 0
}

// rank orders the trials that were measured at a rung by what was measured there,
// held against the first of them. Those that went through are among what others are
// ranked by, but take no place: nothing is to be decided about them.
func (r *runner) rank(h trial.History, rung int) []objective.Standing {
	measured := 0
	for _, t := range h {
		if len(t.Rungs) >= rung && t.Rungs[rung-1].State == trial.Complete {
			measured++
		}
	}
	if known, ok := r.ranked[rung]; ok && known.measured == measured { // what was measured never changes
		return known.standings
	}
	var at trial.History
	through := map[int]bool{}
	for _, t := range h {
		if then, ok := t.At(rung); ok {
			at = append(at, then)
			through[t.ID] = t.Rungs[rung-1].Through
		}
	}
	now := ranking{measured: measured}
	if measured > 0 {
		now.standings = r.objective.Anchored(objective.MetricsOf(at[0])).Rank(at)
		now.standings = slices.DeleteFunc(now.standings, func(s objective.Standing) bool { return through[s.ID] })
	}
	if r.ranked == nil {
		r.ranked = map[int]ranking{}
	}
	r.ranked[rung] = now
	return now.standings
}

// ranking is the order of a rung when so many trials were measured there.
type ranking struct {
	measured  int
	standings []objective.Standing
}

// promoted is how many of so many at a rung are to be promoted.
func (r *runner) promoted(of int) int { return of / r.settings.rungs().Reduction }

// standing says in words why a trial is not trained for longer: "rung 1 of 3: Pareto
// rank 2, 14th of 20, of which the best 6 go on".
func (r *runner) standing(at trial.Rung, rank, place, of int) string {
	ranked := fmt.Sprintf("Pareto rank %d", rank)
	if rank == 0 {
		ranked = "not ranked, since an axis of the front is unknown"
	}
	best := fmt.Sprintf("the best %d go on", r.promoted(of))
	switch r.promoted(of) {
	case 0:
		best = "none goes on yet"
	case 1:
		best = "the best goes on"
	}
	return fmt.Sprintf("%v: %s, %s of %d, of which %s", at, ranked, humanize.Ordinal(place), of, best)
}

// climbing is the trial that is on its way to the next rung: one that goes through,
// or whose training was interrupted.
func (r *runner) climbing() (trial.Trial, bool) {
	if len(r.settings.Ladder) == 0 {
		return trial.Trial{}, false
	}
	trials := r.Trials()
	i := slices.IndexFunc(trials, func(t trial.Trial) bool { return t.State == trial.Running && len(t.Rungs) > 0 })
	if i < 0 {
		return trial.Trial{}, false
	}
	return trials[i], true
}

// due is the trial that is to be promoted next. It follows from what was measured
// alone, so that a run that goes on decides as if it had never been interrupted.
func (r *runner) due() (trial.Trial, bool) {
	if len(r.settings.Ladder) == 0 {
		return trial.Trial{}, false
	}
	trials := r.Trials()
	for rung := len(r.settings.Ladder) - 1; rung >= 1; rung-- {
		standings := r.rank(trials, rung)
		for _, s := range standings[:r.promoted(len(standings))] {
			if t := trials[s.ID-1]; s.Rank > 0 && t.State == trial.Pruned && len(t.Rungs) == rung {
				return t, true
			}
		}
	}
	return trial.Trial{}, false
}

// settle brings the reasons of the pruned trials up to date, which were true when
// each of them was measured.
func (r *runner) settle(ctx context.Context) error {
	if len(r.settings.Ladder) == 0 {
		return nil
	}
	trials := r.Trials()
	for rung := 1; rung < len(r.settings.Ladder); rung++ {
		standings := r.rank(trials, rung)
		for place, s := range standings {
			t := trials[s.ID-1]
			if t.State != trial.Pruned || len(t.Rungs) != rung {
				continue
			}
			reason := r.standing(t.Rungs[rung-1], s.Rank, place+1, len(standings))
			if reason == t.Reason {
				continue
			}
			t.Reason = reason
			if err := r.save(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}
