package benchmark

import (
	"context"
	"maps"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// profileTime is what the measurement of inference may take. A comparison does
// not look at its results, which only describe the networks.
const profileTime = 200 * time.Millisecond

// once trains a network that no study of the folder has trained yet, and answers
// with what is recorded otherwise. No weights are written.
type once struct {
	worker evaluate.Evaluator
	store  *record.Store
}

func (o *once) Describe() evaluate.Description { return o.worker.Describe() }

func (o *once) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	about := o.worker.Describe()
	key, err := trial.Key(job, about.Engine)
	if err != nil {
		return trial.Result{}, err
	}
	_, found, ok, err := o.store.Find(ctx, key)
	if err != nil {
		return trial.Result{}, err
	}
	if ok {
		measured := maps.Clone(found.Metrics)
		maps.DeleteFunc(measured, func(_ trial.Metric, m trial.Measurement) bool { return m.Method == trial.MethodStatic })
		return trial.Result{
			State: trial.Complete, Metrics: measured, Curve: found.Curve, Seconds: found.Seconds, Device: about.Device, Engine: about.Engine,
		}, nil
	}
	job.Budget.Profile = profileTime
	job.Weights = ""
	return o.worker.Evaluate(ctx, job, progress)
}
