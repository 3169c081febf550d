package kernelext

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// asked returns a trial whose calls cost so much; below 0 the price is unknown.
func asked(costs ...float64) trial.Trial {
	var t trial.Trial
	for _, cost := range costs {
		x := &trial.Exchange{PromptTokens: 1000, AnswerTokens: 10, Duration: time.Second}
		if cost >= 0 {
			x.Cost = &cost
		}
		t.Attempts = append(t.Attempts, trial.Attempt{Exchange: x})
	}
	return t
}

// TestCostLines holds that what is unknown says so and is never 0.
func TestCostLines(t *testing.T) {
	energy := trial.Metrics{
		trial.TrainingEnergy: {Value: 0.0005, Method: trial.MethodEstimate}, trial.CO2e: {Value: 0.2, Method: trial.MethodCalculation},
		trial.TrainingTime: {Value: 40},
	}
	none, nobody := "training: trainings none\n", "LLM: calls none\n"
	for name, test := range map[string]struct {
		trials trial.History
		want   string
	}{
		"nothing": {nil, none + nobody},
		"measured": {trial.History{{State: trial.Complete, Runs: 1, Metrics: energy}, {State: trial.Complete, Runs: 1, Metrics: energy}},
			"training: trainings 2, energy ≈ 1.0 Wh (estimate), CO2e ≈ 400 mg (calculation), time 1 min 20 s\n" + nobody},
		"one crashed": {trial.History{{State: trial.Complete, Runs: 1, Metrics: energy}, {State: trial.Failed, Runs: 1}},
			"training: trainings 2, energy ≈ 500 mWh (estimate; 1 of 2 trainings not measured), CO2e ≈ 200 mg (calculation; 1 of 2 trainings not measured), time 40.0 s (1 of 2 trainings not measured)\n" + nobody},
		"an interrupted run is a training too": {trial.History{{State: trial.Complete, Runs: 2, Metrics: energy}},
			"training: trainings 2, energy ≈ 500 mWh (estimate; 1 of 2 trainings not measured), CO2e ≈ 200 mg (calculation; 1 of 2 trainings not measured), time 40.0 s (1 of 2 trainings not measured)\n" + nobody},
		"the one under way is not counted": {trial.History{{State: trial.Running, Runs: 1}}, none + nobody},
		"no meter": {trial.History{{State: trial.Complete, Runs: 1, Metrics: trial.Metrics{trial.TrainingTime: {Value: 40}}}},
			"training: trainings 1, energy unknown (1 of 1 trainings not measured), CO2e unknown (1 of 1 trainings not measured), time 40.0 s\n" + nobody},
		"priced": {trial.History{asked(0.0012, 0.001)},
			none + "LLM: calls 2, tokens 2,000 prompt + 20 answer, price $0.0022, time 2.0 s, energy of the language model unknown (it runs outside the worker, where nothing is measured)\n"},
		"free": {trial.History{asked(0)},
			none + "LLM: calls 1, tokens 1,000 prompt + 10 answer, price $0.00, time 1.0 s, energy of the language model unknown (it runs outside the worker, where nothing is measured)\n"},
		"some unpriced": {trial.History{asked(0.5, -1), asked(-1)},
			none + "LLM: calls 3, tokens 3,000 prompt + 30 answer, price $0.50 (2 of 3 calls unpriced), time 3.0 s, energy of the language model unknown (it runs outside the worker, where nothing is measured)\n"},
		"all unpriced": {trial.History{asked(-1, -1)},
			none + "LLM: calls 2, tokens 2,000 prompt + 20 answer, price unknown (2 of 2 calls unpriced), time 2.0 s, energy of the language model unknown (it runs outside the worker, where nothing is measured)\n"},
		"lessons, a failure and assumed tokens": {
			trial.History{{Lessons: &trial.Lessons{Exchange: &trial.Exchange{PromptTokens: 7, Assumed: true, Error: "gone", Duration: time.Second}}}},
			none + "LLM: calls 1 (1 failed), tokens 7 prompt + 0 answer (1 of 1 calls assumed), price unknown (1 of 1 calls unpriced), time 1.0 s, energy of the language model unknown (it runs outside the worker, where nothing is measured)\n"},
	} {
		v := View{Trials: test.trials}
		if diff := cmp.Diff(test.want, v.costLines()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, a := range v.costs() { // the card tells what the lines tell
			for _, it := range a.items {
				if card := v.costCard(); !strings.Contains(card, "<b>"+it.value+"</b>") || !strings.Contains(card, it.note) {
					t.Errorf("%s: the card lacks %s %s (%s)", name, it.name, it.value, it.note)
				}
			}
		}
	}
}

// TestSums holds what the cost card says of how its sums are known.
func TestSums(t *testing.T) {
	energy := func(kWh float64, note string, banded bool) trial.Trial {
		m := trial.Measurement{Value: kWh, Unit: "kWh", Method: trial.MethodEstimate, Note: note}
		if banded {
			m.Low, m.High, m.Idle = of(kWh/2), of(2*kWh), of(kWh/4)
		}
		return trial.Trial{State: trial.Complete, Runs: 1, Metrics: trial.Metrics{trial.TrainingEnergy: m}}
	}
	for name, test := range map[string]struct {
		trials trial.History
		want   string
	}{
		"one":                 {trial.History{energy(0.001, "PUE 1.20; CPU 3 kJ", true)}, "≈ 1.0 Wh (estimate; band 0.5 to 2.0 Wh; of it idle 0.25 Wh, 25 %; PUE 1.20; CPU 3 kJ)"},
		"its own joules":      {trial.History{energy(0.001, "PUE 1.20; CPU 3 kJ", true), energy(0.003, "PUE 1.20; CPU 9 kJ", true)}, "≈ 4.0 Wh (estimate; band 2.0 to 8.0 Wh; of it idle 1.0 Wh, 25 %; PUE 1.20)"},
		"a band is missing":   {trial.History{energy(0.001, "PUE 1.20", true), energy(0.003, "PUE 1.20", false)}, "≈ 4.0 Wh (estimate; PUE 1.20)"},
		"no note, no account": {trial.History{energy(0.001, "", false)}, "≈ 1.0 Wh (estimate)"},
	} {
		if got := (View{Trials: test.trials}).costLines(); !strings.Contains(got, "energy "+test.want) {
			t.Errorf("%s: %s lacks %s", name, got, test.want)
		}
	}
	carbon := func(note string) trial.Trial {
		return trial.Trial{State: trial.Complete, Runs: 1, Metrics: trial.Metrics{trial.CO2e: {Value: 1, Unit: "g", Method: trial.MethodCalculation, Note: note}}}
	}
	moved := View{Trials: trial.History{carbon("56 g CO2e/kWh (France)"), carbon("56 g CO2e/kWh (France)"), carbon("30 g CO2e/kWh (Norway)")}}
	if got, want := moved.costLines(), "CO2e 3.0 g (calculation; 56 g CO2e/kWh (France); 30 g CO2e/kWh (Norway))"; !strings.Contains(got, want) {
		t.Errorf("%s lacks %s: each factor that was used", got, want)
	}
}

func TestAmounts(t *testing.T) {
	for usd, want := range map[float64]string{
		0: "$0.00", 0.000032: "$0.000032", 0.0004: "$0.00040", 0.0123: "$0.012", 0.0999: "$0.10", 0.1: "$0.10", 1.239: "$1.24", 250: "$250.00",
	} {
		if got := dollars(usd); got != want {
			t.Errorf("dollars(%v) = %q, want %q", usd, got, want)
		}
	}
	for seconds, want := range map[float64]string{0: "0.0 s", 41.5: "41.5 s", 59.96: "1 min 0 s", 456: "7 min 36 s", 3599.6: "1 h 0 min", 7500: "2 h 5 min"} {
		if got := lasting(seconds); got != want {
			t.Errorf("lasting(%v) = %q, want %q", seconds, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 45210: "45,210", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%v) = %q, want %q", n, got, want)
		}
	}
}
