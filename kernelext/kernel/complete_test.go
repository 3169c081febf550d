package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestComplete has the cursor at |, and wants the cell's text from the cursor's word
// to the cursor to become one of the matches.
func TestComplete(t *testing.T) {
	studies(t)
	for _, test := range []struct {
		name, code string
		word       string // that is replaced
		want       []string
	}{
		{"the magic", "%lem|", "%lem", []string{"%lemonade"}},
		{"commands", "%lemonade sh|", "sh", []string{"show"}},
		{"in a second line", "%lemonade help\n%lemonade sh|ow", "sh", []string{"show"}},
		{"studies", "%lemonade show |", "", []string{"first", `"my second"`}},
		{"in quotes", `%lemonade show "my s|"`, `"my s`, []string{`"my second"`}},
		{"after other characters", "// 😀 é\n%lemonade show fi|", "fi", []string{"first"}},
		{"flags", "%lemonade show first --htm|", "--htm", []string{"--html"}},
		{"as a comment of GoNB", "//gonb:%lemonade sh|", "sh", []string{"show"}},
		{"nothing fits", "%lemonade nonsense |", "", []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.code, "|")
			line, ok := magicLine(before+after, len([]rune(before)))
			if !ok {
				t.Fatal("not seen as a line of ours")
			}
			typ, got := line.answer("complete_request")
			if diff := cmp.Diff(test.want, got["matches"]); diff != "" || typ != "complete_reply" {
				t.Errorf("%s\n%s", typ, diff)
			}
			start, end := got["cursor_start"].(int), got["cursor_end"].(int)
			if word := string([]rune(before + after)[start:end]); word != test.word {
				t.Errorf("replaces %q, want %q", word, test.word)
			}
		})
	}
	for _, code := range []string{"", "fmt.|", "%%|", "%lemonades |", "%lemonade help\n|"} {
		before, after, _ := strings.Cut(code, "|")
		if _, ok := magicLine(before+after, len([]rune(before))); ok {
			t.Errorf("%q is seen as a line of ours", code)
		}
	}
}

func TestInspect(t *testing.T) {
	for code, want := range map[string]string{
		"%lemonade":           "show",
		"%lemonade show firs": "show [NAME]",
		"%lemonade nonsense":  "show",
		"%lemonade --he":      "show",
	} {
		line, ok := magicLine(code, len(code))
		if !ok {
			t.Fatalf("%q is not seen as a line of ours", code)
		}
		typ, got := line.answer("inspect_request")
		if text, _ := got["data"].(map[string]any)["text/plain"].(string); typ != "inspect_reply" || !strings.Contains(text, want) {
			t.Errorf("%s: %s has no %q in\n%s", code, typ, want, text)
		}
	}
}
