package propose

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var digits = Task{Data: "digits", Title: "Digits", Input: arch.Shape{8, 8, 1}, Classes: 10, Epochs: 2}

var reviews = Task{
	Data: "imdb", Title: "IMDb", Input: arch.Tokens{Length: 256, Vocabulary: 20000}, Classes: 2,
	ClassNames: []string{"negative", "positive"}, TrainSamples: 5000, Epochs: 3,
}

// play runs rounds with commands that change from round to round.
func play(t *testing.T, s *study, p Proposer, rounds int) {
	t.Helper()
	codes := Codes()
	for i := range rounds {
		var commands []string
		if i > 0 {
			commands = []string{codes[i%len(codes)], codes[(i*7+3)%len(codes)]}
		}
		if _, err := s.ask(context.Background(), p, s.request(commands...)); err != nil {
			t.Fatalf("round %d: %v", i+1, err)
		}
	}
}

func TestRulebookStartsWithTheSeed(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	got, err := rulebook{}.Propose(context.Background(), s.request())
	if err != nil || got.Source != arch.Seed(cifar.Input, cifar.Classes) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRulebookCarriesAllCommandsOut(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	got, err := rulebook{}.Propose(context.Background(), s.request("AMK", "AD", "AR"))
	if err != nil || got.Note != "carried out AMK, AD, AR" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A command that has no place in the parent must not cost the round.
func TestRulebookFallsBack(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	got, err := rulebook{}.Propose(context.Background(), s.request("RD"))
	if err != nil || got.Source == "" || strings.Contains(got.Note, "RD,") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMechanicalProposersKeepLimits(t *testing.T) {
	o, err := objective.New(nil, map[trial.Metric]float64{trial.Params: 60_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Proposer{rulebook{}, random{}} {
		s := &study{t: t, task: cifar, objective: o}
		for i := range 10 {
			var commands []string
			if i > 0 {
				commands = []string{"ACL", "AMK"}
			}
			out, err := s.ask(context.Background(), p, s.request(commands...))
			if err != nil || out.Costs.Params > 60_000 || len(out.Attempts) > 1 {
				t.Fatalf("%s: round %d: %d parameters after %d answers, %v", p.Name(), i+1, out.Costs.Params, len(out.Attempts), err)
			}
		}
	}
}

// A limit on a board is as well known before training as one on the size.
func TestMechanicalProposersKeepLimitsOnBoards(t *testing.T) {
	pi, err := device.Lookup("raspberry-pi-5")
	if err != nil {
		t.Fatal(err)
	}
	latency := trial.Latency.On(pi.Name)
	o, err := objective.New(nil, map[trial.Metric]float64{latency: 0.2}) // the seed program takes 0.6 ms
	if err != nil {
		t.Fatal(err)
	}
	broken := func(p *arch.Program) string {
		predicted, err := pi.Predict(p.Network)
		if err != nil {
			t.Fatal(err)
		}
		return o.Infeasible(predicted)
	}
	for _, p := range []Proposer{rulebook{}, random{}} {
		s := &study{t: t, task: cifar, objective: o}
		for i := range 5 {
			r := s.request()
			if i > 0 {
				r = s.request("ACL", "AMK")
			}
			r.Broken = broken
			out, err := s.ask(context.Background(), p, r)
			if err != nil || len(out.Attempts) > 1 || broken(out.Program) != "" {
				t.Fatalf("%s: round %d: %s after %d answers, %v", p.Name(), i+1, broken(out.Program), len(out.Attempts), err)
			}
		}
	}
}

// Whoever set a limit that nothing keeps is told which, and how near one came.
func TestMechanicalProposersNameTheLimit(t *testing.T) {
	o, err := objective.New(nil, map[trial.Metric]float64{trial.Params: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Proposer{rulebook{}, random{}} {
		s := &study{t: t, task: cifar, objective: o}
		_, err := p.Propose(context.Background(), s.request())
		if err == nil || !strings.Contains(err.Error(), "is over the limit of 3") {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
}

func TestMechanicalProposersEnd(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	for _, p := range []Proposer{rulebook{}, random{}} {
		r := s.request("ACL")
		r.Known = func(*arch.Program) (int, bool) { return 1, true }
		if _, err := p.Propose(context.Background(), r); err == nil || !strings.Contains(err.Error(), "new") {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
}

// A turn within a round must not repeat the one before it.
func TestMechanicalTurnsDiffer(t *testing.T) {
	for _, p := range []Proposer{rulebook{}, random{}} {
		s := &study{t: t, task: cifar, objective: balanced(t)}
		s.add(residual)
		r := s.request("ACL", "AR")
		for turn := range 4 {
			r.Turn = turn
			got, err := p.Propose(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Attempts {
				if a.Program == got.Source {
					t.Errorf("%s: turn %d repeats turn %d", p.Name(), turn, a.Turn)
				}
			}
			r.Attempts = append(r.Attempts, trial.Attempt{Turn: turn, State: trial.Duplicate, Program: got.Source})
		}
	}
}

func TestNewUnknown(t *testing.T) {
	_, err := New("oracle", Options{})
	if err == nil || !strings.Contains(err.Error(), "rulebook, random, evolution, openai") {
		t.Errorf("got %v", err)
	}
}

func ExampleNew() {
	p, err := New("rulebook", Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := p.Propose(context.Background(), Request{
		Task:  Task{Data: "digits", Input: arch.Shape{8, 8, 1}, Classes: 10},
		Trial: 1,
	})
	fmt.Println(got.Note, err)
	// Output: the seed program <nil>
}
