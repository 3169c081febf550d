package lemonade_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// talker is an OpenAI-compatible server that is given what to answer and keeps
// the prompts: the last message of each call.
type talker struct {
	mu      sync.Mutex
	prompts []string
	calls   []map[string]any
}

func talk(t *testing.T, answer func(call int, prompt string) (status int, text string)) *talker {
	t.Helper()
	s := &talker{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		json.NewDecoder(r.Body).Decode(&body)
		messages, _ := body["messages"].([]any)
		prompt := ""
		if len(messages) > 0 {
			prompt, _ = messages[len(messages)-1].(map[string]any)["content"].(string)
		}
		s.mu.Lock()
		s.prompts, s.calls = append(s.prompts, prompt), append(s.calls, body)
		n := len(s.prompts)
		s.mu.Unlock()
		status, text := answer(n, prompt)
		w.Header().Set("Content-Type", "application/json")
		if status != http.StatusOK {
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": text}})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
			"usage":   map[string]any{"prompt_tokens": 1000, "completion_tokens": 200},
		})
	}))
	t.Cleanup(srv.Close)
	t.Setenv("OPENAI_BASE_URL", srv.URL+"/v1")
	t.Setenv("OPENAI_API_KEY", "")
	t.Setenv("OPENAI_MODEL", "scripted")
	return s
}

// widening answers every round with a network of its own, and lessons where they
// are asked for.
func widening(call int, prompt string) (int, string) {
	if strings.Contains(prompt, "Write the notes anew") {
		return http.StatusOK, fmt.Sprintf("- do not widen twice, as in trial 2 (call %d)\n- trial 99 says nothing", call)
	}
	return http.StatusOK, "AMK: wider.\nExpected: accuracy up, macs up\n" + fenced(8+call)
}

func run(t *testing.T, s *lemonade.Study, trials int, on func(lemonade.Event)) {
	t.Helper()
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: trials, On: on}); err != nil {
		t.Fatal(err)
	}
}

func llmOptions(t *testing.T) lemonade.Options {
	o := quick
	o.Dir, o.Proposer, o.Evaluator = t.TempDir(), "openai", scripted(measured)
	return o
}

func TestLessonsAndPlans(t *testing.T) {
	server := talk(t, widening)
	s := open(t, "lessons", llmOptions(t))
	var reflected []int
	run(t, s, 6, func(e lemonade.Event) {
		if e.Kind == lemonade.Reflected {
			reflected = append(reflected, e.Trial.ID)
		}
	})
	if diff := cmp.Diff([]int{5}, reflected); diff != "" {
		t.Fatalf("rounds before which the lessons were rewritten: %s", diff)
	}
	fifth := s.Trials()[4]
	if fifth.Lessons == nil || !strings.HasPrefix(fifth.Lessons.Text, "- do not widen twice") || fifth.Lessons.Exchange == nil {
		t.Fatalf("lessons %+v", fifth.Lessons)
	}
	if got := s.Report(); got.Lessons != fifth.Lessons.Text || got.Spent.Calls != 7 || got.Model != "scripted" || got.Seed != 1 {
		t.Errorf("report: lessons %q, spent %+v, model %q, seed %d", got.Lessons, got.Spent, got.Model, got.Seed)
	}
	sixth := s.Trials()[5]
	if p := sixth.Attempts[0].Plan; p == nil || p.Expected[trial.Accuracy] != trial.Up || p.Expected[trial.MACs] != trial.Up || p.Changes[0] != "AMK: wider." {
		t.Errorf("plan %+v", p)
	}
	last := server.prompts[len(server.prompts)-1]
	for _, want := range []string{"do not widen twice", "Commands: carry out each one", "trial 5", sixth.Commands[0].Reason} {
		if !strings.Contains(last, want) {
			t.Errorf("the last prompt does not say %q:\n%s", want, last)
		}
	}
	again := open(t, "lessons", lemonade.Options{Dir: s.Dir()})
	if diff := cmp.Diff(s.Trials(), again.Trials()); diff != "" {
		t.Errorf("read again: %s", diff)
	}
}

