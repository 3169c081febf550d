package benchmark

import (
	"context"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// profileTime is what the measurement of inference may take. A comparison does
// not look at its results, which only describe the networks.
const profileTime = 200 * time.Millisecond

// brief measures a trained network no longer than it must, and keeps no weights.
type brief struct{ evaluate.Evaluator }

func (b brief) Describe() evaluate.Description {
	about := b.Evaluator.Describe()
	about.Profile = profileTime
	return about
}

func (b brief) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	job.Budget.Profile = profileTime
	job.Weights = ""
	return b.Evaluator.Evaluate(ctx, job, progress)
}
