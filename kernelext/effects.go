package kernelext

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// use is what came of the rounds in which the expert system asked for a command.
type use struct {
	code, text       string
	yes, no, unknown int // rounds that raised the effectiveness above the parent's, that did not, and those of which it is unknown
	met, missed      int // expectations of plans on the chart's metrics
	changes          map[trial.Metric][]float64
	went             map[trial.Metric]map[string]int // by [trial.Effect]
	trials           []string
}

// uses sums the rounds up by command, the most used first.
func (v View) uses(metrics ...trial.Metric) []*use {
	byCode := map[string]*use{}
	var all []*use
	for _, t := range v.Trials {
		parent := v.parent(t)
		if !t.State.Done() || parent == nil {
			continue
		}
		for _, command := range t.Commands {
			u := byCode[command.Code]
			if u == nil {
				u = &use{code: command.Code, text: command.Text, changes: map[trial.Metric][]float64{}, went: map[trial.Metric]map[string]int{}}
				byCode[command.Code], all = u, append(all, u)
			}
			u.take(t, *parent, metrics, v.Objective.Score)
		}
	}
	slices.SortStableFunc(all, func(a, b *use) int { return cmp.Compare(len(b.trials), len(a.trials)) })
	return all
}

// take counts one round.
func (u *use) take(t, parent trial.Trial, metrics []trial.Metric, score func(trial.Metrics) (float64, bool)) {
	u.trials = append(u.trials, fmt.Sprint(t.ID))
	if p, child, ok := alike(parent, t, score); ok {
		parent, t = p, child
	}
	switch {
	case parent.Effectiveness == nil, t.State == trial.Complete && t.Effectiveness == nil:
		u.unknown++
	case t.Effectiveness != nil && t.State == trial.Complete && *t.Effectiveness > *parent.Effectiveness:
		u.yes++
	default:
		u.no++
	}
	before, after := objective.MetricsOf(parent), objective.MetricsOf(t)
	for _, m := range metrics {
		effect, ok := trial.Effect(m, before, after)
		if from, to := before[m].Method, after[m].Method; !ok || from != to || before[m].Value == 0 {
			continue // by two methods they do not compare
		}
		u.changes[m] = append(u.changes[m], 100*(after[m].Value/before[m].Value-1))
		if u.went[m] == nil {
			u.went[m] = map[string]int{}
		}
		u.went[m][effect]++
	}
	if a, ok := accepted(t); ok {
		for _, e := range expectations(a.Plan, t, &parent) {
			switch e.mark {
			case "✓":
				u.met++
			case "✗":
				u.missed++
			}
		}
	}
}

// changeMost is the largest relative change that the chart has room for, in percent.
const changeMost = 200

// effects is the chart of what came of each command: how the two metrics of the
// trade-off changed from a parent to its child, and how often that paid.
func (v View) effects() chart {
	up, right := v.axes()
	c := chart{
		Name: "effects", view: v, Title: "effect of each command",
		Note: "Change against the parent: median and range of the rounds with the command. ✓ the effectiveness rose, ✗ it did not.",
		Left: 118,
	}
	median := map[trial.Metric]*series{
		up:    {Name: words(up), Color: blue, Symbol: "circle", Size: 12},
		right: {Name: words(right), Color: orange, Symbol: "diamond", Size: 14},
	}
	reach := map[trial.Metric]*series{
		up:    {Name: words(up), Color: blue, Symbol: "none", Line: true, Quiet: true},
		right: {Name: words(right), Color: orange, Symbol: "none", Line: true, Quiet: true},
	}
	var rows []string
	var values []float64
	for _, u := range v.uses(up, right) {
		if len(u.changes[up]) == 0 && len(u.changes[right]) == 0 {
			continue
		}
		rows = append(rows, fmt.Sprintf("%s  %d✓ %d✗", clip(u.code, 8), u.yes, u.no))
		for i, m := range []trial.Metric{up, right} {
			changes := u.changes[m]
			if len(changes) == 0 {
				continue
			}
			y := float64(len(rows)) + 0.36*(float64(i)-0.5)
			low, high := bounds(changes)
			low, high = min(low, changeMost), min(high, changeMost)
			middle := min(medianOf(changes), changeMost)
			values = append(values, low, high)
			reach[m].Points = append(reach[m].Points, point{X: low, Y: y}, point{X: high, Y: y}, gap)
			median[m].Points = append(median[m].Points, point{X: middle, Y: y, Tip: u.tip(m)})
		}
	}
	if len(rows) == 0 {
		return c
	}
	low, high := bounds(values)
	low, high = min(low, -5), max(high, 5)
	step := roundStep((high - low) / 8)
	c.X = axis{Name: "change [%]", Min: math.Floor(low/step) * step, Max: math.Ceil(high/step) * step, Step: step}
	c.Y = rowAxis("", rows)
	none := series{Name: "no change", Color: grey, Symbol: "none", Line: true, Dashed: true, Quiet: true, Points: []point{{X: 0, Y: c.Y.Min}, {X: 0, Y: c.Y.Max}}}
	c.add(*median[up], *median[right], *reach[up], *reach[right], none)
	return c
}

// tip tells what came of the command for a metric.
func (u *use) tip(m trial.Metric) string {
	low, high := bounds(u.changes[m])
	lines := []string{
		u.code + " " + u.text + ": " + words(m),
		fmt.Sprintf("median %+.1f %%, from %+.1f %% to %+.1f %%", medianOf(u.changes[m]), low, high),
		fmt.Sprintf("up in %d, down in %d, the same in %d rounds (%s)", u.went[m][trial.Up], u.went[m][trial.Down], u.went[m][trial.Same], sameRule()),
		fmt.Sprintf("effectiveness rose in %d rounds, did not in %d, is unknown in %d", u.yes, u.no, u.unknown),
	}
	if u.met+u.missed > 0 {
		lines = append(lines, fmt.Sprintf("of what their plans expected, %d came true and %d did not", u.met, u.missed))
	}
	ids := u.trials
	if len(ids) > trialsMost {
		ids = append(slices.Clone(ids[:trialsMost]), fmt.Sprintf("and %d more", len(u.trials)-trialsMost))
	}
	lines = append(lines, "trials "+strings.Join(ids, ", "), "A round may have several commands; it counts for each.")
	for i := range lines {
		lines[i] = html.EscapeString(clip(lines[i], 160))
	}
	return `<b>` + lines[0] + `</b><br>` + strings.Join(lines[1:], "<br>")
}

func medianOf(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}
