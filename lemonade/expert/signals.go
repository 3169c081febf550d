package expert

import "github.com/lemo-nade/lemonade/lemonade/trial"

// What is read from a trial's learning curve, clock and costs. All thresholds ours.

// jump is the factor by which the training loss of an epoch is above that of the
// epoch before, where it counts as a jump.
const jump = 1.1

// lossJumps counts the epochs in which the training loss jumped up; nil where
// there are fewer than two epochs.
func lossJumps(curve []trial.Epoch) any {
	if len(curve) < 2 {
		return nil
	}
	n := 0
	for i := 1; i < len(curve); i++ {
		if curve[i].Loss > jump*curve[i-1].Loss {
			n++
		}
	}
	return n
}

// accuracySwing returns the largest fall of the validation accuracy from one epoch
// to the next in the second half of a training, 0 where it never fell; nil where
// there are fewer than two epochs.
func accuracySwing(curve []trial.Epoch) any {
	if len(curve) < 2 {
		return nil
	}
	swing := 0.0
	for i := max(1, len(curve)/2); i < len(curve); i++ {
		swing = max(swing, curve[i-1].Accuracy-curve[i].Accuracy)
	}
	return swing
}

// compileShare returns the share of an evaluation's time that went into compiling
// the network; nil where the phases were not timed.
func compileShare(seconds map[string]float64) any {
	compile, ok := seconds[trial.PhaseCompile]
	total := 0.0
	for _, phase := range []string{trial.PhaseData, trial.PhaseCompile, trial.PhaseTrain, trial.PhaseProfile} {
		total += seconds[phase]
	}
	if !ok || total <= 0 {
		return nil
	}
	return compile / total
}
