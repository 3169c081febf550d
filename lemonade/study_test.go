package lemonade_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// quick is a study on the real data and with the real worker, small enough for a test.
var quick = lemonade.Options{Data: "digits", TrainSamples: 300, Epochs: 2, Measure: lemonade.Measure{Profile: time.Second}}

func open(t *testing.T, name string, o lemonade.Options) *lemonade.Study {
	t.Helper()
	o.Log = func(text string) { t.Log(text) }
	s, err := lemonade.Open(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStudyOnDigits(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	s := open(t, "first", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Trials()); n != 3 {
		t.Fatalf("%d trials, want 3", n)
	}
	for _, tr := range s.Trials() {
		if tr.State != trial.Complete {
			t.Errorf("trial %d: %s: %s", tr.ID, tr.State, tr.Reason)
			continue
		}
		for _, m := range []trial.Metric{
			trial.Accuracy, trial.TrainAccuracy, trial.Loss, trial.TrainingEnergy, trial.InferenceEnergy, trial.InferencePower, trial.Latency,
			trial.LatencyP95, trial.Throughput, trial.Params, trial.MACs, trial.ModelSize, trial.ActivationMemory, trial.PeakMemory, trial.CO2e, trial.TrainingTime,
		} {
			got, ok := tr.Metrics[m]
			info, _ := m.Info()
			if !ok || got.Method == "" || got.Unit != info.Unit {
				t.Errorf("trial %d: %s = %+v, want a value in %q with its method", tr.ID, m, got, info.Unit)
			}
		}
		if tr.Quality == nil || tr.Quality.Classes != len(s.Info().ClassNames) {
			t.Errorf("trial %d: by class %+v", tr.ID, tr.Quality)
		}
	}
	var report lemonade.Report
	text, err := json.Marshal(s.Report())
	if err := errors.Join(err, json.Unmarshal(text, &report)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Trials()[0].Quality, report.Trials[0].Quality); diff != "" || len(report.Classes) != 10 {
		t.Errorf("the report has the classes %q, and by class (-trial +report):\n%s", report.Classes, diff)
	}

	best, ok := s.Best()
	if !ok || best.Metrics[trial.Accuracy].Value < 0.3 { // chance is 0.1
		t.Errorf("best: %+v, want one that learned", best.Metrics[trial.Accuracy])
	}
	front := s.Front().IDs
	if len(front) == 0 || s.Hypervolume() <= 0 {
		t.Errorf("front %v, hypervolume %v: want some", front, s.Hypervolume())
	}
	files, _ := filepath.Glob(filepath.Join(o.Dir, "weights", "first", "*.safetensors"))
	if len(files) != len(front) {
		t.Errorf("weights %v, want one file for each trial of the front %v", files, front)
	}

	// The study goes on under its name alone, and scores never change.
	again := open(t, "first", lemonade.Options{Dir: o.Dir})
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 4}); err != nil {
		t.Fatal(err)
	}
	if n := len(again.Trials()); n != 4 {
		t.Errorf("%d trials after going on, want 4", n)
	}
	for i, before := range s.Trials() {
		if e := again.Trials()[i].Effectiveness; *e != *before.Effectiveness {
			t.Errorf("trial %d: effectiveness %v, was %v", before.ID, *e, *before.Effectiveness)
		}
	}
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil || len(again.Trials()) != 4 {
		t.Errorf("asking for fewer trials than there are: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	o := quick
	o.Dir = dir
	open(t, "fixed", o)
	for _, c := range []struct {
		name string
		o    lemonade.Options
		want []string
	}{
		{"missing", lemonade.Options{}, []string{`"missing"`, "fixed", "needs its data named"}},
		{"new", lemonade.Options{Data: "digit"}, []string{"data", "digits", "cifar10"}},
		{"new", lemonade.Options{Data: "digits", TrainSamples: 99999, Epochs: -1, Proposer: "oracle", Prefer: "cheap"}, []string{"train samples: 99999", "epochs: -1", `proposer: "oracle"`, "prefer"}},
		{"new", lemonade.Options{Data: "digits", TrainSamples: 3}, []string{"fewer than the 10 classes"}},
		{"a/b", lemonade.Options{Data: "digits"}, []string{"a/b"}},
		{"fixed", lemonade.Options{Epochs: 3, Seed: 7}, []string{"epochs: the study was created with 2", "seed: the study was created with 1"}},
		{"fixed", lemonade.Options{Wants: []objective.Want{{Metric: trial.Latency}}}, []string{"wants"}},
		{"fixed", lemonade.Options{Limits: map[trial.Metric]float64{trial.Params: 5}}, []string{"limits"}},
	} {
		c.o.Dir = dir
		s, err := lemonade.Open(t.Context(), c.name, c.o)
		if err == nil {
			s.Close()
			t.Errorf("%s %+v: no error", c.name, c.o)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", c.name, err, want)
			}
		}
	}
	if _, err := lemonade.Open(t.Context(), "missing", lemonade.Options{Dir: dir}); !errors.Is(err, lemonade.ErrNotFound) {
		t.Errorf("missing study: %v, want ErrNotFound", err)
	}
}

func TestParseStop(t *testing.T) {
	var s lemonade.Stop
	for _, text := range []string{"30m", "0.1kWh", "target"} {
		if err := s.ParseStop(text); err != nil {
			t.Error(err)
		}
	}
	if want := (lemonade.Stop{Time: 30 * time.Minute, Energy: 0.1, Target: true}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	for _, text := range []string{"", "soon", "-5m", "0kWh", "1e999kWh", "NaNkWh"} {
		if err := s.ParseStop(text); err == nil || !strings.Contains(err.Error(), strconv.Quote(text)) {
			t.Errorf("%q: error %v, want one that quotes it", text, err)
		}
	}
}

// scripted stands in for the worker where a test is about the loop: it measures
// nothing and says what the test wants it to.
type scripted func(trial.Job) trial.Result

func (s scripted) Evaluate(_ context.Context, j trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	return s(j), nil
}

func (scripted) Describe() evaluate.Description { return evaluate.Description{Engine: "scripted"} }

// measured gives a network a plausible result that follows from its size.
func measured(j trial.Job) trial.Result {
	p := float64(j.Network.Costs().Params)
	quality := trial.NewQuality(10, []trial.Answer{{True: 3, Predicted: int(p) % 10, Confidence: 0.5}})
	return trial.Result{State: trial.Complete, Quality: quality, Metrics: trial.Metrics{
		trial.Accuracy:        {Value: p / (p + 100), Method: trial.MethodCounted},
		trial.InferenceEnergy: {Value: p * 1e-6, Unit: "J", Method: trial.MethodEstimate},
		trial.Latency:         {Value: p * 1e-4, Unit: "ms", Method: trial.MethodTimed},
		trial.TrainingEnergy:  {Value: 0.01, Unit: "kWh", Method: trial.MethodEstimate},
	}}
}

// model is an OpenAI-compatible server that gives the answers of a list, then none that parse.
func model(t *testing.T, answers ...string) {
	t.Helper()
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := "I would rather not."
		if calls < len(answers) {
			answer = answers[calls]
		}
		calls++
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{
			"id": "x", "object": "chat.completion", "model": "scripted",
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer}}},
			"usage":   map[string]any{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
		})
	}))
	t.Cleanup(srv.Close)
	t.Setenv("OPENAI_BASE_URL", srv.URL+"/v1")
	t.Setenv("OPENAI_API_KEY", "sk-marked-key-0123456789")
	t.Setenv("OPENAI_MODEL", "scripted")
}

