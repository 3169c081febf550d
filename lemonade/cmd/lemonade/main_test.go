package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// terminal runs one command line and returns what it printed.
func terminal(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := command()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// TestDiscoverAndShow runs a real study on the digits, reads it as a script
// would, and goes on with it.
func TestDiscoverAndShow(t *testing.T) {
	dir := t.TempDir()
	out, err := terminal(t, "discover", "first", "--data", "digits", "--trials", "1", "--train-samples", "300", "--epochs", "2",
		"--want", "inference_energy=5mJ:high", "--limit", "model_size=1MB", "--stop-after", "1h", "--studies", dir)
	if err != nil {
		t.Fatal(err)
	}
	chart := filepath.Join(dir, "first.html")
	if page, err := os.ReadFile(chart); err != nil || !strings.Contains(out, chart) || !bytes.Contains(page, []byte("<svg")) && !bytes.Contains(page, []byte("data:image/svg")) {
		t.Errorf("no chart (%v), or it is not named in:\n%s", err, out)
	}
	if _, err := terminal(t, "discover", "first", "--trials", "2", "--studies", dir); err != nil {
		t.Fatal(err)
	}
	out, err = terminal(t, "show", "first", "--json", "--studies", dir)
	if err != nil {
		t.Fatal(err)
	}
	var report lemonade.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if report.Name != "first" || report.Data != "digits" || len(report.Trials) != 2 || report.Best == nil || len(report.Front) == 0 || report.Hypervolume <= 0 {
		t.Fatalf("the report lacks something:\n%s", out)
	}
	for _, tr := range report.Trials {
		if tr.State != trial.Complete || tr.Program == "" || len(tr.Hash) == 0 || tr.Params == 0 || tr.MACs == 0 || len(tr.Attempts) == 0 ||
			tr.Metrics[trial.Accuracy].Method == "" || tr.Effectiveness == nil {
			t.Errorf("trial %d lacks something: %+v", tr.ID, tr)
		}
	}
	if out, err = terminal(t, "show", "first", "--studies", dir); err != nil || !strings.Contains(out, "2 complete") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if out, err = terminal(t, "resume", "first", "--trials", "2", "--studies", dir); err != nil || !strings.Contains(out, "has 2 trials already") || !strings.Contains(out, "use this one: lemonade export first") {
		t.Errorf("resume: %v\n%s", err, out)
	}
	replayBundle(t, dir, report)
}

// replayBundle takes the study away, and repeats it elsewhere from its bundle alone,
// by the line that the bundle's README has for that.
func replayBundle(t *testing.T, dir string, want lemonade.Report) {
	bundle := filepath.Join(t.TempDir(), "first.zip")
	if out, err := terminal(t, "export", "first", "--bundle", bundle, "--studies", dir); err != nil || !strings.Contains(out, bundle) {
		t.Fatalf("export: %v\n%s", err, out)
	}
	elsewhere := t.TempDir()
	archive, err := zip.OpenReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := os.CopyFS(elsewhere, archive); err != nil {
		t.Fatal(err)
	}
	for _, id := range want.Front {
		if weights := filepath.Join(elsewhere, "weights", "first", strconv.Itoa(id)+".safetensors"); !exists(weights) {
			t.Errorf("the bundle lacks the weights of trial %d, which is on the front", id)
		}
	}
	t.Chdir(elsewhere)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    lemonade (discover again .*)$`).FindSubmatch(readme)
	if line == nil {
		t.Fatalf("no line to replay it in\n%s", readme)
	}
	if out, err := terminal(t, strings.Fields(string(line[1]))...); err != nil {
		t.Fatalf("%s: %v\n%s", line[1], err, out)
	}
	out, err := terminal(t, "show", "again", "--json", "--studies", ".")
	if err != nil {
		t.Fatal(err)
	}
	var got lemonade.Report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Trials) != len(want.Trials) || !slices.Equal(got.Front, want.Front) || got.Hypervolume != want.Hypervolume {
		t.Errorf("the replay has %d trials, front %v and hypervolume %v, want %d, %v and %v",
			len(got.Trials), got.Front, got.Hypervolume, len(want.Trials), want.Front, want.Hypervolume)
	}
	importBundle(t, bundle, want)
}

// importBundle brings the study back among others, where it goes on and can be
// replayed.
func importBundle(t *testing.T, bundle string, want lemonade.Report) {
	dir := t.TempDir()
	if out, err := terminal(t, "import", bundle, "--studies", dir); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	done := strconv.Itoa(len(want.Trials))
	if out, err := terminal(t, "discover", "again", "--proposer", "replay", "--replay", "first", "--trials", done, "--studies", dir); err != nil {
		t.Fatalf("a replay: %v\n%s", err, out)
	}
	if out, err := terminal(t, "resume", "first", "--trials", strconv.Itoa(len(want.Trials)+1), "--studies", dir); err != nil {
		t.Fatalf("going on: %v\n%s", err, out)
	}
	out, err := terminal(t, "show", "first", "--json", "--studies", dir)
	if err != nil {
		t.Fatal(err)
	}
	var got lemonade.Report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(want.Trials); len(got.Trials) != n+1 || got.Trials[n].State != trial.Complete {
		t.Fatalf("it has gone on to\n%s", out)
	}
	for i, tr := range got.Trials {
		onFront := slices.Contains(got.Front, tr.ID)
		if onFront != (tr.Weights != "") || onFront && (!strings.HasPrefix(tr.Weights, dir) || !exists(tr.Weights)) {
			t.Errorf("trial %d has the weights %q; on the front: %v", tr.ID, tr.Weights, onFront)
		}
		tr.Weights = ""
		if i < len(want.Trials) {
			before := want.Trials[i]
			before.Weights = ""
			if diff := cmp.Diff(before, tr); diff != "" {
				t.Errorf("trial %d (-want +got):\n%s", tr.ID, diff)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestTry trains a program from a file as a trial of a new study, and a second one
// beside it.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	write := func(name, filters string) string {
		path := filepath.Join(dir, name)
		source := "def network(x, classes):\n    x = relu(batch_norm(conv(x, " + filters + ")))\n    return dense(global_avg_pool(x), classes)\n"
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wide, narrow, wrong := write("wide.star", "16"), write("narrow.star", "8"), write("wrong.star", "eight")
	out, err := terminal(t, "try", "mine", wide, "--data", "digits", "--train-samples", "300", "--epochs", "1", "--profile", "1s", "--studies", dir)
	if err != nil || !strings.Contains(out, "trial 1 by hand: complete\neffectiveness") || strings.Count(out, "a program written by hand") != 1 {
		t.Errorf("try: %v\n%s", err, out)
	}
	if out, err = terminal(t, "try", "mine", wide, "--studies", dir); err != nil || !strings.Contains(out, "was trial 1 already") {
		t.Errorf("try once more: %v\n%s", err, out)
	}
	if out, err = terminal(t, "try", "mine", wrong, "--studies", dir); err == nil || !strings.Contains(err.Error(), wrong+":2:") {
		t.Errorf("a wrong program: %v\n%s", err, out)
	}
	if out, err = terminal(t, "try", "mine", filepath.Join(dir, "none.star"), "--studies", dir); err == nil || !strings.Contains(err.Error(), "none.star") {
		t.Errorf("no program: %v\n%s", err, out)
	}
	if out, err = terminal(t, "try", "mine", narrow, "--studies", dir); err != nil {
		t.Errorf("try another: %v\n%s", err, out)
	}
	if out, err = terminal(t, "compare", "mine", "1", "2", "--studies", dir); err != nil || !strings.Contains(out, "conv(x, 8)") {
		t.Errorf("compare: %v\n%s", err, out)
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"discover", "x", "--data", "mnist", "--trials", "1"}, []string{`"mnist"`, "digits", "cifar10"}},
		{[]string{"discover", "x", "--data", "digits"}, []string{"trials"}},
		{[]string{"discover", "x", "--data", "digits", "--trials", "0"}, []string{"trials: 0"}},
		{[]string{"discover", "x", "--data", "digits", "--trials", "1", "--want", "acuracy"}, []string{"acuracy", "accuracy"}},
		{[]string{"discover", "x", "--data", "digits", "--trials", "1", "--limit", "model_size=big"}, []string{"model_size", "big"}},
		{[]string{"discover", "x", "--data", "digits", "--trials", "1", "--stop-after", "later"}, []string{`"later"`, "30m"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--max-tokens", "lots"}, []string{"--max-tokens", `"lots"`, "200k"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--stop-after", "later", "--want", "acuracy"}, []string{`"later"`, "acuracy"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--without", "luck"}, []string{"luck", "expert", "lessons"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--recipe", "secret"}, []string{"secret", "fixed"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--axes", "accuracy,beauty"}, []string{`"beauty"`, "accuracy"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--lag", "2", "--proposer", "openai"}, []string{"lag: 2"}},
		{[]string{"discover", "../x", "--data", "digits", "--trials", "1"}, []string{"../x"}},
		{[]string{"show", "nothing"}, []string{`"nothing"`, "no such study"}},
		{[]string{"notebook", "nothing"}, []string{`"nothing"`, "quickstart"}},
		{[]string{"notebook", "nothing.ipynb"}, []string{`"nothing.ipynb"`, "no such file"}},
		{[]string{"notebook", "quickstart", "--set", "LEMONADE_TRAILS=4"}, []string{"LEMONADE_TRAILS=4", "LEMONADE_TRIALS", "default 6"}},
		{[]string{"notebook", "quickstart", "--set", "OPENAI_API_KEY=marked"}, []string{"--set OPENAI_API_KEY: ", "environment", "LEMONADE_TRIALS"}},
		{[]string{"notebook", "quickstart", "--set", "LEMONADE_TRIALS"}, []string{"LEMONADE_TRIALS", "NAME=VALUE"}},
		{[]string{"notebook", "quickstart", "--set", "LEMONADE_TRIALS=4", "--html"}, []string{"html", "set"}},
		{[]string{"notebook", "quickstart", "--lab", "--html"}, []string{"lab", "html"}},
		{[]string{"notebook", "quickstart", "--cell-timeout", "-1s"}, []string{"--cell-timeout -1s", "20m"}},
	} {
		args := c.args
		if args[0] != "notebook" {
			args = append(slices.Clone(args), "--studies", dir)
		}
		_, err := terminal(t, args...)
		if err == nil {
			t.Errorf("%q: no error", c.args)
			continue
		}
		if strings.Contains(err.Error(), "marked") {
			t.Errorf("%q: error %q shows what may be a key", c.args, err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q does not say %q", c.args, err, want)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	for _, c := range command().Commands() {
		name := c.Name()
		if name == "glossary" {
			continue // a topic
		}
		out, err := terminal(t, name, "--help")
		if err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
	}
}
