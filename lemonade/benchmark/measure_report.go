package benchmark

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// MeasureReport tells how repeatable the measurements of a machine are.
type MeasureReport struct {
	Data     string            `json:"data"`
	Partial  string            `json:"partial,omitempty"` // the mark of a partial copy, as in [datasets.Info.Partial]
	Times    int               `json:"times"`             // runs of each network, when all are through
	Profile  float64           `json:"profile_seconds"`   // budget of the measurement of inference; 0 is the profiler's own
	Device   string            `json:"device"`
	Engine   string            `json:"engine"`
	Load     *float64          `json:"load"`     // average over the minute before the first run; null where unknown
	Networks []MeasuredNetwork `json:"networks"` // the single one, then that of twice the work
	Rankings []Ranking         `json:"rankings"`
}

// MeasuredNetwork is one of the two networks and what was measured of it.
type MeasuredNetwork struct {
	Name    string          `json:"name"`
	Program string          `json:"program"`
	Params  int64           `json:"params"`
	MACs    int64           `json:"macs"`
	Runs    []trial.Metrics `json:"runs"` // in the order of time
	Metrics []Repeat        `json:"metrics"`
	program *arch.Program
}

// Repeat tells how well a metric of the same network repeats.
type Repeat struct {
	Metric    trial.Metric `json:"metric"`
	Runs      int          `json:"runs"` // that gave the metric
	Mean      float64      `json:"mean"`
	Variation *float64     `json:"variation"` // coefficient of variation, sample standard deviation / mean; null where it is unknown
	Claimed   *float64     `json:"claimed"`   // median of the spreads that single measurements gave, in the metric's unit; null where none did
	Methods   []string     `json:"methods"`
	Weakened  int          `json:"weakened"` // runs whose measurement named something that weakens it
	Quality   string       `json:"quality"`  // what the first of them named
}

// Ranking tells how often the network of twice the work had more of a metric.
type Ranking struct {
	Metric trial.Metric `json:"metric"`
	Pairs  int          `json:"pairs"` // i-th runs of both networks that gave the metric
	Above  int          `json:"above"` // pairs in which the double network has more
	Apart  bool         `json:"apart"` // whether every run of the double network has more than every run of the single one
	Ratio  float64      `json:"ratio"` // of the means
}

var (
	repeated = []trial.Metric{
		trial.Latency, trial.LatencyP95, trial.LatencyP99, trial.Throughput, trial.InferenceEnergy, trial.InferencePower,
		trial.TrainingEnergy, trial.TrainingTime, trial.PeakMemory,
	}
	ranked = []trial.Metric{trial.Latency, trial.InferenceEnergy}
)

// judge fills in what follows from the runs of the two networks.
func (r *MeasureReport) judge(single, double MeasuredNetwork) {
	for _, n := range []*MeasuredNetwork{&single, &double} {
		n.Metrics = []Repeat{}
		for _, m := range repeated {
			if repeat, ok := repeatOf(m, n.Runs); ok {
				n.Metrics = append(n.Metrics, repeat)
			}
		}
	}
	r.Networks, r.Rankings = []MeasuredNetwork{single, double}, []Ranking{}
	for _, m := range ranked {
		if ranking, ok := rank(m, single.Runs, double.Runs); ok {
			r.Rankings = append(r.Rankings, ranking)
		}
	}
}

// repeatOf is of the runs that gave the metric; ok is false where none did.
func repeatOf(m trial.Metric, runs []trial.Metrics) (_ Repeat, ok bool) {
	r := Repeat{Metric: m, Methods: []string{}}
	var values, spreads []float64
	for _, run := range runs {
		v, known := run[m]
		if !known {
			continue
		}
		values = append(values, v.Value)
		if v.Spread != nil {
			spreads = append(spreads, *v.Spread)
		}
		r.Methods = append(r.Methods, v.Method)
		if v.Quality != "" {
			r.Weakened++
			r.Quality = cmp.Or(r.Quality, v.Quality)
		}
	}
	if len(values) == 0 {
		return r, false
	}
	r.Runs, r.Mean = len(values), mean(values)
	if len(values) > 1 && r.Mean != 0 {
		r.Variation = ptr(deviation(values) / r.Mean)
	}
	if len(spreads) > 0 {
		slices.Sort(spreads)
		r.Claimed = ptr(quantile(spreads, 0.5))
	}
	r.Methods = distinct(r.Methods)
	return r, true
}

