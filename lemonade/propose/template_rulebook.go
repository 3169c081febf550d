package propose

import (
	"context"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// fromTemplate begins with the template as it stands, and then takes one or two of
// the parent's choices otherwise, later ever more: the commands are of free programs.
// A round without a parent begins anew, whatever was tried.
func (rulebook) fromTemplate(ctx context.Context, t *space) (Proposal, error) {
	parent, id := t.start, -1
	if p := t.parent(); p != nil && t.r.Parent != nil {
		parent, id = p.Program, p.ID
	} else if t.r.fresh(t.start) {
		return Proposal{Source: t.start.Source, Parent: -1, Note: "the template as it stands"}, ctx.Err()
	}
	rng := t.r.rand("rulebook")
	return t.attempt(ctx, func(try int) (*arch.Program, Proposal, error) {
		p, changes, err := t.mutate(parent, 1+rng.IntN(2)+try/20, rng)
		return p, Proposal{Parent: id, Note: changes}, err
	})
}
