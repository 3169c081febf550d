package kernelext

import (
	"fmt"
	"strings"
)

// The colours of what is not a mark.
const (
	black = "#222222" // texts
	faint = "#555555" // notes
	ruled = "#EEEEEE" // the lines of the grid
	edged = "#6E7079" // the lines of the axes
	paper = "#FFFFFF"
)

// night is what these become where the page is dark. The marks stay: they stand
// out on both.
var night = []struct{ light, dark string }{
	{black, "#E6E6E6"}, {faint, "#B4B4B4"}, {ruled, "#33363A"}, {edged, "#9A9CA4"}, {paper, "#15171A"},
	{"#F2F2F2", "#26282B"}, {"#D6EAF5", "#173B4D"}, {"#99AAAA", "#667777"}, // the boxes of a drawn network
}

// nightStyle lets a still picture follow the page's theme, or the reader's.
func nightStyle() string {
	var b strings.Builder
	b.WriteString(`<style>@media (prefers-color-scheme:dark){`)
	for _, c := range night {
		fmt.Fprintf(&b, `[fill=%q]{fill:%s}[stroke=%q]{stroke:%s}`, c.light, c.dark, c.light, c.dark)
	}
	b.WriteString(`}</style>`)
	return b.String()
}

// nightPage is the same for a page of its own.
var nightPage = fmt.Sprintf("@media (prefers-color-scheme:dark){body{background:%s;color:%s}}", nightOf(paper), nightOf(black))

func nightOf(light string) string {
	for _, c := range night {
		if c.light == light {
			return c.dark
		}
	}
	return light
}
