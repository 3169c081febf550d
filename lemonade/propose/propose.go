// Package propose turns the expert system's commands into architecture
// programs. A [Proposer] is asked once per turn with everything it may know in a
// [Request], and answers with the text of a program; whether the program parses,
// keeps the limits and is new is for the caller to check. They are:
//
//   - rulebook carries the commands out on the parent's network mechanically
//     (see [Apply]): no language model, always at hand, and the baseline to beat. Once
//     enough is measured, a forecast chooses among the ways to carry them out;
//   - random edits an earlier network at random, commands or not;
//   - evolution is aging evolution, whose mutations are such edits;
//   - openai asks a language model behind any endpoint that speaks OpenAI's
//     chat protocol, and gemini one of Google's: see [Reflector] too.
//
// Where the request has a template, a program with open choices, they propose what is
// taken of each, and nothing else: random draws, evolution changes some of an earlier
// program, the rule book takes those that promise the most by what is known of networks
// and then by a forecast from what was measured, and a language model is asked for the
// choices alone.
//
// How a command is carried out, and what a language model is told, are
// Lemonade's own: the papers name the fifteen commands and no more.
package propose

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Proposer suggests architecture programs.
type Proposer interface {
	// Name is the name that [New] knows the proposer by.
	Name() string
	// Propose answers one turn. An error is ctx's, a [CallError] where a language
	// model was out of reach, or says why no program can be had.
	Propose(ctx context.Context, r Request) (Proposal, error)
}

// Reflector is a Proposer that keeps a note of lessons.
type Reflector interface {
	Proposer
	// Reflect writes the lessons anew from the request's history. Errors are as
	// those of Propose; the exchange is there beside them where something was sent.
	Reflect(ctx context.Context, r Request) (trial.Lessons, error)
}

// Replayer is a Proposer that repeats what was recorded.
type Replayer interface {
	Reflector
	Turns(trial int) int // that are recorded of a trial
}

// Task is what the architectures are for.
type Task struct {
	Data         string     // name of the data set
	Title        string     // in words
	Input        arch.Input // of one sample
	Classes      int
	ClassNames   []string
	TrainSamples int // that each network is trained on; 0 is all
	Epochs       int
}

// Request is everything a proposer may know in one turn. A mechanical proposer
// answers the same request with the same program.
type Request struct {
	Task      Task
	Objective objective.Objective
	Trial     int // the round, from 1
	Turn      int // 0 is the first answer of the round, then the repairs
	Seed      int64
	Commands  []trial.Command // the expert system's, most important first
	Niche     *trial.Niche    // the complexity that is asked for; nil where it is open
	Lessons   string          // of the study so far
	Template  string          // the program whose choices are to be taken; "" where programs are free
	Recipe    *arch.Recipe    // that every network is trained with; nil where the program may choose
	Parent    *trial.Trial    // the trial to change; nil where there is none yet
	History   trial.History   // the earlier rounds
	Attempts  []trial.Attempt // the earlier turns of this round, in order

	// NoLearning keeps the rule book to what is known of networks in general: it makes
	// no forecast of what was measured.
	NoLearning bool

	// Forecasts keeps the forecasts that are made of History, so that each is made once.
	// It may be nil.
	Forecasts *forecast.Tracker

	// Known reports whether a program was tried already, and as which trial. Where it
	// is nil, a program is known that would train to the result of an earlier round.
	Known func(*arch.Program) (id int, ok bool)

	// Parse runs a program with symbolic tensors. Where it is nil, [arch.Parse] does.
	// Who asks for much that is often the same may keep the programs: they are not
	// changed.
	Parse func(source string) (*arch.Program, error)

	// Broken says which limits that are known before training a program breaks, ""
	// where it keeps them. Where it is nil, the network's own costs are held against
	// the objective; those on boards are then unknown.
	Broken func(*arch.Program) string
}

// Proposal is the answer of one turn.
type Proposal struct {
	Source   string          // the program's text, unchecked; empty where an answer holds none
	Plan     *trial.Plan     // what the proposer says about it; may be nil
	Exchange *trial.Exchange // with the language model, if one was asked, also beside an error
	Parent   int             // the trial that was changed, where it is not the request's; -1: none was
	Note     string          // what the proposer did, or what was wrong with the answer, in words
}

// maker makes a proposer; makers is the one list of them.
type maker struct {
	name string
	make func(Options) (Proposer, error)
}

var makers = []maker{
	{"rulebook", func(Options) (Proposer, error) { return rulebook{}, nil }},
	{"random", func(Options) (Proposer, error) { return random{}, nil }},
	{"evolution", func(Options) (Proposer, error) { return evolution{}, nil }},
	{"openai", newOpenAI},
	{"gemini", newGemini},
}

// Names lists the proposers that [New] makes.
func Names() []string {
	var names []string
	for _, m := range makers {
		names = append(names, m.name)
	}
	return names
}

// New makes the proposer of that name.
func New(name string, o Options) (Proposer, error) {
	for _, m := range makers {
		if m.name == name {
			return m.make(o)
		}
	}
	return nil, fmt.Errorf("proposer: there is no %q: use one of %s", name, strings.Join(Names(), ", "))
}

// rand returns the request's own source of chance. Another turn has another.
func (r *Request) rand(salt string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %d %d", salt, r.Seed, r.Trial, r.Turn)
	return rand.New(rand.NewPCG(uint64(r.Seed), h.Sum64()))
}

// fresh reports whether p was neither tried in an earlier round, nor in this one,
// nor is the parent again, and keeps the limits that are known before training.
func (r *Request) fresh(p *arch.Program) bool {
	for _, a := range r.Attempts {
		if a.Program == p.Source {
			return false
		}
	}
	return !r.tried(p) && r.broken(p) == ""
}

// tried reports whether p was tried in an earlier round, or is the parent again.
func (r *Request) tried(p *arch.Program) bool {
	if r.Known != nil {
		_, ok := r.Known(p)
		return ok
	}
	hash := p.Network.Hash()
	is := func(t *trial.Trial) bool {
		return t.Program != nil && t.Program.Recipe == p.Recipe && hash == hashOf(t)
	}
	for i := range r.History {
		if is(&r.History[i]) {
			return true
		}
	}
	return r.Parent != nil && is(r.Parent)
}

// parse runs a program of this task.
func (r *Request) parse(source string) (*arch.Program, error) {
	if r.Parse != nil {
		return r.Parse(source)
	}
	return arch.Parse(source, r.Task.Input, r.Task.Classes)
}

func (r *Request) broken(p *arch.Program) string {
	if r.Broken != nil {
		return r.Broken(p)
	}
	return r.Objective.Infeasible(trial.Static(p.Network.Costs()))
}

// hashOf is the hash of a trial's network, which is recorded as a rule.
func hashOf(t *trial.Trial) string {
	if t.Hash != "" {
		return t.Hash
	}
	return t.Program.Network.Hash()
}

// same reports whether two programs would train to the same result.
func same(a, b *arch.Program) bool {
	return a.Recipe == b.Recipe && a.Network.Hash() == b.Network.Hash()
}
