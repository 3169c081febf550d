package lemonade

import (
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Trust says how well the study's own forecasts, which were possible before each trial,
// ranked what was then measured on the front's axes.
func (s *Study) Trust() []forecast.Trust {
	return s.forecasts.Assess(s.Trials(), s.Objective())
}

// hopeless says why a program is not worth a training, "" where it may be. The last
// answer that a proposer may give in a round is trained whatever is forecast, so that
// no round is for nothing. A replay goes by what was recorded.
func (d *round) hopeless(by propose.Proposer, turn int, p *arch.Program) string {
	if isReplay(by) {
		return d.wasHopeless(turn)
	}
	if turn%(repairs+1) == repairs || len(d.history) < forecast.Enough+forecast.LeastTrials ||
		slices.ContainsFunc([]Part{Forecast, Repair, Feedback, Loop}, d.settings.without) { // the reason tells of measurements
		return ""
	}
	trust := d.forecasts.Assess(d.history, d.objective)
	if !forecast.Trusted(trust) {
		return ""
	}
	return d.forecasts.Forecast(d.history, d.objective).Hopeless(forecast.Describe(p, ""), d.ID, trust)
}

func (d *round) wasHopeless(turn int) string {
	t, _ := d.recorded.ByID(d.ID)
	for _, a := range t.Attempts {
		if a.Turn == turn && a.State == trial.Pruned {
			return a.Reason
		}
	}
	return ""
}
