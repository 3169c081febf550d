// Package recordtest makes studies of many trials for benchmarks: what a search
// records, without the search.
package recordtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Adopt adds the history to the study of that name, which has no trials yet.
func Adopt(ctx context.Context, dir, name string, h trial.History, o objective.Objective) error {
	store, err := record.Open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	st, ok, err := store.Study(ctx, name)
	if err != nil || !ok {
		return fmt.Errorf("study %q is not there: %w", name, err)
	}
	if st.State, err = json.Marshal(o); err != nil {
		return err
	}
	if err := store.SetState(ctx, name, st.State); err != nil {
		return err
	}
	return store.AddTrials(ctx, name, h)
}

// History returns the trials of a made-up search over networks for the digits and
// the objective with its anchors fixed. Networks grow and shrink by the commands of
// the rule book; what is measured follows their size, with chance in it. Of a
// hundred trials about six fail, break a limit or give no program; with asked,
// a language model was asked, and its prompts and answers are there.
func History(n int, asked bool) (trial.History, objective.Objective, error) {
	input, classes := arch.Shape{8, 8, 1}, 10
	seed, err := arch.Parse(arch.Seed(input, classes), input, classes)
	if err != nil {
		return nil, objective.Objective{}, err
	}
	o, err := objective.New(nil, nil)
	if err != nil {
		return nil, o, err
	}
	m := maker{rng: rand.New(rand.NewPCG(1, 2)), objective: o, asked: asked, parents: []trial.Trial{{Program: seed}}}
	for id := 1; id <= n; id++ {
		m.add(id)
	}
	return m.history, m.objective, nil
}

type maker struct {
	rng       *rand.Rand
	objective objective.Objective
	asked     bool
	history   trial.History
	parents   []trial.Trial // some complete trials, whose networks are changed
}

// parentsKept bounds how many networks are changed, as those of a front are.
const parentsKept = 40

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (m *maker) add(id int) {
	parent := m.parents[m.rng.IntN(len(m.parents))]
	program, commands := m.change(parent.Program)
	t := trial.Trial{
		ID: id, State: trial.Complete, Proposer: "rulebook", Parent: parent.ID, Commands: commands, Runs: 1,
		Started: began.Add(time.Duration(id) * time.Minute), Ended: began.Add(time.Duration(id)*time.Minute + 58*time.Second),
	}
	for i := range 4 {
		t.Dropped = append(t.Dropped, trial.Dropped{
			Command: command(propose.Codes()[(id+i)%15]),
			Reason:  "this round works on accuracy, and this command would serve cost",
		})
	}
	if id%2 == 1 {
		t.Niche = &trial.Niche{Name: "medium", Min: 100_000, Max: 400_000}
	}
	t.Attempts = m.attempts(program.Source)
	switch kind := m.rng.IntN(100); {
	case kind < 2: // no program
		t.State, t.Reason, t.Runs = trial.Invalid, "model.star:3:14: cannot + tensors of shapes [16 16 32] and [32 32 3]", 0
		m.history = append(m.history, t)
		return
	case kind < 4:
		t.State, t.Reason = trial.Failed, trial.OutOfMemory+": the training used more than 3 GiB of memory"
	case kind < 6:
		t.State, t.Reason = trial.Infeasible, "latency 5.3 ms is over the limit of 5 ms"
	}
	t.Program, t.Hash, t.Costs = program, program.Network.Hash(), program.Network.Costs()
	t.Key = fmt.Sprintf("%032x", id)
	t.Metrics = trial.Static(t.Costs)
	if t.State != trial.Failed {
		m.measure(&t)
	}
	m.history = append(m.history, t)
	if t.State != trial.Complete {
		return
	}
	if len(m.parents) < parentsKept {
		m.parents = append(m.parents, t)
	} else {
		m.parents[m.rng.IntN(parentsKept)] = t
	}
}

// change carries two commands out, and begins anew where the network has grown large.
func (m *maker) change(p *arch.Program) (*arch.Program, []trial.Command) {
	if len(p.Network.Nodes) > 60 {
		p = m.parents[0].Program
	}
	var commands []trial.Command
	for len(commands) < 2 {
		code := propose.Codes()[m.rng.IntN(len(propose.Codes()))]
		if next, err := propose.Apply(p, code, m.rng); err == nil {
			p, commands = next, append(commands, command(code))
		}
	}
	return p, commands
}

func command(code string) trial.Command {
	return trial.Command{
		Code: code, Text: "change the network by the command " + code, Rule: "accuracy below the target",
		Reason: "the accuracy of 71.2 % is below the target, and the training accuracy of 73.0 % says that there is room",
	}
}

