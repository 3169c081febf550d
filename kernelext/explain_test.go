package kernelext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestExpectations(t *testing.T) {
	of := func(accuracy, energy float64) trial.Metrics {
		return trial.Metrics{trial.Accuracy: {Value: accuracy}, trial.InferenceEnergy: {Value: energy}, trial.Loss: {Value: energy - 0.002}}
	}
	plan := &trial.Plan{Expected: map[trial.Metric]string{
		"beauty": trial.Up, trial.Accuracy: trial.Up, trial.InferenceEnergy: trial.Same, trial.Loss: "much better", trial.Latency: trial.Down,
	}}
	parent := trial.Trial{ID: 1, Metrics: of(0.40, 0.002)}
	got := expectations(plan, trial.Trial{ID: 2, Metrics: of(0.44, 0.003)}, &parent)
	want := []expectation{
		{"accuracy", "up", "40.0 % → 44.0 %", "+10.0 %", "✓"},
		{"loss", "much better", "0 nats → 0.001 nats", "from 0", "–"}, // not one of the words
		{"inference energy", "same", "2.0 mJ → 3.0 mJ", "+50.0 %", "✗"},
		{"latency", "down", "–", "unknown", "–"},
		{"beauty", "up", "–", "unknown", "–"}, // not a metric
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(expectation{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range expectations(plan, parent, nil) {
		if e.mark != "–" || e.change != "unknown" {
			t.Errorf("without a parent %s is judged: %+v", e.metric, e)
		}
	}
}

// TestTrialExplained holds that text and page tell the same of a trial, and that a
// plan is compared with the parent where that is at hand.
func TestTrialExplained(t *testing.T) {
	v := fake(t)
	both := func(v View, t trial.Trial) map[string]string {
		return map[string]string{"text": v.trialText(t), "page": v.trialHTML(t)}
	}
	for form, got := range both(v, v.Trials[10]) { // 11, changed from 5
		for _, want := range []string{"A deeper last block", "weight_decay from 1e-4", "-5.4 %", "49.7 % → 47.0 %", "✗", "none", "✓", "less than 2 %",
			"answer 2 of openai, repair 1 (gpt-6-luna, 1,690 + 420 tokens, 3.0 s, $0.00040)", "note: the server takes no temperature"} {
			if !strings.Contains(got, want) {
				t.Errorf("the %s of trial 11 lacks %q:\n%s", form, want, got)
			}
		}
	}
	for form, got := range both(View{}, v.Trials[7]) {
		if !strings.Contains(got, "lessons, rewritten before this trial (gpt-6-luna, 2,100 + 80 tokens, 2.0 s, $0.0011)") || !strings.Contains(got, "After trial 7") {
			t.Errorf("the %s of trial 8 lacks its lessons:\n%s", form, got)
		}
	}
	for form, got := range both(View{}, trial.Trial{ID: 3, Lessons: &trial.Lessons{Exchange: &trial.Exchange{Error: "the server does not answer"}}}) {
		if !strings.Contains(got, "none: the server does not answer") {
			t.Errorf("the %s does not say why there are no lessons:\n%s", form, got)
		}
	}
	for form, got := range both(View{}, v.Trials[10]) {
		if !strings.Contains(got, "A deeper last block") || strings.ContainsAny(got, "✓✗→") {
			t.Errorf("the %s without the parent lacks the plan, or compares:\n%s", form, got)
		}
	}
	for form, got := range both(View{}, v.Trials[1]) { // the rule book's, whose attempt has no plan
		for _, want := range []string{"asked for: small, at most 250 k MACs", "contradicts ACL", "rule slow: latency is over its target", "remove convolutional layer",
			"answer 3 of rulebook: ", "ACL: one more convolution in block 2", "1,500 + 500 tokens assumed, 1 min 0 s, price unknown"} {
			if !strings.Contains(strings.ReplaceAll(got, `<span style="white-space:pre-wrap">`, ""), want) {
				t.Errorf("the %s of trial 2 lacks %q:\n%s", form, want, got)
			}
		}
		if strings.Contains(got, "plan") {
			t.Errorf("the %s tells of a plan of the rule book", form)
		}
	}
}

func TestNiche(t *testing.T) {
	for want, n := range map[string]trial.Niche{
		"small, at most 250 k MACs":   {Name: "small", Max: 250_000},
		"medium, 250 k to 1.0 M MACs": {Name: "medium", Min: 250_000, Max: 1_000_000},
		"large, at least 1.0 M MACs":  {Name: "large", Min: 1_000_000},
		"large":                       {Name: "large"},
	} {
		if got := niche(&n); got != want {
			t.Errorf("niche(%+v) = %q, want %q", n, got, want)
		}
	}
}

func TestExplainNeedsTheTrial(t *testing.T) {
	if err := Explain(stub{fake(t)}, 12); err == nil || !strings.Contains(err.Error(), "trial 12") || !strings.Contains(err.Error(), "11 trials") {
		t.Errorf("Explain of a trial that is not there: %v", err)
	}
}

// TestLessonsShown holds that the latest lessons are shown, in every form.
func TestLessonsShown(t *testing.T) {
	v := fake(t)
	page, err := v.html()
	if err != nil {
		t.Fatal(err)
	}
	for form, got := range map[string]string{"text": Text(v), "page": page} {
		if !strings.Contains(got, "as rewritten before trial 8") || !strings.Contains(got, "After trial 7: halving") || strings.Contains(got, "After trial 3") {
			t.Errorf("the %s does not show the latest lessons alone:\n%s", form, got)
		}
	}
	for i := range v.Trials {
		v.Trials[i].Lessons = nil
	}
	if got := Text(v); strings.Contains(got, "lessons") || v.lessonsHTML() != "" {
		t.Error("a study without lessons has a heading of them")
	}
}
