package benchmark

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func mustExamples(t *testing.T, data string) examples {
	t.Helper()
	info, err := datasets.Lookup(data)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := promptExamples(info)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// counting counts the trainings.
type counting struct {
	evaluate.Evaluator
	jobs []trial.Job
}

func (c *counting) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	c.jobs = append(c.jobs, job)
	return c.Evaluator.Evaluate(ctx, job, progress)
}

// scripted stands in for the worker: every network gets the same accuracy.
type scripted struct{}

func (scripted) Describe() evaluate.Description {
	return evaluate.Description{Engine: "scripted", Machine: "a desk", Device: "paper"}
}

func (scripted) Evaluate(context.Context, trial.Job, func(trial.Progress)) (trial.Result, error) {
	return trial.Result{State: trial.Complete, Metrics: trial.Metrics{trial.Accuracy: {Value: 0.5, Method: trial.MethodCounted}}}, nil
}

func openStore(t *testing.T, dir string) *record.Store {
	t.Helper()
	store, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// TestStoppedAndResumed runs two arms with the real worker, stopped half way.
func TestStoppedAndResumed(t *testing.T) {
	worker, err := evaluate.Open(t.Context(), evaluate.Options{Log: func(text string) { t.Log(text) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { worker.Close() })
	o, err := Options{
		Data: "digits", Arms: []Arm{{Proposer: "random"}, {Proposer: "rulebook"}}, Seeds: []int64{3}, Trials: 2, TrainSamples: 200, Epochs: 1, Dir: t.TempDir(),
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	store := openStore(t, o.Dir)
	count := &counting{Evaluator: worker}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lines []string
	o.Log = func(text string) {
		t.Log(text)
		if strings.Contains(text, "trial 1/2") {
			lines = append(lines, text)
			cancel()
		}
	}
	if err := run(ctx, o, brief{count}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a run that was stopped: %v", err)
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "random seed 3 trial 1/2: complete, accuracy ") || !strings.Contains(lines[0], "macs ") {
		t.Errorf("lines %q", lines)
	}
	half, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if done := half.Arms[0].Done[0] + half.Arms[1].Done[0]; done != 1 {
		t.Errorf("half way %d trials are reported, want 1", done)
	}

	if err := run(t.Context(), o, brief{count}); err != nil {
		t.Fatal(err)
	}
	r, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for i, a := range o.Arms {
		if r.Arms[i].Done[0] != 2 {
			t.Errorf("%s: %d trials, want 2", a, r.Arms[i].Done[0])
		}
		for _, name := range []string{"valid", "hypervolume_2", "effectiveness_2"} {
			if v := r.Arms[i].Values[name]; v.Mean == nil || *v.Mean <= 0 {
				t.Errorf("%s: %s is %+v", a, name, v)
			}
		}
		trials, err := store.Trials(t.Context(), o.name(a, 3))
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range trials {
			keys[tr.Key] = true
			if tr.State != trial.Complete || tr.Metrics[trial.Accuracy].Value <= 0 || len(tr.Curve) != 1 {
				t.Errorf("%s trial %d: %s, accuracy %v, %d epochs", a, tr.ID, tr.State, tr.Metrics[trial.Accuracy].Value, len(tr.Curve))
			}
		}
	}
	if len(count.jobs) != len(keys) {
		t.Errorf("%d trainings for %d different networks", len(count.jobs), len(keys))
	}
	for _, j := range count.jobs {
		if j.Budget.Profile != profileTime || j.Weights != "" {
			t.Errorf("a job with the budget %+v and weights %q", j.Budget, j.Weights)
		}
	}
}

func TestNothingIsTrainedTwice(t *testing.T) {
	o, err := Options{Data: "digits", Arms: []Arm{{Proposer: "rulebook"}, {"rulebook", "lessons"}}, Seeds: []int64{1}, Trials: 2, Dir: t.TempDir()}.complete()
	if err != nil {
		t.Fatal(err)
	}
	count := &counting{Evaluator: scripted{}}
	if err := run(t.Context(), o, brief{count}); err != nil {
		t.Fatal(err)
	}
	r, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(count.jobs) != 2 || r.Arms[0].Done[0] != 2 || r.Arms[1].Done[0] != 2 {
		t.Errorf("%d trainings for two arms that propose the same two networks, trials %v and %v", len(count.jobs), r.Arms[0].Done, r.Arms[1].Done)
	}
	for name, v := range r.Arms[0].Values {
		if w := r.Arms[1].Values[name]; (v.Mean == nil) != (w.Mean == nil) || v.Mean != nil && *v.Mean != *w.Mean {
			t.Errorf("%s differs between arms that do the same", name)
		}
	}
}

// TestOnATemplate runs proposers that choose from a template, beside studies without.
func TestOnATemplate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "widths.star")
	text := strings.Replace(arch.Seed(arch.Shape{8, 8, 1}, 10), "def network(x, classes):", "def network(x, classes):\n    x = conv(x, choice(\"width\", [4, 6, 8]), 3)", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	free := Options{Data: "digits", Arms: []Arm{{Proposer: "random"}}, Seeds: []int64{1}, Trials: 2, Dir: dir}
	fenced := free
	fenced.Arms, fenced.Template = []Arm{{Proposer: "random"}, {Proposer: "evolution"}}, file
	for _, o := range []Options{free, fenced} {
		o, err := o.complete()
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), o, brief{scripted{}}); err != nil {
			t.Fatal(err)
		}
		r, err := Read(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := r.Write(&out, false); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(out.String(), "of the template "+file); told != (o.Template != "") || r.Template != o.Template {
			t.Errorf("template %q: the report has %q, and says\n%s", o.Template, r.Template, &out)
		}
		store := openStore(t, dir)
		for _, a := range o.Arms {
			trials, err := store.Trials(t.Context(), o.name(a, 1))
			if err != nil || len(trials) != 2 {
				t.Fatalf("%s: %d trials: %v", a, len(trials), err)
			}
			for _, tr := range trials {
				if chose := tr.Program != nil && len(tr.Program.Choices) > 0; chose != (o.Template != "") {
					t.Errorf("%s, template %q, trial %d: program %+v", a, o.Template, tr.ID, tr.Program)
				}
			}
		}
	}
}

func TestStopsWhereNoModelAnswers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error": {"message": "no such user"}}`, http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	t.Setenv("OPENAI_BASE_URL", srv.URL+"/v1")
	t.Setenv("OPENAI_API_KEY", "sk-marked-key-0123456789")
	t.Setenv("OPENAI_MODEL", "scripted")
	o, err := Options{Data: "digits", Arms: []Arm{{Proposer: "openai"}}, Seeds: []int64{1}, Trials: 9, Dir: t.TempDir()}.complete()
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), o, brief{scripted{}})
	if err == nil || !strings.Contains(err.Error(), "arm openai, seed 1") || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "sk-marked") {
		t.Errorf("error %v, want one that names the arm, the seed and the status, and no key", err)
	}
	r, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Arms[0].Done[0] != patience || *r.Arms[0].Values["unanswered"].Mean != 1 || *r.Arms[0].Values["valid"].Mean != 0 {
		t.Errorf("%d trials, unanswered %v", r.Arms[0].Done[0], *r.Arms[0].Values["unanswered"].Mean)
	}
}

func TestRefuses(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	arms := []Arm{{Proposer: "rulebook"}}
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{Data: "digits", Arms: []Arm{{Proposer: "openai"}}}, []string{"arm openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"}},
		{Options{Trials: -1, Seeds: []int64{0, 2, 2}}, []string{"data", "arms", "trials: -1", "seeds: 0", "seeds: 2"}},
		{Options{Data: "digits", Arms: append(arms, arms...)}, []string{"rulebook is given twice"}},
	} {
		c.o.Dir = dir
		err := Run(t.Context(), c.o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error %v does not say %q", c.o, err, want)
			}
		}
	}
	if _, err := Read(t.Context(), Options{Data: "digits", Arms: arms, Dir: dir}); err == nil {
		t.Error("a report on nothing")
	}
	if _, err := os.Stat(filepath.Join(dir, record.File)); err == nil {
		t.Error("a database was made for it")
	}
}