func (m *maker) attempts(source string) []trial.Attempt {
	a := trial.Attempt{Proposer: "rulebook", State: trial.Complete, Reason: "carried out ACL, AR", Program: source, Hash: "0123456789abcdef"}
	if !m.asked {
		return []trial.Attempt{a}
	}
	cost, temperature := 0.0004, 1.0
	exchange := func() *trial.Exchange {
		return &trial.Exchange{
			Provider: "openai", Model: "a-model", Temperature: &temperature, PromptTokens: 2204, AnswerTokens: 310, Cost: &cost, Duration: 2100 * time.Millisecond,
			Prompt: []trial.Message{{Role: "system", Content: text(5000)}, {Role: "user", Content: source + text(3000)}}, Answer: source,
		}
	}
	wrong := trial.Attempt{Proposer: "openai", State: trial.Invalid, Reason: "model.star:3:14: cannot + tensors of shapes [16 16 32] and [32 32 3]", Program: source, Exchange: exchange()}
	a.Turn, a.Proposer, a.Exchange = 1, "openai", exchange()
	a.Plan = &trial.Plan{
		Rationale: "A deeper last block reads larger shapes; the cost goes where the map is small.", Changes: []string{"ACL: line 8, one more block(x, 128)"},
		Expected: map[trial.Metric]string{trial.Accuracy: trial.Up, trial.InferenceEnergy: trial.Up},
	}
	if m.rng.IntN(3) > 0 {
		a.Turn = 0
		return []trial.Attempt{a}
	}
	return []trial.Attempt{wrong, a}
}

func text(n int) string {
	const line = "Write a network as a program: a function network(x, classes) of operations, and a recipe.\n"
	b := make([]byte, 0, n+len(line))
	for len(b) < n {
		b = append(b, line...)
	}
	return string(b[:n])
}

// epochs of every training.
const epochs = 10

// measure makes up what a training gives.
func (m *maker) measure(t *trial.Trial) {
	r := Result(m.rng, t.Costs)
	maps.Copy(t.Metrics, r.Metrics)
	t.Curve, t.Seconds, t.Forecast, t.Quality = r.Curve, r.Seconds, r.Forecast, r.Quality
	m.objective.Fix(t.Metrics)
	if score, ok := m.objective.Score(t.Metrics); ok && t.State == trial.Complete {
		t.Effectiveness = &score
	}
}

// Result makes up what the training and the measurement of a network of such costs give.
func Result(rng *rand.Rand, costs arch.Costs) trial.Result {
	size := math.Log10(float64(max(costs.Params, 10)))
	accuracy := min(0.995, 0.5+0.09*size+0.03*rng.NormFloat64())
	joules := 1e-4 * math.Pow(float64(max(costs.MACs, 10))/1e5, 0.8) * math.Exp(0.05*rng.NormFloat64())
	of := func(v float64) *float64 { return &v }
	timed := func(v float64, unit string) trial.Measurement {
		return trial.Measurement{Value: v, Unit: unit, Method: trial.MethodTimed, Spread: of(v * 0.013), Note: "batch 1, 1000 runs"}
	}
	counted := func(v float64) trial.Measurement {
		return trial.Measurement{Value: v, Method: trial.MethodCounted, Spread: of(0.01), Note: "171 of 180 validation samples; the spread is the binomial standard error"}
	}
	estimate := func(v float64, unit string) trial.Measurement {
		return trial.Measurement{
			Value: v, Unit: unit, Method: trial.MethodEstimate, Spread: of(v * 0.04), Low: of(v / 2), High: of(2 * v),
			Note: "batch 64, 3 windows of 1.1 s; CPU time × 15 W per core, of the processor's 120 W",
		}
	}
	r := trial.Result{State: trial.Complete, Metrics: trial.Metrics{
		trial.Accuracy: counted(accuracy), trial.TrainAccuracy: counted(min(1, accuracy+0.02)), trial.Loss: {Value: 2.5 * (1 - accuracy), Unit: "nats", Method: trial.MethodCounted},
		trial.InferenceEnergy: estimate(joules, "J"), trial.InferencePower: estimate(15+rng.Float64(), "W"), trial.TrainingEnergy: estimate(joules*100, "kWh"), trial.CO2e: estimate(joules*48, "g"),
		trial.Latency: timed(joules*900, "ms"), trial.LatencyP95: timed(joules*1100, "ms"), trial.LatencyP99: timed(joules*1500, "ms"),
		trial.Throughput: timed(2/joules, "samples/s"), trial.PeakMemory: {Value: 6e8, Unit: "B", Method: trial.MethodProcess, Note: "5.1e8 B while it classified"},
		trial.TrainingTime: timed(35+rng.Float64(), "s"),
	}}
	for e := 1; e <= epochs; e++ {
		at := accuracy * (1 - math.Exp(-float64(e)*0.6))
		r.Curve = append(r.Curve, trial.Epoch{Epoch: e, Loss: 2.3 * (1 - at), TrainAccuracy: at + 0.02, Accuracy: at, Seconds: 3.5 * float64(e)})
	}
	r.Seconds = map[string]float64{
		trial.PhaseIdle: 0.3, trial.PhaseData: 0.41, trial.PhaseCompile: 3.12, trial.PhaseTrain: 35 + rng.Float64(), trial.PhaseEvaluate: 2.5, trial.PhaseProfile: 7.9,
	}
	r.Forecast = &trial.Forecast{Energy: joules * 104, Seconds: 36, Error: of(0.04)}
	r.Quality = quality(rng)
	return r
}

func quality(rng *rand.Rand) *trial.Quality {
	var answers []trial.Answer
	for i := range 180 {
		a := trial.Answer{Index: i, True: i % 10, Predicted: i % 10, Confidence: rng.Float64()}
		if rng.IntN(5) == 0 {
			a.Predicted = rng.IntN(10)
		}
		answers = append(answers, a)
	}
	q := trial.NewQuality(10, answers)
	q.Data = "digits sha256:0123456789abcdef validation 180 of 1797"
	return q
}

// Weights makes a file of weights up where one is asked for.
func Weights(path string) error {
	if path == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("weights"), 0o644))
}
