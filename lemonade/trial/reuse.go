package trial

import (
	"fmt"
	"time"
)

// Source names the trial whose training was taken over.
type Source struct {
	Study string `json:"study"`
	Trial int    `json:"trial"` // below 0 that of an [Extra]
}

func (s Source) String() string {
	if s.Trial < 0 {
		return fmt.Sprintf("study %s, outside its search", s.Study)
	}
	return fmt.Sprintf("study %s, trial %d", s.Study, s.Trial)
}

// Conditions are what measured figures hold for: the energy, the times, the memory and
// the throughput of a network are others on another machine. Its accuracy, its learning
// curve and its weights are not part of that: they follow from the trial key.
type Conditions struct {
	Machine   string        `json:"machine"`          // the processor, and how many of its threads there are to use
	Device    string        `json:"device"`           // that networks are trained and measured on
	Plugin    string        `json:"plugin,omitempty"` // of XLA
	Meter     string        `json:"meter"`            // method by which energy is measured
	Profile   time.Duration `json:"profile"`          // ns, that measuring a network may take; 0 is the profiler's own
	PUE       float64       `json:"pue"`
	Intensity float64       `json:"intensity"` // g CO2e per kWh
}

// Known reports whether the machine and the device are known: else figures hold for
// nobody knows what.
func (c Conditions) Known() bool { return c.Machine != "" && c.Device != "" }

// Follows reports whether a metric follows from the trial key, on whatever machine.
func (m Metric) Follows() bool {
	switch info, _ := m.Info(); m {
	case Accuracy, TrainAccuracy, TestAccuracy, Loss:
		return true
	default:
		return info.Static
	}
}

// trainings are those of the trial: its rungs, or where it has none the only one as one.
func (t *Trial) trainings() []Rung {
	if len(t.Rungs) > 0 {
		return t.Rungs
	}
	return []Rung{{Metrics: t.Metrics, Seconds: t.Seconds, Reused: t.Reused}}
}

// Own are the measurements of the trainings that were not taken over: what they took
// is what the trial has cost its study.
func (t *Trial) Own() (all []Metrics) {
	for _, r := range t.trainings() {
		if r.Reused == nil {
			all = append(all, r.Metrics)
		}
	}
	return all
}

// Savings are what trainings have saved that were taken over from other trials.
type Savings struct {
	Trainings int     `json:"trainings"`
	Energy    float64 `json:"energy"`  // kWh, of those whose energy is known
	Seconds   float64 `json:"seconds"` // of the trainings
}

// Saved sums up what was taken over.
func (h History) Saved() (s Savings) {
	for i := range h {
		for _, r := range h[i].trainings() {
			if r.Reused != nil {
				s.Trainings++
				s.Energy += r.Metrics[TrainingEnergy].Value
				s.Seconds += r.Metrics[TrainingTime].Value
			}
		}
	}
	return s
}
