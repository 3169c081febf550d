package propose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// taskLine tells what the architectures are for and how they will be trained.
func taskLine(t Task) string {
	title := plain(t.Title)
	if title == "" {
		title = plain(t.Data)
	}
	samples := "all training samples"
	if t.TrainSamples > 0 {
		samples = fmt.Sprintf("%d training samples", t.TrainSamples)
	}
	classes := strconv.Itoa(t.Classes)
	if n := len(t.ClassNames); n > 0 && n <= 12 {
		classes += " (" + plain(strings.Join(t.ClassNames, ", ")) + ")"
	}
	samplesAre := fmt.Sprintf("images %s", t.Input)
	if text, ok := t.Input.(arch.Tokens); ok {
		samplesAre = fmt.Sprintf("texts of %d tokens out of %d", text.Length, text.Vocabulary)
	}
	return fmt.Sprintf("%s: %s, classes %s. Each network is trained for %d epochs on %s: what learns fast wins.", title, samplesAre, classes, t.Epochs, samples)
}

// leastSide is the side of an image below which halving it once more leaves a
// convolution little to look at. Ours.
const leastSide = 4

// halvings says how often an image may be halved.
func halvings(in arch.Input) string {
	input, ok := in.(arch.Shape)
	if !ok || len(input) != 3 {
		return ""
	}
	n := 0
	for side := min(input[0], input[1]); side/2 >= leastSide; side /= 2 {
		n++
	}
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// wantLines say what is wanted, with the parent's value and how far it is.
func wantLines(r Request) []string {
	var lines []string
	for _, w := range r.Objective.Wants {
		info, _ := w.Metric.Info()
		line := fmt.Sprintf("%s: lower is better", label(w.Metric))
		if info.Higher {
			line = fmt.Sprintf("%s: higher is better", label(w.Metric))
		}
		line += fmt.Sprintf(", %v priority", w.Priority)
		value, known := value(r.Parent, w.Metric)
		if known {
			line += ", parent " + objective.Format(w.Metric, value)
		}
		if w.Target != nil {
			line += ", target " + objective.Format(w.Metric, *w.Target)
			switch met := value == *w.Target || (value > *w.Target) == info.Higher; {
			case known && met:
				line += " (met)"
			case known:
				line += " (not met)"
			}
		}
		lines = append(lines, line)
	}
	for _, l := range limits(r.Objective) {
		bound := "at most"
		if info, _ := l.metric.Info(); info.Higher {
			bound = "at least"
		}
		lines = append(lines, fmt.Sprintf("%s must be %s %s: a program that breaks this is rejected", label(l.metric), bound, objective.Format(l.metric, l.value)))
	}
	return lines
}

type limit struct {
	metric trial.Metric
	value  float64
}

// limits lists the hard limits in the order of the metrics.
func limits(o objective.Objective) []limit {
	var out []limit
	for _, info := range trial.Ordered(maps.Keys(o.Limits)) {
		out = append(out, limit{info.Metric, o.Limits[info.Metric]})
	}
	return out
}

func label(m trial.Metric) string {
	base, board := m.Split()
	name := strings.ReplaceAll(string(base), "_", " ")
	if board != "" {
		name += " on " + board
	}
	return name
}

func value(t *trial.Trial, m trial.Metric) (float64, bool) {
	if t == nil {
		return 0, false
	}
	v, ok := t.Metrics[m]
	return v.Value, ok
}

// measured tells the wanted metrics of a trial and its size.
func measured(r Request, t trial.Trial) string {
	shown := []trial.Metric{trial.Accuracy}
	for _, w := range r.Objective.Wants {
		shown = append(shown, w.Metric)
	}
	shown = append(shown, trial.TrainAccuracy, trial.Params, trial.MACs)
	var parts []string
	for i, m := range shown {
		if v, ok := value(&t, m); ok && !slices.Contains(shown[:i], m) {
			parts = append(parts, label(m)+" "+objective.Format(m, v))
		}
	}
	if len(parts) == 0 {
		return "not measured"
	}
	return strings.Join(parts, ", ") + shortly(t)
}

// failureLines tell the latest failures of trials and attempts, newest first.
func failureLines(h trial.History) []string {
	var lines []string
	add := func(line string) {
		if len(lines) < failuresShown && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, t := range slices.Backward(h) {
		if strings.HasPrefix(t.Reason, trial.BadData+":") { // no fault of a network's, and it names files
			continue
		}
		pruned := t.State == trial.Pruned && len(t.Rungs) > 0 // is told as an outcome
		if t.State.Done() && t.State != trial.Complete && t.State != trial.Invalid && !pruned {
			add(fmt.Sprintf("%s%s: %s", t.State, codes(t.Commands), shorten(firstLine(t.Reason), reasonShown/2)))
		}
		for _, a := range slices.Backward(t.Attempts) {
			if a.State == trial.Invalid || a.State == trial.Infeasible || a.State == trial.Pruned {
				add(fmt.Sprintf("%s: %s", a.State, shorten(firstLine(a.Reason), reasonShown/2)))
			}
		}
	}
	return lines
}

func codes(commands []trial.Command) string {
	if len(commands) == 0 {
		return ""
	}
	var out []string
	for _, c := range commands {
		out = append(out, c.Code)
	}
	return " (" + strings.Join(out, ", ") + ")"
}

// how says in the language's own terms how a command can be carried out.
var how = map[string]string{
	"ACL": "insert one more line such as x = relu(batch_norm(conv(x, 64, kernel = 3))) at a place with 64 channels, or call a block once more",
	"RCL": "delete one conv together with its batch_norm and relu, or one entry of a list of filters",
	"ASC": "keep a tensor and add it again behind the next layers, as in y = relu(batch_norm(conv(x, 64))) and then x = x + y, where x already has 64 channels",
	"RSC": "remove one + that adds an earlier tensor",
	"ADL": "insert x = relu(dense(x, 128)) before the last dense",
	"RDL": "delete one dense that is not the last",
	"AD":  "insert x = dropout(x, rate = 0.2) before the last dense",
	"RD":  "delete one dropout, or lower its rate",
	"AMK": "raise the filters of one or more conv by half or to the double",
	"RK":  "lower the filters of one or more conv to a half or three quarters",
	"AMN": "raise the units of a dense that is not the last",
	"RN":  "lower the units of a dense that is not the last",
	"AR":  "raise weight_decay, label_smoothing, cutout or mixup in recipe()",
	"RR":  "lower weight_decay, label_smoothing, cutout or mixup in recipe()",
	"AWI": "give the conv calls another initializer, such as init = \"glorot_normal\"",
}

// howInText replaces what would be said of images.
var howInText = map[string]string{
	"ACL": "insert one more line such as x = relu(layer_norm(conv1d(x, 64, kernel = 3))) or x = gru(x, 64, mask = mask) where x is a sequence, or call a layer once more",
	"RCL": "delete one conv1d, lstm or gru together with its norm and activation",
	"ASC": "keep a tensor and add it again behind the next layers, as in y = relu(layer_norm(conv1d(x, 64))) and then x = x + y, where x already has 64 channels",
	"AMK": "raise the filters of a conv1d, the units of an lstm or gru, or the dim of embedding by half or to the double",
	"RK":  "lower the filters of a conv1d, the units of an lstm or gru, or the dim of embedding to a half or three quarters",
	"AR":  "raise weight_decay, label_smoothing or token_dropout in recipe()",
	"RR":  "lower weight_decay, label_smoothing or token_dropout in recipe()",
	"AWI": "give the conv1d calls another initializer, such as init = \"glorot_normal\"",
}

func howTo(code string, f form) string {
	if h, ok := howInText[code]; ok && f.Text {
		return h
	}
	return how[code]
}

// commandLines tell each command with its reason, how it can be carried out, and
// one line of the parent on which it could be. Another turn shows another line.
func commandLines(r Request, f form) []string {
	var lines []string
	rng := r.rand("hints")
	for _, c := range r.Commands {
		if f.Fixed && strings.Contains(how[c.Code], "recipe()") {
			continue
		}
		line := c.Code + ", " + c.Text
		if c.Reason != "" {
			line += ", because " + c.Reason
		}
		if h := howTo(c.Code, f); h != "" {
			line += ". How: " + h
		}
		if r.Parent != nil && r.Parent.Program != nil {
			if h := hint(c.Code, r.Parent.Program.Source, f.Text, rng); h != "" {
				line += ". For instance " + h
			}
		}
		lines = append(lines, unfenced(line)+".")
	}
	return lines
}
