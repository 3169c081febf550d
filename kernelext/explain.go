package kernelext

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"os"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Explain displays one trial of a study as [Show] does, and beside it what its
// plan expected against its parent: [Show] has the trial alone and cannot compare.
// It is an error where the study has no such trial.
func Explain(s Study, id int) error {
	return explain(os.Stdout, s, id)
}

func explain(out io.Writer, s Study, id int) error {
	v := ViewOf(s)
	t, err := v.trial(id)
	if err == nil {
		display(out, v.trialText(t), v.trialHTML(t))
	}
	return err
}

// trial returns the trial of that number, or below 0 the baseline.
func (v View) trial(id int) (trial.Trial, error) {
	t, ok := v.Trials.ByID(id)
	if id < 0 {
		t, ok = v.baselines().ByID(id)
	}
	if !ok {
		return t, fmt.Errorf("trial %d: study %s has none of that number: it has %d trials, counted from 1", id, v.Name, len(v.Trials))
	}
	return v.whole(t), nil
}

// parent returns the trial that t was changed from, nil where there is none.
func (v View) parent(t trial.Trial) *trial.Trial {
	if p, ok := v.Trials.ByID(t.Parent); ok {
		return &p
	}
	return nil
}

// niche says what complexity was asked for: "small, at most 250 k MACs".
func niche(n *trial.Niche) string {
	least, most := objective.Format(trial.MACs, float64(n.Min)), objective.Format(trial.MACs, float64(n.Max))
	switch {
	case n.Min > 0 && n.Max > 0:
		return fmt.Sprintf("%s, %s to %s MACs", n.Name, least, most)
	case n.Max > 0:
		return fmt.Sprintf("%s, at most %s MACs", n.Name, most)
	case n.Min > 0:
		return fmt.Sprintf("%s, at least %s MACs", n.Name, least)
	}
	return n.Name
}

// outcome says what became of an answer: "accepted" or why it was not.
func outcome(a trial.Attempt) string {
	text := string(a.State)
	if a.State == trial.Complete {
		text = "accepted"
	}
	if a.Reason != "" {
		text += ": " + clip(a.Reason, 600)
	}
	if a.Exchange != nil {
		for _, note := range a.Exchange.Notes {
			text += "\nnote: " + clip(note, 200)
		}
	}
	return text
}

// answersOf is what a proposer said in the trial's round: nothing where a person wrote
// the program.
func answersOf(t trial.Trial) []trial.Attempt {
	if t.Proposer == trial.ByHand {
		return nil
	}
	return t.Attempts
}

// answer names the i-th answer of a round, with what its call has used: "answer 2
// of openai, repair 1 (…)". A proposer repairs its own answers alone, not those of
// the one that it stands in for.
func answer(all []trial.Attempt, i int) string {
	a, repair := all[i], 0
	for _, earlier := range all[:i] {
		if earlier.Proposer == a.Proposer {
			repair++
		}
	}
	text := fmt.Sprintf("answer %d of %s", i+1, a.Proposer)
	if repair > 0 {
		text += fmt.Sprintf(", repair %d", repair)
	}
	if a.Exchange != nil {
		text += " (" + called(a.Exchange) + ")"
	}
	return text
}

// rewritten heads the lessons of a trial, with what their call has used.
func rewritten(l *trial.Lessons) string {
	if l.Exchange == nil {
		return "lessons, rewritten before this trial"
	}
	return "lessons, rewritten before this trial (" + called(l.Exchange) + ")"
}

// lessonsOr returns the lessons, or why there are none.
func lessonsOr(l *trial.Lessons) string {
	text := strings.TrimSpace(l.Text)
	if text == "" && l.Exchange != nil && l.Exchange.Error != "" {
		return "none: " + l.Exchange.Error
	}
	return cmp.Or(text, "none")
}

