package kernelext

import (
	"fmt"
	"html"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// adviceHead says in a line what a round is to do.
func adviceHead(a expert.Advice) string {
	var parts []string
	if a.Parent > 0 {
		parts = append(parts, fmt.Sprintf("change trial %d", a.Parent))
	}
	if a.Focus != "" {
		parts = append(parts, "work on "+a.Focus)
	}
	if a.Niche != nil {
		parts = append(parts, "asked for: "+niche(a.Niche))
	}
	if len(parts) == 0 {
		parts = append(parts, "there is no network to change: begin with a new one")
	}
	if len(a.Commands) == 0 {
		parts = append(parts, "no command")
	}
	return strings.Join(parts, "; ")
}

func adviceText(a expert.Advice) string {
	return printable("advice: " + adviceHead(a) + "\n" + askedText(a.Commands, a.Dropped))
}

func adviceHTML(a expert.Advice) string {
	return `<div style="font-size:13px;margin:8px 0"><b>Advice:</b> ` + html.EscapeString(printable(adviceHead(a))) + askedHTML(a.Commands, a.Dropped) + `</div>`
}

// askedText lists the commands of a round with the measurement behind each, and what
// was left out with the reason.
func askedText(commands []trial.Command, dropped []trial.Dropped) string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "asked: %s %s (rule %s): %s\n", c.Code, c.Text, c.Rule, c.Reason)
	}
	for _, d := range dropped {
		fmt.Fprintf(&b, "left out: %s %s (rule %s: %s): %s\n", d.Command.Code, d.Command.Text, d.Command.Rule, d.Command.Reason, d.Reason)
	}
	return b.String()
}

func askedHTML(commands []trial.Command, dropped []trial.Dropped) string {
	var b strings.Builder
	command := func(c trial.Command, reason, rule string) {
		fmt.Fprintf(&b, `<li><b>%s</b> %s: %s <span style="opacity:.7">(rule %s)</span></li>`,
			html.EscapeString(c.Code), html.EscapeString(c.Text), html.EscapeString(reason), html.EscapeString(rule))
	}
	if len(commands) > 0 {
		b.WriteString(heading("The expert system asked:"))
		for _, c := range commands {
			command(c, c.Reason, c.Rule)
		}
		b.WriteString(`</ul>`)
	}
	if len(dropped) > 0 {
		b.WriteString(heading("It left out:"))
		for _, d := range dropped {
			command(d.Command, d.Reason, d.Command.Rule+": "+d.Command.Reason)
		}
		b.WriteString(`</ul>`)
	}
	return b.String()
}
