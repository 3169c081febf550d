package kernelext

import (
	"encoding/json"
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
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
	black      = "#222222"
)

// chart describes a chart: from it come the options of ECharts and the still picture.
type chart struct {
	Title, Note string // a line each
	X, Y        axis
	Series      []series
}

// series is one set of points that look alike.
type series struct {
	Name   string
	Color  string
	Symbol string // circle, cross, ring (an open circle), frame (an open diamond), square (an open one) or none
	Size   int    // of the symbol, pixels
	Line   bool   // join the points in their order
	Step   string // "", or where a stepped line turns: "start" or "end"
	Dashed bool
	Points []point
}

// point is one mark.
type point struct {
	X, Y   float64 // in the axes' units
	DX, DY float64 // spread to either side; 0 where it is unknown
	Label  string  // beside the mark
	Tip    string  // HTML, on hover
}

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
	marginLeft   = 72
	marginRight  = 32
	marginBottom = 60
)

// crossPath is a cross as an ECharts symbol.
const crossPath = "path://M0,0 L2,0 L5,3 L8,0 L10,0 L10,2 L7,5 L10,8 L10,10 L8,10 L5,7 L2,10 L0,10 L0,8 L3,5 L0,2 Z"

var echartsSymbols = map[string]string{
	"circle": "circle", "ring": "circle", "frame": "diamond", "square": "rect", "cross": crossPath, "none": "none",
}

// options returns the chart as ECharts' options in JSON: plain data without
// functions, every < escaped, so that it may stand in a script.
func (c chart) options() ([]byte, error) {
	base := charts.NewScatter()
	base.SetGlobalOptions(
		charts.WithAnimation(false), // a page with many charts opens at once, and pictures of it are the same every time
		charts.WithTitleOpts(opts.Title{
			Title: c.Title, Subtitle: c.Note, Left: "12", Top: "8",
			TitleStyle: &opts.TextStyle{Color: black, FontSize: 17}, SubtitleStyle: &opts.TextStyle{Color: "#555555", FontSize: 12},
		}),
		charts.WithLegendOpts(opts.Legend{Left: "12", Top: "60", ItemWidth: 20, ItemHeight: 14, TextStyle: &opts.TextStyle{Color: black}}),
		charts.WithTooltipOpts(opts.Tooltip{Trigger: "item", Enterable: opts.Bool(true)}),
		charts.WithGridOpts(opts.Grid{Left: px(marginLeft), Right: px(marginRight), Top: px(marginTop), Bottom: px(marginBottom)}),
		charts.WithXAxisOpts(opts.XAxis{
			Type: c.X.kind(), Name: c.X.Name, NameLocation: "middle", NameGap: 32, Min: round(c.X.Min), Max: round(c.X.Max),
			SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: "#EEEEEE"}}, AxisLabel: &opts.AxisLabel{Color: black},
		}),
		charts.WithYAxisOpts(opts.YAxis{
			Type: c.Y.kind(), Name: c.Y.Name, NameLocation: "middle", NameGap: 46, Min: round(c.Y.Min), Max: round(c.Y.Max),
			SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: "#EEEEEE"}}, AxisLabel: &opts.AxisLabel{Color: black},
		}),
	)
	for _, s := range c.Series {
		if s.Line {
			line := charts.NewLine()
			line.AddSeries(s.Name, lineData(s), append(s.looks(), charts.WithLineChartOpts(opts.LineChart{
				Step: stepOption(s.Step), Symbol: echartsSymbols[s.Symbol], SymbolSize: s.Size, ShowSymbol: opts.Bool(s.Symbol != "none"),
			}))...)
			base.Overlap(line)
			continue
		}
		base.AddSeries(s.Name, scatterData(s), append(s.looks(), charts.WithScatterChartOpts(opts.ScatterChart{
			Symbol: echartsSymbols[s.Symbol], SymbolSize: s.Size,
		}))...)
	}
	base.Validate()

	// go-echarts knows no interval of an axis, no layout of labels and no z order.
	raw, err := json.Marshal(base.JSON())
	if err != nil {
		return nil, fmt.Errorf("chart %q: %w", c.Title, err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("chart %q: %w", c.Title, err)
	}
	setInterval(all["xAxis"], c.X)
	setInterval(all["yAxis"], c.Y)
	if list, ok := all["series"].([]any); ok {
		order := map[any]int{}
		for i, s := range c.Series {
			order[s.Name] = i
		}
		for _, s := range list {
			s := s.(map[string]any)
			s["labelLayout"] = map[string]any{"hideOverlap": true}
			s["z"] = 2 + order[s["name"]] // later series lie on top, lines and marks alike
		}
		if bars := c.bars(); len(bars) > 0 {
			all["series"] = append(list, barSeries(bars, 2+len(list)))
		}
	}
	return json.Marshal(all)
}

// barSeries is the error bars as a line with gaps, over the marks, that lets the
// pointer through: this build of ECharts has no series of error bars.
func barSeries(bars []bar, z int) map[string]any {
	const across = 8
	data := []any{}
	for _, b := range bars {
		size := []float64{1.5, across} // of the rectangles at its ends
		if b.X0 == b.X1 {
			size = []float64{across, 1.5}
		}
		for _, end := range [][]any{{round(b.X0), round(b.Y0)}, {round(b.X1), round(b.Y1)}} {
			data = append(data, map[string]any{"value": end, "symbolSize": size})
		}
		data = append(data, map[string]any{"value": []any{"-", "-"}})
	}
	return map[string]any{
		"name": barsName, "type": "line", "data": data, "symbol": "rect", "silent": true, "z": z,
		"itemStyle": map[string]any{"color": black}, "lineStyle": map[string]any{"color": black, "width": 1.5},
	}
}

func (a axis) kind() string {
	if a.Log {
		return "log"
	}
	return "value"
}

func setInterval(list any, a axis) {
	if axes, ok := list.([]any); ok && len(axes) > 0 && !a.Log {
		axes[0].(map[string]any)["interval"] = round(a.Step)
	}
}

func (s series) looks() []charts.SeriesOpts {
	style := opts.LineStyle{Color: s.Color, Width: 2}
	if s.Dashed {
		style.Type = "dashed"
	}
	item := opts.ItemStyle{Color: s.Color, Opacity: opts.Float(1)}
	if s.Symbol == "ring" || s.Symbol == "frame" || s.Symbol == "square" { // open, so that the mark inside is seen
		item.Color, item.BorderColor, item.BorderWidth = "transparent", s.Color, 2.5
	}
	return []charts.SeriesOpts{
		charts.WithItemStyleOpts(item),
		charts.WithLineStyleOpts(style),
		charts.WithLabelOpts(opts.Label{Show: opts.Bool(s.labelled()), Position: "top", Formatter: "{b}", Color: black, FontSize: 12}),
	}
}

func (s series) labelled() bool {
	for _, p := range s.Points {
		if p.Label != "" {
			return true
		}
	}
	return false
}

// data is what ECharts gets of a point: the third value is for the tooltip's script.
func (p point) data() []any { return []any{round(p.X), round(p.Y), p.Tip} }

func lineData(s series) []opts.LineData {
	all := []opts.LineData{}
	for _, p := range s.Points {
		all = append(all, opts.LineData{Name: p.Label, Value: p.data()})
	}
	return all
}

func scatterData(s series) []opts.ScatterData {
	all := []opts.ScatterData{}
	for _, p := range s.Points {
		all = append(all, opts.ScatterData{Name: p.Label, Value: p.data()})
	}
	return all
}

func stepOption(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func px(n int) string { return fmt.Sprint(n) }
