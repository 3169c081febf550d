package kernelext

import (
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestPrompts holds that every call of a trial is told word for word in both forms,
// and what a repair has in common with the call before it only once.
func TestPrompts(t *testing.T) {
	v := fake(t)
	asked := []trial.Message{{Role: "system", Content: "You design networks."}, {Role: "user", Content: "# Task\nCIFAR-10"}}
	first, second := v.Trials[10].Attempts[0].Exchange, v.Trials[10].Attempts[1].Exchange
	first.Prompt, first.Answer = asked, "A wider block.\nreturn h + x\x1b[2J"
	second.Prompt, second.Answer = append(asked[:2:2], trial.Message{Role: "user", Content: "Your program does not run."}), "<b>mended</b>"
	all := conversations(v.Trials[10])
	for form, got := range map[string]string{"text": promptsText(v.Trials[10], all), "page": promptsHTML(v.Trials[10], all)} {
		got = strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(got)
		at := 0
		for _, want := range []string{"answer 1 of openai", "(system)", "You design networks.", "# Task\nCIFAR-10", "A wider block.\nreturn h + x\ufffd[2J",
			"invalid: model.star:3:14: cannot + tensors", "answer 2 of openai, repair 1", "the first 2 messages are those of the call before",
			"Your program does not run.", "<b>mended</b>", "accepted"} {
			i := strings.Index(got[at:], want)
			if i < 0 {
				t.Fatalf("the %s lacks %q in its place:\n%s", form, want, got)
			}
			at += i + len(want)
		}
		if strings.Count(got, "You design networks.") != 1 {
			t.Errorf("the %s repeats what both calls begin with:\n%s", form, got)
		}
	}
	if page := promptsHTML(v.Trials[10], all); strings.Contains(page, "<b>mended") {
		t.Errorf("the page takes an answer for markup:\n%s", page)
	}
	if got := promptsText(v.Trials[7], conversations(v.Trials[7])); !strings.Contains(got, "lessons, rewritten before this trial") {
		t.Errorf("the call for the lessons is not told:\n%s", got)
	}
	if got := promptsText(v.Trials[1], conversations(v.Trials[1])); !strings.Contains(got, "none: the server does not answer") || strings.Contains(got, "rulebook") {
		t.Errorf("an outage is not told, or the rule book is taken for a model:\n%s", got)
	}
	v.Trials[0].Attempts = v.Trials[1].Attempts[2:] // the rule book's alone
	for id, want := range map[int]string{1: "trial 1: no language model was asked", 99: "11 trials"} {
		if err := Prompts(stub{v}, id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Prompts of trial %d: %v, want %q", id, err, want)
		}
	}
}
