package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

// SearchPage is a comparison of search strategies as an HTML page that needs nothing
// else: a chart of each measure over the evaluations, beside the true front's, and
// its tables.
func SearchPage(r benchmark.SearchReport) ([]byte, error) {
	tables := []section{{"Median [quartiles]", "", r.Grid()}}
	if grid := r.Differences(); len(grid) > 1 {
		tables = append(tables, section{"Differences seed by seed", "Mean [95 % interval], and seeds in which the strategy is better / as good / worse.", grid})
	}
	title := fmt.Sprintf("%s against %s", r.Table.Accuracy, r.Table.Cost)
	return benchmarkPage(title, fmt.Sprintf("%d architectures, %d searches of each strategy", r.Table.Architectures, len(r.Seeds)), searchCharts(r), tables)
}

// SearchPictures are the page's charts as SVG, by the names of their files.
func SearchPictures(r benchmark.SearchReport) map[string]string { return pictures(searchCharts(r)) }

// searchMeasure is one of the measures, as the page tells of it.
type searchMeasure struct {
	name, title, note string
	unit              string
	truth             float64 // of the true front
}

func searchMeasures(r benchmark.SearchReport) []searchMeasure {
	return []searchMeasure{
		{"hypervolume", "hypervolume", "The share of the box up to the largest error and cost of the table that is dominated.", "", r.FrontHypervolume},
		{"second_hypervolume", "second hypervolume", fmt.Sprintf("The share of the box up to %.4g %% error and a cost of %.4g that is dominated.", r.Second.Error, r.Second.Cost), "", r.Front.SecondHypervolume},
		{"best_accuracy", "best accuracy", "Of what was evaluated.", " [%]", r.Front.BestAccuracy},
		{"igd_plus", "IGD+", "The mean distance from the true front, which is at 0. Less is better.", "", 0},
	}
}

// searchCharts are two charts of each measure.
func searchCharts(r benchmark.SearchReport) (all []chart) {
	for _, m := range searchMeasures(r) {
		for _, c := range []chart{m.medians(r), m.quartiles(r)} {
			c.view.Name = "search"
			all = append(all, c)
		}
	}
	return all
}

// medians is how the searches went on.
func (m searchMeasure) medians(r benchmark.SearchReport) chart {
	c := chart{Name: strings.ReplaceAll(m.name, "_", "-"), Title: m.title + ", medians over the seeds", Note: m.note}
	values := []float64{m.truth}
	for i, name := range r.Order {
		line := armMarks[i%len(armMarks)]
		line.Name, line.Size, line.Line = name, 9, true
		for j, n := range r.Curves[name].Evaluations {
			q, ok := r.Curves[name].At[j][m.name]
			if !ok || n*8 < r.Evaluations { // so early all are far off
				continue
			}
			values = append(values, q.Median)
			line.Points = append(line.Points, point{X: float64(n), Y: q.Median, Tip: quartileTip(name, n, q)})
		}
		c.add(line)
	}
	c.X = upToAxis(float64(r.Evaluations))
	c.X.Name = "evaluations"
	c.Y = span(slices.Min(values), slices.Max(values))
	c.Y.Name = m.title + m.unit
	c.add(m.trueFront(point{X: 0, Y: m.truth}, point{X: c.X.Max, Y: m.truth}))
	return c
}

// quartiles is what they had found after some numbers of evaluations.
func (m searchMeasure) quartiles(r benchmark.SearchReport) chart {
	c := chart{Name: strings.ReplaceAll(m.name, "_", "-") + "-quartiles", Title: m.title + ", quartiles and median over the seeds", Note: m.note, Left: 150}
	medians := series{Name: "median", Color: black, Symbol: "diamond", Size: 9}
	values := []float64{m.truth}
	bars := map[string]*series{}
	var rows []string
	for _, n := range r.Checkpoints() {
		for i, name := range r.Order {
			q := r.Strategies[name][strconv.Itoa(n)][m.name]
			values = append(values, q.Q1, q.Q3)
			rows = append(rows, fmt.Sprintf("%d %s", n, name))
			if bars[name] == nil {
				bars[name] = &series{Name: name, Color: armMarks[i%len(armMarks)].Color, Symbol: "bar"}
			}
			y, tip := float64(len(rows)), quartileTip(name, n, q)
			bars[name].Points = append(bars[name].Points, point{X: q.Q1, X1: q.Q3, Y: y, Tip: tip})
			medians.Points = append(medians.Points, point{X: q.Median, Y: y, Tip: tip})
		}
	}
	for _, name := range r.Order {
		c.add(*bars[name])
	}
	c.add(medians)
	c.X, c.Y = span(slices.Min(values), slices.Max(values)), rowAxis("", rows)
	c.X.Name = m.title + m.unit
	c.add(m.trueFront(point{X: m.truth, Y: c.Y.Min}, point{X: m.truth, Y: c.Y.Max}))
	return c
}

// trueFront is a line.
func (m searchMeasure) trueFront(from, to point) series {
	return series{Name: "true front", Color: grey, Symbol: "none", Line: true, Dashed: true, Points: []point{from, to}}
}

func quartileTip(name string, n int, q benchmark.Quartiles) string {
	return fmt.Sprintf("%s after %d evaluations<br>median %s, quartiles %s to %s", html.EscapeString(name), n, short(q.Median), short(q.Q1), short(q.Q3))
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
