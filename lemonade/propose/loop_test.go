package propose

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var cifar = Task{
	Data: "cifar10", Title: "CIFAR-10", Input: arch.Shape{32, 32, 3}, Classes: 10,
	ClassNames:   []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
	TrainSamples: 5000, Epochs: 3,
}

func parse(t testing.TB, source string, task Task) *arch.Program {
	t.Helper()
	p, err := arch.Parse(source, task.Input, task.Classes)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return p
}

func balanced(t testing.TB) objective.Objective {
	t.Helper()
	target := 0.6
	o, err := objective.New([]objective.Want{
		{Metric: trial.Accuracy, Priority: objective.High, Target: &target},
		{Metric: trial.InferenceEnergy, Priority: objective.Medium},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// study plays the caller of a proposer: it checks programs and records rounds as
// a study does, with made-up measurements.
type study struct {
	t         testing.TB
	task      Task
	template  string
	objective objective.Objective
	history   trial.History
	seed      int64
	verbose   bool // log every turn
}

func (s *study) known(p *arch.Program) (int, bool) {
	hash := p.Network.Hash()
	for _, t := range s.history {
		if t.Program != nil && t.Hash == hash && t.Program.Recipe == p.Recipe {
			return t.ID, true
		}
	}
	return 0, false
}

// request asks for the next trial, with commands on the best parent.
func (s *study) request(commands ...string) Request {
	r := Request{
		Task: s.task, Template: s.template, Objective: s.objective, Trial: len(s.history) + 1, Seed: s.seed,
		Commands: command(commands...), History: s.history, Known: s.known,
	}
	if h := best(s.history, 1); len(h) > 0 {
		r.Parent = &h[0]
	}
	return r
}

func command(codes ...string) []trial.Command {
	var out []trial.Command
	for _, c := range codes {
		out = append(out, commandTexts[c])
	}
	return out
}

// ask plays one round of up to four turns and adds its trial to the history.
func (s *study) ask(ctx context.Context, p Proposer, r Request) (trial.Trial, error) {
	t := trial.Trial{ID: r.Trial, State: trial.Waiting, Proposer: p.Name(), Commands: r.Commands}
	if r.Parent != nil {
		t.Parent = r.Parent.ID
	}
	for turn := 0; turn <= 3 && t.Program == nil; turn++ {
		r.Turn, r.Attempts = turn, t.Attempts
		proposal, err := p.Propose(ctx, r)
		if err != nil {
			return t, err
		}
		a := trial.Attempt{Turn: turn, Proposer: p.Name(), State: trial.Invalid, Program: proposal.Source, Exchange: proposal.Exchange}
		program, err := arch.Parse(proposal.Source, s.task.Input, s.task.Classes)
		switch {
		case err != nil:
			a.Reason = err.Error()
		default:
			a.Hash, a.State = program.Network.Hash(), trial.Complete
			if reason := s.objective.Infeasible(trial.Static(program.Network.Costs())); reason != "" {
				a.State, a.Reason = trial.Infeasible, reason
			} else if id, ok := s.known(program); ok {
				a.State, a.Reason = trial.Duplicate, fmt.Sprintf("the same network with the same recipe was trial %d", id)
			} else {
				t.Program, a.Reason = program, proposal.Note
				if proposal.Parent != 0 {
					t.Parent = max(0, proposal.Parent)
				}
			}
		}
		t.Attempts = append(t.Attempts, a)
		if s.verbose {
			s.t.Logf("turn %d: %s %s (%d+%d tokens, %s)\n%s", turn, a.State, a.Reason, a.Exchange.PromptTokens, a.Exchange.AnswerTokens, a.Exchange.Duration.Round(time.Second), a.Exchange.Answer)
		}
	}
	t.State = t.Attempts[len(t.Attempts)-1].State
	t.Reason = t.Attempts[len(t.Attempts)-1].Reason
	s.measure(&t)
	s.history = append(s.history, t)
	return t, nil
}

// measure makes measurements up from the network's costs.
func (s *study) measure(t *trial.Trial) {
	if t.Program == nil {
		return
	}
	t.State, t.Hash, t.Costs = trial.Complete, t.Program.Network.Hash(), t.Program.Network.Costs()
	t.Metrics = trial.Static(t.Costs)
	rng := rand.New(rand.NewPCG(uint64(t.ID), 1))
	score := 0.35 + 0.15*rng.Float64()
	t.Effectiveness = &score
	t.Metrics[trial.Accuracy] = trial.Measurement{Value: score, Method: trial.MethodCounted}
	t.Metrics[trial.TrainAccuracy] = trial.Measurement{Value: score + 0.05, Method: trial.MethodCounted}
	t.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: 2e-4 + 1e-11*float64(t.Costs.MACs), Unit: "J", Method: trial.MethodEstimate}
}

// add puts a measured trial of that source into the history.
func (s *study) add(source string, commands ...string) {
	t := trial.Trial{ID: len(s.history) + 1, Proposer: "rulebook", Commands: command(commands...), Program: parse(s.t, source, s.task)}
	s.measure(&t)
	s.history = append(s.history, t)
}

var commandTexts = map[string]trial.Command{
	"ACL": {Code: "ACL", Text: "add convolutional layer", Reason: "accuracy 46.1 % is below its target of 60.0 %"},
	"RCL": {Code: "RCL", Text: "reduce convolutional layer", Reason: "inference energy grew to 0.61 mJ"},
	"ASC": {Code: "ASC", Text: "add skip connection", Reason: "accuracy has not grown for two trials"},
	"RSC": {Code: "RSC", Text: "reduce skip connection", Reason: "inference energy grew to 0.61 mJ"},
	"ADL": {Code: "ADL", Text: "add dense layer", Reason: "accuracy 46.1 % is below its target of 60.0 %"},
	"RDL": {Code: "RDL", Text: "reduce dense layer", Reason: "model size grew to 1.2 MB"},
	"AD":  {Code: "AD", Text: "add dropout layer", Reason: "train accuracy is 12.1 points above accuracy"},
	"RD":  {Code: "RD", Text: "reduce dropout layer", Reason: "train accuracy is only 46.5 %"},
	"AMK": {Code: "AMK", Text: "add more kernels", Reason: "accuracy 46.1 % is below its target of 60.0 %"},
	"RK":  {Code: "RK", Text: "reduce number of kernels", Reason: "inference energy grew to 0.61 mJ"},
	"AMN": {Code: "AMN", Text: "add more neurons", Reason: "train accuracy is only 46.5 %"},
	"RN":  {Code: "RN", Text: "reduce neurons", Reason: "model size grew to 1.2 MB"},
	"AR":  {Code: "AR", Text: "add regularization", Reason: "train accuracy is 12.1 points above accuracy"},
	"RR":  {Code: "RR", Text: "reduce regularization", Reason: "train accuracy is only 46.5 %"},
	"AWI": {Code: "AWI", Text: "add weight initializer", Reason: "accuracy has not grown for two trials"},
}

// best returns the complete trials of the highest effectiveness.
func best(h trial.History, n int) trial.History {
	complete := slices.Clone(h.Complete())
	slices.SortStableFunc(complete, func(a, b trial.Trial) int {
		switch x, y := effectiveness(a), effectiveness(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return complete[:min(n, len(complete))]
}

func effectiveness(t trial.Trial) float64 {
	if t.Effectiveness == nil {
		return -1
	}
	return *t.Effectiveness
}
