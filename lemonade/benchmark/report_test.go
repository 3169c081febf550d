package benchmark

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// study is a history of the rule book's or the model's with these accuracies.
func studyOf(t *testing.T, proposer string, accuracies ...float64) trial.History {
	t.Helper()
	var h trial.History
	for i, a := range accuracies {
		h = append(h, round(i+1, i, proposer, program(t, 8+i), a))
	}
	return h
}

func TestRescore(t *testing.T) {
	rulebook, model := Arm{Proposer: "rulebook"}, Arm{Proposer: "openai"}
	failed := trial.Trial{ID: 1, State: trial.Failed}
	for _, c := range []struct {
		name            string
		rulebook, model trial.History
		anchor          float64 // accuracy; 0 for none
	}{
		{"the rule book's first", studyOf(t, "rulebook", 0.4, 0.8), studyOf(t, "openai", 0.6), 0.4},
		{"its first measured one", append(trial.History{failed}, studyOf(t, "rulebook", 0.8)...), studyOf(t, "openai", 0.6), 0.8},
		{"another arm's", nil, studyOf(t, "openai", 0.6), 0.6},
		{"nothing measured", nil, trial.History{failed}, 0},
	} {
		arms := []Arm{model, rulebook}
		samples := map[Arm][]sample{rulebook: {{trials: c.rulebook}}, model: {{trials: c.model}}}
		if err := rescore(arms, samples, 0); err != nil {
			t.Fatal(err)
		}
		for _, a := range arms {
			o := samples[a][0].objective
			if got := o.Anchors[trial.Accuracy]; got != c.anchor {
				t.Errorf("%s: %s is anchored at %v, want %v", c.name, a, got, c.anchor)
			}
			if !cmp.Equal(o.Axes, axes) {
				t.Errorf("%s: axes %v", c.name, o.Axes)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	arm, base := Arm{Proposer: "openai"}, Arm{Proposer: "rulebook"}
	var best statistic
	for _, s := range statistics(2) {
		if s.name == "effectiveness_2" {
			best = s
		}
	}
	shared := fixed(t, round(1, 0, "rulebook", program(t, 8), 0.5))
	side := func(a Arm, histories ...trial.History) (out []sample) {
		for _, h := range histories {
			out = append(out, sample{arm: a, trials: h, objective: shared})
		}
		return out
	}
	of := func(a Arm, accuracies ...float64) trial.History { return studyOf(t, a.Proposer, accuracies...) }
	got := compare(best,
		side(arm, of(arm, 0.5, 0.9), of(arm, 0.5, 0.6), of(arm, 0.5, 0.1), of(arm, 0.5)),
		side(base, of(base, 0.5, 0.6), of(base, 0.5, 0.9), of(base, 0.5, 0.2), of(base, 0.5, 0.9)))
	if got.Wins != 1 || got.Losses != 1 || got.Ties != 1 {
		t.Errorf("wins, ties, losses = %d, %d, %d, want one each", got.Wins, got.Ties, got.Losses)
	}
	if v := got.Differences.Values; len(v) != 4 || *v[0] <= 0 || *v[0]+*v[1] > 1e-9 || *v[2] != 0 || v[3] != nil {
		t.Errorf("differences %v: want some, the opposite, 0 and unknown", v)
	}
	// An arm that is ahead is compared by the trials that both have.
	first := statistics(2)[0]
	ahead := append(of(base, 0.5), trial.Trial{ID: 2, State: trial.Invalid})
	if got := compare(first, side(arm, of(arm, 0.5)), side(base, ahead)); got.Ties != 1 {
		t.Errorf("%+v: want a tie in the one trial that both have", got)
	}
}

func TestSummaryAndTable(t *testing.T) {
	o, err := Options{Data: "digits", Arms: []Arm{{Proposer: "random"}, {Proposer: "rulebook"}, {"openai", "expert"}}, Seeds: []int64{1, 2}, Trials: 3}.complete()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[Arm][]sample{}
	for i, a := range o.Arms {
		for range o.Seeds {
			samples[a] = append(samples[a], sample{arm: a, trials: studyOf(t, a.Proposer, 0.5, 0.6+float64(i)/10)})
		}
	}
	for i := range o.Seeds {
		if err := rescore(o.Arms, samples, i); err != nil {
			t.Fatal(err)
		}
	}
	r := summary(o, samples)
	r.Arms[2].Models = []string{"some-model"}
	for _, c := range r.Comparisons {
		if c.Arm == "openai-expert" && c.Baseline == "rulebook" && c.Statistic == "effectiveness_2" && c.Wins != 2 {
			t.Errorf("%+v: want two wins", c)
		}
		if c.Arm == c.Baseline {
			t.Errorf("%s is compared to itself", c.Arm)
		}
	}
	for _, markdown := range []bool{false, true} {
		var b strings.Builder
		if err := r.Write(&b, markdown); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, want := range []string{"openai without expert", "some-model", "4 of 6", "100 %", "best effectiveness after 2", "Difference to rulebook", "Difference to random", " 2/0/0"} {
			if !strings.Contains(text, want) {
				t.Errorf("markdown %v: no %q in\n%s", markdown, want, text)
			}
		}
		for line := range strings.Lines(text) {
			// Nothing has three trials, so the last checkpoint is unknown throughout.
			if strings.Contains(line, "after 3") && strings.ContainsAny(strings.SplitN(line, "after 3", 2)[1], "0123456789") {
				t.Errorf("a number where there is none: %s", line)
			}
			if markdown && strings.HasPrefix(line, "| valid at once") && strings.Count(line, "|") != 5 && strings.Count(line, "|") != 4 {
				t.Errorf("not a row of the table: %s", line)
			}
		}
	}
}

func TestEnded(t *testing.T) {
	h := trial.History{{ID: 1, State: trial.Complete}, {ID: 2, State: trial.Invalid}, {ID: 3, State: trial.Running}}
	for n, want := range map[int]int{1: 1, 2: 2, 5: 2} {
		if got := len(ended(h, n)); got != want {
			t.Errorf("ended(%d): %d trials, want %d", n, got, want)
		}
	}
}

func TestParseArm(t *testing.T) {
	for text, want := range map[string]Arm{"random": {Proposer: "random"}, "openai": {Proposer: "openai"}, "openai-advice": {"openai", "advice"}} {
		got, err := ParseArm(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseArm(%q) = %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "rulebook", "oracle": `"oracle"`, "openai-": "lessons", "openai-luck": `"luck"`} {
		if _, err := ParseArm(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseArm(%q): %v, want an error that says %s", text, err, want)
		}
	}
}

func TestPromptExamplesFitTheData(t *testing.T) {
	for _, name := range []string{"digits", "cifar10"} {
		shown := mustExamples(t, name)
		if len(shown) == 0 {
			t.Errorf("%s: no examples", name)
		}
		for _, n := range shown {
			if n.Classes != 10 {
				t.Errorf("%s: an example of %d classes", name, n.Classes)
			}
		}
	}
}

func TestFixedObjectiveHasNoNoise(t *testing.T) {
	o, err := objective.New(wants, nil)
	if err != nil {
		t.Fatal(err)
	}
	for m := range o.Weights() {
		if m != trial.Accuracy && m != trial.MACs {
			t.Errorf("%s is wanted: it depends on the machine's load", m)
		}
	}
}
