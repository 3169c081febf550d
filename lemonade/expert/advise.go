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

	Ledger *objective.Ledger // of the search, where one is kept from round to round; nil where not
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
	// What is compared was measured alike, and so was what it is held against.
	past := in.before().Level(nicheFrom)
	in.Objective = atLevel(in.Objective, past)
	s := newSearch(in, past)
	var niche *trial.Niche
	var candidates []*trial.Trial
	if len(s.complete) > 0 {
		niche = pickNiche(in, s.complete)
		candidates = parents(s, niche)
	} else {
		candidates = overLimit(s.past)
	}
	for _, parent := range candidates {
		if on := newSituation(s, *parent, niche); !b.deadEnd(on) {
			return b.adviseOn(on)
		}
	}
	if len(candidates) > 0 { // all of them are dead ends: as good as any
		return b.adviseOn(newSituation(s, *candidates[0], niche))
	}
	return Advice{}, nil
}

// atLevel is the objective for trials that were measured below the top rung: its
// anchors are the first one's measurements there.
func atLevel(o objective.Objective, past trial.History) objective.Objective {
	i := slices.IndexFunc(past, func(t trial.Trial) bool { return t.State == trial.Complete })
	if i < 0 {
		return o
	}
	if r, ok := past[i].LastRung(); !ok || r.Rung == r.Of {
		return o
	}
	return o.Anchored(objective.MetricsOf(past[i]))
}

// deadEnd reports whether rules ask for commands on a parent, and all of these have
// failed on it. Ours. A search of thousands of trials has hundreds of them, so no rule
// is tried that would not change the answer.
func (b *RuleBook) deadEnd(s *situation) bool {
	if len(s.children[s.parent.ID]) < 2 {
		return false
	}
	stale := map[string]bool{}
	failed := func(code string) bool {
		is, known := stale[code]
		if !known {
			_, _, why := s.experience(code)
			is = why != ""
			stale[code] = is
		}
		return is
	}
	asked := false
	for _, r := range b.rules {
		codes := r.commands
		if s.in.Recipe != nil {
			codes = slices.DeleteFunc(slices.Clone(codes), ofRecipe)
		}
		old := !slices.ContainsFunc(codes, func(code string) bool { return !failed(code) })
		if len(codes) == 0 || old && asked {
			continue
		}
		switch fires, err := r.fires(s.value); {
		case err != nil: // which adviseOn tells
			return false
		case fires && !old:
			return false
		case fires:
			asked = true
		}
	}
	return asked
}

// before are the rounds that finished before the one that advice is for.
func (in Input) before() trial.History {
	counts := func(t *trial.Trial) bool { return t.State.Done() && (in.Trial == 0 || t.ID < in.Trial) }
	for i := range in.History {
		if !counts(&in.History[i]) {
			past := slices.Clone(in.History[:i])
			for ; i < len(in.History); i++ {
				if counts(&in.History[i]) {
					past = append(past, in.History[i])
				}
			}
			return past
		}
	}
	return in.History
}

// adviseOn derives the commands for one parent.
func (b *RuleBook) adviseOn(s *situation) (advice Advice, err error) {
	candidates, objections, err := b.fire(s)
	if err != nil {
		return Advice{}, err
	}
	advice = Advice{Parent: s.parent.ID, Focus: s.focus(), Niche: s.niche}
	candidates = dropRecipe(&advice, candidates, s.in.Recipe)
	rank(candidates, advice.Focus)
	b.resolve(&advice, candidates, objections)
	return advice, nil
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
	for _, r := range b.rules {
		fires, err := r.fires(s.value)
		if err != nil {
			return nil, nil, err
		}
		if !fires {
			continue
		}
		because := r.because.fill(s.value)
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

// fires reports whether the rule's condition holds, and all that it names is known.
func (r *rule) fires(value func(name string) any) (bool, error) {
	unknown := func(name string) bool { return value(name) == nil }
	if slices.ContainsFunc(r.when.names, unknown) || slices.ContainsFunc(r.because.names(), unknown) {
		return false, nil
	}
	fires, err := r.when.holds(value)
	if err != nil {
		return false, fmt.Errorf("rule %q: when %s: %w", r.name, r.when.source, err)
	}
	return fires, nil
}
