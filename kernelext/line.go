package kernelext

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// commandLine is the command that runs a study of these options, for a shell and for
// a notebook's %lemonade.
func commandLine(name string, o lemonade.Options, run lemonade.RunOptions) string {
	line := []string{"lemonade", "discover", shellWord(name)}
	flag := func(name, value string) {
		if value != "" && value != "0" {
			line = append(line, "--"+name, shellWord(value))
		}
	}
	number := func(v float64) string {
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64) // 40 mWh is 0.00004 kWh, and not quite
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	flag("data", o.Data)
	if o.Partial {
		line = append(line, "--partial")
	}
	flag("proposer", o.Proposer)
	flag("prefer", o.Prefer)
	limits := maps.Clone(o.Limits)
	for _, w := range o.Wants {
		flag("want", w.String())
		if w.Limit != nil {
			if limits == nil {
				limits = map[trial.Metric]float64{}
			}
			limits[w.Metric] = *w.Limit
		}
	}
	for _, m := range slices.Sorted(maps.Keys(limits)) {
		flag("limit", string(m)+"="+number(limits[m]))
	}
	flag("axes", strings.Join(texts(o.Axes), ","))
	flag("train-samples", strconv.Itoa(o.TrainSamples))
	flag("epochs", strconv.Itoa(o.Epochs))
	if o.Rungs.Count > 1 {
		flag("rungs", o.Rungs.String())
	}
	flag("seed", strconv.FormatInt(o.Seed, 10))
	flag("recipe", o.Recipe)
	flag("template", o.Template)
	flag("rules", o.Rules)
	for _, part := range o.Without {
		flag("without", string(part))
	}
	flag("replay", o.Replay)
	flag("require", o.Measure.Require)
	flag("meter", o.Measure.Meter)
	flag("board", strings.Join(o.Measure.Boards, ","))
	if o.Measure.Profile > 0 {
		flag("profile", o.Measure.Profile.String())
	}
	flag("location", o.Measure.Carbon.Location)
	flag("carbon-intensity", number(o.Measure.Carbon.Intensity))
	flag("pue", number(o.Measure.Carbon.PUE))
	flag("model", o.LLM.Model)
	if o.LLM.Temperature != nil {
		line = append(line, "--temperature", number(*o.LLM.Temperature))
	}
	if o.Lag != nil {
		line = append(line, "--lag", strconv.Itoa(*o.Lag))
	}
	flag("max-cost", number(o.LLM.Cap.Dollars))
	flag("trials", strconv.Itoa(run.Trials))
	if run.Stop.Time > 0 {
		flag("stop-after", shortDuration(run.Stop.Time))
	}
	return strings.Join(line, " ")
}

// shortDuration is a duration without parts that are zero: "10m", "1h30m".
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// stored is what the record keeps of a study's options, as far as a command line can
// give it again.
type stored struct {
	Data         string                   `json:"data"`
	Partial      bool                     `json:"partial"`
	Info         *datasets.Info           `json:"info"`
	Fingerprint  string                   `json:"fingerprint"`
	Proposer     string                   `json:"proposer"`
	Prefer       string                   `json:"prefer"`
	Wants        []objective.Want         `json:"wants"`
	Limits       map[trial.Metric]float64 `json:"limits"`
	TrainSamples int                      `json:"train_samples"`
	Epochs       int                      `json:"epochs"`
	Rungs        *lemonade.Rungs          `json:"rungs"`
	Seed         int64                    `json:"seed"`
	Axes         []trial.Metric           `json:"axes"`
	Recipe       string                   `json:"recipe"`
	Template     string                   `json:"template"` // the text
	Rules        string                   `json:"rules"`    // the text
	Without      []lemonade.Part          `json:"without"`
	Replay       string                   `json:"replay"`
	Lag          int                      `json:"lag"`
	Model        string                   `json:"model"`
	Temperature  float64                  `json:"temperature"`
	Account      *trial.Accounting        `json:"account"`
	Require      string                   `json:"require"`
	Boards       []string                 `json:"boards"`
	Profile      time.Duration            `json:"profile"`
}

func readStored(text []byte) (stored, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("the stored options: %w", err)
	}
	return s, nil
}

// options are those that create the study again, with the rule book and the template
// in files of these names where the study has ones of its own.
func (s stored) options(rules, template string) lemonade.Options {
	o := lemonade.Options{
		Data: s.Data, Partial: s.Partial, Proposer: s.Proposer, Prefer: s.Prefer, Wants: s.Wants, Limits: s.Limits, TrainSamples: s.TrainSamples,
		Epochs: s.Epochs, Seed: s.Seed, Axes: s.Axes, Recipe: s.Recipe, Without: s.Without, Replay: s.Replay, Lag: &s.Lag,
		Measure: lemonade.Measure{Require: s.Require, Boards: s.Boards, Profile: s.Profile},
	}
	if s.Rules != "" {
		o.Rules = rules
	}
	switch s.Template {
	case "":
	case arch.NASBench201:
		o.Template = "nasbench201"
	default:
		o.Template = template
	}
	if s.Rungs != nil {
		o.Rungs = *s.Rungs
	}
	if s.Model != "" {
		o.LLM.Model, o.LLM.Temperature = s.Model, &s.Temperature
	}
	if a := s.Account; a != nil {
		o.Measure.Meter, o.Measure.Carbon.Intensity, o.Measure.Carbon.PUE = a.Meter, a.Intensity, a.PUE
	}
	return o
}
