package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/objective"
)

// question is one of the screen's, with the answer that was given or is taken.
type question struct {
	text    string
	flag    string
	answers [][2]string // the word, and what it means
	chosen  string
}

// questionsOf are the questions with the answers of w.
func questionsOf(w Wishes, info datasets.Info) []question {
	what := question{text: "What should it recognise?", flag: "recognise", chosen: w.Recognise}
	for _, name := range datasets.Names() {
		if name == w.Recognise && info.Name == name { // as it is here
			what.answers = append(what.answers, [2]string{name, dataWords(info)})
		} else if info, err := datasets.Lookup(name); err == nil {
			what.answers = append(what.answers, [2]string{name, dataWords(info)})
		}
	}
	own := [][2]string{{folderAnswer, "your own pictures, a folder for each class"}, {textAnswer, "your own texts, a CSV file or a folder for each class"}}
	given := [2]string{w.Recognise, dataWords(info)}
	switch {
	case strings.HasPrefix(w.Recognise, "folder:"):
		own[0] = given
	case strings.HasPrefix(w.Recognise, "text:"):
		own[1] = given
	case !slices.Contains(datasets.Names(), w.Recognise):
		own = append(own, given)
	}
	what.answers = append(what.answers, own...)
	where := question{text: "Where will it run?", flag: "where", chosen: w.Where, answers: [][2]string{{here, "on this machine: measured here"}}}
	for _, b := range device.Boards() {
		known := "its time is predicted"
		if b.Power > 0 {
			known = "its time and energy are predicted"
		}
		if b.Checked == "" {
			known += ", unchecked"
		}
		where.answers = append(where.answers, [2]string{b.Name, fmt.Sprintf("on a %s with %s: %s", b.Title, b.Runtime, known)})
	}
	matters := question{text: "What matters most?", flag: "matters", chosen: dashed(presetWords[w.Matters])}
	for _, name := range objective.Presets() {
		matters.answers = append(matters.answers, [2]string{dashed(presetWords[name]), matterWords[name] + " (preset " + name + ")"})
	}
	long := question{text: "How long may it take?", flag: "time", chosen: shortDuration(w.Time)}
	for _, d := range []string{"10m", "1h", "8h"} {
		long.answers = append(long.answers, [2]string{d, map[string]string{"10m": "a first look", "1h": "a small search", "8h": "a night"}[d]})
	}
	if !slices.ContainsFunc(long.answers, func(a [2]string) bool { return a[0] == long.chosen }) {
		long.answers = append(long.answers, [2]string{long.chosen, "as you say"})
	}
	return []question{what, where, matters, long}
}

// matterWords say what a network is like where that preset matters.
var matterWords = map[string]string{
	"accuracy":   "right as often as possible, and sparing where that costs nothing",
	"balanced":   "right often, and sparing and fast as well",
	"deployment": "small, fast and sparing, and right as far as that allows",
}

// plainDuration is a duration for people: "10 min", "1 h 30 min".
func plainDuration(d time.Duration) string {
	return strings.TrimSpace(strings.NewReplacer("h", " h ", "m", " min ", "s", " s ").Replace(shortDuration(d)))
}

func dashed(text string) string { return strings.ReplaceAll(text, " ", "-") }

// plainData are data sets in plain words.
var plainData = map[string]string{
	"digits":         "handwritten digits",
	"cifar10":        "small photographs of animals and vehicles",
	"cifar100":       "small photographs of a hundred kinds of things",
	"imagenet16-120": "tiny photographs of 120 kinds of animals",
	"eurosat":        "satellite pictures of land and water",
	"malaria":        "blood cells with and without malaria",
	"fashion-mnist":  "clothes, shoes and bags",
	"imdb":           "reviews of films",
}

// What stands for pictures and texts of one's own among the answers.
const (
	folderAnswer = "folder:PATH"
	textAnswer   = "text:PATH"
)

// dataNames are the names that a data set may have, for the help of a flag.
func dataNames() string {
	return strings.Join(datasets.Names(), ", ") + ", " + folderAnswer + " for your own pictures, or " + textAnswer + " for texts"
}

// dataWords describe a data set: "handwritten digits: 0, 1, 2, 3 … (1,437 pictures of
// 8×8, grey)".
func dataWords(info datasets.Info) string {
	text := info.Title
	if plain, ok := plainData[info.Name]; ok {
		text = plain
	}
	const shown = 4
	if len(info.ClassNames) > 0 {
		text += ": " + strings.Join(info.ClassNames[:min(shown, len(info.ClassNames))], ", ")
	}
	if more := len(info.ClassNames) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if len(info.Shape) == 3 {
		color := "in colour"
		if info.Shape[2] == 1 {
			color = "grey"
		}
		text += fmt.Sprintf(" (%s pictures of %d×%d, %s)", thousands(info.Train), info.Shape[1], info.Shape[0], color)
	}
	if info.Task == datasets.TextClassification && len(info.Shape) == 1 {
		text += fmt.Sprintf(" (%s texts, %s words each)", thousands(info.Train), thousands(info.Shape[0]))
	}
	if mark := info.Partial(); mark != "" {
		text += ", " + mark
	}
	return text
}

