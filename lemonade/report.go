package lemonade

import (
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Report is a study as scripts read it: the JSON of "lemonade show --json".
type Report struct {
	Name        string         `json:"name"`
	Data        string         `json:"data"`
	Partial     string         `json:"partial"` // the mark of a copy of the data with fewer samples than were published; else ""
	Classes     []string       `json:"classes"` // their names, by label
	Proposer    string         `json:"proposer"`
	Model       string         `json:"model"` // the language model; "" without one
	Seed        int64          `json:"seed"`
	Trials      []TrialReport  `json:"trials"`
	Front       []int          `json:"front"`       // ids
	Hypervolume float64        `json:"hypervolume"` // share of the reference box, 0..1
	Best        *int           `json:"best"`        // id; null before the first complete trial
	Lessons     string         `json:"lessons"`     // the latest
	Spent       trial.Spending `json:"spent"`       // on language models
	Saved       trial.Savings  `json:"saved"`       // by trainings that were taken over from other trials
	Rungs       *Rungs         `json:"rungs"`       // null where every network is trained in full at once
	Saving      *trial.Saving  `json:"saving"`      // by them; null where there is none

	Extras    []ExtraReport    `json:"extras"`     // trainings outside the search: baselines and long ones
	TestReads []trial.TestRead `json:"test_reads"` // every access to the test split

	Account trial.Accounting        `json:"account"` // from energy to CO2e
	Methods map[trial.Metric]string `json:"methods"` // by which the study's metrics are obtained
}

// TrialReport is one trial of a [Report].
type TrialReport struct {
	ID            int                `json:"id"`
	State         trial.State        `json:"state"`
	Reason        string             `json:"reason"`
	Proposer      string             `json:"proposer"`
	Parent        int                `json:"parent"` // id; 0 where there is none
	Commands      []trial.Command    `json:"commands"`
	Dropped       []trial.Dropped    `json:"dropped"`
	Niche         *trial.Niche       `json:"niche"`   // null where it was open
	Lessons       *trial.Lessons     `json:"lessons"` // null where they were not rewritten before this round
	Program       string             `json:"program"`
	Choices       []arch.Choice      `json:"choices"` // of the template
	Hash          string             `json:"hash"`
	Params        int64              `json:"params"`
	MACs          int64              `json:"macs"`
	Attempts      []trial.Attempt    `json:"attempts"`
	Runs          int                `json:"runs"`
	Metrics       trial.Metrics      `json:"metrics"`
	Curve         []trial.Epoch      `json:"curve"`
	Seconds       map[string]float64 `json:"seconds"`       // of the evaluation, by phase
	Forecast      *trial.Forecast    `json:"forecast"`      // of the training; null where it did not come past its first epoch
	Quality       *trial.Quality     `json:"quality"`       // the confusion matrix and some mistakes; null where the network was not trained and measured
	Differs       []string           `json:"differs"`       // what was measured otherwise than the study's, and is not ranked
	Rungs         []trial.Rung       `json:"rungs"`         // its trainings, the shortest first
	Effectiveness *float64           `json:"effectiveness"` // null where it is unknown
	Weights       string             `json:"weights"`
	Conditions    *trial.Conditions  `json:"conditions"` // that the measured figures hold for; null where there are none
	Reused        *trial.Source      `json:"reused"`     // the trial whose training was taken over; null where the network was trained
}

// ExtraReport is a training outside the search.
type ExtraReport struct {
	ID            int                `json:"id"` // below 0
	Purpose       trial.Purpose      `json:"purpose"`
	Name          string             `json:"name"`  // of a baseline; else ""
	Trial         int                `json:"trial"` // whose network was trained anew; 0 for none
	Epochs        int                `json:"epochs"`
	Seed          int64              `json:"seed"`
	State         trial.State        `json:"state"`
	Reason        string             `json:"reason"`
	Program       string             `json:"program"`
	Hash          string             `json:"hash"`
	Params        int64              `json:"params"`
	MACs          int64              `json:"macs"`
	Runs          int                `json:"runs"`
	Metrics       trial.Metrics      `json:"metrics"` // of a final with test_accuracy
	Curve         []trial.Epoch      `json:"curve"`
	Seconds       map[string]float64 `json:"seconds"`
	Effectiveness *float64           `json:"effectiveness"` // of a baseline; null where it is unknown
	Weights       string             `json:"weights"`       // of a final
}

// Report describes the study as it was last read.
func (s *Study) Report() Report {
	trials := s.Trials()
	r := Report{
		Name: s.name, Data: s.Data(), Partial: s.info.Partial(), Classes: s.info.ClassNames, Proposer: s.settings.Proposer, Model: s.settings.Model, Seed: s.settings.Seed,
		Trials: []TrialReport{}, Front: s.Objective().Front(trials), Hypervolume: s.Objective().Hypervolume(trials), Lessons: trials.Lessons(), Spent: trials.Spent(), Saved: trials.Saved(), Rungs: s.settings.Rungs,
		Extras: []ExtraReport{}, TestReads: append([]trial.TestRead{}, s.TestReads()...),
		Account: s.settings.account(), Methods: s.Objective().Methods,
	}
	extras := s.Extras()
	for _, x := range extras {
		row := ExtraReport{
			ID: x.ID, Purpose: x.Purpose, Name: x.Name, Trial: x.Of, Epochs: x.Epochs, Seed: x.Seed, State: x.State, Reason: x.Reason, Hash: x.Hash, Params: x.Costs.Params, MACs: x.Costs.MACs,
			Runs: x.Runs, Metrics: x.Metrics, Curve: append([]trial.Epoch{}, x.Curve...), Seconds: x.Seconds, Effectiveness: x.Effectiveness, Weights: x.Weights,
		}
		if x.Program != nil {
			row.Program = x.Program.Source
		}
		if row.Metrics == nil {
			row.Metrics = trial.Metrics{}
		}
		r.Extras = append(r.Extras, row)
	}
	for _, t := range trials {
		t = extras.With(t)
		row := TrialReport{
			ID: t.ID, State: t.State, Reason: t.Reason, Proposer: t.Proposer, Parent: t.Parent,
			Commands: append([]trial.Command{}, t.Commands...), Dropped: append([]trial.Dropped{}, t.Dropped...), Niche: t.Niche, Lessons: t.Lessons, Hash: t.Hash, Params: t.Costs.Params, MACs: t.Costs.MACs,
			Attempts: append([]trial.Attempt{}, t.Attempts...), Runs: t.Runs, Metrics: t.Metrics, Choices: []arch.Choice{},
			Curve: append([]trial.Epoch{}, t.Curve...), Seconds: t.Seconds, Forecast: t.Forecast, Quality: t.Quality, Differs: append([]string{}, s.Objective().Differs(t.Metrics)...), Rungs: append([]trial.Rung{}, t.Rungs...), Effectiveness: t.Effectiveness, Weights: t.Weights,
			Conditions: t.Conditions, Reused: t.Reused,
		}
		if t.Program != nil {
			row.Program = t.Program.Source
			row.Choices = append(row.Choices, t.Program.Choices...)
		}
		if row.Metrics == nil {
			row.Metrics = trial.Metrics{}
		}
		r.Trials = append(r.Trials, row)
	}
	if r.Methods == nil {
		r.Methods = map[trial.Metric]string{}
	}
	if saving, ok := trials.Saving(); ok {
		r.Saving = &saving
	}
	if best, ok := s.Objective().Best(trials); ok {
		r.Best = &best
	}
	return r
}
