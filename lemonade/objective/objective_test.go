package objective

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// measured returns metrics from pairs of name and value.
func measured(values map[trial.Metric]float64) trial.Metrics {
	m := trial.Metrics{}
	for name, v := range values {
		m[name] = trial.Measurement{Value: v, Method: trial.MethodTimed}
	}
	return m
}

func complete(id int, m trial.Metrics) trial.Trial {
	return trial.Trial{ID: id, State: trial.Complete, Metrics: m}
}

func ptr(v float64) *float64 { return &v }

func mustNew(t *testing.T, wants []Want, limits map[trial.Metric]float64) Objective {
	t.Helper()
	o, err := New(wants, limits)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNewReportsEveryFault(t *testing.T) {
	_, err := New([]Want{
		{Metric: "acuracy"},
		{Metric: trial.Latency, Target: ptr(-1)},
		{Metric: trial.Accuracy, Target: ptr(90)},
		{Metric: trial.Params, Priority: 7},
		{Metric: trial.ModelSize, Limit: ptr(2e6)},
		{Metric: trial.ModelSize},
	}, map[trial.Metric]float64{trial.ModelSize: 1e6, "speed": 3})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`there is no metric "acuracy"; did you mean accuracy?`,
		"target latency: -1 is not a positive number; write, for example, 20ms",
		"target accuracy: 90 is above 1; write 90% for a percentage",
		"want params: priority 7: use Low, Medium or High",
		"limit model_size: both 1.0 MB and 2.0 MB are given; keep one",
		"want model_size: given twice; keep one",
		`limit: there is no metric "speed"; the metrics are accuracy,`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
}

func TestNewWithoutWantsIsBalanced(t *testing.T) {
	balanced, err := Preset("balanced")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(balanced, mustNew(t, nil, nil).Wants); diff != "" {
		t.Error(diff)
	}
}

func TestScore(t *testing.T) {
	o := mustNew(t, []Want{
		{Metric: trial.Accuracy, Priority: High},
		{Metric: trial.InferenceEnergy, Priority: Low, Target: ptr(0.005)},
	}, nil)
	first := measured(map[trial.Metric]float64{trial.Accuracy: 0.5, trial.InferenceEnergy: 0.02})
	if _, ok := o.Score(first); ok {
		t.Error("a score before the anchors are fixed")
	}
	if !o.Fix(first) || o.Fix(first) {
		t.Error("Fix must set something the first time and nothing the second")
	}
	if diff := cmp.Diff(map[trial.Metric]float64{trial.Accuracy: 0.5, trial.InferenceEnergy: 0.005}, o.Anchors); diff != "" {
		t.Error(diff)
	}
	// Accuracy at its anchor: 1/2. Energy four times its target: r = 1/4, n = 1/5.
	checkScore(t, o, first, math.Pow(0.5, 0.75)*math.Pow(0.2, 0.25))
	// Odds 3 against 1: n = 3/4. Energy at its target: 1/2.
	checkScore(t, o, measured(map[trial.Metric]float64{trial.Accuracy: 0.75, trial.InferenceEnergy: 0.005}), math.Pow(0.75, 0.75)*math.Pow(0.5, 0.25))
	for name, m := range map[string]trial.Metrics{
		"missing":  measured(map[trial.Metric]float64{trial.Accuracy: 0.75}),
		"nan":      measured(map[trial.Metric]float64{trial.Accuracy: 0.75, trial.InferenceEnergy: math.NaN()}),
		"infinite": measured(map[trial.Metric]float64{trial.Accuracy: 0.75, trial.InferenceEnergy: math.Inf(1)}),
		"negative": measured(map[trial.Metric]float64{trial.Accuracy: 0.75, trial.InferenceEnergy: -1}),
		"above 1":  measured(map[trial.Metric]float64{trial.Accuracy: 1.75, trial.InferenceEnergy: 1}),
	} {
		if score, ok := o.Score(m); ok {
			t.Errorf("%s: score %v of an unknown value", name, score)
		}
	}
}

func checkScore(t *testing.T, o Objective, m trial.Metrics, want float64) {
	t.Helper()
	got, ok := o.Score(m)
	if !ok || math.Abs(got-want) > 1e-12 {
		t.Errorf("score %v (%v), want %v", got, ok, want)
	}
}

func TestFixFillsOnlyWhatAllBeforeLacked(t *testing.T) {
	o := mustNew(t, []Want{{Metric: trial.Accuracy}, {Metric: trial.Latency}}, nil)
	copied := o
	o.Fix(measured(map[trial.Metric]float64{trial.Accuracy: 0.4}))
	if !o.Fix(measured(map[trial.Metric]float64{trial.Accuracy: 0.9, trial.Latency: 7})) {
		t.Error("the missing anchor was not filled in")
	}
	if diff := cmp.Diff(map[trial.Metric]float64{trial.Accuracy: 0.4, trial.Latency: 7}, o.Anchors); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[trial.Metric]float64{trial.Accuracy: 0, trial.Latency: 70}, o.Reference); diff != "" {
		t.Error(diff)
	}
	if len(copied.Anchors) != 0 {
		t.Error("Fix wrote into a copy of the objective")
	}
}

