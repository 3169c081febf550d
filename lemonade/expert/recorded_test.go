package expert

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestUsed counts what the rules did in rounds whose advice the expert system gave.
func TestUsed(t *testing.T) {
	b := book(t, `
commands: 1
rules:
  - {name: "no: more", aim: training, when: "True", avoid: [AMK], because: "it is large"}
  - {name: wider, aim: accuracy, priority: 9, when: "True", do: [AMK, ACL], because: a}
  - {name: skips, aim: accuracy, when: "True", do: [ASC], because: b}
`)
	a := advise(t, b, calm().want(t, "accuracy").input(t))
	round := trial.Trial{ID: 2, Parent: a.Parent, Commands: a.Commands, Dropped: a.Dropped}
	if diff := cmp.Diff(Advice{Parent: a.Parent, Commands: a.Commands, Dropped: a.Dropped}, AdviceOf(round)); diff != "" {
		t.Error(diff)
	}
	want := map[string]Use{
		"no: more": {Rounds: 2, KeptOut: 2},
		"wider":    {Rounds: 2, Asked: 2, LeftOut: 2},
		"skips":    {Rounds: 2, LeftOut: 2},
		"placebo":  {Rounds: 1, Asked: 2},
	}
	drawn := trial.Trial{ID: 4, Commands: []trial.Command{{Code: "AD", Rule: "placebo"}, {Code: "RD", Rule: "placebo"}}}
	if diff := cmp.Diff(want, Used(trial.History{round, {ID: 3}, drawn, round})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for reason, ok := range map[string]bool{"": false, "rule a": false, "rule a is against it: b": true, "it undoes a (rule b), which": false} {
		if _, got := objector(reason); got != ok {
			t.Errorf("%q names a rule: %v", reason, got)
		}
	}
}

// TestRules holds that the rules which are shown are those that the book has.
func TestRules(t *testing.T) {
	b := book(t, `
commands: 3
rules:
  - {name: a, aim: cost, when: accuracy < 1, do: RK, avoid: [AMK, ACL], because: "accuracy {accuracy}"}
`)
	want := []Rule{{Name: "a", Aim: "cost", Priority: 5, When: "accuracy < 1", Do: []string{"RK"}, Avoid: []string{"AMK", "ACL"}, Because: "accuracy {accuracy}"}}
	if diff := cmp.Diff(want, b.Rules()); diff != "" || b.Most() != 3 {
		t.Errorf("at most %d; (-want +got):\n%s", b.Most(), diff)
	}
	for _, r := range Default().Rules() {
		known := false
		for _, a := range Aims() {
			known = known || a.Aim == r.Aim && a.Text != ""
		}
		if !known {
			t.Errorf("rule %s: nothing is told of its aim %s", r.Name, r.Aim)
		}
	}
}
