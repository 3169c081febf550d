package lemonade

import (
	"context"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/baseline"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// BaselineOptions say which baselines are trained.
type BaselineOptions struct {
	Names []string    // of [baseline.For]; default all that suit the data
	On    func(Event) // as in [FinalOptions]
}

// Baselines trains and measures networks that were written by hand as the study's own
// are: on its samples, for its epochs, from its seed, with its recipe where that is
// fixed and else with the one of a program that names none. It returns them; those that
// the record has are not trained again.
//
// They are for people to compare with, and no part of the search: they are no trials,
// no proposer sees them, and they are on no front. One that breaks a limit is
// trained all the same, and infeasible.
func (s *Study) Baselines(ctx context.Context, o BaselineOptions) (trial.Extras, error) {
	programs, err := baseline.For(inputOf(s.info))
	if err == nil {
		programs, err = baseline.Named(programs, o.Names...)
	}
	if err != nil {
		return nil, err
	}
	var plan trial.Extras
	for _, p := range programs {
		plan = append(plan, trial.Extra{
			Purpose: trial.Baseline, Name: p.Name, Epochs: s.settings.Epochs, Seed: s.settings.Seed,
			Trial: trial.Trial{Proposer: string(trial.Baseline), Program: &arch.Program{Source: p.Source}},
		})
	}
	all, err := s.carryOut(ctx, "baselines", plan, o.On)
	score(all, s.Objective())
	return all, err
}
