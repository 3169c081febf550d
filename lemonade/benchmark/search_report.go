package benchmark

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/tabular"
)

// SearchReport is a comparison of strategies on a table.
type SearchReport struct {
	Table            SearchTable                      `json:"table"`
	Evaluations      int                              `json:"evaluations"` // of each search
	Seeds            []int64                          `json:"seeds"`
	FrontHypervolume float64                          `json:"front_hypervolume"`
	Front            SearchFront                      `json:"front"`
	Second           SecondReference                  `json:"second_reference"`
	Order            []string                         `json:"order"`      // of the strategies
	Strategies       map[string]map[string]Checkpoint `json:"strategies"` // by name and number of evaluations
	Curves           map[string]Curve                 `json:"curves"`     // by name
	Values           map[string]map[string]Values     `json:"values"`     // by name and number of evaluations
	Comparisons      []Comparison                     `json:"comparisons"`
}

// SearchTable says what was searched.
type SearchTable struct {
	Accuracy      string `json:"accuracy"` // header of its column
	Cost          string `json:"cost"`
	Architectures int    `json:"architectures"`
}

// SearchFront is the true front.
type SearchFront struct {
	Points            int     `json:"points"` // that are different
	BestAccuracy      float64 `json:"best_accuracy"`
	SecondHypervolume float64 `json:"second_hypervolume"`
}

// SecondReference is the second reference point.
type SecondReference struct {
	Error float64 `json:"error"` // per cent
	Cost  float64 `json:"cost"`  // in the unit of the column
}

// Checkpoint is what the searches had found after a number of evaluations, by the
// name of what is measured.
type Checkpoint map[string]Quartiles

// Quartiles tell a value over the seeds.
type Quartiles struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
}

// Values are those behind a [Checkpoint], in the order of the seeds.
type Values map[string][]float64

// Curve is how the searches went on.
type Curve struct {
	Evaluations []int        `json:"evaluations"`
	At          []Checkpoint `json:"at"`
}

// measures are what is told of the front that a search has found.
var measures = []struct {
	name, title string
	digits      int
	fewer       bool // less is better
	of          func(quality) float64
}{
	{"hypervolume", "hypervolume", 4, false, func(q quality) float64 { return q.Hypervolume }},
	{"best_accuracy", "best accuracy [%]", 2, false, func(q quality) float64 { return q.BestAccuracy }},
	{"second_hypervolume", "second hypervolume", 4, false, func(q quality) float64 { return q.Second }},
	{"igd_plus", "IGD+", 4, true, func(q quality) float64 { return q.IGDPlus }},
}

// searchCheckpoints are the numbers of evaluations that are reported.
func searchCheckpoints(evaluations int) []int {
	all := slices.DeleteFunc([]int{25, 50, 100, 200}, func(n int) bool { return n >= evaluations })
	return append(all, evaluations)
}

// Checkpoints are the numbers of evaluations that are reported.
func (r SearchReport) Checkpoints() []int { return searchCheckpoints(r.Evaluations) }

// curvePoints is how many points of a curve are kept at most.
const curvePoints = 40

// report makes the report on the searches, by strategy and seed.
func (s scale) report(t *tabular.Table, o SearchOptions, searches map[string][][]quality) SearchReport {
	truth := s.quality(s.front)
	r := SearchReport{
		Table:       SearchTable{t.Accuracy, t.Cost, len(t.Rows)},
		Evaluations: o.Evaluations, Seeds: o.Seeds, FrontHypervolume: truth.Hypervolume,
		Front:      SearchFront{len(s.front), truth.BestAccuracy, truth.Second},
		Second:     SecondReference{s.second.Error * s.worst.Error, s.second.Cost * s.worst.Cost},
		Strategies: map[string]map[string]Checkpoint{}, Curves: map[string]Curve{}, Values: map[string]map[string]Values{},
	}
	for _, a := range o.Strategies {
		name := a.String()
		r.Order = append(r.Order, name)
		r.Strategies[name], r.Values[name] = map[string]Checkpoint{}, map[string]Values{}
		for _, n := range searchCheckpoints(o.Evaluations) {
			key := strconv.Itoa(n)
			r.Strategies[name][key], r.Values[name][key] = checkpoint(searches[name], n)
		}
		var c Curve
		for i := range curvePoints {
			n := (i + 1) * o.Evaluations / curvePoints
			if n == 0 || slices.Contains(c.Evaluations, n) {
				continue
			}
			at, _ := checkpoint(searches[name], n)
			c.Evaluations, c.At = append(c.Evaluations, n), append(c.At, at)
		}
		r.Curves[name] = c
	}
	r.compare()
	return r
}

