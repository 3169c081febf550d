package kernelext

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Page is the study as an HTML page that needs nothing else: its charts, the
// table of its trials, and each trial explained.
func Page(v View) ([]byte, error) {
	body, err := v.html()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title></head>
<body style="font-family:sans-serif;max-width:1100px;margin:24px auto;padding:0 16px;color:%s">
<h1 style="font-size:22px">%s <small style="color:#777">on %s</small></h1>
`, html.EscapeString(v.Name), black, html.EscapeString(v.Name), html.EscapeString(v.Data))
	b.WriteString(library())
	b.WriteString(body)
	b.WriteString(`<h2 style="font-size:18px">The trials</h2>`)
	for _, t := range v.Trials {
		fmt.Fprintf(&b, `<details><summary>trial %d: %s</summary>%s</details>`, t.ID, html.EscapeString(Line(t)), trialHTML(t))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String()), nil
}

// html is the study's charts and its table, without the library.
func (v View) html() (string, error) {
	var b strings.Builder
	for _, c := range v.plots() {
		h, err := c.html()
		if err != nil {
			return "", err
		}
		b.WriteString(h)
	}
	if len(v.Trials) == 0 {
		fmt.Fprintf(&b, `<p>Study %s has no trials yet.</p>`, html.EscapeString(v.Name))
		return b.String(), nil
	}
	b.WriteString(v.htmlTable())
	for _, note := range v.Objective.MixedMethods(v.Trials) {
		fmt.Fprintf(&b, `<p style="font-size:12px">%s</p>`, html.EscapeString(note))
	}
	return b.String(), nil
}

// trialHTML explains a trial, as trialText does.
func trialHTML(t trial.Trial) string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:13px;margin:8px 0 16px">`)
	fmt.Fprintf(&b, `<b>trial %d</b> by %s: %s`, t.ID, html.EscapeString(t.Proposer), t.State)
	if t.Parent > 0 {
		fmt.Fprintf(&b, `, changed from trial %d`, t.Parent)
	}
	if t.Reason != "" {
		fmt.Fprintf(&b, `<pre style="color:#a33;white-space:pre-wrap;margin:4px 0">%s</pre>`, html.EscapeString(t.Reason))
	}
	if len(t.Commands) > 0 {
		b.WriteString(`<div style="margin-top:6px">The expert system asked:</div><ul style="margin:2px 0">`)
		for _, c := range t.Commands {
			fmt.Fprintf(&b, `<li><b>%s</b> %s: %s <span style="color:#777">(rule %s)</span></li>`,
				html.EscapeString(c.Code), html.EscapeString(c.Text), html.EscapeString(c.Reason), html.EscapeString(c.Rule))
		}
		b.WriteString(`</ul>`)
	}
	if len(t.Attempts) > 0 {
		b.WriteString(`<div style="margin-top:6px">The answers:</div><ul style="margin:2px 0">`)
		for _, a := range t.Attempts {
			outcome := "accepted"
			if a.State != trial.Complete {
				outcome = string(a.State) + ": " + a.Reason
			}
			fmt.Fprintf(&b, `<li>%d, %s: <span style="white-space:pre-wrap">%s</span></li>`, a.Turn+1, html.EscapeString(a.Proposer), html.EscapeString(clip(outcome, 600)))
		}
		b.WriteString(`</ul>`)
	}
	b.WriteString(metricRows(t))
	if t.Program != nil {
		b.WriteString(programHTML(t.Program.Source))
	}
	b.WriteString(`</div>`)
	return b.String()
}

func programHTML(source string) string {
	return fmt.Sprintf(`<pre style="font:12px/1.4 monospace;background:#f6f6f6;color:%s;padding:8px;overflow:auto">%s</pre>`,
		black, html.EscapeString(strings.TrimRight(source, "\n")))
}

// networkHTML is a network drawn, with its summary and its Mermaid text.
func networkHTML(n *arch.Network) string {
	return fmt.Sprintf(`<div style="max-height:640px;overflow:auto"><img src="data:image/svg+xml;base64,%s" alt="drawing of the network" style="max-width:none"></div>`+
		`<details><summary>layer by layer</summary><pre style="font:12px/1.4 monospace;overflow:auto">%s</pre></details>`+
		`<details><summary>as Mermaid</summary><pre style="font:12px/1.4 monospace;overflow:auto">%s</pre></details>`,
		base64.StdEncoding.EncodeToString([]byte(drawNetwork(n))), html.EscapeString(n.Summary()), html.EscapeString(n.Mermaid()))
}
