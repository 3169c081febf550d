package kernelext

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// expectation is one metric of a plan's expected effects beside what was measured.
type expectation struct {
	metric   string
	expected string // as the proposer said it
	measured string // "41.2 % → 44.6 %"
	change   string // relative, "+8.3 %"; "unknown" where either value is
	mark     string // ✓ it came true, ✗ it did not, "–" nobody can tell
}

// accepted returns the attempt whose program the trial has.
func accepted(t trial.Trial) (trial.Attempt, bool) {
	for _, a := range slices.Backward(t.Attempts) {
		if a.State == trial.Complete {
			return a, true
		}
	}
	return trial.Attempt{}, false
}

// expectations compares what a plan expected with what came of it, by
// [trial.Effect]. Without a parent there is nothing to compare.
func expectations(plan *trial.Plan, t trial.Trial, parent *trial.Trial) []expectation {
	if plan == nil {
		return nil
	}
	var before trial.Metrics
	if parent != nil {
		if p, child, ok := trial.Common(*parent, t); ok {
			before, t = objective.MetricsOf(p), child
		}
	}
	after := objective.MetricsOf(t)
	var rows []expectation
	for _, m := range inOrder(plan.Expected) {
		e := expectation{metric: clip(words(m), 40), expected: clip(plan.Expected[m], 40), measured: "–", change: "unknown", mark: "–"}
		if effect, ok := trial.Effect(m, before, after); ok {
			was, is := before[m].Value, after[m].Value
			e.measured = measured(m, before) + " → " + measured(m, after)
			e.change = "from 0"
			if was == is {
				e.change = "none"
			} else if was != 0 {
				e.change = fmt.Sprintf("%+.1f %%", 100*(is-was)/math.Abs(was))
			}
			from, to := before[m].Method, after[m].Method
			switch {
			case from != to && from != "" && to != "": // by two methods: they do not compare
				e.measured += " (" + clip(from, 40) + " → " + clip(to, 40) + ")"
			case e.expected == effect:
				e.mark = "✓"
			case slices.Contains([]string{trial.Up, trial.Down, trial.Same}, e.expected):
				e.mark = "✗"
			}
		}
		rows = append(rows, e)
	}
	return rows
}

// inOrder lists the metrics as they are always shown, and then those that are none.
func inOrder(expected map[trial.Metric]string) []trial.Metric {
	var all []trial.Metric
	for _, info := range trial.Ordered(maps.Keys(expected)) {
		all = append(all, info.Metric)
	}
	for _, m := range slices.Sorted(maps.Keys(expected)) {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// sameRule tells a reader what the marks count as unchanged.
func sameRule() string {
	return fmt.Sprintf("less than %.0f %% is the same", 100*trial.SameWithin)
}

// planText is a plan as text, with its expectations against the parent.
func planText(plan *trial.Plan, t trial.Trial, parent *trial.Trial) string {
	if plan == nil {
		return ""
	}
	var b strings.Builder
	if plan.Rationale != "" {
		fmt.Fprintf(&b, "plan: %s\n", indent(clip(plan.Rationale, 1000), "  "))
	}
	for _, change := range plan.Changes {
		fmt.Fprintf(&b, "  change: %s\n", indent(clip(change, 400), "    "))
	}
	rows := expectations(plan, t, parent)
	if parent == nil {
		var parts []string
		for _, e := range rows {
			parts = append(parts, e.metric+" "+e.expected)
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, "expected: %s\n", strings.Join(parts, ", "))
		}
		return b.String()
	}
	if len(rows) > 0 {
		fmt.Fprintf(&b, "expected against measured, from trial %d (%s):\n", parent.ID, sameRule())
	}
	for _, e := range rows {
		fmt.Fprintf(&b, "  %s %-18s %-5s %9s   %s\n", e.mark, e.metric, e.expected, e.change, e.measured)
	}
	return b.String()
}

// planHTML is planText in HTML.
func planHTML(plan *trial.Plan, t trial.Trial, parent *trial.Trial) string {
	if plan == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<div style="margin-top:6px">The plan of the accepted answer:</div><div style="margin:2px 0 2px 24px">`)
	fmt.Fprintf(&b, `<div style="white-space:pre-wrap">%s</div>`, html.EscapeString(clip(plan.Rationale, 1000)))
	if len(plan.Changes) > 0 {
		b.WriteString(`<ul style="margin:2px 0;padding-left:18px">`)
		for _, change := range plan.Changes {
			fmt.Fprintf(&b, `<li style="white-space:pre-wrap">%s</li>`, html.EscapeString(clip(change, 400)))
		}
		b.WriteString(`</ul>`)
	}
	side := func(column int) string {
		if column == 2 { // the change, a number
			return "right"
		}
		return "left"
	}
	rows := expectations(plan, t, parent)
	if len(rows) > 0 {
		heads := []string{"metric", "expected"}
		if parent != nil {
			heads = append(heads, "change", fmt.Sprintf("from trial %d", parent.ID), "")
		}
		b.WriteString(`<table style="border-collapse:collapse;font-size:12px;margin:4px 0"><tr>`)
		for i, head := range heads {
			fmt.Fprintf(&b, `<th style="text-align:%s;padding:1px 12px 1px 0;border-bottom:1px solid #8888">%s</th>`, side(i), head)
		}
		b.WriteString(`</tr>`)
		for _, e := range rows {
			color := map[string]string{"✓": green, "✗": vermillion}[e.mark]
			cells := []string{e.metric, e.expected, e.change, e.measured, e.mark}[:len(heads)]
			b.WriteString(`<tr>`)
			for i, cell := range cells {
				style := "text-align:" + side(i)
				if i == 4 && color != "" {
					style += ";font-weight:bold;color:" + color
				}
				fmt.Fprintf(&b, `<td style="%s;padding:1px 12px 1px 0">%s</td>`, style, html.EscapeString(cell))
			}
			b.WriteString(`</tr>`)
		}
		b.WriteString(`</table>`)
		if parent != nil {
			fmt.Fprintf(&b, `<div style="font-size:11px;opacity:.7">%s</div>`, sameRule())
		}
	}
	b.WriteString(`</div>`)
	return b.String()
}
