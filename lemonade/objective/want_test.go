package objective

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestParseWant(t *testing.T) {
	for s, want := range map[string]Want{
		"accuracy":                   {Metric: trial.Accuracy, Priority: Medium},
		"accuracy:high":              {Metric: trial.Accuracy, Priority: High},
		"accuracy=90%":               {Metric: trial.Accuracy, Priority: Medium, Target: ptr(0.9)},
		"accuracy=0.9:low":           {Metric: trial.Accuracy, Priority: Low, Target: ptr(0.9)},
		"inference_energy=5mJ:high":  {Metric: trial.InferenceEnergy, Priority: High, Target: ptr(0.005)},
		"inference_energy=1 mWh":     {Metric: trial.InferenceEnergy, Priority: Medium, Target: ptr(3.6)},
		"latency=20ms":               {Metric: trial.Latency, Priority: Medium, Target: ptr(20)},
		"latency=20":                 {Metric: trial.Latency, Priority: Medium, Target: ptr(20)},
		"latency=500us":              {Metric: trial.Latency, Priority: Medium, Target: ptr(0.5)},
		"latency=0.02 s : high":      {Metric: trial.Latency, Priority: High, Target: ptr(20)},
		"training_energy=2Wh":        {Metric: trial.TrainingEnergy, Priority: Medium, Target: ptr(0.002)},
		"training_energy=3.6MJ":      {Metric: trial.TrainingEnergy, Priority: Medium, Target: ptr(1)},
		"training_time=2min":         {Metric: trial.TrainingTime, Priority: Medium, Target: ptr(120)},
		"params=1.5M":                {Metric: trial.Params, Priority: Medium, Target: ptr(1.5e6)},
		"macs=2e6":                   {Metric: trial.MACs, Priority: Medium, Target: ptr(2e6)},
		"model_size=1MB":             {Metric: trial.ModelSize, Priority: Medium, Target: ptr(1e6)},
		"model_size=1MiB":            {Metric: trial.ModelSize, Priority: Medium, Target: ptr(1 << 20)},
		"co2e=1kg":                   {Metric: trial.CO2e, Priority: Medium, Target: ptr(1000)},
		"inference_power=500mW:low":  {Metric: trial.InferencePower, Priority: Low, Target: ptr(0.5)},
		"throughput=950fps":          {Metric: trial.Throughput, Priority: Medium, Target: ptr(950)},
		"throughput=1000 samples/s ": {Metric: trial.Throughput, Priority: Medium, Target: ptr(1000)},
	} {
		got, err := ParseWant(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%q: %s", s, diff)
		}
		again, err := ParseWant(got.String())
		if err != nil {
			t.Errorf("%q printed as %q: %v", s, got, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%q printed as %q: %s", s, got, diff)
		}
	}
}

func TestParseWantErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":                   `want "": there is no metric ""; the metrics are accuracy, train_accuracy, loss, inference_energy, inference_power, training_energy, co2e, latency, latency_p95, latency_p99, throughput, params, macs, model_size, activation_memory, peak_memory, device_memory, training_time`,
		"latancy=20ms":       `want "latancy=20ms": there is no metric "latancy"; did you mean latency? the metrics are `,
		"test_accuracy":      `want "test_accuracy": test_accuracy is read once, by a final; use accuracy`,
		"accuracy:urgent":    `want "accuracy:urgent": priority "urgent": use low, medium or high`,
		"accuracy:":          `want "accuracy:": priority "": use low, medium or high`,
		"accuracy=":          `want "accuracy=": accuracy: "" is not a number with a unit; write, for example, 90%`,
		"accuracy=90":        "target accuracy: 90 is above 1; write 90% for a percentage",
		"accuracy=120%":      "target accuracy: 1.2 is above 1",
		"latency=0":          "target latency: 0 is not a positive number; write, for example, 20ms",
		"latency=-3ms":       "target latency: -3 is not a positive number",
		"latency=fast":       `want "latency=fast": latency: "fast" is not a number with a unit; write, for example, 20ms`,
		"latency=20mJ":       `want "latency=20mJ": latency: unknown unit "mJ"; use µs, us, ms, s, min`,
		"model_size=1mb":     `unknown unit "mb"; use B, kB, MB, GB, KiB, MiB, GiB`,
		"params=3x":          `unknown unit "x"; use k, K, M, G`,
		"latency=1e999":      `"1e999" is not a number with a unit`,
		"latency=inf":        `"inf" is not a number with a unit`,
		"loss=1,5":           `loss: "1,5" is not a number with a unit; write, for example, 0.5`,
		"throughput=1000rpm": `unknown unit "rpm"; use samples/s, /s, fps, FPS, k`,
	} {
		_, err := ParseWant(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", s, err, want)
		}
	}
}

