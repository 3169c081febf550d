package propose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// outcomeLines tell what the latest n rounds changed and what came of it, oldest
// first. Failures are told by [failureLines].
func outcomeLines(r Request, n int) []string {
	var lines []string
	for _, t := range slices.Backward(r.History) {
		if t.State != trial.Complete && t.State != trial.Pruned || len(lines) == n {
			continue
		}
		parent, ok := r.History.ByID(t.Parent)
		what := codes(t.Commands)
		if r.Template != "" {
			what = choiceChanges(parent.Program, t.Program)
		}
		line := fmt.Sprintf("trial %d%s", t.ID, what)
		if ok {
			line += fmt.Sprintf(" on trial %d", t.Parent)
			parent, t = alike(r, parent, t)
		}
		line += shortly(t)
		line += ": " + compared(r, t, parent)
		if a, ok := accepted(t); ok && a.Plan != nil {
			line += expectation(a.Plan, parent, t)
		}
		lines = append(lines, line)
	}
	slices.Reverse(lines)
	return lines
}

// alike are two trials as they were measured at the highest rung that both reached,
// so that they compare; with their effectiveness there.
func alike(r Request, parent, t trial.Trial) (_, _ trial.Trial) {
	if len(t.Rungs) == 0 {
		return parent, t
	}
	p, c, ok := trial.Common(parent, t)
	if !ok {
		return trial.Trial{}, t
	}
	if last, _ := c.LastRung(); last.Rung < last.Of {
		for _, one := range []*trial.Trial{&p, &c} {
			if score, known := r.Objective.Score(objective.MetricsOf(*one)); known {
				one.Effectiveness = &score
			}
		}
	}
	return p, c
}

// shortly tells what a trial's measurements are of, where it was not trained in full:
// " after a short training (rung 1 of 3, epochs 1)".
func shortly(t trial.Trial) string {
	last, ok := t.LastRung()
	if !ok || last.Rung == last.Of {
		return ""
	}
	text := fmt.Sprintf(" after a short training (%v, epochs %d", last, last.Epochs)
	if last.Samples > 0 {
		text += fmt.Sprintf(" on %d samples", last.Samples)
	}
	return text + ")"
}

// compared tells the wanted metrics of a trial, and how they changed from the parent.
func compared(r Request, t, parent trial.Trial) string {
	var parts []string
	for _, m := range wantedMetrics(r) {
		after, ok := value(&t, m)
		if !ok {
			continue
		}
		part := label(m) + " " + objective.Format(m, after)
		if effect, ok := trial.Effect(m, parent.Metrics, t.Metrics); ok {
			part += " (" + effect
			if before, _ := value(&parent, m); effect != trial.Same {
				part += " from " + objective.Format(m, before)
			}
			part += ")"
		}
		parts = append(parts, part)
	}
	if e, p := t.Effectiveness, parent.Effectiveness; e != nil && p != nil {
		parts = append(parts, map[bool]string{true: "better", false: "not better"}[*e > *p]+" than its parent on the whole")
	}
	return strings.Join(parts, ", ")
}

// wantedMetrics are accuracy and what else is wanted.
func wantedMetrics(r Request) []trial.Metric {
	out := []trial.Metric{trial.Accuracy}
	for _, w := range r.Objective.Wants {
		if !slices.Contains(out, w.Metric) {
			out = append(out, w.Metric)
		}
	}
	return out
}

// accepted returns the attempt whose program became the trial's.
func accepted(t trial.Trial) (trial.Attempt, bool) {
	for _, a := range slices.Backward(t.Attempts) {
		if a.State == trial.Complete {
			return a, true
		}
	}
	return trial.Attempt{}, false
}

// expectation tells which expected effects did not come true.
func expectation(p *trial.Plan, parent, t trial.Trial) string {
	var wrong []string
	for _, info := range trial.MetricInfos {
		want, ok := p.Expected[info.Metric]
		if got, known := trial.Effect(info.Metric, parent.Metrics, t.Metrics); ok && known && got != want {
			wrong = append(wrong, fmt.Sprintf("%s %s", label(info.Metric), want))
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return "; expected was " + strings.Join(wrong, ", ")
}

// others are networks of the front beside the parent, those of another size first,
// if they are short enough to be shown and at least half as accurate as the best:
// others are on the front for costing nothing.
func others(r Request) trial.History {
	var out trial.History
	best := 0.0
	for _, t := range r.History.Complete() {
		if v, ok := value(&t, trial.Accuracy); ok {
			best = max(best, v)
		}
	}
	for _, id := range r.Objective.Front(r.History) {
		t, ok := r.History.ByID(id)
		accuracy, known := value(&t, trial.Accuracy)
		if ok && known && accuracy >= best/2 && t.ID != r.Parent.ID && t.Program != nil && t.Costs.MACs > 0 && len(t.Program.Source) <= otherShown {
			out = append(out, t)
		}
	}
	distance := func(t trial.Trial) float64 {
		return math.Abs(math.Log(float64(t.Costs.MACs)) - math.Log(float64(max(1, r.Parent.Costs.MACs))))
	}
	slices.SortStableFunc(out, func(a, b trial.Trial) int { return cmp.Compare(distance(b), distance(a)) })
	return out[:min(othersShown, len(out))]
}

// layerLine tells which two layers have the most multiply-accumulates.
func layerLine(n *arch.Network) string {
	if n == nil {
		return ""
	}
	type layer struct {
		text string
		macs int64
	}
	var layers []layer
	total := int64(0)
	for i, node := range n.Nodes {
		if _, macs := n.NodeCosts(i); macs > 0 {
			total += macs
			layers = append(layers, layer{fmt.Sprintf("the %s to %v", node.Op, node.Shape), macs})
		}
	}
	slices.SortStableFunc(layers, func(a, b layer) int { return cmp.Compare(b.macs, a.macs) })
	var parts []string
	for _, l := range layers[:min(2, len(layers))] {
		parts = append(parts, fmt.Sprintf("%s %d %%", l.text, 100*l.macs/total))
	}
	return strings.Join(parts, ", ")
}

// nicheLine tells the size that is asked for.
func nicheLine(r Request) string {
	n := r.Niche
	if n == nil {
		return ""
	}
	macs := func(v int64) string { return objective.Format(trial.MACs, float64(v)) }
	line := fmt.Sprintf("The changed network should be %s: ", n.Name)
	switch {
	case n.Max == 0:
		line += fmt.Sprintf("more than %s multiply-accumulates", macs(n.Min))
	case n.Min == 0:
		line += fmt.Sprintf("at most %s multiply-accumulates", macs(n.Max))
	default:
		line += fmt.Sprintf("between %s and %s multiply-accumulates", macs(n.Min), macs(n.Max))
	}
	if r.Parent != nil && r.Parent.Costs.MACs > 0 {
		line += fmt.Sprintf("; the parent has %s", macs(r.Parent.Costs.MACs))
	}
	return line + "."
}

// unfenced keeps a program from ending the block that it is shown in.
func unfenced(program string) string {
	return strings.NewReplacer("```", "'''", "~~~", "---").Replace(program)
}

const nameShown = 200 // characters of a title, or of all class names

// plain makes one short line of a name that came from outside.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune("`#<>{}|", r) {
			return ' '
		}
		return r
	}, name)
	return shorten(strings.Join(strings.Fields(name), " "), nameShown)
}
