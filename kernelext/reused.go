package kernelext

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// reusedMark stands behind the state of a trial whose training was taken over.
func reusedMark(t trial.Trial) string { return reusedWord(t.Reused) }

func reusedWord(from *trial.Source) string {
	if from == nil {
		return ""
	}
	return " (reused)"
}

// ownSeconds are the times of an evaluation, by phase: none where it was taken over.
func ownSeconds(seconds map[string]float64, from *trial.Source) map[string]float64 {
	if from != nil {
		return nil
	}
	return seconds
}

// reusedFrom says where a training was taken over from, and what that saved: "reused
// from study first, trial 3: nothing was trained, which saves ≈ 0.4 Wh and 41 s". It is
// "" where the network was trained.
func reusedFrom(t trial.Trial) string {
	if t.Reused == nil {
		return ""
	}
	text := fmt.Sprintf("reused from %s: nothing was trained", t.Reused)
	if len(t.Rungs) > 0 {
		text = fmt.Sprintf("its last training was reused from %s", t.Reused)
	}
	if saved := savedWords(trial.History{t}); saved != "" {
		text += ", which saves " + saved
	}
	return text
}

// savedWords writes what trainings that were taken over have saved, "" where that is
// unknown.
func savedWords(h trial.History) string {
	saved := h.Saved()
	text := ""
	if saved.Energy > 0 {
		text = objective.Format(trial.TrainingEnergy, saved.Energy)
		for _, t := range h {
			if guessed(trial.TrainingEnergy, t.Metrics) {
				text = markGuess + text
				break
			}
		}
	}
	if saved.Seconds > 0 {
		if text != "" {
			text += " and "
		}
		text += lasting(saved.Seconds)
	}
	return text
}

// reusedItems are the line of the cost card on trainings that were taken over.
func (v View) reusedItems() []item {
	saved := v.Trials.Saved()
	if saved.Trainings == 0 {
		return nil
	}
	it := item{name: "reused", value: fmt.Sprint(saved.Trainings)}
	if words := savedWords(v.Trials); words != "" {
		it.note = "saved " + words
	}
	return []item{it}
}
