package kernelext

import (
	"fmt"
	"html"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// diffMost is how many lines of a difference are shown.
const diffMost = 400

// diffContext is how many lines that are the same surround a change.
const diffContext = 3

// diffLine is one line of a difference: its sign is '+', '-', ' ' of a line that is
// the same, or '@' of one that tells where the next lines are.
type diffLine struct {
	sign byte
	text string
}

// diffOf is what changes from one program to another, nil where nothing does. It is
// cut off after diffMost lines.
func diffOf(before, after string) []diffLine {
	before, after = strings.TrimRight(before, "\n")+"\n", strings.TrimRight(after, "\n")+"\n"
	u, err := udiff.ToUnifiedDiff("", "", before, udiff.Lines(before, after), diffContext)
	if err != nil { // its edits are its own
		return []diffLine{{'@', err.Error()}}
	}
	var all []diffLine
	for _, h := range u.Hunks {
		all = append(all, diffLine{'@', fmt.Sprintf("line %d", h.ToLine)})
		for _, l := range h.Lines {
			all = append(all, diffLine{map[udiff.OpKind]byte{udiff.Insert: '+', udiff.Delete: '-', udiff.Equal: ' '}[l.Kind], strings.TrimRight(l.Content, "\n")})
		}
	}
	if more := len(all) - diffMost; more > 0 {
		all = append(all[:diffMost], diffLine{'@', fmt.Sprintf("and %s lines more", thousands(more))})
	}
	return all
}

func diffText(lines []diffLine) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "  %c %s\n", l.sign, l.text)
	}
	return b.String()
}

// diffHTML marks lines by a sign as well as by a colour, which lets the page's own
// shine through so that both dark and light ones can be read.
func diffHTML(lines []diffLine) string {
	var b strings.Builder
	b.WriteString(`<div style="font:12px/1.4 monospace;white-space:pre;overflow:auto;max-height:480px;border:1px solid rgba(128,128,128,.4);padding:4px 0">`)
	for _, l := range lines {
		style := map[byte]string{'+': "background:rgba(0,114,178,.18)", '-': "background:rgba(213,94,0,.18)", '@': "color:#888", ' ': ""}[l.sign]
		fmt.Fprintf(&b, `<div style="padding:0 8px;%s">%c %s</div>`, style, l.sign, html.EscapeString(l.text))
	}
	b.WriteString(`</div>`)
	return b.String()
}
