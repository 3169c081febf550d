package kernelext

import (
	"fmt"
	"html"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// suggestion is one of the three networks to choose from.
type suggestion struct {
	title string // "smallest", or several where it is several
	why   string
	trial trial.Trial
}

// suggestions are the front's ends and what lies between them, each network once.
func (v View) suggestions() []suggestion {
	front := v.members()
	if len(front) == 0 {
		return nil
	}
	up, right := v.axes()
	small, _ := bestBy(right, front)
	middle, ok := v.knee(front)
	between := "the knee of the front"
	if !ok {
		middle, _ = v.favourite(front)
		between = "most effective of the front by what the study was asked for"
	}
	top := "most accurate"
	if up != trial.Accuracy {
		top = "best " + words(up)
	}
	var all []suggestion
	for _, s := range []suggestion{
		{"smallest", "best " + words(right) + " of the front", small},
		{"balanced", between, middle},
		{top, "best " + words(up) + " of the front", front[0]},
	} {
		if n := len(all) - 1; n >= 0 && all[n].trial.ID == s.trial.ID {
			all[n].title += ", " + s.title
			all[n].why += "; " + s.why
			continue
		}
		all = append(all, s)
	}
	return all
}

// cardsText is the networks to choose from as text.
func (v View) cardsText(place string) string {
	all := v.suggestions()
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("to choose from:\n")
	for _, s := range all {
		fmt.Fprintf(&b, "  %s: trial %d, %s\n    %s\n    %s\n", s.title, s.trial.ID, v.inBrief(s.trial), s.why, useLine(v.Name, s.trial.ID, place))
	}
	return printable(b.String())
}

// cardsHTML is the networks to choose from as cards.
func (v View) cardsHTML(place string) string {
	var b strings.Builder
	b.WriteString(`<div style="display:flex;flex-wrap:wrap;gap:12px;margin:12px 0">`)
	for i, s := range v.suggestions() {
		color := []string{blue, green, orange}[i]
		fmt.Fprintf(&b, `<div style="flex:1 1 220px;max-width:320px;border:1px solid rgba(128,128,128,.5);border-top:5px solid %s;border-radius:6px;padding:8px 12px">`, color)
		fmt.Fprintf(&b, `<div style="font-weight:bold;font-size:15px">%s</div>`, html.EscapeString(s.title))
		for part := range strings.SplitSeq(v.inBrief(s.trial), " · ") {
			fmt.Fprintf(&b, `<div style="font-size:14px">%s</div>`, html.EscapeString(part))
		}
		fmt.Fprintf(&b, `<div style="font-size:12px;color:#888;margin-top:4px">trial %d: %s</div>`, s.trial.ID, html.EscapeString(s.why))
		b.WriteString(useHTML(v.Name, s.trial.ID, place) + `</div>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}
