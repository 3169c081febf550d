package kernelext

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Page is the study as an HTML page that needs nothing else: its charts, the
// table of its trials, what they have cost, the lessons, and each trial explained.
func Page(v View) ([]byte, error) {
	body, err := v.html()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(pageHead(v.Name, "on "+v.data()))
	b.WriteString(library())
	b.WriteString(body)
	b.WriteString(`<h2 style="font-size:18px">The trials</h2>`)
	if remark := v.remark(); remark != "" {
		fmt.Fprintf(&b, `<p>%s</p>`, html.EscapeString(remark))
	}
	for _, t := range v.noted().Trials {
		t = v.whole(t)
		fmt.Fprintf(&b, `<details><summary>trial %d: %s</summary>%s</details>`, t.ID, html.EscapeString(Line(t)), v.trialHTML(t))
	}
	for _, t := range v.baselines() {
		fmt.Fprintf(&b, `<details><summary>%s: %s</summary>%s</details>`, html.EscapeString(v.title(t)), html.EscapeString(Line(t)), v.trialHTML(t))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String()), nil
}

// pageHead begins a page of that title.
func pageHead(title, more string) string {
	title, more = html.EscapeString(title), html.EscapeString(more)
	return fmt.Sprintf(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>:root{color-scheme:light dark}body{font-family:sans-serif;max-width:1100px;margin:24px auto;padding:0 16px;background:%s;color:%s}%s</style></head>
<body><h1 style="font-size:22px">%s <small style="opacity:.7">%s</small></h1>
`, title, paper, black, nightPage, title, more)
}

// html is the study without the library: its first chart, its table, its costs
// and its lessons, and its other charts.
func (v View) html() (string, error) {
	if len(v.Trials) == 0 {
		return fmt.Sprintf(`<p>Study %s has no trials yet.</p>`, html.EscapeString(v.Name)), nil
	}
	key, plots := newID(), v.plots()
	trials, err := v.trialsScript(key, plots...)
	if err != nil {
		return "", err
	}
	tables := v.tablesHTML() + v.trustHTML()
	var b strings.Builder
	for i, c := range plots {
		h, err := c.drawn(newID(), key)
		if err != nil {
			return "", err
		}
		b.WriteString(h)
		if i == 0 {
			b.WriteString(trials + tables)
		}
	}
	if b.Len() == 0 {
		return tables, nil
	}
	return b.String(), nil
}

// lessonsHTML is the note of lessons under its heading, "" where there is none.
func (v View) lessonsHTML() string {
	text, before := v.lessons()
	if text == "" {
		return ""
	}
	return fmt.Sprintf(`<div style="font-size:13px;margin:12px 0"><b>Lessons</b> <span style="opacity:.7">as rewritten before trial %d</span>`+
		`<div style="white-space:pre-wrap;margin:4px 0;padding:6px 12px;border-left:3px solid %s">%s</div></div>`, before, blue, html.EscapeString(text))
}

func programHTML(source string) string {
	return fmt.Sprintf(`<pre style="font:12px/1.4 monospace;background:#8881;color:inherit;padding:8px;overflow:auto">%s</pre>`,
		html.EscapeString(strings.TrimRight(source, "\n")))
}

// networkHTML is a network drawn, with its summary and its Mermaid text.
func networkHTML(n *arch.Network) string {
	return fmt.Sprintf(`<div style="max-height:640px;overflow:auto"><img src="data:image/svg+xml;base64,%s" alt="drawing of the network" style="max-width:none"></div>`+
		`<details><summary>layer by layer</summary><pre style="font:12px/1.4 monospace;overflow:auto">%s</pre></details>`+
		`<details><summary>as Mermaid</summary><pre style="font:12px/1.4 monospace;overflow:auto">%s</pre></details>`,
		base64.StdEncoding.EncodeToString([]byte(drawNetwork(n))), html.EscapeString(n.Summary()), html.EscapeString(n.Mermaid()))
}