func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// deviation is the sample standard deviation of two values or more.
func deviation(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(values)-1))
}

// rank pairs the i-th runs; ok is false where no pair gave the metric.
func rank(m trial.Metric, single, double []trial.Metrics) (_ Ranking, ok bool) {
	r := Ranking{Metric: m}
	var small, large []float64
	for i := range min(len(single), len(double)) {
		s, known := single[i][m]
		d, too := double[i][m]
		if !known || !too {
			continue
		}
		small, large = append(small, s.Value), append(large, d.Value)
		if d.Value > s.Value {
			r.Above++
		}
	}
	if len(small) == 0 {
		return r, false
	}
	r.Pairs = len(small)
	r.Apart = slices.Min(large) > slices.Max(small)
	r.Ratio = mean(large) / mean(small)
	return r, true
}

// Write prints a report of [Measure] as aligned text, or as Markdown.
func (r MeasureReport) Write(w io.Writer, markdown bool) error {
	single, double := r.Networks[0], r.Networks[1]
	done := fmt.Sprintf("%d of %d runs of each network", len(double.Runs), r.Times)
	if len(single.Runs) != len(double.Runs) {
		done = fmt.Sprintf("%d and %d of %d runs of the two networks", len(single.Runs), len(double.Runs), r.Times)
	}
	load := ""
	if r.Load != nil {
		load = fmt.Sprintf("; load average %.1f before the first run", *r.Load)
	}
	_, err := fmt.Fprintf(w, `Measurements on %s: %s in turn, each in a process of its own; %s, %s%s.
single: %s multiply-accumulates; double: %s, %.2f times as many.
varies: sample standard deviation of the runs / their mean. claims: median of the spreads that single runs gave / the mean.

`, marked(r.Data, r.Partial), done, r.Device, r.Engine, load, objective.Format(trial.MACs, float64(single.MACs)), objective.Format(trial.MACs, float64(double.MACs)),
		float64(double.MACs)/float64(single.MACs))
	if err == nil {
		err = writeGrid(w, r.repeats(), markdown)
	}
	if err == nil {
		_, err = fmt.Fprint(w, "\nHow often the double network ranks above the single one.\n\n")
	}
	if err == nil {
		err = writeGrid(w, r.rankings(), markdown)
	}
	for _, n := range r.Networks {
		for _, m := range n.Metrics {
			if err == nil && m.Weakened > 0 {
				_, err = fmt.Fprintf(w, "\n%s of %s, %d of %d runs: %s\n", m.Metric, n.Name, m.Weakened, m.Runs, m.Quality)
			}
		}
	}
	return err
}

// repeats has a row for each metric and three columns for each network.
func (r MeasureReport) repeats() [][]string {
	head := []string{""}
	for _, n := range r.Networks {
		head = append(head, n.Name, "varies", "claims")
	}
	grid := [][]string{append(head, "method")}
	for _, m := range repeated {
		row := []string{string(m)}
		var methods []string
		for _, n := range r.Networks {
			i := slices.IndexFunc(n.Metrics, func(repeat Repeat) bool { return repeat.Metric == m })
			if i < 0 {
				row = append(row, "–", "–", "–")
				continue
			}
			repeat := n.Metrics[i]
			methods = append(methods, repeat.Methods...)
			row = append(row, objective.Format(m, repeat.Mean), perCent(repeat.Variation), perCent(relative(repeat.Claimed, repeat.Mean)))
		}
		grid = append(grid, append(row, cmp.Or(strings.Join(distinct(methods), ", "), "unknown")))
	}
	return grid
}

func (r MeasureReport) rankings() [][]string {
	grid := [][]string{{"", "in pairs of runs", "every run above every run", "double / single"}}
	for _, m := range ranked {
		row := []string{string(m), "–", "–", "–"}
		if i := slices.IndexFunc(r.Rankings, func(ranking Ranking) bool { return ranking.Metric == m }); i >= 0 {
			a := r.Rankings[i]
			row = []string{string(m), fmt.Sprintf("%d of %d", a.Above, a.Pairs), map[bool]string{true: "yes", false: "no"}[a.Apart], fmt.Sprintf("%.2f", a.Ratio)}
		}
		grid = append(grid, row)
	}
	return grid
}

// relative is v as a share of the whole, nil where it is unknown.
func relative(v *float64, whole float64) *float64 {
	if v == nil || whole == 0 {
		return nil
	}
	return ptr(*v / whole)
}

func perCent(share *float64) string {
	if share == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100**share)
}