func TestInfeasible(t *testing.T) {
	o := mustNew(t, nil, map[trial.Metric]float64{trial.ModelSize: 1e6, trial.Accuracy: 0.45, trial.Throughput: 100})
	for _, c := range []struct {
		values map[trial.Metric]float64
		want   string
	}{
		{map[trial.Metric]float64{}, ""},
		{map[trial.Metric]float64{trial.ModelSize: 1e6, trial.Accuracy: 0.45, trial.Throughput: 100}, ""},
		{map[trial.Metric]float64{trial.ModelSize: 1.3e6}, "model_size 1.3 MB is over the limit of 1 MB"},
		{map[trial.Metric]float64{trial.ModelSize: 1000001}, "model_size 1000001 B is over the limit of 1000000 B"},
		{map[trial.Metric]float64{trial.ModelSize: 2e6, trial.Accuracy: 0.412, trial.Throughput: 99},
			"accuracy 41.2 % is under the limit of 45 %; throughput 99.0 samples/s is under the limit of 100 samples/s; model_size 2.0 MB is over the limit of 1 MB"},
	} {
		if got := o.Infeasible(measured(c.values)); got != c.want {
			t.Errorf("%v:\n got %q\nwant %q", c.values, got, c.want)
		}
	}
}

func TestTargetsMet(t *testing.T) {
	o := mustNew(t, []Want{
		{Metric: trial.Accuracy, Target: ptr(0.8)}, {Metric: trial.Latency, Target: ptr(20)}, {Metric: trial.Params},
	}, nil)
	for _, c := range []struct {
		accuracy, latency float64
		want              bool
	}{{0.8, 20, true}, {0.9, 5, true}, {0.79, 5, false}, {0.9, 21, false}} {
		m := measured(map[trial.Metric]float64{trial.Accuracy: c.accuracy, trial.Latency: c.latency})
		if got := o.TargetsMet(m); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	if o.TargetsMet(measured(map[trial.Metric]float64{trial.Accuracy: 0.9})) {
		t.Error("met with an unknown latency")
	}
	if mustNew(t, nil, nil).TargetsMet(measured(map[trial.Metric]float64{trial.Accuracy: 1})) {
		t.Error("met where there is no target")
	}
}

func TestBest(t *testing.T) {
	o := mustNew(t, []Want{{Metric: trial.Accuracy, Priority: High}, {Metric: trial.Params, Priority: Low}}, nil)
	if _, ok := o.Best(nil); ok {
		t.Error("a best trial of none")
	}
	at := func(id int, accuracy float64, params int64) trial.Trial {
		tr := complete(id, measured(map[trial.Metric]float64{trial.Accuracy: accuracy}))
		tr.Costs = arch.Costs{Params: params, MACs: 1} // the static metrics count too
		return tr
	}
	h := trial.History{at(1, 0.5, 1000), at(2, 0.7, 1000), at(3, 0.7, 1000), at(4, 0.99, 1000)}
	h[3].State = trial.Infeasible
	o.Fix(trial.Metrics{trial.Accuracy: {Value: 0.5}, trial.Params: {Value: 1000}})
	if id, ok := o.Best(h); !ok || id != 2 {
		t.Errorf("best is %d (%v), want 2", id, ok)
	}
}

// What was obtained by another method than the study's is told, and not ranked.
func TestMixedMethods(t *testing.T) {
	o := mustNew(t, nil, map[trial.Metric]float64{trial.Latency: 10})
	at := func(energy float64, method string) trial.Metrics {
		return trial.Metrics{
			trial.InferenceEnergy: {Value: energy, Unit: "J", Method: method}, trial.TrainingEnergy: {Value: 1, Method: method},
			trial.Accuracy: {Value: 0.5, Method: trial.MethodCounted}, trial.Latency: {Value: 1, Method: trial.MethodTimed},
		}
	}
	h := trial.History{complete(1, at(2, trial.MethodNVML)), complete(2, at(1, trial.MethodEstimate)), complete(3, at(3, trial.MethodNVML)), complete(4, at(1, trial.MethodRAPL))}
	if o.Differs(h[1].Metrics) != nil || len(o.Front(h)) != 2 {
		t.Errorf("before a method is fixed: %q, front %v", o.Differs(h[1].Metrics), o.Front(h))
	}
	o.Fix(h[0].Metrics)
	h[1].Metrics[trial.PeakMemory] = trial.Measurement{Value: 5, Method: trial.MethodProcess}
	if o.Fix(h[1].Metrics); o.Methods[trial.PeakMemory] != trial.MethodProcess || o.Methods[trial.InferenceEnergy] != trial.MethodNVML {
		t.Errorf("methods %v", o.Methods)
	}
	want := []string{"inference_energy: by estimate, the study's by nvml-counter"}
	if diff := cmp.Diff(want, o.Differs(h[1].Metrics)); diff != "" {
		t.Error(diff)
	}
	want = []string{"trial 2 not ranked by inference_energy: by estimate, the study's by nvml-counter", "trial 4 not ranked by inference_energy: by rapl, the study's by nvml-counter"}
	if diff := cmp.Diff(want, o.MixedMethods(h)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1}, o.Front(h)); diff != "" {
		t.Errorf("front: %s", diff)
	}
	for i, ranked := range []bool{true, false, true, false} {
		if _, ok := o.Score(h[i].Metrics); ok != ranked {
			t.Errorf("trial %d has a score: %v", i+1, ok)
		}
	}
	if id, ok := o.Best(h); !ok || id != 1 {
		t.Errorf("best is %d", id)
	}
}

