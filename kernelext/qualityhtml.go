package kernelext

import (
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// html is the whole for a page.
func (q quality) html(gallery bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:13px;margin:8px 0"><b>trial %d, class by class:</b> %s <span style="opacity:.7">%s</span>`,
		q.id, html.EscapeString(q.words()), html.EscapeString(q.chance()))
	inWords, all := q.recallWords(), ""
	if n := len(q.recalls); n > recallMost {
		inWords, all = "", fmt.Sprintf(`<details style="font-size:12px"><summary>all %s classes</summary>%s</details>`, thousands(n), html.EscapeString(inWords))
	}
	fmt.Fprintf(&b, `<div style="display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start;margin:8px 0"><img src="data:image/svg+xml;base64,%s" alt="%s" style="max-width:100%%">%s</div>%s`,
		base64.StdEncoding.EncodeToString([]byte(q.bars())), html.EscapeString(barsTitle+" "+inWords), q.confusionHTML(), all)
	if gallery && q.right < q.samples {
		b.WriteString(q.gallery())
	}
	b.WriteString(`</div>`)
	return b.String()
}

// recallWords lists the recalls in words.
func (q quality) recallWords() string {
	parts := make([]string, len(q.recalls))
	for i, r := range q.recalls {
		parts[i] = q.name(r.Class) + " " + outOf(r.Right, r.Samples)
	}
	return strings.Join(parts, ", ")
}

// The layout of the recalls in pixels.
const (
	barsTitle   = "right, the worst class first (recall)"
	recallLeft  = 130 // names end there
	recallWide  = 200 // 100 %
	recallRight = 140 // room for the counts
	recallRow   = 19
	recallTop   = 44
)

