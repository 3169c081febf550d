package propose

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// space is the program with open choices that a study fences its search in with.
type space struct {
	r     *Request
	start *arch.Program // with the choices that its own text takes
	bare  string        // its text with none taken
	name  string        // of what its programs depend on; see key
}

// space parses the request's template.
func (r *Request) space() (*space, error) {
	p, err := r.parse(r.Template)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the template: %w", err)
	case len(p.Choices) == 0:
		return nil, errors.New(`the template: it has no choice, such as choice("width", [16, 32])`)
	}
	t := &space{r: r}
	if t.bare, err = arch.Choose(r.Template, nil); err == nil {
		t.start, err = t.adopt(p)
	}
	return t, err
}

// fill returns the program in which these choices are taken. Of others it is the
// first option.
func (t *space) fill(taken map[string]string) (*arch.Program, error) {
	source, err := arch.Choose(t.r.Template, taken)
	if err != nil {
		return nil, err
	}
	p, err := t.r.parse(source)
	if err != nil {
		return nil, err
	}
	return t.adopt(p)
}

// adopt returns the program with a text that names the choices that it asks for, all
// of them and no others, and with the recipe of a study that has one.
func (t *space) adopt(p *arch.Program) (*arch.Program, error) {
	adopted := *p // others may have it too
	if t.r.Recipe != nil {
		adopted.Recipe = *t.r.Recipe
	}
	var err error
	adopted.Source, err = arch.Choose(t.r.Template, p.Taken())
	return &adopted, err
}

// takeAll takes every choice at random, those that another one asks for too: run returns
// which there are when these are taken.
func (t *space) takeAll(rng *rand.Rand, run func(taken map[string]string) ([]arch.Choice, error)) error {
	taken := map[string]string{}
	for choices := t.start.Choices; ; {
		known := len(taken)
		for _, c := range choices {
			if _, ok := taken[c.Name]; !ok {
				taken[c.Name] = c.Options[rng.IntN(len(c.Options))]
			}
		}
		if known == len(taken) { // no option taken asked for more
			return nil
		}
		var err error
		if choices, err = run(taken); err != nil {
			return err
		}
	}
}

// draw is the program of choices that are taken at random.
func (t *space) draw(rng *rand.Rand) (*arch.Program, error) {
	p := t.start
	err := t.takeAll(rng, func(taken map[string]string) (_ []arch.Choice, err error) {
		if p, err = t.fill(taken); err != nil {
			return nil, err
		}
		return p.Choices, nil
	})
	return p, err
}

// mutate takes n of the program's choices otherwise, at random, and says which.
func (t *space) mutate(p *arch.Program, n int, rng *rand.Rand) (*arch.Program, string, error) {
	taken := p.Taken()
	var changes []string
	for _, i := range rng.Perm(len(p.Choices)) {
		c := p.Choices[i]
		if len(c.Options) < 2 || len(changes) == n {
			continue
		}
		k := rng.IntN(len(c.Options) - 1)
		if k >= c.Taken {
			k++
		}
		taken[c.Name] = c.Options[k]
		changes = append(changes, fmt.Sprintf("%s %s → %s", c.Name, plainOption(c.Value()), plainOption(c.Options[k])))
	}
	out, err := t.fill(taken)
	return out, strings.Join(changes, ", "), err
}

// plainOption is an option without the quotes of a string.
func plainOption(literal string) string { return strings.Trim(literal, `"`) }

// enumerate visits the template's programs that run, in the order of their choices,
// until visit returns false. It reports whether it came to the end, of at most most.
func (t *space) enumerate(ctx context.Context, most int, visit func(*arch.Program) bool) (whole bool, err error) {
	now := slices.Clone(t.start.Choices)
	for i := range now {
		now[i].Taken = 0
	}
	for range most {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		taken := (&arch.Program{Choices: now}).Taken()
		if p, err := t.fill(taken); err == nil {
			if !visit(p) {
				return false, nil
			}
			now = slices.Clone(p.Choices)
		}
		last := len(now) - 1
		for last >= 0 && now[last].Taken == len(now[last].Options)-1 {
			last--
		}
		if last < 0 {
			return true, nil
		}
		now[last].Taken++
		for i := last + 1; i < len(now); i++ {
			now[i].Taken = 0
		}
	}
	return false, nil
}

// searched bounds how many programs of a template are looked through for a new one.
const searched = 20_000

// remaining returns the first program that is new and keeps the limits, where
// drawing at random found none.
func (t *space) remaining(ctx context.Context) (*arch.Program, error) {
	var found *arch.Program
	seen := 0
	whole, err := t.enumerate(ctx, searched, func(p *arch.Program) bool {
		seen++
		if t.r.fresh(p) {
			found = p
		}
		return found == nil
	})
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		return found, nil
	case whole:
		return nil, fmt.Errorf("the template is exhausted: each of its %d programs that run was tried or breaks a limit; give it more options, loosen a limit, or end the study", seen)
	}
	return nil, fmt.Errorf("none of %d programs of the template is new and keeps the limits: loosen a limit, or end the study", seen)
}

// of reports whether the program is the template with some choices taken.
func (t *space) of(p *arch.Program) bool {
	if p == nil || len(p.Choices) == 0 {
		return false
	}
	bare, err := arch.Choose(p.Source, nil)
	return err == nil && bare == t.bare
}

// parent is the trial to change: the request's parent, else, where that is none of
// the template's, the most effective one that is; nil where there is none yet.
func (t *space) parent() *trial.Trial {
	if p := t.r.Parent; p != nil && t.of(p.Program) {
		return p
	}
	var best *trial.Trial
	for _, h := range t.r.History.Complete() {
		if (best == nil || scoreOf(h) > scoreOf(*best)) && t.of(h.Program) {
			best = &h
		}
	}
	return best
}

// scoreOf is a trial's effectiveness, below all others where that is unknown.
func scoreOf(t trial.Trial) float64 {
	if t.Effectiveness == nil {
		return -1
	}
	return *t.Effectiveness
}

// attempt calls propose until it gives a program that is new and keeps the limits,
// and then looks for what is left. It adds the program's text to what propose says.
func (t *space) attempt(ctx context.Context, propose func(try int) (*arch.Program, Proposal, error)) (Proposal, error) {
	for try := range tries {
		if err := ctx.Err(); err != nil {
			return Proposal{}, err
		}
		if p, out, err := propose(try); err == nil && t.r.fresh(p) {
			out.Source = p.Source
			return out, nil
		}
	}
	p, err := t.remaining(ctx)
	if err != nil {
		return Proposal{}, err
	}
	return Proposal{Source: p.Source, Parent: -1, Note: "the first choices that are left"}, nil
}

// fromTemplate draws the template's choices.
func (random) fromTemplate(ctx context.Context, t *space) (Proposal, error) {
	rng := t.r.rand("random")
	return t.attempt(ctx, func(int) (*arch.Program, Proposal, error) {
		p, err := t.draw(rng)
		return p, Proposal{Parent: -1, Note: "choices drawn at random"}, err
	})
}
