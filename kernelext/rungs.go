package kernelext

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// hasRungs reports whether networks were trained in rungs.
func (v View) hasRungs() bool {
	return slices.ContainsFunc(v.Trials, func(t trial.Trial) bool { return len(t.Rungs) > 0 })
}

// reached is how far a trial has come: "2 of 3".
func reached(t trial.Trial) string {
	if len(t.Rungs) == 0 {
		return ""
	}
	last := t.Rungs[len(t.Rungs)-1]
	return fmt.Sprintf("%d of %d", last.Rung, last.Of)
}

// alike are a parent and its child as they were measured at the highest rung that
// both reached; ok is false where they do not compare.
func alike(parent, t trial.Trial, score func(trial.Metrics) (float64, bool)) (_, _ trial.Trial, ok bool) {
	if parent, t, ok = trial.Common(parent, t); !ok {
		return parent, t, false
	}
	if last, measured := t.LastRung(); measured && last.Rung < last.Of {
		for _, one := range []*trial.Trial{&parent, &t} {
			if e, known := score(objective.MetricsOf(*one)); known {
				one.Effectiveness = &e
			}
		}
	}
	return parent, t, true
}

// rungRows is a table of a trial's trainings.
func rungRows(t trial.Trial) [][]string {
	rows := [][]string{{"rung", "epochs", "samples", "work", "ended", "accuracy", "training energy", "took"}}
	for _, r := range t.Rungs {
		samples, took := "all", 0.0
		if r.Samples > 0 {
			samples = thousands(r.Samples)
		}
		for _, seconds := range r.Seconds {
			took += seconds
		}
		rows = append(rows, []string{
			fmt.Sprintf("%d of %d", r.Rung, r.Of), strconv.Itoa(r.Epochs), samples, fmt.Sprintf("%.0f %%", 100*r.Share), string(r.State) + reusedWord(r.Reused),
			measured(trial.Accuracy, r.Metrics), measured(trial.TrainingEnergy, r.Metrics), lasting(took),
		})
	}
	return rows
}

// rungsTable has a row for each metric of each training in rungs.
func (v View) rungsTable() [][]string {
	rows := [][]string{{"trial", "rung", "of", "step", "epochs", "samples", "share", "state", "metric", "value", "unit", "method", "spread", "started", "ended"}}
	for _, t := range v.Trials {
		for _, r := range t.Rungs {
			for _, info := range trial.Ordered(maps.Keys(r.Metrics)) {
				m := r.Metrics[info.Metric]
				rows = append(rows, []string{
					strconv.Itoa(t.ID), strconv.Itoa(r.Rung), strconv.Itoa(r.Of), strconv.Itoa(r.Step), strconv.Itoa(r.Epochs), strconv.Itoa(r.Samples), cellNumber(r.Share), string(r.State),
					string(info.Metric), cellNumber(m.Value), info.Unit, cellText(m.Method), cellOptional(m.Spread), cellTime(r.Started), cellTime(r.Ended),
				})
			}
		}
	}
	return v.marked(rows)
}

// savedItems tell what the rungs saved.
func (v View) savedItems() []item {
	s, ok := v.Trials.Saving()
	if !ok {
		return nil
	}
	part := func(spent, whole float64) string {
		if spent > whole {
			return fmt.Sprintf("%.0f %% more", 100*(spent/whole-1))
		}
		return fmt.Sprintf("%.0f %% less", 100*(1-spent/whole))
	}
	var items []item
	if s.WholeEnergy > 0 {
		items = append(items, item{"energy without rungs", objective.Format(trial.TrainingEnergy, s.WholeEnergy),
			fmt.Sprintf("had each of %s been trained in full; it is %s with rungs, %s (%s)", several(s.Programs, "network"), objective.Format(trial.TrainingEnergy, s.Energy), part(s.Energy, s.WholeEnergy), clip(s.Method, 40))})
	}
	if s.WholeSeconds > 0 {
		items = append(items, item{"time without rungs", lasting(s.WholeSeconds),
			fmt.Sprintf("of all evaluations; it is %s with rungs, %s", lasting(s.Seconds), part(s.Seconds, s.WholeSeconds))})
	}
	return items
}

// spell is a stretch of time in which a trial was worked on.
type spell struct {
	from, to time.Time
	seconds  map[string]float64 // of its evaluation, by phase; none where that was taken over
	reused   bool
}

// spells are those of a trial: one for each of its rungs, the first from when the
// network was asked for, or one for the whole.
func spells(t trial.Trial) []spell {
	if len(t.Rungs) == 0 {
		return []spell{{t.Started, t.Ended, ownSeconds(t.Seconds, t.Reused), t.Reused != nil}}
	}
	var all []spell
	for i, r := range t.Rungs {
		s := spell{r.Started, r.Ended, ownSeconds(r.Seconds, r.Reused), r.Reused != nil}
		if i == 0 && t.Started.Before(s.from) {
			s.from = t.Started
		}
		all = append(all, s)
	}
	return all
}
