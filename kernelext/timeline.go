package kernelext

import (
	"fmt"
	"html"
	"math"
	"slices"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// timeline is the chart of when each trial was asked for, trained and measured, and
// how it ended. Pauses between runs are left out.
func (v View) timeline() chart {
	c := chart{
		Name: "timeline", view: v, Title: "timeline of the trials",
		Note: "When each network was asked for, trained and measured. Pauses between two runs are left out.",
	}
	spans := []series{
		{Name: "asked for", Color: sky, Symbol: "bar"},
		{Name: "prepared", Color: purple, Symbol: "bar"},
		{Name: "trained", Color: blue, Symbol: "bar"},
		{Name: "validated", Color: green, Symbol: "bar"},
		{Name: "profiled", Color: orange, Symbol: "bar"},
		{Name: "no times told", Color: grey, Symbol: "bar"},
	}
	var shown trial.History
	for _, t := range v.Trials {
		if !t.Ended.IsZero() && !t.Ended.Before(t.Started) && !t.Started.IsZero() {
			shown = append(shown, t)
		}
	}
	if len(shown) == 0 {
		return c
	}
	if len(shown) > many {
		shown = shown[len(shown)-spansMost:]
		c.Note = fmt.Sprintf("When each of the latest %d networks was asked for, trained and measured. Pauses between two runs are left out.", spansMost)
	}
	since := worked(shown)
	ends := endMarks()
	longest := since(slices.MaxFunc(shown, func(a, b trial.Trial) int { return a.Ended.Compare(b.Ended) }).Ended)
	factor, unit := clock(longest)
	c.X.Step = roundStep(max(longest.Seconds(), 1) * factor / 8)
	c.X.Max = math.Ceil(longest.Seconds()*factor*1.02/c.X.Step) * c.X.Step
	c.X.Name = "time that the study has run [" + unit + "]"
	var rows []string
	for i, t := range shown {
		rows = append(rows, fmt.Sprint(t.ID))
		row := float64(i + 1)
		end := since(t.Ended).Seconds()
		for _, s := range spells(t) {
			at := since(s.from).Seconds()
			for n, seconds := range stages(t.Runs > 0 && !s.reused, s.seconds, since(s.to).Seconds()-at) {
				if seconds <= 0 {
					continue
				}
				p := point{X: at * factor, X1: (at + seconds) * factor, Y: row, Trial: t.ID}
				if spans[n].Name != "trained" { // whose bar stands for the trial
					p.Trial, p.Tip = 0, html.EscapeString(fmt.Sprintf("trial %d, %s: %s", t.ID, spans[n].Name, lasting(seconds)))
				}
				spans[n].Points = append(spans[n].Points, p)
				at += seconds
			}
		}
		for i := range ends { // beside the bar, so that both are seen
			if ends[i].Name == string(t.State) {
				ends[i].Points = append(ends[i].Points, point{X: end*factor + 0.012*c.X.Max, Y: row, Trial: t.ID})
			}
		}
	}
	c.Y = rowAxis("trial", thinned(rows))
	c.add(spans...)
	c.add(ends...)
	return c
}

// endMarks are the marks of how a trial ended.
func endMarks() []series {
	return []series{
		{Name: string(trial.Complete), Color: green, Symbol: "ring", Size: 10},
		{Name: string(trial.Infeasible), Color: vermillion, Symbol: "cross", Size: 9},
		{Name: string(trial.Failed), Color: black, Symbol: "cross", Size: 9},
		{Name: string(trial.Pruned), Color: purple, Symbol: "frame", Size: 10},
		{Name: string(trial.Duplicate), Color: grey, Symbol: "ring", Size: 10},
		{Name: string(trial.Invalid), Color: grey, Symbol: "cross", Size: 9},
	}
}

// stages divides a trial's time into what was done: asked for, prepared (data,
// compilation and idle power), trained, validated and profiled, which is what it
// ended with; and the whole where it was evaluated and its times are not told.
func stages(evaluated bool, s map[string]float64, total float64) (all [6]float64) {
	if evaluated && len(s) == 0 {
		all[5] = total
		return all
	}
	all[1] = s[trial.PhaseStart] + s[trial.PhasePlugin] + s[trial.PhaseData] + s[trial.PhaseCompile] + s[trial.PhaseIdle]
	all[2], all[3], all[4] = s[trial.PhaseTrain], s[trial.PhaseEvaluate]+s[trial.PhaseSave], s[trial.PhaseProfile]+s[trial.PhaseStop]
	all[0] = max(total-all[1]-all[2]-all[3]-all[4], 0)
	return all
}

// worked returns how long the study had run at a moment: without the time in which
// no trial was under way.
func worked(h trial.History) func(time.Time) time.Duration {
	type span struct{ from, to time.Time }
	var spans []span
	for _, t := range h {
		for _, s := range spells(t) {
			spans = append(spans, span{s.from, s.to})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	return func(at time.Time) (d time.Duration) {
		var to time.Time // up to which time is counted
		for _, s := range spans {
			from, end := s.from, s.to
			if from.Before(to) {
				from = to
			}
			if end.After(at) {
				end = at
			}
			if end.After(from) {
				d += end.Sub(from)
				to = end
			}
		}
		return d
	}
}

// clock chooses the unit of a time axis, and the factor from seconds to it.
func clock(most time.Duration) (factor float64, unit string) {
	switch {
	case most > 3*time.Hour:
		return 1.0 / 3600, "h"
	case most > 3*time.Minute:
		return 1.0 / 60, "min"
	}
	return 1, "s"
}

// rowsNamed is how many rows of an axis can be named legibly.
const rowsNamed = 90

// thinned leaves only so many names that they do not overlap.
func thinned(rows []string) []string {
	every := len(rows)/rowsNamed + 1
	for i := range rows {
		if i%every != 0 {
			rows[i] = ""
		}
	}
	return rows
}