func fenced(filters int) string {
	return fmt.Sprintf("Here it is.\n```python\ndef network(x, classes):\n    x = relu(conv(x, %d))\n    return dense(global_avg_pool(x), classes)\n```\n", filters)
}

func TestRepairDuplicateFallback(t *testing.T) {
	model(t,
		"```python\ndef network(x, classes):\n    return convolve(x)\n```", // trial 1: invalid
		fenced(8),    //          mended
		fenced(8),    // trial 2: a duplicate of trial 1
		fenced(9999), //          infeasible
		fenced(16),   //          mended
	) // trial 3: nothing parses, the rule book proposes
	o := quick
	o.Dir, o.Proposer, o.Evaluator = t.TempDir(), "openai", scripted(measured)
	o.Limits = map[trial.Metric]float64{trial.Params: 50_000}
	s := open(t, "loop", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, tr := range s.Trials() {
		row := []string{string(tr.State), tr.Proposer}
		for _, a := range tr.Attempts {
			row = append(row, a.Proposer+" "+string(a.State))
			if a.Proposer == "openai" && (a.Exchange == nil || len(a.Exchange.Prompt) == 0 || a.Exchange.Answer == "") {
				t.Errorf("trial %d turn %d: the exchange is not recorded: %+v", tr.ID, a.Turn, a.Exchange)
			}
		}
		got = append(got, row)
	}
	want := "[[complete openai openai invalid openai complete] " +
		"[complete openai openai duplicate openai infeasible openai complete] " +
		"[complete rulebook openai invalid openai invalid openai invalid openai invalid rulebook complete]]"
	if fmt.Sprint(got) != want {
		t.Errorf("trials\n%v\nwant\n%v", got, want)
	}
	report, err := json.Marshal(s.Report())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(report), "sk-marked") {
		t.Error("the report holds the key")
	}
	second := s.Trials()[1]
	if r := second.Attempts[0].Reason; !strings.Contains(r, "trial 1") {
		t.Errorf("duplicate: %q does not name trial 1", r)
	}
	if r := second.Attempts[1].Reason; !strings.Contains(r, "params") {
		t.Errorf("infeasible: %q does not name the limit", r)
	}
	db, err := os.ReadFile(filepath.Join(o.Dir, "lemonade.db"))
	if err != nil || strings.Contains(string(db), "sk-marked") {
		t.Errorf("the database holds the key, or cannot be read: %v", err)
	}
}

