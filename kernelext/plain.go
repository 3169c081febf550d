package kernelext

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// presetWords are the presets in plain words.
var presetWords = map[string]string{"accuracy": "accuracy first", "balanced": "balanced", "deployment": "small and fast"}

// preset returns the preset that a plain word means, such as "small-and-fast", and
// any other text as it is.
func preset(text string) string {
	for name, words := range presetWords {
		if plainly(text) == words {
			return name
		}
	}
	return text
}

// plainly is a text as it compares with plain words: "Small-and-fast" is "small and fast".
func plainly(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }), " ")
}

// presetNames lists the presets with their plain words: "accuracy, balanced,
// deployment (small and fast)".
func presetNames() string {
	var names []string
	for _, name := range objective.Presets() {
		if words := presetWords[name]; !strings.HasPrefix(words, name) {
			name += " (" + words + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// presetChoices are the presets for completion, with their plain words beside them.
func presetChoices() (all []string) {
	for _, name := range objective.Presets() {
		all = append(all, name+"\t"+presetWords[name])
	}
	return all
}

// rightOf writes a fraction that is right for people who do not think in percent:
// "83 of 100", and of more only where that would be all or none.
func rightOf(fraction float64) string {
	per := 100.0
	for n := math.Round(fraction * per); per < 10_000 && (n == 0 && fraction > 0 || n == per && fraction < 1); n = math.Round(fraction * per) {
		per *= 10
	}
	return thousands(int(math.Round(fraction*per))) + " of " + thousands(int(per))
}

// costMetrics are the time and the energy of classifying one picture: on the board
// that the study is after, where there is one, else on this machine.
func (v View) costMetrics() []trial.Metric {
	latency, energy := trial.Latency, trial.InferenceEnergy
	for _, board := range v.Objective.Boards() {
		latency, energy = latency.On(board), energy.On(board)
		break
	}
	all := []trial.Metric{latency, energy}
	for _, m := range v.Objective.Axes { // such as the size, where the front is after that
		if m != trial.Accuracy && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// inBrief is a trial in a line: "right 83 of 100 · 4.0 ms · 0.4 mJ, estimated".
func (v View) inBrief(t trial.Trial) string {
	all := objective.MetricsOf(t)
	var parts []string
	if a, ok := all[trial.Accuracy]; ok {
		parts = append(parts, "right "+rightOf(a.Value))
	}
	for _, m := range v.costMetrics() {
		got, ok := all[m]
		if !ok {
			continue
		}
		text := objective.Format(m, got.Value)
		if info, _ := m.Info(); info.Unit == "" || m == trial.ModelSize {
			text += " " + words(m)
		} else if _, board := m.Split(); board != "" {
			text += " on " + boardName(board)
		}
		if how := guessWord(m, all); how != "" {
			text += ", " + how
		}
		parts = append(parts, text)
	}
	if mark := v.mark("", ""); mark != "" {
		parts = append(parts, mark)
	}
	return strings.Join(parts, " · ")
}

// guessWord says in a word that no meter has read a value; "" where one has.
func guessWord(m trial.Metric, all trial.Metrics) string {
	switch {
	case !guessed(m, all):
		return ""
	case all[m].Method == trial.MethodPredicted:
		return "predicted"
	}
	return "estimated"
}

// moreOf is the adjective for more of a metric that goes up the front.
func moreOf(m trial.Metric) string {
	switch info, _ := m.Info(); {
	case m == trial.Accuracy:
		return "more accurate"
	case m == trial.Throughput || m == trial.Latency:
		return "faster"
	case info.Higher:
		return "higher in " + words(m)
	}
	return "lower in " + words(m)
}

// plainNouns are what a network takes, in a word.
var plainNouns = map[trial.Metric]string{
	trial.InferenceEnergy: "energy", trial.Latency: "time", trial.MACs: "work", trial.TrainingEnergy: "energy for its training", trial.TrainingTime: "time for its training",
	trial.ModelSize: "space", trial.Params: "parameters", trial.ActivationMemory: "memory", trial.PeakMemory: "memory", trial.CO2e: "CO2e for its training",
}

func plainNoun(m trial.Metric) string {
	base, board := m.Split()
	noun, ok := plainNouns[base]
	if !ok {
		return words(m)
	}
	if board != "" {
		noun += " on " + boardName(board)
	}
	return noun
}

// times says how much of a thing another value is: "3.1 times the energy", "40 % less
// energy", "about as much energy".
func times(noun string, from, to float64) string {
	if from <= 0 || to < 0 || math.IsNaN(to/from) {
		return "another amount of " + noun
	}
	ratio := to / from
	number := func(x float64) string { return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0") }
	switch {
	case math.Abs(ratio-1) < trial.SameWithin:
		return "about as much " + noun
	case ratio >= 9.95:
		return fmt.Sprintf("%.0f times the %s", ratio, noun)
	case ratio >= 1.95 && ratio < 2.05:
		return "twice the " + noun
	case ratio > 1.95:
		return number(ratio) + " times the " + noun
	case ratio > 1:
		return fmt.Sprintf("%.0f %% more %s", 100*(ratio-1), noun)
	case math.Abs(ratio-0.5) < 0.025:
		return "half the " + noun
	case ratio < 0.1:
		return "less than a tenth of the " + noun
	}
	return fmt.Sprintf("%.0f %% less %s", 100*(1-ratio), noun)
}

// neighbour tells how another network of the front differs from the one chosen: "The
// next more accurate one, trial 9, would be right 85 of 100, but takes 3.1 times the
// energy."
func (v View) neighbour(what string, chosen, other trial.Trial) string {
	a, b := objective.MetricsOf(chosen), objective.MetricsOf(other)
	var gains, losses []string
	for _, m := range v.Objective.Axes {
		info, _ := m.Info()
		x, y := a[m].Value, b[m].Value
		text := "takes " + times(plainNoun(m), x, y)
		switch {
		case m == trial.Accuracy && rightOf(x) == rightOf(y):
			text = "is right about as often"
		case m == trial.Accuracy:
			text = "is right " + rightOf(y)
		case info.Higher:
			text = "has " + times(words(m), x, y)
		}
		if compareBy(m, b, a) < 0 {
			gains = append(gains, text)
		} else {
			losses = append(losses, text)
		}
	}
	text := fmt.Sprintf("%s, trial %d, ", what, other.ID) + strings.Join(gains, " and ")
	if len(gains) > 0 && len(losses) > 0 {
		text += ", but "
	}
	return text + strings.Join(losses, " and ") + "."
}

// sampling says how far chance alone reaches in a count of what is right, "" where it
// is not known on how many pictures it was counted. It is the usual 95 % interval of a
// proportion.
func (v View) sampling(t trial.Trial) string {
	info, known := v.info()
	a, ok := t.Metrics[trial.Accuracy]
	if !known || !ok || info.Validation == 0 {
		return ""
	}
	n := float64(info.Validation)
	margin := 1.96 * math.Sqrt(a.Value*(1-a.Value)/n)
	return fmt.Sprintf("It was counted on %s %s that the training did not see: of 100 others, give or take %s more or less may be right by chance alone.",
		thousands(info.Validation), samplesOf(info), strconv.FormatFloat(max(100*margin, 0.1), 'f', 1, 64))
}

// placeOf is the flag that a command needs to find the study: "" where it is in the
// default folder.
func placeOf(s Study) string {
	in, ok := s.(interface{ Dir() string })
	if !ok {
		return ""
	}
	return placeIn(in.Dir())
}

// placeIn is the same of a folder.
func placeIn(dir string) string {
	if usual, err := lemonade.DefaultDir(); err != nil || dir == usual {
		return ""
	}
	return " --studies " + shellWord(dir)
}

// useLine says how to use a trial's network.
func useLine(study string, id int, place string) string {
	return fmt.Sprintf("use this one: lemonade export %s --trial %d%s", shellWord(study), id, place)
}

// useHTML is useLine for a notebook, with the line of Go.
func useHTML(study string, id int, place string) string {
	command := fmt.Sprintf("export %s --trial %d%s", shellWord(study), id, place)
	code := func(text string) string {
		return `<pre style="margin:2px 0;font:12px monospace;white-space:pre-wrap;overflow-wrap:anywhere">` + html.EscapeString(text) + `</pre>`
	}
	return `<details style="font-size:12px;margin:4px 0"><summary>use this one</summary>` +
		`its program, its trained weights and its measurements, as files:` + code("%lemonade "+command) + `in a terminal` + code("lemonade "+command) +
		`in Go` + code(fmt.Sprintf("files, err := kernelext.Export(ctx, study, kernelext.ExportOptions{Trial: %d})", id)) + `</details>`
}
