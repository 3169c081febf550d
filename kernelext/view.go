package kernelext

import (
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/device"
	forecasts "github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// View is what can be shown of a study.
type View struct {
	Name      string
	Data      string        // name of the data set
	Info      datasets.Info // of it; where that is empty it is looked up by its name
	Trials    trial.History
	Objective objective.Objective

	Extras    trial.Extras     // trainings outside the search
	TestReads []trial.TestRead // accesses to the test split

	study  outliner                 // that Trials may be outlines of; nil where they are whole
	ranked *leaders                 // may be nil
	assess func() []forecasts.Trust // in the study's forecasts; nil of a view that no study gave
}

// Study is what [ViewOf] asks of a study; *lemonade.Study has it. A study that knows
// what its data set is, as *lemonade.Study does, has the method Info too.
type Study interface {
	Name() string
	Data() string
	Trials() trial.History
	Objective() objective.Objective
}

// ViewOf returns the study as it is now. A trial whose network had a final has its
// test_accuracy too.
func ViewOf(s Study) View {
	v := View{Name: s.Name(), Data: s.Data(), Trials: outlines(s), Objective: s.Objective(), ranked: &leaders{}}
	v.study, _ = s.(outliner)
	if known, ok := s.(interface{ Info() datasets.Info }); ok {
		v.Info = known.Info()
	}
	if known, ok := s.(interface {
		Extras() trial.Extras
		TestReads() []trial.TestRead
	}); ok {
		v.Extras, v.TestReads = known.Extras(), known.TestReads()
	}
	if known, ok := s.(interface{ Trust() []forecasts.Trust }); ok {
		v.assess = known.Trust // which is for those to call who show it: it takes a while
	}
	if len(v.Extras) > 0 {
		for i, t := range v.Trials {
			v.Trials[i] = v.Extras.With(t)
		}
	}
	return v
}

// data is the data set's name for people, with the mark of a partial copy.
func (v View) data() string { return datasets.Short(v.Data) + v.mark(" (", ")") }

// mark is what everything that is shown of a study on a partial copy of its data says,
// between the given texts: "partial: 10,000 of 50,000".
func (v View) mark(before, after string) string {
	if text := v.Info.Partial(); text != "" {
		return before + text + after
	}
	return ""
}

// info describes the data set, where that is known.
func (v View) info() (info datasets.Info, ok bool) {
	if v.Info.Name != "" {
		return v.Info, true
	}
	info, err := datasets.Lookup(v.Data)
	return info, err == nil
}

// axes are the two metrics of the trade-off chart: the first of the front's axes
// goes up, the second to the right.
func (v View) axes() (up, right trial.Metric) {
	axes := v.Objective.Axes
	if len(axes) < 2 {
		axes = objective.DefaultAxes
	}
	return axes[0], axes[1]
}

// summary says in one line how the trials ended and how far the front has come.
func (v View) summary() string {
	var parts []string
	for _, it := range v.outcomes() {
		parts = append(parts, it.value+" "+it.name)
	}
	if len(parts) == 0 {
		return "no trials yet"
	}
	text := strings.Join(parts, ", ")
	front, best := v.leaders()
	if len(front) > 0 {
		text += fmt.Sprintf(" · front of %d, hypervolume %.3f", len(front), v.Objective.Hypervolume(v.Trials))
	}
	if best > 0 {
		text += fmt.Sprintf(" · best: trial %d", best)
	}
	return text
}

// outcomes counts the trials by their state, without the states that none has.
func (v View) outcomes() []item {
	count := map[trial.State]int{}
	for i := range v.Trials {
		count[v.Trials[i].State]++
	}
	var items []item
	for _, state := range []trial.State{trial.Complete, trial.Running, trial.Waiting, trial.Pruned, trial.Infeasible, trial.Duplicate, trial.Invalid, trial.Failed} {
		if n := count[state]; n > 0 {
			items = append(items, item{name: string(state), value: fmt.Sprint(n)})
		}
	}
	return items
}

// lessonsMost is how many characters of the lessons are shown.
const lessonsMost = 4000

// lessons returns the latest note of lessons, and the trial before which it was
// rewritten.
func (v View) lessons() (text string, before int) {
	text = v.Trials.Lessons()
	for _, t := range v.Trials {
		if t.Lessons != nil && t.Lessons.Text == text {
			before = t.ID
		}
	}
	return clip(strings.TrimSpace(text), lessonsMost), before
}

// words writes a metric's name for people: "inference energy", and of a board
// "latency on Raspberry Pi 5".
func words(m trial.Metric) string {
	base, board := m.Split()
	text := strings.ReplaceAll(string(base), "_", " ")
	switch base {
	case trial.MACs:
		text = "MACs"
	case trial.CO2e:
		text = "CO2e"
	}
	if board != "" {
		text += " on " + boardName(board)
	}
	return text
}

// boardName is a board's name for people, or the name itself where it is unknown.
func boardName(name string) string {
	board, err := device.Lookup(name)
	if err != nil {
		return name
	}
	return board.Title
}

// value writes a metric of a trial as [measured] does.
func value(t trial.Trial, m trial.Metric) string { return measured(m, objective.MetricsOf(t)) }

// score writes a trial's effectiveness, or "–" where it is unknown.
func score(t trial.Trial) string {
	if t.Effectiveness == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *t.Effectiveness)
}

// chosen writes what a trial took of its template's choices: "width = 16, depth = 2".
func chosen(t trial.Trial) string {
	if t.Program == nil {
		return ""
	}
	var all []string
	for _, c := range t.Program.Choices {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}

// codes writes a trial's commands: "ACL AMK".
func codes(t trial.Trial) string {
	var all []string
	for _, c := range t.Commands {
		all = append(all, c.Code)
	}
	return strings.Join(all, " ")
}
