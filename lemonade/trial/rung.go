package trial

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Rung is one training of a trial in a study that halves successively: every
// network is trained briefly, the better ones again for longer, and the best in
// full. Measurements compare within a rung alone.
type Rung struct {
	Rung       int                `json:"rung"`    // from 1, the shortest training
	Of         int                `json:"of"`      // number of the whole training
	Step       int                `json:"step"`    // number of the training in its study, from 1
	Epochs     int                `json:"epochs"`  // of this training
	Samples    int                `json:"samples"` // likewise; 0 is all
	Share      float64            `json:"share"`   // of the whole training's work, epochs times samples
	Key        string             `json:"key"`     // trial_key of this training
	State      State              `json:"state"`   // Complete, Failed or Infeasible
	Reason     string             `json:"reason,omitempty"`
	Through    bool               `json:"through,omitempty"`    // went on at once, whatever was measured here
	Reused     *Source            `json:"reused,omitempty"`     // where the training was taken over from; nil where the network was trained
	Conditions *Conditions        `json:"conditions,omitempty"` // as in [Trial]
	Metrics    Metrics            `json:"metrics,omitempty"`    // without the static ones
	Curve      []Epoch            `json:"curve,omitempty"`
	Seconds    map[string]float64 `json:"seconds,omitempty"` // of the evaluation, by phase
	Started    time.Time          `json:"started"`
	Ended      time.Time          `json:"ended"`
}

// String names the rung: "rung 1 of 3".
func (r Rung) String() string { return fmt.Sprintf("rung %d of %d", r.Rung, r.Of) }

// LastRung returns the highest rung at which the trial was measured; ok is false
// where there is none.
func (t Trial) LastRung() (r Rung, ok bool) {
	for _, r := range slices.Backward(t.Rungs) {
		if r.State == Complete {
			return r, true
		}
	}
	return Rung{}, false
}

// At returns the trial as it was measured at a rung, as a complete one; ok is
// false where it was not measured there.
func (t Trial) At(rung int) (_ Trial, ok bool) {
	i := slices.IndexFunc(t.Rungs, func(r Rung) bool { return r.Rung == rung && r.State == Complete })
	if i < 0 {
		return Trial{}, false
	}
	r := t.Rungs[i]
	then := t
	then.State, then.Reason, then.Key, then.Curve, then.Seconds, then.Ended = Complete, "", r.Key, r.Curve, r.Seconds, r.Ended
	then.Reused, then.Conditions = r.Reused, r.Conditions
	then.Rungs, then.Metrics = t.Rungs[:i+1], t.static()
	maps.Copy(then.Metrics, r.Metrics)
	if i < len(t.Rungs)-1 { // what is kept of the latest training alone
		then.Forecast, then.Quality, then.Weights = nil, nil, ""
	}
	if r.Rung < r.Of {
		then.Effectiveness = nil
	}
	return then, true
}

// static are the metrics that are known from the network alone.
func (t Trial) static() Metrics {
	out := Metrics{}
	for name, m := range t.Metrics {
		if info, _ := name.Info(); info.Static {
			out[name] = m
		}
	}
	return out
}

// Common returns two trials as they were measured at the highest rung that both
// reached, and both as they are where neither has rungs. ok is false where there is
// no such rung.
func Common(a, b Trial) (_, _ Trial, ok bool) {
	if len(a.Rungs) == 0 && len(b.Rungs) == 0 {
		return a, b, true
	}
	for _, r := range slices.Backward(a.Rungs) {
		at, okA := a.At(r.Rung)
		bt, okB := b.At(r.Rung)
		if okA && okB {
			return at, bt, true
		}
	}
	return a, b, false
}

// Trainings are the measurements of every training of the trial: of each rung, or
// where it has none of the only one. Those that were taken over are among them.
func (t Trial) Trainings() []Metrics {
	if len(t.Rungs) == 0 {
		return []Metrics{t.Metrics}
	}
	var all []Metrics
	for _, r := range t.Rungs {
		all = append(all, r.Metrics)
	}
	return all
}

