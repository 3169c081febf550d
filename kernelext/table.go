package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// column is one column of the table of trials, the same in text and in HTML.
type column struct {
	name  string
	right bool // numbers
	cell  func(View, trial.Trial) string
}

func metricColumn(name string, m trial.Metric) column {
	return column{name, true, func(_ View, t trial.Trial) string { return value(t, m) }}
}

// columns of the table: the identity, what was measured, and why.
func (v View) columns() []column {
	all := []column{
		{"trial", true, func(v View, t trial.Trial) string { return fmt.Sprint(t.ID) + v.mark(t) }},
		{"state", false, func(_ View, t trial.Trial) string { return string(t.State) }},
		{"by", false, func(_ View, t trial.Trial) string { return t.Proposer }},
		{"effect.", true, func(_ View, t trial.Trial) string { return score(t) }},
		metricColumn("accuracy", trial.Accuracy),
		metricColumn("energy/sample", trial.InferenceEnergy),
		metricColumn("latency", trial.Latency),
		metricColumn("params", trial.Params),
		metricColumn("trained in", trial.TrainingTime),
	}
	up, right := v.axes()
	for _, m := range []trial.Metric{up, right} { // where the front has other axes
		if m != trial.Accuracy && m != trial.InferenceEnergy && m != trial.Latency && m != trial.Params && m != trial.TrainingTime {
			all = append(all, metricColumn(words(m), m))
		}
	}
	return append(all, column{"commands or reason", false, func(_ View, t trial.Trial) string {
		if t.Reason != "" {
			return clip(firstLine(t.Reason), 70)
		}
		return codes(t)
	}})
}

// mark shows a member of the front (*) and the most effective trial (!).
func (v View) mark(t trial.Trial) string {
	mark := " "
	if slices.Contains(v.Objective.Front(v.Trials), t.ID) {
		mark = "*"
	}
	if best, ok := v.Objective.Best(v.Trials); ok && best == t.ID {
		return mark + "!"
	}
	return mark + " "
}

const legend = "* on the Pareto front   ! most effective"

// textTable is the trials as aligned text.
func (v View) textTable() string {
	columns := v.columns()
	rows := [][]string{{}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
	}
	for _, t := range v.Trials {
		var row []string
		for _, c := range columns {
			row = append(row, strings.ReplaceAll(c.cell(v, t), "\n", " "))
		}
		rows = append(rows, row)
	}
	width := make([]int, len(columns))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if columns[i].right {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// htmlTable is the trials as an HTML table.
func (v View) htmlTable() string {
	columns := v.columns()
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:12px;margin:8px 0"><tr>`)
	align := func(c column) string {
		if c.right {
			return "right"
		}
		return "left"
	}
	for _, c := range columns {
		fmt.Fprintf(&b, `<th style="text-align:%s;padding:3px 8px;border-bottom:1px solid #999">%s</th>`, align(c), html.EscapeString(c.name))
	}
	b.WriteString(`</tr>`)
	for _, t := range v.Trials {
		b.WriteString(`<tr>`)
		for _, c := range columns {
			fmt.Fprintf(&b, `<td style="text-align:%s;padding:3px 8px;white-space:pre-wrap">%s</td>`, align(c), html.EscapeString(c.cell(v, t)))
		}
		b.WriteString(`</tr>`)
	}
	fmt.Fprintf(&b, `</table><div style="font-size:12px;color:#777;white-space:pre">%s</div>`, legend)
	return b.String()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
