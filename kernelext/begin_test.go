package kernelext

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// parsed reads a line that commandLine wrote, as a terminal does.
func parsed(t *testing.T, line string) (lemonade.Options, lemonade.RunOptions) {
	t.Helper()
	groups, read := discoverFlags()
	flags := pflag.NewFlagSet("all", pflag.ContinueOnError)
	for _, g := range groups {
		flags.AddFlagSet(g)
	}
	words := strings.Fields(line) // none of these tests has a word with a space
	if err := flags.Parse(words[3:]); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	o, run, err := read()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return o, run
}

// TestBeginLine holds that the line begins the very study that the screen speaks of,
// whatever was answered.
func TestBeginLine(t *testing.T) {
	where := []string{here}
	for _, b := range device.Boards() {
		where = append(where, b.Name)
	}
	for _, place := range where {
		for _, name := range objective.Presets() {
			w := Wishes{Recognise: "digits", Where: place, Matters: presetWords[name], Dir: t.TempDir()}
			s, err := screenOf(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			o, run := parsed(t, s.line())
			if diff := cmp.Diff(s.start.Options, o); diff != "" {
				t.Errorf("%s, %s: options (-want +got):\n%s", place, name, diff)
			}
			if diff := cmp.Diff(s.start.Run, run); diff != "" {
				t.Errorf("%s, %s: run (-want +got):\n%s", place, name, diff)
			}
			if wanted, err := objectiveOf(o); err != nil || len(wanted.Axes) != 2 {
				t.Errorf("%s, %s: %v", place, name, err)
			}
			// A board's time and energy take the place of this machine's.
			for _, m := range s.objective.Concerns() {
				base, board := m.Split()
				if place != here && board == "" && (base == trial.Latency || base == trial.InferenceEnergy) {
					t.Errorf("%s, %s: %s of this machine is wanted", place, name, m)
				}
			}
		}
	}
}

// TestBeginOpens holds that a study of what Begin returns can be created, and that a
// second one gets another name.
func TestBeginOpens(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	t.Setenv("LEMONADE_STUDIES", "")
	w := Wishes{Where: "raspberry-pi-5", Matters: "small and fast", Time: time.Hour}
	start, err := Begin(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	study, err := lemonade.Open(t.Context(), start.Name, start.Options)
	if err != nil {
		t.Fatal(err)
	}
	if err := study.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := screenOf(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if want := start.Name + "-2"; again.start.Name != want || !strings.Contains(strings.Join(again.notes, " "), "lemonade resume "+start.Name) {
		t.Errorf("the second is named %s, want %s; notes %q", again.start.Name, want, again.notes)
	}
}

func TestOutlook(t *testing.T) {
	cifar, err := datasets.Lookup("cifar10")
	if err != nil {
		t.Fatal(err)
	}
	digits, err := datasets.Lookup("digits")
	if err != nil {
		t.Fatal(err)
	}
	wish := func(d time.Duration) Wishes { return Wishes{Time: d, Proposer: "rulebook"} }
	// Four trainings of 5,000 pictures and two epochs in 30 s, with 5 s around them and 10 W.
	var history trial.History
	for range 4 {
		history = append(history, trial.Trial{
			State: trial.Complete, Runs: 1,
			Seconds: map[string]float64{trial.PhaseTrain: 25, trial.PhaseEvaluate: 5, trial.PhaseCompile: 2, trial.PhaseProfile: 3},
			Metrics: trial.Metrics{
				trial.TrainingEnergy: {Value: 300 / 3.6e6, Method: trial.MethodNVML}, trial.TrainingTime: {Value: 30},
			},
		})
	}
	history = append(history, trial.Trial{State: trial.Failed, Runs: 1, Seconds: map[string]float64{trial.PhaseTrain: 1e6}},
		trial.Trial{State: trial.Complete, Runs: 2, Seconds: map[string]float64{trial.PhaseTrain: 1e6}}) // of an interrupted one the time tells nothing
	var known past
	known.take(stored{Data: "cifar10", TrainSamples: 5000, Epochs: 2}, history)

	for name, c := range map[string]struct {
		past            past
		wish            Wishes
		info            datasets.Info
		samples, epochs int
		trials          int
		seconds         float64
		from            string
	}{
		"known pace": {known, wish(30 * time.Minute), cifar, 5000, 3, 30, 30 * 50, "from 4 trainings on cifar10 in 1 study here"},
		"an hour":    {known, wish(time.Hour), cifar, 10_000, 5, 23, 23 * 155, "from 4 trainings"},
		"a day":      {known, wish(24 * time.Hour), cifar, 0, 10, 30, 30 * 1355, "from 4 trainings"},
		"assumed":    {past{}, wish(10 * time.Minute), cifar, 5000, 3, 14, 14 * (30.72 + 10), "assumed"},
		"little set": {past{}, wish(10 * time.Minute), digits, 0, 10, 30, 30 * (1.65632 + 10), "assumed"},
		"too short":  {past{}, wish(time.Minute), cifar, 2000, 2, 3, 3 * (8.192 + 10), "assumed"},
	} {
		o := c.past.plan(c.wish, c.info)
		if o.samples != c.samples || o.epochs != c.epochs || o.trials != c.trials || math.Abs(o.seconds-c.seconds) > 1e-6*c.seconds || !strings.HasPrefix(o.from, c.from) {
			t.Errorf("%s: %d trials of %d epochs on %d samples in %g s, %s", name, o.trials, o.epochs, o.samples, o.seconds, o.from)
		}
		if most := c.wish.Time.Seconds(); o.seconds > most {
			t.Errorf("%s: %g s are more than the %g s that there are", name, o.seconds, most)
		}
	}
	o := known.plan(wish(30*time.Minute), cifar)
	if want := 30 * 45 * 10 / 3.6e6; math.Abs(o.kWh-want) > 1e-9 || o.method != trial.MethodNVML {
		t.Errorf("%g kWh by %s, want %g", o.kWh, o.method, want)
	}
}

// TestOutlookOfModel holds what a language model is forecast to cost: by its price,
// by what it has cost, or unknown; never nothing.
func TestOutlookOfModel(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "LEMONADE_LLM_PRICE"} {
		t.Setenv(name, "")
	}
	digits, err := datasets.Lookup("digits")
	if err != nil {
		t.Fatal(err)
	}
	w := Wishes{Time: 10 * time.Minute, Proposer: "openai"}
	_, model, err := modelOf("openai")
	if err != nil || model == "" {
		t.Fatal(model, err)
	}
	listed := past{model: model}.plan(w, digits)
	if !(listed.dollars > 0) || listed.tokens != listed.trials*(assumedPrompt+assumedAnswer) || !strings.Contains(listed.from, "tokens a trial are assumed") {
		t.Errorf("by the list: %+v", listed)
	}
	unknown := past{model: "of-my-own"}.plan(w, digits)
	if got := unknown.items()[2]; got.value != "unknown" || !strings.Contains(got.note, "of-my-own") {
		t.Errorf("an unknown price is %+v", got)
	}
	before := past{model: model, asked: []trial.Spending{{Calls: 2, PromptTokens: 900, AnswerTokens: 100, Dollars: 0.02}}, waiting: []float64{4}}.plan(w, digits)
	if n := before.trials; math.Abs(before.dollars-0.02*float64(n)) > 1e-9 || before.tokens != 1000*n {
		t.Errorf("by what it has cost: %+v", before)
	}
	if got := (outlook{}).items()[2]; got.value != "$0" {
		t.Errorf("the rule book costs %+v", got)
	}
}

// TestStoredLine creates a study with every option that a line can give, reads it
// back from the record, and creates it again from the line.
func TestStoredLine(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	dir := t.TempDir()
	one, warm, target := 1, 0.4, 0.9
	all := lemonade.Options{
		Data: "digits", Proposer: "openai", Prefer: "deployment", Dir: dir, Seed: 7, Epochs: 3, TrainSamples: 500, Recipe: "fixed", Template: "nasbench201", Lag: &one,
		Wants:   []objective.Want{{Metric: trial.Accuracy, Priority: objective.High, Target: &target}, {Metric: trial.Throughput, Priority: objective.Low}},
		Limits:  map[trial.Metric]float64{trial.ModelSize: 1e6, trial.Latency.On("raspberry-pi-5"): 12.5},
		Axes:    []trial.Metric{trial.Accuracy, trial.Latency},
		Without: []lemonade.Part{lemonade.Lessons, lemonade.Niches},
		Measure: lemonade.Measure{Meter: trial.MethodEstimate, Boards: []string{"pixel-3"}, Profile: 1500 * time.Millisecond, Carbon: carbon.Options{Intensity: 56.5, PUE: 1.2}},
		LLM:     propose.Options{Model: "small", Temperature: &warm},
	}
	first, err := create(t, "first", all)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readStored(first)
	if err != nil {
		t.Fatal(err)
	}
	line := commandLine("second", s.options("", ""), lemonade.RunOptions{Trials: 3})
	o, run := parsed(t, line)
	o.Dir = dir
	second, err := create(t, "second", o)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" || run.Trials != 3 {
		t.Errorf("%s\ncreates another study (-want +got):\n%s", line, diff)
	}
	plain, err := create(t, "plain", lemonade.Options{Data: "digits", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = readStored(plain); err != nil {
		t.Fatal(err)
	}
	o, _ = parsed(t, commandLine("plain-2", s.options("", ""), lemonade.RunOptions{Trials: 3}))
	o.Dir = dir
	again, err := create(t, "plain-2", o)
	// The line has the intensity as a number, and no longer where it is from.
	if diff := cmp.Diff(strings.ReplaceAll(string(plain), s.Account.Source, "set by option"), string(again)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// create creates a study and returns its options as they are stored.
func create(t *testing.T, name string, o lemonade.Options) ([]byte, error) {
	t.Helper()
	study, err := lemonade.Open(t.Context(), name, o)
	if err != nil {
		return nil, err
	}
	if err := study.Close(); err != nil {
		return nil, err
	}
	store, err := record.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	s, _, err := store.Study(context.Background(), name)
	return s.Options, err
}
