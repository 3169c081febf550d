package profile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	firstBatch  = 64   // samples at a time, compiled first and always
	minBatch    = 4    // the smallest that is tried
	stride      = 4    // from one batch that is tried to the next
	faster      = 1.05 // by how much another batch has to be faster: less may be chance
	warmBatches = 2    // runs of a batch before it is timed
	tryRuns     = 3    // runs that are timed in a try, at least
	tryTime     = 150 * time.Millisecond

	windowShare = 0.4 // of the budget, that trying batches leaves
)

// choice is a batch that the network was compiled for.
type choice struct {
	batch int
	run   func() error
	each  time.Duration // of one run, undisturbed
	timed bool          // whether each is more than the time of the last run to warm up
	err   error         // why the batch cannot be run
}

func (c *choice) rate() float64 { return float64(c.batch) / c.each.Seconds() }

// beats reports whether c is faster than another by more than chance.
func (c *choice) beats(other *choice) bool { return c.err == nil && c.rate() >= other.rate()*faster }

// fastest compiles the network for batches and returns the fastest, warmed up, and
// what was tried in words.
func (p *protocol) fastest(ctx context.Context) (best *choice, tried string, err error) {
	first := p.warm(ctx, min(firstBatch, p.model.MaxBatch()))
	if first.err != nil {
		return nil, "", first.err
	}
	best = first
	all := []*choice{first}
	climb := func(next func(batch int) int) error {
		for batch := next(best.batch); p.affords(batch, best); batch = next(batch) {
			c, err := p.try(ctx, batch, best)
			if err != nil {
				return err
			}
			all = append(all, c)
			if !c.beats(best) {
				break
			}
			best = c
		}
		return nil
	}
	if err := climb(func(batch int) int { return batch * stride }); err != nil {
		return nil, "", err
	}
	if best == first {
		if err := climb(func(batch int) int { return batch / stride }); err != nil {
			return nil, "", err
		}
	}
	if len(all) == 1 {
		return best, "no time to try other batches", nil
	}
	var rates []string
	for _, c := range all {
		if c.err != nil {
			rates = append(rates, fmt.Sprintf("%d: %v", c.batch, c.err))
		} else {
			rates = append(rates, fmt.Sprintf("%d: %s", c.batch, plain(c.rate())))
		}
	}
	return best, "batches tried, in samples/s: " + strings.Join(rates, ", "), nil
}

// plain writes a rate without a power of ten, with four digits or all before the point.
func plain(rate float64) string {
	if rate < 1000 {
		return fmt.Sprintf("%.4g", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

// affords reports whether a batch may be tried, and leaves the windows their share of
// the budget.
func (p *protocol) affords(batch int, best *choice) bool {
	if batch < minBatch || batch > p.model.MaxBatch() {
		return false
	}
	each := time.Duration(float64(batch) / best.rate() * float64(time.Second))
	need := p.compiling + warmBatches*each + max(tryTime, tryRuns*each) + 2*max(tryTime, tryRuns*best.each)
	reserved := max(time.Duration(windowShare*float64(p.Budget)), minWindows*minSteps*p.step)
	return need < time.Until(p.end)-reserved
}

// try times the best so far and another batch. Since either may be disturbed by
// other programs, the best is timed once more before it loses its place. The error is
// the best's or ctx's.
func (p *protocol) try(ctx context.Context, batch int, best *choice) (*choice, error) {
	if err := best.time(ctx); err != nil {
		return nil, err
	}
	c := p.warm(ctx, batch)
	if c.err == nil {
		c.err = c.time(ctx)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if c.beats(best) {
		return c, best.time(ctx)
	}
	return c, nil
}

// warm compiles the network for a batch and warms it up.
func (p *protocol) warm(ctx context.Context, batch int) *choice {
	c := &choice{batch: batch}
	c.run, c.err = p.compile(batch)
	for n := 0; n < warmBatches && c.err == nil; n++ {
		c.each, c.err = timed(ctx, c.run)
	}
	return c
}

// time sets each to the median of some runs, the least where it is called again:
// whatever disturbs runs makes them longer.
func (c *choice) time(ctx context.Context) error {
	var took []time.Duration
	for start := time.Now(); len(took) < tryRuns || time.Since(start) < tryTime; {
		each, err := timed(ctx, c.run)
		if err != nil {
			return err
		}
		took = append(took, each)
	}
	slices.Sort(took)
	if m := took[len(took)/2]; !c.timed || m < c.each {
		c.each, c.timed = m, true
	}
	return nil
}
