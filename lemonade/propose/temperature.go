package propose

import "github.com/lemo-nade/lemonade/lemonade/trial"

// temperature is the schedule, which is ours: the base for a first answer; less
// where an error is to be mended exactly; more where an answer was a copy, the
// more the more often, up to 1.5, beyond which small models babble.
func temperature(base float64, r Request) float64 {
	if len(r.Attempts) == 0 {
		return base
	}
	last := r.Attempts[len(r.Attempts)-1]
	if last.State == trial.Invalid && last.Program != "" && !stuck(answeredTurns(r)) {
		return 0.6 * base
	}
	copies := 0
	for _, a := range r.Attempts {
		if a.State == trial.Duplicate {
			copies++
		}
	}
	return min(base+0.15*float64(copies), max(base, 1.5))
}
