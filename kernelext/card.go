package kernelext

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// cardHeads are the columns of the table of a trial's metrics; one that is empty
// for every metric is left out.
var cardHeads = []string{"metric", "value", "method", "band", "idle part", "remarks"}

// card lists all that is known of a trial's metrics, a row for each, by cardHeads.
func (v View) card(t trial.Trial) (heads []string, rows [][]string) {
	all := objective.MetricsOf(t)
	said := map[string]string{} // parts of the notes, by the metric that has them first
	for _, info := range trial.Ordered(maps.Keys(all)) {
		m := all[info.Metric]
		var remarks []string
		if stated := v.Objective.Methods[info.Metric]; stated != "" && m.Method != "" && stated != m.Method {
			remarks = append(remarks, markOther+" the study's is by "+clip(stated, 60))
		}
		if m.Quality != "" {
			remarks = append(remarks, markWeak+" "+clip(m.Quality, 400))
		}
		name := words(info.Metric)
		remarks = append(remarks, unsaid(m.Note, name, said)...)
		rows = append(rows, []string{name, measured(info.Metric, all), clip(m.Method, 60), band(info.Metric, m), idle(info.Metric, m), strings.Join(remarks, "; ")})
	}
	for i := range slices.Backward(cardHeads) {
		if slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			heads = slices.Insert(heads, 0, cardHeads[i])
			continue
		}
		for r := range rows {
			rows[r] = slices.Delete(rows[r], i, i+1)
		}
	}
	return heads, rows
}

// unsaid are the parts of a note, and for long ones that are said of another metric
// already, such as what the meter counts, where to find them.
func unsaid(note, metric string, said map[string]string) (parts []string) {
	for part := range strings.SplitSeq(note, "; ") {
		if part == "" {
			continue
		}
		part = clip(part, 400)
		if first, ok := said[part]; ok && len(part) > 40 {
			part = "as for " + first
		} else {
			said[part] = metric
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// cardText is the table of a trial's metrics, its times and its forecast as text.
func (v View) cardText(t trial.Trial) string {
	var b strings.Builder
	if t.Effectiveness != nil {
		fmt.Fprintf(&b, "effectiveness %s\n", score(t))
	}
	if heads, rows := v.card(t); len(rows) > 0 {
		b.WriteString(aligned(append([][]string{heads}, rows...), func(i int) bool { return heads[i] == "value" }))
	}
	for _, line := range []string{phases(t.Seconds), forecast(t.Forecast)} {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	if len(t.Rungs) > 0 {
		b.WriteString("its trainings, each anew; the measurements above are of the last one that ended well:\n" + aligned(rungRows(t), func(i int) bool { return i > 0 && i != 4 }))
	}
	return b.String()
}

// cardHTML is cardText in HTML, with the methods spelled out on hover.
func (v View) cardHTML(t trial.Trial) string {
	heads, rows := v.card(t)
	var b strings.Builder
	if t.Effectiveness != nil {
		fmt.Fprintf(&b, `<div>effectiveness <b>%s</b></div>`, score(t))
	}
	if len(rows) > 0 {
		// A notebook has styles of its own for cells, so each needs its side; the space
		// between them is the table's.
		b.WriteString(`<table style="border-collapse:separate;border-spacing:12px 1px;margin:2px -12px;font-size:12px;white-space:nowrap"><tr>`)
		for _, head := range heads {
			side := "left"
			if head == "value" {
				side = "right"
			}
			fmt.Fprintf(&b, `<th style="text-align:%s;border-bottom:1px solid #8888">%s</th>`, side, head)
		}
		b.WriteString(`</tr>`)
		for _, row := range rows {
			b.WriteString(`<tr style="vertical-align:top">`)
			for i, cell := range row {
				title, style := "", "left"
				switch heads[i] {
				case "value":
					style = "right;font-weight:bold"
				case "method":
					title = titled(inWords(cell))
				case "remarks":
					style = "left;white-space:normal"
				}
				fmt.Fprintf(&b, `<td%s style="text-align:%s">%s</td>`, title, style, html.EscapeString(cell))
			}
			b.WriteString(`</tr>`)
		}
		b.WriteString(`</table>`)
	}
	for _, line := range []string{phases(t.Seconds), forecast(t.Forecast)} {
		if line != "" {
			fmt.Fprintf(&b, `<div>%s</div>`, html.EscapeString(line))
		}
	}
	if len(t.Rungs) > 0 {
		b.WriteString(`<div style="margin-top:4px">Its trainings, each anew; the measurements above are of the last one that ended well:</div>` + listHTML(rungRows(t)))
	}
	return b.String()
}

// phases tells how an evaluation's time divides: "took 52.0 s: idle 2.0 s, data 1.0 s, …".
func phases(seconds map[string]float64) string {
	order := slices.Clone(trial.Phases)
	for _, phase := range slices.Sorted(maps.Keys(seconds)) {
		if !slices.Contains(order, phase) {
			order = append(order, phase)
		}
	}
	total := 0.0
	var parts []string
	for _, phase := range order {
		if s, ok := seconds[phase]; ok {
			total += s
			parts = append(parts, clip(phase, 40)+" "+lasting(s))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := "took " + lasting(total) + ": " + strings.Join(parts, ", ")
	if _, trained := seconds[trial.PhaseTrain]; trained {
		text += fmt.Sprintf(" (%.0f %% not training)", 100*trial.Times(seconds).Around())
	}
	return text
}

// timeItems are the line of the cost card on where the time of the evaluations went,
// with what took most of it beside the trainings.
func (v View) timeItems() []item {
	times := v.Trials.Times()
	total := times.Total()
	if total <= 0 {
		return nil
	}
	around := slices.DeleteFunc(slices.Clone(trial.Phases), func(phase string) bool {
		return phase == trial.PhaseTrain || phase == trial.PhaseEvaluate || times[phase] < total/100
	})
	slices.SortStableFunc(around, func(a, b string) int { return cmp.Compare(times[b], times[a]) })
	note := fmt.Sprintf("%.0f %% not training", 100*times.Around())
	for i, phase := range around {
		note += []string{": ", ", "}[min(i, 1)] + phase + " " + lasting(times[phase])
	}
	return []item{{"evaluations", lasting(total), note}}
}

// forecast tells what the whole training was to take, as told after its first
// epoch, and how wrong that was where it is known: of the energy, or of the time
// where the energy is not.
func forecast(f *trial.Forecast) string {
	if f == nil {
		return ""
	}
	text, more, less := lasting(f.Seconds), "long", "short"
	if f.Energy > 0 {
		text, more, less = objective.Format(trial.TrainingEnergy, f.Energy)+" in "+text, "high", "low"
	}
	text = "forecast after epoch 1: " + text
	if f.Error == nil {
		return text
	}
	percent := math.Round(100 * *f.Error)
	switch {
	case percent > 0:
		return fmt.Sprintf("%s, %.0f %% too %s", text, percent, more)
	case percent < 0:
		return fmt.Sprintf("%s, %.0f %% too %s", text, -percent, less)
	}
	return text + ", right within 1 %"
}
