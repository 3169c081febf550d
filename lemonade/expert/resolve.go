package expert

import (
	"fmt"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// triedCost is what each use of a command on this parent takes off its priority,
// so that a parent which stays the best is changed in other ways too. Ours.
const triedCost = 2

// rank sorts: what has failed twice here goes last; rules about training come
// before the round's focus, and that before the rest; then the rule's priority,
// less what was tried on this parent; then what was tried least, here and at
// all; then the book's order.
func rank(candidates []candidate, focus string) {
	key := func(c candidate) []int {
		stale := 0
		if c.stale != "" {
			stale = 1
		}
		return []int{stale, aimRank(c.aim, focus), -(c.priority - triedCost*c.tried), c.tried, c.uses, c.order}
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return slices.Compare(key(a), key(b)) })
}

func aimRank(aim, focus string) int {
	switch aim {
	case aimTraining:
		return 0
	case focus:
		return 1
	}
	return 2
}

// dropRecipe drops the commands that change nothing but the recipe, where every
// network is trained with a given one, and returns the rest.
func dropRecipe(advice *Advice, candidates []candidate, recipe *arch.Recipe) []candidate {
	if recipe == nil {
		return candidates
	}
	var rest []candidate
	for _, c := range candidates {
		if !ofRecipe(c.Code) {
			rest = append(rest, c)
			continue
		}
		advice.drop(c, "it changes only how a network is trained, and here every network is trained in the same way")
	}
	return rest
}

// ofRecipe reports whether a command changes nothing but the recipe.
func ofRecipe(code string) bool { return code == "AR" || code == "RR" }

// drop notes a command that is left out; once, for the strongest rule that asks
// for it.
func (a *Advice) drop(c candidate, format string, args ...any) {
	if !slices.ContainsFunc(a.Dropped, func(d trial.Dropped) bool { return d.Command.Code == c.Code }) {
		a.Dropped = append(a.Dropped, trial.Dropped{Command: c.Command, Reason: fmt.Sprintf(format, args...)})
	}
}

// resolve keeps the highest-ranked commands that no stronger rule is against,
// that do not oppose each other, serve the round's focus and are not too many for
// one round.
func (b *RuleBook) resolve(advice *Advice, ranked []candidate, objections []objection) {
	var open []candidate
	for _, c := range ranked {
		if o, ok := strongest(objections, c, advice.Focus); ok {
			advice.drop(c, objected+"%s", o.rule, o.reason)
			continue
		}
		open = append(open, c)
	}
	focused := slices.ContainsFunc(open, func(c candidate) bool { return c.aim == advice.Focus && c.stale == "" })
	var kept []candidate
	for _, c := range open {
		info, _ := lookup(c.Code)
		if slices.ContainsFunc(kept, func(k candidate) bool { return k.Code == c.Code }) {
			continue // kept already, for a stronger reason
		}
		if i := slices.IndexFunc(kept, func(k candidate) bool { return k.Code == info.Opposite }); i >= 0 {
			advice.drop(c, "it undoes %s (rule %s), which %s", kept[i].Code, kept[i].Rule, why(kept[i], c, advice.Focus))
			continue
		}
		switch {
		case focused && c.aim != aimTraining && c.aim != advice.Focus:
			advice.drop(c, "this round works on %s, and this command would serve %s", advice.Focus, c.aim)
		case len(kept) == b.most && c.stale != "":
			advice.drop(c, "others come first: %s", c.stale)
		case len(kept) == b.most:
			advice.drop(c, "a round has at most %d commands, and others come first", b.most)
		default:
			kept = append(kept, c)
			advice.Commands = append(advice.Commands, c.Command)
		}
	}
	advice.Dropped = slices.DeleteFunc(advice.Dropped, func(d trial.Dropped) bool {
		return slices.ContainsFunc(kept, func(k candidate) bool { return k.Code == d.Command.Code })
	})
}

// strongest returns the rule that is against a command and not weaker than the
// rule which asks for it: its aim comes before, or is the same with a priority as
// high.
func strongest(objections []objection, c candidate, focus string) (objection, bool) {
	var found objection
	for _, o := range objections {
		ahead := aimRank(c.aim, focus) - aimRank(o.aim, focus)
		if o.code == c.Code && (ahead > 0 || ahead == 0 && o.priority >= c.priority) && o.priority > found.priority {
			found = o
		}
	}
	return found, found.rule != ""
}

// why says what put the winner of two opposed commands first.
func why(winner, loser candidate, focus string) string {
	switch {
	case loser.stale != "" && winner.stale == "":
		return "comes first: " + loser.stale
	case winner.aim != loser.aim && winner.aim == aimTraining:
		return "comes first: a network has to train at all, and within the limits"
	case winner.aim != loser.aim:
		return "serves this round's focus, " + focus
	case winner.priority > loser.priority:
		return fmt.Sprintf("has the higher priority (%d, not %d)", winner.priority, loser.priority)
	case winner.tried != loser.tried:
		return fmt.Sprintf("was tried less often on this parent (%d times, not %d)", winner.tried, loser.tried)
	}
	if winner.uses != loser.uses {
		return fmt.Sprintf("was used less often in this search (%d times, not %d)", winner.uses, loser.uses)
	}
	return "stands first in the rule book"
}
