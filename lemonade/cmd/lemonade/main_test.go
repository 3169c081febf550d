package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
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
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--max-tokens", "lots"}, []string{"--max-tokens", `"lots"`, "200k"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--stop-after", "later", "--want", "acuracy"}, []string{`"later"`, "acuracy"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--without", "luck"}, []string{"luck", "expert", "lessons"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--recipe", "secret"}, []string{"secret", "fixed"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--axes", "accuracy,beauty"}, []string{`"beauty"`, "accuracy"}},
		{[]string{"discover", "y", "--data", "digits", "--trials", "1", "--lag", "2", "--proposer", "openai"}, []string{"lag: 2"}},
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

// TestDiscoverFlags holds each flag to the option that it sets, and what is left
// out to the zero value.
func TestDiscoverFlags(t *testing.T) {
	want := objective.Want{Metric: trial.InferenceEnergy, Target: new(float64), Priority: objective.High}
	*want.Target = 0.005
	one, half := 1, 0.5
	zero := 0
	for _, c := range []struct {
		args string
		o    lemonade.Options
		run  lemonade.RunOptions
	}{
		{"--trials 6", lemonade.Options{}, lemonade.RunOptions{Trials: 6}},
		{
			"--data digits --proposer gemini --prefer deployment --want inference_energy=5mJ:high --limit model_size=1MB" +
				" --train-samples 500 --epochs 3 --seed 7 --studies /s --stop-after 30m --stop-after target",
			lemonade.Options{
				Data: "digits", Proposer: "gemini", Prefer: "deployment", Wants: []objective.Want{want},
				Limits: map[trial.Metric]float64{trial.ModelSize: 1e6}, TrainSamples: 500, Epochs: 3, Seed: 7, Dir: "/s",
			},
			lemonade.RunOptions{Stop: lemonade.Stop{Time: 30 * time.Minute, Target: true}},
		},
		{
			"--axes accuracy,latency --recipe fixed --rules my.yaml --without advice --without lessons --replay first --lag 1",
			lemonade.Options{
				Axes: []trial.Metric{trial.Accuracy, trial.Latency}, Recipe: "fixed", Rules: "my.yaml",
				Without: []lemonade.Part{lemonade.Advice, lemonade.Lessons}, Replay: "first", Lag: &one,
			},
			lemonade.RunOptions{},
		},
		{
			"--model m --temperature 0.5 --llm-format fenced --llm-rate 12 --max-cost 0.75 --max-tokens 1.5M --max-calls 40",
			lemonade.Options{LLM: propose.Options{
				Model: "m", Temperature: &half, Format: "fenced", Rate: 12, Cap: propose.Cap{Dollars: 0.75, Tokens: 1_500_000, Calls: 40},
			}},
			lemonade.RunOptions{},
		},
		{"--lag 0 --temperature 0", lemonade.Options{Lag: &zero, LLM: propose.Options{Temperature: new(float64)}}, lemonade.RunOptions{}},
	} {
		groups, read := discoverFlags()
		flags := pflag.NewFlagSet("all", pflag.ContinueOnError)
		for _, g := range groups {
			flags.AddFlagSet(g)
		}
		if err := flags.Parse(strings.Fields(c.args)); err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		o, run, err := read()
		if err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		if diff := cmp.Diff(c.o, o); diff != "" {
			t.Errorf("%s: options (-want +got):\n%s", c.args, diff)
		}
		if diff := cmp.Diff(c.run, run); diff != "" {
			t.Errorf("%s: run (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestCountFlag(t *testing.T) {
	for text, want := range map[string]count{
		"1": 1, "200000": 200_000, "200k": 200_000, "200K": 200_000, "1.5M": 1_500_000, "2.3M": 2_300_000, "0.5k": 500,
		"": 0, "0": 0, "-5": 0, "1.5": 0, "k": 0, "5G": 0, "NaN": 0, "1e300": 0, "2kM": 0, "0.0001k": 0,
	} {
		var got count
		if err := got.Set(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is read as %d, %v; want %d", text, got, err, want)
		}
	}
}

// TestDiscoverHelp looks for every flag, part and metric that a reader needs, each once.
func TestDiscoverHelp(t *testing.T) {
	out, err := terminal(t, "discover", "--help")
	if err != nil {
		t.Fatal(err)
	}
	groups, _ := discoverFlags()
	for _, g := range groups {
		if !strings.Contains(out, "\n"+g.Name()+":\n") {
			t.Errorf("no heading %q", g.Name())
		}
		g.VisitAll(func(f *pflag.Flag) {
			if n := len(regexp.MustCompile(`(?m)^ +--`+f.Name+` `).FindAllString(out, -1)); n != 1 {
				t.Errorf("--%s is listed %d times", f.Name, n)
			}
		})
	}
	for _, want := range []string{"LEMONADE_LLM_PRICE", "GEMINI_API_KEY", "Examples:", "gpt-6-luna", "accuracy,inference_energy", "200k"} {
		if !strings.Contains(out, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
	for _, p := range lemonade.Parts {
		if !strings.Contains(out, string(p)) {
			t.Errorf("the help does not name the part %s", p)
		}
	}
	if t.Failed() {
		t.Log(out)
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