// bars draws the recall of each class, with what chance leaves open: the 95 %
// interval of Wilson (1927).
func (q quality) bars() string {
	shown, rest := q.shownRecalls()
	width, bottom := recallLeft+recallWide+recallRight, recallTop+len(shown)*recallRow
	height := bottom + 24
	if rest != "" {
		height += 16
	}
	at := func(share float64) float64 { return recallLeft + recallWide*share }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif">%s<rect width="%d" height="%d" fill="%s"/>`,
		width, height, width, height, nightStyle(), width, height, paper)
	text(&b, 8, 16, "start", 13, black, `font-weight="bold"`, barsTitle)
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="%s"/>`, at(share), recallTop-4, bottom, ruled)
	}
	for i, r := range shown {
		top := float64(recallTop + i*recallRow)
		text(&b, recallLeft-8, top+12, "end", 12, black, "", clip(q.name(r.Class), 18))
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%.1f" height="13" fill="%s"/>`, recallLeft, top+1, recallWide*r.Share(), blue)
		low, high := wilson(r)
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1fM%.1f %.1fv6m%.1f 0v-6" stroke="%s" fill="none"/>`, at(low), top+7.5, at(high), at(low), top+4.5, at(high)-at(low), black)
		text(&b, recallLeft+recallWide+8, top+12, "start", 12, black, "", fmt.Sprintf("%s · %s", outOf(r.Right, r.Samples), percent(r.Share())))
	}
	all := float64(q.right) / float64(q.samples)
	fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="%s" stroke-width="1.5" stroke-dasharray="4 3"/>`, at(all), recallTop-4, bottom, vermillion)
	text(&b, at(all), recallTop-8, "middle", 11, black, "", "all "+percent(all))
	if rest != "" {
		text(&b, recallLeft, float64(bottom+16), "start", 11, faint, "", rest)
	}
	text(&b, recallLeft, float64(height-8), "start", 11, faint, "", "thin line: the 95 % interval")
	b.WriteString(`</svg>`)
	return b.String()
}

// wilson is the interval that has a proportion's true value in it 95 times of 100.
func wilson(r trial.Recall) (low, high float64) {
	const z = 1.96
	n, p := float64(r.Samples), r.Share()
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (middle-half)/(1+z*z/n)), min(1, (middle+half)/(1+z*z/n))
}

// confusionHTML is the confusion matrix as a table whose shades repeat its numbers,
// or the pairs where there are many classes.
func (q quality) confusionHTML() string {
	classes := q.classes()
	if len(classes) > matrixMost {
		return q.pairsHTML()
	}
	var b strings.Builder
	b.WriteString(`<div style="overflow-x:auto"><div style="font-weight:bold;margin-bottom:4px">what it is (row), and what the network takes it for (confusion matrix)</div>` +
		`<table style="border-collapse:separate;border-spacing:1px;font-size:12px"><tr><th></th>`)
	for _, class := range classes {
		fmt.Fprintf(&b, `<th scope="col" style="vertical-align:bottom;text-align:center;font-weight:normal"><div style="writing-mode:vertical-rl;transform:rotate(180deg);margin:auto">%s</div></th>`, html.EscapeString(clip(q.name(class), 18)))
	}
	b.WriteString(`<th scope="col" style="vertical-align:bottom;opacity:.7;font-weight:normal">in all</th></tr>`)
	matrix := q.matrix(classes)
	for i, row := range matrix {
		name := `<th scope="row" style="text-align:right;opacity:.7;font-weight:normal">in all</th>`
		if i < len(classes) {
			name = `<th scope="row" style="text-align:right;font-weight:normal">` + html.EscapeString(clip(q.name(classes[i]), 18)) + `</th>`
		}
		b.WriteString(`<tr>` + name)
		for j, n := range row {
			const style = `text-align:center;padding:3px 5px;min-width:20px`
			switch {
			case i == len(classes) || j == len(classes):
				fmt.Fprintf(&b, `<td style="%s;opacity:.7">%s</td>`, style, thousands(n))
			case n == 0:
				fmt.Fprintf(&b, `<td style="%s;opacity:.7">·</td>`, style)
			default:
				shade, weight, as := vermillion, "normal", "read as "+q.name(classes[j])
				if i == j {
					shade, weight, as = blue, "bold", "right"
				}
				share := float64(n) / float64(row[len(classes)])
				title := fmt.Sprintf("%s, %s: %s (%s)", q.name(classes[i]), as, outOf(n, row[len(classes)]), percent(share))
				fmt.Fprintf(&b, `<td%s style="%s;font-weight:%s;background-color:%s%02x">%s</td>`, titled(title), style, weight, shade, int(32+140*share), thousands(n))
			}
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`<tr><th scope="row" title="of what is taken for a class, the share that is of it" style="text-align:right;opacity:.7;font-weight:normal">precision</th>`)
	for i, class := range classes {
		fmt.Fprintf(&b, `<td style="text-align:center;padding:3px 2px;opacity:.7;font-size:11px">%s</td>`, q.precision(trial.Recall{Class: class, Right: matrix[i][i]}))
	}
	b.WriteString(`<td></td></tr></table></div>`)
	return b.String()
}

func (q quality) pairsHTML() string {
	shown, samples, rest := q.pairs()
	if len(shown) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<div style="overflow-x:auto"><div style="font-weight:bold;margin-bottom:4px">mixed up most often</div><table style="border-collapse:collapse;font-size:12px">` +
		`<tr><th scope="col" style="text-align:left">it is</th><th scope="col" style="text-align:left">taken for</th><th scope="col" style="text-align:right">times</th></tr>`)
	for _, c := range shown {
		fmt.Fprintf(&b, `<tr><td style="text-align:left;padding:2px 12px 2px 0">%s</td><td style="text-align:left;padding:2px 12px 2px 0">%s</td><td style="text-align:right;padding:2px 0">%s</td></tr>`,
			html.EscapeString(q.name(c.True)), html.EscapeString(q.name(c.Predicted)), outOf(c.Count, samples[c.True]))
	}
	fmt.Fprintf(&b, `</table><div style="opacity:.7;font-size:12px">%s</div></div>`, rest)
	return b.String()
}
