package kernelext

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The marks beside values and trials. They are signs, not colours, and the same
// in text, tables and charts.
const (
	markGuess = "≈ " // before a value that no meter has read
	markOther = "≠"  // behind a trial that was measured otherwise than its study states
	markWeak  = "†"  // behind a value that something weakens
)

// measured writes a metric of a trial with its unit and its spread, which has as
// many decimals as the value: "≈ 5.0 ± 0.2 mJ". It is "–" where it is unknown.
func measured(metric trial.Metric, all trial.Metrics) string {
	m, ok := all[metric]
	if !ok {
		return "–"
	}
	text := objective.Format(metric, m.Value)
	if factor, unit := scale(metric, m.Value); m.Spread != nil && !math.IsNaN(m.Value) && *m.Spread >= 0 {
		text = strings.TrimSpace(plusMinus(m.Value*factor, *m.Spread*factor) + " " + unit)
	}
	if guessed(metric, all) {
		text = markGuess + text
	}
	if m.Quality != "" {
		text += markWeak
	}
	return text
}

// guessed reports whether a value is an estimate or a prediction, or comes of one.
func guessed(metric trial.Metric, all trial.Metrics) bool {
	m := all[metric]
	if e, ok := all[trial.TrainingEnergy]; ok && metric == trial.CO2e {
		m = e
	}
	return m.Method != "" && !trial.Measured(m.Method)
}

// plusMinus writes a value and its spread down to the spread's first digit, or
// its second where the first is 1.
func plusMinus(v, spread float64) string {
	if spread == 0 {
		return strconv.FormatFloat(v, 'g', 3, 64) + " ± 0"
	}
	power := math.Floor(math.Log10(spread))
	decimals := -int(power)
	if spread < 2*math.Pow(10, power) {
		decimals++
	}
	if decimals < -2 { // thousands: two digits of the spread
		unit := math.Pow(10, float64(-decimals-1))
		v, spread = math.Round(v/unit)*unit, math.Round(spread/unit)*unit
	}
	decimals = max(decimals, 0)
	if decimals > 9 { // a spread of nothing but rounding
		return strconv.FormatFloat(v, 'g', 3, 64) + " ± " + strconv.FormatFloat(spread, 'g', 1, 64)
	}
	return fmt.Sprintf("%.*f ± %.*f", decimals, v, decimals, spread)
}

// band writes the band of an estimate in the value's unit: "2.5 to 10.0 mJ", or
// "" where there is none.
func band(metric trial.Metric, m trial.Measurement) string {
	if m.Low == nil || m.High == nil {
		return ""
	}
	factor, unit := scale(metric, m.Value)
	return strings.TrimSpace(digits(*m.Low*factor) + " to " + digits(*m.High*factor) + " " + unit)
}

// idle writes how much of a value the idle machine would have used: "1.2 mJ, 24 %".
// A meter that sees nothing of it, as CPU time does, gives no such part.
func idle(metric trial.Metric, m trial.Measurement) string {
	if m.Idle == nil || *m.Idle == 0 {
		return ""
	}
	factor, unit := scale(metric, m.Value)
	text := strings.TrimSpace(digits(*m.Idle*factor) + " " + unit)
	if m.Value > 0 {
		text += fmt.Sprintf(", %.0f %%", 100**m.Idle/m.Value)
	}
	return text
}

// digits writes a number with three digits, or more where it has them before the
// point.
func digits(x float64) string {
	if x == 0 {
		return "0"
	}
	decimals := min(max(0, 2-int(math.Floor(math.Log10(math.Abs(x))))), 9)
	text := strconv.FormatFloat(x, 'f', decimals, 64)
	for decimals > 1 && strings.HasSuffix(text, "0") { // 0.500 as 0.5, 5.00 as 5.0
		text, decimals = text[:len(text)-1], decimals-1
	}
	return text
}

// details are what there is to tell of a measurement beside its value, spread and
// method.
func details(metric trial.Metric, m trial.Measurement) []string {
	var all []string
	for _, d := range []struct{ head, text string }{
		{"band ", band(metric, m)}, {"of it idle ", idle(metric, m)}, {markWeak + " ", m.Quality}, {"", m.Note},
	} {
		if d.text != "" {
			all = append(all, d.head+clip(d.text, 400))
		}
	}
	return all
}

// methodWords say how a value came about.
var methodWords = map[string]string{
	trial.MethodStatic:      "computed from the network",
	trial.MethodTimed:       "timed",
	trial.MethodCounted:     "counted",
	trial.MethodNVML:        "by the GPU's total-energy counter",
	trial.MethodNVMLPower:   "by the GPU's power, sampled and integrated",
	trial.MethodRAPL:        "by the CPU's energy counters",
	trial.MethodEstimate:    "estimated from CPU time × the processor's power",
	trial.MethodProcess:     "by the operating system's account of the process",
	trial.MethodCalculation: "calculated from another value",
	trial.MethodPredicted:   "predicted by a model of the board",
}

// inWords spells a method out, also one of several parts such as
// "nvml-counter+estimate".
func inWords(method string) string {
	var parts []string
	for part := range strings.SplitSeq(method, "+") {
		parts = append(parts, cmp.Or(methodWords[part], clip(part, 60)))
	}
	return strings.Join(parts, " + ")
}

// method is how the study measures a metric: what it states, else how every trial
// did. It is "" where the trials differ or have none.
func (v View) method(m trial.Metric) string {
	if stated, ok := v.Objective.Methods[m]; ok {
		return stated
	}
	if all := v.methods(m); len(all) == 1 {
		return all[0]
	}
	return ""
}

// methods are the ways in which the trials' values of a metric came about.
func (v View) methods(m trial.Metric) []string {
	var methods []string
	for i := range v.Trials {
		if got, ok := objective.MetricOf(&v.Trials[i], m); ok && got.Method != "" && !slices.Contains(methods, got.Method) {
			methods = append(methods, got.Method)
		}
	}
	return methods
}

// width says how wide the band of a metric's estimates is where it is as wide
// for every trial: "true value ×0.5 to ×2". It is "" where there are none.
func (v View) width(m trial.Metric) string {
	text := ""
	for _, t := range v.Trials {
		got, ok := t.Metrics[m]
		if !ok || got.Low == nil || got.High == nil || got.Value <= 0 {
			continue
		}
		is := fmt.Sprintf("true value ×%.2g to ×%.2g", *got.Low/got.Value, *got.High/got.Value)
		if text != "" && is != text {
			return "each with its band"
		}
		text = is
	}
	return text
}
