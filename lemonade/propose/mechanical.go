package propose

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
)

// tries bounds how often a mechanical proposer draws anew before it gives up: a
// small network has few neighbours, and all of them may be known.
const tries = 200

// rulebook carries the expert system's commands out on the parent.
type rulebook struct{}

func (rulebook) Name() string { return "rulebook" }

// Propose answers the first round with the seed program of the task. Later it
// carries out all the commands, then ever fewer of them, and then others, until
// a program comes out that is new. Once enough was measured for a forecast, it goes on
// to some more such programs, and takes the one that is expected to enlarge the front
// the most.
func (rulebook) Propose(ctx context.Context, r Request) (Proposal, error) {
	if r.Template != "" {
		t, err := r.space()
		if err != nil {
			return Proposal{}, err
		}
		return rulebook{}.fromTemplate(ctx, t)
	}
	base, err := r.base()
	if err != nil {
		return Proposal{}, err
	}
	rng := r.rand("rulebook")
	base = r.shrink(base, rng)
	if r.Parent == nil && r.fresh(base) {
		return Proposal{Source: base.Source, Note: "the seed program"}, ctx.Err()
	}
	var commands []string
	for _, c := range r.Commands {
		commands = append(commands, c.Code)
	}
	f := r.forecast()
	var found []choosable
	for try := range tries {
		if err := ctx.Err(); err != nil {
			return Proposal{}, err
		}
		wanted := commands
		if try >= 10 { // all of them at other places did not help
			if len(found) > 0 {
				break
			}
			wanted = some(commands, rng)
		}
		if try >= 60 || len(commands) == 0 {
			wanted = append(some(commands, rng), draw(1+rng.IntN(1+try/30), rng)...)
		}
		p, done := applyAll(base, wanted, rng)
		if len(done) == 0 || !r.fresh(p) {
			continue
		}
		found = append(found, choosable{p, "carried out " + strings.Join(done, ", ")})
		if f == nil || try >= 10 {
			break
		}
	}
	if len(found) == 0 {
		return Proposal{}, r.exhausted(base)
	}
	return mostPromising(found, f), ctx.Err()
}

// choosable is a program that may be proposed, and what was done for it.
type choosable struct {
	*arch.Program
	note string
}

// mostPromising proposes the one that is expected to enlarge the front the most, the
// first where there is no forecast.
func mostPromising(all []choosable, f *forecast.Forecast) Proposal {
	if f == nil || len(all) == 1 {
		return Proposal{Source: all[0].Source, Note: all[0].note}
	}
	samples := make([]forecast.Sample, len(all))
	for i, c := range all {
		samples[i] = forecast.Describe(c.Program, "")
	}
	best := f.Best(samples, 1)[0]
	return Proposal{Source: all[best].Source, Note: fmt.Sprintf("%s, in the one of %d ways that is expected to enlarge the front the most: %s",
		all[best].note, len(all), f.Text(samples[best]))}
}

// random edits an earlier network at random.
type random struct{}

func (random) Name() string { return "random" }

// Propose applies one to four random commands to a random measured trial, or to
// the seed program of the task where there is none.
func (random) Propose(ctx context.Context, r Request) (Proposal, error) {
	if r.Template != "" {
		t, err := r.space()
		if err != nil {
			return Proposal{}, err
		}
		return random{}.fromTemplate(ctx, t)
	}
	seed, err := r.seed()
	if err != nil {
		return Proposal{}, err
	}
	rng := r.rand("random")
	seed = r.shrink(seed, rng)
	complete := r.History.Measured()
	for range tries {
		if err := ctx.Err(); err != nil {
			return Proposal{}, err
		}
		base, from, id := seed, "the seed program", -1
		if len(complete) > 0 {
			if t := complete[rng.IntN(len(complete))]; t.Program != nil {
				base, from, id = t.Program, fmt.Sprintf("trial %d", t.ID), t.ID
			}
		}
		p, done := applyAll(base, draw(1+rng.IntN(4), rng), rng)
		if len(done) > 0 && r.fresh(p) {
			return Proposal{Source: p.Source, Parent: id, Note: fmt.Sprintf("%s on %s", strings.Join(done, ", "), from)}, nil
		}
	}
	return Proposal{}, r.exhausted(seed)
}

// seed returns the task's seed program.
func (r *Request) seed() (*arch.Program, error) {
	p, err := arch.Parse(arch.Seed(r.Task.Input, r.Task.Classes), r.Task.Input, r.Task.Classes)
	if err != nil {
		return nil, fmt.Errorf("the seed program of the task %q: %w", r.Task.Data, err)
	}
	return p, nil
}

// base returns the program to change: the parent's, else the seed.
func (r *Request) base() (*arch.Program, error) {
	if r.Parent != nil && r.Parent.Program != nil {
		return r.Parent.Program, nil
	}
	return r.seed()
}

// shrink makes a program smaller until it keeps the limits that are known before
// training, as far as it can: small edits of one that is far too big would never
// get there.
func (r *Request) shrink(p *arch.Program, rng *rand.Rand) *arch.Program {
	for range tries {
		if r.broken(p) == "" {
			break
		}
		codes := []string{"RK", "RK", "RN", "RCL", "RDL"}
		if next, err := Apply(p, codes[rng.IntN(len(codes))], rng); err == nil {
			p = next
		}
	}
	return p
}

// exhausted says why there is no program; base is what was left of the one to change
// after it was made smaller.
func (r *Request) exhausted(base *arch.Program) error {
	if reason := r.broken(base); reason != "" {
		return fmt.Errorf("%s, even of a network that %d changes made smaller: loosen the limit, or end the study", reason, tries)
	}
	return fmt.Errorf("%d random changes gave no program that is new and keeps the limits: loosen a limit, or end the study", tries)
}

// applyAll carries out the commands one after the other and returns those that
// could be.
func applyAll(p *arch.Program, commands []string, rng *rand.Rand) (*arch.Program, []string) {
	var done []string
	for _, c := range commands {
		if next, err := Apply(p, c, rng); err == nil {
			p, done = next, append(done, c)
		}
	}
	return p, done
}

// some returns a random non-empty subset in its order, or nothing of nothing.
func some(commands []string, rng *rand.Rand) []string {
	if len(commands) == 0 {
		return nil
	}
	keep := rng.IntN(len(commands))
	var out []string
	for i, c := range commands {
		if i == keep || rng.IntN(2) == 0 {
			out = append(out, c)
		}
	}
	return out
}

// draw returns n random commands, no two of them opposed.
func draw(n int, rng *rand.Rand) []string {
	var out []string
	for len(out) < n {
		i := rng.IntN(len(editors))
		// The opposed pairs stand beside each other in the table.
		if code, opposite := editors[i].code, i^1; opposite >= len(editors) || !slices.Contains(out, editors[opposite].code) {
			out = append(out, code)
		}
	}
	return out
}
