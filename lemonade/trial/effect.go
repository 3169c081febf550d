package trial

import "math"

// SameWithin is the relative change below which a metric counts as unchanged. It
// is Lemonade's own choice.
const SameWithin = 0.02

// Effect says how m changed from before to after, such as from a parent to its
// child: Up, Down, or Same where it changed by less than [SameWithin] of its value
// before. A change from 0 is never Same. It reports false where either value is
// unknown or no number.
func Effect(m Metric, before, after Metrics) (string, bool) {
	b, okBefore := before[m]
	a, okAfter := after[m]
	difference := a.Value - b.Value
	if !okBefore || !okAfter || math.IsNaN(difference) || math.IsInf(difference, 0) {
		return "", false
	}
	switch {
	case difference == 0, math.Abs(difference) < SameWithin*math.Abs(b.Value):
		return Same, true
	case difference > 0:
		return Up, true
	}
	return Down, true
}
