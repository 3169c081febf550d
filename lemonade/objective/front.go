package objective

import (
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Front returns the ids of the complete trials that no other one dominates, in
// the order of the history. A trial dominates another when it is as good on
// every axis and better on one; trials that are equal on every axis are all
// members. A trial with an unknown axis, or with one that was obtained by another
// method than the study's, is never one.
func (o Objective) Front(h trial.History) []int {
	var l Ledger
	l.Update(o, h)
	return l.Front()
}

// Point returns a trial's values on the axes, and whether all are known and by the
// study's methods.
func (o Objective) Point(t *trial.Trial) ([]float64, bool) {
	values := make([]float64, len(o.Axes))
	for i, m := range o.Axes {
		measured, ok := MetricOf(t, m)
		v, ok := o.ranked(m, measured, ok)
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, len(values) > 0
}

func (o Objective) dominates(a, b []float64) bool {
	strictly := false
	for i, m := range o.Axes {
		if better(m, b[i], a[i]) {
			return false
		}
		strictly = strictly || better(m, a[i], b[i])
	}
	return strictly
}

// Hypervolume returns the share of the box between the worst corner (the fixed
// reference) and the best imaginable one that the complete trials dominate: 0
// before the reference is fixed, and never less after a trial is added. It is
// exact for any number of axes.
//
// The best corner is accuracy 1, every cost 0 and, for throughput, no time per
// sample. Along an axis the distance from the reference is linear in the
// metric, for throughput in its reciprocal. Reference and box are ours.
func (o Objective) Hypervolume(h trial.History) float64 {
	var members [][]float64
	for i := range h {
		if p, ok := o.gains(&h[i]); ok {
			members, _ = addMaximal(members, p)
		}
	}
	return Volume(members)
}

// Hypervolumes returns the hypervolume after each trial of the history.
func (o Objective) Hypervolumes(h trial.History) []float64 {
	all := make([]float64, len(h))
	var members [][]float64
	now, added := 0.0, false
	for i := range h {
		if p, ok := o.gains(&h[i]); ok {
			if members, added = addMaximal(members, p); added {
				now = Volume(members)
			}
		}
		all[i] = now
	}
	return all
}

// gains are a complete trial's distances from the reference, and whether it dominates
// something of the box.
func (o Objective) gains(t *trial.Trial) ([]float64, bool) {
	if t.State != trial.Complete {
		return nil, false
	}
	values, ok := o.Point(t)
	if !ok {
		return nil, false
	}
	for i, m := range o.Axes {
		reference, fixed := o.Reference[m]
		if !fixed {
			return nil, false
		}
		values[i] = gain(m, values[i], reference)
	}
	return values, slices.Min(values) > 0 // else it is at or beyond the reference
}

// gain places v between the reference (0 and less) and the best imaginable value (1).
func gain(m trial.Metric, v, reference float64) float64 {
	info, _ := m.Info()
	switch {
	case fraction(m):
		return (v - reference) / (1 - reference)
	case info.Higher:
		return 1 - reference/max(v, reference)
	}
	return 1 - v/reference
}

// Volume returns the volume of the union of the boxes that reach from the
// origin to each point, all of whose coordinates are positive. Above two
// dimensions it slices along the last one: between two neighbouring points the
// cross-section is the same, and has one dimension less.
func Volume(points [][]float64) float64 {
	if len(points) == 0 {
		return 0
	}
	last := len(points[0]) - 1
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b []float64) int {
		switch {
		case a[last] > b[last]:
			return -1
		case a[last] < b[last]:
			return 1
		}
		return 0
	})
	if last == 0 {
		return points[0][0]
	}
	total, widest := 0.0, 0.0
	section := make([][]float64, 0, len(points)) // of the points above the current slice
	for i, p := range points {
		below := 0.0
		if i+1 < len(points) {
			below = points[i+1][last]
		}
		height := p[last] - below
		if last == 1 { // a section is a segment, as long as its longest member
			widest = max(widest, p[0])
			total += height * widest
			continue
		}
		section, _ = addMaximal(section, p[:last])
		if height > 0 {
			total += height * Volume(section)
		}
	}
	return total
}

// addMaximal adds p to points unless one of them covers it, and drops those that
// it covers: they add nothing to the union. It reports whether p was added.
func addMaximal(points [][]float64, p []float64) ([][]float64, bool) {
	if slices.ContainsFunc(points, func(q []float64) bool { return covers(q, p) }) {
		return points, false
	}
	return append(slices.DeleteFunc(points, func(q []float64) bool { return covers(p, q) }), p), true
}

func covers(a, b []float64) bool {
	for i := range a {
		if a[i] < b[i] {
			return false
		}
	}
	return true
}
