package kernelext

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// svg draws the chart as a still picture, laid out as the live chart is.
func (c chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="%s">`,
		chartWidth, c.height(), chartWidth, c.height(), black)
	fmt.Fprintf(&b, `%s<rect width="%d" height="%d" fill="%s"/>`, nightStyle(), chartWidth, c.height(), paper)
	text(&b, 16, 26, "start", 17, black, `font-weight="bold"`, c.heading())
	text(&b, 16, 48, "start", 12, faint, "", c.Note)
	c.drawLegend(&b)
	if len(c.Dims) > 0 {
		c.drawParallel(&b)
		return b.String() + `</svg>`
	}
	c.drawAxes(&b)
	for _, quiet := range []bool{true, false} {
		for _, s := range c.Series {
			if s.Quiet == quiet {
				c.drawLine(&b, s)
			}
		}
	}
	var taken []box
	for _, s := range c.Series {
		for _, p := range s.Points {
			x, y := c.place(p)
			if s.Symbol == "bar" {
				c.drawSpan(&b, s, p)
				continue
			}
			drawSymbol(&b, s, x, y)
			taken = append(taken, around(x, y, float64(s.Size)))
		}
	}
	taken = append(taken, c.drawBars(&b)...)
	for _, s := range c.Series {
		for _, p := range s.Points {
			if p.Label != "" {
				x, y := c.place(p)
				taken = c.drawLabel(&b, p.Label, x, y, float64(s.Size), taken)
			}
		}
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// place returns a point's pixels.
func (c chart) place(p point) (x, y float64) {
	left := float64(c.left())
	return left + c.X.at(p.X)*(chartWidth-left-marginRight),
		float64(c.height()-marginBottom) - c.Y.at(p.Y)*float64(c.height()-c.top()-marginBottom)
}

func (c chart) drawAxes(b *strings.Builder) {
	const right = chartWidth - marginRight
	left, top, bottom := c.left(), c.top(), c.height()-marginBottom
	for _, v := range c.X.ticks() {
		x, _ := c.place(point{X: v, Y: c.Y.Min})
		fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="%s"/>`, x, top, bottom, ruled)
		text(b, x, float64(bottom+18), "middle", 12, black, "", c.X.label(v))
	}
	for _, v := range c.Y.ticks() {
		_, y := c.place(point{X: c.X.Min, Y: v})
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s"/>`, left, y, right, ruled)
		text(b, float64(left-8), y+4, "end", 12, black, "", c.Y.label(v))
	}
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" stroke="%s" fill="none"/>`, left, top, bottom, right, edged)
	text(b, float64(left+right)/2, float64(bottom+42), "middle", 12, black, "", c.X.Name)
	middle := (top + bottom) / 2
	text(b, 24, float64(middle), "middle", 12, black, fmt.Sprintf(`transform="rotate(-90 24 %d)"`, middle), c.Y.Name)
}

func (c chart) drawLegend(b *strings.Builder) {
	names, places := c.legendAt()
	for i, name := range names {
		x, y := float64(26+places[i][0]), float64(legendTop+10+legendLine*places[i][1])
		text(b, x+16, y+4, "start", 12, black, "", name)
		n := slices.IndexFunc(c.Series, func(s series) bool { return s.Name == name })
		if n < 0 {
			fmt.Fprintf(b, `<path d="M%.1f %.1fh20m0 -4v8m-20 0v-8" stroke="%s" stroke-width="1.5"/>`, x-10, y, black)
			continue
		}
		s := c.Series[n]
		if s.Line {
			fmt.Fprintf(b, `<path d="M%.1f %.1fh22" stroke="%s" stroke-width="2"%s/>`, x-11, y, s.Color, dash(s))
		}
		if s.Symbol == "bar" {
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="20" height="14" fill="%s"/>`, x-10, y-7, s.Color)
		}
		s.Size = min(s.Size, 16)
		drawSymbol(b, s, x, y)
	}
}

// drawBars draws the error bars with their ends, and returns where they are.
func (c chart) drawBars(b *strings.Builder) (taken []box) {
	for _, e := range c.bars() {
		x0, y0 := c.place(point{X: e.X0, Y: e.Y0})
		x1, y1 := c.place(point{X: e.X1, Y: e.Y1})
		d := fmt.Sprintf("M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8", x0, y0, x1, x0, y0-4, x1, y1-4)
		if e.X0 == e.X1 {
			d = fmt.Sprintf("M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8", x0, y0, y1, x0-4, y0, x1-4, y1)
		}
		fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="1.5"/>`, d, black)
		taken = append(taken, box{x0, min(y0, y1), x1, max(y0, y1)})
	}
	return taken
}

