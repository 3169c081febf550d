package kernelext

import (
	"regexp"
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
			"--axes accuracy,latency --recipe fixed --template my.star --rules my.yaml --without advice --without lessons --replay first --lag 1",
			lemonade.Options{
				Axes: []trial.Metric{trial.Accuracy, trial.Latency}, Recipe: "fixed", Template: "my.star", Rules: "my.yaml",
				Without: []lemonade.Part{lemonade.Advice, lemonade.Lessons}, Replay: "first", Lag: &one,
			},
			lemonade.RunOptions{},
		},
		{
			"--model m --temperature 0.5 --llm-format fenced --llm-rate 12 --max-cost 0.75 --max-tokens 1.5M --max-calls 40 --llm-timeout 20m",
			lemonade.Options{LLM: propose.Options{
				Model: "m", Temperature: &half, Format: "fenced", Rate: 12, Timeout: 20 * time.Minute, RoundTimeout: time.Hour, Cap: propose.Cap{Dollars: 0.75, Tokens: 1_500_000, Calls: 40},
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
	out, err := run(t, "discover", "--help")
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

// TestResumeHelp holds that going on has the flags of a run, and those alone.
func TestResumeHelp(t *testing.T) {
	out, err := run(t, "resume", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"trials": true, "stop-after": true, "studies": true, "max-cost": true, "max-calls": true, "llm-timeout": true, "data": false, "prefer": false, "model": false} {
		if got := strings.Contains(out, "--"+name+" "); got != want {
			t.Errorf("--%s is listed: %v, want %v in\n%s", name, got, want, out)
		}
	}
}
