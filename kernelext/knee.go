package kernelext

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// within is the view with the complete trials that keep the limits.
func (v View) within(limits map[trial.Metric]float64) (View, error) {
	if len(limits) == 0 {
		v.Trials = v.Trials.Complete()
		return v, nil
	}
	bounds := objective.Objective{Limits: limits}
	keeps := func(t trial.Trial) bool {
		all := objective.MetricsOf(t)
		for m := range limits {
			got, ok := all[m]
			if stated := v.Objective.Methods[m]; !ok || stated != "" && got.Method != stated {
				return false
			}
		}
		return bounds.Infeasible(all) == ""
	}
	all := v.Trials.Complete()
	v.Trials = slices.DeleteFunc(slices.Clone(all), func(t trial.Trial) bool { return !keeps(t) })
	if len(v.Trials) > 0 || len(all) == 0 {
		return v, nil
	}
	var nearest []string
	for _, info := range trial.Ordered(maps.Keys(limits)) {
		if best, ok := bestBy(info.Metric, all); ok {
			nearest = append(nearest, fmt.Sprintf("the best %s is %s, of trial %d", words(info.Metric), value(best, info.Metric), best.ID))
		} else {
			nearest = append(nearest, "no trial has a "+words(info.Metric))
		}
	}
	return v, fmt.Errorf("choose: no complete trial of study %s keeps %s: %s", v.Name, limitWords(limits), strings.Join(nearest, "; "))
}

// bestBy is the trial with the best value of a metric.
func bestBy(m trial.Metric, all trial.History) (best trial.Trial, ok bool) {
	for _, t := range all {
		if _, has := objective.MetricsOf(t)[m]; has && (!ok || compareBy(m, objective.MetricsOf(t), objective.MetricsOf(best)) < 0) {
			best, ok = t, true
		}
	}
	return best, ok
}

// limitWords writes limits for people: "latency of at most 5.0 ms".
func limitWords(limits map[trial.Metric]float64) string {
	var parts []string
	for _, info := range trial.Ordered(maps.Keys(limits)) {
		side := "at most"
		if info.Higher {
			side = "at least"
		}
		parts = append(parts, fmt.Sprintf("%s of %s %s", words(info.Metric), side, objective.Format(info.Metric, limits[info.Metric])))
	}
	return strings.Join(parts, " and ")
}

// preferring is the study's objective with the wants of a preset, held against the
// first complete trial. Where the study is after a board, they are of that board.
func (v View) preferring(name string) (objective.Objective, error) {
	wants, err := objective.Preset(name)
	if err != nil {
		return objective.Objective{}, fmt.Errorf("choose: prefer: %w", err)
	}
	if boards := v.Objective.Boards(); len(boards) > 0 { // the first: a preset knows of one device
		board, err := device.Lookup(boards[0])
		if err != nil {
			return objective.Objective{}, fmt.Errorf("choose: prefer: %w", err)
		}
		wants = onBoard(wants, board)
	}
	o, err := objective.New(wants, nil)
	if err != nil {
		return o, err
	}
	o.Methods = v.Objective.Methods
	for _, t := range v.Trials.Complete() {
		o.Fix(objective.MetricsOf(t))
	}
	return o, nil
}

// weights tells how much each want counts: "accuracy 1/2, inference energy 1/3".
func weights(o objective.Objective) string {
	var parts []string
	for _, w := range o.Wants {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", words(w.Metric), 100*o.Weights()[w.Metric]))
	}
	return strings.Join(parts, ", ")
}

// favourite is the most effective member by the study's own wants, or the most
// accurate where none has a score.
func (v View) favourite(front trial.History) (trial.Trial, string) {
	if best, ok := v.Objective.Best(front); ok {
		t, _ := front.ByID(best)
		return t, fmt.Sprintf("It is the most effective of the front by what the study was asked for (%s)", weights(v.Objective))
	}
	up, _ := v.axes()
	return front[0], fmt.Sprintf("It has the best %s; no network of the front has a score by what the study was asked for", words(up))
}

// knee is the member of the front that lies furthest on the better side of the plane
// through the front's corners. See [Choose].
func (v View) knee(front trial.History) (trial.Trial, bool) {
	if len(front) < 3 {
		return trial.Trial{}, false
	}
	total := make([]float64, len(front)) // of what each member gains, 0..1 along each axis
	for _, m := range v.Objective.Axes {
		var values []float64
		for _, t := range front {
			values = append(values, objective.MetricsOf(t)[m].Value)
		}
		low, high := bounds(values)
		if low == high {
			continue
		}
		info, _ := m.Info()
		for i, x := range values {
			if info.Higher {
				total[i] += (x - low) / (high - low)
			} else {
				total[i] += (high - x) / (high - low)
			}
		}
	}
	best := 0
	for i := range total {
		if total[i] > total[best] {
			best = i
		}
	}
	const plane = 1 // the sum at every corner
	return front[best], total[best] > plane+1e-9
}

// noKnee says why a front has none.
func noKnee(front trial.History) string {
	switch len(front) {
	case 1:
		return "one network is best in everything."
	case 2:
		return "the front has two networks, and none between them."
	}
	return "no network of the front is better than a mix of its ends."
}
