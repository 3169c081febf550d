package kernelext

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Compare displays two or more trials of a study side by side: what each metric is
// and by how much it differs from the first one's, what changes in the program, and
// the networks drawn.
func Compare(s Study, ids ...int) error { return compare(os.Stdout, s, ids) }

func compareCommand() *cobra.Command {
	var (
		dir    string
		asJSON bool
	)
	c := inStudies(&cobra.Command{
		Use:   "compare NAME ID ID [ID…] | compare NAME NAME",
		Short: "Set trials of a study side by side, or say whether two studies differ",
		Long: `With numbers: set trials of the study NAME side by side. What each metric is and by how
much it differs from the first one's, what changes in the program, and the networks
drawn. ✓ marks the better value, and those within ` + sameWithin() + ` of it. A baseline goes by its name.

With two names: say whether two studies differ, in hypervolume, in their best networks
and in the energy and time that they took. Each side may be several studies, by names
with commas between them or by a pattern such as cifar.*; they are paired by their
seeds. Six pairs or more have intervals; fewer show what is, but not whether it is
chance.`,
		Example: "  lemonade compare first 3 7\n  lemonade compare first 3 resnet20\n  lemonade compare cifar cifar-rungs\n  lemonade compare 'cifar.*' 'cifar-rungs.*'",
		Args:    cobra.MinimumNArgs(2),
	}, &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "of two studies: print the comparison as JSON")
	completeTrials(c, &dir)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 2 {
			if _, err := strconv.Atoi(args[1]); err == nil && !slices.Contains(studyNames(c.Context(), dir), args[1]) {
				return fmt.Errorf("compare: one trial, %s: name 2 to %d of %s, or another study", args[1], compareMost, args[0])
			}
			got, err := compareStudies(c.Context(), dir, args[0], args[1])
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(c.OutOrStdout(), got)
			}
			showStudies(c.OutOrStdout(), studies{got, args[0], args[1]})
			return nil
		}
		if asJSON {
			return errors.New("compare: --json is for two studies: lemonade show NAME --json has the trials")
		}
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			ids, err := ViewOf(s).numbers(args[1:])
			if err != nil {
				return err
			}
			return compare(c.OutOrStdout(), s, ids)
		})
	}
	return c
}

