package expert

import (
	"cmp"
	"math"
	"slices"
	"strings"

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
func parents(s *search, niche *trial.Niche) []*trial.Trial {
	best := make([]int, len(s.complete)) // places in complete
	for i := range best {
		best[i] = i
	}
	slices.SortFunc(best, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.scores[b], s.scores[a]), cmp.Compare(s.accuracy[b], s.accuracy[a]), cmp.Compare(a, b))
	})
	var out []*trial.Trial
	if s.in.Trial%2 == 1 {
		out = s.front(niche)
	}
	members := len(out)
	for _, i := range best { // after the front, as the last resort
		if t := &s.complete[i]; !slices.Contains(out[:members], t) {
			out = append(out, t)
		}
	}
	return out
}

// front lists the members of the Pareto front that are worth a change, in the order
// of parents.
func (s *search) front(niche *trial.Niche) []*trial.Trial {
	changed := map[int]int{}
	for i := range s.past {
		changed[s.past[i].Parent]++
	}
	top := slices.Max(s.accuracy)
	ids := s.ledger.Front()
	var front []*trial.Trial
	for i := range s.complete {
		t := &s.complete[i]
		if len(ids) == 0 || t.ID != ids[0] {
			continue
		}
		ids = ids[1:] // which are in the order of the trials
		if v, ok := finite(t.Metrics, trial.Accuracy); !ok || v >= top/2 {
			front = append(front, t)
		}
	}
	away := func(t *trial.Trial) float64 {
		if niche == nil {
			return 0
		}
		macs, ok := macsOf(t)
		if !ok {
			return math.Inf(1)
		}
		return distance(*niche, macs)
	}
	slices.SortStableFunc(front, func(a, b *trial.Trial) int {
		return cmp.Or(
			cmp.Compare(away(a), away(b)),
			cmp.Compare(changed[a.ID], changed[b.ID]),
			cmp.Compare(score(s.in.Objective, b), score(s.in.Objective, a)),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return front
}

// accuracyOf returns a trial's validation accuracy, below every one where it is unknown.
func accuracyOf(t *trial.Trial) float64 {
	if v, ok := finite(t.Metrics, trial.Accuracy); ok {
		return v
	}
	return -1
}

// overLimit is the parent of a search that has no complete trial, but some that
// broke a limit in training: the one with the least work, of those that were not
// accurate enough the most accurate. There is none where nothing was trained. Ours.
func overLimit(past trial.History) []*trial.Trial {
	var found []*trial.Trial
	for i := range past {
		if past[i].State == trial.Infeasible && past[i].Program != nil {
			found = append(found, &past[i])
		}
	}
	if len(found) == 0 {
		return nil
	}
	return []*trial.Trial{slices.MinFunc(found, func(a, b *trial.Trial) int {
		if strings.HasPrefix(a.Reason, string(trial.Accuracy)) && strings.HasPrefix(b.Reason, string(trial.Accuracy)) {
			return cmp.Compare(accuracyOf(b), accuracyOf(a))
		}
		return cmp.Compare(a.Costs.MACs, b.Costs.MACs)
	})}
}
