package expert

import (
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// pickParent chooses the trial to change, among the complete ones. Ours:
//
//   - in even rounds the trial of the best effectiveness;
//   - in odd rounds the member of the Pareto front that has been changed the
//     fewest times, so that the search spreads along the front. A member with
//     less than half of the best accuracy is passed over: it is on the front for
//     costing nothing, and what comes of it would be too.
//
// Where effectiveness or front are unknown, accuracy decides.
func pickParent(in Input, past trial.History) trial.Trial {
	complete := past.Complete()
	best := complete[len(complete)-1]
	top := -1.0
	for _, t := range complete {
		if v, ok := finite(t.Metrics, trial.Accuracy); ok && v > top {
			best, top = t, v
		}
	}
	if id, ok := in.Objective.Best(past); ok {
		best, _ = past.ByID(id)
	}
	if in.Trial%2 == 0 {
		return best
	}
	changed := map[int]int{}
	for _, t := range past {
		changed[t.Parent]++
	}
	chosen, found := best, false
	for _, id := range in.Objective.Front(past) {
		t, _ := past.ByID(id)
		if v, ok := finite(t.Metrics, trial.Accuracy); ok && v < top/2 {
			continue
		}
		switch {
		case !found, changed[t.ID] < changed[chosen.ID],
			changed[t.ID] == changed[chosen.ID] && score(in.Objective, t) > score(in.Objective, chosen):
			chosen, found = t, true
		}
	}
	return chosen
}

// score returns a trial's effectiveness, below every score where it is unknown.
func score(o objective.Objective, t trial.Trial) float64 {
	if v, ok := o.Score(objective.MetricsOf(t)); ok {
		return v
	}
	return -1
}
