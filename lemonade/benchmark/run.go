package benchmark

import (
	"context"
	"errors"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// patience is how many rounds in a row a language model may leave without any
// answer: beyond that the arm would measure the rule book that steps in.
const patience = 3

// Run carries every study on to its number of trials: all arms of a seed before
// the next seed. What is there already stays, so the same call goes on after
// ctx was cancelled, which returns ctx.Err(), or after any other error. A language
// model that cannot be asked is an error before anything is trained.
func Run(ctx context.Context, o Options) (err error) {
	o, err = o.complete()
	if err != nil {
		return err
	}
	for _, a := range o.Arms {
		if _, err := propose.New(a.Proposer, o.LLM); err != nil {
			return fmt.Errorf("arm %s: %w", a, err)
		}
	}
	worker, err := evaluate.Open(ctx, evaluate.Options{Log: o.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.Close()) }()
	return run(ctx, o, brief{worker})
}

func run(ctx context.Context, o Options, e evaluate.Evaluator) error {
	for _, seed := range o.Seeds {
		for _, a := range o.Arms {
			if err := runStudy(ctx, o, a, seed, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func runStudy(ctx context.Context, o Options, a Arm, seed int64, e evaluate.Evaluator) (err error) {
	options := o.study(a, seed)
	options.Evaluator = e
	study, err := lemonade.Open(ctx, o.name(a, seed), options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()

	limited, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent, told := 0, 0
	err = study.Run(limited, lemonade.RunOptions{Trials: o.Trials, On: func(event lemonade.Event) {
		if event.Kind != lemonade.Ended {
			return
		}
		o.Log(line(a, seed, event.Trial, o.Trials))
		if event.Trial.ID <= told { // it ends again, at a higher rung
			return
		}
		told = event.Trial.ID
		if silent++; !unanswered(a, event.Trial) {
			silent = 0
		}
		if silent >= patience {
			stop(fmt.Errorf("arm %s, seed %d: the language model answered in none of the last %d rounds (%s): see to it and run the same command again",
				a, seed, silent, event.Trial.Attempts[0].Reason))
		}
	}})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return context.Cause(limited)
	}
	return err
}

// unanswered reports whether the arm's model was asked in a round and gave no answer.
func unanswered(a Arm, t trial.Trial) bool {
	asked := false
	for _, attempt := range own(a, t) {
		if answered(attempt) {
			return false
		}
		asked = true
	}
	return asked
}

// line tells how a trial ended.
func line(a Arm, seed int64, t trial.Trial, of int) string {
	metrics := objective.MetricsOf(t)
	value := func(m trial.Metric) string {
		if v, ok := metrics[m]; ok {
			return objective.Format(m, v.Value)
		}
		return "unknown"
	}
	text := fmt.Sprintf("%s seed %d trial %d/%d: %s, accuracy %s, macs %s, turns %d", a, seed, t.ID, of, t.State, value(trial.Accuracy), value(trial.MACs), len(t.Attempts))
	if n := len(t.Rungs); n > 0 && t.State == trial.Complete {
		text += ", " + t.Rungs[n-1].String()
	}
	if t.Proposer != a.Proposer {
		text += ", proposed by " + t.Proposer
	}
	if t.State != trial.Complete && t.Reason != "" {
		text += ": " + t.Reason
	}
	return text
}