// Level returns the history as it looks at one rung, so that its measurements
// compare: the highest at which at least so many trials were measured, else the
// lowest. The trials that were measured there are complete and as they were then;
// those that were pruned before stay so, and so do those that failed or broke a
// limit later. A history without rungs is returned as it is.
func (h History) Level(least int) History {
	count := map[int]int{}
	for i := range h {
		t := &h[i]
		if t.State != Complete && t.State != Pruned {
			continue
		}
		for k := range t.Rungs {
			if t.Rungs[k].State == Complete {
				count[t.Rungs[k].Rung]++
			}
		}
	}
	if len(count) == 0 {
		return h
	}
	level := 1
	for rung, n := range count {
		if n >= least {
			level = max(level, rung)
		}
	}
	out := slices.Clone(h)
	for i, t := range out {
		if t.State != Complete && t.State != Pruned {
			continue
		}
		if then, ok := t.At(level); ok {
			out[i] = then
		}
	}
	return out
}

// Before returns the history as it was before the training of that step: without
// what was measured in it and later.
func (h History) Before(step int) History {
	out := slices.Clone(h)
	for i, t := range out {
		n := len(t.Rungs)
		for n > 0 && t.Rungs[n-1].Step >= step {
			n--
		}
		if n == 0 || n == len(t.Rungs) {
			continue
		}
		then, ok := t.At(t.Rungs[n-1].Rung)
		if r := t.Rungs[n-1]; ok && r.Rung < r.Of {
			then.State = Pruned
		}
		out[i] = then
	}
	return out
}

// Saving is what the rungs of a study saved: what its trainings used, and what they
// would have used had every network been trained in full at once, at the energy
// and time that each epoch and sample of its own longest training took.
type Saving struct {
	Programs     int     `json:"programs"` // networks that are compared
	Energy       float64 `json:"training_energy"`
	WholeEnergy  float64 `json:"whole_training_energy"` // kWh; both are 0 where energies are unknown
	Method       string  `json:"method"`                // by which the energy was obtained
	Seconds      float64 `json:"seconds"`
	WholeSeconds float64 `json:"whole_seconds"` // of the evaluations, data, compilation and measurement included
}

// Saving sums up over the networks that were measured at a rung, without those of
// which a training was taken over that tells neither its energy nor its time; ok is
// false where there is none.
func (h History) Saving() (s Saving, ok bool) {
	epochs := 0 // of the whole training
	for _, t := range h {
		for _, r := range t.Rungs {
			if r.Rung == r.Of {
				epochs = r.Epochs
			}
		}
	}
	for _, t := range h {
		last, measured := t.LastRung()
		untold := func(r Rung) bool { return r.Reused != nil && len(r.Seconds) == 0 }
		if !measured || last.Share <= 0 || epochs == 0 || slices.ContainsFunc(t.Rungs, untold) {
			continue
		}
		s.Programs++
		if used, known := last.Metrics[TrainingEnergy]; known {
			s.WholeEnergy += used.Value / last.Share
			s.Method = used.Method
		}
		for phase, seconds := range last.Seconds {
			switch phase {
			case PhaseTrain:
				seconds /= last.Share
			case PhaseEvaluate: // all validation samples, after each epoch
				seconds *= float64(epochs) / float64(last.Epochs)
			case PhaseProfile:
				continue // of the first rung alone, see below
			}
			s.WholeSeconds += seconds
		}
		for _, r := range t.Rungs {
			s.Energy += r.Metrics[TrainingEnergy].Value
			for phase, seconds := range r.Seconds {
				s.Seconds += seconds
				if phase == PhaseProfile {
					s.WholeSeconds += seconds
				}
			}
		}
	}
	return s, s.Programs > 0
}
