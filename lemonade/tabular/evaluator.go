package tabular

import (
	"context"
	"errors"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var _ evaluate.Evaluator = (*Table)(nil)

// Describe says that the values are those of this table: a trial of another table, or
// of other columns, is another experiment.
func (t *Table) Describe() evaluate.Description {
	return evaluate.Description{Engine: t.engine, Precision: "table", Device: "table", Backend: "table", Meter: trial.MethodTable}
}

// Evaluate looks the row up that the job's choices stand for. An architecture that
// the table has not is a failed trial.
func (t *Table) Evaluate(ctx context.Context, job trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	if err := ctx.Err(); err != nil {
		return trial.Result{}, err
	}
	if job.Network == nil {
		return trial.Result{}, errors.New("tabular: the job has no network")
	}
	result := trial.Result{State: trial.Failed, Device: "table", Engine: t.engine}
	architecture, err := Architecture(job.Choices)
	if err != nil {
		result.Reason = fmt.Sprintf("%s: %v", trial.BadData, err)
		return result, nil
	}
	row, ok := t.Find(architecture)
	if !ok {
		result.Reason = fmt.Sprintf("%s: the table has no %s and %s of %s", trial.BadData, t.Accuracy, t.Cost, architecture)
		return result, nil
	}
	result.State, result.Metrics = trial.Complete, t.Metrics(row)
	return result, nil
}
