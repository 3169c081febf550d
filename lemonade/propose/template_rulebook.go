package propose

import (
	"context"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// fromTemplate begins with the template as it stands, and then takes one or two of
// the parent's choices otherwise, later ever more: the commands are of free programs.
func (rulebook) fromTemplate(ctx context.Context, t *space) (Proposal, error) {
	parent := t.parent()
	if parent == nil && t.r.fresh(t.start) {
		return Proposal{Source: t.start.Source, Note: "the template as it stands"}, ctx.Err()
	}
	if parent == nil {
		parent = t.start
	}
	rng := t.r.rand("rulebook")
	return t.attempt(ctx, func(try int) (*arch.Program, string, error) {
		return t.mutate(parent, 1+rng.IntN(2)+try/20, rng)
	})
}
