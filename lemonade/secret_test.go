package lemonade_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The keys that must never be seen again, in halves so that no file holds them.
var markedKeys = map[string]string{
	"OPENAI_API_KEY": "sk-proj-MARKED" + "-0123456789_abcdefghijKLMNOPQRST",
	"GEMINI_API_KEY": "AIzaMARKED" + "_9876543210-zyxwvutsrqPONMLKJIHG",
	"GOOGLE_API_KEY": "AQ.MARKED" + "_5647382910-qwertyuiopASDFGHJKLZ",
}

// keyPiece is how many characters of a key, in a row, count as the key.
const keyPiece = 12

// leaked returns the first piece of a marked key in text, or "".
func leaked(text string) string {
	for _, key := range markedKeys {
		for i := range len(key) - keyPiece + 1 {
			if strings.Contains(text, key[i:i+keyPiece]) {
				return key[i : i+keyPiece]
			}
		}
	}
	return ""
}

func noKey(t *testing.T, where, text string) {
	t.Helper()
	if piece := leaked(text); piece != "" && !t.Failed() { // one slip shows up in a hundred places
		i := strings.Index(text, piece)
		t.Errorf("%s holds the piece %q of a key: …%q…", where, piece, text[max(0, i-80):min(len(text), i+80)])
	}
}

