package lemonade

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Options describe a study. The first group is fixed when the study is created;
// a field left at its zero value then takes its default, and when a study is
// opened again the stored value.
type Options struct {
	Data         string                   // a name of [datasets.Names], or a spec such as folder:PATH; needed to create a study
	Partial      bool                     // take a copy of Data that has fewer samples than were published, and mark the study
	Proposer     string                   // a name of [propose.Names]; default "rulebook"
	Prefer       string                   // a preset of [objective.Presets], or "none" where Wants are all; default "balanced"
	Wants        []objective.Want         // win over the preset, metric by metric
	Limits       map[trial.Metric]float64 // hard limits, in each metric's unit
	TrainSamples int                      // drawn stratified from the training split; default all
	Epochs       int                      // per trial; default 10
	Rungs        Rungs                    // shorter trainings first; default none
	Seed         int64                    // default 1
	Axes         []trial.Metric           // of the Pareto front; default [objective.DefaultAxes]
	Recipe       string                   // "free" (default): programs choose theirs; "fixed": all are trained with that of [arch.RecipeFor]
	Template     string                   // a name of [Templates], or the path of a program with choices, whose text is stored: it is all that is proposed; default none
	Rules        string                   // path of a rule book, whose text is stored; default the built-in one
	Without      []Part                   // parts of the method that are switched off, to measure what they are worth
	Replay       string                   // study whose proposals and measurements are replayed; of proposer "replay" alone
	Measure      Measure                  // how networks are measured
	Lag          *int                     // 1: the next proposal is asked for while a network is trained; 0: after it; default 0 for a model on this machine, else 1

	Dir           string             // studies folder; default [DefaultDir]
	LLM           propose.Options    // the language model, its caps and its address; only model and temperature are stored
	NoReuse       bool               // train also what a study of the folder has trained already: else what holds here of that is taken over
	ReuseMeasured bool               // take nothing over that was not measured under the same conditions: the study's figures are for more than its objective
	Evaluator     evaluate.Evaluator // default: worker processes on this machine
	Log           func(string)       // told about long steps, such as building the worker
}

// Part is a part of the method that can be switched off.
type Part string

// The parts.
const (
	Expert   Part = "expert"   // without: a proposer gets no commands; the parent is the most effective trial
	Advice   Part = "advice"   // without: the commands are drawn at random, a placebo
	Feedback Part = "feedback" // without: a proposer sees no measurement, no failure and no earlier network but its parent
	Loop     Part = "loop"     // without: every round is a first one, with the task alone
	Repair   Part = "repair"   // without: one answer a round
	Lessons  Part = "lessons"  // without: no note of lessons is kept
	Niches   Part = "niches"   // without: no complexity is asked for
	Learning Part = "learning" // without: the rule book makes no forecast from what was measured
	Forecast Part = "forecast" // without: what is hopeless by a forecast is trained all the same
	Halving  Part = "rungs"    // without: every network is trained in full at once
)

// Parts lists the parts of the method that can be switched off.
var Parts = []Part{Expert, Advice, Feedback, Loop, Repair, Lessons, Niches, Learning, Forecast, Halving}

