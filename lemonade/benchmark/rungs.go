package benchmark

import (
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// rungStatistics are what a comparison of studies with and without rungs is about.
func rungStatistics() []statistic {
	return []statistic{
		{"trainings", "trainings", "of all rungs", amount, true, func(s sample) (float64, bool) {
			n := 0
			for _, t := range s.trials {
				n += evaluations(t)
			}
			return float64(n), len(s.trials) > 0
		}},
		{"trained_in_full", "trained in full", "networks that were trained for all epochs on all samples, and can be on the front", amount, true, func(s sample) (float64, bool) {
			return float64(len(s.trials.Complete())), len(s.trials) > 0
		}},
		{"training_energy", "training energy [Wh]", "of all trainings; unknown where one has none", amount, true, func(s sample) (float64, bool) {
			kWh, ok := energy(s.trials)
			return 1000 * kWh, ok
		}},
		{"evaluation_minutes", "evaluations [min]", "data, compilation, training, validation and measurement of all trainings", amount, true, func(s sample) (float64, bool) {
			seconds := 0.0
			for _, t := range s.trials {
				for _, phases := range clocks(t) {
					seconds += trial.Times(phases).Total()
				}
			}
			return seconds / 60, seconds > 0
		}},
		{"equal_energy_hypervolume", "hypervolume at equal energy", "when the study had spent what the cheapest one of the seed spent in all", score, true, func(s sample) (float64, bool) {
			if s.energy <= 0 {
				return 0, false
			}
			s.trials = upTo(s.trials, s.energy)
			return hypervolume(s)
		}},
	}
}

// evaluations counts the trainings of a trial.
func evaluations(t trial.Trial) int {
	if len(t.Rungs) == 0 && (t.Runs > 0 || t.Reused != nil) {
		return 1
	}
	return len(t.Rungs)
}

// clocks are the times of a trial's trainings, by phase.
func clocks(t trial.Trial) []map[string]float64 {
	if len(t.Rungs) == 0 {
		return []map[string]float64{t.Seconds}
	}
	var all []map[string]float64
	for _, r := range t.Rungs {
		all = append(all, r.Seconds)
	}
	return all
}

// energy is what all trainings have used; ok is false where one that succeeded does
// not tell.
func energy(h trial.History) (kWh float64, ok bool) {
	for _, t := range h {
		for _, metrics := range t.Trainings() {
			used, known := metrics[trial.TrainingEnergy]
			if _, trained := metrics[trial.Accuracy]; trained && !known {
				return 0, false
			}
			kWh += used.Value
		}
	}
	return kWh, kWh > 0
}

// upTo is the history as it was when so much energy was spent.
func upTo(h trial.History, kWh float64) trial.History {
	const rounding = 1 + 1e-9
	steps := map[int]float64{} // energy of each training in rungs, by its step
	for _, t := range h {
		for _, r := range t.Rungs {
			steps[r.Step] = r.Metrics[trial.TrainingEnergy].Value
		}
	}
	spent, last := 0.0, 0
	for last < len(steps) && spent+steps[last+1] <= kWh*rounding {
		last++
		spent += steps[last]
	}
	for i, t := range h {
		if len(t.Rungs) > 0 {
			if t.Rungs[0].Step > last {
				return h[:i].Before(last + 1)
			}
			continue
		}
		if spent += t.Metrics[trial.TrainingEnergy].Value; spent > kWh*rounding {
			return h[:i].Before(last + 1)
		}
	}
	return h.Before(last + 1)
}

// equalise tells all arms of each seed the least energy that one of them spent.
func equalise(samples map[Arm][]sample) {
	for _, all := range samples {
		for i := range all {
			least := 0.0
			for _, other := range samples {
				if kWh, ok := energy(other[i].trials); ok && (least == 0 || kWh < least) {
					least = kWh
				}
			}
			all[i].energy = least
		}
	}
}
