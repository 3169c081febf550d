package objective

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// unit is a way to write a quantity: value × factor is in the metric's own unit.
type unit struct {
	name   string
	factor float64
	show   bool // whether Format may choose it
}

// units are the ways to write each kind of quantity, by the metric's own unit,
// from the smallest shown to the largest. Prefixes are SI: 1 MB is 10⁶ B, 1 MiB
// is 2²⁰ B.
var units = map[string][]unit{
	"J": {
		{"nJ", 1e-9, true}, {"µJ", 1e-6, true}, {"uJ", 1e-6, false}, {"mJ", 1e-3, true}, {"J", 1, true}, {"kJ", 1e3, true},
		{"MJ", 1e6, false}, {"mWh", 3.6, false}, {"Wh", 3600, false}, {"kWh", 3.6e6, false},
	},
	"kWh": {
		{"µWh", 1e-9, true}, {"uWh", 1e-9, false}, {"mWh", 1e-6, true}, {"Wh", 1e-3, true}, {"kWh", 1, true},
		{"J", 1 / 3.6e6, false}, {"kJ", 1e3 / 3.6e6, false}, {"MJ", 1 / 3.6, false},
	},
	"W":  {{"mW", 1e-3, true}, {"W", 1, true}, {"kW", 1e3, true}},
	"ms": {{"µs", 1e-3, true}, {"us", 1e-3, false}, {"ms", 1, true}, {"s", 1e3, true}, {"min", 6e4, false}},
	"s":  {{"ms", 1e-3, true}, {"s", 1, true}, {"min", 60, false}, {"h", 3600, false}},
	"B": {
		{"B", 1, true}, {"kB", 1e3, true}, {"MB", 1e6, true}, {"GB", 1e9, true},
		{"KiB", 1 << 10, false}, {"MiB", 1 << 20, false}, {"GiB", 1 << 30, false},
	},
	"g":         {{"µg", 1e-6, true}, {"ug", 1e-6, false}, {"mg", 1e-3, true}, {"g", 1, true}, {"kg", 1e3, true}, {"t", 1e6, true}},
	"samples/s": {{"samples/s", 1, true}, {"/s", 1, false}, {"fps", 1, false}, {"FPS", 1, false}, {"k", 1e3, false}},
	"nats":      {{"nats", 1, true}},
	"fraction":  {{"%", 0.01, true}},
	"count":     {{"", 1, true}, {"k", 1e3, true}, {"K", 1e3, false}, {"M", 1e6, true}, {"G", 1e9, true}},
}

// unitsOf returns the ways to write values of m.
func unitsOf(m trial.Metric) []unit {
	info, _ := m.Info()
	switch {
	case fraction(m):
		return units["fraction"]
	case info.Unit == "":
		return units["count"]
	}
	return units[info.Unit]
}

// parseValue reads a number with an optional unit and returns it in m's unit.
func parseValue(m trial.Metric, s string) (float64, error) {
	s = strings.TrimSpace(s)
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµμ%/ ")
	name := strings.ReplaceAll(strings.TrimSpace(s[len(number):]), "μ", "µ") // two code points that look alike
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("%s: %q is not a number with a unit; write, for example, %s", m, s, example(m))
	}
	if name == "" {
		return v, nil
	}
	var names []string
	for _, u := range unitsOf(m) {
		if u.name == name {
			return strconv.ParseFloat(strconv.FormatFloat(v*u.factor, 'g', 15, 64), 64) // 40 mWh is 4e-05 kWh, not 3.9999999999999996e-05
		}
		names = append(names, u.name)
	}
	return 0, fmt.Errorf("%s: unknown unit %q; use %s", m, name, strings.TrimPrefix(strings.Join(names, ", "), ", "))
}

// example returns a value of m as a person might write it.
func example(m trial.Metric) string {
	info, _ := m.Info()
	switch {
	case fraction(m):
		return "90%"
	case info.Unit == "":
		return "1M"
	}
	return map[string]string{
		"J": "5mJ", "kWh": "10Wh", "W": "5W", "ms": "20ms", "s": "60s", "B": "1MB",
		"g": "10g", "samples/s": "1000", "nats": "0.5",
	}[info.Unit]
}

// Format writes a value of m, given in m's own unit, for a person: "46.5 %",
// "5.0 mJ", "1.2 MB", with three digits at most where there are that many to
// tell.
func Format(m trial.Metric, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Sprint(v)
	}
	if fraction(m) {
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	var chosen unit
	for _, u := range unitsOf(m) {
		// The half of the last digit shown keeps 999.7 kB from becoming 1000 kB.
		if u.show && (chosen.factor == 0 || (v != 0 && math.Abs(v)/u.factor >= 0.9995) || (v == 0 && u.factor == 1)) {
			chosen = u
		}
	}
	if chosen.factor == 0 { // not a metric
		chosen.factor = 1
	}
	return strings.TrimSpace(digits(v/chosen.factor, chosen.name == "") + " " + chosen.name)
}

// digits writes x with up to three digits, a whole number of things without a
// decimal point.
func digits(x float64, count bool) string {
	a := math.Abs(x)
	switch {
	case x == 0 || a >= 99.95 || (count && x == math.Trunc(x)):
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.1:
		s := strconv.FormatFloat(x, 'f', 2, 64)
		return strings.TrimSuffix(s, "0") // 1.20 as 1.2, 5.00 as 5.0
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

// exact writes a value with every digit in its own unit.
func exact(info trial.MetricInfo, v float64) string {
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', -1, 64) + " " + info.Unit)
}
