// Package notebooks_test executes every notebook of this folder as a user would,
// and holds what is kept of them: see [TestNotebooks] and [TestKept].
package notebooks_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
)

var update = flag.Bool("update", false, "keep the outputs of the executed notebooks")

// each calls test for every notebook; name is without .ipynb.
func each(t *testing.T, test func(t *testing.T, name, path string)) {
	all, err := filepath.Glob("*.ipynb")
	if err != nil || len(all) == 0 {
		t.Fatalf("no notebooks here (%v)", err)
	}
	for _, path := range all {
		name := strings.TrimSuffix(path, ".ipynb")
		t.Run(name, func(t *testing.T) { test(t, name, path) })
	}
}

// TestNotebooks executes each notebook in a fresh studies folder, one after the
// other. A cell that goes wrong fails it, also where the kernel reports success. With
// -update the outputs are kept in the notebook, made small:
//
//	go test ./notebooks -run TestNotebooks/quickstart -update
//
// LEMONADE_TEST_OUT names a folder for the pages to stay in.
func TestNotebooks(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
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
	each(t, func(t *testing.T, name, path string) {
		studies := t.TempDir()
		t.Setenv("LEMONADE_STUDIES", studies)
		// The outcome must not depend on a language model, nor on parameters.
		for _, variable := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GEMINI_BASE_URL"} {
			t.Setenv(variable, "")
		}
		for _, parameter := range settings(t, path) {
			if strings.HasPrefix(parameter, "LEMONADE_") && !slices.Contains(ofLemonade(t), parameter) {
				t.Setenv(parameter, "")
			}
		}
		out := os.Getenv("LEMONADE_TEST_OUT")
		if out == "" {
			out = t.TempDir()
		}
		before := files(t)
		began := time.Now()
		page, err := env.Execute(t.Context(), path, out, func(s string) { t.Log(s) })
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s took %.0f s", name, time.Since(began).Seconds())
		if after := files(t); !slices.Equal(before, after) {
			t.Errorf("the notebook leaves files where it lies, %q, before there were %q: have it write elsewhere, such as to os.TempDir()", after, before)
		}
		executed := filepath.Join(out, path)
		if *update {
			keep(t, path, executed, map[string]string{studies: "~/.local/share/lemonade/studies", out: "~/.local/share/lemonade/pages"})
		}
		checkPage(t, page)
		checkKept(t, path)
		checkAlike(t, path, executed)
		checkExercise(t, name, executed)
	})
}

// files are the names of what lies in this folder.
func files(t *testing.T) (names []string) {
	t.Helper()
	all, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// checkPage holds that the page brings what its charts need, once, and needs nothing
// from the network.
func checkPage(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	html := string(text)
	libraries, charts := strings.Count(html, "new DecompressionStream("), strings.Count(html, "window.lemonadePage||=")
	if charts > 0 && libraries != 1 || libraries > 1 {
		t.Errorf("the page holds the charts' library %d times for %d scripts of charts, want once", libraries, charts)
	}
	for _, remote := range []string{`src="http`, `src='http`, `src=http`, `import("http`, "from 'http", "@import"} {
		if strings.Contains(html, remote) {
			t.Errorf("the page takes something from the network: %s", remote)
		}
	}
}

// checkAlike holds that cells which are kept with pictures, tables or other outputs
// have them when the notebook is executed.
func checkAlike(t *testing.T, path, executed string) {
	t.Helper()
	kept, got := outputs(t, path), outputs(t, executed)
	for i := range kept {
		for what, in := range map[string]*regexp.Regexp{"picture": picture, "table": regexp.MustCompile(`<table`), "output": regexp.MustCompile(`\S`)} {
			if k, g := in.MatchString(kept[i]), i < len(got) && in.MatchString(got[i]); k != g {
				t.Errorf("cell %d of %s: kept with a %s: %t; executed it has one: %t", i+1, path, what, k, g)
			}
		}
	}
}

// picture is a picture in an output in HTML.
var picture = regexp.MustCompile(`<img src="data:image/`)

// book is a notebook, as far as the tests read it.
type book struct {
	Cells []struct {
		Type    string `json:"cell_type"`
		Source  lines
		Outputs []struct {
			Text lines
			Data map[string]lines
		}
	}
}

// lines is a text, which a notebook keeps in lines or as one.
type lines string

func (l *lines) UnmarshalJSON(b []byte) error {
	var all []string
	if json.Unmarshal(b, &all) == nil {
		*l = lines(strings.Join(all, ""))
		return nil
	}
	return json.Unmarshal(b, (*string)(l))
}

func read(t *testing.T, path string) (b book) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

// outputs returns what each cell of a notebook shows, all forms of it in one text.
func outputs(t *testing.T, path string) (all []string) {
	t.Helper()
	for _, c := range read(t, path).Cells {
		shown := ""
		for _, o := range c.Outputs {
			shown += string(o.Text)
			for _, form := range o.Data {
				shown += string(form) + "\n"
			}
		}
		all = append(all, shown)
	}
	return all
}