func TestOutcomesOfEvaluation(t *testing.T) {
	n := 0
	o := quick
	o.Dir = t.TempDir()
	o.Limits = map[trial.Metric]float64{trial.Latency: 1e-9}
	o.Evaluator = scripted(func(j trial.Job) trial.Result {
		if n++; n == 1 {
			return trial.Result{State: trial.Failed, Reason: trial.OutOfMemory + ": killed at 1.0 GB"}
		}
		return measured(j)
	})
	s := open(t, "outcomes", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil {
		t.Fatal(err)
	}
	first, second := s.Trials()[0], s.Trials()[1]
	if first.State != trial.Failed || !strings.HasPrefix(first.Reason, trial.OutOfMemory) {
		t.Errorf("trial 1: %s %q", first.State, first.Reason)
	}
	if second.State != trial.Infeasible || !strings.Contains(second.Reason, "latency") {
		t.Errorf("trial 2: %s %q, want infeasible by latency", second.State, second.Reason)
	}
	if _, ok := s.Best(); ok || len(s.Front().IDs) > 0 {
		t.Error("an infeasible trial must not be on the front")
	}
}

func TestStopAfter(t *testing.T) {
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), scripted(measured)
	s := open(t, "stop", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 50, Stop: lemonade.Stop{Energy: 0.025}}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Trials()); n != 3 { // 0.01 kWh each
		t.Errorf("%d trials, want 3", n)
	}
}

// TestKill kills a study's process in the middle of a training, then goes on with it.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("LEMONADE_TEST_KILL") != "" {
		t.Skip("this is the process to be killed")
	}
	c := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.v")
	c.Env = append(os.Environ(), "LEMONADE_TEST_KILL="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	worker := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "training 2") {
			break
		}
	}
	for _, pid := range children(t, c.Process.Pid) {
		if cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(cmd), "train") {
			worker = pid
		}
	}
	if worker == 0 {
		t.Fatal("no worker is training")
	}
	c.Process.Signal(syscall.SIGKILL)
	c.Wait()
	gone := false
	for range 50 {
		if syscall.Kill(worker, 0) != nil {
			gone = true
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !gone {
		t.Errorf("worker %d outlived its parent by 5 s", worker)
	}

	s := open(t, "killed", lemonade.Options{Dir: dir})
	before := s.Trials()
	if len(before) != 2 || before[0].State != trial.Complete || before[1].State != trial.Running {
		t.Fatalf("after the kill: %d trials, want one complete and one running", len(before))
	}
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 3}); err != nil {
		t.Fatal(err)
	}
	after := s.Trials()
	if len(after) != 3 || after[1].Runs != 2 || after[1].State != trial.Complete || after[1].Hash != before[1].Hash || after[0].Runs != 1 {
		t.Errorf("after going on: %d trials, trial 2 %s after %d runs", len(after), after[1].State, after[1].Runs)
	}
}

// TestKillChild is the process that TestKill kills.
func TestKillChild(t *testing.T) {
	dir := os.Getenv("LEMONADE_TEST_KILL")
	if dir == "" {
		t.Skip("run by TestKill")
	}
	o := quick
	o.Dir, o.Epochs = dir, 30
	s, err := lemonade.Open(t.Context(), "killed", o)
	if err != nil {
		t.Fatal(err)
	}
	s.Run(t.Context(), lemonade.RunOptions{Trials: 2, On: func(e lemonade.Event) {
		if e.Kind == lemonade.Progress && e.Progress.Phase == trial.PhaseTrain {
			fmt.Printf("training %d\n", e.Trial.ID)
		}
	}})
}

func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestOneRunner(t *testing.T) {
	o := quick
	o.Dir = t.TempDir()
	o.Evaluator = scripted(measured)
	a, b := open(t, "one", o), open(t, "one", lemonade.Options{Dir: o.Dir, Evaluator: o.Evaluator})
	err := a.Run(t.Context(), lemonade.RunOptions{Trials: 1, On: func(e lemonade.Event) {
		if e.Kind != lemonade.Began {
			return
		}
		if err := b.Run(t.Context(), lemonade.RunOptions{Trials: 1}); !errors.Is(err, record.ErrRunning) {
			t.Errorf("a second runner: %v, want ErrRunning", err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(t.Context()); err != nil || len(b.Trials()) != 1 {
		t.Errorf("a reader sees %d trials (%v), want 1", len(b.Trials()), err)
	}
}
