package notebooks_test

import (
	"encoding/base64"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

// keptMost is how large a notebook's file may be.
const keptMost = 300 << 10

// TestKept holds that each notebook is kept with the outputs of its present sources,
// which are small and tell nothing of the machine that they were made on.
func TestKept(t *testing.T) {
	each(t, func(t *testing.T, _, path string) { checkKept(t, path) })
}

func checkKept(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := jupyter.Fresh(text); err != nil {
		t.Errorf("%s: %v: run go test ./notebooks -run TestNotebooks/%s -update", path, err, strings.TrimSuffix(path, ".ipynb"))
	}
	if len(text) > keptMost {
		t.Errorf("%s has %d KB, and may have %d: show less, or in fewer pictures", path, len(text)>>10, keptMost>>10)
	}
	for _, found := range leaks(strings.Join(outputs(t, path), "\n")) {
		t.Errorf("%s is kept with %s in an output", path, found)
	}
	if strings.Contains(string(text), `"execution": {`) {
		t.Errorf("%s is kept with the times of its cells", path)
	}
}

// keep puts the outputs of the executed notebook into the one at path.
func keep(t *testing.T, path, executed string, names map[string]string) {
	t.Helper()
	notebook, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.ReadFile(executed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	module, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	names[data], names[module], names[filepath.Clean(os.TempDir())] = "~/.local/share/lemonade", "~/lemonade", "$TMPDIR"
	if dir, err := os.UserHomeDir(); err == nil {
		names[dir] = "~"
	}
	kept, err := jupyter.Keep(notebook, from, names)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, kept, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("kept in %s: %d KB", path, len(kept)>>10)
}

var (
	dataURI = regexp.MustCompile(`data:[\w/+.-]+;base64,([A-Za-z0-9+/=]+)`)
	foul    = map[string]*regexp.Regexp{
		"a script":          regexp.MustCompile(`(?i)<script|javascript:`),
		"a remote address":  regexp.MustCompile(`(?i)src=["']?https?:|<(?:link|base|image|use)\b[^>]*href=["']?https?:`), // a link that is not followed takes nothing from there
		"an absolute path":  regexp.MustCompile(`(?:^|[\s"'=(:>\x60])/(?:home|root|tmp|var|usr|opt|etc|work|mnt|srv|private|Users)/[^\s"'<]*`),
		"what may be a key": regexp.MustCompile(`\b(?:sk-[\w-]{16,}|AIza[\w-]{30,}|gh[pousr]_\w{30,}|hf_\w{30,})`),
		"an update's trace": regexp.MustCompile(`[\r\x08]`),
	}
)

// leaks says what in a text is not to be kept.
func leaks(text string) (found []string) {
	for _, packed := range dataURI.FindAllStringSubmatch(text, -1) {
		if b, err := base64.StdEncoding.DecodeString(packed[1]); err == nil && !strings.Contains(packed[0], "image/png") {
			text += "\n" + string(b)
		}
	}
	for what, in := range foul {
		if at := in.FindString(text); at != "" {
			found = append(found, what+" ("+strings.TrimSpace(at)+")")
		}
	}
	names := map[string]string{}
	if host, err := os.Hostname(); err == nil {
		names["the machine's name"] = host
	}
	if who, err := user.Current(); err == nil && who.Username != "root" {
		names["the user's name"] = who.Username
	}
	for what, name := range names {
		if len(name) > 3 && regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).MatchString(text) {
			found = append(found, what+" ("+name+")")
		}
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if regexp.MustCompile(`KEY|TOKEN|SECRET|PASSWORD`).MatchString(name) && len(value) > 7 && strings.Contains(text, value) {
			found = append(found, "the value of "+name)
		}
	}
	slices.Sort(found)
	return found
}

func TestLeaks(t *testing.T) {
	t.Setenv("LEMONADE_TEST_TOKEN", "marked-token")
	packed := base64.StdEncoding.EncodeToString([]byte(`<svg><text>/home/ann/b</text></svg>`))
	for text, want := range map[string]string{
		"right 83 of 100, 4 ms, by src/network/1":           "",
		"see ~/.local/share/lemonade/studies and $TMPDIR/a": "",
		"wrote /tmp/a.zip": "an absolute path (/tmp/a.zip)",
		`<img src="data:image/svg+xml;base64,` + packed + `">`: "an absolute path (>/home/ann/b)",
		"<p>&lt;script&gt;</p>":                                "",
		"<SCRIPT>":                                             "a script (<SCRIPT)",
		`<img src="https://example.com/a.png">`:                `a remote address (src="https:)`,
		`<link rel="x" href="https://example.com/a.css">`:      `a remote address (<link rel="x" href="https:)`,
		`<a href="https://example.com" rel="noreferrer">`:      "",
		"10 %\r20 %":                         "an update's trace ()",
		"used sk-proj-" + "0123456789abcdef": "what may be a key (sk-proj-0123456789abcdef)",
		"and marked-token":                   "the value of LEMONADE_TEST_TOKEN",
	} {
		if got := strings.Join(leaks(text), "; "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// settingRows are the names in the first column of README's table of settings.
var settingRows = regexp.MustCompile("(?m)^\\| (`[A-Z][A-Z0-9_]*`[^|]*) \\|")

// ofLemonade are the variables that Lemonade itself reads, by README.
func ofLemonade(t *testing.T) (names []string) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range settingRows.FindAllStringSubmatch(string(readme), -1) {
		for _, name := range regexp.MustCompile("`([A-Z][A-Z0-9_]*)`").FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	if !slices.Contains(names, "LEMONADE_STUDIES") {
		t.Fatalf("README names the settings %q", names)
	}
	return names
}

// settings are the variables that a notebook's first cell says it reads.
func settings(t *testing.T, path string) (names []string) {
	t.Helper()
	n, err := jupyter.ReadNotebook(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range n.Settings {
		names = append(names, s.Name)
	}
	return names
}

// variables is where a cell reads, or speaks of, an environment variable.
var variables = regexp.MustCompile(`\b(?:Getenv|LookupEnv)\("(\w+)"\)|\b(LEMONADE_[A-Z0-9_]*[A-Z0-9])\b`)

// TestSettings holds that a notebook's first cell has a title, a text, and a table of
// Settings with the environment variables that its cells read; and no others but
// those that Lemonade itself reads.
func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, _, path string) {
		n, err := jupyter.ReadNotebook(path)
		if err != nil {
			t.Fatal(err)
		}
		if n.Title == "" || n.About == "" {
			t.Errorf("the first cell has the title %q and the first sentence %q, want both", n.Title, n.About)
		}
		for _, s := range n.Settings {
			if s.What == "" || s.Default == "" {
				t.Errorf("the setting %s says what, %q, and its default, %q: want both (such as \"none\")", s.Name, s.What, s.Default)
			}
		}
		said, reads := settings(t, path), map[string]bool{}
		for _, c := range read(t, path).Cells {
			for _, found := range variables.FindAllStringSubmatch(string(c.Source), -1) {
				if c.Type == "code" {
					reads[found[1]+found[2]] = true
				}
			}
		}
		for name := range reads {
			if !slices.Contains(said, name) {
				t.Errorf("a cell reads %s, which the table of Settings lacks", name)
			}
		}
		for _, name := range said {
			if !reads[name] && !slices.Contains(ofLemonade(t), name) {
				t.Errorf("the table of Settings has %s, which no cell reads", name)
			}
		}
	})
}
