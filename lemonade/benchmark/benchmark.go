// Package benchmark compares proposers at equal numbers of trainings.
//
// An [Arm] is a proposer, perhaps with a part of the method switched off, such as
// "rulebook", "openai" or "openai-expert". Each arm runs one study per seed, all of
// them in one studies folder, and all of the same data, budget and objective.
// [Run] carries the studies on, seed by seed, so that a comparison that was
// stopped is balanced already and goes on where it was; [Read] turns what is there
// into a [Report] with intervals over the seeds.
//
// # What is compared
//
// The objective is accuracy (high priority) against multiply-accumulates (medium),
// and these are the axes of the front too. Neither depends on what else the machine
// is doing, so load cannot pass for an effect; energy and latency would. For the
// same reason no proposal overlaps a training: every proposer has seen all that
// came before. A network that another arm trained with the same trial key is not
// trained again, its result is taken over: accuracy on the CPU is the same to the
// bit, and the trainings counted are those that an arm asked for.
//
// A study fixes its anchors by its first measured trial, which differs between
// arms. The report therefore scores every arm of a seed anew with one objective,
// anchored at the rule book's first network.
//
// The statistics, and all thresholds in them, are Lemonade's own.
//
// # On a table
//
// [Search] compares them on a published table of measured networks, where an
// evaluation is a look-up: many searches of hundreds of evaluations, with the true
// front known.
//
// # Of a machine
//
// [Measure] tells how repeatable its measurements are, [Trial] where the time of a
// trial goes, and [Recipes] what each ingredient of a training recipe is worth.
package benchmark

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Options say what is compared. Zero values take their defaults.
type Options struct {
	Data         string         // name of the data set; needed
	Partial      bool           // take a copy of Data that has fewer samples than were published, and mark the report
	Arms         []Arm          // needed; the order of the report
	Seeds        []int64        // one study of each arm per seed; default 1 to 6
	Trials       int            // per study; default 12
	TrainSamples int            // per training; default all
	Epochs       int            // per training; default 10
	Rungs        lemonade.Rungs // of every arm but PROPOSER-rungs; default none
	Recipe       string         // "fixed" (default) or "free": see [lemonade.Options]
	Template     string         // whose choices are all that is proposed, as [lemonade.Options] takes it; default none

	Dir string          // studies folder; default [DefaultDir]
	LLM propose.Options // the language model, for the arms that ask one
	Log func(string)    // told about each trial that ended, and about long steps
}

// DefaultDir is the studies folder that is used where none is named. It is apart
// from that of a person's own studies.
func DefaultDir() (string, error) {
	dir, err := home.Dir()
	return filepath.Join(dir, "benchmarks"), err
}

// complete fills in the defaults and reports every fault at once.
func (o Options) complete() (Options, error) {
	var faults []error
	if o.Data == "" {
		faults = append(faults, errors.New("data: none is named"))
	}
	if len(o.Arms) == 0 {
		faults = append(faults, errors.New("arms: none is named, try random,rulebook"))
	}
	for i, a := range o.Arms {
		if slices.Contains(o.Arms[:i], a) {
			faults = append(faults, fmt.Errorf("arms: %s is given twice: keep one", a))
		}
	}
	if i := slices.IndexFunc(o.Arms, func(a Arm) bool { return a.Without == lemonade.Halving }); i >= 0 && o.Rungs.Count < 2 {
		faults = append(faults, fmt.Errorf("arms: %s is without rungs, and so are all others: give the rungs", o.Arms[i]))
	}
	if len(o.Seeds) == 0 {
		o.Seeds = []int64{1, 2, 3, 4, 5, 6}
	}
	for i, s := range o.Seeds {
		if s < 1 || slices.Contains(o.Seeds[:i], s) {
			faults = append(faults, fmt.Errorf("seeds: %d is given twice or not positive", s))
		}
	}
	if o.Trials < 0 {
		faults = append(faults, fmt.Errorf("trials: %d is not a positive number", o.Trials))
	} else if o.Trials == 0 {
		o.Trials = 12
	}
	if o.Epochs == 0 {
		o.Epochs = 10
	}
	if o.Recipe == "" {
		o.Recipe = "fixed"
	}
	if o.Dir == "" {
		dir, err := DefaultDir()
		faults = append(faults, err)
		o.Dir = dir
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o, errors.Join(faults...)
}

// study are the options of one arm's study with a seed.
func (o Options) study(a Arm, seed int64) lemonade.Options {
	noLag := 0
	return lemonade.Options{
		Data: o.Data, Partial: o.Partial, Proposer: a.Proposer, Prefer: "none", Wants: wants, Axes: axes,
		TrainSamples: o.TrainSamples, Epochs: o.Epochs, Rungs: o.Rungs, Seed: seed, Recipe: o.Recipe, Template: o.Template, Without: a.without(), Lag: &noLag,
		Dir: o.Dir, LLM: o.LLM, Log: o.Log,
		ReuseMeasured: o.Rungs.Count > 1, // energy and time are what it is about
	}
}

// name is the name of that study. Those of other rungs may lie in the same folder, so
// that they are all held against the same without, and those on a template.
func (o Options) name(a Arm, seed int64) string {
	name := fmt.Sprintf("%s.%s.%d", o.Data, a, seed)
	if o.Template != "" {
		file := filepath.Base(o.Template)
		name += "." + strings.TrimSuffix(file, filepath.Ext(file))
	}
	if o.Rungs.Count > 1 && a.Without != lemonade.Halving {
		name += ".rungs-" + strings.NewReplacer("reduction=", "", "shrink=", "", "least=", "", ",", "-").Replace(o.Rungs.String())
	}
	return name
}

// What every study wants: see the package's documentation.
var (
	wants = []objective.Want{{Metric: trial.Accuracy, Priority: objective.High}, {Metric: trial.MACs, Priority: objective.Medium}}
	axes  = []trial.Metric{trial.Accuracy, trial.MACs}
)

// Arm is one side of the comparison.
type Arm struct {
	Proposer string        // of [propose.Names]
	Without  lemonade.Part // the part of the method that is switched off; "" is none
}

// ParseArm reads PROPOSER or PROPOSER-PART, such as "openai" or "openai-expert".
func ParseArm(text string) (Arm, error) {
	proposer, part, cut := strings.Cut(text, "-")
	a := Arm{proposer, lemonade.Part(part)}
	if !slices.Contains(propose.Names(), proposer) {
		return a, fmt.Errorf("arm %q: there is no proposer %q: use one of %s", text, proposer, strings.Join(propose.Names(), ", "))
	}
	if cut && !slices.Contains(lemonade.Parts, a.Without) {
		return a, fmt.Errorf("arm %q: there is no part %q that can be switched off: use one of %q", text, part, lemonade.Parts)
	}
	return a, nil
}

// String is the arm as [ParseArm] reads it.
func (a Arm) String() string {
	if a.Without == "" {
		return a.Proposer
	}
	return a.Proposer + "-" + string(a.Without)
}

func (a Arm) without() []lemonade.Part {
	if a.Without == "" {
		return nil
	}
	return []lemonade.Part{a.Without}
}