// settings are what a study fixes when it is created, as they are stored.
type settings struct {
	Data         string           `json:"data"`
	Partial      bool             `json:"partial,omitempty"`
	Info         *datasets.Info   `json:"info,omitempty"` // of Data; nil in studies that are older
	Fingerprint  string           `json:"fingerprint"`
	Proposer     string           `json:"proposer"`
	Prefer       string           `json:"prefer"`
	Wants        []objective.Want `json:"wants,omitempty"`
	Limits       limits           `json:"limits,omitempty"`
	TrainSamples int              `json:"train_samples"`
	Epochs       int              `json:"epochs"`
	Rungs        *Rungs           `json:"rungs,omitempty"`  // nil where every network is trained in full at once
	Ladder       []budget         `json:"ladder,omitempty"` // what the rungs come to, the shortest first
	Seed         int64            `json:"seed"`
	Axes         []trial.Metric   `json:"axes,omitempty"`
	Recipe       string           `json:"recipe,omitempty"`
	Template     string           `json:"template,omitempty"` // text; "" where programs are free
	Rules        string           `json:"rules,omitempty"`    // text of the rule book; "" is the built-in one
	Without      []Part           `json:"without,omitempty"`
	Replay       string           `json:"replay,omitempty"`
	Lag          int              `json:"lag,omitempty"`
	Model        string           `json:"model,omitempty"`
	Temperature  float64          `json:"temperature,omitempty"` // of the model; 0 without one

	Account *trial.Accounting `json:"account,omitempty"` // nil in studies that are older
	Require string            `json:"require,omitempty"`
	Boards  []string          `json:"boards,omitempty"`
	Profile time.Duration     `json:"profile,omitempty"` // ns
}

type limits = map[trial.Metric]float64

// DefaultDir is the studies folder that is used where none is named: that of the
// environment variable LEMONADE_STUDIES, else studies in the data folder.
func DefaultDir() (string, error) {
	if dir := os.Getenv("LEMONADE_STUDIES"); dir != "" {
		return dir, nil
	}
	dir, err := home.Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "studies"), nil
}

// settings fills in the defaults of a new study and checks everything at once.
func (o Options) settings() (settings, error) {
	s := settings{
		Data: cleaned(o.Data), Partial: o.Partial, Proposer: o.Proposer, Prefer: o.Prefer, Wants: o.Wants, Limits: o.Limits,
		TrainSamples: o.TrainSamples, Epochs: o.Epochs, Seed: o.Seed,
		Axes: o.Axes, Recipe: o.Recipe, Without: o.Without,
	}
	setDefault(&s.Proposer, "rulebook")
	setDefault(&s.Prefer, "balanced")
	setDefault(&s.Epochs, 10)
	setDefault(&s.Seed, 1)
	setDefault(&s.Recipe, freeRecipe)

	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.Data == "" {
		fault("data: none is named for a new study: choose one of %s, folder:PATH for pictures of your own, or text:PATH for texts", strings.Join(datasets.Names(), ", "))
	} else if info, err := datasets.Lookup(s.Data); err != nil {
		fault("data: %w", err)
	} else if most := info.Available(); s.TrainSamples < 0 || s.TrainSamples > most {
		fault("train samples: %d is not between 1 and the %d of %s that are left for training (0 takes all)", s.TrainSamples, most, info.Title)
	} else if s.TrainSamples > 0 && s.TrainSamples < len(info.ClassNames) {
		fault("train samples: %d are fewer than the %d classes of %s", s.TrainSamples, len(info.ClassNames), info.Title)
	}
	if s.Epochs < 1 || s.Epochs > 10_000 {
		fault("epochs: %d is not between 1 and 10000", s.Epochs)
	} else if info, err := datasets.Lookup(s.Data); err == nil {
		faults = append(faults, s.chooseRungs(o.Rungs, info))
	}
	if s.Recipe != freeRecipe && s.Recipe != fixedRecipe {
		fault("recipe: %q is neither %s nor %s", s.Recipe, freeRecipe, fixedRecipe)
	}
	for _, part := range s.Without {
		if !slices.Contains(Parts, part) {
			fault("without: there is no part %q: choose among %q", part, Parts)
		}
	}
	if _, err := s.objective(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, s.readTemplate(o.Template), s.readRules(o.Rules), s.chooseModel(o))
	faults = append(faults, s.chooseMeasure(o.Measure)...)
	return s, errors.Join(faults...)
}

// What Options.Recipe may be.
const (
	freeRecipe  = "free"
	fixedRecipe = "fixed"
)

// readRules stores the text of the rule book, so that the study does not change
// with the file.
func (s *settings) readRules(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	if _, err := expert.Parse(path, text); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	s.Rules = string(text)
	return nil
}

