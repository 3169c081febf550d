package datasets

import (
	"fmt"
	"slices"
)

// sameness is what decides what becomes of samples that have one content.
type sameness struct {
	where string // in the listing
	class string
	label int32
	part  part
}

// single keeps one sample of each content. The samples are in the order of their
// contents, alike says how many of the first are of one, and noun what that is. Of two
// classes, or in two splits, they are faults; copies counts those that are none.
func single[T any](samples []T, noun string, alike func([]T) int, of func(T) sameness, f *faults) (out []T, copies int) {
	for len(samples) > 0 {
		same := samples[:alike(samples)]
		samples = samples[len(same):]
		first := of(same[0])
		if k := slices.IndexFunc(same, func(s T) bool { return of(s).label != first.label }); k >= 0 {
			other := of(same[k])
			f.add(other.where, fmt.Errorf("has the same %s as %s, but another class (%s and %s)", noun, first.where, brief(other.class), brief(first.class)))
			f.count += len(same) - 1 // all of them are left out
			continue
		}
		for _, s := range same[1:] {
			if s := of(s); s.part == first.part {
				copies++
			} else {
				f.add(s.where, fmt.Errorf("has the same %s as %s of another split: what tests or validates must not be trained on", noun, first.where))
			}
		}
		out = append(out, same[0])
	}
	return out, copies
}
