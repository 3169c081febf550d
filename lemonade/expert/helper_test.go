package expert

import (
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// net chains operations into a network, enough of one to count what is in it.
type net struct {
	nodes []arch.Node
}

func newNet() *net {
	return &net{nodes: []arch.Node{{Op: "input", Shape: arch.Shape{32, 32, 3}}}}
}

func (n *net) last() int { return len(n.nodes) - 1 }

func (n *net) add(op string, shape arch.Shape, attrs arch.Attrs, inputs ...int) *net {
	if inputs == nil {
		inputs = []int{n.last()}
	}
	n.nodes = append(n.nodes, arch.Node{Op: op, Inputs: inputs, Attrs: attrs, Shape: shape})
	return n
}

func (n *net) conv(filters int) *net {
	return n.add("conv", arch.Shape{32, 32, filters},
		arch.Attrs{"filters": filters, "kernel": []int{3, 3}, "groups": 1, "init": "he_normal"}).
		add("batch_norm", arch.Shape{32, 32, filters}, nil)
}

func (n *net) skip() *net { // from the node before the last convolution's norm
	at := n.last()
	return n.add("add", n.nodes[at].Shape, nil, at-1, at)
}

func (n *net) dropout(rate float64) *net {
	return n.add("dropout", n.nodes[n.last()].Shape, arch.Attrs{"rate": rate})
}

func (n *net) pool() *net {
	s := n.nodes[n.last()].Shape
	return n.add("global_avg_pool", s[len(s)-1:], nil)
}

func (n *net) dense(units int) *net {
	return n.add("dense", arch.Shape{units}, arch.Attrs{"units": units, "init": "he_normal"})
}

func (n *net) done() *arch.Network {
	return &arch.Network{Language: arch.Language, Input: arch.Shape{32, 32, 3}, Classes: 10, Nodes: n.nodes}
}

func plain() *arch.Network { return newNet().conv(16).conv(32).pool().dense(10).done() }

// scene is a search with one complete trial, to be changed by a test.
type scene struct {
	first trial.Trial
	more  trial.History
	wants []objective.Want
	limit map[trial.Metric]float64
	trial int
}

// calm is a scene in which the network neither over- nor underfits.
func calm() *scene {
	return &scene{
		trial: 2,
		first: trial.Trial{
			ID: 1, State: trial.Complete,
			Program: &arch.Program{Network: plain(), Recipe: arch.Recipe{
				Optimizer: "sgd", LearningRate: 0.1, WeightDecay: 0.001, LabelSmoothing: 0.1, BatchSize: 128,
			}},
			Metrics: trial.Metrics{
				trial.Accuracy:        {Value: 0.95},
				trial.TrainAccuracy:   {Value: 0.99},
				trial.InferenceEnergy: {Value: 0.004, Unit: "J"},
				trial.Latency:         {Value: 2, Unit: "ms"},
			},
			Curve: []trial.Epoch{{Epoch: 1, Loss: 1.5, Accuracy: 0.5}, {Epoch: 2, Loss: 0.9, Accuracy: 0.95}},
		},
		wants: []objective.Want{
			{Metric: trial.Accuracy, Priority: objective.High},
			{Metric: trial.InferenceEnergy, Priority: objective.Medium},
		},
	}
}

func (s *scene) accuracy(train, validation float64) *scene {
	s.first.Metrics[trial.TrainAccuracy] = trial.Measurement{Value: train}
	s.first.Metrics[trial.Accuracy] = trial.Measurement{Value: validation}
	return s
}

func (s *scene) network(n *arch.Network) *scene {
	s.first.Program.Network = n
	return s
}

func (s *scene) recipe(weightDecay, smoothing float64) *scene {
	s.first.Program.Recipe.WeightDecay, s.first.Program.Recipe.LabelSmoothing = weightDecay, smoothing
	return s
}

func (s *scene) augmented(cutout int, mixup float64) *scene {
	s.first.Program.Recipe.Cutout, s.first.Program.Recipe.Mixup = cutout, mixup
	return s
}

func (s *scene) failed(reason string) *scene {
	s.more = append(s.more, trial.Trial{State: trial.Failed, Reason: reason, Parent: 1})
	return s
}

// then adds a complete trial with the first one's network.
func (s *scene) then(parent int, accuracy, joules float64, codes ...string) *scene {
	t := trial.Trial{
		State: trial.Complete, Parent: parent, Program: s.first.Program,
		Metrics: trial.Metrics{trial.Accuracy: {Value: accuracy}, trial.TrainAccuracy: {Value: accuracy}, trial.InferenceEnergy: {Value: joules, Unit: "J"}, trial.Latency: {Value: 2}},
	}
	for _, code := range codes {
		t.Commands = append(t.Commands, trial.Command{Code: code})
	}
	s.more = append(s.more, t)
	return s
}

// macs gives the latest trial's network that many, and 0.6 bytes for each.
func (s *scene) macs(n int64) *scene {
	costs := &s.first.Costs
	if len(s.more) > 0 {
		costs = &s.more[len(s.more)-1].Costs
	}
	costs.MACs, costs.ModelBytes = n, n*6/10
	return s
}

// limited adds a hard limit.
func (s *scene) limited(m trial.Metric, bound float64) *scene {
	if s.limit == nil {
		s.limit = map[trial.Metric]float64{}
	}
	s.limit[m] = bound
	return s
}

// value adds a measurement of the first trial.
func (s *scene) value(m trial.Metric, v float64) *scene {
	s.first.Metrics[m] = trial.Measurement{Value: v}
	return s
}

// want replaces the wants.
func (s *scene) want(t *testing.T, wants ...string) *scene {
	t.Helper()
	s.wants = nil
	for _, text := range wants {
		w, err := objective.ParseWant(text)
		if err != nil {
			t.Fatal(err)
		}
		s.wants = append(s.wants, w)
	}
	return s
}

// input is the scene as the expert system sees it.
func (s *scene) input(t *testing.T) Input {
	t.Helper()
	o, err := objective.New(s.wants, s.limit)
	if err != nil {
		t.Fatal(err)
	}
	o.Fix(objective.MetricsOf(s.first))
	h := trial.History{s.first}
	for i, more := range s.more {
		more.ID = i + 2
		h = append(h, more)
	}
	return Input{History: h, Objective: o, Task: Task{Name: "cifar10", Input: arch.Shape{32, 32, 3}, Classes: 10}, Trial: max(s.trial, len(h)+1)}
}

func advise(t *testing.T, b *RuleBook, in Input) Advice {
	t.Helper()
	a, err := b.Advise(in)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func codesOf(commands []trial.Command) []string {
	out := []string{}
	for _, c := range commands {
		out = append(out, c.Code)
	}
	return out
}

// book parses a rule book written in a test.
func book(t *testing.T, text string) *RuleBook {
	t.Helper()
	b, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
