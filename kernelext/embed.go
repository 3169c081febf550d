package kernelext

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
)

// echartsGz is the part of ECharts 5.6.0 that the charts need; echarts/README.md
// says how it is built.
//
//go:embed echarts/echarts.js.gz
var echartsGz []byte

//go:embed library.js
var libraryJS string

// library is the script that brings ECharts and what drives the charts into a
// page (250 KB).
func library() string {
	dark := map[string]string{}
	for _, c := range night {
		dark[c.light] = c.dark
	}
	colours, err := json.Marshal(dark)
	if err != nil {
		panic(err) // strings cannot fail
	}
	return fmt.Sprintf("<script>%s(%q);</script>", strings.Replace(libraryJS, "NIGHT", string(colours), 1), base64.StdEncoding.EncodeToString(echartsGz))
}

// spec is what the library is told of a chart, or of the trials that charts show.
type spec struct {
	ID     string          `json:"id,omitempty"`     // of the box that the chart goes to
	Holder string          `json:"holder,omitempty"` // id of what holds the still picture, where that is not the box
	Name   string          `json:"name,omitempty"`   // of the files that it is saved as
	Width  int             `json:"width,omitempty"`
	Height int             `json:"height,omitempty"`
	Option json.RawMessage `json:"option,omitempty"`
	Key    string          `json:"key,omitempty"` // of the trials
	Trials string          `json:"trials,omitempty"`
}

// script tells the library, or leaves word for it where it is not there yet. JSON
// escapes every <, so that no text ends the script.
func (s spec) script() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("<script>((p,s)=>p.show?p.show(s):p.waiting.push(s))(window.lemonadePage||={waiting:[]},%s);</script>", text), nil
}

// newID returns an id that no other output has.
func newID() string { return "lemonade-" + strings.ToLower(rand.Text()) }

// html is the chart for a page, with what there is to tell of its trials.
func (c chart) html() (string, error) {
	key := newID()
	trials, err := c.view.trialsScript(key, c)
	if err != nil {
		return "", err
	}
	drawn, err := c.drawn(newID(), key)
	return trials + drawn, err
}

// drawn is the chart in a box of that id: its still picture, and the script that
// replaces it; key is the one of its trials.
func (c chart) drawn(id, key string) (string, error) {
	s, err := c.spec(id, key)
	if err != nil {
		return "", err
	}
	script, err := s.script()
	return fmt.Sprintf(`<div id=%q style="position:relative;max-width:%dpx;margin:8px 0">%s</div><div id="%s-card"></div>%s`,
		id, chartWidth, c.still(), id, script), err
}

// still is the still picture.
func (c chart) still() string {
	return fmt.Sprintf(`<img src="data:image/svg+xml;base64,%s" alt="%s" style="width:100%%;max-width:%dpx;display:block">`,
		base64.StdEncoding.EncodeToString([]byte(c.svg())), html.EscapeString(c.heading()+". "+c.Note), chartWidth)
}

func (c chart) spec(id, key string) (spec, error) {
	options, err := c.options()
	return spec{ID: id, Name: c.file(), Width: chartWidth, Height: c.height(), Option: options, Key: key}, err
}

// told is what a chart tells of a trial: on hover, and below it after a click.
type told struct {
	Tip  string `json:"tip"`
	Card string `json:"card"`
}

// trialsScript brings what there is to tell of each trial into the page, once for
// all charts that have the key. It is compressed, since the cards of a study say
// much of the same; of how a network does on each class they have the words alone. Of
// a study of many trials it has those that are drawn, and cards of those that are noted.
func (v View) trialsScript(key string, charts ...chart) (string, error) {
	front, _ := v.leaders()
	all := map[int]told{}
	noted := v.noted()
	if len(noted.Trials) < len(v.Trials) {
		ids := drawnIn(charts)
		for _, t := range v.Trials {
			if ids[t.ID] {
				all[t.ID] = told{Tip: v.shortTip(t)}
			}
		}
	}
	for _, t := range append(v.baselines(), noted.Trials...) {
		t = v.whole(t)
		card := v.trialHTML(shortened(t))
		if q, ok := v.quality(t); ok {
			card += fmt.Sprintf(`<div style="font-size:13px">Class by class: %s</div>`, html.EscapeString(q.words()))
		}
		all[t.ID] = told{Tip: v.tip(t, front), Card: card}
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false) // which base64 makes needless
	if err := errors.Join(e.Encode(all), z.Close()); err != nil {
		return "", err
	}
	return spec{Key: key, Trials: base64.StdEncoding.EncodeToString(packed.Bytes())}.script()
}