// Every part that is switched off is missing where it would show.
func TestWithout(t *testing.T) {
	for part, check := range map[lemonade.Part]func(h trial.History, prompts string) bool{
		lemonade.Expert: func(h trial.History, _ string) bool { return len(h[3].Commands) == 0 && h[3].Parent > 0 },
		lemonade.Advice: func(h trial.History, _ string) bool { return h[3].Commands[0].Rule == "placebo" },
		lemonade.Feedback: func(_ trial.History, p string) bool {
			return !strings.Contains(p, "What the latest changes did") && !strings.Contains(p, "because")
		},
		lemonade.Loop: func(h trial.History, p string) bool { return h[3].Parent == 0 && !strings.Contains(p, "# Parent") },
		lemonade.Lessons: func(h trial.History, p string) bool {
			return h.Lessons() == "" && !strings.Contains(p, "Write the notes anew")
		},
		lemonade.Niches: func(h trial.History, p string) bool {
			return !slices.ContainsFunc(h, func(t trial.Trial) bool { return t.Niche != nil }) && !strings.Contains(p, "# Size")
		},
	} {
		server := talk(t, widening)
		o := llmOptions(t)
		run(t, open(t, "whole", o), 8, nil)
		whole := open(t, "whole", lemonade.Options{Dir: o.Dir}).Trials()
		if check(whole, strings.Join(server.prompts, "\n")) {
			t.Errorf("%s: it is missing from the whole method too", part)
		}
		server = talk(t, widening)
		o.Without = []lemonade.Part{part}
		run(t, open(t, "without", o), 8, nil)
		without := open(t, "without", lemonade.Options{Dir: o.Dir}).Trials()
		if !check(without, strings.Join(server.prompts, "\n")) {
			t.Errorf("without %s: it is there", part)
		}
	}

	talk(t, func(int, string) (int, string) { return http.StatusOK, "no program" })
	o := llmOptions(t)
	o.Without = []lemonade.Part{lemonade.Repair}
	s := open(t, "repair", o)
	run(t, s, 1, nil)
	if n := len(s.Trials()[0].Attempts); n != 2 || s.Trials()[0].Proposer != "rulebook" {
		t.Errorf("without repair: %d attempts, want one of the model and one of the rule book", n)
	}
}

func TestFixedRecipe(t *testing.T) {
	server := talk(t, func(call int, _ string) (int, string) {
		return http.StatusOK, fmt.Sprintf("```python\ndef network(x, classes):\n    return dense(global_avg_pool(conv(x, %d)), classes)\n\ndef recipe():\n    return training(learning_rate = 0.0%d)\n```", 8+call/3, call)
	})
	o := llmOptions(t)
	o.Recipe = "fixed"
	s := open(t, "fixed", o)
	run(t, s, 2, nil)
	for _, tr := range s.Trials() {
		if tr.Program.Recipe != arch.DefaultRecipe {
			t.Errorf("trial %d: recipe %+v", tr.ID, tr.Program.Recipe)
		}
	}
	if states := s.Trials()[1].Attempts; states[0].State != trial.Complete && states[0].State != trial.Duplicate {
		t.Errorf("attempts %+v", states)
	}
	if system := fmt.Sprint(server.calls[0]["messages"]); strings.Contains(system, "training(") {
		t.Error("the prompt offers a recipe")
	}
	duplicates := 0
	for _, tr := range s.Trials() {
		for _, a := range tr.Attempts {
			if a.State == trial.Duplicate {
				duplicates++
			}
		}
	}
	if duplicates == 0 { // calls 2 and 3 give the same network with another recipe
		t.Error("a network with another recipe passes for a new one")
	}
}

// While the model is out of reach the rule book goes on, and the model is asked
// again, once a round.
func TestOutage(t *testing.T) {
	out := false
	server := talk(t, func(call int, prompt string) (int, string) {
		if out {
			return http.StatusUnauthorized, "closed for today"
		}
		return widening(call, prompt)
	})
	s := open(t, "outage", llmOptions(t))
	var notes []string
	run(t, s, 5, func(e lemonade.Event) {
		switch {
		case e.Kind == lemonade.Began:
			out = e.Trial.ID == 2 || e.Trial.ID == 3
		case e.Kind == lemonade.Note && e.Trial.ID > 0:
			notes = append(notes, e.Text)
		}
	})
	var by []string
	for _, tr := range s.Trials() {
		by = append(by, tr.Proposer)
	}
	if diff := cmp.Diff([]string{"openai", "rulebook", "rulebook", "openai", "openai"}, by); diff != "" {
		t.Error(diff)
	}
	told := strings.Join(notes, "\n")
	for _, want := range []string{"trial 2: openai is out of reach", "closed for today", "trial 4: openai is back"} {
		if !strings.Contains(told, want) {
			t.Errorf("no note says %q:\n%s", want, told)
		}
	}
	if strings.Count(told, "out of reach") != 1 {
		t.Errorf("the outage is told more than once:\n%s", told)
	}
	if a := s.Trials()[1].Attempts[0]; a.State != trial.Invalid || a.Exchange == nil || !strings.Contains(a.Exchange.Error, "closed") {
		t.Errorf("the failed call is not recorded: %+v", a)
	}
	_ = server
}

