package notebooks_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
)

// TestNoKeyInANotebook runs cells of the quickstart with a language model that
// echoes its API key, and looks for the key in all that is saved.
func TestNoKeyInANotebook(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	key := "sk-proj-MARKED" + "-0123456789_abcdefghijKLMNOPQRST" // in halves, so that no file holds it
	log := func(s string) { t.Log(s) }
	env, err := jupyter.Ensure(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	local, err := evaluate.Open(t.Context(), evaluate.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	local.Close()

	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echo := r.Header.Get("Authorization") + " " + key[:20]
		if !strings.Contains(echo, key) || calls.Add(1) > 1 { // the first answer holds a program
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": {"message": "wrong key: %s"}}`, echo)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{
			"role":    "assistant",
			"content": "Use " + echo + "\n```python\n# " + echo + "\ndef network(x, classes):\n    return dense(flatten(x), classes)\n```\n",
		}}}})
	}))
	defer server.Close()
	root := t.TempDir()
	for name, value := range map[string]string{
		"OPENAI_API_KEY": key, "OPENAI_BASE_URL": server.URL + "/v1", "OPENAI_MODEL": "scripted",
		"LEMONADE_TRIALS": "2", "LEMONADE_STUDIES": filepath.Join(root, "studies"),
	} {
		t.Setenv(name, value)
	}
	notebook := filepath.Join(root, "marked.ipynb")
	cells(t, "quickstart.ipynb", notebook, "open", "discover", "explain")
	if _, err := env.Execute(t.Context(), notebook, filepath.Join(root, "out"), func(text string) {
		t.Log(text)
		if strings.Contains(text, "MARKED") {
			t.Errorf("the log: %s", text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if calls.Load() < 2 {
		t.Errorf("the model was asked %d times", calls.Load())
	}
	if !searched(t, root) {
		t.Error("no file shows a trace of what the server said: the test tests nothing")
	}
}

// searched looks for the marked key in every file that a notebook's run has left,
// and reports whether one shows where a key was struck out.
func searched(t *testing.T, root string) (redacted bool) {
	t.Helper()
	files := ""
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "MARKED") {
			t.Errorf("%s holds the key, or a part of it", path)
		}
		files += d.Name() + " "
		redacted = redacted || strings.Contains(string(text), "[key]")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"marked.ipynb", "marked.html", "lemonade.db"} {
		if !strings.Contains(files, want) {
			t.Errorf("no file %s was searched, only %s", want, files)
		}
	}
	return redacted
}

// cells writes a notebook of some of another's cells.
func cells(t *testing.T, from, to string, ids ...string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var book map[string]any
	if err := json.Unmarshal(text, &book); err != nil {
		t.Fatal(err)
	}
	var kept []any
	for _, id := range ids {
		for _, c := range book["cells"].([]any) {
			if c.(map[string]any)["id"] == id {
				kept = append(kept, c)
			}
		}
	}
	if len(kept) != len(ids) {
		t.Fatalf("%s has %d of the cells %q", from, len(kept), ids)
	}
	book["cells"] = kept
	if text, err = json.Marshal(book); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