func TestParseLimit(t *testing.T) {
	m, v, err := ParseLimit("model_size=1MB")
	if m != trial.ModelSize || v != 1e6 || err != nil {
		t.Errorf("got %v %v %v", m, v, err)
	}
	if _, v, err := ParseLimit("training_energy=40mWh"); err != nil || v != 4e-5 {
		t.Errorf("40 mWh are %v kWh (%v)", v, err)
	}
	for s, want := range map[string]string{
		"model_size":     `limit "model_size": the value is missing; write it as model_size=1MB`,
		"modelsize=1MB":  `limit "modelsize=1MB": there is no metric "modelsize"; did you mean model_size?`,
		"model_size=0":   "limit model_size: 0 is not a positive number; write, for example, 1MB",
		"model_size=1mJ": `limit "model_size=1mJ": model_size: unknown unit "mJ"`,
		"accuracy=80":    "limit accuracy: 80 is above 1; write 80% for a percentage",
	} {
		if _, _, err := ParseLimit(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", s, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		metric trial.Metric
		value  float64
		want   string
	}{
		{trial.Accuracy, 0.4651, "46.5 %"}, {trial.Accuracy, 0, "0.0 %"}, {trial.Accuracy, 1, "100.0 %"},
		{trial.InferenceEnergy, 0.005, "5.0 mJ"}, {trial.InferenceEnergy, 1.234e-5, "12.3 µJ"}, {trial.InferenceEnergy, 0, "0 J"},
		{trial.TrainingEnergy, 0.0123, "12.3 Wh"}, {trial.TrainingEnergy, 1.5, "1.5 kWh"}, {trial.TrainingEnergy, 2.5e-6, "2.5 mWh"},
		{trial.Latency, 20, "20.0 ms"}, {trial.Latency, 0.82, "820 µs"}, {trial.Latency, 1234, "1.23 s"},
		{trial.ModelSize, 1.2e6, "1.2 MB"}, {trial.ModelSize, 512, "512 B"}, {trial.ModelSize, 999700, "1.0 MB"},
		{trial.Params, 1234567, "1.23 M"}, {trial.Params, 7, "7"}, {trial.MACs, 2e6, "2.0 M"}, {trial.Params, 0, "0"},
		{trial.Throughput, 12345, "12345 samples/s"}, {trial.CO2e, 0.25, "250 mg"}, {trial.InferencePower, 6.25, "6.25 W"},
		{trial.TrainingTime, 300, "300 s"}, {trial.Loss, 0.693, "0.69 nats"}, {trial.Loss, 0.00012, "0.00012 nats"},
		{trial.Latency, math.NaN(), "NaN"}, {"speed", 3.14159, "3.14"},
	} {
		if got := Format(c.metric, c.value); got != c.want {
			t.Errorf("%s %v: got %q, want %q", c.metric, c.value, got, c.want)
		}
	}
}

// What Format writes, ParseLimit reads back to the digits shown.
func TestFormatParses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		info := trial.MetricInfos[rng.IntN(len(trial.MetricInfos))]
		if info.Metric == trial.TestAccuracy {
			continue
		}
		v := math.Exp(rng.Float64()*20 - 8)
		if fraction(info.Metric) {
			v = 0.01 + 0.99*rng.Float64()
		}
		text := Format(info.Metric, v)
		m, back, err := ParseLimit(string(info.Metric) + "=" + text)
		if err != nil || m != info.Metric {
			t.Fatalf("%s %v as %q: %v", info.Metric, v, text, err)
		}
		if math.Abs(back-v) > 0.06*v {
			t.Errorf("%s %v as %q reads as %v", info.Metric, v, text, back)
		}
	}
}

func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		wants, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		weights := mustNew(t, wants, nil).Weights()
		for m, w := range weights {
			if w > weights[trial.Accuracy] {
				t.Errorf("%s: %s counts more than accuracy", name, m)
			}
		}
		wants[0].Priority = Low // a caller's change must not reach the preset
		if again, _ := Preset(name); again[0].Priority != High {
			t.Errorf("%s: the preset was changed", name)
		}
	}
	if _, err := Preset("fast"); err == nil || err.Error() != `preset "fast": use accuracy, balanced, deployment` {
		t.Errorf("error %v", err)
	}
}

func TestMerge(t *testing.T) {
	preset := []Want{{Metric: trial.Accuracy, Priority: High}, {Metric: trial.Latency, Priority: Low}}
	got := Merge(preset, []Want{{Metric: trial.Params, Priority: Low}, {Metric: trial.Latency, Priority: High, Target: ptr(5)}})
	want := []Want{
		{Metric: trial.Accuracy, Priority: High}, {Metric: trial.Latency, Priority: High, Target: ptr(5)}, {Metric: trial.Params, Priority: Low},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Twice the same explicit want is not merged away: New tells of it.
	if _, err := New(Merge(preset, []Want{{Metric: trial.Params}, {Metric: trial.Params}}), nil); err == nil {
		t.Error("a want given twice went unnoticed")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"accuracy", "latency", "params"}
	for word, want := range map[string]string{"latancy": "latency", "acc": "", "parms": "params", "": "", "x": "", "Latency": "latency"} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func FuzzParseWant(f *testing.F) {
	for _, s := range []string{"accuracy=90%:high", "latency=1e9", "µ", "=:", "a=b=c:d:e", "params=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWant(s)
		if err != nil {
			return
		}
		if _, err := New([]Want{w}, nil); err != nil {
			t.Errorf("%q is a want that New refuses: %v", s, err)
		}
	})
}
