package trial

// Phases are the parts of an evaluation's time on the clock, in the order in which it
// goes through them for the first time. They add up to the whole.
var Phases = []string{PhaseStart, PhasePlugin, PhaseIdle, PhaseData, PhaseCompile, PhaseTrain, PhaseEvaluate, PhaseSave, PhaseProfile, PhaseTest, PhaseStop}

// Times are the seconds of evaluations by phase.
type Times map[string]float64

// Total is the time of all phases.
func (t Times) Total() (seconds float64) {
	for _, s := range t {
		seconds += s
	}
	return seconds
}

// Around is the time that is not training, as a share of the whole. Training is what
// training_time is measured over, the epochs with the validation after each, and what
// else is counted on the trained network; 0 of no time.
func (t Times) Around() float64 {
	total := t.Total()
	if total <= 0 {
		return 0
	}
	return 1 - (t[PhaseTrain]+t[PhaseEvaluate])/total
}

// Times sums the evaluations' time by phase over the trials that were trained in this
// study.
func (h History) Times() Times {
	sum := Times{}
	for i := range h {
		for _, r := range h[i].trainings() {
			if r.Reused != nil {
				continue
			}
			for phase, s := range r.Seconds {
				sum[phase] += s
			}
		}
	}
	return sum
}
