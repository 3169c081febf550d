package kernelext

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// points is a study of complete trials 1, 2, … with these values on the axes.
func points(t *testing.T, axes []trial.Metric, values ...[]float64) View {
	t.Helper()
	o, err := objective.New([]objective.Want{{Metric: trial.Accuracy, Priority: objective.High}, {Metric: trial.InferenceEnergy, Priority: objective.Low}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.On(axes...); err != nil {
		t.Fatal(err)
	}
	v := View{Name: "points", Data: "digits"}
	for i, p := range values {
		r := trial.Trial{ID: i + 1, State: trial.Complete, Metrics: trial.Metrics{}}
		for j, m := range axes {
			info, _ := m.Info()
			r.Metrics[m] = trial.Measurement{Value: p[j], Unit: info.Unit, Method: "timed"}
		}
		o.Fix(r.Metrics)
		v.Trials = append(v.Trials, r)
	}
	v.Objective = o
	return v
}

func TestKnee(t *testing.T) {
	two := []trial.Metric{trial.Accuracy, trial.InferenceEnergy}
	three := []trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Throughput}
	for name, c := range map[string]struct {
		axes   []trial.Metric
		values [][]float64
		want   int // 0: there is none
	}{
		"bulges":             {two, [][]float64{{0.2, 1}, {0.7, 2}, {0.8, 6}, {0.9, 10}}, 2},
		"scale is no matter": {two, [][]float64{{0.2, 1e-6}, {0.7, 2e-6}, {0.8, 6e-6}, {0.9, 10e-6}}, 2},
		"a line":             {two, [][]float64{{0.2, 1}, {0.4, 2}, {0.6, 3}}, 0},
		"bulges away":        {two, [][]float64{{0.2, 1}, {0.3, 8}, {0.9, 10}}, 0},
		"two":                {two, [][]float64{{0.2, 1}, {0.9, 10}}, 0},
		"one beats all":      {two, [][]float64{{0.9, 1}, {0.8, 2}, {0.7, 3}}, 0},
		"beaten ones":        {two, [][]float64{{0.2, 1}, {0.6, 2}, {0.9, 10}, {0.5, 9}, {0.1, 5}}, 2},
		"three axes":         {three, [][]float64{{0.9, 10, 10}, {0.2, 1, 10}, {0.2, 10, 100}, {0.7, 3, 60}}, 4},
	} {
		v := points(t, c.axes, c.values...)
		got, ok := v.knee(v.members())
		if ok != (c.want > 0) || ok && got.ID != c.want {
			t.Errorf("%s: trial %d, %v; want %d", name, got.ID, ok, c.want)
		}
	}
}

func TestPick(t *testing.T) {
	v := fake(t)
	ms := func(x float64) map[trial.Metric]float64 { return map[trial.Metric]float64{trial.Latency: x} }
	for name, c := range map[string]struct {
		choice Choice
		want   int
		says   []string
	}{
		"by the wants":        {Choice{}, 7, []string{"most effective", "No other network of the front asks for less."}},
		"knee":                {Choice{Knee: true}, 6, []string{"knee"}},
		"limit":               {Choice{Limits: map[trial.Metric]float64{trial.Accuracy: 0.45}}, 6, []string{"among those that keep accuracy of at least 45.0 %", "4 more"}},
		"knee within a limit": {Choice{Knee: true, Limits: ms(1.4)}, 10, []string{"at most 1.4 ms"}},
		"no knee left":        {Choice{Knee: true, Limits: ms(0.9)}, 7, []string{"There is no knee: the front has two networks"}},
		"static limit":        {Choice{Limits: map[trial.Metric]float64{trial.Params: 10_000}}, 10, []string{"params of at most 10.0 k"}},
		// Trial 11 took its energy by another method: whether it keeps this is unknown.
		"other method": {Choice{Limits: map[trial.Metric]float64{trial.InferenceEnergy: 0.0053, trial.Accuracy: 0.46}}, 6, nil},
	} {
		p, err := v.pick(c.choice)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.chosen.ID != c.want {
			t.Errorf("%s: trial %d, want %d", name, p.chosen.ID, c.want)
		}
		all := strings.Join(p.lines(), "\n")
		for _, text := range c.says {
			if !strings.Contains(all, text) {
				t.Errorf("%s: %q is not said:\n%s", name, text, all)
			}
		}
	}
	if _, err := v.pick(Choice{Knee: true, Prefer: "balanced"}); err == nil {
		t.Error("knee and preference together are no error")
	}
	v.Trials = v.Trials[2:3]
	if _, err := v.pick(Choice{}); err == nil || !strings.Contains(err.Error(), "no complete trial") {
		t.Errorf("without a complete trial: %v", err)
	}
}

// TestPrefer holds that what matters decides, by the preset's name and in plain words.
func TestPrefer(t *testing.T) {
	v := points(t, []trial.Metric{trial.Accuracy, trial.InferenceEnergy}, []float64{0.7, 1}, []float64{0.9, 2.5})
	for _, r := range v.Trials {
		r.Metrics[trial.Latency] = trial.Measurement{Value: 3, Unit: "ms", Method: "timed"}
		r.Metrics[trial.ModelSize] = trial.Measurement{Value: 1e5, Unit: "B", Method: "static"}
	}
	for _, c := range []struct {
		prefer string
		want   int
		says   string
	}{
		{"accuracy", 2, "“accuracy first” matters (preset accuracy: accuracy 75 %, inference energy 25 %)"},
		{"Accuracy first", 2, "No other network of the front is more accurate."},
		{"deployment", 1, "“small and fast” matters (preset deployment: accuracy 33 %"},
		{"small-and-fast", 1, "The next more accurate one, trial 2, is right 90 of 100, but takes 2.5 times the energy."},
	} {
		p, err := v.pick(Choice{Prefer: c.prefer})
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(p.lines(), "\n"); p.chosen.ID != c.want || !strings.Contains(all, c.says) {
			t.Errorf("%s: trial %d, want %d and %q:\n%s", c.prefer, p.chosen.ID, c.want, c.says, all)
		}
	}
}

// TestPreferOnABoard holds that a preference is about the board that a study is after,
// whatever this machine measures.
func TestPreferOnABoard(t *testing.T) {
	energy, latency := trial.InferenceEnergy.On("raspberry-pi-5"), trial.Latency.On("raspberry-pi-5")
	v := points(t, []trial.Metric{trial.Accuracy, energy}, []float64{0.7, 1}, []float64{0.9, 4})
	for i, r := range v.Trials {
		here := []float64{9, 1}[i] // the other way round
		r.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: here, Unit: "J", Method: "estimate"}
		r.Metrics[trial.Latency] = trial.Measurement{Value: here, Unit: "ms", Method: "timed"}
		r.Metrics[latency] = trial.Measurement{Value: float64(1 + 3*i), Unit: "ms", Method: "predicted"}
		r.Metrics[trial.ModelSize] = trial.Measurement{Value: 1e5, Unit: "B", Method: "static"}
	}
	p, err := v.pick(Choice{Prefer: "deployment"})
	if err != nil {
		t.Fatal(err)
	}
	if p.chosen.ID != 1 || !strings.Contains(p.why, "inference energy on Raspberry Pi 5 33 %, latency on Raspberry Pi 5 22 %") {
		t.Errorf("trial %d: %s", p.chosen.ID, p.why)
	}

	// The energy of this board is not predicted: it is left out.
	only := trial.Latency.On("pixel-3")
	v = points(t, []trial.Metric{trial.Accuracy, only}, []float64{0.7, 1}, []float64{0.9, 4})
	if p, err = v.pick(Choice{Prefer: "balanced"}); err != nil || !strings.Contains(p.why, "(preset balanced: accuracy 75 %, latency on Google Pixel 3 25 %)") {
		t.Errorf("%v: %s", err, p.why)
	}
}