func TestCapOnTheModel(t *testing.T) {
	server := talk(t, widening)
	o := llmOptions(t)
	o.LLM.Cap.Calls = 2
	s := open(t, "capped", o)
	run(t, s, 4, nil)
	if n := len(server.prompts); n != 2 {
		t.Errorf("%d calls, the cap is 2", n)
	}
	again := open(t, "capped", lemonade.Options{Dir: o.Dir, Evaluator: o.Evaluator, LLM: propose.Options{Cap: propose.Cap{Calls: 3}}})
	run(t, again, 6, nil)
	if n := len(server.prompts); n != 3 {
		t.Errorf("%d calls after going on, the cap over the whole study is 3", n)
	}
	if got := again.Trials().Spent(); got.Calls != 3 || got.Tokens() != 3600 || got.Unpriced != 3 {
		t.Errorf("spent %+v", got)
	}
}

// slow is an evaluator that trains until it is told to end.
type slow struct {
	scripted
	train chan int // is sent the number of each training when it begins; the receiver lets it go on
	n     int
}

func (s *slow) Evaluate(ctx context.Context, j trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	s.n++
	select {
	case s.train <- s.n:
	case <-ctx.Done():
		return trial.Result{}, ctx.Err()
	}
	return s.scripted.Evaluate(ctx, j, progress)
}

var _ evaluate.Evaluator = (*slow)(nil)

// With a lag of 1 the proposal for trial n+1 is there before trial n is trained,
// and has seen the trials up to n-1.
func TestLag(t *testing.T) {
	answers := make(chan string, 100)
	talk(t, func(call int, prompt string) (int, string) {
		status, text := widening(call, prompt)
		answers <- prompt
		return status, text
	})
	one := 1
	o := llmOptions(t)
	o.Lag = &one
	trainer := &slow{scripted: measured, train: make(chan int)}
	o.Evaluator = trainer
	s := open(t, "lag", o)
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background(), lemonade.RunOptions{Trials: 4}) }()
	<-answers // trial 1
	for n := 1; n <= 4; n++ {
		if n < 4 { // the training n waits for us; the prompt of trial n+1 comes all the same
			select {
			case prompt := <-answers:
				if seen, unseen := fmt.Sprintf("trial %d", n-1), fmt.Sprintf("trial %d", n); n > 1 && !strings.Contains(prompt, seen) || strings.Contains(prompt, unseen) {
					t.Errorf("the prompt of trial %d must have seen %q and not %q:\n%s", n+1, seen, unseen, prompt)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("no proposal for trial %d while %d is trained", n+1, n)
			}
		}
		<-trainer.train
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(s.Trials().Complete()); n != 4 {
		t.Errorf("%d complete trials", n)
	}
}

// A study that is cancelled while two of its trials are under way loses neither.
func TestLagInterrupted(t *testing.T) {
	talk(t, widening)
	one := 1
	o := llmOptions(t)
	o.Lag = &one
	trainer := &slow{scripted: measured, train: make(chan int)}
	o.Evaluator = trainer
	s := open(t, "interrupted", o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx, lemonade.RunOptions{Trials: 3, On: func(e lemonade.Event) {
			if e.Kind == lemonade.Answered && e.Trial.ID == 2 {
				cancel()
			}
		}})
	}()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	before := open(t, "interrupted", lemonade.Options{Dir: o.Dir}).Trials()
	if len(before) != 2 || before[0].State != trial.Running || before[1].State == "" {
		t.Fatalf("left behind: %+v", before)
	}
	o.Evaluator = scripted(measured)
	again := open(t, "interrupted", o)
	run(t, again, 3, nil)
	if h := again.Trials(); len(h.Complete()) != 3 || h[1].Hash != before[1].Hash || len(h[1].Attempts) != 1 {
		t.Errorf("after going on: %d complete, trial 2 %s with %d attempts", len(h.Complete()), h[1].Hash, len(h[1].Attempts))
	}
}

