package kernelext

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// dimsMost is how many axes stand beside each other legibly.
const dimsMost = 11

// parallel is the chart of all metrics beside each other: an axis for each in which
// the trials differ, and a line for each trial.
func (v View) parallel() chart {
	c := chart{
		Name: "parallel", view: v, Title: "all metrics of each trial",
		Note: "On every axis up is better.", Hint: "Drag along axes to choose ranges; a click on an axis lets its range go.",
	}
	var shown trial.History
	for _, t := range v.Trials {
		if _, trained := t.Metrics[trial.Accuracy]; trained && (t.State == trial.Complete || t.State == trial.Infeasible) {
			shown = append(shown, t)
		}
	}
	if len(shown) < 2 {
		return c
	}
	searched := len(shown)
	shown = append(shown, v.baselines()...)
	at := make([][]float64, len(shown)) // by trial and axis
	add := func(a axis, factor float64, values []float64) {
		c.Dims = append(c.Dims, a)
		for i, x := range values {
			at[i] = append(at[i], x*factor)
		}
	}
	scores := make([]float64, len(shown))
	for i, t := range shown {
		if scores[i] = math.NaN(); t.Effectiveness != nil {
			scores[i] = *t.Effectiveness
		}
	}
	if known := numbers(scores); differ(known) {
		low, high := bounds(known)
		a := span(low, high)
		a.Name = "effectiveness"
		add(a, 1, scores)
	}
	for _, m := range v.dims(shown) {
		values := valuesOf(shown, m)
		a, factor := metricAxis(m, numbers(values))
		if info, _ := m.Info(); !info.Higher {
			a.Down = true
		}
		add(a, factor, values)
	}
	if len(c.Dims) < 2 {
		return c
	}
	front, _ := v.leaders()
	onFront := series{Name: "Pareto front", Color: blue, Symbol: "none", Line: true}
	others := series{Name: "dominated", Color: sky, Symbol: "none", Line: true}
	other := series{Name: "measured otherwise", Color: purple, Symbol: "none", Line: true, Dashed: true}
	infeasible := series{Name: "infeasible", Color: vermillion, Symbol: "none", Line: true, Dashed: true}
	for i, t := range shown[:searched] {
		to := &others
		switch {
		case t.State == trial.Infeasible:
			to = &infeasible
		case slices.Contains(front, t.ID):
			to = &onFront
		case len(v.Objective.Differs(t.Metrics)) > 0:
			to = &other
		}
		to.Points = append(to.Points, point{At: at[i], Trial: t.ID})
	}
	if len(shown) > many {
		for _, s := range []*series{&others, &other, &infeasible} {
			evenly(s, linesMost)
		}
	}
	c.add(others, other, infeasible, onFront)
	for i, t := range shown[searched:] {
		s := v.baselineSeries(i, t)
		s.Points = []point{{At: at[searched+i], Trial: t.ID}}
		c.add(s)
	}
	return c
}

// dispensable are the metrics that say what another says too, or little, the first
// to go where there are too many.
var dispensable = []trial.Metric{trial.LatencyP99, trial.LatencyP95, trial.InferencePower, trial.CO2e, trial.TrainAccuracy, trial.Loss, trial.PeakMemory}

// dims are the metrics that get an axis: those in which the trials differ, and of
// too many the ones that the study is after before the others.
func (v View) dims(shown trial.History) []trial.Metric {
	found := map[trial.Metric]bool{}
	for _, t := range shown {
		for m := range objective.MetricsOf(t) {
			if _, known := found[m]; !known {
				found[m] = differ(numbers(valuesOf(shown, m)))
			}
		}
	}
	maps.DeleteFunc(found, func(m trial.Metric, differs bool) bool {
		return !differs || m == trial.TestAccuracy && len(numbers(valuesOf(shown, m))) < len(shown) // which would break the others' lines
	})
	var all []trial.Metric
	for _, info := range trial.Ordered(maps.Keys(found)) {
		all = append(all, info.Metric)
	}
	after := v.Objective.Concerns()
	last := slices.Clone(all)
	slices.Reverse(last)
	for _, m := range append(slices.Clone(dispensable), last...) {
		if i := slices.Index(all, m); i >= 0 && len(all) > dimsMost && !slices.Contains(after, m) {
			all = slices.Delete(all, i, i+1)
		}
	}
	return all
}

// valuesOf returns a metric of each trial, not a number where it is unknown.
func valuesOf(h trial.History, m trial.Metric) []float64 {
	all := make([]float64, len(h))
	for i := range h {
		if got, ok := objective.MetricOf(&h[i], m); ok {
			all[i] = got.Value
		} else {
			all[i] = math.NaN()
		}
	}
	return all
}

