package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
		{[]string{"discover", "../x", "--data", "digits", "--trials", "1"}, []string{"../x"}},
		{[]string{"show", "nothing"}, []string{`"nothing"`, "no such study"}},
		{[]string{"notebook", "nothing"}, []string{`"nothing"`, "quickstart"}},
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
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q does not say %q", c.args, err, want)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	for _, name := range []string{"notebook", "discover", "show", "setup", "doctor"} {
		out, err := terminal(t, name, "--help")
		if err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
	}
}