// templates are those that are built in.
var templates = map[string]string{"nasbench201": arch.NASBench201}

// Templates lists the templates that are built in, by the names that
// [Options].Template takes.
func Templates() []string { return slices.Sorted(maps.Keys(templates)) }

// readTemplate stores the text of the template, so that the study does not change
// with the file. For data that is known it must run.
func (s *settings) readTemplate(name string) error {
	if name == "" {
		return nil
	}
	text, ok := templates[name]
	if !ok {
		read, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("template: %w; it is a file, or a name of %s", err, strings.Join(Templates(), ", "))
		}
		text = string(read)
	}
	s.Template = text
	info, err := datasets.Lookup(s.Data)
	if err != nil {
		return nil //nolint:nilerr // told of the data
	}
	p, err := arch.Parse(text, inputOf(info), len(info.ClassNames))
	switch {
	case err != nil:
		return fmt.Errorf("template %s: %w", name, err)
	case len(p.Choices) == 0:
		return fmt.Errorf(`template %s: it leaves nothing to choose: call choice("width", [16, 32]) where something is open`, name)
	}
	return nil
}

// templateName names a template's text: it is not the file that it came from.
func templateName(text string) string {
	for name, known := range templates {
		if text == known {
			return name
		}
	}
	if text == "" {
		return "none"
	}
	return "another text"
}

// chooseModel stores which language model is asked, and decides on the lag.
func (s *settings) chooseModel(o Options) error {
	if s.Proposer == replay {
		return errors.New("replay: name the study to replay")
	}
	if names := propose.Names(); !slices.Contains(names, s.Proposer) {
		return fmt.Errorf("proposer: %q is unknown: choose one of %s, or %s", s.Proposer, strings.Join(names, ", "), replay)
	}
	model, temperature, local, err := o.LLM.Resolve(s.Proposer)
	if err != nil {
		return err
	}
	s.Model, s.Temperature = model, temperature
	switch {
	case o.Lag == nil && !local:
		s.Lag = 1
	case o.Lag != nil && (*o.Lag < 0 || *o.Lag > 1):
		return fmt.Errorf("lag: %d is neither 0 nor 1", *o.Lag)
	case o.Lag != nil:
		s.Lag = *o.Lag
	}
	return nil
}

// replay is the proposer that repeats what another study recorded.
const replay = "replay"

// rules is the study's rule book.
func (s settings) rules() (*expert.RuleBook, error) {
	if s.Rules == "" {
		return expert.Default(), nil
	}
	return expert.Parse("the study's rule book", []byte(s.Rules))
}

func (s settings) without(p Part) bool { return slices.Contains(s.Without, p) }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// noPreset is the Options.Prefer that leaves the wants to Options.Wants alone.
const noPreset = "none"

// objective is the preset with the study's own wants and limits over it.
func (s settings) objective() (objective.Objective, error) {
	preset, err := []objective.Want(nil), error(nil)
	if s.Prefer != noPreset {
		preset, err = objective.Preset(s.Prefer)
	} else if len(s.Wants) == 0 {
		err = fmt.Errorf("%q leaves nothing to want: name a want, or a preset of %s", noPreset, strings.Join(objective.Presets(), ", "))
	}
	if err != nil {
		return objective.Objective{}, fmt.Errorf("prefer: %w", err)
	}
	wanted, err := objective.New(objective.Merge(preset, s.Wants), s.Limits)
	if err != nil || len(s.Axes) == 0 {
		return wanted, err
	}
	return wanted.On(s.Axes...)
}

