package kernelext

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Of what was trained outside the search, baselines are shown as trials of a number
// below 0, and finals as a metric of the trials whose networks they trained.

// baselines are those that were trained and measured, of each name the latest.
func (v View) baselines() trial.History {
	var all trial.History
	at := map[string]int{}
	for _, x := range v.Extras.For(trial.Baseline) {
		if _, trained := x.Metrics[trial.Accuracy]; !trained || x.State != trial.Complete && x.State != trial.Infeasible {
			continue
		}
		if i, ok := at[x.Name]; ok {
			all[i] = x.Trial
			continue
		}
		at[x.Name] = len(all)
		all = append(all, x.Trial)
	}
	return all
}

// baseline returns the number of the baseline of that name.
func (v View) baseline(name string) (id int, ok bool) {
	for _, t := range v.baselines() {
		if v.shortName(t) == name {
			return t.ID, true
		}
	}
	return 0, false
}

// title says what is shown: "trial 3", or "baseline resnet20".
func (v View) title(t trial.Trial) string {
	if t.ID >= 0 {
		return fmt.Sprintf("trial %d", t.ID)
	}
	return strings.TrimSpace("baseline " + v.shortName(t))
}

// shortName is the name of a baseline.
func (v View) shortName(t trial.Trial) string {
	for _, x := range v.Extras {
		if x.ID == t.ID {
			return clip(x.Name, 40)
		}
	}
	return ""
}

// baselineColors tell the lines of baselines apart, which have their names in the legend.
var baselineColors = []string{black, grey, orange, green, vermillion}

// baselineSeries is the line of the i-th baseline in a chart of lines.
func (v View) baselineSeries(i int, t trial.Trial) series {
	return series{Name: v.title(t), Color: baselineColors[i%len(baselineColors)], Symbol: "none", Line: true, Dashed: true}
}

// baselineRows is the table of the baselines, under their heads.
func (v View) baselineRows() [][]string {
	all := v.baselines()
	if len(all) == 0 {
		return nil
	}
	columns := slices.DeleteFunc(v.columns(), func(c column) bool { return c.name == "by" || c.metric == trial.TestAccuracy })
	columns[0] = column{name: "baseline", cell: v.shortName}
	columns[len(columns)-1].name = "reason"
	rows := [][]string{{}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
	}
	for _, t := range all {
		var row []string
		for _, c := range columns {
			row = append(row, strings.ReplaceAll(c.cell(t), "\n", " "))
		}
		rows = append(rows, row)
	}
	return rows
}

// longRun is the long trainings of one network for the same number of epochs.
type longRun struct {
	Trial      int                `json:"trial"`
	Epochs     int                `json:"epochs"`
	Seeds      []int64            `json:"seeds"`         // that are complete
	Search     *trial.Measurement `json:"search"`        // validation accuracy, as the search has it; null where it is unknown
	Validation *trial.Measurement `json:"accuracy"`      // after the long trainings
	Test       *trial.Measurement `json:"test_accuracy"` // null where the test split was not read
	Failed     []string           `json:"failed"`        // the reasons of those that failed
}

// longRuns are the finals, or the trainings for the ranking, by trial and epochs.
func (v View) longRuns(p trial.Purpose) []longRun {
	var all []longRun
	for _, x := range v.Extras.For(p) {
		i := slices.IndexFunc(all, func(r longRun) bool { return r.Trial == x.Of && r.Epochs == x.Epochs })
		if i < 0 {
			i = len(all)
			all = append(all, longRun{Trial: x.Of, Epochs: x.Epochs, Seeds: []int64{}, Failed: []string{}})
		}
		switch x.State {
		case trial.Complete:
			all[i].Seeds = append(all[i].Seeds, x.Seed)
		case trial.Failed:
			all[i].Failed = append(all[i].Failed, x.Reason)
		}
	}
	for i := range all {
		r := &all[i]
		known := func(m trial.Measurement, ok bool) *trial.Measurement {
			if !ok {
				return nil
			}
			return &m
		}
		if t, ok := v.Trials.ByID(r.Trial); ok {
			m, has := t.Metrics[trial.Accuracy]
			r.Search = known(m, has)
		}
		r.Validation, r.Test = known(v.Extras.Over(trial.Accuracy, r.Trial, r.Epochs)), known(v.Extras.Over(trial.TestAccuracy, r.Trial, r.Epochs))
	}
	slices.SortStableFunc(all, func(a, b longRun) int { return cmp.Or(a.Trial-b.Trial, a.Epochs-b.Epochs) })
	return all
}

