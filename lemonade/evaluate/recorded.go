package evaluate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Recorded is the [Evaluator] that trains nothing: it answers with what a study
// measured for the same network with the same recipe, and fails as that did. A
// trial that broke a limit after it was measured is Complete again, for the
// objective to judge. A network that the study never measured is an error, since
// no trial of a replay can be measured then.
func Recorded(h trial.History, about Description) Evaluator { return recorded{h, about} }

type recorded struct {
	history trial.History
	about   Description
}

func (e recorded) Describe() Description { return e.about }

func (e recorded) Evaluate(ctx context.Context, job trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	if err := ctx.Err(); err != nil {
		return trial.Result{}, err
	}
	if job.Network == nil {
		return trial.Result{}, errors.New("evaluate: the job has no network")
	}
	hash := job.Network.Hash()
	i := slices.IndexFunc(e.history, func(t trial.Trial) bool {
		return measured(t) && t.Hash == hash && t.Program.Recipe == job.Recipe
	})
	if i < 0 {
		return trial.Result{}, fmt.Errorf("evaluate: the network %s with this recipe is not among the %d recorded trials: replay the study with the same options and the same version of this program, or train it in a study of its own", hash, len(e.history))
	}
	t := e.history[i]
	if len(t.Rungs) > 0 {
		return e.rung(t, job)
	}
	out := trial.Result{
		State: t.State, Reason: t.Reason, Metrics: trial.Metrics{}, Curve: slices.Clone(t.Curve), Seconds: maps.Clone(t.Seconds), Forecast: t.Forecast, Quality: t.Quality,
		Device: e.about.Device, Engine: e.about.Engine,
	}
	if _, trained := t.Metrics[trial.Accuracy]; trained && t.State == trial.Infeasible {
		out.State, out.Reason = trial.Complete, ""
	}
	for name, m := range t.Metrics {
		if info, _ := name.Info(); !info.Static {
			out.Metrics[name] = m
		}
	}
	return out, nil
}

// rung answers with what was measured at the rung of the job's budget.
func (e recorded) rung(t trial.Trial, job trial.Job) (trial.Result, error) {
	i := slices.IndexFunc(t.Rungs, func(r trial.Rung) bool {
		return r.Epochs == job.Budget.Epochs && r.Samples == job.Data.TrainSamples
	})
	if i < 0 {
		return trial.Result{}, fmt.Errorf("evaluate: the network %s was not trained for %d epochs on %d samples (0 are all) among the recorded trials: replay the study with the same options and the same version of this program", t.Hash, job.Budget.Epochs, job.Data.TrainSamples)
	}
	r := t.Rungs[i]
	out := trial.Result{
		State: r.State, Reason: r.Reason, Metrics: maps.Clone(r.Metrics), Curve: slices.Clone(r.Curve), Seconds: maps.Clone(r.Seconds),
		Device: e.about.Device, Engine: e.about.Engine,
	}
	if i == len(t.Rungs)-1 {
		out.Forecast, out.Quality = t.Forecast, t.Quality
	}
	if _, trained := r.Metrics[trial.Accuracy]; trained && r.State == trial.Infeasible {
		out.State, out.Reason = trial.Complete, ""
	}
	return out, nil
}

// measured reports whether a trial went through its evaluation.
func measured(t trial.Trial) bool {
	return t.Program != nil && (t.State == trial.Complete || t.State == trial.Pruned || t.State == trial.Failed || t.State == trial.Infeasible)
}
