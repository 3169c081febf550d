package expert

import (
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// AdviceOf returns the advice that a round had, as it is in the record, which does
// not say what the round worked on.
func AdviceOf(t trial.Trial) Advice {
	return Advice{Parent: t.Parent, Niche: t.Niche, Commands: t.Commands, Dropped: t.Dropped}
}

// objected begins the reason of a command that a rule is against.
const objected = "rule %s is against it: "

// Use is what a rule did in a study, as far as the record tells: of several rules
// that ask for the same command it has the one that came first.
type Use struct {
	Rounds  int // in which it had a part
	Asked   int // commands that it asked for and that were carried out
	LeftOut int // commands that it asked for and that were left out
	KeptOut int // commands of other rules that it was against
}

// Used counts by the names of the rules.
func Used(h trial.History) map[string]Use {
	all := map[string]Use{}
	for _, t := range h {
		round := map[string]Use{}
		add := func(rule string, u Use) {
			is := round[rule]
			round[rule] = Use{1, is.Asked + u.Asked, is.LeftOut + u.LeftOut, is.KeptOut + u.KeptOut}
		}
		for _, c := range t.Commands {
			add(c.Rule, Use{Asked: 1})
		}
		for _, d := range t.Dropped {
			add(d.Command.Rule, Use{LeftOut: 1})
			if rule, ok := objector(d.Reason); ok {
				add(rule, Use{KeptOut: 1})
			}
		}
		for rule, u := range round {
			is := all[rule]
			all[rule] = Use{is.Rounds + 1, is.Asked + u.Asked, is.LeftOut + u.LeftOut, is.KeptOut + u.KeptOut}
		}
	}
	return all
}

// objector is the rule that a command was left out for, where it was one.
func objector(reason string) (rule string, ok bool) {
	before, after, _ := strings.Cut(fmt.Sprintf(objected, "\x00"), "\x00")
	rest, ok := strings.CutPrefix(reason, before)
	if !ok {
		return "", false
	}
	rule, _, ok = strings.Cut(rest, after)
	return rule, ok
}
