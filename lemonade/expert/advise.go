package expert

import (
	"fmt"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Task is what the network is for.
type Task struct {
	Name    string
	Input   arch.Input // of one sample
	Classes int
}

// Input is the state of a search.
type Input struct {
	History   trial.History       // with rungs, trials are compared as they were at one rung: see [trial.History.Level]
	Objective objective.Objective // with its anchors fixed
	Task      Task
	Trial     int          // id of the round that the advice is for; earlier finished rounds count
	Recipe    *arch.Recipe // that every network is trained with; nil where a program may choose
	NoNiches  bool         // ask for no complexity
}

// Advice is what the next round should do.
type Advice struct {
	Parent   int             // id of the trial whose network to change; 0 where there is none yet
	Focus    string          // what the round works on, "accuracy" or "cost"; "" where there is no parent
	Niche    *trial.Niche    // the complexity that is asked for; nil where it is open
	Commands []trial.Command // the most important first; none before the first complete trial
	Dropped  []trial.Dropped // what rules asked for too, and why it is not among the commands
}

// candidate is a command that a rule asks for.
type candidate struct {
	trial.Command
	aim      string
	priority int
	order    int    // of the rule in the book, then of the command in the rule
	uses     int    // how often the search used the command
	tried    int    // how often on this parent
	stale    string // why it comes last: its last uses on this parent did not help; else ""
}

// objection is a rule that is against a command.
type objection struct {
	code, rule, reason string
	aim                string
	priority           int
}

// Advise derives the commands of the next round. An error names the rule whose
// condition could not be evaluated.
func (b *RuleBook) Advise(in Input) (Advice, error) {
	var past trial.History
	for _, t := range in.History {
		if t.State.Done() && (in.Trial == 0 || t.ID < in.Trial) {
			past = append(past, t)
		}
	}
	// What is compared was measured alike, and so was what it is held against.
	past = past.Level(nicheFrom)
	in.Objective = atLevel(in.Objective, past)
	var niche *trial.Niche
	var candidates []trial.Trial
	if complete := past.Complete(); len(complete) > 0 {
		niche = pickNiche(in, complete)
		candidates = parents(in, past, niche)
	} else {
		candidates = overLimit(past)
	}
	var first Advice
	for i, parent := range candidates {
		advice, deadEnd, err := b.adviseOn(newSituation(in, past, parent, niche))
		if err != nil {
			return Advice{}, err
		}
		if !deadEnd {
			return advice, nil
		}
		if i == 0 {
			first = advice
		}
	}
	return first, nil // all of them are dead ends: as good as any
}

// atLevel is the objective for trials that were measured below the top rung: its
// anchors are the first one's measurements there.
func atLevel(o objective.Objective, past trial.History) objective.Objective {
	complete := past.Complete()
	if len(complete) == 0 {
		return o
	}
	if r, ok := complete[0].LastRung(); !ok || r.Rung == r.Of {
		return o
	}
	return o.Anchored(objective.MetricsOf(complete[0]))
}

// adviseOn derives the commands for one parent. It is a dead end where rules ask
// for commands, and all of these have failed on it. Ours.
func (b *RuleBook) adviseOn(s *situation) (advice Advice, deadEnd bool, err error) {
	candidates, objections, err := b.fire(s)
	if err != nil {
		return Advice{}, false, err
	}
	advice = Advice{Parent: s.parent.ID, Focus: s.focus(), Niche: s.niche}
	candidates = dropRecipe(&advice, candidates, s.in.Recipe)
	fresh := slices.ContainsFunc(candidates, func(c candidate) bool { return c.stale == "" })
	rank(candidates, advice.Focus)
	b.resolve(&advice, candidates, objections)
	return advice, len(candidates) > 0 && !fresh, nil
}

// focus decides what a round works on: what brings the parent nearer to the
// round's niche, where it is outside. Else each kind of want gets rounds in
// proportion to how much of it is unmet, Σ wᵢ·(1−nᵢ) over its wants; the golden
// ratio spreads them evenly over the rounds, without chance. Ours.
func (s *situation) focus() string {
	switch s.nicheSide() {
	case aboveNiche:
		return aimCost
	case belowNiche:
		return aimAccuracy
	}
	share := 0.5
	if total := s.accuracyUnmet + s.costUnmet; total > 0 {
		share = s.accuracyUnmet / total
	}
	if _, at := math.Modf(float64(s.in.Trial) * math.Phi); at < share {
		return aimAccuracy
	}
	return aimCost
}

// fire returns the commands of every rule whose condition holds, and those that
// these rules are against.
func (b *RuleBook) fire(s *situation) (candidates []candidate, objections []objection, err error) {
	values := map[string]any{}
	value := func(name string) any {
		v, ok := values[name]
		if !ok {
			v = variableByName[name].value(s)
			values[name] = v
		}
		return v
	}
	unknown := func(name string) bool { return value(name) == nil }
	for _, r := range b.rules {
		if slices.ContainsFunc(r.when.names, unknown) || slices.ContainsFunc(r.because.names(), unknown) {
			continue
		}
		fires, err := r.when.holds(value)
		if err != nil {
			return nil, nil, fmt.Errorf("rule %q: when %s: %w", r.name, r.when.source, err)
		}
		if !fires {
			continue
		}
		because := r.because.fill(value)
		for _, code := range r.commands {
			info, _ := lookup(code)
			c := candidate{
				Command:  trial.Command{Code: code, Text: info.Text, Rule: r.name, Reason: because},
				aim:      r.aim,
				priority: r.priority,
				order:    len(candidates),
			}
			c.uses, c.tried, c.stale = s.experience(code)
			candidates = append(candidates, c)
		}
		for _, code := range r.avoid {
			objections = append(objections, objection{code: code, rule: r.name, reason: because, aim: r.aim, priority: r.priority})
		}
	}
	return candidates, objections, nil
}
