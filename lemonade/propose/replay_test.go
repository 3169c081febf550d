package propose

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// played answers from a list, by turn, as a language model would: with an exchange
// that holds the prompt.
type played struct {
	t       *testing.T
	answers []string
}

func (played) Name() string { return "openai" }

func (p played) Propose(_ context.Context, r Request) (Proposal, error) {
	prompt, err := messages(r, formatFenced)
	if err != nil {
		p.t.Fatal(err)
	}
	out := Proposal{Source: p.answers[r.Turn], Exchange: &trial.Exchange{Provider: "openai", Model: "m", Prompt: prompt, Answer: "```python\n" + p.answers[r.Turn] + "```"}}
	return out, nil
}

// heard keeps the notes of a proposer.
type heard struct {
	Proposer
	notes *[]string
}

func (p heard) Propose(ctx context.Context, r Request) (Proposal, error) {
	out, err := p.Proposer.Propose(ctx, r)
	*p.notes = append(*p.notes, out.Note)
	return out, err
}

// A study is the same again, and every prompt as well.
func TestReplayRepeatsAStudy(t *testing.T) {
	broken := "def network(x, classes):\n    return dens(x, classes)\n"
	wide := "def network(x, classes):\n    return dense(flatten(x), classes)\n"
	first := &study{t: t, task: digits, objective: balanced(t)}
	for _, answers := range [][]string{
		{broken, "def network(x, classes):\n    x = relu(conv(x, 8))\n    return dense(global_avg_pool(x), classes)\n"},
		{wide},
		{wide, broken, "def network(x, classes):\n    return dense(relu(dense(flatten(x), 9)), classes)\n"}, // a duplicate first
	} {
		if _, err := first.ask(t.Context(), played{t, answers}, first.request("ACL")); err != nil {
			t.Fatal(err)
		}
	}
	again := &study{t: t, task: digits, objective: balanced(t)}
	p := NewReplay(first.history)
	var notes []string
	for i, turns := range []int{2, 1, 3} {
		if n := p.Turns(i + 1); n != turns {
			t.Errorf("trial %d: %d turns, want %d", i+1, n, turns)
		}
		if _, err := again.ask(t.Context(), heard{p, &notes}, again.request("ACL")); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(make([]string, 6), notes); diff != "" {
		t.Errorf("notes: %s", diff)
	}
	for i, a := range first.history {
		b := again.history[i]
		if a.Hash != b.Hash || a.State != b.State {
			t.Errorf("trial %d: %s %s, was %s %s", a.ID, b.State, b.Hash, a.State, a.Hash)
		}
		for j := range a.Attempts {
			a.Attempts[j].Proposer = "replay"
			a.Attempts[j].Exchange.Replayed = true
		}
		if diff := cmp.Diff(a.Attempts, b.Attempts); diff != "" {
			t.Errorf("trial %d: %s", a.ID, diff)
		}
	}
}

func TestReplayTurns(t *testing.T) {
	r := longHistory(t).request("ACL")
	r.Trial = 1
	prompt, err := messages(r, formatFenced)
	if err != nil {
		t.Fatal(err)
	}
	other := []trial.Message{{Role: "system", Content: "an older text"}}
	answer := func(x trial.Exchange) *trial.Exchange { return &x }
	for _, c := range []struct {
		name    string
		a       trial.Attempt
		call    bool // the error is a CallError
		err     string
		note    string
		noError bool
	}{
		{"a call failed", trial.Attempt{State: trial.Invalid, Reason: "model m: status 500: busy", Exchange: answer(trial.Exchange{Prompt: prompt, Error: "model m: status 500: busy"})}, true, "model m: status 500: busy", "", false},
		{"nothing was sent", trial.Attempt{State: trial.Invalid, Reason: "the cap of 3 calls is reached"}, false, "the cap of 3 calls is reached", "", false},
		{"cut off before the answer", trial.Attempt{State: trial.Invalid, Reason: "has no function network", Exchange: answer(trial.Exchange{Prompt: prompt, Error: "the answer was cut off at 5 tokens"})}, false, "has no function network", "", false},
		{"an answer without a program", trial.Attempt{State: trial.Invalid, Reason: "has no function network", Exchange: answer(trial.Exchange{Prompt: prompt, Answer: "No.", Error: "the model refused"})}, false, "", "the model refused", true},
		{"a program that was wrong", trial.Attempt{State: trial.Invalid, Reason: "undefined: dens", Program: residual, Exchange: answer(trial.Exchange{Prompt: prompt, Answer: "x"})}, false, "", "", true},
		{"accepted", trial.Attempt{State: trial.Complete, Reason: "the rest is the parent's", Program: residual, Exchange: answer(trial.Exchange{Prompt: prompt, Answer: "x"})}, false, "", "the rest is the parent's", true},
		{"the rule book's", trial.Attempt{State: trial.Complete, Proposer: "rulebook", Reason: "ACL: done", Program: residual}, false, "", "ACL: done", true},
		{"another prompt", trial.Attempt{State: trial.Complete, Program: residual, Exchange: answer(trial.Exchange{Prompt: other, Answer: "x"})}, false, "", promptChanged, true},
		{"another prompt, a note", trial.Attempt{State: trial.Complete, Reason: "a note", Program: residual, Exchange: answer(trial.Exchange{Prompt: other, Answer: "x"})}, false, "", "a note; " + promptChanged, true},
		{"another prompt, told before", trial.Attempt{State: trial.Complete, Reason: "a note; " + promptChanged, Program: residual, Exchange: answer(trial.Exchange{Prompt: other, Answer: "x"})}, false, "", "a note; " + promptChanged, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.a.Plan = &trial.Plan{Rationale: "why"}
			got, err := NewReplay(trial.History{{ID: 1, Parent: 7, Attempts: []trial.Attempt{c.a}}}).Propose(t.Context(), r)
			if errors.As(err, new(*CallError)) != c.call || (err == nil) != c.noError || err != nil && err.Error() != c.err {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if got.Exchange != nil && got.Exchange == c.a.Exchange {
				t.Error("the exchange is the recorded one itself, not a copy")
			}
			if c.a.Exchange != nil {
				c.a.Exchange.Replayed = true
			}
			want := Proposal{Source: c.a.Program, Plan: c.a.Plan, Exchange: c.a.Exchange, Note: c.note}
			if c.a.State == trial.Complete {
				want.Parent = 7
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplayOfWhatIsMissing(t *testing.T) {
	p := NewReplay(trial.History{{ID: 1, Attempts: []trial.Attempt{{Turn: 0, Program: "first"}, {Turn: 0, Program: "second"}}}})
	if got, err := p.Propose(t.Context(), Request{Trial: 1}); err != nil || got.Source != "second" {
		t.Errorf("of two attempts of one turn: %q, %v", got.Source, err)
	}
	for _, r := range []Request{{Trial: 1, Turn: 1}, {Trial: 2}} {
		_, err := p.Propose(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), "same options and the same version") || errors.As(err, new(*CallError)) {
			t.Errorf("trial %d, turn %d: %v", r.Trial, r.Turn, err)
		}
	}
	_, err := p.Propose(t.Context(), Request{Trial: 7, Turn: 3})
	if err == nil || !strings.Contains(err.Error(), "turn 3 of trial 7") {
		t.Errorf("the error does not name trial and turn: %v", err)
	}
	if n := p.Turns(2); n != 0 {
		t.Errorf("%d turns of a trial that is not there", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Propose(ctx, Request{Trial: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := p.Reflect(ctx, Request{Trial: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReplayOfLessons(t *testing.T) {
	lessons := trial.Lessons{Text: "- strides save energy", Exchange: &trial.Exchange{Model: "m", Answer: "- strides save energy"}}
	failed := trial.Lessons{Exchange: &trial.Exchange{Model: "m", Error: "model m: status 500"}}
	p := NewReplay(trial.History{{ID: 1}, {ID: 2, Lessons: &lessons}, {ID: 3, Lessons: &failed}})
	for id, want := range map[int]trial.Lessons{1: {}, 2: lessons, 3: failed, 9: {}} {
		got, err := p.Reflect(t.Context(), Request{Trial: id})
		if call := errors.As(err, new(*CallError)); call != (id == 3) || err != nil && !call {
			t.Errorf("trial %d: %v", id, err)
		}
		if want.Exchange != nil {
			want.Exchange.Replayed = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("trial %d: %s", id, diff)
		}
	}
}