// numbers are the values that are ones.
func numbers(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

func differ(values []float64) bool {
	if len(values) < 2 {
		return false
	}
	low, high := bounds(values)
	return high > low
}

// The layout of parallel coordinates: room for names of several lines.
const (
	parallelTop    = 150
	parallelBottom = 30
	parallelSide   = 60
)

// named breaks an axis's name into lines that fit beside those of its neighbours.
func named(a axis) []string {
	var lines []string
	for word := range strings.FieldsSeq(a.Name) {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(word) <= 11 {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// setParallel makes the options those of parallel coordinates.
func (c chart) setParallel(all map[string]any) {
	for _, key := range []string{"xAxis", "yAxis", "grid"} {
		delete(all, key)
	}
	all["parallel"] = map[string]any{"left": parallelSide, "right": parallelSide, "top": parallelTop, "bottom": parallelBottom}
	axes := []any{}
	for i, a := range c.Dims {
		m := map[string]any{
			"dim": i, "name": strings.Join(named(a), "\n"), "type": a.kind(), "min": round(a.Min), "max": round(a.Max), "inverse": a.Down,
			"nameLocation": "end", "nameGap": 12, "nameTextStyle": map[string]any{"color": black, "fontSize": 11, "lineHeight": 13},
			"axisLine": map[string]any{"lineStyle": map[string]any{"color": edged}}, "axisLabel": map[string]any{"color": black, "fontSize": 11},
			"areaSelectStyle": map[string]any{"width": 16, "borderWidth": 1, "borderColor": blue, "color": blue, "opacity": 0.25},
		}
		if a.Down {
			m["nameLocation"] = "start"
		}
		if !a.Log {
			m["interval"] = round(a.Step)
		}
		axes = append(axes, m)
	}
	all["parallelAxis"] = axes
	list := []any{}
	for i, s := range c.Series {
		data := []any{}
		for _, p := range s.Points {
			value := []any{}
			for _, x := range p.At {
				if math.IsNaN(x) {
					value = append(value, "-")
				} else {
					value = append(value, round(x))
				}
			}
			data = append(data, map[string]any{"value": value, "trial": p.Trial, "name": fmt.Sprint("trial ", p.Trial)})
		}
		stroke := s.stroke()
		stroke["opacity"] = 0.9
		list = append(list, map[string]any{
			"name": s.Name, "type": "parallel", "z": 2 + i, "data": data, "lineStyle": stroke, "itemStyle": map[string]any{"color": s.Color},
			"inactiveOpacity": 0.08, "activeOpacity": 1, "emphasis": map[string]any{"lineStyle": map[string]any{"width": 4}},
		})
	}
	all["series"] = list
}

// drawParallel draws parallel coordinates as a still picture.
func (c chart) drawParallel(b *strings.Builder) {
	const top, bottom = parallelTop, chartHeight - parallelBottom
	x := func(i int) float64 {
		return parallelSide + float64(i)*(chartWidth-2*parallelSide)/float64(len(c.Dims)-1)
	}
	y := func(i int, v float64) float64 { return bottom - c.Dims[i].at(v)*(bottom-top) }
	for _, s := range c.Series {
		for _, p := range s.Points {
			var d strings.Builder
			to := "M"
			for i, v := range p.At {
				if math.IsNaN(v) {
					to = "M"
					continue
				}
				fmt.Fprintf(&d, "%s%.1f %.1f", to, x(i), y(i, v))
				to = "L"
			}
			fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="2" fill="none" opacity="0.9"%s/>`, d.String(), s.Color, dash(s))
		}
	}
	for i, a := range c.Dims {
		fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="%s"/>`, x(i), top, bottom, edged)
		for _, v := range a.ticks() {
			fmt.Fprintf(b, `<path d="M%.1f %.1fh-4" stroke="%s"/>`, x(i), y(i, v), edged)
		}
	}
	fmt.Fprintf(b, `<g stroke="%s" stroke-width="3" paint-order="stroke">`, paper) // keeps texts legible on the lines
	for i, a := range c.Dims {
		for _, v := range a.ticks() {
			text(b, x(i)-6, y(i, v)+4, "end", 11, black, "", a.label(v))
		}
		lines := named(a)
		for n, line := range lines {
			text(b, x(i), float64(top-12-13*(len(lines)-1-n)), "middle", 11, black, "", line)
		}
	}
	b.WriteString(`</g>`)
}