func (c chart) drawLine(b *strings.Builder, s series) {
	if !s.Line {
		return
	}
	var d strings.Builder
	var x, y float64
	begun := false
	for _, p := range s.Points {
		if math.IsNaN(p.X) || math.IsNaN(p.Y) {
			begun = false
			continue
		}
		x, y = c.place(p)
		switch {
		case !begun:
			fmt.Fprintf(&d, "M%.1f %.1f", x, y)
		case s.Step == "end":
			fmt.Fprintf(&d, "H%.1fV%.1f", x, y)
		case s.Step == "start":
			fmt.Fprintf(&d, "V%.1fH%.1f", y, x)
		default:
			fmt.Fprintf(&d, "L%.1f %.1f", x, y)
		}
		begun = true
	}
	width := 2
	if s.Quiet && s.Dashed {
		width = 1
	}
	fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="%d" fill="none"%s/>`, d.String(), s.Color, width, dash(s))
	if s.End != "" {
		text(b, x+4, y+4, "start", 11, s.Color, "", s.End)
	}
}

// drawSpan draws a bar from one X to another in its row.
func (c chart) drawSpan(b *strings.Builder, s series, p point) {
	x0, y := c.place(p)
	x1, _ := c.place(point{X: p.X1, Y: p.Y})
	_, next := c.place(point{X: p.X, Y: p.Y + 1})
	high := min(math.Abs(next-y)*0.7, 22)
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x0, y-high/2, max(x1-x0, 1), high, s.Color)
}

func dash(s series) string {
	if s.Dashed {
		return ` stroke-dasharray="6 4"`
	}
	return ""
}

func drawSymbol(b *strings.Builder, s series, x, y float64) {
	r := float64(s.Size) / 2
	switch s.Symbol {
	case "circle":
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, x, y, r, s.Color)
	case "ring":
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="none" stroke="%s" stroke-width="2.5"/>`, x, y, r, s.Color)
	case "frame":
		fmt.Fprintf(b, `<path d="M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz" fill="none" stroke="%s" stroke-width="2.5"/>`, x, y-r, r, r, -r, r, -r, -r, s.Color)
	case "diamond":
		fmt.Fprintf(b, `<path d="M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz" fill="%s"/>`, x, y-r, r, r, -r, r, -r, -r, s.Color)
	case "square":
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="%s" stroke-width="2.5"/>`, x-r, y-r, 2*r, 2*r, s.Color)
	case "cross":
		fmt.Fprintf(b, `<path d="M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f" stroke="%s" stroke-width="3" fill="none"/>`,
			x-r, y-r, 2*r, 2*r, -2*r, -2*r, 2*r, s.Color)
	}
}

// box is a rectangle of pixels.
type box struct{ x0, y0, x1, y1 float64 }

func around(x, y, size float64) box { return box{x - size/2, y - size/2, x + size/2, y + size/2} }

func (a box) overlaps(b box) bool { return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1 }

// drawLabel writes a mark's label on the first side or corner where there is room,
// or not at all.
func (c chart) drawLabel(b *strings.Builder, label string, x, y, size float64, taken []box) []box {
	width, gap := 7*float64(len(label)), size/2+5
	aside, above := size/2+3+width/2, size/2+6
	for _, at := range []struct{ x, y float64 }{
		{x, y - gap - 5}, {x + gap + width/2, y}, {x - gap - width/2, y}, {x, y + gap + 5},
		{x + aside, y - above}, {x - aside, y - above}, {x + aside, y + above}, {x - aside, y + above},
	} {
		place := box{at.x - width/2, at.y - 6, at.x + width/2, at.y + 6}
		free := at.x > float64(c.left()) && at.x < chartWidth-marginRight && at.y > float64(c.top()) && at.y < float64(c.height()-marginBottom)
		for _, other := range taken {
			free = free && !place.overlaps(other)
		}
		if free {
			text(b, at.x, at.y+4, "middle", 12, black, "", label)
			return append(taken, place)
		}
	}
	return taken
}

func text(b *strings.Builder, x, y float64, anchor string, size int, color, more, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s" %s>%s</text>`,
		math.Round(x*10)/10, y, anchor, size, color, more, html.EscapeString(printable(s)))
}