// noKeyBelow searches the names and contents of all files.
func noKeyBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		noKey(t, "a file's name", path)
		if !d.Type().IsRegular() {
			return nil
		}
		files = append(files, filepath.Base(path))
		text, err := os.ReadFile(path)
		noKey(t, path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// echo is a key as a server might let it slip: whole, cut, and escaped.
func echo(key string) string {
	return strings.Join([]string{
		"Bearer " + key, key[:20], key[:20] + "…", key[:8] + "****" + key[len(key)-4:],
		strings.ReplaceAll(key, "-", `\u002d`), strings.ReplaceAll(key, "_", "%5F"), `\"` + key + `\"`,
	}, " ")
}

// slip is one way in which a server lets the key slip.
type slip struct {
	name   string
	status int                      // 0 is 200
	answer func(key string) string  // the model's words
	fail   func(echo string) string // the response's body, in place of an answer
}

func failure(echo string) string {
	b, _ := json.Marshal(map[string]any{"error": map[string]any{"message": "temperature: wrong key " + echo, "type": echo, "code": 0, "status": echo}})
	return string(b)
}

// slips are done in turn, one a call.
var slips = []slip{
	{name: "in a program's comment", answer: func(key string) string {
		return "Your key is " + echo(key) + "\n```python\n# " + echo(key) + "\ndef network(x, classes):\n    x = relu(conv(x, 7))\n    return dense(global_avg_pool(x), classes)\n```\n"
	}},
	{name: "in a program that does not parse", answer: func(key string) string {
		return "```python\ndef network(x, classes):\n    return conv(x, kernel = '" + key + "')\n```\n"
	}},
	{name: "as a name", answer: func(key string) string {
		return "```python\ndef network(x, classes):\n    return " + strings.ReplaceAll(key, "-", "_") + "(x)\n```\n"
	}},
	{name: "in place of a program", answer: echo},
	{name: "as JSON", answer: func(key string) string {
		b, _ := json.Marshal(map[string]any{"rationale": echo(key), "program": "def network(x, classes):\n    return " + echo(key), "changes": []string{echo(key)}})
		return string(b)
	}},
	{name: "401", status: 401, fail: failure},
	{name: "400", status: 400, fail: failure},
	{name: "404", status: 404, fail: failure},
	{name: "500 as text", status: 500, fail: func(echo string) string { return "<html>" + echo }},
	{name: "no JSON", fail: func(echo string) string { return echo }},
	{name: "another type", fail: func(echo string) string {
		return fmt.Sprintf(`{"choices": %q, "candidates": %q, "created": %q}`, echo, echo, echo)
	}},
}

// malicious is a server of both protocols that tells everything it knows of the
// key to everyone.
type malicious struct {
	mu    sync.Mutex
	calls int
	keys  map[string]bool // that were sent to it
	url   string
}

// newMalicious begins with the answer of that number in the list of slips.
func newMalicious(t *testing.T, first int) *malicious {
	t.Helper()
	m := &malicious{keys: map[string]bool{}, calls: first}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

// heard tells how many calls came, and whether with that key.
func (m *malicious) heard(key string) (calls int, with bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls, m.keys[key]
}

func (m *malicious) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	key := r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "99999") // nobody waits that long
	if len(key) < 20 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	for _, name := range []string{"X-Request-Id", "Openai-Organization", "Set-Cookie", "Server"} {
		w.Header().Set(name, echo(key))
	}
	if r.Method == http.MethodGet { // the list of models
		json.NewEncoder(w).Encode(map[string]any{
			"data":   []any{map[string]any{"id": key}, map[string]any{"id": echo(key)}},
			"models": []any{map[string]any{"name": "models/" + echo(key), "supportedGenerationMethods": []string{"generateContent"}}},
		})
		return
	}
	m.mu.Lock()
	m.keys[key] = true
	s := slips[m.calls%len(slips)]
	m.calls++
	m.mu.Unlock()
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	switch {
	case s.fail != nil:
		fmt.Fprint(w, s.fail(echo(key)))
	case strings.Contains(r.URL.Path, ":streamGenerateContent"), strings.Contains(r.URL.Path, ":generateContent"):
		json.NewEncoder(w).Encode([]any{map[string]any{
			"candidates": []any{map[string]any{
				"finishReason": "STOP", "content": map[string]any{"role": "model", "parts": []any{map[string]any{"text": s.answer(key)}}},
			}},
			"usageMetadata": map[string]any{"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
		}})
	default:
		json.NewEncoder(w).Encode(map[string]any{
			"id": echo(key), "model": echo(key), "system_fingerprint": echo(key),
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": s.answer(key)}}},
			"usage":   map[string]any{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
		})
	}
}

// secretHome makes a folder of its own for everything that is written, with the
// keys in the environment, and a worker that leaves its environment there.
func secretHome(t *testing.T) (root string) {
	t.Helper()
	local, err := evaluate.Open(t.Context(), evaluate.Options{Log: func(text string) { t.Log(text) }}) // worker and plugin
	if err != nil {
		t.Fatal(err)
	}
	local.Close()
	worker, err := home.Worker(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	real, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	for name, dir := range map[string]string{"HOME": "user", "LEMONADE_HOME": "lemonade", "TMPDIR": "tmp"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, filepath.Join(root, dir))
	}
	if err := os.Symlink(filepath.Join(real, "plugins"), filepath.Join(root, "lemonade", "plugins")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(root, "worker")
	text := fmt.Sprintf("#!/bin/sh\ncat /proc/$$/environ > %s/environ.$1.$$\nexec %s \"$@\"\n", root, worker)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LEMONADE_WORKER", script)
	for name, key := range markedKeys {
		t.Setenv(name, key)
	}
	return root
}

// told searches what a study tells in any way.
type told struct{ t *testing.T }

func (c told) text(where, text string) {
	c.t.Helper()
	noKey(c.t, where, text)
}

func (c told) log(text string) { c.text("the log", text) }

func (c told) event(e lemonade.Event) {
	b, err := json.Marshal(e)
	if err != nil {
		c.t.Error(err)
	}
	c.text("an event", fmt.Sprintf("%s\n%+v\n%s", b, e, kernelext.Describe(e)))
}

// TestNoKeyIsToldOrKept has servers echo the key in every way they can, and looks
// for it wherever something is written or told.
func TestNoKeyIsToldOrKept(t *testing.T) {
	for _, c := range []struct{ proposer, keyVar, baseVar, path string }{
		{"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"},
		{"gemini", "GEMINI_API_KEY", "GEMINI_BASE_URL", ""},
		{"gemini", "GOOGLE_API_KEY", "GEMINI_BASE_URL", ""},
	} {
		t.Run(c.keyVar, func(t *testing.T) {
			root := secretHome(t)
			if c.keyVar == "GOOGLE_API_KEY" {
				t.Setenv("GEMINI_API_KEY", "")
			}
			server := newMalicious(t, 0)
			t.Setenv(c.baseVar, server.url+c.path)
			out := told{t}
			o := quick
			o.Dir, o.Proposer, o.Log, o.Evaluator = filepath.Join(root, "studies"), c.proposer, out.log, scripted(measured)
			o.LLM.Model = "scripted"
			s, err := lemonade.Open(t.Context(), "marked", o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for n := 2; n <= 20; n += 2 {
				if err := s.Run(t.Context(), lemonade.RunOptions{Trials: n, On: out.event}); err != nil {
					t.Fatal(err)
				}
				if calls, _ := server.heard(""); calls >= len(slips) {
					break
				}
			}
			if calls, with := server.heard(markedKeys[c.keyVar]); calls < len(slips) || !with {
				t.Fatalf("the server had %d calls (with the marked key: %v), want %d or more", calls, with, len(slips))
			}
			noKeyBelow(t, root) // with the database open, and its log beside it
			report, err := json.Marshal(s.Report())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(report), "[key]") {
				t.Error("the report shows no trace of what the server said: the test tests nothing")
			}
			out.text("the report", string(report))
			out.text("the text", kernelext.Text(kernelext.ViewOf(s)))
			page, err := kernelext.Page(kernelext.ViewOf(s))
			if err != nil {
				t.Fatal(err)
			}
			out.text("the page", string(page))
			fallen := 0
			for _, tr := range s.Trials() {
				out.text("a trial's line", kernelext.Line(tr))
				if tr.State == trial.Complete && tr.Proposer == "rulebook" {
					fallen++
				}
			}
			if fallen == 0 {
				t.Error("the rule book never stepped in")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			noKeyBelow(t, root)
		})
	}
}

// TestNoKeyInErrors opens studies that cannot be, for reasons that touch the key.
func TestNoKeyInErrors(t *testing.T) {
	root := secretHome(t)
	key := markedKeys["OPENAI_API_KEY"]
	for _, base := range []string{"http://user:" + key + "@127.0.0.1:1/v1", key, "://" + key, "http://127.0.0.1:1/v1?key=%" + key} {
		t.Setenv("OPENAI_BASE_URL", base)
		o := quick
		o.Dir, o.Proposer, o.Evaluator = filepath.Join(root, "studies"), "openai", scripted(measured)
		s, err := lemonade.Open(t.Context(), "refused", o)
		if err == nil {
			err = s.Run(t.Context(), lemonade.RunOptions{Trials: 1, On: told{t}.event})
			err = errors.Join(err, s.Close())
		}
		if err == nil {
			t.Error("a base URL that holds the key is taken")
			continue
		}
		noKey(t, "an error", fmt.Sprintf("%v %+v", err, err))
	}
	noKeyBelow(t, root)
}

// TestNoKeyInTheTerminal does the same with the program and with real training.
func TestNoKeyInTheTerminal(t *testing.T) {
	program := filepath.Join(t.TempDir(), "lemonade")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/lemonade").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := secretHome(t)
	server := newMalicious(t, 4) // one answer, then errors
	t.Setenv("OPENAI_BASE_URL", server.url+"/v1")
	t.Setenv("OPENAI_MODEL", "scripted")
	dir := filepath.Join(root, "studies")
	for _, args := range [][]string{
		{"discover", "marked", "--data", "digits", "--proposer", "openai", "--trials", "2", "--train-samples", "300", "--epochs", "2"},
		{"show", "marked", "--json"},
		{"show", "marked", "--html"},
		{"show", "marked"},
		{"show", "none"},
	} {
		c := exec.CommandContext(t.Context(), program, append(args, "--studies", dir)...)
		c.Dir = root
		out, err := c.CombinedOutput()
		if (err == nil) == (args[1] == "none") || len(out) == 0 {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
		if args[0] == "show" && len(args) > 2 && args[2] == "--json" && !strings.Contains(string(out), "[key]") {
			t.Errorf("%q shows no trace of what the server said", args)
		}
		noKey(t, fmt.Sprintf("the output of %q", args), string(out))
	}
	if _, with := server.heard(markedKeys["OPENAI_API_KEY"]); !with {
		t.Error("the server never got the key")
	}
	files := strings.Join(noKeyBelow(t, root), " ")
	for _, want := range []string{"lemonade.db", "marked.html", ".safetensors", "environ.parse.", "environ.plugin.", "environ.train."} {
		if !strings.Contains(files, want) {
			t.Errorf("no file %s was searched, only %s", want, files)
		}
	}
}