func TestReplay(t *testing.T) {
	out := false
	server := talk(t, func(call int, prompt string) (int, string) {
		switch {
		case out:
			return http.StatusForbidden, "closed"
		case call == 2:
			return http.StatusOK, "```python\ndef network(x, classes):\n    return convolve(x)\n```"
		}
		return widening(call, prompt)
	})
	o := llmOptions(t)
	s := open(t, "source", o)
	run(t, s, 6, func(e lemonade.Event) {
		if e.Kind == lemonade.Began {
			out = e.Trial.ID == 4
		}
	})
	calls := len(server.prompts)
	again := open(t, "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "source", Log: func(string) {}})
	run(t, again, 6, nil)
	if n := len(server.prompts); n != calls {
		t.Errorf("the replay asked the model %d times", n-calls)
	}
	type row struct {
		State         trial.State
		Hash, Program string
		Metrics       trial.Metrics
		Quality       *trial.Quality
		Effectiveness *float64
		Commands      []trial.Command
		Lessons       string
		Attempts      []trial.State
	}
	rows := func(h trial.History) (out []row) {
		for _, tr := range h {
			r := row{State: tr.State, Hash: tr.Hash, Program: tr.Program.Source, Metrics: tr.Metrics, Quality: tr.Quality, Effectiveness: tr.Effectiveness, Commands: tr.Commands}
			if tr.Lessons != nil {
				r.Lessons = tr.Lessons.Text
			}
			for _, a := range tr.Attempts {
				if strings.Contains(a.Reason, "prompt") {
					t.Errorf("trial %d turn %d: %s", tr.ID, a.Turn, a.Reason)
				}
				r.Attempts = append(r.Attempts, a.State)
			}
			out = append(out, r)
		}
		return out
	}
	if diff := cmp.Diff(rows(s.Trials()), rows(again.Trials())); diff != "" {
		t.Errorf("the replay differs (-source +again):\n%s", diff)
	}
	for i, tr := range s.Trials() {
		if got := again.Trials()[i].Proposer; got != "replay of "+tr.Proposer {
			t.Errorf("trial %d of %s is replayed by %q", tr.ID, tr.Proposer, got)
		}
	}
	if spent := again.Trials().Spent(); spent.Calls != 0 {
		t.Errorf("the replay says it spent %+v", spent)
	}
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 7}); err == nil || !strings.Contains(err.Error(), "6 finished ones") {
		t.Errorf("more trials than were recorded: %v", err)
	}
	for want, bad := range map[string]lemonade.Options{
		`no study "nothing"`: {Dir: o.Dir, Proposer: "replay", Replay: "nothing"},
		"takes the proposer": {Dir: o.Dir, Proposer: "openai", Replay: "source"},
		"name the study":     {Dir: o.Dir, Proposer: "replay", Data: "digits"},
		"seed":               {Dir: o.Dir, Proposer: "replay", Replay: "source", Seed: 9},
	} {
		if _, err := lemonade.Open(t.Context(), "bad", bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", bad, err, want)
		}
	}
}

// A start that learned next to nothing is followed by the network that the rule
// book begins with, once; a start that learned is not.
func TestBadStart(t *testing.T) {
	for _, c := range []struct {
		accuracy float64
		want     []string
	}{
		{0.2, []string{"openai", "rulebook", "openai", "openai"}}, // of ten classes
		{0.4, []string{"openai", "openai", "openai", "openai"}},
	} {
		talk(t, widening)
		o := llmOptions(t)
		o.Evaluator = scripted(func(j trial.Job) trial.Result {
			r := measured(j)
			a := r.Metrics[trial.Accuracy]
			a.Value = c.accuracy
			r.Metrics[trial.Accuracy] = a
			return r
		})
		s := open(t, "start", o)
		var notes []string
		run(t, s, 4, func(e lemonade.Event) {
			if e.Kind == lemonade.Note {
				notes = append(notes, e.Text)
			}
		})
		var got []string
		for _, x := range s.Trials() {
			got = append(got, x.Proposer)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("accuracy %v: %s", c.accuracy, diff)
		}
		second := s.Trials()[1]
		if again := second.Proposer == "rulebook"; again && (second.Parent != 0 || len(second.Commands) > 0 || !strings.Contains(strings.Join(notes, "\n"), "begins anew")) {
			t.Errorf("begun anew with parent %d, commands %v, notes %q", second.Parent, second.Commands, notes)
		}
	}
}

// The rule book begins anew once, also where a limit rules its usual network out.
func TestBadStartUnderALimit(t *testing.T) {
	talk(t, widening)
	o := llmOptions(t)
	o.Limits = map[trial.Metric]float64{trial.Params: 600}
	o.Evaluator = scripted(func(j trial.Job) trial.Result {
		r := measured(j)
		a := r.Metrics[trial.Accuracy]
		a.Value = 0.2
		r.Metrics[trial.Accuracy] = a
		return r
	})
	s := open(t, "start", o)
	run(t, s, 4, nil)
	var got []string
	for _, x := range s.Trials() {
		got = append(got, x.Proposer)
	}
	if diff := cmp.Diff([]string{"openai", "rulebook", "openai", "openai"}, got); diff != "" {
		t.Error(diff)
	}
}
