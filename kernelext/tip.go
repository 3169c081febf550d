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

// How much of a program fits on a chart, and how much of it is worth to embed
// beside one: the whole is in the record.
const (
	tipLines, tipWidth   = 38, 110
	cardLines, cardWidth = 400, 400
)

// head is a text down to some lines, each down to some characters.
func head(text string, lines, width int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	more := len(all) - lines
	all = all[:min(len(all), lines)]
	for i := range all {
		all[i] = clip(all[i], width)
	}
	if more > 0 {
		all = append(all, fmt.Sprintf("… and %d lines more", more))
	}
	return strings.Join(all, "\n")
}

// shortened returns the trial with no more than a card beside a chart has.
func shortened(t trial.Trial) trial.Trial {
	t.Quality = nil
	if t.Program != nil {
		program := *t.Program
		program.Source = head(program.Source, cardLines, cardWidth)
		t.Program = &program
	}
	return t
}

// tip describes a trial on hover, in HTML. front is the one of the study.
func (v View) tip(t trial.Trial, front []int) string {
	var b strings.Builder
	title := fmt.Sprintf("%s · %s · %s", v.title(t), t.State, t.Proposer)
	if slices.Contains(front, t.ID) {
		title += " · on the front"
	}
	fmt.Fprintf(&b, `<div style="display:flex;gap:16px;font-size:11px;line-height:1.35;white-space:normal"><div style="width:320px;flex:none"><b>%s</b>`, html.EscapeString(title))
	if t.Reason != "" {
		fmt.Fprintf(&b, `<div style="color:%s;overflow-wrap:anywhere">%s</div>`, vermillion, html.EscapeString(clip(t.Reason, 300)))
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
	if t.Program != nil {
		fmt.Fprintf(&b, `<pre style="margin:0;font:10px/1.25 monospace;white-space:pre;background:none;color:inherit">%s</pre>`,
			html.EscapeString(head(t.Program.Source, tipLines, tipWidth)))
	}
	b.WriteString(`</div>`)
	return b.String()
}

// shortTip describes a trial of many on hover, in HTML.
func (v View) shortTip(t trial.Trial) string {
	return fmt.Sprintf(`<div style="font-size:11px;line-height:1.35;max-width:320px;white-space:normal"><b>trial %d · %s</b><div>%s</div></div>`,
		t.ID, html.EscapeString(t.Proposer), html.EscapeString(Line(t)))
}

// metricRows lists a trial's metrics with unit, spread and method in HTML: those
// that the study is after with all that is known of them.
func (v View) metricRows(t trial.Trial) string {
	all := objective.MetricsOf(t)
	concerns := v.Objective.Concerns()
	var b strings.Builder
	b.WriteString(`<div style="display:grid;grid-template-columns:max-content max-content 1fr;gap:0 8px;margin:2px 0">`)
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
			fmt.Fprintf(&b, `<div style="grid-column:1/4;padding-left:8px;opacity:.75;overflow-wrap:anywhere">%s</div>`, html.EscapeString(strings.Join(more, "; ")))
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