// reopen reports every option that differs from the stored one.
func (s settings) reopen(o Options) error {
	var faults []error
	check := func(field string, given bool, same bool, have, want any) {
		if given && !same {
			faults = append(faults, fmt.Errorf("%s: the study was created with %v and cannot go on with %v: leave the option out, or choose another name", field, have, want))
		}
	}
	check("data", o.Data != "", cleaned(o.Data) == s.Data, s.Data, o.Data)
	check("partial", o.Partial, s.Partial, s.Partial, o.Partial)
	check("proposer", o.Proposer != "", o.Proposer == s.Proposer, s.Proposer, o.Proposer)
	check("prefer", o.Prefer != "", o.Prefer == s.Prefer, s.Prefer, o.Prefer)
	check("wants", len(o.Wants) > 0, equalJSON(o.Wants, s.Wants), asJSON(s.Wants), asJSON(o.Wants))
	check("limits", len(o.Limits) > 0, maps.Equal(o.Limits, s.Limits), s.Limits, o.Limits)
	check("train samples", o.TrainSamples != 0, o.TrainSamples == s.TrainSamples, s.TrainSamples, o.TrainSamples)
	check("epochs", o.Epochs != 0, o.Epochs == s.Epochs, s.Epochs, o.Epochs)
	check("rungs", o.Rungs != (Rungs{}) && !s.without(Halving), o.Rungs.complete() == s.rungs(), s.rungs(), o.Rungs)
	check("seed", o.Seed != 0, o.Seed == s.Seed, s.Seed, o.Seed)
	check("axes", len(o.Axes) > 0, slices.Equal(o.Axes, s.Axes), s.Axes, o.Axes)
	check("recipe", o.Recipe != "", o.Recipe == s.Recipe, s.Recipe, o.Recipe)
	check("without", len(o.Without) > 0, slices.Equal(o.Without, s.Without), s.Without, o.Without)
	check("replay", o.Replay != "", o.Replay == s.Replay, s.Replay, o.Replay)
	check("model", o.LLM.Model != "", o.LLM.Model == s.Model, s.Model, o.LLM.Model)
	if o.Lag != nil {
		check("lag", true, *o.Lag == s.Lag, s.Lag, *o.Lag)
	}
	if t := o.LLM.Temperature; t != nil {
		check("temperature", true, *t == s.Temperature, s.Temperature, *t)
	}
	if err := s.reopenMeasure(o.Measure, check); err != nil {
		faults = append(faults, err)
	}
	if o.Template != "" {
		given := settings{}
		if err := given.readTemplate(o.Template); err != nil {
			faults = append(faults, err)
		}
		check("template", true, given.Template == s.Template, templateName(s.Template), o.Template)
	}
	if o.Rules != "" {
		given := settings{}
		if err := given.readRules(o.Rules); err != nil {
			faults = append(faults, err)
		}
		check("rules", true, given.Rules == s.Rules, "another text", o.Rules)
	}
	return errors.Join(faults...)
}

// cleaned is the name of a data set as a study keeps it, or as it is where there is
// no such set.
func cleaned(data string) string {
	if clean, err := datasets.Clean(data); err == nil {
		return clean
	}
	return data
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func equalJSON(a, b any) bool { return asJSON(a) == asJSON(b) }

// Stop is a condition that ends a run before its number of trials is reached.
// It is looked at between trials; the zero value never stops.
type Stop struct {
	Time   time.Duration // since the run began
	Energy float64       // kWh of training, over the whole study
	Target bool          // once a trial meets every target
}

// ParseStop reads a condition such as "30m", "0.1kWh" or "target" into s, so
// that several may be combined.
func (s *Stop) ParseStop(text string) error {
	if text == "target" {
		s.Target = true
		return nil
	}
	if number, ok := strings.CutSuffix(strings.ToLower(text), "kwh"); ok {
		kWh, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(kWh > 0) {
			return fmt.Errorf("stop after: %q is not a positive energy such as 0.1kWh", text)
		}
		s.Energy = kWh
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("stop after: %q is none of a time such as 30m, an energy such as 0.1kWh, and the word target", text)
	}
	s.Time = d
	return nil
}