// trialText explains a trial: what was asked, how the program came about, what it
// was to do and did, what was measured, and the program. Without the trial's study
// the view is empty, and there is no parent to compare it with.
func (v View) trialText(t trial.Trial) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s: %s%s\n", v.title(t), t.Proposer, t.State, v.mark(" (data ", ")"))
	if t.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", indent(t.Reason, "  "))
	}
	if text := reusedFrom(t); text != "" {
		fmt.Fprintf(&b, "%s\n", text)
	}
	if t.Parent > 0 {
		fmt.Fprintf(&b, "changed from trial %d\n", t.Parent)
	}
	if t.Niche != nil {
		fmt.Fprintf(&b, "asked for: %s\n", niche(t.Niche))
	}
	if t.Lessons != nil {
		fmt.Fprintf(&b, "%s: %s\n", rewritten(t.Lessons), indent(clip(lessonsOr(t.Lessons), lessonsMost), "  "))
	}
	if all := chosen(t); all != "" {
		fmt.Fprintf(&b, "chosen: %s\n", all)
	}
	b.WriteString(askedText(t.Commands, t.Dropped))
	for i, a := range answersOf(t) {
		fmt.Fprintf(&b, "%s: %s\n", answer(t.Attempts, i), indent(outcome(a), "    "))
	}
	if a, ok := accepted(t); ok {
		b.WriteString(planText(a.Plan, t, v.parent(t)))
	}
	b.WriteString(v.cardText(t))
	if reads := v.readsOf(t.ID); reads != "" && t.ID > 0 {
		b.WriteString(reads + "\n")
	}
	b.WriteString(v.qualityText(t))
	if t.Program != nil {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(t.Program.Source))
	}
	return printable(b.String())
}

// trialHTML explains a trial, as trialText does.
func (v View) trialHTML(t trial.Trial) string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:13px;margin:8px 0 16px">`)
	fmt.Fprintf(&b, `<b>%s</b> by %s: %s%s`, html.EscapeString(v.title(t)), html.EscapeString(t.Proposer), html.EscapeString(string(t.State)), html.EscapeString(v.mark(" (data ", ")")))
	if t.Parent > 0 {
		fmt.Fprintf(&b, `, changed from trial %d`, t.Parent)
	}
	if t.Niche != nil {
		fmt.Fprintf(&b, `, asked for: %s`, html.EscapeString(niche(t.Niche)))
	}
	if t.Reason != "" {
		fmt.Fprintf(&b, `<pre style="color:#D55E00;white-space:pre-wrap;margin:4px 0">%s</pre>`, html.EscapeString(t.Reason))
	}
	if text := reusedFrom(t); text != "" {
		fmt.Fprintf(&b, `<div>%s</div>`, html.EscapeString(text))
	}
	if t.Lessons != nil {
		fmt.Fprintf(&b, `<details style="margin-top:6px"><summary>%s</summary><div style="white-space:pre-wrap;margin:2px 0 2px 24px">%s</div></details>`,
			html.EscapeString(rewritten(t.Lessons)), html.EscapeString(clip(lessonsOr(t.Lessons), lessonsMost)))
	}
	if all := chosen(t); all != "" {
		fmt.Fprintf(&b, `<div style="margin-top:6px">Chosen: %s</div>`, html.EscapeString(all))
	}
	b.WriteString(askedHTML(t.Commands, t.Dropped))
	if len(answersOf(t)) > 0 {
		b.WriteString(heading("The answers:"))
		for i, a := range answersOf(t) {
			fmt.Fprintf(&b, `<li>%s: <span style="white-space:pre-wrap">%s</span></li>`, html.EscapeString(answer(t.Attempts, i)), html.EscapeString(outcome(a)))
		}
		b.WriteString(`</ul>`)
	}
	if a, ok := accepted(t); ok {
		b.WriteString(planHTML(a.Plan, t, v.parent(t)))
	}
	if card := v.cardHTML(t); card != "" {
		b.WriteString(`<div style="margin:6px 0 2px">What is known of it:</div><div style="margin-left:24px">` + card + `</div>`)
	}
	if reads := v.readsOf(t.ID); reads != "" && t.ID > 0 {
		fmt.Fprintf(&b, `<div style="margin-left:24px">%s</div>`, html.EscapeString(capital(reads)))
	}
	if q, ok := v.quality(t); ok {
		fmt.Fprintf(&b, `<details style="margin-top:6px"><summary>Class by class: %s</summary>%s</details>`, html.EscapeString(q.words()), v.qualityHTML(t, false))
	}
	if t.Program != nil {
		b.WriteString(programHTML(t.Program.Source))
	}
	b.WriteString(`</div>`)
	return b.String()
}

// heading begins a list.
func heading(text string) string {
	return `<div style="margin-top:6px">` + html.EscapeString(text) + `</div><ul style="margin:2px 0">`
}
