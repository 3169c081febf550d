// Package notebooks_test executes every notebook of this folder as a user would.
package notebooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
)

// TestNotebooks runs each notebook in a fresh studies folder. A cell that goes
// wrong fails it, also where the kernel reports success. LEMONADE_TEST_OUT names a
// folder to keep the pages in.
func TestNotebooks(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	all, err := filepath.Glob("*.ipynb")
	if err != nil || len(all) == 0 {
		t.Fatalf("no notebooks here (%v)", err)
	}
	log := func(s string) { t.Log(s) }
	env, err := jupyter.Ensure(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	local, err := evaluate.Open(t.Context(), evaluate.Options{Log: log}) // prepares the worker, which is not the notebook's time
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	for _, notebook := range all {
		t.Run(strings.TrimSuffix(notebook, ".ipynb"), func(t *testing.T) {
			source, err := os.ReadFile(notebook)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(source), `"output_type"`) {
				t.Error("the notebook is kept with outputs: clear them")
			}
			t.Setenv("LEMONADE_STUDIES", t.TempDir())
			t.Setenv("OPENAI_API_KEY", "") // the outcome must not depend on a language model
			t.Setenv("OPENAI_BASE_URL", "")
			out := os.Getenv("LEMONADE_TEST_OUT")
			if out == "" {
				out = t.TempDir()
			}
			began := time.Now()
			page, err := env.Execute(t.Context(), notebook, out, func(s string) { t.Log(s) })
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s took %.0f s", notebook, time.Since(began).Seconds())
			checkPage(t, page)
		})
	}
}

// checkPage holds that charts are in the page, live and still, and that the page
// needs nothing from the network.
func checkPage(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	html := string(text)
	for what, count := range map[string]int{
		"new DecompressionStream(":          strings.Count(html, "new DecompressionStream("),
		"data:image/svg+xml;base64,":        strings.Count(html, "data:image/svg+xml;base64,"),
		`accuracy against inference energy`: strings.Count(html, "accuracy against inference energy"),
		"Pareto front":                      strings.Count(html, "Pareto front"),
	} {
		if count == 0 {
			t.Errorf("the page lacks %q", what)
		}
		if what == "new DecompressionStream(" && count != 1 {
			t.Errorf("the page holds the charts' library %d times, want once", count)
		}
	}
	for _, remote := range []string{`src="http`, `src='http`, `import("http`, "from 'http"} {
		if strings.Contains(html, remote) {
			t.Errorf("the page takes something from the network: %s", remote)
		}
	}
}
