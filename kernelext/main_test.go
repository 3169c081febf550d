package kernelext

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade/record"
)

// run runs one command line and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := Command()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// recorded writes a view as a study into a folder of its own.
func recorded(t *testing.T, v View) (dir string) {
	t.Helper()
	dir = t.TempDir()
	store, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	state, err := json.Marshal(v.Objective)
	if err != nil {
		t.Fatal(err)
	}
	options := fmt.Appendf(nil, `{"data": %q, "fingerprint": "cifar10:0123/split1/5000-of-45000", "proposer": "rulebook", "prefer": "balanced", "limits": {"model_size": 1e6}, "train_samples": 5000, "epochs": 6, "seed": 1, "recipe": "free"}`, v.Data)
	if err := store.CreateStudy(t.Context(), record.Study{Name: v.Name, Created: time.Now(), Options: options, State: state}); err != nil {
		t.Fatal(err)
	}
	for _, tr := range v.Trials {
		if err := store.SaveTrial(t.Context(), v.Name, tr); err != nil {
			t.Fatal(err)
		}
		for _, a := range tr.Attempts {
			if err := store.AddAttempt(t.Context(), v.Name, tr.ID, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range v.Extras {
		if err := store.SaveExtra(t.Context(), v.Name, x); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range v.TestReads {
		if err := store.AddTestRead(t.Context(), v.Name, r); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCommandsGolden holds what the commands print of a study on disk.
func TestCommandsGolden(t *testing.T) {
	dir := recorded(t, fake(t))
	for name, args := range map[string][]string{
		"list":           {"show"},
		"front":          {"front", "cifar-first"},
		"best":           {"best", "cifar-first"},
		"compare":        {"compare", "cifar-first", "4", "6", "11"},
		"choose":         {"choose", "cifar-first"},
		"choose-knee":    {"choose", "cifar-first", "--knee"},
		"choose-limited": {"choose", "cifar-first", "--prefer", "small and fast", "--limit", "latency=2ms", "--limit", "accuracy=40%"},
		"begin":          {"begin", "--recognise", "cifar10", "--where", "raspberry-pi-4", "--matters", "small-and-fast", "--time", "1h"},
		"begin-history":  {"begin", "--recognise", "cifar10"},
	} {
		place := dir
		if name == "begin" { // without a past
			place = t.TempDir()
		}
		out, err := run(t, append(args, "--studies", place)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name+".txt", []byte(strings.ReplaceAll(out, place, "FOLDER")))
	}
	out, err := run(t, "help", "glossary")
	if err != nil {
		t.Error(err)
	}
	golden(t, "glossary.txt", []byte(out))
}

// TestShowStudy holds show to what it printed before there was a table of commands.
func TestShowStudy(t *testing.T) {
	v := fake(t)
	dir := recorded(t, v)
	if got, err := run(t, "show", v.Name, "--studies", dir); err != nil || got != Text(v) {
		t.Errorf("show: %v\n%s", err, cmp.Diff(Text(v), got))
	}
	if got, err := run(t, "show", v.Name, "--studies", dir, "--trial", "5"); err != nil || got != v.trialText(v.Trials[4]) {
		t.Errorf("show --trial: %v\n%s", err, got)
	}
	if got, err := run(t, "show", "--studies", t.TempDir()); err != nil || !strings.Contains(got, "no studies yet") {
		t.Errorf("show in an empty folder: %v\n%s", err, got)
	}
}

func TestCommandErrors(t *testing.T) {
	dir := recorded(t, fake(t))
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"shwo"}, []string{`"shwo"`, "did you mean show?"}},
		{[]string{"show", "cifar-first", "--jsn"}, []string{"--jsn", "did you mean --json?", "show --help"}},
		{[]string{"show", "cifar-first", "--prompts"}, []string{"--trial NUMBER"}},
		{[]string{"show", "cifar-first", "--trial", "99"}, []string{"trial 99", "11 trials"}},
		{[]string{"show", "cifar-frist"}, []string{`"cifar-frist"`, "cifar-first"}},
		{[]string{"resume", "none", "--trials", "3"}, []string{`"none"`, "no such study"}},
		{[]string{"resume", "cifar-first"}, []string{"trials"}},
		{[]string{"watch", "none"}, []string{`"none"`}},
		{[]string{"compare", "cifar-first"}, []string{"2 arg"}},
		{[]string{"compare", "cifar-first", "1"}, []string{"one trial, 1", "2 to 6", "another study"}},
		{[]string{"compare", "cifar-first", "cifar-frist"}, []string{`"cifar-frist"`, "no such study"}},
		{[]string{"compare", "cifar-first", "cifar.*"}, []string{`"cifar.*"`, "lemonade show"}},
		{[]string{"compare", "cifar-first", "1", "one"}, []string{`"one"`, "number", "lemonade baselines cifar-first"}},
		{[]string{"compare", "cifar-first", "1", "2", "--json"}, []string{"--json", "two studies"}},
		{[]string{"final", "cifar-first", "--trials", "3,99"}, []string{"99", "11"}},
		{[]string{"final", "cifar-first", "--rank", "20"}, []string{"networks: 20", "15 or more"}},
		{[]string{"final", "cifar-first", "--epochs", "1"}, []string{"epochs: 1"}},
		{[]string{"baselines", "cifar-first", "--only", "vgg"}, []string{`"vgg"`, "resnet20"}},
		{[]string{"compare", "cifar-first", "1", "1", "77"}, []string{"trial 1 is named twice", "trial 77"}},
		{[]string{"compare", "cifar-first", "1", "2", "3", "4", "5", "6", "7"}, []string{"7 trials", "2 to 6"}},
		{[]string{"choose", "cifar-first", "--knee", "--prefer", "balanced"}, []string{"knee", "prefer"}},
		{[]string{"choose", "cifar-first", "--prefer", "beauty"}, []string{`"beauty"`, "deployment"}},
		{[]string{"choose", "cifar-first", "--limit", "latency=10us"}, []string{"latency of at most 10.0 µs", "480 ± 6 µs, of trial 7"}},
		{[]string{"choose", "cifar-first", "--limit", "co2e=1g", "--limit", "peak_memory=1GB"}, []string{"no trial has a peak memory"}},
		{[]string{"choose", "cifar-first", "--limit", "latency=fast", "--limit", "speed=1"}, []string{`"fast"`, `"speed"`}},
		{[]string{"export", "cifar-first", "--trial", "99"}, []string{"trial 99"}},
		{[]string{"begin", "--recognise", "cats", "--where", "toaster", "--matters", "fun", "--time", "5s", "--proposer", "me"}, []string{`"cats"`, `"toaster"`, `"fun"`, "5s", `"me"`}},
	} {
		args := c.args
		if len(args) > 1 {
			args = append(slices.Clone(args), "--studies", dir)
		}
		out, err := run(t, args...)
		if err == nil {
			t.Errorf("%q: no error, but\n%s", c.args, out)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q does not say %q", c.args, err, want)
			}
		}
		if out != "" {
			t.Errorf("%q: an error is told once, by the caller, not also as\n%s", c.args, out)
		}
	}
}

func TestExecute(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{{nil, 0}, {errors.New("something"), 1}, {fmt.Errorf("trial 3: %w", context.Canceled), 130}} {
		root := Command()
		root.AddCommand(&cobra.Command{Use: "fail", RunE: func(*cobra.Command, []string) error { return c.err }})
		if got := Execute(root, []string{"fail"}); got != c.status {
			t.Errorf("%v: status %d, want %d", c.err, got, c.status)
		}
	}
}

// asCell is set in the process that is a notebook's cell for TestMainOfCell.
const asCell = "LEMONADE_TEST_CELL"

// TestMainOfCell runs Main as a cell does, with the arguments of the program or its
// own, and looks at how the process ends.
func TestMainOfCell(t *testing.T) {
	if how := os.Getenv(asCell); how != "" {
		args := strings.Fields(os.Getenv(asCell + "_ARGS"))
		if how == "program" {
			os.Args = append(os.Args[:1], args...)
			args = nil
		}
		Main(args...)
		os.Exit(0)
	}
	dir := recorded(t, fake(t))
	for _, how := range []string{"program", "own"} {
		for _, c := range []struct {
			args   string
			status int
			out    string
			err    string
		}{
			{"front cifar-first --studies " + dir, 0, "to choose from:", ""},
			{"front nothing --studies " + dir, 1, "", `lemonade: study "nothing" in ` + dir},
			{"fornt", 1, "", `lemonade: there is no command "fornt", did you mean front?`},
		} {
			var out, failure bytes.Buffer
			cell := exec.Command(os.Args[0], "-test.run=^TestMainOfCell$")
			cell.Env = append(os.Environ(), asCell+"="+how, asCell+"_ARGS="+c.args)
			cell.Stdout, cell.Stderr = &out, &failure
			_ = cell.Run() // its status is what is looked at
			if got := cell.ProcessState.ExitCode(); got != c.status {
				t.Errorf("%s: status %d, want %d", c.args, got, c.status)
			}
			if !strings.Contains(out.String(), c.out) || !strings.HasPrefix(failure.String(), c.err) || c.err == "" && failure.Len() > 0 {
				t.Errorf("%s: it printed\n%s\nand as an error\n%s", c.args, out.String(), failure.String())
			}
			if n := strings.Count(failure.String(), "\n"); n > 1 {
				t.Errorf("%s: the error has %d lines:\n%s", c.args, n, failure.String())
			}
		}
	}
}

// TestLibraryOnceOfExec holds that cells of stock GoNB, whose main functions are all
// alike, are told apart by their arguments.
func TestLibraryOnceOfExec(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(protocol.GONB_TMP_DIR_ENV, dir)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {\n\tflag.Parse()\n\tkernelext.Main()\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := os.Args
	defer func() { os.Args = args }()
	for _, c := range []struct {
		study string
		want  bool
	}{{"first", true}, {"second", false}, {"first", true}} {
		os.Args = []string{"cell", "front", c.study}
		if got := libraryOnce() != ""; got != c.want {
			t.Errorf("front %s: carries the library: %v, want %v", c.study, got, c.want)
		}
	}
}

func TestCompletion(t *testing.T) {
	dir := recorded(t, fake(t))
	for _, c := range []struct {
		args []string
		want string // a line that begins so
	}{
		{[]string{"ch"}, "choose\t"},
		{[]string{"show", ""}, "cifar-first"},
		{[]string{"compare", "cifar-first", ""}, "4\tcomplete, accuracy 45.5 %"},
		{[]string{"resume", "--trials", "3", ""}, "cifar-first"},
		{[]string{"show", "cifar-first", "--trial", ""}, "4\tcomplete"},
		{[]string{"discover", "--prefer", ""}, "deployment"},
		{[]string{"discover", "--board", ""}, "raspberry-pi-5\tRaspberry Pi 5"},
		{[]string{"begin", "--matters", ""}, "small-and-fast"},
		{[]string{"rules", ""}, "cifar-first"},
		{[]string{"data", ""}, "digits\tDigits"},
		{[]string{"data", "f"}, "fetch\t"},
		{[]string{"data", "fetch", ""}, "cifar10\t"},
	} {
		args := c.args
		if len(args) > 1 && args[0] != "begin" && args[0] != "data" {
			args = slices.Insert(slices.Clone(args), 1, "--studies", dir)
		}
		out, err := run(t, append([]string{"__complete"}, args...)...)
		if err != nil || !strings.Contains("\n"+out, "\n"+c.want) {
			t.Errorf("%q completes to %v\n%s", c.args, err, out)
		}
	}
	out, _ := run(t, "__complete", "compare", "--studies", dir, "cifar-first", "4", "")
	if strings.Contains("\n"+out, "\n4\t") {
		t.Errorf("a trial that is named already is offered again:\n%s", out)
	}
}

func TestDoctorReport(t *testing.T) {
	var out bytes.Buffer
	err := lookAt(t.Context(), &out, []Check{
		{"good", func(context.Context) (string, error) { return "found\nhere", nil }},
		{"bad", func(context.Context) (string, error) { return "unseen", errors.New("missing: mend it") }},
	})
	want := "ok   good       found\n                here\nFAIL bad        missing: mend it\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err == nil || !strings.Contains(err.Error(), "1 of these") {
		t.Errorf("the error is %v", err)
	}
}
