package notebooks_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
)

// TestYourOwnModel runs your-own-llm as one does who has a model: it is asked, not
// oftener than the cap allows, the rule book goes on from there, what it cost is
// told, and its key is in nothing that is saved.
func TestYourOwnModel(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	key := "sk-proj-MARKED" + "-0123456789_abcdefghijKLMNOPQRST" // in halves, so that no file holds it
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		json.NewEncoder(w).Encode(map[string]any{ // the same program each time: the second is a copy
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{
				"role":    "assistant",
				"content": "A plain one, for " + r.Header.Get("Authorization") + "\n```python\ndef network(x, classes):\n    x = relu(batch_norm(conv(x, 16)))\n    return dense(global_avg_pool(x), classes)\n```\n",
			}}},
			"usage": map[string]int{"prompt_tokens": 1000, "completion_tokens": 100},
		})
	}))
	defer server.Close()
	root := t.TempDir()
	for name, value := range map[string]string{
		"OPENAI_API_KEY": key, "OPENAI_BASE_URL": server.URL + "/v1", "OPENAI_MODEL": "scripted/1.5b", "LEMONADE_LLM_PRICE": "1/2",
		"LEMONADE_MAX_CALLS": "2", "LEMONADE_TRIALS": "3", "LEMONADE_STUDIES": filepath.Join(root, "studies"),
	} {
		t.Setenv(name, value)
	}
	log := func(s string) { t.Log(s) }
	env, err := jupyter.Ensure(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	notebook := filepath.Join(root, "marked.ipynb")
	cells(t, "your-own-llm.ipynb", notebook, "who", "options", "run", "prompts", "rounds", "cost")
	page, err := env.Execute(t.Context(), notebook, filepath.Join(root, "out"), log)
	if err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("the model was asked %d times, want 2, which is the cap", n)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"scripted/1.5b is asked", "at most 2 calls, 150000 tokens and 0.25 USD", "A plain one",
		"a copy, then not asked, then rulebook: accepted", "asked in 2 rounds", "0.0024 USD for 2 of the calls",
	} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !searched(t, root) {
		t.Error("no file shows where the key was struck out of the answers: the test tests nothing")
	}
}
