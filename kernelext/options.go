package kernelext

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// crossPath is a cross as an ECharts symbol.
const crossPath = "path://M0,0 L2,0 L5,3 L8,0 L10,0 L10,2 L7,5 L10,8 L10,10 L8,10 L5,7 L2,10 L0,10 L0,8 L3,5 L0,2 Z"

var echartsSymbols = map[string]string{
	"circle": "circle", "ring": "circle", "frame": "diamond", "diamond": "diamond", "square": "rect", "bar": "rect", "cross": crossPath, "none": "none",
}

// options returns the chart as ECharts' options in JSON: plain data without
// functions, every < escaped, so that it may stand in a script.
func (c chart) options() ([]byte, error) {
	base := charts.NewScatter()
	base.SetGlobalOptions(
		charts.WithAnimation(false), // a page with many charts opens at once, and pictures of it are the same every time
		charts.WithTitleOpts(opts.Title{
			Title: c.heading(), Subtitle: strings.TrimSpace(c.Note + " " + c.Hint), Left: "12", Top: "8",
			TitleStyle: &opts.TextStyle{Color: black, FontSize: 17}, SubtitleStyle: &opts.TextStyle{Color: faint, FontSize: 12},
		}),
		charts.WithLegendOpts(opts.Legend{Left: "12", Top: px(legendTop), ItemWidth: 20, ItemHeight: 14, TextStyle: &opts.TextStyle{Color: black}}),
		charts.WithTooltipOpts(opts.Tooltip{Trigger: "item"}),
		charts.WithGridOpts(opts.Grid{Left: px(c.left()), Right: px(marginRight), Top: px(c.top()), Bottom: px(marginBottom)}),
		charts.WithXAxisOpts(opts.XAxis{
			Type: c.X.kind(), Name: c.X.Name, NameLocation: "middle", NameGap: 32, Min: round(c.X.Min), Max: round(c.X.Max),
			SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: ruled}}, AxisLabel: &opts.AxisLabel{Color: black},
		}),
		charts.WithYAxisOpts(opts.YAxis{
			Type: c.Y.kind(), Name: c.Y.Name, NameLocation: "middle", NameGap: 46, Min: round(c.Y.Min), Max: round(c.Y.Max),
			SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: ruled}}, AxisLabel: &opts.AxisLabel{Color: black},
		}),
	)
	base.Validate()

	// go-echarts has no word for much of a series and an axis.
	raw, err := json.Marshal(base.JSON())
	if err != nil {
		return nil, fmt.Errorf("chart %q: %w", c.Title, err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("chart %q: %w", c.Title, err)
	}
	if len(c.Dims) > 0 {
		c.setParallel(all)
		return json.Marshal(all)
	}
	finish(all["xAxis"], c.X)
	finish(all["yAxis"], c.Y)
	bars := c.bars()
	upright := slices.ContainsFunc(bars, func(b bar) bool { return b.X0 == b.X1 })
	list := []any{}
	for i, s := range c.Series {
		list = append(list, s.option(2+i, upright))
	}
	if len(bars) > 0 {
		list = append(list, barSeries(bars, 2+len(list)))
	}
	all["series"] = list
	return json.Marshal(all)
}

func px(n int) string { return fmt.Sprint(n) }

func (a axis) kind() string {
	if a.Log {
		return "log"
	}
	return "value"
}

// finish completes an axis.
func finish(list any, a axis) {
	axes, ok := list.([]any)
	if !ok || len(axes) == 0 {
		return
	}
	m := axes[0].(map[string]any)
	if !a.Log {
		m["interval"] = round(a.Step)
	}
	if len(a.Rows) > 0 {
		m["inverse"], m["rows"] = true, a.Rows // which the library labels the axis with
		m["axisTick"] = map[string]any{"show": false}
	}
	m["nameTextStyle"] = map[string]any{"color": black}
	m["axisLine"] = map[string]any{"onZero": false, "lineStyle": map[string]any{"color": edged}}
}

// option is the series in ECharts' words. Where there are upright error bars a
// label above its mark would lie on one.
func (s series) option(z int, upright bool) map[string]any {
	item := map[string]any{"color": s.Color, "opacity": 1}
	if s.Symbol == "ring" || s.Symbol == "frame" || s.Symbol == "square" { // open, so that the mark inside is seen
		item = map[string]any{"color": "transparent", "borderColor": s.Color, "borderWidth": 2.5, "opacity": 1}
	}
	o := map[string]any{"name": s.Name, "type": "scatter", "itemStyle": item, "z": z, "data": s.data()}
	if s.Quiet {
		o["silent"], o["z"] = true, 1
	}
	if s.Symbol == "bar" {
		o["type"], o["encode"] = "custom", map[string]any{"x": []int{0, 1}, "y": 2}
		return o
	}
	o["symbol"], o["symbolSize"] = echartsSymbols[s.Symbol], s.Size
	if s.Line {
		o["type"], o["showSymbol"], o["lineStyle"] = "line", s.Symbol != "none", s.stroke()
		if s.Step != "" {
			o["step"] = s.Step
		}
	}
	if s.End != "" {
		o["endLabel"] = map[string]any{"show": true, "formatter": s.End, "color": s.Color, "fontSize": 11, "distance": 3}
	}
	if slices.ContainsFunc(s.Points, func(p point) bool { return p.Label != "" }) {
		label := map[string]any{"show": true, "position": "top", "formatter": "{b}", "color": black, "fontSize": 12}
		if upright {
			label["position"] = []int{s.Size + 2, -10}
		}
		o["label"], o["labelLayout"] = label, map[string]any{"hideOverlap": true}
	}
	return o
}

func (s series) stroke() map[string]any {
	style := map[string]any{"color": s.Color, "width": 2}
	if s.Quiet && s.Dashed {
		style["width"] = 1
	}
	if s.Dashed {
		style["type"] = "dashed"
	}
	return style
}

// data is what ECharts gets of the points: of each the last value says what it
// tells.
func (s series) data() []any {
	all := []any{}
	for _, p := range s.Points {
		value := []any{round(p.X), round(p.Y)}
		switch {
		case math.IsNaN(p.X) || math.IsNaN(p.Y):
			value = []any{"-", "-"}
		case s.Symbol == "bar":
			value = []any{round(p.X), round(p.X1), round(p.Y)}
		}
		if s.Quiet {
			all = append(all, value)
			continue
		}
		item := map[string]any{"value": append(value, p.tells())}
		if p.Label != "" {
			item["name"] = p.Label
		}
		all = append(all, item)
	}
	return all
}

// tells is the number of a trial, or a text.
func (p point) tells() any {
	if p.Trial != 0 {
		return p.Trial
	}
	return p.Tip
}

// barSeries is the error bars as a line with gaps, over the marks, that lets the
// pointer through.
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
