package kernelext

import (
	"math"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// axis is one axis of a chart, from Min to Max in the unit that its name states.
type axis struct {
	Name     string
	Min, Max float64
	Step     float64  // between ticks; unused on a logarithmic axis
	Log      bool     // Min and Max are then powers of ten
	Rows     []string // names of 1, 2, … from the top down, in the place of the numbers
	Down     bool     // the larger values are below
}

// scale chooses the unit in which a metric's values up to most read well, such as
// mJ, and the factor from the metric's own unit to it.
func scale(m trial.Metric, most float64) (factor float64, unit string) {
	text := objective.Format(m, most)
	unit = strings.TrimSpace(strings.TrimLeft(text, "-+.0123456789e"))
	if unit == "" {
		return 1, ""
	}
	base, _ := m.Split() // of a board, and on the test split, the units are the same
	if base == trial.TestAccuracy {
		base = trial.Accuracy
	}
	_, one, err := objective.ParseLimit(string(base) + "=1" + unit)
	if err != nil || one <= 0 {
		return 1, ""
	}
	return 1 / one, unit
}

// metricAxis spans values of m, which are in the metric's own unit, and returns
// the factor by which to multiply them.
func metricAxis(m trial.Metric, values []float64) (axis, float64) {
	if len(values) == 0 {
		return axis{Name: words(m), Max: 1, Step: 0.2}, 1
	}
	low, high := bounds(values)
	factor, unit := scale(m, high)
	a := span(low*factor, high*factor)
	if unit == "%" {
		a.Max = math.Min(a.Max, 100)
	}
	a.Name = words(m)
	if unit != "" {
		a.Name += " [" + unit + "]"
	}
	return a, factor
}

// logRatio is the ratio of the largest to the smallest value from which on a
// logarithmic axis reads better.
const logRatio = 100

// span returns an axis with round ticks around low to high, which are not negative.
func span(low, high float64) axis {
	if low > 0 && high/low >= logRatio {
		return axis{Min: math.Pow(10, math.Floor(math.Log10(low))), Max: math.Pow(10, math.Ceil(math.Log10(high))), Log: true}
	}
	width := high - low
	if width <= 0 {
		width = math.Max(math.Abs(high)*0.2, 1e-9)
	}
	// Some air, so that no mark sits on the frame; but nothing below zero, which
	// none of the metrics goes.
	low, high = math.Max(0, low-0.08*width), high+0.08*width
	step := roundStep((high - low) / 6)
	return axis{Min: math.Floor(low/step+1e-9) * step, Max: math.Ceil(high/step-1e-9) * step, Step: step}
}

// roundStep returns 1, 2 or 5 times a power of ten, at least x.
func roundStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// upToAxis begins at nothing.
func upToAxis(high float64) axis {
	a := axis{Max: high, Step: roundStep(high / 10)}
	a.Max = math.Ceil(a.Max/a.Step-1e-9) * a.Step
	return a
}

// rowAxis has a row for each name.
func rowAxis(name string, rows []string) axis {
	return axis{Name: name, Min: 0, Max: float64(len(rows) + 1), Step: 1, Rows: rows, Down: true}
}

// ticks are the values at which the axis is labelled.
func (a axis) ticks() (all []float64) {
	if len(a.Rows) > 0 {
		for i := range a.Rows {
			all = append(all, float64(i+1))
		}
		return all
	}
	if a.Log {
		for v := a.Min; v <= a.Max*1.0001; v *= 10 {
			all = append(all, v)
		}
		return all
	}
	for i := 0; ; i++ {
		v := a.Min + float64(i)*a.Step
		if v > a.Max+a.Step/1000 || i > 50 {
			return all
		}
		all = append(all, v)
	}
}

// at returns where v lies between the axis's ends, 0 to 1.
func (a axis) at(v float64) float64 {
	share := (v - a.Min) / (a.Max - a.Min)
	if a.Log {
		share = math.Log(v/a.Min) / math.Log(a.Max/a.Min)
	}
	if a.Down {
		return 1 - share
	}
	return share
}

// value is the reverse of at, for an axis that grows to the right or upwards.
func (a axis) value(share float64) float64 {
	if a.Log {
		return a.Min * math.Pow(a.Max/a.Min, share)
	}
	return a.Min + share*(a.Max-a.Min)
}

// label writes a tick without the noise of floating point.
func (a axis) label(v float64) string {
	if i := int(v) - 1; i >= 0 && i < len(a.Rows) {
		return a.Rows[i]
	}
	return strconv.FormatFloat(round(v), 'g', -1, 64)
}

// round keeps nine digits: enough for any chart, and none of the noise.
func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func bounds(values []float64) (low, high float64) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	return low, high
}
