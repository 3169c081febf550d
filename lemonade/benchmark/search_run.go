package benchmark

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/tabular"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// searcher is what all searches share.
type searcher struct {
	SearchOptions
	task      propose.Task
	recipe    arch.Recipe
	rules     *expert.RuleBook
	objective objective.Objective
	scale     scale
	programs  programs
	worker    *evaluate.Local // which runs what a language model writes; nil where none is asked
}

func newSearcher(ctx context.Context, o SearchOptions) (*searcher, error) {
	info, err := datasets.Lookup(o.Data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	input := arch.InputOf(info.Shape, info.Vocabulary)
	s := &searcher{
		SearchOptions: o, rules: expert.Default(), recipe: arch.RecipeFor(input), scale: scaleOf(o.Table),
		task: propose.Task{Data: datasets.Short(info.Name), Title: info.Title, Input: input, Classes: len(info.ClassNames), ClassNames: info.ClassNames, Epochs: 200},
	}
	s.programs.recipe = s.recipe
	s.objective, err = objective.New([]objective.Want{{Metric: trial.Accuracy, Priority: objective.High}, {Metric: o.Table.Metric, Priority: objective.Medium}}, nil)
	if err != nil {
		return nil, err
	}
	if s.objective, err = s.objective.On(trial.Accuracy, o.Table.Metric); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(o.Strategies, s.asksModel) {
		s.worker, err = evaluate.Open(ctx, evaluate.Options{ParseOnly: true, Log: o.Log})
	}
	return s, err
}

func (s *searcher) close() {
	if s.worker != nil {
		_ = s.worker.Close()
	}
}

// asksModel reports whether a strategy asks a language model.
func (s *searcher) asksModel(a Arm) bool {
	model, _, _, err := s.LLM.Resolve(a.Proposer)
	return err == nil && model != ""
}

// parse runs a program that a proposer here has written.
func (s *searcher) parse(source string) (*arch.Program, error) {
	return arch.Parse(source, s.task.Input, s.task.Classes)
}

const (
	answersMost = 50 // of a strategy in one round: a table that lacks most architectures refuses most answers
	modelMost   = 4  // of them a language model's, before the rule book steps in, as in a study
)

// search is one search: the rows in the order in which they were evaluated.
func (s *searcher) search(ctx context.Context, a Arm, seed int64) ([]tabular.Row, error) {
	run, err := s.begin(a, seed)
	if err != nil {
		return nil, err
	}
	for len(run.rows) < s.Evaluations {
		if err := run.round(ctx); err != nil {
			return nil, err
		}
	}
	return run.rows, nil
}

func (s *searcher) begin(a Arm, seed int64) (_ *searching, err error) {
	run := &searching{searcher: s, arm: a, seed: seed, model: s.asksModel(a), objective: s.objective, tried: map[string]int{}}
	if run.proposer, err = propose.New(a.Proposer, s.LLM); err != nil {
		return nil, err
	}
	run.fallback, err = propose.New("rulebook", propose.Options{})
	return run, err
}

// searching is a search under way.
type searching struct {
	*searcher
	arm       Arm
	seed      int64
	model     bool // whether the proposer asks one
	proposer  propose.Proposer
	fallback  propose.Proposer
	objective objective.Objective
	history   trial.History
	rows      []tabular.Row
	tried     map[string]int // the trial of each architecture
}

// round evaluates one architecture.
func (r *searching) round(ctx context.Context) error {
	t := trial.Trial{ID: len(r.history) + 1, State: trial.Waiting}
	if err := r.advise(&t); err != nil {
		return err
	}
	var reason error
	for turn := range answersMost {
		by := r.proposer
		if r.model && turn >= modelMost {
			by = r.fallback
		}
		row, err := r.ask(ctx, by, &t, turn)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			r.take(t, row)
			return nil
		case errors.As(err, new(*propose.CallError)), errors.As(err, new(*propose.CapError)):
			return err // the rest would be the rule book's
		}
		reason = err
	}
	return fmt.Errorf("round %d: none of %d answers was an architecture of the table that is new: %w", t.ID, answersMost, reason)
}

