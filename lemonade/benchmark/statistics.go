package benchmark

import (
	"fmt"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// sample is one study as the statistics see it.
type sample struct {
	arm       Arm
	trials    trial.History       // those that have ended, from the first on
	objective objective.Objective // the same for all arms of the seed
	examples  examples
	energy    float64 // kWh, the least that an arm of the seed spent; 0 where it is unknown
}

// first is the sample as it was after n trials; ok is false where it has fewer.
func (s sample) first(n int) (_ sample, ok bool) {
	if len(s.trials) < n {
		return s, false
	}
	all := s.trials
	s.trials = all[:n]
	if n < len(all) && len(all[n].Rungs) > 0 {
		s.trials = s.trials.Before(all[n].Rungs[0].Step)
	}
	return s, true
}

// A statistic is one number about a study. It is unknown (false) where there is
// nothing to take it of.
type statistic struct {
	name    string // in JSON
	title   string // in a table
	doc     string
	kind    kind
	compare bool // more is better, and arms are held against each other by it
	of      func(sample) (float64, bool)
}

// kind says how the values of a statistic are written.
type kind int

const (
	share  kind = iota // 0..1, shown in per cent
	score              // 0..1, shown with three decimals
	amount             // any other number
)

// statistics lists what is reported of studies of that many trials.
func statistics(trials int) []statistic {
	list := []statistic{
		{"valid_at_once", "valid at once", "rounds whose first answer of the arm's own proposer was accepted", share, true, shareOf(rounds, validAtOnce)},
		{"valid", "valid after repair", "rounds in which an answer of the own proposer was accepted; in the others the rule book proposed", share, true, shareOf(rounds, valid)},
		{"distinct_of_accepted", "distinct / accepted", "different networks among the own accepted ones", share, false, distinctOf(func(s sample) int { return len(accepted(s)) })},
		{"distinct_of_answers", "distinct / answers", "different own accepted networks for each answer", share, true, distinctOf(func(s sample) int { return len(answers(s)) })},
		{"duplicates", "duplicates / answers", "answers that were tried before in the study, copies of the parent among them", share, false, shareOf(answers, inState(trial.Duplicate))},
		{"infeasible", "infeasible / answers", "answers that break a limit", share, false, shareOf(answers, inState(trial.Infeasible))},
		{"invalid", "invalid / answers", "answers that hold no program, or one that does not run", share, false, shareOf(answers, inState(trial.Invalid))},
		{"unanswered", "unanswered / asked", "times that the own proposer was asked and gave no answer", share, false, shareOf(asked, func(_ sample, a trial.Attempt) bool { return !answered(a) })},
		{"better_than_parent", "better than parent", "own measured networks of higher effectiveness than their parent", share, true, shareOf(children, better)},
		{"example_copies", "same as an example", "own accepted networks that are an example of the prompt", share, false, shareOf(accepted, isExample)},
		{"example_operations", "operations of an example", "own accepted networks with the operations of an example of the prompt, whatever their widths", share, false, shareOf(accepted, likeExample)},
		{"edits", "edits to the parent", "operations that were added or removed, whatever their widths: median of the own accepted networks", amount, false, edits},
	}
	for _, n := range checkpoints(trials) {
		list = append(list, statistic{fmt.Sprintf("hypervolume_%d", n), fmt.Sprintf("hypervolume after %d", n),
			"share of the box between the reference and the best imaginable that the front dominates", score, true, after(n, hypervolume)})
	}
	for _, n := range checkpoints(trials) {
		list = append(list, statistic{fmt.Sprintf("effectiveness_%d", n), fmt.Sprintf("best effectiveness after %d", n),
			"of the best network, the rule book's own among them", score, true, after(n, effectiveness)})
	}
	return append(list,
		statistic{"calls", "LLM calls / trial", "the model's answers, repairs and lessons", amount, false, perTrial(func(t trial.Trial) (float64, bool) { return float64(t.Spent().Calls), true })},
		statistic{"tokens", "LLM tokens / trial", "prompts and answers", amount, false, perTrial(func(t trial.Trial) (float64, bool) { return float64(t.Spent().Tokens()), true })},
		statistic{"dollars", "LLM USD / trial", "unknown where a call has no price", amount, false, perTrial(func(t trial.Trial) (float64, bool) { return t.Spent().Dollars, t.Spent().Unpriced == 0 })},
		statistic{"seconds", "LLM seconds / trial", "waiting for the language model", amount, false, perTrial(func(t trial.Trial) (float64, bool) { return t.Spent().Duration.Seconds(), true })},
	)
}

// checkpoints are the trial counts at which a study is looked at: its thirds.
func checkpoints(trials int) []int {
	var out []int
	for i := 1; i <= 3; i++ {
		if n := trials * i / 3; n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// shareOf is the share of the items that is counted.
func shareOf[T any](items func(sample) []T, counts func(sample, T) bool) func(sample) (float64, bool) {
	return func(s sample) (float64, bool) {
		all, n := items(s), 0
		for _, item := range all {
			if counts(s, item) {
				n++
			}
		}
		return ratio(n, len(all))
	}
}

func ratio(n, of int) (float64, bool) {
	if of == 0 {
		return 0, false
	}
	return float64(n) / float64(of), true
}

func rounds(s sample) []trial.Trial { return s.trials }

// own are the attempts of the arm's own proposer in a round.
func own(a Arm, t trial.Trial) []trial.Attempt {
	var out []trial.Attempt
	for _, attempt := range t.Attempts {
		if attempt.Proposer == a.Proposer {
			out = append(out, attempt)
		}
	}
	return out
}

// asked are all attempts of the own proposer.
func asked(s sample) []trial.Attempt {
	var out []trial.Attempt
	for _, t := range s.trials {
		out = append(out, own(s.arm, t)...)
	}
	return out
}

// answered reports whether anything came back, be it a program or not.
func answered(a trial.Attempt) bool {
	return a.Program != "" || a.Exchange != nil && a.Exchange.Answer != ""
}

func answers(s sample) []trial.Attempt {
	return slices.DeleteFunc(asked(s), func(a trial.Attempt) bool { return !answered(a) })
}

func inState(state trial.State) func(sample, trial.Attempt) bool {
	return func(_ sample, a trial.Attempt) bool { return a.State == state }
}

func validAtOnce(s sample, t trial.Trial) bool {
	attempts := own(s.arm, t)
	return len(attempts) > 0 && attempts[0].State == trial.Complete
}

func valid(s sample, t trial.Trial) bool {
	return t.Program != nil && t.Proposer == s.arm.Proposer
}

// accepted are the rounds whose network is the own proposer's.
func accepted(s sample) []trial.Trial {
	var out []trial.Trial
	for _, t := range s.trials {
		if valid(s, t) {
			out = append(out, t)
		}
	}
	return out
}

func distinctOf(total func(sample) int) func(sample) (float64, bool) {
	return func(s sample) (float64, bool) {
		hashes := map[string]bool{}
		for _, t := range accepted(s) {
			hashes[t.Hash] = true
		}
		return ratio(len(hashes), total(s))
	}
}

// children are the own accepted rounds where both the network and its parent have
// an effectiveness.
func children(s sample) []trial.Trial {
	return slices.DeleteFunc(accepted(s), func(t trial.Trial) bool {
		parent, ok := s.trials.ByID(t.Parent)
		_, known := s.score(t)
		_, before := s.score(parent)
		return !ok || !known || !before
	})
}

func better(s sample, t trial.Trial) bool {
	parent, _ := s.trials.ByID(t.Parent)
	now, _ := s.score(t)
	before, _ := s.score(parent)
	return now > before
}

// score is a complete trial's effectiveness under the seed's objective.
func (s sample) score(t trial.Trial) (float64, bool) {
	if t.State != trial.Complete {
		return 0, false
	}
	return s.objective.Score(objective.MetricsOf(t))
}

func after(n int, of func(sample) (float64, bool)) func(sample) (float64, bool) {
	return func(s sample) (float64, bool) {
		then, ok := s.first(n)
		if !ok {
			return 0, false
		}
		return of(then)
	}
}

func hypervolume(s sample) (float64, bool) {
	return s.objective.Hypervolume(s.trials), len(s.trials) > 0
}

func effectiveness(s sample) (float64, bool) {
	id, ok := s.objective.Best(s.trials)
	if !ok {
		return 0, false
	}
	best, _ := s.trials.ByID(id)
	return s.score(best)
}

// perTrial is a mean over the trials, unknown where it is unknown of one.
func perTrial(of func(trial.Trial) (float64, bool)) func(sample) (float64, bool) {
	return func(s sample) (float64, bool) {
		sum := 0.0
		for _, t := range s.trials {
			v, ok := of(t)
			if !ok {
				return 0, false
			}
			sum += v
		}
		return sum / float64(max(1, len(s.trials))), len(s.trials) > 0
	}
}