// checkpoint summarises the searches as they were after n evaluations.
func checkpoint(searches [][]quality, n int) (Checkpoint, Values) {
	c, v := Checkpoint{}, Values{}
	for _, m := range measures {
		var values []float64
		for _, s := range searches {
			values = append(values, digits(m.of(s[n-1])))
		}
		v[m.name], c[m.name] = values, quartiles(values)
	}
	return c, v
}

func quartiles(values []float64) Quartiles {
	sorted := slices.Sorted(slices.Values(values))
	return Quartiles{Median: digits(quantile(sorted, 0.5)), Q1: digits(quantile(sorted, 0.25)), Q3: digits(quantile(sorted, 0.75))}
}

// digits takes the noise of floating point away.
func digits(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// compare holds each strategy against random, and against itself with a part
// switched off, seed by seed.
func (r *SearchReport) compare() {
	r.Comparisons = []Comparison{}
	for _, name := range r.Order {
		for _, baseline := range r.Order {
			if name == baseline || baseline != "random" && !strings.HasPrefix(baseline, name+"-") {
				continue
			}
			for _, n := range r.Checkpoints() {
				key := strconv.Itoa(n)
				a, b := r.Values[name][key], r.Values[baseline][key]
				for _, m := range measures {
					c := pairs(a[m.name], b[m.name], m.fewer)
					c.Arm, c.Baseline, c.Statistic = name, baseline, fmt.Sprintf("%s_%d", m.name, n)
					r.Comparisons = append(r.Comparisons, c)
				}
			}
		}
	}
}

// pairs compares values of the same seeds.
func pairs(a, b []float64, fewer bool) (c Comparison) {
	var differences []*float64
	for i := range min(len(a), len(b)) {
		d := digits(a[i] - b[i])
		differences = append(differences, &d)
		switch {
		case fewer && d < -tie, !fewer && d > tie:
			c.Wins++
		case d < -tie, d > tie:
			c.Losses++
		default:
			c.Ties++
		}
	}
	c.Differences = summarise(differences)
	return c
}

// Add takes the strategies of another report on the same table and as many
// evaluations into this one, such as those that a script of another library ran.
func (r *SearchReport) Add(other SearchReport) error {
	switch {
	case other.Table != r.Table:
		return fmt.Errorf("it is of %+v, and this comparison of %+v: run both on the same table", other.Table, r.Table)
	case math.Abs(other.FrontHypervolume-r.FrontHypervolume) > tie || math.Abs(other.Front.SecondHypervolume-r.Front.SecondHypervolume) > tie:
		return fmt.Errorf("its true front has the hypervolumes %v and %v, and this one's %v and %v: run both on the same table",
			other.FrontHypervolume, other.Front.SecondHypervolume, r.FrontHypervolume, r.Front.SecondHypervolume)
	case other.Evaluations != r.Evaluations || !slices.Equal(other.Seeds, r.Seeds):
		return fmt.Errorf("it has %d evaluations of %d seeds, and this comparison %d of %d: run both with the same", other.Evaluations, len(other.Seeds), r.Evaluations, len(r.Seeds))
	}
	for _, name := range other.Order {
		if slices.Contains(r.Order, name) {
			return fmt.Errorf("the strategy %s is there already: leave it out of one of the two", name)
		}
		for _, n := range r.Checkpoints() {
			v := other.Values[name][strconv.Itoa(n)]
			for _, m := range measures {
				if got := len(v[m.name]); got != len(r.Seeds) {
					return fmt.Errorf("the strategy %s has %d values of %s after %d evaluations, not %d: write the file anew", name, got, m.name, n, len(r.Seeds))
				}
			}
		}
		r.Order = append(r.Order, name)
		r.Strategies[name], r.Curves[name], r.Values[name] = other.Strategies[name], other.Curves[name], other.Values[name]
	}
	r.compare()
	return nil
}

// ReadSearch reads a report that was written as JSON.
func ReadSearch(file string) (SearchReport, error) {
	var r SearchReport
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: it is no report of a search: %w", file, err)
	}
	if len(r.Order) == 0 {
		return r, errors.New(file + ": it is no report of a search: it has no strategies")
	}
	return r, nil
}

