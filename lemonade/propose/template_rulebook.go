package propose

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	// designed is how many trials of a template are chosen by what is known of networks
	// in general, before what was measured decides.
	designed = 8

	// explored says which rounds do without a forecast even then: it is never to be the
	// only one to decide what it will learn from.
	explored = 10

	// choosableMost is how many candidates are held against the limits, the best first.
	choosableMost = 10
)

// forecast is made from the history; nil where it is too short, and where none is to be
// made.
func (r *Request) forecast() *forecast.Forecast {
	if r.NoLearning || r.Trial%explored == 0 {
		return nil
	}
	return r.Forecasts.Forecast(r.History, r.Objective)
}

// fromTemplate begins with the template as it stands, also anew where a round has no
// parent. Then it takes networks from all levels of cost that promise the most by a rule
// of thumb, and once enough are measured those that a forecast expects to enlarge the
// front the most. The commands are of free programs. Where all of that gives nothing
// new, it changes the parent at random.
func (rulebook) fromTemplate(ctx context.Context, t *space) (Proposal, error) {
	begun := slices.ContainsFunc(t.r.History, func(h trial.Trial) bool { return h.Program != nil && len(h.Program.Choices) > 0 })
	if (!begun || t.r.Parent == nil) && t.r.fresh(t.start) {
		return Proposal{Source: t.start.Source, Parent: -1, Note: "the template as it stands"}, ctx.Err()
	}
	proposal, err := t.choose(ctx)
	if err != nil || proposal.Source != "" {
		return proposal, err
	}
	parent, id := t.start, -1
	if p := t.parent(); p != nil {
		parent, id = p.Program, p.ID
	}
	rng := t.r.rand("rulebook")
	return t.attempt(ctx, func(try int) (*arch.Program, Proposal, error) {
		p, changes, err := t.mutate(parent, 1+rng.IntN(2)+try/20, rng)
		return p, Proposal{Parent: id, Note: changes}, err
	})
}

// choose proposes the best of the candidates. The proposal is empty where none will do.
func (t *space) choose(ctx context.Context) (Proposal, error) {
	var f *forecast.Forecast
	tried := len(t.r.History) + len(t.r.Attempts)
	if tried >= designed {
		f = t.r.forecast()
	}
	var front trial.History
	if f != nil {
		front = t.front()
	}
	all := t.candidates(front)
	if err := ctx.Err(); err != nil || len(all) == 0 {
		return Proposal{}, err
	}
	order, why := byPromise(all, tried), "of its size it promises the most"
	if f != nil {
		samples := make([]forecast.Sample, len(all))
		for i, k := range all {
			samples[i] = k.Sample
		}
		order = f.Best(samples, choosableMost)
		why = fmt.Sprintf("of %d candidates it is expected to enlarge the front the most", len(all))
	}
	for _, i := range order {
		p, err := t.fill(t.plainest(all[i]).taken)
		if err != nil || !t.r.fresh(p) {
			continue
		}
		if f != nil {
			why += ": " + f.Text(all[i].Sample)
		}
		return Proposal{Source: p.Source, Parent: -1, Note: why}, ctx.Err()
	}
	return Proposal{}, ctx.Err()
}

// front are the template's trials on the Pareto front.
func (t *space) front() trial.History {
	var out trial.History
	for _, id := range t.r.Objective.Front(t.r.History) {
		if h, ok := t.r.History.ByID(id); ok && h.Program != nil && len(h.Program.Choices) > 0 {
			out = append(out, h)
		}
	}
	return out
}

// byPromise orders candidates for the k-th trial: the most promising first of those that
// are the nearest to its level of cost. The levels are the ends and then ever finer
// fractions, so that any number of trials is spread evenly.
func byPromise(all []candidate, k int) []int {
	order := make([]int, len(all))
	least, most := math.Inf(1), math.Inf(-1)
	for i, c := range all {
		order[i] = i
		least, most = min(least, c.MACs()), max(most, c.MACs())
	}
	level := least + levelOf(k)*(most-least)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(math.Abs(all[a].MACs()-level), math.Abs(all[b].MACs()-level))
	})
	near := max(1, len(all)/10)
	if k <= 2 { // the ends themselves
		near = 1
	}
	slices.SortStableFunc(order[:near], func(a, b int) int { return cmp.Compare(all[b].Promise(), all[a].Promise()) })
	return order
}

// levelOf is a van der Corput sequence that begins with its ends: 0, 1, 1/2, 1/4, 3/4 …
func levelOf(k int) float64 {
	if k <= 2 {
		return float64(k - 1)
	}
	x, digit := 0.0, 0.5
	for k -= 2; k > 0; k /= 2 {
		x += digit * float64(k%2)
		digit /= 2
	}
	return x
}
