package kernelext

import (
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Text is the study as plain text: a summary, the table of its trials, what to
// mind in comparing them, what they have cost, and the lessons.
func Text(v View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "study %s on %s: %s\n", v.Name, v.data(), v.summary())
	if len(v.Trials) > 0 {
		fmt.Fprintf(&b, "\n%s%s\n", v.textTable(v.columns()), v.legend())
		for _, note := range v.notes() {
			fmt.Fprintln(&b, note)
		}
		if text := v.trust(); text != "" {
			fmt.Fprintln(&b, text)
		}
		b.WriteString(v.costLines())
	}
	b.WriteString(v.extrasText())
	if text, before := v.lessons(); text != "" {
		fmt.Fprintf(&b, "\nlessons, as rewritten before trial %d:\n  %s\n", before, indent(text, "  "))
	}
	return printable(b.String())
}

// Line is how a trial ended, in a line: its state, and what matters of its
// metrics or the reason why there are none.
func Line(t trial.Trial) string {
	if t.Reason != "" {
		return printable(fmt.Sprintf("%s: %s", t.State, clip(firstLine(t.Reason), 200)))
	}
	parts := []string{string(t.State) + reusedMark(t)}
	all := objective.MetricsOf(t)
	for _, m := range []trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Latency, trial.Params} {
		if _, ok := all[m]; !ok {
			continue
		}
		text := words(m) + " " + measured(m, all)
		if guessed(m, all) {
			text += " (" + clip(all[m].Method, 40) + ")"
		}
		parts = append(parts, text)
	}
	if t.Effectiveness != nil {
		parts = append(parts, "effectiveness "+score(t))
	}
	return printable(strings.Join(parts, ", "))
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
