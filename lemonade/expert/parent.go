package expert

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// parents lists the trials that a round may change, the one it should first: the
// next in the list stands in for one that is a dead end. Ours:
//
//   - in even rounds the complete trials by effectiveness;
//   - in odd rounds the members of the Pareto front: where a niche is asked for,
//     those nearest to it first, and among these, or without a niche, those that
//     have been changed the fewest times, so that the search spreads along the
//     front. The other trials follow, by effectiveness; with them a member with
//     less than half of the best accuracy: it is on the front for costing nothing,
//     and what comes of it would be too.
//
// Where effectiveness or front are unknown, accuracy decides.
func parents(in Input, past trial.History, niche *trial.Niche) []trial.Trial {
	best := past.Complete()
	slices.SortStableFunc(best, func(a, b trial.Trial) int {
		return cmp.Or(
			cmp.Compare(score(in.Objective, b), score(in.Objective, a)),
			cmp.Compare(accuracyOf(b), accuracyOf(a)),
			cmp.Compare(a.ID, b.ID),
		)
	})
	if in.Trial%2 == 0 {
		return best
	}
	top := math.Inf(-1)
	for _, t := range best {
		top = max(top, accuracyOf(t))
	}
	changed := map[int]int{}
	for _, t := range past {
		changed[t.Parent]++
	}
	var front []trial.Trial
	for _, id := range in.Objective.Front(past) {
		t, _ := past.ByID(id)
		if v, ok := finite(t.Metrics, trial.Accuracy); !ok || v >= top/2 {
			front = append(front, t)
		}
	}
	away := func(t trial.Trial) float64 {
		if niche == nil {
			return 0
		}
		macs, ok := macsOf(t)
		if !ok {
			return math.Inf(1)
		}
		return distance(*niche, macs)
	}
	slices.SortStableFunc(front, func(a, b trial.Trial) int {
		return cmp.Or(
			cmp.Compare(away(a), away(b)),
			cmp.Compare(changed[a.ID], changed[b.ID]),
			cmp.Compare(score(in.Objective, b), score(in.Objective, a)),
			cmp.Compare(a.ID, b.ID),
		)
	})
	for _, t := range best { // after the front, as the last resort
		if !slices.ContainsFunc(front, func(f trial.Trial) bool { return f.ID == t.ID }) {
			front = append(front, t)
		}
	}
	return front
}

// accuracyOf returns a trial's validation accuracy, below every one where it is unknown.
func accuracyOf(t trial.Trial) float64 {
	if v, ok := finite(t.Metrics, trial.Accuracy); ok {
		return v
	}
	return -1
}

// score returns a trial's effectiveness, below every score where it is unknown.
func score(o objective.Objective, t trial.Trial) float64 {
	if v, ok := o.Score(objective.MetricsOf(t)); ok {
		return v
	}
	return -1
}

// overLimit is the parent of a search that has no complete trial, but some that
// broke a limit in training: the one with the least work, of those that were not
// accurate enough the most accurate. There is none where nothing was trained. Ours.
func overLimit(past trial.History) []trial.Trial {
	var found []trial.Trial
	for _, t := range past {
		if t.State == trial.Infeasible && t.Program != nil {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return []trial.Trial{slices.MinFunc(found, func(a, b trial.Trial) int {
		if strings.HasPrefix(a.Reason, string(trial.Accuracy)) && strings.HasPrefix(b.Reason, string(trial.Accuracy)) {
			return cmp.Compare(accuracyOf(b), accuracyOf(a))
		}
		return cmp.Compare(a.Costs.MACs, b.Costs.MACs)
	})}
}
