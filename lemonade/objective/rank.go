package objective

import (
	"cmp"
	"slices"
	"sort"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Standing is where a trial stands among others.
type Standing struct {
	ID   int
	Rank int // of non-dominated sorting, from 1; 0 where an axis is unknown
}

// Rank puts the complete trials in the order in which it is worth to go on with
// them: by the rank of non-dominated sorting over the axes, trials of one rank by
// effectiveness, and then the earlier one first. Those of which an axis is unknown,
// or was obtained by another method than the study's, come last. What is compared
// must have been measured alike: see [trial.History.Level].
//
// Ordering a rank by effectiveness, and not by how lonely its trials are, is ours:
// the loneliest are the extremes, and what a study wants is known.
func (o Objective) Rank(h trial.History) []Standing {
	type entrant struct {
		Standing
		values []float64
		score  float64
	}
	var all []*entrant
	for _, t := range h.Complete() {
		e := &entrant{Standing: Standing{ID: t.ID}, score: -1}
		e.values, _ = o.Point(&t)
		if v, ok := o.ScoreOf(&t); ok {
			e.score = v
		}
		all = append(all, e)
	}
	// Best first along the axes, a trial can only be dominated by one before it, and
	// along two axes none of a front has a better second value than its last.
	slices.SortStableFunc(all, func(a, b *entrant) int {
		for i := range min(len(a.values), len(b.values)) {
			switch {
			case better(o.Axes[i], a.values[i], b.values[i]):
				return -1
			case better(o.Axes[i], b.values[i], a.values[i]):
				return 1
			}
		}
		return cmp.Compare(len(b.values), len(a.values))
	})
	var fronts [][][]float64
	for _, e := range all {
		if e.values == nil {
			break
		}
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
	last := func(e *entrant) int { return (e.Rank + len(fronts)) % (len(fronts) + 1) } // 0 comes last
	slices.SortFunc(all, func(a, b *entrant) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(b.score, a.score), cmp.Compare(a.ID, b.ID))
	})
	var out []Standing
	for _, e := range all {
		out = append(out, e.Standing)
	}
	return out
}
