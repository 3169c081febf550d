package forecast

import (
	"fmt"
	"math"
)

// When a forecast may keep a network from being trained. Ours.
const (
	// LeastTrials that were forecast before they were measured, and LeastTau that
	// Kendall's tau of each axis is to reach, say that forecasts of a study are to be
	// trusted that far.
	LeastTrials = 12
	LeastTau    = 0.4

	// Certain is how probable it is to be that a network is dominated. With it, of
	// random draws from NAS-Bench-201 a third were dropped, of which 4 % would have been
	// on the front of the search (12 searches of 100 trials).
	Certain = 0.9

	// Every so many trials a network is trained whatever is forecast, so that a forecast
	// that is wrong is found out.
	Exempt = 4
)

// Trusted reports whether forecasts may keep networks from being trained.
func Trusted(all []Trust) bool {
	for _, t := range all {
		if t.Trials < LeastTrials || t.Kendall == nil || *t.Kendall < LeastTau {
			return false
		}
	}
	return len(all) > 0
}

// Hopeless says why a network is not worth a training in this trial, "" where it may be:
// where the forecasts are not trusted, where it is the trial's turn to try anyway, and
// where it may well be that no other trial dominates the network.
func (f *Forecast) Hopeless(s Sample, id int, trust []Trust) string {
	if f == nil || id%Exempt == 0 || !Trusted(trust) {
		return ""
	}
	p := f.Dominated(s)
	if p < Certain {
		return ""
	}
	tau := math.Inf(1)
	for _, t := range trust {
		tau = min(tau, *t.Kendall)
	}
	return fmt.Sprintf("by the forecast it is dominated with a probability of %.1f %%: %s (of %d forecasts before, Kendall's tau %.2f or more)",
		100*p, f.Text(s), trust[0].Trials, tau)
}

// dominations is by how many outcomes it is judged how probable they are.
const dominations = 512

// Dominated is how probable it is that a trial which was measured dominates the network,
// noise of its measurement included.
func (f *Forecast) Dominated(s Sample) float64 {
	o := f.look(s)
	o.sharpen()
	for i, p := range f.processes {
		if p != nil {
			o[i].deviation = math.Hypot(o[i].deviation, p.noiseDeviation())
		}
	}
	dominated := 0
	for k := range dominations {
		loss := o.outcome(k)
		for _, q := range f.front {
			if dominates(q, loss) {
				dominated++
				break
			}
		}
	}
	return float64(dominated) / dominations
}
