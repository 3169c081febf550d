package kernelext

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestMeasured(t *testing.T) {
	energy := trial.Measurement{Value: 0.0034, Unit: "J", Method: trial.MethodRAPL}
	with := func(change func(*trial.Measurement)) trial.Measurement {
		m := energy
		change(&m)
		return m
	}
	for name, test := range map[string]struct {
		metric trial.Metric
		of     trial.Measurement
		want   string
	}{
		"alone":            {trial.InferenceEnergy, energy, "3.4 mJ"},
		"spread":           {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(0.0002) }), "3.4 ± 0.2 mJ"},
		"spread from 1":    {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(0.00014) }), "3.40 ± 0.14 mJ"},
		"spread in µJ":     {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(0.000004) }), "3.400 ± 0.004 mJ"},
		"spread is more":   {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(0.045) }), "3 ± 45 mJ"},
		"no spread at all": {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(0) }), "3.4 ± 0 mJ"},
		"rounding only":    {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Spread = of(1e-16) }), "3.4 ± 1e-13 mJ"},
		"estimate":         {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Method = trial.MethodEstimate }), "≈ 3.4 mJ"},
		"in part":          {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Method = "nvml-counter+estimate" }), "≈ 3.4 mJ"},
		"of a board": {trial.Latency.On("x"), trial.Measurement{Value: 12, Unit: "ms", Method: trial.MethodPredicted, Spread: of(0.5)},
			"≈ 12.0 ± 0.5 ms"},
		"thousands": {trial.Throughput, trial.Measurement{Value: 115_861, Unit: "samples/s", Method: "timed", Spread: of(31_285)}, "116000 ± 31000 samples/s"},
		"weak":      {trial.InferenceEnergy, with(func(m *trial.Measurement) { m.Quality = "short" }), "3.4 mJ†"},
		"fraction":  {trial.TestAccuracy, trial.Measurement{Value: 0.465, Method: trial.MethodCounted, Spread: of(0.012)}, "46.5 ± 1.2 %"},
		"count":     {trial.Params, trial.Measurement{Value: 95_000, Method: trial.MethodStatic}, "95.0 k"},
	} {
		if got := measured(test.metric, trial.Metrics{test.metric: test.of}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := measured(trial.Latency, trial.Metrics{}); got != "–" {
		t.Errorf("what is unknown is %q", got)
	}
	co2e := trial.Metrics{trial.CO2e: {Value: 0.2, Unit: "g", Method: trial.MethodCalculation}, trial.TrainingEnergy: {Method: trial.MethodEstimate}}
	if got := measured(trial.CO2e, co2e); got != "≈ 200 mg" {
		t.Errorf("the CO2e of an estimated energy is %q", got)
	}
}

// TestScale holds that the unit of an axis, and of a spread, is the one in which
// the value itself is written.
func TestScale(t *testing.T) {
	for _, info := range trial.MetricInfos {
		for _, m := range []trial.Metric{info.Metric, info.Metric.On("a-board")} {
			if _, ok := m.Info(); !ok {
				continue
			}
			for _, v := range []float64{0.042, 0.42, 42_000} {
				factor, unit := scale(m, v)
				var number float64
				if _, err := fmt.Sscanf(objective.Format(m, v), "%g", &number); err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(objective.Format(m, v), unit) || math.Abs(v*factor-number) > 0.02*number {
					t.Errorf("%s %v: scaled to %v %s, written as %s", m, v, v*factor, unit, objective.Format(m, v))
				}
			}
		}
	}
}

func TestDetails(t *testing.T) {
	m := trial.Measurement{Value: 0.004, Low: of(0.002), High: of(0.0085), Idle: of(0.001), Quality: "short window", Note: "package and DRAM"}
	want := []string{"band 2.0 to 8.5 mJ", "of it idle 1.0 mJ, 25 %", "† short window", "package and DRAM"}
	if diff := cmp.Diff(want, details(trial.InferenceEnergy, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := details(trial.InferenceEnergy, trial.Measurement{Value: 1, Low: of(1)}); got != nil {
		t.Errorf("half a band gives %q", got)
	}
	if got, want := inWords("nvml-counter+estimate"), "by the GPU's total-energy counter + estimated from CPU time × the processor's power"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestErrorBars holds that every spread of an axis has its bar, in the live chart
// and in the still one, inside the frame.
func TestErrorBars(t *testing.T) {
	v := fake(t)
	for i, m := range v.Trials {
		if a, ok := m.Metrics[trial.Accuracy]; ok {
			a.Spread = of(0.01)
			v.Trials[i].Metrics[trial.Accuracy] = a
		}
	}
	seventh := v.Trials[6].Metrics[trial.InferenceEnergy]
	seventh.Spread = of(2 * seventh.Value) // would go below zero
	v.Trials[6].Metrics[trial.InferenceEnergy] = seventh
	c := v.tradeOff()
	bars := c.bars()
	if len(bars) != 18 { // nine trials were measured
		t.Errorf("%d bars, want 18", len(bars))
	}
	for _, b := range bars {
		for _, p := range []point{{X: b.X0, Y: b.Y0}, {X: b.X1, Y: b.Y1}} {
			if x, y := c.X.at(p.X), c.Y.at(p.Y); x < 0 || x > 1 || y < 0 || y > 1 {
				t.Errorf("a bar ends at %v, %v, outside the frame", p.X, p.Y)
			}
		}
	}
	options, err := c.options()
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Series []struct {
			Name   string
			Silent bool
			Data   []any
		}
	}
	if err := json.Unmarshal(options, &parsed); err != nil {
		t.Fatal(err)
	}
	last := parsed.Series[len(parsed.Series)-1]
	if last.Name != barsName || !last.Silent || len(last.Data) != 3*len(bars) { // two ends and a gap
		t.Errorf("the live chart's last series is %s with %d values", last.Name, len(last.Data))
	}
	if n := strings.Count(c.svg(), `stroke-width="1.5"/>`); n != 1+len(bars) { // and one in the legend
		t.Errorf("the still chart has %d bars, want %d", n, 1+len(bars))
	}
	for i := range v.Trials {
		for m, value := range v.Trials[i].Metrics {
			value.Spread = nil
			v.Trials[i].Metrics[m] = value
		}
	}
	if c := v.tradeOff(); len(c.bars()) != 0 || strings.Contains(c.svg(), barsName) {
		t.Error("without any spread there are error bars")
	}
}

// TestMethodsShown holds that table, chart and card say by which method a value
// came about, and mark what was measured otherwise than the study states.
func TestMethodsShown(t *testing.T) {
	v := fake(t)
	page, err := Page(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"accuracy counted · energy/sample estimated from CPU time × the processor&#39;s power (true value ×0.5 to ×2) · latency, trained in timed",
		"≠ trial 11 not ranked by inference_energy: by nvml-counter, the study&#39;s by estimate",
		"† trial 11, energy/sample: only 2 steps",
		`title="band 1.05 to 4.2 mJ; of it idle 0.63 mJ, 30 %"`,
		`title="by the GPU&#39;s total-energy counter; `,
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	c := v.tradeOff()
	if want := "inference energy [mJ] (estimate; true value ×0.5 to ×2)"; c.X.Name != want {
		t.Errorf("the axis is %q, want %q", c.X.Name, want)
	}
	i := slices.IndexFunc(c.Series, func(s series) bool { return s.Name == "measured otherwise" })
	marked, _ := v.Trials.ByID(c.Series[i].Points[0].Trial)
	if tip := v.tip(marked, nil); !strings.Contains(tip, "≠ inference_energy: by nvml-counter, the study&#39;s by estimate") || !strings.Contains(tip, "† only 2 steps") {
		t.Errorf("the mark does not say why: %s", tip)
	}
	if got := v.trialText(v.Trials[10]); !strings.Contains(got, "≠ the study's is by estimate; † only 2 steps") {
		t.Errorf("the card does not say why:\n%s", got)
	}
	v.Objective.Methods = nil // an older study states none
	if got := Text(v); strings.Contains(got, markOther) || !strings.Contains(got, "6.2 ± 0.2 mJ [estimate]") || !strings.Contains(got, "5.2 ± 0.2 mJ† [nvml-counter]") {
		t.Errorf("a study of two methods that states none does not name each:\n%s", got)
	}
}

// TestNotes holds that a study of many trials has few notes, and that those on its
// objective are among them.
func TestNotes(t *testing.T) {
	wants := []objective.Want{{Metric: trial.TrainingEnergy}, {Metric: trial.CO2e}}
	o, err := objective.New(wants, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := View{Objective: o}
	for id := 1; id <= 40; id++ {
		quality := "clocks held down"
		if id > 20 {
			quality = fmt.Sprintf("window of %d steps", id)
		}
		v.Trials = append(v.Trials, trial.Trial{ID: id, Metrics: trial.Metrics{trial.Latency: {Value: 1, Method: trial.MethodTimed, Quality: quality}}})
	}
	notes := v.notes()
	want := []string{
		"latency timed",
		o.Remarks()[0],
		"† trials 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 8 more, latency: clocks held down",
		"† trial 21, latency: window of 21 steps", "† trial 22, latency: window of 22 steps",
		"† trial 23, latency: window of 23 steps", "† trial 24, latency: window of 24 steps",
		"† and 16 more of that kind: see the trials",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricsCompared holds that values of two methods are not judged.
func TestMetricsCompared(t *testing.T) {
	energy := func(method string) trial.Metrics {
		return trial.Metrics{trial.InferenceEnergy: {Value: 0.002, Unit: "J", Method: method}}
	}
	plan := &trial.Plan{Expected: map[trial.Metric]string{trial.InferenceEnergy: trial.Same}}
	for to, want := range map[string]string{trial.MethodRAPL: "✓ 2.0 mJ → 2.0 mJ", trial.MethodNVML: "– 2.0 mJ → 2.0 mJ (rapl → nvml-counter)"} {
		got := expectations(plan, trial.Trial{Metrics: energy(to)}, &trial.Trial{Metrics: energy(trial.MethodRAPL)})[0]
		if got := got.mark + " " + got.measured; got != want {
			t.Errorf("%s: %q, want %q", to, got, want)
		}
	}
}

func TestWidth(t *testing.T) {
	half := trial.Trial{ID: 1, Metrics: trial.Metrics{trial.Latency: {Value: 4, Low: of(2), High: of(8)}}}
	third := trial.Trial{ID: 2, Metrics: trial.Metrics{trial.Latency: {Value: 6, Low: of(2), High: of(12)}}}
	for want, h := range map[string]trial.History{
		"": {{ID: 1}}, "true value ×0.5 to ×2": {half, half, {ID: 3}}, "each with its band": {half, third},
	} {
		if got := (View{Trials: h}).width(trial.Latency); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
