package propose

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// longHistory is a study with a bit of everything: results, failures, limits.
func longHistory(t *testing.T) *study {
	o := balanced(t)
	o.Limits = map[trial.Metric]float64{trial.ModelSize: 2e6}
	s := &study{t: t, task: cifar, objective: o}
	s.add(arch.Seed(cifar.Input, cifar.Classes))
	s.add(residual, "ASC", "ACL")
	s.add(strings.Replace(residual, "128]", "96]", 1), "RK")
	s.history = append(s.history,
		trial.Trial{ID: 4, State: trial.Failed, Reason: "nan: the loss was not a number in epoch 1", Commands: command("AWI")},
		trial.Trial{ID: 5, State: trial.Invalid, Reason: "model.star:3:9: undefined: Dense", Attempts: []trial.Attempt{
			{State: trial.Invalid, Reason: "model.star:3:9: undefined: Dense\nmore of it"},
			{State: trial.Infeasible, Reason: "model_size 3.1 MB is above its limit of 2.0 MB"},
		}})
	return s
}

func answered(state trial.State, reason, program string) trial.Attempt {
	return trial.Attempt{Proposer: "openai", State: state, Reason: reason, Program: program,
		Exchange: &trial.Exchange{Answer: "ACL: done.\n```python\n" + program + "```"}}
}

// shortened makes a history one of rungs, in which the first trial alone was trained
// in full.
func shortened(r Request) Request {
	for i := range r.History {
		t := &r.History[i]
		if t.State != trial.Complete {
			continue
		}
		short := trial.Rung{Rung: 1, Of: 3, Epochs: 1, Share: 1. / 9, State: trial.Complete, Metrics: maps.Clone(t.Metrics)}
		accuracy := t.Metrics[trial.Accuracy]
		accuracy.Value /= 2
		short.Metrics[trial.Accuracy] = accuracy
		t.Rungs = []trial.Rung{short, {Rung: 3, Of: 3, Epochs: 9, Share: 1, State: trial.Complete, Metrics: t.Metrics}}
		if i > 0 {
			t.State, t.Reason, t.Effectiveness = trial.Pruned, "rung 1 of 3: Pareto rank 2, 3rd of 4, of which the best goes on", nil
			t.Metrics, t.Rungs = short.Metrics, t.Rungs[:1]
		}
	}
	return r
}

