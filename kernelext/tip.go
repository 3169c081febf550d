package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// tipLines is how much of a program fits on a chart.
const tipLines = 38

// tip describes a trial on hover, in HTML, with its program where that is wanted.
func (v View) tip(t trial.Trial, program bool) string {
	var b strings.Builder
	head := fmt.Sprintf("trial %d · %s · %s", t.ID, t.State, t.Proposer)
	if slices.Contains(v.Objective.Front(v.Trials), t.ID) {
		head += " · on the front"
	}
	fmt.Fprintf(&b, `<div style="display:flex;gap:16px;font-size:11px;line-height:1.35;white-space:normal"><div style="max-width:290px"><b>%s</b>`, html.EscapeString(head))
	if t.Reason != "" {
		fmt.Fprintf(&b, `<div style="color:#a33;overflow-wrap:anywhere">%s</div>`, html.EscapeString(clip(t.Reason, 300)))
	}
	b.WriteString(metricRows(t))
	if len(t.Commands) > 0 {
		fmt.Fprintf(&b, `<div>asked for: %s</div>`, html.EscapeString(codes(t)))
	}
	b.WriteString(`</div>`)
	if program && t.Program != nil {
		lines := strings.Split(strings.TrimRight(t.Program.Source, "\n"), "\n")
		more := ""
		if len(lines) > tipLines {
			more = fmt.Sprintf("\n… and %d lines more", len(lines)-tipLines)
			lines = lines[:tipLines]
		}
		for i := range lines {
			lines[i] = clip(lines[i], 110)
		}
		fmt.Fprintf(&b, `<pre style="margin:0;font:10px/1.25 monospace;white-space:pre">%s%s</pre>`, html.EscapeString(strings.Join(lines, "\n")), more)
	}
	b.WriteString(`</div>`)
	return b.String()
}

// metricRows lists a trial's metrics with unit, spread and method, as an HTML table.
func metricRows(t trial.Trial) string {
	all := objective.MetricsOf(t)
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:11px;margin:2px 0">`)
	row := func(name, value, method string) {
		fmt.Fprintf(&b, `<tr><td style="text-align:left;padding:0 8px 0 0">%s</td><td style="text-align:right;padding:0 8px 0 0"><b>%s</b></td><td style="text-align:left;padding:0;color:#777">%s</td></tr>`,
			html.EscapeString(name), html.EscapeString(value), html.EscapeString(method))
	}
	if t.Effectiveness != nil {
		row("effectiveness", score(t), "")
	}
	for _, info := range trial.MetricInfos {
		if m, ok := all[info.Metric]; ok {
			row(words(info.Metric), measured(info.Metric, m), m.Method)
		}
	}
	b.WriteString(`</table>`)
	return b.String()
}

// measured writes a measurement with its spread: "5.0 mJ ± 0.2 mJ".
func measured(metric trial.Metric, m trial.Measurement) string {
	text := objective.Format(metric, m.Value)
	if m.Spread != nil {
		text += " ± " + objective.Format(metric, *m.Spread)
	}
	return text
}

// clip cuts a text after n runes.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
