package kernel

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asked is a question of the kernel.
type asked struct {
	Prompt   string
	Password bool
}

// answer waits for a question and answers it.
func (c *client) answer(value string) (q asked) {
	c.t.Helper()
	m := c.next(c.stdin)
	if err := json.Unmarshal(m.parts[partContent], &q); err != nil || m.head.Type != "input_request" {
		c.t.Fatalf("asks by %s: %s", m.head.Type, m.parts[partContent])
	}
	if err := compose("test", "input_reply", m, map[string]any{"value": value, "status": "ok"}).send(c.front.stdin, c.front.key); err != nil {
		c.t.Fatal(err)
	}
	return q
}

// everything is what arrives at the front end until it is quiet, but for its own text.
func (c *client) everything(until string) (all string) {
	for {
		m := c.next(c.iopub)
		if m.head.Type != "execute_input" {
			all += string(m.parts[partContent]) + "\n"
		}
		if m.parent.ID == until && m.state() == "idle" {
			return all
		}
	}
}

const keyCell = `import (
	"context"

	"github.com/lemo-nade/lemonade/kernelext"
)

%%
if err := kernelext.Key(context.Background(), "OPENAI_API_KEY"); err != nil {
	panic(err)
}
fmt.Println("of", len(os.Getenv("OPENAI_API_KEY")), "characters")`

// TestKey asks for a key in one cell, and has it in those after; nothing that could be
// saved shows it.
func TestKey(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "")
	key := "sk-MARKED" + `-01"23\45<67>89` // in halves, so that no file holds it
	c := start(t)
	length := "of 24 characters"

	if got := c.run(keyCell); got.Status != "error" || !strings.Contains(got.stderr+got.shownError, "OPENAI_API_KEY is not set, and nobody is there to ask") {
		t.Errorf("nobody is there: %+v", got)
	}
	id := c.execute(keyCell+"\npanic(\"afterwards\")", "allow_stdin")
	if q := c.answer(key); !q.Password || !strings.HasPrefix(q.Prompt, "OPENAI_API_KEY (not shown, never saved, forgotten when the kernel ends)") {
		t.Errorf("asks %+v", q)
	}
	if got := c.wait(id); got.Status != "error" || !strings.Contains(got.stdout, length) {
		t.Errorf("a cell that fails: %+v", got)
	}
	id = c.execute(keyCell, "allow_stdin") // the key may have been wrong
	c.answer(key)
	if got := c.wait(id); got.Status != "ok" || !strings.Contains(got.stdout, length) {
		t.Errorf("the first cell: %+v", got)
	}
	ids := []string{
		c.execute(keyCell), // needs nobody any more
		c.execute("!echo it is $OPENAI_API_KEY"),
		c.execute("import \"github.com/janpfeifer/gonb/gonbui\"\n%%\nfmt.Fprintln(os.Stderr, os.Getenv(\"OPENAI_API_KEY\"))\ngonbui.DisplayHTML(\"<b>\"+os.Getenv(\"OPENAI_API_KEY\"))\ngonbui.Sync()"),
		c.execute("%%\npanic(os.Getenv(\"OPENAI_API_KEY\"))"),
	}
	all := ""
	for _, id := range ids {
		all += c.everything(id)
	}
	if !strings.Contains(all, length) || !strings.Contains(all, "it is [key]") || strings.Count(all, "[key]") < 4 {
		t.Errorf("they say\n%s", all)
	}
	if strings.Contains(all, "MARKED") {
		t.Errorf("it is shown:\n%s", all)
	}
	for range ids {
		if m := c.next(c.shell); strings.Contains(string(m.parts[partContent]), "MARKED") {
			t.Errorf("it is in a reply: %s", m.parts[partContent])
		}
	}
	searched := 0
	for _, root := range []string{c.temp, c.kernel.Dir, filepath.Dir(c.file)} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, _ error) error {
			if d == nil || !d.Type().IsRegular() { // it is gone
				return nil
			}
			searched++
			if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "MARKED") {
				t.Errorf("%s holds it", path)
			}
			return nil
		})
	}
	if searched < 3 {
		t.Errorf("only %d files were searched", searched)
	}
}

// TestBegin answers the questions of %lemonade begin, and runs it where nobody would.
func TestBegin(t *testing.T) {
	studies(t)
	c := start(t)
	if got := c.run("%lemonade begin"); got.Status != "ok" || !strings.Contains(got.html, "--recognise") || !strings.Contains(got.html, "This begins it") {
		t.Errorf("nobody is there: %+v", got)
	}
	id := c.execute("%lemonade begin", "allow_stdin")
	for _, turn := range [][2]string{{"[digits]: ", ""}, {"[here]: ", "toaster"}, {"[here]: ", "2"}, {"[balanced]: ", "3"}, {"[10m]: ", "1h"}, {"Begin now? [y/N]: ", "n"}} {
		if q := c.answer(turn[1]); q.Password || !strings.HasSuffix(q.Prompt, turn[0]) {
			t.Errorf("asks %+v, want %q", q, turn[0])
		}
	}
	got := c.wait(id)
	for _, want := range []string{"1. What should it recognise?", "Understood:", "a Raspberry Pi 5", "%lemonade discover digits-small-and-fast-raspberry-pi-5"} {
		if !strings.Contains(got.html, want) {
			t.Errorf("it does not show %q: %+v", want, got)
		}
	}
	if got.Status != "ok" || !strings.Contains(got.stdout, "toaster") || !strings.Contains(got.stdout, "Nothing is begun") {
		t.Errorf("%+v", got)
	}
	id = c.execute("%lemonade begin", "allow_stdin")
	c.next(c.stdin)
	if err := c.kernel.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := c.wait(id); !strings.Contains(got.stdout, "Nothing is begun") {
		t.Errorf("interrupted: %+v", got)
	}
	if got := c.run("%lemonade begin --time 1h", "allow_stdin"); got.Status != "ok" || !strings.Contains(got.html, "--recognise") {
		t.Errorf("with an answer: %+v", got)
	}
}

// TestKeyOfModel asks for the key of a language model before a study is run.
func TestKeyOfModel(t *testing.T) {
	studies(t)
	t.Setenv("OPENAI_API_KEY", "")
	t.Setenv("OPENAI_BASE_URL", "https://model.invalid/v1")
	c := start(t)
	const code = "%lemonade discover llm --data digits --trials 1 --proposer openai"
	if got := c.run(code); got.Status != "error" || !strings.Contains(got.stderr, "OPENAI_API_KEY is not set") {
		t.Errorf("nobody is there: %+v", got)
	}
	id := c.execute(code, "allow_stdin")
	if q := c.answer("two words"); !q.Password || !strings.HasPrefix(q.Prompt, "OPENAI_API_KEY ") {
		t.Errorf("asks %+v", q)
	}
	if got := c.wait(id); got.Status != "error" || !strings.Contains(got.stderr, "that is no key") {
		t.Errorf("no key: %+v", got)
	}
}
