package kernelext

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The tables of a study for a spreadsheet or a script: numbers in each metric's own
// unit with every digit, and nothing where a value is unknown.

// cellText is a text for a cell. One that a spreadsheet would take for a formula is
// quoted, since texts come from language models and files.
func cellText(s string) string {
	s = printable(s)
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func cellNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func cellOptional(x *float64) string {
	if x == nil {
		return ""
	}
	return cellNumber(*x)
}

func cellTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// trialsTable has a row for each trial.
func (v View) trialsTable() [][]string {
	rows := [][]string{{"trial", "state", "reason", "proposer", "parent", "niche", "commands", "front", "best", "effectiveness", "params", "macs", "runs", "started", "ended", "seconds", "network_hash", "program_lines", "reused_from"}}
	front := v.Objective.Front(v.Trials)
	best, _ := v.Objective.Best(v.Trials)
	yes := func(is bool) string {
		if is {
			return "yes"
		}
		return "no"
	}
	for _, t := range v.Trials {
		asked, parent, seconds, lines := "", "", "", ""
		if t.Niche != nil {
			asked = niche(t.Niche)
		}
		if t.Parent > 0 {
			parent = strconv.Itoa(t.Parent)
		}
		if len(t.Seconds) > 0 {
			total := 0.0
			for _, s := range t.Seconds {
				total += s
			}
			seconds = cellNumber(total)
		}
		reused := ""
		if t.Reused != nil {
			reused = t.Reused.String()
		}
		params, macs := "", ""
		if t.Program != nil {
			lines = strconv.Itoa(strings.Count(strings.TrimRight(t.Program.Source, "\n"), "\n") + 1)
			params, macs = strconv.FormatInt(t.Costs.Params, 10), strconv.FormatInt(t.Costs.MACs, 10)
		}
		rows = append(rows, []string{
			strconv.Itoa(t.ID), string(t.State), cellText(t.Reason), cellText(t.Proposer), parent, cellText(asked), cellText(codes(t)),
			yes(slices.Contains(front, t.ID)), yes(t.ID == best), cellOptional(t.Effectiveness), params, macs, strconv.Itoa(t.Runs),
			cellTime(t.Started), cellTime(t.Ended), seconds, cellText(t.Hash), lines, cellText(reused),
		})
	}
	return v.marked(rows)
}

// marked adds a column to a table of a study on a partial copy of its data, which says so.
func (v View) marked(rows [][]string) [][]string {
	mark := v.mark("", "")
	if mark == "" {
		return rows
	}
	rows[0] = append(rows[0], "data")
	for i := range rows[1:] {
		rows[i+1] = append(rows[i+1], mark)
	}
	return rows
}

// metricsTable has a row for each metric of each trial.
func (v View) metricsTable() [][]string {
	rows := [][]string{{"trial", "metric", "value", "unit", "method", "spread", "low", "high", "idle", "quality", "note"}}
	for _, t := range v.Trials {
		all := objective.MetricsOf(t)
		for _, info := range trial.Ordered(maps.Keys(all)) {
			m := all[info.Metric]
			rows = append(rows, []string{
				strconv.Itoa(t.ID), string(info.Metric), cellNumber(m.Value), info.Unit, cellText(m.Method),
				cellOptional(m.Spread), cellOptional(m.Low), cellOptional(m.High), cellOptional(m.Idle), cellText(m.Quality), cellText(m.Note),
			})
		}
	}
	return v.marked(rows)
}

// curvesTable has a row for each epoch of each training.
func (v View) curvesTable() [][]string {
	rows := [][]string{{"trial", "epoch", "loss", "train_accuracy", "accuracy", "seconds"}}
	for _, t := range v.Trials {
		for _, e := range t.Curve {
			rows = append(rows, []string{strconv.Itoa(t.ID), strconv.Itoa(e.Epoch), cellNumber(e.Loss), cellNumber(e.TrainAccuracy), cellNumber(e.Accuracy), cellNumber(e.Seconds)})
		}
	}
	return rows
}

// answersTable has a row for each answer of a proposer, with what its call has used.
func (v View) answersTable() [][]string {
	rows := [][]string{{"trial", "answer", "proposer", "state", "reason", "model", "prompt_tokens", "answer_tokens", "tokens_assumed", "dollars", "seconds", "error"}}
	for _, t := range v.Trials {
		for i, a := range t.Attempts {
			row := []string{strconv.Itoa(t.ID), strconv.Itoa(i + 1), cellText(a.Proposer), string(a.State), cellText(a.Reason), "", "", "", "", "", "", ""}
			if x := a.Exchange; x != nil {
				copy(row[5:], []string{
					cellText(x.Model), strconv.Itoa(x.PromptTokens), strconv.Itoa(x.AnswerTokens), fmt.Sprint(x.Assumed), cellOptional(x.Cost), cellNumber(x.Duration.Seconds()), cellText(x.Error),
				})
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// costsTable is the cost card.
func (v View) costsTable() [][]string {
	rows := [][]string{{"of", "what", "value", "note"}}
	for _, a := range v.costs() {
		for _, it := range a.items {
			rows = append(rows, []string{a.name, it.name, it.value, cellText(it.note)})
		}
	}
	return rows
}

// classesTable has a row for each class of each trial that was measured class by class.
func (v View) classesTable() [][]string {
	rows := [][]string{{"trial", "label", "class", "samples", "right", "recall", "taken_for_it", "precision"}}
	for _, t := range v.Trials {
		q, ok := v.quality(t)
		if !ok {
			continue
		}
		for _, r := range q.Recalls() {
			precision := ""
			if n := q.taken[r.Class]; n > 0 {
				precision = cellNumber(float64(r.Right) / float64(n))
			}
			rows = append(rows, []string{
				strconv.Itoa(t.ID), strconv.Itoa(r.Class), cellText(q.name(r.Class)), strconv.Itoa(r.Samples), strconv.Itoa(r.Right), cellNumber(r.Share()),
				strconv.Itoa(q.taken[r.Class]), precision,
			})
		}
	}
	return rows
}

// confusionTable has a row for each cell of each trial's confusion matrix that is not 0.
func (v View) confusionTable() [][]string {
	rows := [][]string{{"trial", "label", "class", "taken_for_label", "taken_for", "count"}}
	for _, t := range v.Trials {
		q, ok := v.quality(t)
		if !ok {
			continue
		}
		for _, c := range q.Confusion {
			rows = append(rows, []string{
				strconv.Itoa(t.ID), strconv.Itoa(c.True), cellText(q.name(c.True)), strconv.Itoa(c.Predicted), cellText(q.name(c.Predicted)), strconv.Itoa(c.Count),
			})
		}
	}
	return rows
}

// matrixTable is the confusion matrix itself: what it is to the left, what it is taken
// for above.
func (q quality) matrixTable() [][]string {
	classes := q.classes()
	heads := []string{"class"}
	for _, class := range classes {
		heads = append(heads, cellText(q.name(class)))
	}
	rows := [][]string{heads}
	for i, row := range q.matrix(classes)[:len(classes)] {
		cells := []string{heads[i+1]}
		for _, n := range row[:len(classes)] {
			cells = append(cells, strconv.Itoa(n))
		}
		rows = append(rows, cells)
	}
	return rows
}