// finalRows is the table of the finals, under their heads.
func (v View) finalRows() [][]string {
	all := v.longRuns(trial.Final)
	if len(all) == 0 {
		return nil
	}
	rows := [][]string{{"trial", "epochs", "seeds", "accuracy in the search", "accuracy after", "test accuracy", ""}}
	write := func(m *trial.Measurement, as trial.Metric) string {
		if m == nil {
			return "–"
		}
		return measured(as, trial.Metrics{as: *m})
	}
	for _, r := range all {
		fault := ""
		if len(r.Failed) > 0 {
			fault = fmt.Sprintf("%d failed: %s", len(r.Failed), clip(firstLine(r.Failed[0]), 70))
		}
		rows = append(rows, []string{
			strconv.Itoa(r.Trial), strconv.Itoa(r.Epochs), strconv.Itoa(len(r.Seeds)),
			write(r.Search, trial.Accuracy), write(r.Validation, trial.Accuracy), write(r.Test, trial.TestAccuracy), fault,
		})
	}
	return rows
}

// readsOf says how often the test split was read, for one trial's network, or for 0 in
// all: "" where it never was.
func (v View) readsOf(id int) string {
	var trials []string
	n := 0
	for _, r := range v.TestReads {
		if id != 0 && r.Trial != id {
			continue
		}
		n++
		if name := strconv.Itoa(r.Trial); !slices.Contains(trials, name) {
			trials = append(trials, name)
		}
	}
	if n == 0 {
		return ""
	}
	times := fmt.Sprintf("%d times", n)
	if n == 1 {
		times = "once"
	}
	if id != 0 {
		return "the test split was read " + times + " for this network, by finals; the search has seen nothing of it"
	}
	word := "trial "
	if len(trials) > 1 {
		word = "trials "
	}
	return "the test split was read " + times + ", by finals of " + word + strings.Join(trials, ", ") + "; the search has seen nothing of it"
}

// What stands over the tables.
const (
	baselinesHead = "baselines, trained as the study's networks are, and no part of its search:"
	finalsHead    = "finals, on all training samples and from seeds that the search has not used; the last two ± are over the seeds:"
)

// extrasText is what was trained outside the search.
func (v View) extrasText() string {
	return v.baselinesText() + v.finalsText() + v.rankingText()
}

func (v View) baselinesText() string {
	rows := v.baselineRows()
	if rows == nil {
		return ""
	}
	return "\n" + baselinesHead + "\n" + aligned(rows, func(i int) bool { return i > 1 && i < len(rows[0])-1 })
}

func (v View) finalsText() string {
	rows := v.finalRows()
	if rows == nil {
		return ""
	}
	text := "\n" + finalsHead + "\n" + aligned(rows, func(i int) bool { return i < 6 })
	if reads := v.readsOf(0); reads != "" {
		text += reads + "\n"
	}
	return text
}

func (v View) rankingText() string {
	if text := v.ranking().words(); text != "" {
		return "\n" + text + "\n"
	}
	return ""
}

// extrasHTML is the same in HTML.
func (v View) extrasHTML() string {
	return v.partHTML(baselinesHead, v.baselineRows(), "") + v.partHTML(finalsHead, v.finalRows(), v.readsOf(0)) + v.partHTML("", nil, v.ranking().words())
}

// partHTML is a table with what stands over and under it, "" where there is nothing.
func (v View) partHTML(head string, rows [][]string, foot string) string {
	if rows == nil && foot == "" {
		return ""
	}
	text := `<div style="font-size:13px;margin:12px 0">` + html.EscapeString(capital(head))
	if rows != nil {
		text += `<div style="overflow-x:auto">` + listHTML(rows) + `</div>`
	}
	return text + html.EscapeString(capital(foot)) + `</div>`
}

// capital writes the first letter large.
func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// extrasTable has a row for each training outside the search.
func (v View) extrasTable() [][]string {
	if len(v.Extras) == 0 {
		return nil
	}
	metrics := []trial.Metric{
		trial.Accuracy, trial.TrainAccuracy, trial.TestAccuracy, trial.Loss, trial.InferenceEnergy, trial.Latency, trial.TrainingEnergy, trial.TrainingTime, trial.Params, trial.MACs,
	}
	rows := [][]string{append([]string{"training", "purpose", "baseline", "trial", "epochs", "seed", "state", "reason", "network_hash"}, texts(metrics)...)}
	for _, x := range v.Extras {
		of := ""
		if x.Of > 0 {
			of = strconv.Itoa(x.Of)
		}
		row := []string{
			strconv.Itoa(x.ID), string(x.Purpose), cellText(x.Name), of, strconv.Itoa(x.Epochs), strconv.FormatInt(x.Seed, 10), string(x.State), cellText(x.Reason), cellText(x.Hash),
		}
		for _, m := range metrics {
			cell := ""
			if got, ok := x.Metrics[m]; ok {
				cell = cellNumber(got.Value)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return v.marked(rows)
}

// testReadsTable has a row for each access to the test split.
func (v View) testReadsTable() [][]string {
	if len(v.TestReads) == 0 {
		return nil
	}
	rows := [][]string{{"at", "who", "purpose", "trial", "network_hash", "epochs", "seed"}}
	for _, r := range v.TestReads {
		rows = append(rows, []string{cellTime(r.At), cellText(r.Who), string(r.Purpose), strconv.Itoa(r.Trial), cellText(r.Hash), strconv.Itoa(r.Epochs), strconv.FormatInt(r.Seed, 10)})
	}
	return rows
}
