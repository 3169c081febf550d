package kernelext

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// tipLines is how much of a program fits on a chart.
const tipLines = 38

// tip describes a trial on hover, in HTML, with its program where that is wanted.
// front is the one of the study.
func (v View) tip(t trial.Trial, front []int, program bool) string {
	var b strings.Builder
	head := fmt.Sprintf("trial %d · %s · %s", t.ID, t.State, t.Proposer)
	if slices.Contains(front, t.ID) {
		head += " · on the front"
	}
	fmt.Fprintf(&b, `<div style="display:flex;gap:16px;font-size:11px;line-height:1.35;white-space:normal"><div style="max-width:310px"><b>%s</b>`, html.EscapeString(head))
	if t.Reason != "" {
		fmt.Fprintf(&b, `<div style="color:#a33;overflow-wrap:anywhere">%s</div>`, html.EscapeString(clip(t.Reason, 300)))
	}
	for _, how := range v.Objective.Differs(t.Metrics) {
		fmt.Fprintf(&b, `<div style="overflow-wrap:anywhere">%s</div>`, html.EscapeString(markOther+" "+how))
	}
	b.WriteString(v.metricRows(t))
	if line := forecast(t.Forecast); line != "" {
		fmt.Fprintf(&b, `<div>%s</div>`, html.EscapeString(line))
	}
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

// metricRows lists a trial's metrics with unit, spread and method in HTML: those
// that the study is after with all that is known of them. There are as many of
// them as trials in a page, twice, so their markup is short.
func (v View) metricRows(t trial.Trial) string {
	all := objective.MetricsOf(t)
	concerns := v.Objective.Concerns()
	var b strings.Builder
	b.WriteString(`<div style="display:grid;grid-template-columns:auto max-content auto;justify-content:start;gap:0 8px;margin:2px 0">`)
	row := func(name, value, method string) {
		fmt.Fprintf(&b, `<span>%s</span><b style="text-align:right">%s</b><span>%s</span>`, html.EscapeString(name), html.EscapeString(value), html.EscapeString(method))
	}
	if t.Effectiveness != nil {
		row("effectiveness", score(t), "")
	}
	for _, info := range trial.Ordered(maps.Keys(all)) {
		m := all[info.Metric]
		row(words(info.Metric), measured(info.Metric, all), clip(m.Method, 60))
		if more := details(info.Metric, m); len(more) > 0 && slices.Contains(concerns, info.Metric) {
			fmt.Fprintf(&b, `<div style="grid-column:1/4;padding-left:8px;color:#666">%s</div>`, html.EscapeString(strings.Join(more, "; ")))
		}
	}
	b.WriteString(`</div>`)
	return b.String()
}

// clip cuts a text after n runes.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
