package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/energy"
)

// clocks are what was seen of the devices' clocks, by device in order.
type clocks []speeds

type speeds struct {
	name      string
	low, high float64  // MHz
	held      []string // what held the clock down
}

// add takes a reading of the clocks in.
func (c *clocks) add(reading []energy.Clock) {
	for _, now := range reading {
		at := slices.IndexFunc(*c, func(s speeds) bool { return s.name == now.Name })
		if at < 0 {
			at = len(*c)
			*c = append(*c, speeds{name: now.Name, low: now.MHz, high: now.MHz})
		}
		s := &(*c)[at]
		s.low, s.high = min(s.low, now.MHz), max(s.high, now.MHz)
		if now.Throttled != "" && !slices.Contains(s.held, now.Throttled) {
			s.held = append(s.held, now.Throttled)
		}
	}
}

// String lists the ranges, such as "GPU 0 at 1695 to 1980 MHz".
func (c clocks) String() string {
	var all []string
	for _, s := range c {
		if low, high := fmt.Sprintf("%.0f", s.low), fmt.Sprintf("%.0f", s.high); low == high {
			all = append(all, fmt.Sprintf("%s at %s MHz", s.name, high))
		} else {
			all = append(all, fmt.Sprintf("%s at %s to %s MHz", s.name, low, high))
		}
	}
	return strings.Join(all, ", ")
}

// throttled lists what was held down, such as "GPU 0 held down by power cap".
func (c clocks) throttled() string {
	var all []string
	for _, s := range c {
		if s.held != nil {
			all = append(all, s.name+" held down by "+strings.Join(s.held, " and "))
		}
	}
	return strings.Join(all, ", ")
}