// TestOffTheFront holds that a network that is better by a preference but off the
// front is told of, and not picked.
func TestOffTheFront(t *testing.T) {
	v := points(t, []trial.Metric{trial.Accuracy, trial.InferenceEnergy}, []float64{0.7, 1}, []float64{0.8, 4}, []float64{0.69, 1.01})
	for i, latency := range []float64{10, 10, 0.1} {
		v.Trials[i].Metrics[trial.Latency] = trial.Measurement{Value: latency, Unit: "ms", Method: "timed"}
	}
	p, err := v.pick(Choice{Prefer: "balanced"})
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(p.notes, " "); p.chosen.ID != 1 || !strings.Contains(text, "trial 3 is even better") {
		t.Errorf("trial %d; notes: %s", p.chosen.ID, text)
	}
}

func TestSuggestions(t *testing.T) {
	two := []trial.Metric{trial.Accuracy, trial.InferenceEnergy}
	for name, c := range map[string]struct {
		values [][]float64
		want   []string
	}{
		"three":  {[][]float64{{0.2, 1}, {0.7, 2}, {0.9, 10}}, []string{"smallest 1", "balanced 2", "most accurate 3"}},
		"one":    {[][]float64{{0.9, 1}, {0.2, 2}}, []string{"smallest, balanced, most accurate 1"}},
		"two":    {[][]float64{{0.2, 1}, {0.9, 2}}, []string{"smallest 1", "balanced, most accurate 2"}},
		"nobody": {nil, nil},
	} {
		v := points(t, two, c.values...)
		var got []string
		for _, s := range v.suggestions() {
			got = append(got, fmt.Sprintf("%s %d", s.title, s.trial.ID))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPlainWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{rightOf(0.834), "83 of 100"},
		{rightOf(1), "100 of 100"},
		{rightOf(0), "0 of 100"},
		{rightOf(0.996), "996 of 1,000"},
		{rightOf(0.99999), "10,000 of 10,000"},
		{rightOf(0.002), "2 of 1,000"},
		{times("energy", 1, 3.14), "3.1 times the energy"},
		{times("energy", 1, 3), "3 times the energy"},
		{times("energy", 1, 2.01), "twice the energy"},
		{times("energy", 1, 1.4), "40 % more energy"},
		{times("energy", 1, 1.01), "about as much energy"},
		{times("energy", 1, 0.7), "30 % less energy"},
		{times("energy", 2, 1), "half the energy"},
		{times("energy", 1, 0.05), "less than a tenth of the energy"},
		{times("energy", 1, 25), "25 times the energy"},
		{times("energy", 0, 25), "another amount of energy"},
		{preset("small and fast"), "deployment"},
		{preset("Small-and-Fast"), "deployment"},
		{preset("accuracy"), "accuracy"},
		{preset("beauty"), "beauty"},
		{presetNames(), "accuracy, balanced, deployment (small and fast)"},
		{shellWord("cifar-first"), "cifar-first"},
		{shellWord("it's"), `'it'\''s'`},
		{shellWord(""), "''"},
		{change(2, 1), "-50 %"},
		{change(2, 2.04), "+2.0 %"},
		{change(1, 12), "×12"},
		{change(0, 1), "from 0"},
		{change(3, 3), "the same"},
		{metricChange(trial.Accuracy, 0.5, 0.521), "+2.1 points"},
		{fileName("accuracy against energy [mJ]: 3"), "accuracy-against-energy-mj-3"},
		{fileName("…"), "chart"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestGlossary holds that every metric and every preset has its plain words.
func TestGlossary(t *testing.T) {
	field := ""
	plain := map[string]bool{}
	for _, part := range glossary {
		for _, term := range part.terms {
			field += " " + strings.NewReplacer(",", " ", ":", " ", ";", " ").Replace(term.field) + " "
			plain[term.plain] = true
		}
	}
	for _, info := range trial.MetricInfos {
		if !strings.Contains(field, " "+string(info.Metric)+" ") {
			t.Errorf("metric %s is not in the glossary", info.Metric)
		}
	}
	for _, name := range objective.Presets() {
		if !plain[presetWords[name]] {
			t.Errorf("preset %s is not in the glossary", name)
		}
		if matterWords[name] == "" {
			t.Errorf("preset %s is not explained at the beginning", name)
		}
	}
}

// TestBalancedOfTheFront holds that what is suggested as balanced does not claim to be
// the most effective of all where one off the front is.
func TestBalancedOfTheFront(t *testing.T) {
	v := points(t, []trial.Metric{trial.Accuracy, trial.Throughput}, []float64{0.40, 100}, []float64{0.41, 110}, []float64{0.45, 50})
	for i, joules := range []float64{1e-3, 1, 1} {
		v.Trials[i].Metrics[trial.InferenceEnergy] = trial.Measurement{Value: joules, Unit: "J", Method: trial.MethodEstimate}
	}
	v.Objective.Fix(v.Trials[0].Metrics)
	if best, _ := v.Objective.Best(v.Trials); best != 1 {
		t.Fatalf("the best of all is trial %d, want 1", best)
	}
	if text := v.cardsText(""); !strings.Contains(text, "most effective of the front by what the study was asked for") {
		t.Errorf("the cards say\n%s", text)
	}
	p, err := v.pick(Choice{})
	if err != nil {
		t.Fatal(err)
	}
	if text := p.text(""); p.chosen.ID == 1 || !strings.Contains(text, "Off the front, trial 1 is even better by that") {
		t.Errorf("trial %d is chosen, with the words\n%s", p.chosen.ID, text)
	}
}
