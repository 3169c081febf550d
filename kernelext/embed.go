package kernelext

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"strings"
)

// echartsGz is echarts 5.6.0, dist/echarts.common.min.js of the npm package.
//
//go:embed echarts/echarts.common.min.js.gz
var echartsGz []byte

//go:embed live.js
var liveJS string

//go:embed library.js
var libraryJS string

// library is the script that brings ECharts into a page (300 KB).
func library() string {
	return fmt.Sprintf("<script>%s(%q);</script>", libraryJS, base64.StdEncoding.EncodeToString(echartsGz))
}

// html is the chart for a page: its still picture, and the script that replaces it.
func (c chart) html() (string, error) {
	options, err := c.options()
	if err != nil {
		return "", err
	}
	id := "lemonade-" + strings.ToLower(rand.Text())
	picture := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(c.svg()))
	return fmt.Sprintf(`<div id=%q style="width:100%%;max-width:%dpx;height:%dpx;background:#fff;margin:8px 0">`+
		`<img src=%q alt="%s" style="width:100%%;height:100%%;object-fit:contain;object-position:left top"></div>`+
		"<script>%s(%q, %s);</script>",
		id, chartWidth, chartHeight, picture, html.EscapeString(c.Title+". "+c.Note), liveJS, id, options), nil
}
