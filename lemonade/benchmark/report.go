package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Report is a comparison as far as it has come.
type Report struct {
	Data        string       `json:"data"`
	Partial     string       `json:"partial,omitempty"` // the mark of a partial copy, as in [datasets.Info.Partial]
	Trials      int          `json:"trials"`            // of each study, when it is through
	Budget      Budget       `json:"budget"`
	Template    string       `json:"template,omitempty"` // whose choices were proposed
	Rungs       string       `json:"rungs,omitempty"`    // of all arms but PROPOSER-rungs, as [lemonade.ParseRungs] reads them
	Seeds       []int64      `json:"seeds"`
	Statistics  []Statistic  `json:"statistics"`
	Arms        []ArmReport  `json:"arms"`
	Comparisons []Comparison `json:"comparisons"`
}

// Budget is how every network was trained, or the best where there are rungs.
type Budget struct {
	TrainSamples int    `json:"train_samples"` // 0 is all
	Epochs       int    `json:"epochs"`
	Recipe       string `json:"recipe"`
}

// conditions are what all studies of a comparison have in common.
type conditions struct {
	Budget
	Template string // text
}

// Statistic describes a number of the report.
type Statistic struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Doc   string `json:"doc"`
	kind  kind
}

// ArmReport is what is known of one arm.
type ArmReport struct {
	Arm    string             `json:"arm"`
	Models []string           `json:"models"` // language models that were asked
	Done   []int              `json:"done"`   // trials that have ended, in the order of the seeds
	Values map[string]Summary `json:"values"` // by the statistic's name
	Course Course             `json:"course"`
}

// Label is an arm in words: "rulebook without rungs", and beside that "rulebook in
// rungs".
func (r Report) Label(arm string) string {
	text := strings.Replace(arm, "-", " without ", 1)
	if r.Rungs != "" && !strings.HasSuffix(arm, "-"+string(lemonade.Halving)) {
		text += " in rungs"
	}
	return text
}

// Comparison holds an arm against a baseline of the same seeds, by the trials that
// both have.
type Comparison struct {
	Arm         string  `json:"arm"`
	Baseline    string  `json:"baseline"`
	Statistic   string  `json:"statistic"`
	Differences Summary `json:"differences"` // arm minus baseline
	Wins        int     `json:"wins"`        // seeds in which the arm has more
	Ties        int     `json:"ties"`
	Losses      int     `json:"losses"`
}

// baselines are the arms that every other is held against.
var baselines = []Arm{{Proposer: "rulebook"}, {Proposer: "random"}}

