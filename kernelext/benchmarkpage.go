package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

// StudiesPage is a comparison of whole studies as an HTML page that needs nothing
// else: how the hypervolume of each arm grew with the networks and with the energy of
// their trainings, and the report's tables.
func StudiesPage(r benchmark.Report) ([]byte, error) {
	title, about := r.About()
	var tables []section
	for _, t := range r.Tables() {
		tables = append(tables, section{t.Title, t.Note, t.Grid})
	}
	return benchmarkPage(title, about, studiesCharts(r), tables)
}

// StudiesPictures are the page's charts as SVG, by the names of their files.
func StudiesPictures(r benchmark.Report) map[string]string { return pictures(studiesCharts(r)) }

// studiesCharts are a chart over the networks, and one over the energy where all arms
// know theirs.
func studiesCharts(r benchmark.Report) []chart {
	trials := func(a benchmark.ArmReport) []benchmark.Step { return a.Course.Trials }
	energy := func(a benchmark.ArmReport) []benchmark.Step { return a.Course.Energy }
	charts := []chart{courses(r, "hypervolume", "networks", "", trials)}
	if !slices.ContainsFunc(r.Arms, func(a benchmark.ArmReport) bool { return len(a.Course.Energy) == 0 }) {
		charts = append(charts, courses(r, "hypervolume-energy", "energy of the trainings [Wh]", " Wh", energy))
	}
	return charts
}

// courses draws the medians of all arms, with their quartiles behind them.
func courses(r benchmark.Report, name, x, unit string, of func(benchmark.ArmReport) []benchmark.Step) chart {
	c := chart{
		Name: name, Title: "hypervolume, medians over the seeds", Note: fmt.Sprintf("Dashed: quartiles. %d seeds of %d networks each.", len(r.Seeds), r.Trials),
	}
	c.view.Name = r.Data
	low, high, last := 1.0, 0.0, 0.0
	for i, a := range r.Arms {
		line := armMarks[i%len(armMarks)]
		line.Name, line.Size, line.Line = r.Label(a.Arm), 7, true
		edge := line
		edge.Symbol, edge.Dashed, edge.Quiet = "none", true, true
		q1, q3 := edge, edge
		for _, s := range of(a) {
			last = max(last, s.At)
			if s.Q1 == 0 { // before anything was measured
				continue
			}
			low, high = min(low, s.Q1), max(high, s.Q3)
			tip := fmt.Sprintf("%s at %s%s<br>median %s, quartiles %s to %s", html.EscapeString(r.Label(a.Arm)), short(s.At), unit, short(s.Median), short(s.Q1), short(s.Q3))
			line.Points = append(line.Points, point{X: s.At, Y: s.Median, Tip: tip})
			q1.Points = append(q1.Points, point{X: s.At, Y: s.Q1})
			q3.Points = append(q3.Points, point{X: s.At, Y: s.Q3})
		}
		c.add(line)
		c.add(q1)
		c.add(q3)
	}
	c.X, c.Y = upToAxis(last), span(low, max(low, high))
	c.X.Name, c.Y.Name = x, "hypervolume"
	return c
}

// section is a table of a page.
type section struct {
	title, note string
	grid        [][]string // the first row is its head
}

// benchmarkPage is a page of charts, and of tables below them.
func benchmarkPage(title, about string, charts []chart, tables []section) ([]byte, error) {
	var b strings.Builder
	b.WriteString(pageHead(title, about))
	b.WriteString(library())
	for _, c := range charts {
		drawn, err := c.drawn(newID(), "")
		if err != nil {
			return nil, err
		}
		b.WriteString(drawn)
	}
	for _, t := range tables {
		fmt.Fprintf(&b, `<h2 style="font-size:18px">%s</h2>`, html.EscapeString(t.title))
		if t.note != "" {
			fmt.Fprintf(&b, `<p style="font-size:13px">%s</p>`, html.EscapeString(t.note))
		}
		b.WriteString(gridHTML(t.grid))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String()), nil
}

// pictures are the charts as SVG, by the names of their files.
func pictures(charts []chart) map[string]string {
	all := map[string]string{}
	for _, c := range charts {
		all[c.file()+".svg"] = c.svg()
	}
	return all
}

// armMarks tell what is compared apart, by colour and by shape.
var armMarks = []series{
	{Color: blue, Symbol: "circle"}, {Color: orange, Symbol: "diamond"}, {Color: green, Symbol: "ring"},
	{Color: vermillion, Symbol: "frame"}, {Color: purple, Symbol: "square"}, {Color: sky, Symbol: "cross"},
}

// gridHTML is a table whose first row is its head.
func gridHTML(grid [][]string) string {
	var b strings.Builder
	b.WriteString(`<div style="overflow:auto"><table style="border-collapse:collapse;font-size:12px">`)
	for i, row := range grid {
		b.WriteString(`<tr>`)
		for _, cell := range row {
			tag := "td"
			if i == 0 {
				tag = "th"
			}
			fmt.Fprintf(&b, `<%s style="text-align:left;white-space:nowrap;padding:2px 12px 2px 0;border-bottom:1px solid #8884">%s</%s>`, tag, html.EscapeString(cell), tag)
		}
		b.WriteString(`</tr>`)
	}
	return b.String() + `</table></div>`
}
