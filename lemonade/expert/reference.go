package expert

import (
	"fmt"
	"slices"
	"strings"
)

// aimTexts say what each aim is for.
var aimTexts = map[string]string{
	aimTraining: "that the next network trains at all, and within the hard limits. Comes before everything else, in every round",
	aimAccuracy: "that the network is right more often. Kept for the rounds that work on accuracy, if any such command is left",
	aimCost:     "that the network needs less energy, time or memory. Kept for the rounds that work on cost, if any such command is left",
}

// AimInfo describes what the commands of a rule are for.
type AimInfo struct{ Aim, Text string }

// Aims returns the aims, the one that comes first at the top.
func Aims() []AimInfo {
	all := make([]AimInfo, len(aims))
	for i, aim := range aims {
		all[i] = AimInfo{aim, aimTexts[aim]}
	}
	return all
}

// Reference returns, in Markdown, how the expert system works, what a rule may be
// made of, and the rules of the default book. REFERENCE.md holds it.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Reference of the rule book

This page is generated from the code and from rulebook.yaml.

## What happens in a round

1. A parent is picked, the trial whose network is to be changed. In even rounds it
   is the one of the highest effectiveness; in odd rounds it is a member of the
   Pareto front that has been changed seldom. A parent on which all commands have
   failed is passed over.
2. From the third complete trial on, odd rounds ask in turn for a small, a medium
   and a large network (the niches), and the parent is the member of the front
   nearest to that. With a hard limit on MACs the niches reach up to a ninth, a
   third and the whole of it; without, up to half of the MACs of the first complete
   trial, to twice of them, and beyond. No large network is asked for where the
   target for accuracy is reached, no small one where no cost is wanted, and none
   that would break a hard limit by the leanest network so far.
3. The round works on accuracy or on cost: on what brings the parent into the
   niche; else on either the more often, the further its wants are from met.
4. Every rule whose condition holds asks for its commands.
5. Conflicts are resolved. Commands whose last two uses on this parent did not help
   come last. Otherwise rules for training come first, then those for what the
   round works on, then the higher priority (less ` + fmt.Sprint(triedCost) + ` for each use on this parent). A
   command is dropped where a stronger rule avoids it, where a stronger one undoes
   it, where the round works on something else, or where the round is full. Every
   dropped command is recorded with the reason.

In a study of rungs all of this goes by what was measured at one rung: the highest at
which three trials were measured, else the first one. Those that were measured there
count as complete, whatever came of them later, and the first one's measurements there
are the anchors of the wants without a target. Whether a command helped is told at the
highest rung that a trial and its parent both reached.

The fifteen commands, and which undo each other, are those of the LEMONADE journal
paper (Scientific Reports 2025, Table 3). All else here is our own choice.

## What a rule is made of

| field | meaning |
|---|---|
| name | tells it apart from the others, in tables and charts |
| aim | what its commands are for: ` + strings.Join(aims, ", ") + ` |
| priority | 1 to 9, ` + fmt.Sprint(defaultPriority) + ` where it is left out; the higher wins |
| when | the condition: comparisons, arithmetic, and, or, not, in, and the functions ` + strings.Join(functions, ", ") + ` |
| do | the commands it asks for |
| avoid | the commands it is against; a rule has do, avoid, or both |
| because | the reason, with values in braces, as {accuracy} |

A rule that names a value which is unknown at the time does not fire. Beside the
list of rules a book has one field, commands: how many a round has at most (` + fmt.Sprint(defaultMost) + `
where it is left out).

## Aims

| aim | for |
|---|---|
`)
	for _, a := range Aims() {
		fmt.Fprintf(&b, "| %s | %s |\n", a.Aim, a.Text)
	}
	b.WriteString("\n## Commands\n\n| code | command | undoes |\n|---|---|---|\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Code, c.Text, c.Opposite)
	}
	b.WriteString("\n## Rules of the default book\n\n")
	b.WriteString(Default().Table())
	b.WriteString("\n## Values\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n### %s\n\n", s.title)
		if s.text != "" {
			b.WriteString(s.text + "\n\n")
		}
		b.WriteString("| name | kind | meaning |\n|---|---|---|\n")
		for _, v := range s.variables {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", v.name, kindOf(v.sample), v.doc)
		}
	}
	return b.String()
}

// Rule is a rule of a book, as it is written.
type Rule struct {
	Name     string
	Aim      string // what its commands are for, one of [Aims]
	Priority int    // 1 to 9; the higher wins
	When     string // its condition
	Do       []string
	Avoid    []string
	Because  string // its reason, with values in braces
}

// Rules returns the rules of the book, in their order.
func (b *RuleBook) Rules() []Rule {
	all := make([]Rule, len(b.rules))
	for i, r := range b.rules {
		all[i] = Rule{r.name, r.aim, r.priority, r.when.source, slices.Clone(r.commands), slices.Clone(r.avoid), r.because.source}
	}
	return all
}

// Most is how many commands a round has at most.
func (b *RuleBook) Most() int { return b.most }

// Table returns the rules of the book in Markdown, in their order: rule →
// condition → commands → reason.
func (b *RuleBook) Table() string {
	var out strings.Builder
	out.WriteString("| rule | condition | commands | reason |\n|---|---|---|---|\n")
	for _, r := range b.Rules() {
		commands := strings.Join(r.Do, ", ")
		if len(r.Avoid) > 0 {
			commands = strings.TrimPrefix(commands+"; avoid "+strings.Join(r.Avoid, ", "), "; ")
		}
		fmt.Fprintf(&out, "| %s (%s, %d) | `%s` | %s | %s |\n",
			cell(r.Name), r.Aim, r.Priority, cell(r.When), commands, cell(r.Because))
	}
	return out.String()
}

// cell is text in one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

func kindOf(sample any) string {
	switch sample.(type) {
	case bool:
		return "true or false"
	case int:
		return "whole number"
	case float64:
		return "number"
	}
	return "text"
}
