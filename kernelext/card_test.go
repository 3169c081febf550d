package kernelext

import (
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestForecast(t *testing.T) {
	for want, f := range map[string]*trial.Forecast{
		"": nil,
		"forecast after epoch 1: 3.1 mWh in 41.0 s":                   {Energy: 3.1e-6, Seconds: 41},
		"forecast after epoch 1: 3.1 mWh in 41.0 s, 4 % too high":     {Energy: 3.1e-6, Seconds: 41, Error: of(0.042)},
		"forecast after epoch 1: 3.1 mWh in 41.0 s, 12 % too low":     {Energy: 3.1e-6, Seconds: 41, Error: of(-0.12)},
		"forecast after epoch 1: 3.1 mWh in 41.0 s, right within 1 %": {Energy: 3.1e-6, Seconds: 41, Error: of(0.004)},
		"forecast after epoch 1: 1 min 5 s, 7 % too short":            {Seconds: 65, Error: of(-0.07)},
		"forecast after epoch 1: 1 min 5 s, 7 % too long":             {Seconds: 65, Error: of(0.07)},
	} {
		if got := forecast(f); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}

func TestPhases(t *testing.T) {
	for want, seconds := range map[string]map[string]float64{
		"": nil,
		"took 1 min 2 s: compile 2.0 s, train 40.0 s, evaluate 20.0 s (3 % not training)": {trial.PhaseEvaluate: 20, trial.PhaseTrain: 40, trial.PhaseCompile: 2},
		"took 3.0 s: data 1.0 s, upload 2.0 s":                                            {"upload": 2, trial.PhaseData: 1},
	} {
		if got := phases(seconds); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestCard holds that what is not known of any metric has no column, and that a
// long remark is made once.
func TestCard(t *testing.T) {
	meter := "CPU time × 15 W per core of a processor of a long name"
	v := View{}
	for _, test := range []struct {
		metrics trial.Metrics
		want    string
	}{
		{trial.Metrics{trial.Accuracy: {Value: 0.5, Method: trial.MethodCounted}}, `
metric     value  method
accuracy  50.0 %  counted
`},
		{trial.Metrics{
			trial.InferenceEnergy:   {Value: 0.002, Method: trial.MethodEstimate, Low: of(0.001), High: of(0.004), Note: meter},
			trial.InferencePower:    {Value: 3, Method: trial.MethodEstimate, Note: "mean; " + meter},
			trial.Latency.On("pi"):  {Value: 9, Method: trial.MethodPredicted, Low: of(5), High: of(18)},
			trial.Latency:           {Value: 3, Method: trial.MethodTimed, Quality: "clocks held down"},
			trial.Accuracy.On("pi"): {Value: 1}, // there is no such metric
		}, `
metric               value  method     band            remarks
inference energy  ≈ 2.0 mJ  estimate   1.0 to 4.0 mJ   CPU time × 15 W per core of a processor of a long name
inference power    ≈ 3.0 W  estimate                   mean; as for inference energy
latency            3.0 ms†  timed                      † clocks held down
latency on pi     ≈ 9.0 ms  predicted  5.0 to 18.0 ms
`},
	} {
		if got := "\n" + v.cardText(trial.Trial{Metrics: test.metrics}); got != test.want {
			t.Errorf("got %s\nwant %s", got, test.want)
		}
	}
	if got := v.cardHTML(trial.Trial{}); got != "" {
		t.Errorf("of a trial of which nothing is known the page says %q", got)
	}
}

func TestExplain(t *testing.T) {
	v := fake(t)
	var out strings.Builder
	if err := explain(&out, stub{v}, 5); err != nil || out.String() != v.trialText(v.Trials[4]) {
		t.Errorf("%v: %s", err, out.String())
	}
	if err := explain(&out, stub{v}, 0); err == nil || !strings.Contains(err.Error(), "trial 0: study cifar-first has none") {
		t.Errorf("trial 0: %v", err)
	}
}
