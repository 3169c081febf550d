package kernelext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// plots are the charts that there is something to see on.
func (v View) plots() []chart {
	var all []chart
	for _, c := range []chart{v.tradeOff(), v.history(), v.hypervolume(), v.parallel(), v.effects(), v.curves(), v.ranking().chart(), v.timeline()} {
		if len(c.Series) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// tradeOff is the chart of the Pareto front: by default accuracy upwards against
// the energy of one inference to the right.
func (v View) tradeOff() chart { return v.tradeOffOf(v.Trials) }

// tradeOffOf is the same with some of the trials alone.
func (v View) tradeOffOf(some trial.History) chart {
	up, right := v.axes()
	var shown trial.History
	var xs, ys []float64
	for _, t := range some {
		x, okX := t.Metrics[right]
		y, okY := t.Metrics[up]
		if okX && okY && (t.State == trial.Complete || t.State == trial.Infeasible) {
			shown = append(shown, t)
			xs, ys = append(xs, reach(x)...), append(ys, reach(y)...)
		}
	}
	against := v.baselines()
	for _, t := range against {
		x, okX := t.Metrics[right]
		y, okY := t.Metrics[up]
		if okX && okY {
			xs, ys = append(xs, reach(x)...), append(ys, reach(y)...)
		}
	}
	c := chart{Name: "tradeoff", Title: fmt.Sprintf("%s: %s against %s", v.Name, words(up), words(right)), Note: v.summary(), view: v}
	if len(shown) == 0 {
		return c
	}
	var fx, fy float64
	c.X, fx = metricAxis(right, xs)
	c.Y, fy = metricAxis(up, ys)
	c.X.Name += v.how(right)
	c.Y.Name += v.how(up)
	front, best := v.leaders()

	onFront := series{Name: "Pareto front", Color: blue, Symbol: "circle", Size: 13, Line: len(v.Objective.Axes) == 2, Step: turn(right)}
	others := series{Name: "dominated", Color: sky, Symbol: "circle", Size: 10}
	other := series{Name: "measured otherwise", Color: purple, Symbol: "square", Size: 19}
	infeasible := series{Name: "infeasible", Color: vermillion, Symbol: "cross", Size: 12}
	first := series{Name: "first trial", Color: orange, Symbol: "ring", Size: 21}
	chosen := series{Name: "most effective", Color: green, Symbol: "frame", Size: 28}
	for _, t := range shown {
		member := slices.Contains(front, t.ID)
		p := point{X: t.Metrics[right].Value * fx, Y: t.Metrics[up].Value * fy, Label: fmt.Sprint(t.ID), Trial: t.ID}
		// The mark around a point carries its label, for which it leaves no room.
		if t.ID == best {
			chosen.Points = append(chosen.Points, p)
			p.Label = ""
		}
		if t.ID == v.Trials[0].ID {
			first.Points = append(first.Points, p)
			p.Label = ""
		}
		differs := len(v.Objective.Differs(t.Metrics)) > 0
		if differs {
			other.Points = append(other.Points, p)
			p.Label = ""
		}
		p.DX, p.DY = spread(t.Metrics[right])*fx, spread(t.Metrics[up])*fy
		switch {
		case t.State == trial.Infeasible:
			infeasible.Points = append(infeasible.Points, p)
		case member:
			onFront.Points = append(onFront.Points, p)
		case differs: // is not ranked, and the mark around it stands alone
			last := &other.Points[len(other.Points)-1]
			last.DX, last.DY = p.DX, p.DY
		default:
			others.Points = append(others.Points, p)
		}
	}
	slices.SortStableFunc(onFront.Points, func(a, b point) int {
		switch {
		case a.X < b.X:
			return -1
		case a.X > b.X:
			return 1
		}
		return 0
	})
	if len(shown) > many {
		for _, s := range []*series{&others, &infeasible, &other} {
			c.thin(s, marksMost)
		}
	}
	marked := series{Name: "baseline", Color: black, Symbol: "diamond", Size: 15}
	for _, t := range against {
		x, okX := t.Metrics[right]
		y, okY := t.Metrics[up]
		if okX && okY {
			marked.Points = append(marked.Points, point{X: x.Value * fx, Y: y.Value * fy, DX: spread(x) * fx, DY: spread(y) * fy, Label: v.shortName(t), Trial: t.ID})
		}
	}
	c.add(onFront, others, infeasible, other, first, chosen, marked)
	c.add(v.equalLines(c, up, right, fx, fy)...)
	return c
}

// how says in an axis's name by which method the metric is measured, and how wide
// the band of an estimate is: a bar of half to twice the value at every mark would
// hide the chart.
func (v View) how(m trial.Metric) string {
	method := v.method(m)
	if method == "" {
		method = strings.Join(v.methods(m), ", ")
	}
	if method == "" {
		return ""
	}
	text := clip(method, 40)
	if width := v.width(m); width != "" {
		text += "; " + width
	}
	return " (" + text + ")"
}

func spread(m trial.Measurement) float64 {
	if m.Spread == nil {
		return 0
	}
	return *m.Spread
}

// reach is a value with the ends of its error bar that are above zero.
func reach(m trial.Measurement) []float64 {
	s := spread(m)
	if s < m.Value {
		return []float64{m.Value - s, m.Value + s}
	}
	return []float64{m.Value, m.Value + s}
}

// turn says where the line of the front turns: it bounds what can be had, so that
// between two members the worse of both holds.
func turn(right trial.Metric) string {
	if info, _ := right.Info(); info.Higher {
		return "start"
	}
	return "end"
}

// history is the chart of the effectiveness over the trials, with the best so far.
func (v View) history() chart {
	c := chart{
		Name: "history", view: v,
		Title: "effectiveness over the trials",
		Note:  "Combined effectiveness by the study's wants, 0 to 1: more is better, and the first trial has 0.5 where no want has a target.",
		X:     trialAxis(len(v.Trials)),
		Y:     axis{Name: "effectiveness", Min: 0, Max: 1, Step: 0.2},
	}
	each := series{Name: "trial", Color: sky, Symbol: "circle", Size: 11}
	so := series{Name: "best so far", Color: blue, Symbol: "none", Line: true, Step: "end"}
	without := series{Name: "without a score", Color: vermillion, Symbol: "cross", Size: 11}
	best := 0.0
	for _, t := range v.Trials {
		if !t.State.Done() {
			continue
		}
		x := float64(t.ID)
		if t.Effectiveness != nil && t.State == trial.Complete {
			best = max(best, *t.Effectiveness)
			each.Points = append(each.Points, point{X: x, Y: *t.Effectiveness, Label: fmt.Sprint(t.ID), Trial: t.ID})
		} else { // has no height: it stands on the axis, under a name that says so
			without.Points = append(without.Points, point{X: x, Y: 0, Trial: t.ID})
		}
		if len(each.Points) > 0 {
			so.Points = append(so.Points, point{X: x, Y: best})
		}
	}
	if len(each.Points) == 0 {
		return c
	}
	if len(v.Trials) > many {
		so.Points = steps(so.Points)
		c.thin(&each, marksMost)
		c.thin(&without, marksMost)
	}
	c.add(so, each, without)
	for i, t := range v.baselines() {
		if t.Effectiveness != nil { // it has no place among the rounds: a line, so that each can be held against it
			line := v.baselineSeries(i, t)
			line.Points = []point{{X: c.X.Min, Y: *t.Effectiveness, Trial: t.ID}, {X: c.X.Max, Y: *t.Effectiveness, Trial: t.ID}}
			c.add(line)
		}
	}
	return c
}

// curveCount is how many learning curves one can tell apart.
const curveCount = 5

// curves is the chart of the learning curves of the most effective trials.
func (v View) curves() chart {
	var shown trial.History
	for _, t := range v.Trials.Complete() {
		if len(t.Curve) > 1 || t.Brief {
			shown = append(shown, t)
		}
	}
	slices.SortStableFunc(shown, func(a, b trial.Trial) int {
		if rank(a) > rank(b) {
			return -1
		} else if rank(a) < rank(b) {
			return 1
		}
		return 0
	})
	shown = shown[:min(len(shown), curveCount)]
	c := chart{Name: "curves", view: v, Title: "learning curves of the best", Note: "Accuracy on the validation samples after each epoch, of the most effective trials, the best one first."}
	var ys []float64
	epochs := 1
	for i, t := range shown {
		t = v.whole(t)
		s := series{
			Name: fmt.Sprintf("trial %d", t.ID), Color: []string{blue, orange, green, purple, black}[i], Symbol: "circle", Size: 6, Line: true,
		}
		for _, e := range t.Curve {
			ys = append(ys, e.Accuracy)
			epochs = max(epochs, e.Epoch)
			s.Points = append(s.Points, point{X: float64(e.Epoch), Y: 100 * e.Accuracy, Tip: fmt.Sprintf(
				"trial %d, epoch %d<br>validation accuracy %.1f %%<br>training accuracy %.1f %%<br>loss %.3f<br>%.1f s",
				t.ID, e.Epoch, 100*e.Accuracy, 100*e.TrainAccuracy, e.Loss, e.Seconds)})
		}
		c.Series = append(c.Series, s)
	}
	for i, t := range v.baselines() {
		s := v.baselineSeries(i, t)
		for _, e := range t.Curve {
			ys = append(ys, e.Accuracy)
			epochs = max(epochs, e.Epoch)
			s.Points = append(s.Points, point{X: float64(e.Epoch), Y: 100 * e.Accuracy, Trial: t.ID})
		}
		if len(shown) > 0 {
			c.add(s)
		}
	}
	if len(c.Series) > 0 {
		c.Y, _ = metricAxis(trial.Accuracy, ys)
		c.Y.Name += v.how(trial.Accuracy)
		c.X = axis{Name: "epoch", Min: 0, Max: float64(epochs), Step: roundStep(max(float64(epochs)/12, 1))}
	}
	return c
}

// rank orders trials by effectiveness, and by accuracy where that is unknown.
func rank(t trial.Trial) float64 {
	if t.Effectiveness != nil {
		return 1 + *t.Effectiveness
	}
	return t.Metrics[trial.Accuracy].Value
}

// add adds the series that have points.
func (c *chart) add(all ...series) {
	for _, s := range all {
		if len(s.Points) > 0 {
			c.Series = append(c.Series, s)
		}
	}
}
