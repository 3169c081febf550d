package expert

import (
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// experience looks up what came of a command. It is stale when its last two uses
// on this parent led to no trial of higher effectiveness; a round that gave no
// network, after all repairs, is such a use. Ours.
func (s *situation) experience(code string) (uses, tried int, stale string) {
	var last []int // places of the uses on this parent, the latest last
	for _, i := range s.children[s.parent.ID] {
		if has(s.past[i].Commands, code) {
			last = append(last, i)
		}
	}
	uses, tried = s.search.uses[code], len(last)
	if tried < 2 {
		return uses, tried, ""
	}
	a, b := &s.past[last[tried-2]], &s.past[last[tried-1]]
	if s.improved(a) || s.improved(b) {
		return uses, tried, ""
	}
	return uses, tried, fmt.Sprintf("the last two uses of %s on trial %d did not help: trial %d %s, trial %d %s",
		code, s.parent.ID, a.ID, outcome(a), b.ID, outcome(b))
}

// blameless reports whether a round ended for a reason that has nothing to do with
// its network.
func blameless(t *trial.Trial) bool {
	kind, _, _ := strings.Cut(t.Reason, ":")
	return t.State == trial.Failed && (kind == trial.Interrupted || kind == trial.BadData)
}

// outcome says how a round that did not improve on its parent ended.
func outcome(t *trial.Trial) string {
	switch t.State {
	case trial.Complete:
		return "was no better"
	case trial.Infeasible:
		return "broke a limit"
	case trial.Duplicate:
		return "gave only known networks"
	case trial.Invalid:
		return "gave no valid program"
	case trial.Pruned:
		return "was stopped as not promising"
	}
	kind, _, _ := strings.Cut(t.Reason, ":")
	return strings.TrimSpace("failed " + strings.TrimSpace("("+kind+")"))
}

// improved reports whether a trial did better than the parent: by effectiveness,
// or by accuracy where that is unknown.
//
// With rungs both are taken as they were at the highest one that both reached: a
// trial that was pruned may have been better all the same.
func (s *situation) improved(t *trial.Trial) bool {
	if t.State != trial.Complete && t.State != trial.Pruned {
		return false
	}
	if len(s.parent.Rungs) == 0 && len(t.Rungs) == 0 {
		return better(s.scoreOf(&s.parent), s.scoreOf(t), &s.parent, t)
	}
	parent, child, ok := trial.Common(s.parent, *t)
	return ok && better(score(s.in.Objective, &parent), score(s.in.Objective, &child), &parent, &child)
}

// better reports whether the score after is above that before, or where both are
// unknown the accuracy.
func better(before, after float64, parent, child *trial.Trial) bool {
	if before < 0 && after < 0 {
		return accuracyOf(child) > accuracyOf(parent)
	}
	return after > before
}