// numbers are those of trials and, by their names, of baselines.
func (v View) numbers(words []string) (ids []int, err error) {
	for _, word := range words {
		id, err := strconv.Atoi(word)
		if err != nil {
			var known []string
			for _, t := range v.baselines() {
				known = append(known, v.shortName(t))
			}
			found, ok := v.baseline(word)
			switch {
			case ok:
				id = found
			case len(known) == 0:
				return nil, fmt.Errorf("trial %q is not a number such as 3, and study %s has no baselines: lemonade baselines %s trains some", word, v.Name, shellWord(v.Name))
			default:
				return nil, fmt.Errorf("trial %q is neither a number such as 3 nor one of the baselines %s", word, strings.Join(known, ", "))
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func compare(out io.Writer, s Study, ids []int) error {
	c, err := comparisonOf(ViewOf(s), ids)
	if err == nil {
		display(out, c.text(), c.html())
	}
	return err
}

// comparison is trials side by side.
type comparison struct {
	view   View
	trials trial.History
}

// compareMost is how many trials have room side by side.
const compareMost = 6

func comparisonOf(v View, ids []int) (comparison, error) {
	c := comparison{view: v}
	if len(ids) < 2 || len(ids) > compareMost {
		return c, fmt.Errorf("compare: %d trials: name 2 to %d", len(ids), compareMost)
	}
	var faults []error
	for i, id := range ids {
		t, err := v.trial(id)
		faults = append(faults, err)
		if slices.Contains(ids[:i], id) {
			faults = append(faults, fmt.Errorf("compare: trial %d is named twice", id))
		}
		c.trials = append(c.trials, t)
	}
	return c, errors.Join(faults...)
}

// sameWithin is the change that counts as none, for people.
func sameWithin() string { return fmt.Sprintf("%.0f %%", 100*trial.SameWithin) }

// about says what a trial is in the study: "complete · on the front · by rulebook".
func (c comparison) about(t trial.Trial) string {
	if t.ID < 0 {
		return string(t.State) + " · no part of the search"
	}
	parts := []string{string(t.State)}
	if last, ok := t.LastRung(); ok && last.Rung < last.Of {
		parts = append(parts, fmt.Sprintf("measured at %v, after %s", last, several(last.Epochs, "epoch")))
	}
	if slices.Contains(c.view.Objective.Front(c.view.Trials), t.ID) {
		parts = append(parts, "on the front")
	}
	if best, ok := c.view.Objective.Best(c.view.Trials); ok && best == t.ID {
		parts = append(parts, "most effective")
	}
	parts = append(parts, "by "+t.Proposer)
	if t.Parent > 0 {
		parts = append(parts, fmt.Sprintf("changed from trial %d", t.Parent))
	}
	if all := codes(t); all != "" {
		parts = append(parts, "asked for "+all)
	}
	return strings.Join(parts, " · ")
}

// comparedCell is a metric of one trial.
type comparedCell struct {
	value  string
	change string // against the first trial
	best   bool
}

// comparedRow is a metric of all the trials.
type comparedRow struct {
	metric trial.Metric // "" of the effectiveness
	name   string
	wanted bool // the study is after it
	cells  []comparedCell
}

// rows are the metrics that any of the trials has.
func (c comparison) rows() []comparedRow {
	found := map[trial.Metric]bool{}
	for _, t := range c.trials {
		for m := range objective.MetricsOf(t) {
			found[m] = true
		}
	}
	concerns := c.view.Objective.Concerns()
	rows := []comparedRow{{name: "effectiveness", wanted: true, cells: c.effectiveness()}}
	for _, info := range trial.Ordered(maps.Keys(found)) {
		rows = append(rows, comparedRow{info.Metric, words(info.Metric), slices.Contains(concerns, info.Metric), c.cells(info)})
	}
	return append(rows, c.choices()...)
}

// choices are the rows of those that differ, of trials of a template.
func (c comparison) choices() []comparedRow {
	var rows []comparedRow
	for i, t := range c.trials {
		if t.Program == nil {
			continue
		}
		for _, choice := range t.Program.Choices {
			if slices.ContainsFunc(rows, func(r comparedRow) bool { return r.name == choice.Name }) {
				continue
			}
			row := comparedRow{name: choice.Name, cells: make([]comparedCell, len(c.trials))}
			for k := range row.cells {
				row.cells[k].value = "–"
			}
			for k, other := range c.trials[i:] {
				if other.Program == nil {
					continue
				}
				for _, o := range other.Program.Choices {
					if o.Name == choice.Name {
						row.cells[i+k].value = strings.Trim(o.Value(), `"`)
					}
				}
			}
			rows = append(rows, row)
		}
	}
	return slices.DeleteFunc(rows, func(r comparedRow) bool {
		return !slices.ContainsFunc(r.cells, func(cell comparedCell) bool { return cell != r.cells[0] })
	})
}

func (c comparison) effectiveness() []comparedCell {
	cells := make([]comparedCell, len(c.trials))
	best, known, same := 0.0, 0, 0
	for i, t := range c.trials {
		cells[i].value = score(t)
		if t.Effectiveness != nil {
			known++
			best = max(best, *t.Effectiveness)
		}
	}
	for i, t := range c.trials {
		if t.Effectiveness == nil {
			continue
		}
		if cells[i].best = *t.Effectiveness > best*(1-trial.SameWithin); cells[i].best {
			same++
		}
		if first := c.trials[0].Effectiveness; first != nil && i > 0 {
			cells[i].change = change(*first, *t.Effectiveness)
		}
	}
	return unmarked(cells, same == known)
}

// unmarked takes the marks away where there is nothing to choose between.
func unmarked(cells []comparedCell, all bool) []comparedCell {
	for i := range cells {
		cells[i].best = cells[i].best && !all
	}
	return cells
}

// cells are a metric of the trials. Values that were obtained by different methods
// do not compare: where there are such, none is the best.
func (c comparison) cells(info trial.MetricInfo) []comparedCell {
	m := info.Metric
	cells := make([]comparedCell, len(c.trials))
	var methods []string
	best := trial.Metrics{}
	known := 0
	for i, t := range c.trials {
		all := objective.MetricsOf(t)
		cells[i].value = measured(m, all)
		got, ok := all[m]
		if !ok {
			continue
		}
		known++
		if !slices.Contains(methods, got.Method) {
			methods = append(methods, got.Method)
		}
		if top, ok := best[m]; !ok || compareBy(m, all, trial.Metrics{m: top}) < 0 {
			best[m] = got
		}
	}
	same := 0
	for i, t := range c.trials {
		all := objective.MetricsOf(t)
		got, ok := all[m]
		switch {
		case !ok:
			continue
		case len(methods) > 1:
			cells[i].value += " [" + clip(got.Method, 40) + "]"
		default:
			effect, _ := trial.Effect(m, best, all)
			if cells[i].best = effect == trial.Same; cells[i].best {
				same++
			}
		}
		if first, ok := objective.MetricsOf(c.trials[0])[m]; ok && i > 0 && first.Method == got.Method {
			cells[i].change = metricChange(m, first.Value, got.Value)
		}
	}
	return unmarked(cells, same == known)
}

// metricChange writes how a metric changed: "-40 %", of a fraction right "+2.1 points".
func metricChange(m trial.Metric, from, to float64) string {
	if info, _ := m.Info(); info.Higher && info.Unit == "" {
		return fmt.Sprintf("%+.1f points", 100*(to-from))
	}
	return change(from, to)
}

// change writes a relative change: "-40 %", or "×12" where it is as large as that.
func change(from, to float64) string {
	switch {
	case from == to:
		return "the same"
	case from == 0:
		return "from 0"
	case to/from >= 10:
		return "×" + strconv.FormatFloat(to/from, 'g', 3, 64)
	}
	percent := 100 * (to - from) / math.Abs(from)
	if math.Abs(percent) < 9.95 {
		return fmt.Sprintf("%+.1f %%", percent)
	}
	return fmt.Sprintf("%+.0f %%", percent)
}

// verdict says of each trial but the first how it stands to that on the axes of the
// front.
func (c comparison) verdict() []string {
	var all []string
	first := c.trials[0]
	for _, t := range c.trials[1:] {
		var better, worse, same, unknown []string
		for _, m := range c.view.Objective.Axes {
			before, after := objective.MetricsOf(first), objective.MetricsOf(t)
			effect, ok := trial.Effect(m, before, after)
			switch {
			case !ok || before[m].Method != after[m].Method:
				unknown = append(unknown, words(m))
			case effect == trial.Same:
				same = append(same, words(m))
			case compareBy(m, after, before) < 0:
				better = append(better, words(m))
			default:
				worse = append(worse, words(m))
			}
		}
		var parts []string
		for _, part := range []struct {
			head    string
			metrics []string
		}{{"better in ", better}, {"worse in ", worse}, {"about the same in ", same}, {"not to be compared in ", unknown}} {
			if len(part.metrics) > 0 {
				parts = append(parts, part.head+strings.Join(part.metrics, " and "))
			}
		}
		text := fmt.Sprintf("%s against %s: %s", capital(c.view.title(t)), c.view.title(first), strings.Join(parts, ", "))
		if len(better) > 0 && len(worse) > 0 {
			text += "; neither beats the other"
		}
		all = append(all, text+".")
	}
	return all
}
