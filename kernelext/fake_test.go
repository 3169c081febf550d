package kernelext

import (
	"fmt"
	"math"
	"strings"
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
			Attempts: answers(i, p.Source),
		}
		if i%3 == 1 {
			r.Niche = &trial.Niche{Name: "small", Max: 250_000}
			r.Dropped = []trial.Dropped{{Command: trial.Command{Code: "RCL", Text: "remove convolutional layer", Rule: "slow", Reason: "latency is over its target"}, Reason: "contradicts ACL, whose rule comes first"}}
		}
		if i == 3 || i == 7 {
			cost := 0.0011
			r.Lessons = &trial.Lessons{
				Text:     fmt.Sprintf("- After trial %d: halving the filters of the last block\n  saves energy and costs little accuracy.\n- Residual additions need equal shapes: project with kernel 1.", i),
				Exchange: &trial.Exchange{Model: "gpt-6-luna", PromptTokens: 2100, AnswerTokens: 80, Cost: &cost, Duration: 2 * time.Second},
			}
		}
		if d.state == trial.Duplicate {
			r.Runs = 0
		}
		r.Ended = r.Started.Add(time.Duration(55-5*i%10) * time.Second)
		if i > 6 { // after a pause of a day
			r.Started, r.Ended = r.Started.Add(24*time.Hour), r.Ended.Add(24*time.Hour)
		}
		if d.accuracy > 0 {
			r.Metrics = measurements(d.accuracy, d.energy)
			if r.ID == 11 { // on another machine
				e := r.Metrics[trial.InferenceEnergy]
				e.Method, e.Low, e.High, e.Note = trial.MethodNVML, nil, nil, "GPU 0"
				e.Quality = "only 2 steps of the counter in the shortest window"
				r.Metrics[trial.InferenceEnergy] = e
			}
			r.Seconds = map[string]float64{
				trial.PhaseData: 0.4, trial.PhaseCompile: 3.1, trial.PhaseTrain: 35, trial.PhaseEvaluate: 6.5, trial.PhaseProfile: 6, trial.PhaseIdle: 2,
			}
			r.Forecast = &trial.Forecast{Energy: 0.000416, Seconds: 43, Error: of(0.04)}
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

func of(v float64) *float64 { return &v }

// measurements are those of a network that takes so many joules, on a machine
// without a meter, and of a board.
func measurements(accuracy, joules float64) trial.Metrics {
	estimate := func(v float64, unit, note string) trial.Measurement {
		return trial.Measurement{
			Value: v, Unit: unit, Method: trial.MethodEstimate, Low: of(v / 2), High: of(2 * v), Idle: of(v * 0.3),
			Note: strings.TrimPrefix(note+"; CPU time × 15 W per core", "; "),
		}
	}
	energy := estimate(joules, "J", "")
	energy.Spread = of(joules * 0.04)
	co2e := estimate(0.192, "g", "")
	co2e.Method, co2e.Note = trial.MethodCalculation, "480 g CO2e/kWh (world 2023, Ember via Our World in Data); energy by estimate"
	latency := joules * 400
	return trial.Metrics{
		trial.Accuracy:        {Value: accuracy, Method: trial.MethodCounted},
		trial.InferenceEnergy: energy,
		trial.Latency:         {Value: latency, Unit: "ms", Method: trial.MethodTimed, Spread: of(latency * 0.013), Note: "batch 1, 1000 runs"},
		trial.TrainingEnergy:  estimate(0.0004, "kWh", fmt.Sprintf("PUE 1.00; CPU %.4g J, GPU 0 J", 1440+1e5*joules)),
		trial.CO2e:            co2e,
		trial.TrainingTime:    {Value: 41.5, Unit: "s", Method: trial.MethodTimed},
		trial.Latency.On("raspberry-pi-5"): {
			Value: latency * 3, Unit: "ms", Method: trial.MethodPredicted, Low: of(latency * 1.5), High: of(latency * 6), Note: "roofline, float32",
		},
	}
}

// answers are the attempts of a round: a wrong one and its repair by a language
// model, and in every other round the rule book in its place after an outage.
func answers(i int, source string) []trial.Attempt {
	cost := 0.0004
	wrong := trial.Attempt{
		Proposer: "openai", State: trial.Invalid, Reason: "model.star:3:14: cannot + tensors of shapes [16 16 32] and [32 32 3]",
		Exchange: &trial.Exchange{Model: "gpt-6-luna", PromptTokens: 1204, AnswerTokens: 310, Cost: &cost, Duration: 2100 * time.Millisecond},
	}
	if i%2 == 1 {
		return []trial.Attempt{wrong,
			{Turn: 1, Proposer: "openai", State: trial.Invalid, Reason: "the server does not answer", Exchange: &trial.Exchange{Model: "gpt-6-luna", PromptTokens: 1500, AnswerTokens: 500, Assumed: true, Duration: time.Minute, Error: "the server does not answer"}},
			{Turn: 2, Proposer: "rulebook", State: trial.Complete, Reason: "ACL: one more convolution in block 2", Program: source},
		}
	}
	return []trial.Attempt{wrong, {
		Turn: 1, Proposer: "openai", State: trial.Complete, Program: source,
		Plan: &trial.Plan{
			Rationale: "A deeper last block reads larger shapes; the cost goes where the map is small.",
			Changes:   []string{"ACL: line 8, one more block(x, 128)", "AR: line 12, weight_decay from 1e-4 to 5e-4"},
			Expected: map[trial.Metric]string{
				trial.Accuracy: trial.Up, trial.InferenceEnergy: trial.Up, trial.Params: trial.Same, trial.TestAccuracy: trial.Up,
			},
		},
		Exchange: &trial.Exchange{Model: "gpt-6-luna", PromptTokens: 1690, AnswerTokens: 420, Cost: &cost, Duration: 3 * time.Second, Notes: []string{"the server takes no temperature"}},
	}}
}

// hostile is what a language model or a file may put wherever a text goes.
const hostile = `</script><script>alert("owned")</script><img src=x onerror=alert(1)>"'&` + "\x1b[31m\u2028`${alert(1)}`"

func poison(v View) View {
	v.Name, v.Data = hostile, hostile
	for i := range v.Trials {
		t := &v.Trials[i]
		t.Reason, t.Proposer, t.Program.Source = hostile, hostile, hostile
		t.Commands = []trial.Command{{Code: hostile, Text: hostile, Rule: hostile, Reason: hostile}}
		t.Niche = &trial.Niche{Name: hostile, Max: 1}
		t.Dropped = []trial.Dropped{{Command: t.Commands[0], Reason: hostile}}
		exchange := &trial.Exchange{Provider: hostile, Model: hostile, Answer: hostile, Error: hostile, Notes: []string{hostile}}
		t.Lessons = &trial.Lessons{Text: hostile, Exchange: exchange}
		t.Attempts = []trial.Attempt{
			{Proposer: hostile, State: trial.Invalid, Reason: hostile, Program: hostile, Exchange: exchange},
			{Proposer: hostile, State: trial.Complete, Reason: hostile, Plan: &trial.Plan{
				Rationale: hostile, Changes: []string{hostile}, Expected: map[trial.Metric]string{hostile: hostile, trial.Accuracy: hostile},
			}},
		}
		for m, value := range t.Metrics {
			value.Method, value.Note, value.Quality = hostile, hostile, hostile
			t.Metrics[m] = value
		}
	}
	return v
}
