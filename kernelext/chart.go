package kernelext

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// The palette of Okabe and Ito, which people of every colour vision can tell
// apart. Marks differ in shape as well.
const (
	blue       = "#0072B2"
	sky        = "#56B4E9"
	orange     = "#E69F00"
	green      = "#009E73"
	vermillion = "#D55E00"
	purple     = "#CC79A7"
	grey       = "#8A8A8A"
)

// chart describes a chart: from it come the options of ECharts and the still picture.
type chart struct {
	Name        string // one word, for the files that it is saved as
	Title, Note string // a line each
	Hint        string // what a hand can do, which goes behind the note where scripts run
	X, Y        axis
	Series      []series
	Left        int    // pixels beside the frame; 0 where the usual margin does
	Dims        []axis // of parallel coordinates, in the place of X and Y

	view View // that it is of, which tells of its trials
}

// heading is the title, with the mark of a study on partial data.
func (c chart) heading() string { return c.Title + c.view.mark(" (data ", ")") }

// series is one set of points that look alike. Series of one name are one in the
// legend.
type series struct {
	Name   string
	Color  string
	Symbol string // circle, diamond, cross, ring (an open circle), frame (an open diamond), square (an open one), bar (from X to X1) or none
	Size   int    // of the symbol, pixels
	Line   bool   // join the points in their order; one that is no number is a gap
	Step   string // "", or where a stepped line turns: "start" or "end"
	Dashed bool
	Quiet  bool   // behind the others, and tells nothing
	End    string // beside the last point
	Points []point
}

// point is one mark.
type point struct {
	X, Y   float64   // in the axes' units
	X1     float64   // where a bar ends
	DX, DY float64   // spread to either side; 0 where it is unknown
	At     []float64 // in parallel coordinates, in the place of X and Y
	Label  string    // beside the mark
	Trial  int       // that it is of, or below 0 the baseline: told on hover and on a click; 0 where it is of none
	Tip    string    // HTML, on hover, where it is of none
}

// gap is the point that a line breaks at.
var gap = point{X: math.NaN(), Y: math.NaN()}

// bar is an error bar, from end to end in the axes' units.
type bar struct {
	X0, Y0, X1, Y1 float64
}

// barsName is the legend's word for the error bars.
const barsName = "± spread"

// bars are the error bars of the points, cut off at the frame.
func (c chart) bars() (all []bar) {
	for _, s := range c.Series {
		for _, p := range s.Points {
			if p.DX > 0 {
				all = append(all, bar{max(p.X-p.DX, c.X.Min), p.Y, min(p.X+p.DX, c.X.Max), p.Y})
			}
			if p.DY > 0 {
				all = append(all, bar{p.X, max(p.Y-p.DY, c.Y.Min), p.X, min(p.Y+p.DY, c.Y.Max)})
			}
		}
	}
	return all
}

// The layout in pixels, the same in the live chart and the still picture.
const (
	chartWidth   = 860
	chartHeight  = 480
	marginTop    = 96
	legendTop    = 60
	legendLine   = 24
	marginLeft   = 72
	marginRight  = 32
	marginBottom = 60
	rowPixels    = 22 // of an axis with rows
	rowsLow      = 14 // where there are many
	heightMost   = 1400
)

// height is the chart's in pixels.
func (c chart) height() int {
	n := len(c.Y.Rows)
	if n == 0 {
		return chartHeight
	}
	around := c.top() + marginBottom
	return max(around+rowPixels*3, min(around+(n+1)*rowPixels, max(chartHeight, min(around+(n+1)*rowsLow, heightMost))))
}

// legendAt returns where each entry of the legend begins, the error bars' last, as
// the pixels to the right and the line; series of one name have one entry.
func (c chart) legendAt() (names []string, at [][2]int) {
	for _, s := range c.Series {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(c.bars()) > 0 {
		names = append(names, barsName)
	}
	x, line := 0.0, 0
	for _, name := range names {
		width := 35 + textWidth(name)
		if x+width > chartWidth-10 {
			x, line = 0, line+1
		}
		at = append(at, [2]int{int(x), line})
		x += width
	}
	return names, at
}

// textWidth is about how wide a text is in the charts' letters.
func textWidth(s string) (width float64) {
	for _, r := range s {
		switch {
		case strings.ContainsRune("fijlrt .,:;'", r):
			width += 3.4
		case strings.ContainsRune("mwMW", r):
			width += 9.5
		case unicode.IsUpper(r):
			width += 8
		default:
			width += 6.6
		}
	}
	return width
}

// top is where the frame begins, below a legend of as many lines as it takes.
func (c chart) top() int {
	_, at := c.legendAt()
	if len(at) == 0 {
		return marginTop
	}
	return marginTop + legendLine*at[len(at)-1][1]
}

func (c chart) left() int {
	if c.Left > 0 {
		return c.Left
	}
	return marginLeft
}

// file is the name of the files that the chart is saved as, without extension.
func (c chart) file() string {
	safe := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			return r
		}
		return '-'
	}, clip(c.view.Name, 100))
	return strings.Trim(safe, "-") + "-" + c.Name
}
