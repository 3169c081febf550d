package lemonade

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Options describe a study. The first group is fixed when the study is created;
// a field left at its zero value then takes its default, and when a study is
// opened again the stored value.
type Options struct {
	Data         string                   // a name of [datasets.Names]; needed to create a study
	Proposer     string                   // "rulebook" (default), "random" or "openai"
	Prefer       string                   // a preset of [objective.Presets]; default "balanced"
	Wants        []objective.Want         // win over the preset, metric by metric
	Limits       map[trial.Metric]float64 // hard limits, in each metric's unit
	TrainSamples int                      // drawn stratified from the training split; default all
	Epochs       int                      // per trial; default 10
	Seed         int64                    // default 1

	Dir       string             // studies folder; default [DefaultDir]
	LLM       propose.Options    // model and address of a language model; the key comes from the environment alone
	Evaluator evaluate.Evaluator // default: worker processes on this machine
	Log       func(string)       // told about long steps, such as building the worker
}

// settings are what a study fixes when it is created, as they are stored.
type settings struct {
	Data         string           `json:"data"`
	Fingerprint  string           `json:"fingerprint"`
	Proposer     string           `json:"proposer"`
	Prefer       string           `json:"prefer"`
	Wants        []objective.Want `json:"wants,omitempty"`
	Limits       limits           `json:"limits,omitempty"`
	TrainSamples int              `json:"train_samples"`
	Epochs       int              `json:"epochs"`
	Seed         int64            `json:"seed"`
}

type limits = map[trial.Metric]float64

// DefaultDir is the studies folder that is used where none is named.
func DefaultDir() (string, error) {
	dir, err := home.Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "studies"), nil
}

// settings fills in the defaults of a new study and checks everything at once.
func (o Options) settings() (settings, error) {
	s := settings{
		Data: o.Data, Proposer: o.Proposer, Prefer: o.Prefer, Wants: o.Wants, Limits: o.Limits,
		TrainSamples: o.TrainSamples, Epochs: o.Epochs, Seed: o.Seed,
	}
	setDefault(&s.Proposer, "rulebook")
	setDefault(&s.Prefer, "balanced")
	setDefault(&s.Epochs, 10)
	setDefault(&s.Seed, 1)

	var faults []error
	if s.Data == "" {
		faults = append(faults, fmt.Errorf("data: none is named for a new study: choose one of %s", strings.Join(datasets.Names(), ", ")))
	} else if info, err := datasets.Lookup(s.Data); err != nil {
		faults = append(faults, fmt.Errorf("data: %w", err))
	} else if most := info.Available(); s.TrainSamples < 0 || s.TrainSamples > most {
		faults = append(faults, fmt.Errorf("train samples: %d is not between 1 and the %d of %s that are left for training (0 takes all)", s.TrainSamples, most, info.Title))
	} else if s.TrainSamples > 0 && s.TrainSamples < len(info.ClassNames) {
		faults = append(faults, fmt.Errorf("train samples: %d are fewer than the %d classes of %s", s.TrainSamples, len(info.ClassNames), info.Title))
	}
	if names := propose.Names(); !slices.Contains(names, s.Proposer) {
		faults = append(faults, fmt.Errorf("proposer: %q is unknown: choose one of %s", s.Proposer, strings.Join(names, ", ")))
	}
	if s.Epochs < 1 || s.Epochs > 10_000 {
		faults = append(faults, fmt.Errorf("epochs: %d is not between 1 and 10000", s.Epochs))
	}
	if _, err := s.objective(); err != nil {
		faults = append(faults, err)
	}
	return s, errors.Join(faults...)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// objective is the preset with the study's own wants and limits over it.
func (s settings) objective() (objective.Objective, error) {
	preset, err := objective.Preset(s.Prefer)
	if err != nil {
		return objective.Objective{}, fmt.Errorf("prefer: %w", err)
	}
	return objective.New(objective.Merge(preset, s.Wants), s.Limits)
}

// reopen reports every option that differs from the stored one.
func (s settings) reopen(o Options) error {
	var faults []error
	check := func(field string, given bool, same bool, have, want any) {
		if given && !same {
			faults = append(faults, fmt.Errorf("%s: the study was created with %v and cannot go on with %v: leave the option out, or choose another name", field, have, want))
		}
	}
	check("data", o.Data != "", o.Data == s.Data, s.Data, o.Data)
	check("proposer", o.Proposer != "", o.Proposer == s.Proposer, s.Proposer, o.Proposer)
	check("prefer", o.Prefer != "", o.Prefer == s.Prefer, s.Prefer, o.Prefer)
	check("wants", len(o.Wants) > 0, equalJSON(o.Wants, s.Wants), asJSON(s.Wants), asJSON(o.Wants))
	check("limits", len(o.Limits) > 0, maps.Equal(o.Limits, s.Limits), s.Limits, o.Limits)
	check("train samples", o.TrainSamples != 0, o.TrainSamples == s.TrainSamples, s.TrainSamples, o.TrainSamples)
	check("epochs", o.Epochs != 0, o.Epochs == s.Epochs, s.Epochs, o.Epochs)
	check("seed", o.Seed != 0, o.Seed == s.Seed, s.Seed, o.Seed)
	return errors.Join(faults...)
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