// Write prints the report as aligned text, or as Markdown.
func (r SearchReport) Write(w io.Writer, markdown bool) error {
	head := fmt.Sprintf("%s against %s: %d architectures, %d seeds. Median [quartiles].", r.Table.Accuracy, r.Table.Cost, r.Table.Architectures, len(r.Seeds))
	if _, err := fmt.Fprintf(w, "%s\n\n", head); err != nil {
		return err
	}
	if err := writeGrid(w, r.Grid(), markdown); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\nHypervolume: as a share of the box up to the largest error and cost of the table; second hypervolume: up to %.4g %% error and a cost of %.4g.\n",
		r.Second.Error, r.Second.Cost); err != nil {
		return err
	}
	grid := r.Differences()
	if len(grid) == 1 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\nDifferences seed by seed: mean [95 %% interval], seeds in which it is better / as good / worse.\n\n"); err != nil {
		return err
	}
	return writeGrid(w, grid, markdown)
}

// Grid is the table of the report, with its head.
func (r SearchReport) Grid() [][]string {
	head := []string{"evaluations", "strategy"}
	for _, m := range measures {
		head = append(head, m.title)
	}
	grid := [][]string{head}
	for _, n := range r.Checkpoints() {
		for _, name := range r.Order {
			c := r.Strategies[name][strconv.Itoa(n)]
			row := []string{strconv.Itoa(n), name}
			for _, m := range measures {
				q := c[m.name]
				row = append(row, fmt.Sprintf("%.*f [%.*f, %.*f]", m.digits, q.Median, m.digits, q.Q1, m.digits, q.Q3))
			}
			grid = append(grid, row)
		}
	}
	return append(grid, []string{"all", "true front", fmt.Sprintf("%.4f", r.FrontHypervolume), fmt.Sprintf("%.2f", r.Front.BestAccuracy), fmt.Sprintf("%.4f", r.Front.SecondHypervolume), "0"})
}

// Differences is the table of the paired differences, with its head.
func (r SearchReport) Differences() [][]string {
	head := []string{"evaluations", "strategy"}
	for _, m := range measures {
		head = append(head, m.title)
	}
	grid := [][]string{head}
	for _, n := range r.Checkpoints() {
		rows := map[string][]string{}
		var order []string
		for _, c := range r.Comparisons {
			title := c.Arm + " − " + c.Baseline
			for _, m := range measures {
				if c.Statistic != fmt.Sprintf("%s_%d", m.name, n) || c.Differences.Mean == nil {
					continue
				}
				if rows[title] == nil {
					rows[title], order = []string{strconv.Itoa(n), title}, append(order, title)
				}
				text := fmt.Sprintf("%+.*f", m.digits, *c.Differences.Mean)
				if c.Differences.Low != nil {
					text += fmt.Sprintf(" [%+.*f, %+.*f]", m.digits, *c.Differences.Low, m.digits, *c.Differences.High)
				}
				rows[title] = append(rows[title], fmt.Sprintf("%s %d/%d/%d", text, c.Wins, c.Ties, c.Losses))
			}
		}
		for _, title := range order {
			grid = append(grid, rows[title])
		}
	}
	return grid
}
