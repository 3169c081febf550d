package kernelext

import (
	"math"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var input = arch.Shape{32, 32, 3}

const classes = 10

const plain = `# Three blocks, each half as large and twice as deep as the one before.
def block(x, filters):
    return max_pool(relu(batch_norm(conv(x, filters, kernel = 3))), 2)

def network(x, classes):
    for filters in [32, 64, 128]:
        x = block(x, filters)
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(optimizer = "sgd", learning_rate = 0.2, weight_decay = 5e-4)
`

const squeezeExcite = `def network(x, classes):
    x = relu(batch_norm(conv(x, 16, kernel = 3)))
    s = global_avg_pool(x)
    s = sigmoid(dense(relu(dense(s, 4)), 16))
    x = x * reshape(s, [1, 1, 16])
    h = relu(batch_norm(conv(x, 16, kernel = 3)))
    x = relu(x + conv(h, 16, kernel = 3))
    return dense(global_avg_pool(x), classes)
`

func program(t *testing.T, source string) *arch.Program {
	t.Helper()
	p, err := arch.Parse(source, input, classes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fake returns a study of eleven trials with every state that a chart must show.
func fake(t *testing.T) View {
	t.Helper()
	wants, err := objective.Preset("balanced")
	if err != nil {
		t.Fatal(err)
	}
	o, err := objective.New(wants, map[trial.Metric]float64{trial.ModelSize: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	v := View{Name: "cifar-first", Data: "cifar10"}
	spread := 0.00002
	sources := []string{plain, squeezeExcite}
	for i, d := range []struct {
		state            trial.State
		accuracy, energy float64 // fraction, J
		reason           string
	}{
		{trial.Complete, 0.412, 0.0021, ""},
		{trial.Complete, 0.446, 0.0034, ""},
		{trial.Failed, 0, 0, "out-of-memory: the worker held 12.3 GB of the 12.0 GB allowed"},
		{trial.Complete, 0.455, 0.0062, ""},
		{trial.Infeasible, 0.497, 0.0077, "model_size 1.21 MB is over the limit of 1 MB"},
		{trial.Complete, 0.487, 0.0049, ""},
		{trial.Complete, 0.391, 0.0012, ""},
		{trial.Duplicate, 0, 0, "the same network with the same recipe was trial 4"},
		{trial.Complete, 0.492, 0.0085, ""},
		{trial.Complete, 0.441, 0.0031, ""},
		{trial.Complete, 0.470, 0.0052, ""},
	} {
		p := program(t, sources[i%2])
		r := trial.Trial{
			ID: i + 1, State: d.state, Reason: d.reason, Proposer: []string{"openai", "rulebook"}[i%2], Parent: i / 2, Program: p,
			Hash: p.Network.Hash(), Costs: p.Network.Costs(), Runs: 1,
			Started:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(i) * time.Minute),
			Commands: []trial.Command{{Code: "ACL", Text: "add convolutional layer", Rule: "accuracy-below-target", Reason: "accuracy 41.2 % is below its anchor of 60.0 %"}, {Code: "AR", Text: "add regularization", Rule: "overfitting", Reason: "training accuracy is 12 points above validation"}},
			Attempts: []trial.Attempt{{Turn: 0, Proposer: "openai", State: trial.Invalid, Reason: "model.star:3:14: cannot + tensors of shapes [16 16 32] and [32 32 3]"}, {Turn: 1, Proposer: "openai", State: trial.Complete, Program: p.Source}},
		}
		if d.accuracy > 0 {
			r.Metrics = trial.Metrics{
				trial.Accuracy:        {Value: d.accuracy, Method: trial.MethodCounted},
				trial.InferenceEnergy: {Value: d.energy, Unit: "J", Method: trial.MethodEstimate, Spread: &spread, Note: "CPU time × 15 W per core"},
				trial.Latency:         {Value: d.energy * 400, Unit: "ms", Method: trial.MethodTimed},
				trial.TrainingEnergy:  {Value: 0.0004, Unit: "kWh", Method: trial.MethodEstimate, Note: "PUE 1.0"},
				trial.TrainingTime:    {Value: 41.5, Unit: "s", Method: trial.MethodTimed},
			}
			for e := 1; e <= 6; e++ {
				at := d.accuracy * (1 - math.Exp(-float64(e)*0.6)) / (1 - math.Exp(-3.6))
				r.Curve = append(r.Curve, trial.Epoch{Epoch: e, Loss: 2.3 - at*2, TrainAccuracy: at * 1.1, Accuracy: at, Seconds: float64(e) * 7})
			}
			o.Fix(r.Metrics)
			if d.state == trial.Complete {
				if s, ok := o.Score(objective.MetricsOf(r)); ok {
					r.Effectiveness = &s
				}
			}
		}
		v.Trials = append(v.Trials, r)
	}
	v.Objective = o
	return v
}

// hostile is what a language model or a file may put wherever a text goes.
const hostile = `</script><script>alert("owned")</script><img src=x onerror=alert(1)>"'&` + "\x1b[31m\u2028`${alert(1)}`"

func poison(v View) View {
	v.Name, v.Data = hostile, hostile
	for i := range v.Trials {
		t := &v.Trials[i]
		t.Reason, t.Proposer, t.Program.Source = hostile, hostile, hostile
		t.Commands = []trial.Command{{Code: hostile, Text: hostile, Rule: hostile, Reason: hostile}}
		t.Attempts = []trial.Attempt{{Proposer: hostile, State: trial.Invalid, Reason: hostile, Program: hostile}}
		for m, value := range t.Metrics {
			value.Method, value.Note = hostile, hostile
			t.Metrics[m] = value
		}
	}
	return v
}
