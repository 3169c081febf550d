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
	Input   arch.Shape // of one sample
	Classes int
}

// Input is the state of a search.
type Input struct {
	History   trial.History
	Objective objective.Objective // with its anchors fixed
	Task      Task
	Trial     int // id of the round that the advice is for; earlier finished rounds count
}

// Advice is what the next round should do.
type Advice struct {
	Parent   int             // id of the trial whose network to change; 0 where there is none yet
	Focus    string          // what the round works on, "accuracy" or "cost"; "" where there is no parent
	Commands []trial.Command // the most important first; none before the first complete trial
	Dropped  []Dropped       // what fired too, and why it is not among the commands
}

// Dropped is a command that fired and was left out.
type Dropped struct {
	Command trial.Command
	Reason  string
}

// candidate is a command that a rule asks for.
type candidate struct {
	trial.Command
	aim      string
	priority int
	order    int    // of the rule in the book, then of the command in the rule
	uses     int    // how often the search used the command
	tried    int    // how often on this parent
	stale    string // why it is last: its last uses on this parent did not help; else ""
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
	if len(past.Complete()) == 0 {
		return Advice{}, nil
	}
	parent := pickParent(in, past)
	s := newSituation(in, past, parent)
	candidates, err := b.fire(s)
	if err != nil {
		return Advice{}, err
	}
	advice := Advice{Parent: parent.ID, Focus: s.focus()}
	rank(candidates, advice.Focus)
	b.resolve(&advice, candidates)
	return advice, nil
}

// focus decides what a round works on. Each kind of want gets rounds in
// proportion to how much of it is unmet, Σ wᵢ·(1−nᵢ) over its wants; the golden
// ratio spreads them evenly over the rounds, without chance. Ours.
func (s *situation) focus() string {
	share := 0.5
	if total := s.accuracyUnmet + s.costUnmet; total > 0 {
		share = s.accuracyUnmet / total
	}
	if _, at := math.Modf(float64(s.in.Trial) * math.Phi); at < share {
		return aimAccuracy
	}
	return aimCost
}

// fire returns the commands of every rule whose condition holds.
func (b *RuleBook) fire(s *situation) ([]candidate, error) {
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
	var out []candidate
	for _, r := range b.rules {
		if slices.ContainsFunc(r.when.names, unknown) || slices.ContainsFunc(r.because.names(), unknown) {
			continue
		}
		fires, err := r.when.holds(value)
		if err != nil {
			return nil, fmt.Errorf("rule %q: when %s: %w", r.name, r.when.source, err)
		}
		if !fires {
			continue
		}
		for _, code := range r.commands {
			info, _ := lookup(code)
			c := candidate{
				Command:  trial.Command{Code: code, Text: info.Text, Rule: r.name, Reason: r.because.fill(value)},
				aim:      r.aim,
				priority: r.priority,
				order:    len(out),
			}
			c.uses, c.tried, c.stale = s.experience(code)
			out = append(out, c)
		}
	}
	return out, nil
}

// experience looks up what came of a command. It is stale when its last two uses
// on this parent led to no trial of higher effectiveness. Ours.
func (s *situation) experience(code string) (uses, tried int, stale string) {
	var last []trial.Trial // uses on this parent, the latest last
	for _, t := range s.past {
		if !slices.ContainsFunc(t.Commands, func(c trial.Command) bool { return c.Code == code }) {
			continue
		}
		uses++
		if t.Parent == s.parent.ID {
			last = append(last, t)
		}
	}
	tried = len(last)
	if tried < 2 {
		return uses, tried, ""
	}
	last = last[tried-2:]
	for _, t := range last {
		if s.improved(t) {
			return uses, tried, ""
		}
	}
	return uses, tried, fmt.Sprintf("its last two uses on trial %d, in trials %d and %d, did not improve it",
		s.parent.ID, last[0].ID, last[1].ID)
}

// improved reports whether a trial did better than the parent: by effectiveness,
// or by accuracy where that is unknown.
func (s *situation) improved(t trial.Trial) bool {
	if t.State != trial.Complete {
		return false
	}
	before, after := score(s.in.Objective, s.parent), score(s.in.Objective, t)
	if before < 0 && after < 0 {
		b, knownB := finite(s.parent.Metrics, trial.Accuracy)
		a, knownA := finite(t.Metrics, trial.Accuracy)
		return knownA && (!knownB || a > b)
	}
	return after > before
}

// triedCost is what each use of a command on this parent takes off its priority,
// so that a parent which stays the best is changed in other ways too. Ours.
const triedCost = 2

// rank sorts: what has failed twice here goes last; rules about training come
// before the round's focus, and that before the rest; then the rule's priority,
// less what was tried on this parent; then what was tried least, here and at
// all; then the book's order.
func rank(candidates []candidate, focus string) {
	aimRank := func(c candidate) int {
		switch c.aim {
		case aimTraining:
			return 0
		case focus:
			return 1
		}
		return 2
	}
	key := func(c candidate) []int {
		stale := 0
		if c.stale != "" {
			stale = 1
		}
		return []int{stale, aimRank(c), -(c.priority - triedCost*c.tried), c.tried, c.uses, c.order}
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return slices.Compare(key(a), key(b)) })
}

// resolve keeps the highest-ranked commands that do not oppose each other, serve
// the round's focus and are not too many for one round.
func (b *RuleBook) resolve(advice *Advice, ranked []candidate) {
	focused := slices.ContainsFunc(ranked, func(c candidate) bool { return c.aim == advice.Focus && c.stale == "" })
	drop := func(c candidate, format string, args ...any) {
		advice.Dropped = append(advice.Dropped, Dropped{c.Command, fmt.Sprintf(format, args...)})
	}
	var kept []candidate
	for _, c := range ranked {
		info, _ := lookup(c.Code)
		if slices.ContainsFunc(kept, func(k candidate) bool { return k.Code == c.Code }) {
			continue // kept already, for a stronger reason
		}
		if i := slices.IndexFunc(kept, func(k candidate) bool { return k.Code == info.Opposite }); i >= 0 {
			drop(c, "it opposes %s (rule %s), which %s", kept[i].Code, kept[i].Rule, why(kept[i], c, advice.Focus))
			continue
		}
		switch {
		case focused && c.aim != aimTraining && c.aim != advice.Focus:
			drop(c, "this round works on %s, it would work on %s", advice.Focus, c.aim)
		case len(kept) == b.most && c.stale != "":
			drop(c, "%s", c.stale)
		case len(kept) == b.most:
			drop(c, "a round has at most %d commands, and others come first", b.most)
		default:
			kept = append(kept, c)
			advice.Commands = append(advice.Commands, c.Command)
		}
	}
}

// why says what put the winner of two opposed commands first.
func why(winner, loser candidate, focus string) string {
	switch {
	case loser.stale != "" && winner.stale == "":
		return "comes first: of " + loser.Code + ", " + loser.stale
	case winner.aim != loser.aim && winner.aim == aimTraining:
		return "comes first: a network has to train at all"
	case winner.aim != loser.aim:
		return "serves this round's focus, " + focus
	case winner.priority > loser.priority:
		return fmt.Sprintf("has the higher priority (%d, not %d)", winner.priority, loser.priority)
	case winner.tried != loser.tried:
		return fmt.Sprintf("was tried less often on this parent (%d times, not %d)", winner.tried, loser.tried)
	}
	return "was tried less often, or stands first in the rule book"
}
