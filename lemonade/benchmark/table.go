package benchmark

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// marked is a data set's name with its mark.
func marked(data, partial string) string {
	if partial == "" {
		return data
	}
	return data + " (" + partial + ")"
}

// Table is a table of a report.
type Table struct {
	Title, Note string
	Grid        [][]string // the first row is its head
}

// About says what was compared, and how.
func (r Report) About() (title, about string) {
	samples := "all training samples"
	if n := r.Budget.TrainSamples; n > 0 {
		samples = fmt.Sprintf("%d training samples", n)
	}
	rungs := ""
	if r.Rungs != "" {
		rungs = fmt.Sprintf(" in rungs (%s) but where the arm is without,", r.Rungs)
	}
	template := ""
	if r.Template != "" {
		template = fmt.Sprintf(" of the template %s", r.Template)
	}
	return "Proposers on " + marked(r.Data, r.Partial), fmt.Sprintf("%d trials%s,%s %s, epochs %d, recipe %s, %d seeds",
		r.Trials, template, rungs, samples, r.Budget.Epochs, r.Budget.Recipe, len(r.Seeds))
}

// Tables are those of the report: all arms, and each comparison.
func (r Report) Tables() []Table {
	tables := []Table{{"All arms", "Mean with 95 % interval over the seeds.", r.values()}}
	var told []string
	for _, c := range r.Comparisons {
		b := c.Baseline
		if slices.Contains(told, b) {
			continue
		}
		told = append(told, b)
		if grid := r.comparisons(b); len(grid) > 1 {
			tables = append(tables, Table{"Difference to " + r.Label(b), "In the same seeds; seeds with more / as much / less.", grid})
		}
	}
	return tables
}

// Write prints the report as aligned text, or as Markdown.
func (r Report) Write(w io.Writer, markdown bool) error {
	title, about := r.About()
	if _, err := fmt.Fprintf(w, "%s: %s.\n", title, about); err != nil {
		return err
	}
	for _, t := range r.Tables() {
		if _, err := fmt.Fprintf(w, "\n%s. %s\n\n", t.Title, t.Note); err != nil {
			return err
		}
		if err := writeGrid(w, t.Grid, markdown); err != nil {
			return err
		}
	}
	return nil
}

// values has a row for each statistic and a column for each arm.
func (r Report) values() [][]string {
	head, models, done := []string{""}, []string{"model"}, []string{"trials done"}
	for _, a := range r.Arms {
		sum := 0
		for _, n := range a.Done {
			sum += n
		}
		head = append(head, r.Label(a.Arm))
		models = append(models, cmp.Or(strings.Join(a.Models, ", "), "–"))
		done = append(done, fmt.Sprintf("%d of %d", sum, r.Trials*len(r.Seeds)))
	}
	grid := [][]string{head, models, done}
	for _, s := range r.Statistics {
		row := []string{s.Title}
		for _, a := range r.Arms {
			row = append(row, cell(s.kind, a.Values[s.Name], ""))
		}
		grid = append(grid, row)
	}
	return grid
}

// comparisons has a row for each compared statistic and a column for each arm but
// the baseline.
func (r Report) comparisons(baseline string) [][]string {
	grid := [][]string{{""}}
	for _, s := range r.Statistics {
		row := []string{s.Title}
		for _, c := range r.Comparisons {
			if c.Baseline != baseline || c.Statistic != s.Name {
				continue
			}
			if !slices.Contains(grid[0], r.Label(c.Arm)) {
				grid[0] = append(grid[0], r.Label(c.Arm))
			}
			text := cell(s.kind, c.Differences, "+")
			if c.Differences.Mean != nil {
				text += fmt.Sprintf(" %d/%d/%d", c.Wins, c.Ties, c.Losses)
			}
			row = append(row, text)
		}
		if len(row) > 1 {
			grid = append(grid, row)
		}
	}
	return grid
}

// cell writes a mean with its interval; plus is the sign of a positive number.
func cell(k kind, s Summary, plus string) string {
	if s.Mean == nil {
		return "–"
	}
	text := number(k, *s.Mean, plus)
	if k == share {
		text += " %"
	}
	if s.Low != nil && s.High != nil {
		text += fmt.Sprintf(" [%s, %s]", number(k, *s.Low, plus), number(k, *s.High, plus))
	}
	return text
}

func number(k kind, v float64, plus string) string {
	var text string
	switch {
	case k == share:
		text = strconv.FormatFloat(100*v, 'f', 0, 64)
	case k == score:
		text = strconv.FormatFloat(v, 'f', 3, 64)
	case math.Abs(v) >= 100:
		text = strconv.FormatFloat(v, 'f', 0, 64)
	default:
		text = strconv.FormatFloat(v, 'g', 3, 64)
	}
	if v > 0 {
		text = plus + text
	}
	return text
}

func writeGrid(w io.Writer, grid [][]string, markdown bool) error {
	if markdown {
		for i, row := range grid {
			if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
				return err
			}
			if i == 0 {
				if _, err := fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(row))); err != nil {
					return err
				}
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range grid {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
