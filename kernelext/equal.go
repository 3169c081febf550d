package kernelext

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// equalSteps is into how many pieces a line of equal effectiveness is drawn.
const equalSteps = 32

// equalLines are lines along which the effectiveness stays the same where all that
// is not on the chart's axes is as in the best trial: what the study prefers lies
// across them. One goes through the best trial, others through round values below.
// There are none where neither axis is wanted. fx and fy are the factors to the
// axes' units.
func (v View) equalLines(c chart, up, right trial.Metric, fx, fy float64) []series {
	best, ok := v.Objective.Best(v.Trials)
	t, found := v.Trials.ByID(best)
	if !ok || !found {
		return nil
	}
	base := maps.Clone(objective.MetricsOf(t))
	at := func(x, y float64) float64 {
		for m, value := range map[trial.Metric]float64{right: x / fx, up: y / fy} {
			was := base[m]
			was.Value = value
			base[m] = was
		}
		score, known := v.Objective.Score(base)
		if !known {
			return math.NaN()
		}
		return score
	}
	var lines []series
	for _, level := range v.levels() {
		s := series{
			Name: "equal effectiveness", Color: grey, Symbol: "none", Line: true, Dashed: true, Quiet: true,
			Points: contour(c.X, c.Y, at, level),
		}
		if n := len(s.Points); n > 1 {
			if !c.marked(s.Points[n-1]) {
				s.End = fmt.Sprintf("%.2f", level)
			}
			lines = append(lines, s)
		}
	}
	return lines
}

// marked reports whether a label beside p would lie on a mark.
func (c chart) marked(p point) bool {
	x, y := c.place(p)
	label := box{x - 14, y - 14, x + 36, y + 14}
	for _, s := range c.Series {
		for _, mark := range s.Points {
			mx, my := c.place(mark)
			if label.overlaps(around(mx, my, float64(s.Size))) {
				return true
			}
		}
	}
	return false
}

// levels are the effectiveness of the best trial and up to three round ones that
// others have reached.
func (v View) levels() []float64 {
	var scores []float64
	for _, t := range v.Trials.Complete() {
		if t.Effectiveness != nil {
			scores = append(scores, *t.Effectiveness)
		}
	}
	if len(scores) == 0 {
		return nil
	}
	low, high := bounds(scores)
	levels := []float64{high}
	if high > low {
		step := roundStep((high - low) / 3)
		for level := math.Floor(high/step-0.3) * step; level >= low && len(levels) < 4; level -= step {
			levels = append(levels, level)
		}
	}
	return levels
}

// contour is the line on which f has the value of level, from the left to the
// right. f rises or falls along each axis all the way, or does not change.
func contour(x, y axis, f func(x, y float64) float64, level float64) (line []point) {
	for _, py := range []float64{y.Min, y.Max} { // where it leaves the frame; upright lines are nothing else
		if px, ok := solve(x, func(px float64) float64 { return f(px, py) }, level); ok {
			line = append(line, point{X: px, Y: py})
		}
	}
	for i := range equalSteps + 1 {
		px := x.value(float64(i) / equalSteps)
		if py, ok := solve(y, func(py float64) float64 { return f(px, py) }, level); ok {
			line = append(line, point{X: px, Y: py})
		}
	}
	slices.SortStableFunc(line, func(a, b point) int { return cmp.Compare(a.X, b.X) })
	return line
}

// solve returns where on the axis f has the value of level.
func solve(a axis, f func(float64) float64, level float64) (float64, bool) {
	low, high := a.value(0), a.value(1)
	above := func(v float64) bool { return f(v) > level }
	if math.IsNaN(f(low)) || math.IsNaN(f(high)) || above(low) == above(high) {
		return 0, false
	}
	end := above(high)
	for range 50 {
		middle := (low + high) / 2
		if above(middle) == end {
			high = middle
		} else {
			low = middle
		}
	}
	return (low + high) / 2, true
}
