package kernelext

import (
	"fmt"
	"html"
	"io"
	"os"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Prompts displays what a language model was asked for a trial and what it
// answered, word for word as the record has it. It is an error where the study has
// no such trial, or none was asked for it.
func Prompts(s Study, id int) error { return showPrompts(os.Stdout, s, id) }

func showPrompts(out io.Writer, s Study, id int) error {
	v := ViewOf(s)
	t, err := v.trial(id)
	if err != nil {
		return err
	}
	all := conversations(t)
	if len(all) == 0 {
		return fmt.Errorf("trial %d: no language model was asked for it: %s proposed it", id, t.Proposer)
	}
	display(out, promptsText(t, all), promptsHTML(t, all))
	return nil
}

// conversation is one call of a language model.
type conversation struct {
	title    string
	same     int             // messages at its beginning that the call before it had too
	messages []trial.Message // the others
	answer   string          // why there is none, where that is so
	outcome  string          // what became of the answer
}

// conversations are the calls made for a trial, in their order.
func conversations(t trial.Trial) []conversation {
	var all []conversation
	var before []trial.Message
	add := func(title string, x *trial.Exchange, outcome string) {
		c := conversation{title: title, messages: x.Prompt, answer: strings.TrimSpace(x.Answer), outcome: outcome}
		for c.same < min(len(before), len(x.Prompt)) && before[c.same] == x.Prompt[c.same] {
			c.same++
		}
		c.messages, before = x.Prompt[c.same:], x.Prompt
		if c.answer == "" {
			c.answer = "none: " + x.Error
		}
		all = append(all, c)
	}
	if l := t.Lessons; l != nil && l.Exchange != nil {
		add(rewritten(l), l.Exchange, "kept: "+lessonsOr(l))
	}
	for i, a := range t.Attempts {
		if a.Exchange != nil {
			add(answer(t.Attempts, i), a.Exchange, outcome(a))
		}
	}
	return all
}

// speakers name the roles of messages.
var speakers = map[string]string{
	"system": "the instructions (system)", "user": "Lemonade (user)", "assistant": "the model, as shown to it (assistant)",
}

func speaker(role string) string {
	if name := speakers[role]; name != "" {
		return name
	}
	return clip(role, 40)
}

// repeated says what is left out of a conversation.
func repeated(n int) string {
	if n == 1 {
		return "the first message is that of the call before"
	}
	return fmt.Sprintf("the first %d messages are those of the call before", n)
}

func promptsText(t trial.Trial, all []conversation) string {
	var b strings.Builder
	part := func(title, text string) { fmt.Fprintf(&b, "\n--- %s\n%s\n", title, strings.TrimSpace(text)) }
	fmt.Fprintf(&b, "trial %d, word for word\n", t.ID)
	for _, c := range all {
		fmt.Fprintf(&b, "\n=== %s\n", c.title)
		if c.same > 0 {
			fmt.Fprintf(&b, "(%s)\n", repeated(c.same))
		}
		for _, m := range c.messages {
			part(speaker(m.Role), m.Content)
		}
		part("the answer", c.answer)
		part("what became of it", c.outcome)
	}
	return printable(b.String())
}

// promptsHTML has what was said last and the answer open, and the rest folded.
func promptsHTML(t trial.Trial, all []conversation) string {
	var b strings.Builder
	part := func(title, text string, open bool) {
		attribute := ""
		if open {
			attribute = " open"
		}
		text = printable(strings.TrimSpace(text))
		fmt.Fprintf(&b, `<details%s style="margin:4px 0 4px 24px"><summary>%s, %s characters</summary>`+
			`<pre style="font:12px/1.4 monospace;background:#8881;color:inherit;padding:8px;margin:4px 0;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere">%s</pre></details>`,
			attribute, html.EscapeString(title), thousands(len([]rune(text))), html.EscapeString(text))
	}
	fmt.Fprintf(&b, `<div style="font-size:13px;margin:8px 0 16px"><b>trial %d</b>, word for word`, t.ID)
	for _, c := range all {
		fmt.Fprintf(&b, `<div style="margin-top:10px"><b>%s</b></div>`, html.EscapeString(c.title))
		if c.same > 0 {
			fmt.Fprintf(&b, `<div style="margin-left:24px;opacity:.7">%s</div>`, repeated(c.same))
		}
		for i, m := range c.messages {
			part(speaker(m.Role), m.Content, i == len(c.messages)-1)
		}
		part("the answer", c.answer, true)
		fmt.Fprintf(&b, `<div style="margin-left:24px;white-space:pre-wrap">What became of it: %s</div>`, html.EscapeString(printable(c.outcome)))
	}
	b.WriteString(`</div>`)
	return b.String()
}
