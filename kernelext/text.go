package kernelext

import (
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Text is the study as plain text: a summary, the table of its trials, and what
// to mind in comparing them.
func Text(v View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "study %s on %s: %s\n", v.Name, v.Data, v.summary())
	if len(v.Trials) > 0 {
		fmt.Fprintf(&b, "\n%s%s\n", v.textTable(), legend)
	}
	for _, note := range v.Objective.MixedMethods(v.Trials) {
		fmt.Fprintln(&b, note)
	}
	return printable(b.String())
}

// Line is how a trial ended, in a line: its state, and what matters of its
// metrics or the reason why there are none.
func Line(t trial.Trial) string {
	if t.Reason != "" {
		return printable(fmt.Sprintf("%s: %s", t.State, clip(firstLine(t.Reason), 200)))
	}
	parts := []string{string(t.State)}
	for _, m := range []trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Latency, trial.Params} {
		if text := value(t, m); text != "–" {
			parts = append(parts, words(m)+" "+text)
		}
	}
	if t.Effectiveness != nil {
		parts = append(parts, "effectiveness "+score(t))
	}
	return strings.Join(parts, ", ")
}

// trialText explains a trial: what was asked, how the program came about, what
// was measured, and the program.
func trialText(t trial.Trial) string {
	var b strings.Builder
	fmt.Fprintf(&b, "trial %d by %s: %s\n", t.ID, t.Proposer, t.State)
	if t.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", indent(t.Reason, "  "))
	}
	if t.Parent > 0 {
		fmt.Fprintf(&b, "changed from trial %d\n", t.Parent)
	}
	for _, c := range t.Commands {
		fmt.Fprintf(&b, "asked: %s %s (rule %s): %s\n", c.Code, c.Text, c.Rule, c.Reason)
	}
	for _, a := range t.Attempts {
		outcome := "accepted"
		if a.State != trial.Complete {
			outcome = string(a.State) + ": " + indent(a.Reason, "    ")
		}
		fmt.Fprintf(&b, "answer %d of %s: %s\n", a.Turn+1, a.Proposer, outcome)
	}
	all := objective.MetricsOf(t)
	if t.Effectiveness != nil {
		fmt.Fprintf(&b, "%-18s %s\n", "effectiveness", score(t))
	}
	for _, info := range trial.MetricInfos {
		if m, ok := all[info.Metric]; ok {
			fmt.Fprintf(&b, "%-18s %-22s %s\n", words(info.Metric), measured(info.Metric, m), strings.TrimSpace(m.Method+" "+m.Note))
		}
	}
	if t.Program != nil {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(t.Program.Source))
	}
	return printable(b.String())
}

// programText is a network's summary with the program that describes it.
func programText(p *arch.Program) string {
	return printable(p.Network.Summary() + "\n" + p.Source)
}

// indent indents all lines but the first.
func indent(s, by string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+by)
}

// printable keeps control characters of foreign texts from a terminal, and from XML.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || (r >= 0x7f && r < 0xa0) || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, s)
}
