package kernelext

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// column is one column of the table of trials, the same in text and in HTML.
type column struct {
	name   string
	right  bool // numbers
	cell   func(trial.Trial) string
	metric trial.Metric // "" where it is none
	method string       // of the metric, as the study has it
}

// reasonName heads the column of how a trial ended.
const reasonName = "commands or reason"

// columns of the table: the identity, what was measured, and why.
func (v View) columns() []column {
	all := []column{
		{name: "trial", right: true, cell: v.marks()},
		{name: "state", cell: func(t trial.Trial) string { return string(t.State) + reusedMark(t) }},
		{name: "by", cell: func(t trial.Trial) string { return t.Proposer }},
		{name: "effect.", right: true, cell: score},
	}
	if v.hasRungs() {
		all = append(all, column{name: "rung", cell: reached})
	}
	add := func(name string, m trial.Metric) {
		method := v.method(m)
		all = append(all, column{name, true, func(t trial.Trial) string { return cell(t, m, method) }, m, method})
	}
	usual := []trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Latency, trial.Params, trial.TrainingTime}
	for i, name := range []string{"accuracy", "energy/sample", "latency", "params", "trained in"} {
		add(name, usual[i])
	}
	for _, m := range v.others() {
		if !slices.Contains(usual, m) {
			add(words(m), m)
		}
	}
	return append(all, column{name: reasonName, cell: func(t trial.Trial) string {
		if t.Reason != "" {
			return clip(firstLine(t.Reason), 70)
		}
		if all := chosen(t); all != "" { // of a template, on which no command is carried out
			return clip(all, 120)
		}
		return codes(t)
	}})
}

// others are the axes of the front, what is predicted for boards, and what finals found.
func (v View) others() []trial.Metric {
	found := map[trial.Metric]bool{}
	for _, m := range v.Objective.Axes {
		found[m] = true
	}
	for _, t := range v.Trials {
		for m := range t.Metrics {
			if _, board := m.Split(); board != "" || m == trial.TestAccuracy {
				found[m] = true
			}
		}
	}
	var all []trial.Metric
	for _, info := range trial.Ordered(maps.Keys(found)) {
		all = append(all, info.Metric)
	}
	return all
}

// cell writes a metric of a trial, with the method where it is not the column's.
func cell(t trial.Trial, m trial.Metric, column string) string {
	all := objective.MetricsOf(t)
	text := measured(m, all)
	if method := all[m].Method; method != "" && method != column {
		text += " [" + clip(method, 40) + "]"
	}
	return text
}

// hover is what the cell has no room for, without the note.
func (c column) hover(t trial.Trial) string {
	got, ok := objective.MetricsOf(t)[c.metric]
	if !ok {
		return ""
	}
	got.Note = ""
	parts := details(c.metric, got)
	if got.Method != "" && got.Method != c.method {
		parts = append([]string{inWords(got.Method)}, parts...)
	}
	return strings.Join(parts, "; ")
}

// marks returns what writes a trial's number with its marks: a member of the front
// (*), the most effective (!), and measured otherwise than the study states (≠).
func (v View) marks() func(trial.Trial) string {
	front, best := v.leaders()
	sign := func(sign string, has bool) string {
		if has {
			return sign
		}
		return " "
	}
	other := v.anyDiffers()
	return func(t trial.Trial) string {
		text := fmt.Sprint(t.ID) + sign("*", slices.Contains(front, t.ID)) + sign("!", t.ID == best)
		if other { // else there is no such column
			text += sign(markOther, len(v.Objective.Differs(t.Metrics)) > 0)
		}
		return text
	}
}

// textTable is the trials as aligned text, with the methods under the heads.
func (v View) textTable(columns []column) string {
	rows := [][]string{{}, {}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
		rows[1] = append(rows[1], clip(c.method, 40))
	}
	for _, t := range v.Trials {
		var row []string
		for _, c := range columns {
			row = append(row, strings.ReplaceAll(c.cell(t), "\n", " "))
		}
		rows = append(rows, row)
	}
	return aligned(rows, func(i int) bool { return columns[i].right })
}

// aligned sets rows in columns that are as wide as their widest cell.
func aligned(rows [][]string, right func(column int) bool) string {
	width := make([]int, len(rows[0]))
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
			if right(i) {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell + "  ")
		}
		if text := strings.TrimRight(line.String(), " "); text != "" {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

// htmlTable is the trials as an HTML table, with what there is to mind about it.
func (v View) htmlTable(columns []column) string {
	var b strings.Builder
	// It scrolls where it is wider than the page.
	b.WriteString(`<div style="overflow-x:auto;margin:8px 0"><table style="border-collapse:collapse;font-size:12px;margin:0"><tr>`)
	align := func(c column) string {
		if c.right {
			return "right"
		}
		return "left"
	}
	for _, c := range columns {
		fmt.Fprintf(&b, `<th%s style="text-align:%s;vertical-align:top;padding:3px 8px;border-bottom:1px solid #8888">%s<br><small style="font-weight:normal;opacity:.7">%s</small></th>`,
			titled(inWords(c.method)), align(c), html.EscapeString(c.name), html.EscapeString(clip(c.method, 40)))
	}
	b.WriteString(`</tr>`)
	for _, t := range v.noted().Trials {
		b.WriteString(`<tr>`)
		for i, c := range columns {
			title := c.hover(t)
			if c.name == "trial" {
				title = strings.Join(v.Objective.Differs(t.Metrics), "; ")
			}
			wrap := "pre-wrap"
			if c.right {
				wrap = "pre"
			} else if i == len(columns)-1 { // of texts, which would be squeezed to a word a line
				wrap = "pre-wrap;min-width:160px"
			}
			fmt.Fprintf(&b, `<td%s style="text-align:%s;padding:3px 8px;white-space:%s">%s</td>`, titled(title), align(c), wrap, html.EscapeString(c.cell(t)))
		}
		b.WriteString(`</tr>`)
	}
	fmt.Fprintf(&b, `</table></div><div style="font-size:12px;opacity:.7;white-space:pre-wrap">%s</div>`, html.EscapeString(v.legend()))
	for _, note := range append(v.notes(), v.remark()) {
		if note != "" {
			fmt.Fprintf(&b, `<div style="font-size:12px;opacity:.7;max-width:1000px">%s</div>`, html.EscapeString(note))
		}
	}
	return b.String()
}

// listHTML is a table of texts, the first row being its heads.
func listHTML(rows [][]string) string {
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:12px;margin:8px 0">`)
	for i, row := range rows {
		b.WriteString(`<tr>`)
		for _, text := range row {
			if i == 0 {
				fmt.Fprintf(&b, `<th scope="col" style="text-align:left;padding:3px 8px;border-bottom:1px solid #8888">%s</th>`, html.EscapeString(text))
				continue
			}
			fmt.Fprintf(&b, `<td style="text-align:left;vertical-align:top;padding:3px 8px;white-space:normal">%s</td>`, html.EscapeString(text))
		}
		b.WriteString(`</tr>`)
	}
	return b.String() + `</table>`
}

// titled is the attribute that shows a text on hover.
func titled(text string) string {
	if text == "" {
		return ""
	}
	return ` title="` + html.EscapeString(text) + `"`
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
