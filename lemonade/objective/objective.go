package objective

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Objective is what one study is after. It is stored with the study as JSON.
type Objective struct {
	Wants  []Want                   `json:"wants"`
	Limits map[trial.Metric]float64 `json:"limits,omitempty"` // hard; a minimum where more is better, else a maximum
	Axes   []trial.Metric           `json:"axes"`             // of the Pareto front, two or more

	Anchors   map[trial.Metric]float64 `json:"anchors,omitempty"`   // of the wants; see Fix
	Reference map[trial.Metric]float64 `json:"reference,omitempty"` // worst corner of the hypervolume, by metric; see Fix
	Methods   map[trial.Metric]string  `json:"methods,omitempty"`   // by which each metric is obtained; see Fix
}

// DefaultAxes are the axes of the Pareto front where none are chosen.
var DefaultAxes = []trial.Metric{trial.Accuracy, trial.InferenceEnergy}

// New returns an objective with the given wants and hard limits over
// [DefaultAxes]. Without wants it takes those of the preset "balanced". Limits
// of the wants and limits given apart are put together. Every fault is reported
// at once.
func New(wants []Want, limits map[trial.Metric]float64) (Objective, error) {
	if len(wants) == 0 {
		wants = presets["balanced"]
	}
	o := Objective{
		Wants:   slices.Clone(wants),
		Limits:  map[trial.Metric]float64{},
		Axes:    slices.Clone(DefaultAxes),
		Anchors: map[trial.Metric]float64{},
	}
	var faults []error
	for _, m := range slices.Sorted(maps.Keys(limits)) {
		if err := check(m, limits[m], "limit"); err != nil {
			faults = append(faults, err)
		}
		o.Limits[m] = limits[m]
	}
	seen := map[trial.Metric]bool{}
	for i := range o.Wants {
		w := &o.Wants[i]
		if w.Priority == 0 {
			w.Priority = Medium
		}
		if err := w.validate(); err != nil {
			faults = append(faults, err)
			continue
		}
		if seen[w.Metric] {
			faults = append(faults, fmt.Errorf("want %s: given twice; keep one", w.Metric))
		}
		seen[w.Metric] = true
		if w.Target != nil {
			o.Anchors[w.Metric] = *w.Target
		}
		if w.Limit == nil {
			continue
		}
		if other, ok := o.Limits[w.Metric]; ok && other != *w.Limit {
			faults = append(faults, fmt.Errorf("limit %s: both %s and %s are given; keep one",
				w.Metric, Format(w.Metric, other), Format(w.Metric, *w.Limit)))
		}
		o.Limits[w.Metric] = *w.Limit
	}
	if len(faults) > 0 {
		return Objective{}, errors.Join(faults...)
	}
	return o, nil
}

// On returns the same objective with the Pareto front over other axes.
func (o Objective) On(axes ...trial.Metric) (Objective, error) {
	if len(axes) < 2 {
		return o, fmt.Errorf("axes %v: a front needs two or more metrics", axes)
	}
	for i, m := range axes {
		if err := checkMetric(m); err != nil {
			return o, fmt.Errorf("axes: %w", err)
		}
		if slices.Contains(axes[:i], m) {
			return o, fmt.Errorf("axes: %s is given twice; keep one", m)
		}
	}
	o.Axes = slices.Clone(axes)
	return o, nil
}

// Fix sets the anchors, the hypervolume's reference and the method of each metric
// from the metrics of the study's first complete trial, and reports whether it
// set anything that ought to be stored. What is set stays: it may be called with
// every complete trial, and a later one only fills in a metric that all before
// it lacked. A score that was known before is therefore the same ever after.
//
// A trial that obtained a metric by another method is not ranked by it: it has no
// score where the metric is wanted, and is on no front where it is an axis. See
// [Objective.Differs].
//
// The reference is ours: accuracy 0, throughput a tenth of the first
// measurement, every cost ten times the first measurement.
func (o *Objective) Fix(first trial.Metrics) bool {
	// Copies of the objective may be read meanwhile, so the maps are replaced, not written.
	anchors, reference, methods := cloned(o.Anchors), cloned(o.Reference), cloned(o.Methods)
	before := len(anchors) + len(reference) + len(methods)
	for m, v := range first {
		if _, ok := methods[m]; !ok && v.Method != "" {
			methods[m] = v.Method
		}
	}
	for _, w := range o.Wants {
		if _, ok := anchors[w.Metric]; ok {
			continue
		}
		if v, ok := o.comparable(first, w.Metric); ok && (v > 0 || fraction(w.Metric)) {
			anchors[w.Metric] = v
		}
	}
	for m := range first {
		if _, ok := reference[m]; ok {
			continue
		}
		v, ok := o.comparable(first, m)
		switch info, _ := m.Info(); {
		case !ok:
		case fraction(m):
			reference[m] = 0
		case v == 0: // no scale to take ten times of
		case info.Higher:
			reference[m] = v / 10
		default:
			reference[m] = v * 10
		}
	}
	o.Anchors, o.Reference, o.Methods = anchors, reference, methods
	return len(anchors)+len(reference)+len(methods) != before
}