func TestPromptsGolden(t *testing.T) {
	broken := "def network(x, classes):\n    x = conv(x, 16)\n    return dens(x, classes)\n"
	cases := []struct {
		name string
		r    func() Request
	}{
		{"first", func() Request { return (&study{t: t, task: digits, objective: balanced(t)}).request() }},
		{"first_text", func() Request { return (&study{t: t, task: reviews, objective: balanced(t)}).request() }},
		{"later_text", func() Request {
			s := &study{t: t, task: reviews, objective: balanced(t)}
			s.add(arch.Seed(reviews.Input, reviews.Classes))
			s.add(strings.Replace(recurrent, "classes)\n\ndef recipe", "classes) # a review\n\ndef recipe", 1), "ASC", "ACL")
			return s.request("ACL", "RK")
		}},
		{"later", func() Request { return longHistory(t).request("ACL", "RK") }},
		{"rungs", func() Request { return shortened(longHistory(t).request("ACL", "RK")) }},
		{"repair_invalid", func() Request {
			r := longHistory(t).request("ACL")
			r.Attempts = []trial.Attempt{
				answered(trial.Invalid, "model.star:1:1: an older error", broken),
				answered(trial.Invalid, "model.star:3:12: undefined: dens; did you mean dense?", broken),
			}
			return r
		}},
		{"repair_stuck", func() Request {
			r := longHistory(t).request("ACL")
			for range 2 {
				r.Attempts = append(r.Attempts, answered(trial.Invalid, "model.star:3:12: undefined: dens; did you mean dense?", broken))
			}
			return r
		}},
		{"repair_forgot", func() Request {
			r := longHistory(t).request("ACL")
			r.Attempts = []trial.Attempt{
				answered(trial.Invalid, "model.star:3:12: undefined: dens; did you mean dense?", broken),
				{State: trial.Invalid, Reason: "model.star:1:1: program: has no function network", Exchange: &trial.Exchange{Answer: "Sorry."}},
			}
			return r
		}},
		{"repair_copy", func() Request {
			r := longHistory(t).request("ACL", "AD")
			a := answered(trial.Duplicate, "the same network with the same recipe was trial 2", r.Parent.Program.Source)
			a.Hash = r.Parent.Hash
			r.Attempts = []trial.Attempt{a}
			return r
		}},
		{"repair_duplicate", func() Request {
			s := longHistory(t)
			r := s.request("ACL", "AD")
			other := s.history[slices.IndexFunc(s.history, func(t trial.Trial) bool { return t.Program != nil && t.ID != r.Parent.ID })]
			a := answered(trial.Duplicate, "the same network with the same recipe was trial 1", other.Program.Source)
			a.Hash = other.Hash
			r.Attempts = []trial.Attempt{a}
			return r
		}},
		{"repair_infeasible", func() Request {
			r := longHistory(t).request("AMK")
			r.Attempts = []trial.Attempt{answered(trial.Infeasible, "model_size 3.1 MB is above its limit of 2.0 MB", residual)}
			return r
		}},
		{"repair_hopeless", func() Request {
			r := longHistory(t).request("AMK")
			r.Attempts = []trial.Attempt{answered(trial.Pruned, "by the forecast it is dominated with a probability of 97.1 %: accuracy 41.0 %, inference_energy 0.61 mJ", residual)}
			return r
		}},
		{"repair_no_program", func() Request {
			r := longHistory(t).request("AMK")
			r.Attempts = []trial.Attempt{{State: trial.Invalid, Exchange: &trial.Exchange{Answer: "Sorry.", Error: "the answer holds no program"}}}
			return r
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := messages(c.r(), formatFenced)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i, m := range got {
				if shown := map[bool]int{true: 4, false: 3}[strings.HasPrefix(c.name, "repair") && c.name != "repair_stuck"]; i < shown && !strings.HasPrefix(c.name, "first") { // what was shown before
					continue
				}
				b.WriteString("=== " + m.Role + "\n" + strings.TrimSuffix(m.Content, "\n") + "\n")
			}
			golden(t, c.name+".txt", b.String())
			if n := size(got); n > 10_000 { // about 2,500 tokens
				t.Errorf("the prompt has %d characters", n)
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run go test -update to accept): -want +got\n%s", path, diff)
	}
}

func size(messages []trial.Message) int {
	n := 0
	for _, m := range messages {
		n += len(m.Content)
	}
	return n
}

// Whatever the history and the answers are, the prompt fits a small context.
func TestPromptIsBounded(t *testing.T) {
	s := longHistory(t)
	for range 200 {
		s.history = append(s.history, trial.Trial{ID: len(s.history) + 1, State: trial.Failed, Reason: strings.Repeat("reason ", 1000)})
	}
	long := strings.Repeat("    x = relu(conv(x, 16)) # é\n", 2000)
	p := s.history[1].Program
	s.history[1].Program = &arch.Program{Source: "def network(x, classes):\n" + long, Network: p.Network, Recipe: p.Recipe}
	r := s.request("ACL", "AMK", "AD", "AR")
	r.Parent = &s.history[1]
	for range 3 {
		r.Attempts = append(r.Attempts, answered(trial.Invalid, long, long))
	}
	got, err := messages(r, formatFenced)
	if err != nil {
		t.Fatal(err)
	}
	if n := size(got); n > 24_000 { // about 6,000 tokens, which leaves an answer room in 8,192
		t.Errorf("the prompt has %d characters", n)
	}
}

// The example in the prompt must be what it teaches: two programs that are valid
// and differ as its commands say, in both forms.
func TestExampleIsValid(t *testing.T) {
	for _, f := range []form{{}, {JSON: true}, {Fixed: true}, {JSON: true, Fixed: true}, {Text: true}, {Text: true, JSON: true}, {Text: true, Fixed: true}} {
		task := Task{Input: arch.Shape{28, 28, 1}, Classes: 10}
		if f.Text {
			task.Input = arch.Tokens{Length: 128, Vocabulary: 10000}
		}
		before := parse(t, Examples(task.Input, task.Classes)[0], task)
		answer := read(exampleText(f), nil)
		after := parse(t, answer.Source, task)
		for _, code := range []string{"AMK", "ASC", "AR"} {
			m := moves[code]
			if a, b := tally(before)[m.what], tally(after)[m.what]; b <= a && (code != "AR" || !f.Fixed) {
				t.Errorf("%+v: %s: %s went from %g to %g", f, code, m.what, a, b)
			}
		}
		if n := len(exampleCommands(f)); answer.Plan == nil || len(answer.Plan.Changes) != n || len(answer.Plan.Expected) != 2 {
			t.Errorf("%+v: the example has %d commands and the plan %+v", f, n, answer.Plan)
		}
	}
}

// Every operation that a program may call for its samples, and every command, is
// told, and none that is for other samples.
func TestPromptIsComplete(t *testing.T) {
	for _, f := range []form{{}, {Text: true}} {
		all, err := opening(f)
		if err != nil {
			t.Fatal(err)
		}
		other := map[bool]string{false: arch.ForTexts, true: arch.ForImages}[f.Text]
		calls := regexp.MustCompile(`\b\w+\(`).FindAllString(all[0].Content, -1)
		for _, op := range arch.Ops() {
			if told := slices.Contains(calls, op.Name+"("); !op.Internal && told != (op.Only != other) {
				t.Errorf("text %t: whether the prompt tells %s: %t", f.Text, op.Name, told)
			}
		}
		for name, text := range augmentations {
			if told := strings.Contains(all[0].Content, name+" = "); told != (text == f.Text) {
				t.Errorf("text %t: whether the prompt tells %s: %t", f.Text, name, told)
			}
		}
	}
	for _, code := range Codes() {
		if how[code] == "" {
			t.Errorf("the prompt does not tell how to carry out %s", code)
		}
	}
}

func TestWantLines(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	target := 0.3
	s.objective.Wants = append([]objective.Want{}, s.objective.Wants...)
	s.objective.Wants[0].Target = &target
	got := strings.Join(wantLines(s.request()), "\n")
	if !strings.Contains(got, "target 30.0 % (met)") {
		t.Errorf("got %s", got)
	}
}
