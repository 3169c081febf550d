package kernelext

import (
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestTrust: the forecasts are told of once there are enough, in both forms.
func TestTrust(t *testing.T) {
	o, err := objective.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := View{Name: "trusted", Data: "digits", Objective: o}
	for i := range 24 {
		source := strings.Replace("def network(x, classes):\n    return dense(relu(dense(flatten(x), UNITS)), classes)\n", "UNITS", strings.Repeat("1", 1+i%2)+string(rune('0'+i*7%10)), 1)
		p, err := arch.Parse(source, arch.Shape{8, 8, 1}, 10)
		if err != nil {
			t.Fatal(err)
		}
		c := p.Network.Costs()
		v.Trials = append(v.Trials, trial.Trial{ID: i + 1, State: trial.Complete, Program: p, Hash: p.Network.Hash(), Costs: c, Metrics: trial.Metrics{
			trial.Accuracy:        {Value: 1 - 10/float64(c.Params)},
			trial.InferenceEnergy: {Value: 1e-6 * float64(c.MACs), Unit: "J"},
		}})
	}
	const want = "forecasts of 18 trials, each made from those before it, against what was measured (1 is the right order, 0 chance): accuracy Kendall&#39;s tau "
	page, err := v.html()
	if err != nil || !strings.Contains(page, want) {
		t.Errorf("the page does not tell of the forecasts: %v", err)
	}
	if text := Text(v); !strings.Contains(text, strings.ReplaceAll(want, "&#39;", "'")) || !strings.Contains(text, "; inference energy Kendall's tau ") {
		t.Errorf("the text does not tell of the forecasts:\n%s", text)
	}
	v.Trials = v.Trials[:17]
	if text := v.trust(); text != "" {
		t.Errorf("of 11 forecasts: %s", text)
	}
}