func TestBoards(t *testing.T) {
	name := device.Boards()[0].Name
	want, err := ParseWant("latency@" + name + "=20ms:high")
	if err != nil || want.Metric != trial.Latency.On(name) || *want.Target != 20 {
		t.Fatalf("%+v, %v", want, err)
	}
	o, err := New([]Want{want, {Metric: trial.Accuracy}}, map[trial.Metric]float64{trial.InferenceEnergy.On(name): 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{name}, o.Boards()); diff != "" {
		t.Error(diff)
	}
	m := trial.Metrics{trial.InferenceEnergy.On(name): {Value: 0.6, Unit: "J", Method: trial.MethodPredicted}}
	if got, want := o.Infeasible(m), "inference_energy@"+name+" 600 mJ is over the limit of 500 mJ"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for text, want := range map[string]string{
		"latency@toaster=20ms":        "toaster",
		"accuracy@" + name + "=90%":   "only latency and inference_energy",
		"latency@" + name + "=20mJ":   "unknown unit",
		"nonsense@" + name + "=3":     "only latency and inference_energy",
		"latency@":                    "there is no metric",
		"training_time@" + name + "=": "only latency and inference_energy",
	} {
		if _, err := ParseWant(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestRemarks(t *testing.T) {
	both := mustNew(t, []Want{{Metric: trial.TrainingEnergy}, {Metric: trial.CO2e}}, nil)
	if r := both.Remarks(); len(r) != 1 || !strings.Contains(r[0], "twice") {
		t.Errorf("%q", r)
	}
	if r := mustNew(t, nil, nil).Remarks(); r != nil {
		t.Errorf("%q", r)
	}
}

func TestJSON(t *testing.T) {
	o := mustNew(t, []Want{{Metric: trial.Accuracy, Priority: High}, {Metric: trial.Latency, Priority: Low, Target: ptr(20), Limit: ptr(40)}},
		map[trial.Metric]float64{trial.ModelSize: 1e6})
	o.Fix(measured(map[trial.Metric]float64{trial.Accuracy: 0.5, trial.Latency: 30}))
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `{"metric":"accuracy","priority":"high"}`) {
		t.Errorf("priorities should be words: %s", text)
	}
	var back Objective
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(o, back); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"wants":[{"metric":"accuracy","priority":"urgent"}]}`), &back); err == nil {
		t.Error("an unknown priority was read")
	}
}

func TestOn(t *testing.T) {
	o := mustNew(t, nil, nil)
	if _, err := o.On(trial.Accuracy); err == nil {
		t.Error("one axis was accepted")
	}
	if _, err := o.On(trial.Accuracy, trial.Accuracy); err == nil {
		t.Error("one axis twice was accepted")
	}
	if _, err := o.On(trial.Accuracy, "paramz"); err == nil || !strings.Contains(err.Error(), "did you mean params?") {
		t.Errorf("error %v", err)
	}
	other, err := o.On(trial.Accuracy, trial.Params, trial.Latency)
	if err != nil || len(other.Axes) != 3 || len(o.Axes) != 2 {
		t.Errorf("axes %v and %v (%v)", other.Axes, o.Axes, err)
	}
}
