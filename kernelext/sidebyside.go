package kernelext

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func (c comparison) legend() string {
	return "✓ the better value, and those within " + sameWithin() + " of it; changes are against " + c.view.title(c.trials[0]) + c.view.mark("; on a copy of the data that is ", "")
}

// text is the comparison as plain text.
func (c comparison) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "study %s on %s\n", c.view.Name, c.view.data())
	head := []string{"", ""}
	for _, t := range c.trials {
		fmt.Fprintf(&b, "%s: %s\n", c.view.title(t), c.about(t))
		head = append(head, c.view.title(t), "", "")
	}
	table := [][]string{head}
	for _, row := range c.rows() {
		star := ""
		if row.wanted {
			star = "*"
		}
		line := []string{star, row.name}
		for _, cell := range row.cells {
			mark := ""
			if cell.best {
				mark = "✓"
			}
			line = append(line, cell.value, mark, cell.change)
		}
		table = append(table, line)
	}
	b.WriteString("\n" + aligned(table, func(i int) bool { return i >= 2 && (i-2)%3 != 1 }))
	fmt.Fprintf(&b, "* what the study is after; %s\n\n", c.legend())
	for _, line := range c.verdict() {
		b.WriteString(line + "\n")
	}
	for _, t := range c.trials[1:] {
		b.WriteString("\n" + c.programTitle(t) + "\n" + diffText(c.programDiff(t)))
	}
	return printable(b.String())
}

func source(t trial.Trial) string {
	if t.Program == nil {
		return ""
	}
	return t.Program.Source
}

func (c comparison) programDiff(t trial.Trial) []diffLine {
	return diffOf(source(c.trials[0]), source(t))
}

func (c comparison) programTitle(t trial.Trial) string {
	switch {
	case c.trials[0].Program == nil || t.Program == nil:
		return "the programs of " + c.both(t) + ": one of them has none"
	case len(c.programDiff(t)) == 0:
		return "the programs of " + c.both(t) + " are the same"
	}
	return fmt.Sprintf("from the program of %s (-) to that of %s (+)", c.view.title(c.trials[0]), c.view.title(t))
}

// both names a trial beside the first one: "trials 4 and 6".
func (c comparison) both(t trial.Trial) string {
	if c.trials[0].ID > 0 && t.ID > 0 {
		return fmt.Sprintf("trials %d and %d", c.trials[0].ID, t.ID)
	}
	return c.view.title(c.trials[0]) + " and " + c.view.title(t)
}

// html is the comparison in HTML.
func (c comparison) html() string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:13px;margin:8px 0">`)
	b.WriteString(`<table style="border-collapse:collapse;font-size:12px;margin:8px 0"><tr><th></th>`)
	for _, t := range c.trials {
		fmt.Fprintf(&b, `<th colspan="3" style="text-align:left;vertical-align:top;padding:3px 8px;border-bottom:1px solid #999;max-width:260px">%s<br><small style="font-weight:normal">%s</small></th>`,
			html.EscapeString(c.view.title(t)), html.EscapeString(clip(c.about(t), 400)))
	}
	b.WriteString(`</tr>`)
	for _, row := range c.rows() {
		weight := "normal"
		if row.wanted {
			weight = "bold"
		}
		fmt.Fprintf(&b, `<tr><th style="text-align:left;font-weight:%s;padding:2px 8px">%s</th>`, weight, html.EscapeString(row.name))
		for _, cell := range row.cells {
			mark, style := "", ""
			if cell.best {
				mark, style = "✓", ";font-weight:bold"
			}
			fmt.Fprintf(&b, `<td style="text-align:right;white-space:nowrap;padding:2px 0 2px 8px%s">%s</td><td style="padding:2px 4px;color:%s">%s</td><td style="text-align:right;white-space:nowrap;padding:2px 16px 2px 0;color:#888">%s</td>`,
				style, html.EscapeString(cell.value), green, mark, html.EscapeString(cell.change))
		}
		b.WriteString(`</tr>`)
	}
	fmt.Fprintf(&b, `</table><div style="font-size:12px;color:#888">bold: what the study is after; %s</div>`, html.EscapeString(c.legend()))
	for _, line := range c.verdict() {
		fmt.Fprintf(&b, `<div style="margin:6px 0">%s</div>`, html.EscapeString(line))
	}
	for _, t := range c.trials[1:] {
		fmt.Fprintf(&b, `<div style="margin:10px 0 4px">%s</div>`, html.EscapeString(c.programTitle(t)))
		if lines := c.programDiff(t); len(lines) > 0 {
			b.WriteString(diffHTML(lines))
		}
	}
	b.WriteString(`<div style="display:flex;gap:16px;overflow:auto;max-height:720px;margin:12px 0">`)
	for _, t := range c.trials {
		fmt.Fprintf(&b, `<div style="flex:1 1 0;min-width:280px;max-width:560px"><b>%s</b>`, html.EscapeString(c.view.title(t)))
		if t.Program == nil || t.Program.Network == nil {
			b.WriteString(`<div>no network</div></div>`)
			continue
		}
		fmt.Fprintf(&b, `<img src="data:image/svg+xml;base64,%s" alt="drawing of the network of %s" style="width:100%%;height:auto"></div>`,
			base64.StdEncoding.EncodeToString([]byte(drawNetwork(t.Program.Network))), html.EscapeString(c.view.title(t)))
	}
	b.WriteString(`</div></div>`)
	return b.String()
}