// deaf are the proposers that do not listen to the expert system.
var deaf = []string{"random", "evolution"}

// advise has the expert system say what to change.
func (r *searching) advise(t *trial.Trial) error {
	switch {
	case slices.Contains(deaf, r.arm.Proposer):
		return nil
	case r.arm.Without == lemonade.Expert:
		t.Parent, _ = r.objective.Best(r.history)
		return nil
	}
	advice, err := r.rules.Advise(expert.Input{
		History: r.history, Objective: r.objective, Trial: t.ID, Recipe: &r.recipe,
		Task: expert.Task{Name: r.task.Data, Input: r.task.Input, Classes: r.task.Classes},
	})
	t.Parent, t.Commands, t.Niche = advice.Parent, advice.Commands, advice.Niche
	return err
}

// ask takes one answer. Where it is an architecture of the table that is new the trial
// has its program; an error says what was wrong with it.
func (r *searching) ask(ctx context.Context, by propose.Proposer, t *trial.Trial, turn int) (row tabular.Row, err error) {
	answer, err := by.Propose(ctx, r.request(*t, turn))
	if err != nil {
		return row, err
	}
	run := r.parse
	if r.model {
		run = func(source string) (*arch.Program, error) {
			return r.worker.Parse(ctx, source, r.task.Input, r.task.Classes)
		}
	}
	attempt := trial.Attempt{Turn: turn, Proposer: by.Name(), State: trial.Invalid, Program: answer.Source, Plan: answer.Plan, Exchange: answer.Exchange}
	p, err := r.programs.get(answer.Source, run)
	if err == nil {
		attempt.Hash = p.hash
		row, err = r.find(p.Program)
		if id, known := r.tried[row.Architecture]; err == nil && known {
			attempt.State, err = trial.Duplicate, fmt.Errorf("the same choices were trial %d", id)
		}
	}
	if err != nil {
		attempt.Reason = err.Error()
	} else {
		attempt.State, attempt.Reason = trial.Complete, answer.Note
		t.Proposer, t.Program, t.Hash, t.Costs = by.Name(), p.Program, p.hash, p.costs
	}
	t.Attempts = append(t.Attempts, attempt)
	return row, err
}

// find is the row of what a program chooses.
func (r *searching) find(p *arch.Program) (tabular.Row, error) {
	architecture, err := tabular.Architecture(p.Taken())
	if err != nil {
		return tabular.Row{}, err
	}
	row, ok := r.Table.Find(architecture)
	if !ok {
		return row, fmt.Errorf("the table has no %s", architecture)
	}
	return row, nil
}

// take ends the trial with the values of its row.
func (r *searching) take(t trial.Trial, row tabular.Row) {
	t.State, t.Runs, t.Metrics = trial.Complete, 1, trial.Static(t.Costs)
	for m, v := range r.Table.Metrics(row) {
		t.Metrics[m] = v
	}
	r.objective.Fix(t.Metrics)
	if e, ok := r.objective.Score(t.Metrics); ok {
		t.Effectiveness = &e
	}
	r.history, r.rows, r.tried[row.Architecture] = append(r.history, t), append(r.rows, row), t.ID
}

// request is what the proposer is told.
func (r *searching) request(t trial.Trial, turn int) propose.Request {
	req := propose.Request{
		Task: r.task, Objective: r.objective, Trial: t.ID, Turn: turn, Seed: r.seed, Recipe: &r.recipe, Template: arch.NASBench201,
		Commands: t.Commands, Niche: t.Niche, History: r.history, Attempts: t.Attempts, NoLearning: r.arm.Without == lemonade.Learning,
		Parse: func(source string) (*arch.Program, error) {
			p, err := r.programs.get(source, r.parse)
			return p.Program, err
		},
		Known: func(p *arch.Program) (int, bool) {
			row, err := r.find(p)
			id, ok := r.tried[row.Architecture]
			return id, err == nil && ok
		},
		Broken: func(p *arch.Program) string {
			if _, err := r.find(p); err != nil {
				return err.Error()
			}
			return ""
		},
	}
	if parent, ok := r.history.ByID(t.Parent); ok {
		req.Parent = &parent
	}
	return req
}
