package objective

import (
	"cmp"
	"slices"
	"sort"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Standing is where a trial stands among others.
type Standing struct {
	ID    int
	Rank  int // of non-dominated sorting, from 1; 0 where an axis is unknown or the trial hardly learned
	Place int // from 1, the one to go on with first
}

// learned is the least share of the best accuracy of a trial that is ranked: others
// are on the front for costing nothing.
const learned = 0.5

// Rank puts the complete trials in the order in which it is worth to go on with
// them: by the rank of non-dominated sorting over the axes, trials of one rank by
// effectiveness, and then the earlier one first. Those of which an axis is unknown,
// or was obtained by another method than the study's, come last, and before these
// those with less than half of the best accuracy. What is compared must have been
// measured alike: see [trial.History.Level].
//
// Ordering a rank by effectiveness, and not by how lonely its trials are, is ours:
// the loneliest are the extremes, and what a study wants is known.
func (o Objective) Rank(h trial.History) []Standing {
	type entrant struct {
		Standing
		values    []float64
		score     float64
		unlearned bool
	}
	complete, best := h.Complete(), 0.0
	for _, t := range complete {
		best = max(best, t.Metrics[trial.Accuracy].Value)
	}
	all := make([]entrant, len(complete))
	var ranked []*entrant
	for i, t := range complete {
		e := &all[i]
		e.ID, e.score = t.ID, -1
		if v, ok := o.Score(MetricsOf(t)); ok {
			e.score = v
		}
		e.values, _ = o.Point(t)
		accuracy, known := t.Metrics[trial.Accuracy]
		e.unlearned = known && accuracy.Value < learned*best
		if e.values != nil && !e.unlearned {
			ranked = append(ranked, e)
		}
	}
	// Best first along the axes, a trial can only be dominated by one before it, and
	// along two axes none of a front has a better second value than its last.
	slices.SortStableFunc(ranked, func(a, b *entrant) int {
		for i, m := range o.Axes {
			switch {
			case better(m, a.values[i], b.values[i]):
				return -1
			case better(m, b.values[i], a.values[i]):
				return 1
			}
		}
		return 0
	})
	var fronts [][][]float64
	for _, e := range ranked {
		e.Rank = 1 + sort.Search(len(fronts), func(i int) bool {
			front := fronts[i]
			if len(o.Axes) == 2 {
				front = front[len(front)-1:]
			}
			return !slices.ContainsFunc(front, func(q []float64) bool { return o.dominates(q, e.values) })
		})
		if e.Rank > len(fronts) {
			fronts = append(fronts, nil)
		}
		fronts[e.Rank-1] = append(fronts[e.Rank-1], e.values)
	}
	group := func(e entrant) int {
		switch {
		case e.values == nil:
			return len(fronts) + 2
		case e.unlearned:
			return len(fronts) + 1
		}
		return e.Rank
	}
	slices.SortStableFunc(all, func(a, b entrant) int {
		return cmp.Or(cmp.Compare(group(a), group(b)), cmp.Compare(b.score, a.score), cmp.Compare(a.ID, b.ID))
	})
	out := make([]Standing, len(all))
	for i, e := range all {
		out[i] = e.Standing
		out[i].Place = i + 1
	}
	return out
}
