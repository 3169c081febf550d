package main

import "time"

// clock adds up the seconds of each phase, which follow each other without a gap.
type clock struct {
	seconds map[string]float64
	phase   string
	since   time.Time
}

func newClock() *clock { return &clock{seconds: map[string]float64{}} }

// begin ends the phase under way and begins another; "" only ends.
func (c *clock) begin(phase string) {
	now := time.Now()
	if c.phase != "" {
		c.seconds[c.phase] += now.Sub(c.since).Seconds()
	}
	c.phase, c.since = phase, now
}
