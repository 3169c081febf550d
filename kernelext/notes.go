package kernelext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// legend explains the marks; those that are rare only where they are.
func (v View) legend() string {
	parts := []string{"* on the Pareto front", "! most effective"}
	if mark := v.mark("data ", ""); mark != "" {
		parts = append([]string{mark}, parts...)
	}
	var guess, spread bool
	columns := v.columns()
	for _, t := range v.Trials {
		if guess && spread {
			break
		}
		all := objective.MetricsOf(t)
		for _, c := range columns {
			guess = guess || guessed(c.metric, all)
			spread = spread || all[c.metric].Spread != nil
		}
	}
	for _, m := range []struct {
		has  bool
		text string
	}{
		{v.anyDiffers(), markOther + " measured otherwise than the study"},
		{guess, markGuess + "estimated or predicted, not measured"},
		{spread, "± standard deviation"},
		{v.hasRungs(), "trained for less below the top rung: compare within a rung"},
	} {
		if m.has {
			parts = append(parts, m.text)
		}
	}
	return strings.Join(parts, "   ")
}

// notes tell how the columns were measured, what is not ranked with the others
// and why, what to mind of the objective, and what weakens single values.
func (v View) notes() []string {
	var order, notes []string
	columns := map[string][]string{} // by method
	weak := map[string][]string{}    // trials, by metric and what weakens it
	var weakness []string
	for _, c := range v.columns() {
		if c.metric == "" {
			continue
		}
		if c.method != "" {
			how := inWords(c.method)
			if width := v.width(c.metric); width != "" {
				how += " (" + width + ")"
			}
			if columns[how] == nil {
				order = append(order, how)
			}
			columns[how] = append(columns[how], c.name)
		}
		for _, t := range v.Trials {
			if q := t.Metrics[c.metric].Quality; q != "" {
				text := c.name + ": " + clip(q, 200)
				if weak[text] == nil {
					weakness = append(weakness, text)
				}
				weak[text] = append(weak[text], fmt.Sprint(t.ID))
			}
		}
	}
	for i, how := range order {
		order[i] = strings.Join(columns[how], ", ") + " " + how
	}
	if len(order) > 0 {
		notes = append(notes, strings.Join(order, " · "))
	}
	for _, text := range v.Objective.MixedMethods(v.Trials) {
		notes = append(notes, markOther+" "+text)
	}
	notes = append(notes, v.Objective.Remarks()...)
	for i, text := range weakness {
		if i == weaknessMost {
			return append(notes, fmt.Sprintf("%s and %d more of that kind: see the trials", markWeak, len(weakness)-i))
		}
		ids, more := weak[text], ""
		if len(ids) > trialsMost {
			ids, more = ids[:trialsMost], fmt.Sprintf(" and %d more", len(ids)-trialsMost)
		}
		word := "trial "
		if len(ids) > 1 {
			word = "trials "
		}
		notes = append(notes, markWeak+" "+word+strings.Join(ids, ", ")+more+", "+text)
	}
	return notes
}

// How many weaknesses of values are told under the table, and of how many trials.
const weaknessMost, trialsMost = 5, 12

func (v View) anyDiffers() bool {
	return slices.ContainsFunc(v.Trials, func(t trial.Trial) bool { return len(v.Objective.Differs(t.Metrics)) > 0 })
}
