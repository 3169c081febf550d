package propose

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The sizes of aging evolution. Real et al. (2019, https://arxiv.org/abs/1802.01548)
// evaluate 20,000 networks with a population of 100 and samples of 25; a study has
// tens or hundreds.
const (
	population = 10
	sampled    = 3
)

// evolution is aging evolution: the population is the latest trials that were
// measured, so that the oldest leaves for each one that comes; the best of a few of
// them, drawn at random, is changed at one place. Which is best, where several things
// are wanted, is for the study's effectiveness to say: with these weights it goes for
// one point of the front, and finds others only on the way.
type evolution struct{}

func (evolution) Name() string { return "evolution" }

// Propose proposes as random does until there is a population.
func (evolution) Propose(ctx context.Context, r Request) (Proposal, error) {
	var t *space
	if r.Template != "" {
		var err error
		if t, err = r.space(); err != nil {
			return Proposal{}, err
		}
	}
	members := populationOf(r.History, t)
	if len(members) < population {
		p, err := random{}.Propose(ctx, r)
		if err == nil {
			p.Note = fmt.Sprintf("to begin with: %s", p.Note)
		}
		return p, err
	}
	rng := r.rand("evolution")
	if t != nil {
		return t.attempt(ctx, func(int) (*arch.Program, Proposal, error) {
			parent := fittest(members, rng)
			p, changes, err := t.mutate(parent.Program, 1, rng)
			return p, Proposal{Parent: parent.ID, Note: fmt.Sprintf("%s on trial %d", changes, parent.ID)}, err
		})
	}
	for range tries {
		if err := ctx.Err(); err != nil {
			return Proposal{}, err
		}
		parent := fittest(members, rng)
		p, done := applyAll(r.shrink(parent.Program, rng), draw(1, rng), rng)
		if len(done) > 0 && r.fresh(p) {
			return Proposal{Source: p.Source, Parent: parent.ID, Note: fmt.Sprintf("%s on trial %d", done[0], parent.ID)}, nil
		}
	}
	return random{}.Propose(ctx, r)
}

// populationOf returns the latest trials that were measured, of the template where
// there is one.
func populationOf(h trial.History, t *space) trial.History {
	var members trial.History
	complete := h.Complete()
	for i := len(complete) - 1; i >= 0 && len(members) < population; i-- {
		if p := complete[i].Program; p != nil && (t == nil || t.of(p)) {
			members = append(members, complete[i])
		}
	}
	return members
}

// fittest returns the most effective of a sample.
func fittest(members trial.History, rng *rand.Rand) trial.Trial {
	best := members[rng.IntN(len(members))]
	for range sampled - 1 {
		if m := members[rng.IntN(len(members))]; scoreOf(m) > scoreOf(best) {
			best = m
		}
	}
	return best
}