// Anchored returns the objective with these measurements for anchors, where a want
// has no target: that of trials which were trained for less than the first one, and
// are scored among each other.
func (o Objective) Anchored(first trial.Metrics) Objective {
	fixed := o.Anchors
	o.Anchors = nil
	for _, w := range o.Wants {
		if w.Target != nil {
			o.Anchors = cloned(o.Anchors)
			o.Anchors[w.Metric] = *w.Target
		}
	}
	o.Fix(first)
	for m, v := range fixed {
		if _, ok := o.Anchors[m]; !ok {
			o.Anchors[m] = v
		}
	}
	return o
}

// cloned returns a copy that can be written to.
func cloned[V any](m map[trial.Metric]V) map[trial.Metric]V {
	if m == nil {
		return map[trial.Metric]V{}
	}
	return maps.Clone(m)
}

// Infeasible returns which limits the metrics break, such as
// "model_size 1.3 MB is over the limit of 1 MB", or "" where none is broken.
// Only known metrics are judged: before training those are the static ones.
func (o Objective) Infeasible(m trial.Metrics) string {
	var reasons []string
	for _, info := range trial.Ordered(maps.Keys(o.Limits)) {
		limit := o.Limits[info.Metric]
		v, ok := known(m, info.Metric)
		if !ok || meets(info.Metric, v, limit) {
			continue
		}
		side := "over"
		if info.Higher {
			side = "under"
		}
		value, bound := Format(info.Metric, v), strings.Replace(Format(info.Metric, limit), ".0 ", " ", 1)
		if value == Format(info.Metric, limit) { // as close as that: show every digit
			value, bound = exact(info, v), exact(info, limit)
		}
		reasons = append(reasons, fmt.Sprintf("%s %s is %s the limit of %s", info.Metric, value, side, bound))
	}
	return strings.Join(reasons, "; ")
}

// TargetsMet reports whether every want that has a target has reached it. It is
// false where no want has one: there is then nothing to reach.
func (o Objective) TargetsMet(m trial.Metrics) bool {
	targets := 0
	for _, w := range o.Wants {
		if w.Target == nil {
			continue
		}
		targets++
		if v, ok := o.comparable(m, w.Metric); !ok || !meets(w.Metric, v, *w.Target) {
			return false
		}
	}
	return targets > 0
}

// Differs says which wanted metrics, limits and axes a trial obtained by another
// method than the study's, such as "inference_energy: by estimate, the study's by
// nvml-counter". Such values are not ranked.
func (o Objective) Differs(m trial.Metrics) []string {
	if !o.anyForeign(m) { // as of nearly all trials, of which there may be many
		return nil
	}
	var out []string
	for _, info := range trial.Ordered(slices.Values(o.Concerns())) {
		if method := m[info.Metric].Method; o.differs(m, info.Metric) {
			out = append(out, fmt.Sprintf("%s: by %s, the study's by %s", info.Metric, method, o.Methods[info.Metric]))
		}
	}
	return out
}

// MixedMethods lists the complete trials that [Objective.Differs] speaks of, one
// sentence for all that differ alike.
func (o Objective) MixedMethods(h trial.History) []string {
	ids := map[string][]string{}
	var order []string
	for _, t := range h.Complete() {
		for _, how := range o.Differs(t.Metrics) {
			if ids[how] == nil {
				order = append(order, how)
			}
			ids[how] = append(ids[how], fmt.Sprint(t.ID))
		}
	}
	var notes []string
	for _, how := range order {
		word := "trial"
		if len(ids[how]) > 1 {
			word = "trials"
		}
		notes = append(notes, fmt.Sprintf("%s %s not ranked by %s", word, strings.Join(ids[how], ", "), how))
	}
	return notes
}