// understood says in plain words what the answers come to.
func (s screen) understood() string {
	o := s.start.Options
	where := "this machine"
	if s.board.Name != "" {
		where = "a " + s.board.Title
	}
	what := s.info.Title
	if plain, ok := plainData[o.Data]; ok {
		what = plain
	}
	return fmt.Sprintf("A network for %s that recognises %s and is %s, found within %s.",
		where, what, matterWords[s.matters], plainDuration(s.start.Run.Stop.Time))
}

// fieldWords says the same in the words of the field.
func (s screen) fieldWords() string {
	o := s.start.Options
	samples := fmt.Sprintf("all %s training samples", thousands(s.info.Available()))
	if o.TrainSamples > 0 {
		samples = fmt.Sprintf("%s of %s training samples", thousands(o.TrainSamples), thousands(s.info.Available()))
	}
	proposer := o.Proposer
	if proposer == "" {
		proposer = "rulebook"
	}
	presetText := "wants"
	if o.Prefer != "none" {
		presetText = "preset " + o.Prefer
	}
	return fmt.Sprintf("Study %s on %s; %s (%s); Pareto front over %s; %d trials of %d epochs on %s; proposer %s.",
		s.start.Name, datasets.Short(o.Data), presetText, weights(s.objective), strings.Join(texts(s.objective.Axes), " and "), s.start.Run.Trials, o.Epochs, samples, proposer)
}

// line is the one that begins the search.
func (s screen) line() string {
	place := ""
	if s.start.Options.Dir != "" {
		place = " --studies " + shellWord(s.start.Options.Dir)
	}
	return commandLine(s.start.Name, s.start.Options, s.start.Run) + place
}

func (s screen) text() string {
	var b strings.Builder
	b.WriteString("Four questions. › marks the answer that is taken; the flag gives another.\n")
	for i, q := range s.questions {
		fmt.Fprintf(&b, "\n%d. %s  --%s\n", i+1, q.text, q.flag)
		var rows [][]string
		for _, a := range q.answers {
			mark := " "
			if a[0] == q.chosen {
				mark = "›"
			}
			rows = append(rows, []string{"  " + mark, a[0], a[1]})
		}
		b.WriteString(aligned(rows, func(int) bool { return false }))
	}
	return printable(b.String()) + s.forecastText()
}

// forecastText is what comes after the questions: what the answers come to.
func (s screen) forecastText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nUnderstood: %s\n", s.understood())
	for _, note := range s.notes {
		b.WriteString("  " + note + "\n")
	}
	fmt.Fprintf(&b, "In the field's words: %s\n\nForecast, %s:\n", s.fieldWords(), s.outlook.from)
	for _, it := range s.outlook.items() {
		fmt.Fprintf(&b, "  %-8s %s\n", it.name, strings.TrimSpace(it.value+"  "+it.note))
	}
	fmt.Fprintf(&b, "\nThis begins it:\n  %s\n", s.line())
	return printable(b.String())
}

func (s screen) html() string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:14px;max-width:960px"><div style="display:flex;flex-wrap:wrap;gap:12px;margin:8px 0">`)
	for _, q := range s.questions {
		fmt.Fprintf(&b, `<div style="flex:1 1 420px;border:1px solid rgba(128,128,128,.5);border-radius:6px;padding:8px 12px"><div style="font-weight:bold;margin-bottom:4px">%s <code style="font-weight:normal;font-size:11px;color:#888">--%s</code></div>`,
			html.EscapeString(q.text), q.flag)
		for _, a := range q.answers {
			mark, style := "○", ""
			if a[0] == q.chosen {
				mark, style = "●", "background:rgba(0,114,178,.16);"
			}
			fmt.Fprintf(&b, `<div style="%sfont-size:12px;padding:2px 6px;border-radius:4px">%s <b>%s</b> %s</div>`, style, mark, html.EscapeString(a[0]), html.EscapeString(a[1]))
		}
		b.WriteString(`</div>`)
	}
	return b.String() + `</div>` + s.forecastHTML() + `</div>`
}

// forecastHTML is forecastText for a notebook.
func (s screen) forecastHTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:16px;margin:8px 0"><b>Understood:</b> %s</div>`, html.EscapeString(s.understood()))
	for _, note := range s.notes {
		fmt.Fprintf(&b, `<div style="margin:4px 0">%s</div>`, html.EscapeString(note))
	}
	fmt.Fprintf(&b, `<div style="font-size:12px;color:#888;margin:4px 0">In the field's words: %s</div>`, html.EscapeString(s.fieldWords()))
	fmt.Fprintf(&b, `<table style="border-collapse:collapse;font-size:13px;margin:10px 0"><tr><th colspan="3" style="text-align:left">Forecast, %s</th></tr>`, html.EscapeString(s.outlook.from))
	for _, it := range s.outlook.items() {
		fmt.Fprintf(&b, `<tr><td style="text-align:left;padding:1px 12px 1px 0">%s</td><td style="text-align:left;padding:1px 12px 1px 0;white-space:nowrap"><b>%s</b></td><td style="text-align:left;color:#888">%s</td></tr>`,
			html.EscapeString(it.name), html.EscapeString(it.value), html.EscapeString(it.note))
	}
	command := strings.TrimPrefix(s.line(), "lemonade ")
	fmt.Fprintf(&b, `</table><div>This begins it, in a cell, or without the %% in a terminal:</div><pre style="margin:4px 0;padding:8px;font:12px monospace;white-space:pre-wrap;border:1px solid rgba(128,128,128,.5)">%%lemonade %s</pre>`,
		html.EscapeString(command))
	return b.String()
}
