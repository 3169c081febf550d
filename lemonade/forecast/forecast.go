package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	// Enough is how many measured trials a forecast takes.
	Enough = 6

	// most bounds the trials that a forecast is made from: its time grows with their
	// third power. The latest half of them are there, and the others evenly.
	most = 256
)

// Forecast is made from a history, for the axes of an objective.
type Forecast struct {
	axes      []trial.Metric
	encoder   encoder
	points    *points
	processes []*process  // by axis; nil where the network's costs are the metric
	front     [][]float64 // losses that no other trial dominates; of two axes in the order of the second
	reference []float64   // losses
}

// New makes a forecast. It is nil where fewer than [Enough] trials have all axes known.
func New(h trial.History, o objective.Objective) *Forecast { return from(h, lossesOf(h, o), o) }

// lossesOf are the trials' losses on the axes, nil of one that tells nothing.
func lossesOf(h trial.History, o objective.Objective) [][]float64 {
	all := make([][]float64, len(h))
	for i := range h {
		t := &h[i]
		if t.State != trial.Complete || t.Program == nil {
			continue
		}
		values, ok := o.Point(t)
		if !ok {
			continue
		}
		loss := make([]float64, len(values))
		for k, v := range values {
			loss[k] = lossOf(o.Axes[k], v)
		}
		if slices.Min(loss) > 0 {
			all[i] = loss
		}
	}
	return all
}

func from(h trial.History, known [][]float64, o objective.Objective) *Forecast {
	var trials []*trial.Trial
	var losses [][]float64
	for i, loss := range known {
		if loss != nil {
			trials, losses = append(trials, &h[i]), append(losses, loss)
		}
	}
	if len(trials) < Enough {
		return nil
	}
	f := &Forecast{axes: o.Axes, front: frontOf(losses), reference: referenceOf(losses, o)}
	trials, losses = thin(trials), thin(losses)
	samples := make([]Sample, len(trials))
	for i, t := range trials {
		samples[i] = Describe(t.Program, t.Hash)
	}
	f.encoder = newEncoder(samples)
	rows := make([][]float64, len(samples))
	for i, s := range samples {
		rows[i] = f.encoder.encode(s)
	}
	f.points = standardise(rows)
	for i, m := range o.Axes {
		column := make([]float64, len(losses))
		known := true
		for k, loss := range losses {
			column[k] = math.Log(loss[i])
			static, ok := trial.Static(samples[k].Costs)[m]
			known = known && ok && math.Abs(static.Value-loss[i]) <= 1e-9*loss[i]
		}
		var p *process
		if !known {
			if p = condition(f.points, column); p == nil {
				return nil
			}
		}
		f.processes = append(f.processes, p)
	}
	return f
}

// thin leaves at most so many that a forecast stays quick.
func thin[T any](all []T) []T {
	if len(all) <= most {
		return all
	}
	old := all[:len(all)-most/2]
	var out []T
	for i := range most / 2 {
		out = append(out, old[i*len(old)/(most/2)])
	}
	return append(out, all[len(old):]...)
}

// A loss is what is to be small: the error 1 − accuracy, the time for one sample, a cost.
// leastError keeps the logarithm of an error within bounds.
const leastError = 0.001

func lossOf(m trial.Metric, v float64) float64 {
	switch info, _ := m.Info(); {
	case info.Higher && info.Unit == "":
		return max(1-v, leastError)
	case info.Higher:
		return 1 / v
	}
	return v
}

// valueOf is the metric's value of a loss.
func valueOf(m trial.Metric, loss float64) float64 {
	switch info, _ := m.Info(); {
	case info.Higher && info.Unit == "":
		return max(1-loss, 0)
	case info.Higher:
		return 1 / loss
	}
	return loss
}

// Estimate is the forecast of one metric, in its unit. Between Low and High it is with a
// probability of two thirds.
type Estimate struct {
	Metric           trial.Metric
	Value, Low, High float64
}

// Estimates returns the forecasts of the axes.
func (f *Forecast) Estimates(s Sample) []Estimate {
	var out []Estimate
	outlook := f.look(s)
	outlook.sharpen()
	for i, m := range f.axes {
		b := outlook[i]
		e := Estimate{m, valueOf(m, math.Exp(b.mean)), valueOf(m, math.Exp(b.mean-b.deviation)), valueOf(m, math.Exp(b.mean+b.deviation))}
		e.Low, e.High = min(e.Low, e.High), max(e.Low, e.High)
		out = append(out, e)
	}
	return out
}

// Text says what the forecasts of the axes are, such as "accuracy 91.2 %, latency 3 ms".
func (f *Forecast) Text(s Sample) string {
	var parts []string
	for _, e := range f.Estimates(s) {
		parts = append(parts, fmt.Sprintf("%s %s", e.Metric, objective.Format(e.Metric, e.Value)))
	}
	return strings.Join(parts, ", ")
}

// outlook are the logarithms of the losses that a sample may have, by axis.
type outlook []belief

// belief is a normal distribution. Until it is sharpened its deviation is a bound that
// costs little.
type belief struct {
	mean, deviation float64
	view            *view
}

func (f *Forecast) look(s Sample) outlook {
	z := f.points.place(f.encoder.encode(s))
	distances := make([]float64, len(f.points.x))
	for i, x := range f.points.x {
		distances[i] = squareDistance(z, x)
	}
	out := make(outlook, len(f.axes))
	for i, p := range f.processes {
		if p == nil {
			out[i].mean = math.Log(trial.Static(s.Costs)[f.axes[i]].Value)
			continue
		}
		v := p.see(z, distances)
		out[i] = belief{v.mean, v.bound, &v}
	}
	return out
}

func (o outlook) sharpen() {
	for i := range o {
		if o[i].view != nil {
			o[i].deviation, o[i].view = o[i].view.deviation(), nil
		}
	}
}

// frontOf returns the losses that no other dominates.
func frontOf(losses [][]float64) [][]float64 {
	var front [][]float64
	for _, a := range losses {
		if slices.ContainsFunc(front, func(b []float64) bool { return dominates(b, a) || slices.Equal(a, b) }) {
			continue
		}
		front = append(slices.DeleteFunc(front, func(b []float64) bool { return dominates(a, b) }), a)
	}
	slices.SortStableFunc(front, func(a, b []float64) int {
		switch last := len(a) - 1; {
		case a[last] < b[last]:
			return -1
		case a[last] > b[last]:
			return 1
		}
		return 0
	})
	return front
}

func dominates(a, b []float64) bool {
	strictly := false
	for i := range a {
		if a[i] > b[i] {
			return false
		}
		strictly = strictly || a[i] < b[i]
	}
	return strictly
}

// beyond is how far behind the worst of the trials the reference of the expected
// improvement is, unless the objective's own is nearer.
const beyond = 1.1

func referenceOf(losses [][]float64, o objective.Objective) []float64 {
	reference := slices.Clone(losses[0])
	for _, loss := range losses {
		for i, v := range loss {
			reference[i] = max(reference[i], v)
		}
	}
	for i, m := range o.Axes {
		reference[i] *= beyond
		if fixed, ok := o.Reference[m]; ok {
			reference[i] = min(reference[i], lossOf(m, fixed))
		}
	}
	return reference
}
