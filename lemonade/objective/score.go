package objective

import (
	"math"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Term is one want's part in a score.
type Term struct {
	Metric     trial.Metric
	Weight     float64 // wᵢ; the weights of all terms sum to 1
	Value      float64 // in the metric's unit
	Anchor     float64 // in the metric's unit
	Normalised float64 // nᵢ in [0, 1], 1/2 at the anchor
	Known      bool    // whether both value and anchor are; if not, Value, Anchor and Normalised mean nothing
}

// Weights returns the weight of every wanted metric. They sum to 1.
func (o Objective) Weights() map[trial.Metric]float64 {
	sum := o.weight()
	weights := make(map[trial.Metric]float64, len(o.Wants))
	for _, w := range o.Wants {
		weights[w.Metric] = w.Priority.weight() / sum
	}
	return weights
}

// weight is the sum that the priorities' weights are divided by.
func (o Objective) weight() (sum float64) {
	for _, w := range o.Wants {
		sum += w.Priority.weight()
	}
	return sum
}

// Terms returns the parts of the score in the order of the wants.
func (o Objective) Terms(m trial.Metrics) []Term {
	sum := o.weight()
	terms := make([]Term, len(o.Wants))
	for i, w := range o.Wants {
		v, ok := m[w.Metric]
		terms[i] = o.term(w, v, ok, sum)
	}
	return terms
}

// term is a want's part, with what was measured where that is known.
func (o Objective) term(w Want, measured trial.Measurement, ok bool, sum float64) Term {
	t := Term{Metric: w.Metric, Weight: w.Priority.weight() / sum}
	v, ok := o.ranked(w.Metric, measured, ok)
	if anchor, fixed := o.Anchors[w.Metric]; ok && fixed {
		t.Value, t.Anchor, t.Known = v, anchor, true
		t.Normalised = normalise(w.Metric, v, anchor)
	}
	return t
}

// Score returns the combined effectiveness in [0, 1], by the formula in the
// package's documentation. ok is false where a wanted metric or its anchor is
// unknown, or the metric was obtained by another method than the study's.
func (o Objective) Score(m trial.Metrics) (effectiveness float64, ok bool) {
	return o.score(func(name trial.Metric) (v trial.Measurement, ok bool) { v, ok = m[name]; return v, ok })
}

// ScoreOf is the Score of what [MetricsOf] knows of a trial.
func (o Objective) ScoreOf(t *trial.Trial) (effectiveness float64, ok bool) {
	return o.score(func(name trial.Metric) (trial.Measurement, bool) { return MetricOf(t, name) })
}

func (o Objective) score(measured func(trial.Metric) (trial.Measurement, bool)) (effectiveness float64, ok bool) {
	effectiveness = 1
	sum := o.weight()
	for _, w := range o.Wants {
		v, ok := measured(w.Metric)
		t := o.term(w, v, ok, sum)
		if !t.Known {
			return 0, false
		}
		effectiveness *= math.Pow(t.Normalised, t.Weight)
	}
	// The weights sum to 1 but for rounding, which must not show.
	return min(effectiveness, 1), len(o.Wants) > 0
}

// Best returns the complete trial of the highest score, the earliest where
// several have it. ok is false where no trial has a score.
func (o Objective) Best(h trial.History) (id int, ok bool) {
	best := 0.0
	for i := range h {
		if h[i].State != trial.Complete {
			continue
		}
		if score, known := o.ScoreOf(&h[i]); known && (!ok || score > best) {
			id, best, ok = h[i].ID, score, true
		}
	}
	return id, ok
}

// A fraction's anchor is kept off its ends, where the odds are 0 or infinite and
// every other value would get the same score.
const anchorMargin = 0.001

// normalise returns r/(1+r), with r as in the package's documentation, in a
// form that divides by zero for no value ≥ 0 and anchor > 0.
func normalise(m trial.Metric, v, anchor float64) float64 {
	if fraction(m) {
		a := min(max(anchor, anchorMargin), 1-anchorMargin)
		return v * (1 - a) / (v*(1-a) + a*(1-v))
	}
	if info, _ := m.Info(); info.Higher {
		return v / (v + anchor)
	}
	return anchor / (anchor + v)
}