// Concerns lists the metrics that the wants, limits and axes name, each once.
func (o Objective) Concerns() []trial.Metric {
	all := map[trial.Metric]bool{}
	for _, w := range o.Wants {
		all[w.Metric] = true
	}
	for m := range o.Limits {
		all[m] = true
	}
	for _, m := range o.Axes {
		all[m] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Remarks says what of the objective may not mean what it seems to.
func (o Objective) Remarks() []string {
	wanted := func(m trial.Metric) bool {
		return slices.ContainsFunc(o.Wants, func(w Want) bool { return w.Metric == m })
	}
	if wanted(trial.TrainingEnergy) && wanted(trial.CO2e) {
		return []string{"training_energy and co2e are both wanted: within one study CO2e is proportional to the energy, so that counts twice"}
	}
	return nil
}

// Boards lists the boards that the wants, limits and axes name.
func (o Objective) Boards() []string {
	var boards []string
	for _, m := range o.Concerns() {
		if _, board := m.Split(); board != "" && !slices.Contains(boards, board) {
			boards = append(boards, board)
		}
	}
	return boards
}

// differs reports whether a metric was obtained by another method than the study's.
func (o Objective) differs(m trial.Metrics, name trial.Metric) bool {
	v, ok := m[name]
	return ok && o.foreign(name, v)
}

func (o Objective) foreign(name trial.Metric, v trial.Measurement) bool {
	method := o.Methods[name]
	return method != "" && v.Method != "" && v.Method != method
}

// anyForeign reports whether there is anything for Differs to tell.
func (o Objective) anyForeign(m trial.Metrics) bool {
	foreign := func(name trial.Metric) bool { return o.differs(m, name) }
	for name := range o.Limits {
		if foreign(name) {
			return true
		}
	}
	return slices.ContainsFunc(o.Axes, foreign) || slices.ContainsFunc(o.Wants, func(w Want) bool { return foreign(w.Metric) })
}

// comparable is known for ranking: the value was obtained by the study's method.
func (o Objective) comparable(m trial.Metrics, name trial.Metric) (float64, bool) {
	v, ok := m[name]
	return o.ranked(name, v, ok)
}

func (o Objective) ranked(name trial.Metric, v trial.Measurement, ok bool) (float64, bool) {
	if ok && o.foreign(name, v) {
		return 0, false
	}
	return number(name, v, ok)
}

// MetricsOf returns what is known of a trial: what was measured, and the static
// metrics of its network where the measurements do not repeat them. It may be the
// trial's own map: it is not to be written to.
func MetricsOf(t trial.Trial) trial.Metrics {
	if t.Costs.Params == 0 && t.Costs.MACs == 0 || !slices.ContainsFunc(static, func(m trial.Metric) bool { _, ok := t.Metrics[m]; return !ok }) {
		return t.Metrics
	}
	all := trial.Static(t.Costs)
	maps.Copy(all, t.Metrics)
	return all
}

var static = slices.Collect(maps.Keys(trial.Static(arch.Costs{})))

// MetricOf is one of [MetricsOf], for those who look at one metric of many trials.
func MetricOf(t *trial.Trial, m trial.Metric) (trial.Measurement, bool) {
	if v, ok := t.Metrics[m]; ok || t.Costs.Params == 0 && t.Costs.MACs == 0 {
		return v, ok
	}
	v, ok := trial.Static(t.Costs)[m]
	return v, ok
}

// known returns a metric's value where it is one that can be compared: present,
// finite, not negative and, for a fraction, not above 1.
func known(m trial.Metrics, name trial.Metric) (float64, bool) {
	v, ok := m[name]
	return number(name, v, ok)
}

func number(name trial.Metric, v trial.Measurement, ok bool) (float64, bool) {
	if !ok || math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value < 0 || (fraction(name) && v.Value > 1) {
		return 0, false
	}
	return v.Value, true
}

// fraction reports whether m runs from 0 to 1, such as accuracy: more is better
// and there is no unit.
func fraction(m trial.Metric) bool {
	info, ok := m.Info()
	return ok && info.Higher && info.Unit == ""
}

// better reports whether a is strictly better than b.
func better(m trial.Metric, a, b float64) bool {
	if info, _ := m.Info(); info.Higher {
		return a > b
	}
	return a < b
}

// meets reports whether v is as good as bound or better.
func meets(m trial.Metric, v, bound float64) bool { return !better(m, bound, v) }
