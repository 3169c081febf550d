package profile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var france = trial.Accounting{PUE: 1.5, Intensity: 56, Source: "France 2023"}

func TestTraining(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	got := Training(energy.Energy{
		Joules: 7.2e6, CPU: 1.2e6, GPU: 6e6, Seconds: 100, Idle: number(2.4e6), Low: number(3.6e6), High: number(14.4e6),
		Method: "nvml-counter+estimate", Quality: "a word of doubt", Note: "GPU: whole device",
	}, france)
	want := trial.Metrics{
		trial.TrainingTime: {Value: 100, Unit: "s", Method: trial.MethodTimed, Note: "epochs with the validation after each"},
		trial.TrainingEnergy: {
			Value: 3, Unit: "kWh", Method: "nvml-counter+estimate", Low: number(1.5), High: number(6), Idle: number(1), Quality: "a word of doubt",
			Note: "epochs with the validation after each; PUE 1.50; CPU 1.2e+06 J, GPU 6e+06 J; GPU: whole device",
		},
		trial.CO2e: {
			Value: 168, Unit: "g", Method: trial.MethodCalculation, Low: number(84), High: number(336), Idle: number(56), Quality: "a word of doubt",
			Note: "56 g CO2e/kWh (France 2023); energy by nvml-counter+estimate",
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(trial.Metrics{trial.TrainingTime: want[trial.TrainingTime]}, Training(energy.Energy{Seconds: 100}, france)); diff != "" {
		t.Errorf("unknown energy: %s", diff)
	}
	if got := Training(energy.Energy{}, france); len(got) != 0 {
		t.Errorf("nothing measured: %v", got)
	}
}

func TestForecast(t *testing.T) {
	for _, test := range []struct {
		name string
		used energy.Energy
		want trial.Forecast
	}{
		{"known", energy.Energy{Joules: 3.6e6, Seconds: 12}, trial.Forecast{Energy: 15, Seconds: 120}},
		{"energy unknown", energy.Energy{Seconds: 12}, trial.Forecast{Seconds: 120}},
	} {
		if diff := cmp.Diff(&test.want, Forecast(test.used, 10, france), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