// baselinesOf are these, and the proposer in rungs of an arm without them.
func baselinesOf(arms []Arm) []Arm {
	all := slices.Clone(baselines)
	for _, a := range arms {
		if b := (Arm{Proposer: a.Proposer}); a.Without == lemonade.Halving && !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return all
}

// Read reports on the studies of the options that are there, whether they are
// through or not. It writes nothing.
func Read(ctx context.Context, o Options) (_ Report, err error) {
	o, err = o.complete()
	if err != nil {
		return Report{}, err
	}
	info, err := datasets.Lookup(o.Data)
	if err != nil {
		return Report{}, fmt.Errorf("data: %w", err)
	}
	shown, err := promptExamples(info)
	if err != nil {
		return Report{}, err
	}
	if _, err := os.Stat(filepath.Join(o.Dir, record.File)); err != nil {
		return Report{}, fmt.Errorf("there are no studies to report on yet: %w", err)
	}
	store, err := record.Open(o.Dir)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	var same *conditions
	partial := ""
	models := map[Arm][]string{}
	samples := map[Arm][]sample{} // by seed
	for _, a := range o.Arms {
		samples[a] = make([]sample, len(o.Seeds))
		for i, seed := range o.Seeds {
			samples[a][i] = sample{arm: a, examples: shown}
			name := o.name(a, seed)
			study, ok, err := store.Study(ctx, name)
			if err != nil {
				return Report{}, err
			} else if !ok {
				continue
			}
			var stored struct {
				conditions
				Model string
				Info  datasets.Info
			}
			if err := json.Unmarshal(study.Options, &stored); err != nil {
				return Report{}, fmt.Errorf("study %q: its stored options: %w", name, err)
			}
			if same == nil {
				same, partial = &stored.conditions, stored.Info.Partial()
			} else if *same != stored.conditions {
				return Report{}, fmt.Errorf("study %q was run with %+v, others with %+v: they do not compare", name, stored.conditions, *same)
			}
			if stored.Model != "" && !slices.Contains(models[a], stored.Model) {
				models[a] = append(models[a], stored.Model)
			}
			trials, err := store.Trials(ctx, name)
			if err != nil {
				return Report{}, err
			}
			samples[a][i].trials = ended(trials, o.Trials)
		}
	}
	if same == nil {
		return Report{}, fmt.Errorf("there are no studies of %s with these arms and seeds in %s yet", o.Data, o.Dir)
	}
	for i := range o.Seeds {
		if err := rescore(o.Arms, samples, i); err != nil {
			return Report{}, err
		}
	}
	r := summary(o, samples)
	r.Budget, r.Partial, r.Template = same.Budget, partial, o.Template
	for i, a := range o.Arms {
		r.Arms[i].Models = models[a]
	}
	return r, nil
}

// ended are the trials up to the first one that is still open, n at most.
func ended(h trial.History, n int) trial.History {
	if open := slices.IndexFunc(h, func(t trial.Trial) bool { return !t.State.Done() }); open >= 0 {
		h = h[:open]
	}
	return h[:min(n, len(h))]
}

// rescore gives all arms of a seed one objective: that of the rule book's first
// measured network, or where it has none that of the first arm that has one.
func rescore(arms []Arm, samples map[Arm][]sample, seed int) error {
	shared, err := objective.New(wants, nil)
	if err != nil {
		return err
	}
	if shared, err = shared.On(axes...); err != nil {
		return err
	}
	for _, a := range append([]Arm{baselines[0]}, arms...) {
		if all := samples[a]; len(all) > 0 {
			if complete := all[seed].trials.Complete(); len(complete) > 0 {
				shared.Fix(objective.MetricsOf(complete[0]))
				break
			}
		}
	}
	for _, a := range arms {
		samples[a][seed].objective = shared
	}
	return nil
}

// summary takes all statistics of all arms.
func summary(o Options, samples map[Arm][]sample) Report {
	r := Report{Data: o.Data, Trials: o.Trials, Seeds: o.Seeds, Comparisons: []Comparison{}}
	list := statistics(o.Trials)
	if o.Rungs.Count > 1 {
		equalise(samples)
		r.Rungs = o.Rungs.String()
		list = append(rungStatistics(), list...)
	}
	for _, s := range list {
		r.Statistics = append(r.Statistics, Statistic{s.name, s.title, s.doc, s.kind})
	}
	for _, a := range o.Arms {
		row := ArmReport{Arm: a.String(), Values: map[string]Summary{}}
		for _, s := range samples[a] {
			row.Done = append(row.Done, len(s.trials))
		}
		for _, s := range list {
			var values []*float64
			for _, study := range samples[a] {
				values = append(values, value(s, study))
			}
			row.Values[s.name] = summarise(values)
		}
		row.Course = course(samples[a])
		r.Arms = append(r.Arms, row)
		for _, b := range baselinesOf(o.Arms) {
			if b == a || samples[b] == nil {
				continue
			}
			for _, s := range list {
				if s.compare {
					r.Comparisons = append(r.Comparisons, compare(s, samples[a], samples[b]))
				}
			}
		}
	}
	return r
}

func value(s statistic, study sample) *float64 {
	if v, ok := s.of(study); ok {
		return &v
	}
	return nil
}

// compare pairs two arms seed by seed, each cut to the trials that both have.
func compare(s statistic, arm, baseline []sample) Comparison {
	c := Comparison{Arm: arm[0].arm.String(), Baseline: baseline[0].arm.String(), Statistic: s.name}
	var differences []*float64
	for i := range arm {
		both := min(len(arm[i].trials), len(baseline[i].trials))
		a, _ := arm[i].first(both)
		b, _ := baseline[i].first(both)
		va, vb := value(s, a), value(s, b)
		if va == nil || vb == nil {
			differences = append(differences, nil)
			continue
		}
		d := *va - *vb
		switch {
		case d > tie:
			c.Wins++
		case d < -tie:
			c.Losses++
		default:
			c.Ties++
		}
		differences = append(differences, &d)
	}
	c.Differences = summarise(differences)
	return c
}

// tie is the difference up to which two values count as equal: rounding errors.
const tie = 1e-9
