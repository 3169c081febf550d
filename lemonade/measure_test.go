package lemonade_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// metered is an evaluator with a meter of that method; it keeps the jobs.
type metered struct {
	method string
	jobs   []trial.Job
}

func (e *metered) Describe() evaluate.Description {
	return evaluate.Description{Engine: "scripted", Device: "cpu", Precision: "float32", Meter: e.method}
}

func (e *metered) Evaluate(_ context.Context, j trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	e.jobs = append(e.jobs, j)
	r := measured(j)
	for _, m := range []trial.Metric{trial.InferenceEnergy, trial.TrainingEnergy} {
		v := r.Metrics[m]
		v.Value, v.Method = 1e-3, e.method
		r.Metrics[m] = v
	}
	return r, nil
}

// What is chosen when a study is created reaches every job, and stays.
func TestMeasureIsFixed(t *testing.T) {
	t.Setenv("LEMONADE_PUE", "1.5")
	e := &metered{method: trial.MethodRAPL}
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), e
	o.Limits = map[trial.Metric]float64{trial.TrainingEnergy: 0.5, trial.CO2e: 20, trial.Params: 1e9}
	o.Measure = lemonade.Measure{Meter: trial.MethodEstimate, Carbon: carbon.Options{Location: "FR"}, Profile: 3 * time.Second}
	s := open(t, "fixed", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 1}); err != nil {
		t.Fatal(err)
	}
	s.Close()

	t.Setenv("LEMONADE_PUE", "3")
	t.Setenv("LEMONADE_LOCATION", "Poland")
	again := open(t, "fixed", lemonade.Options{Dir: o.Dir, Evaluator: e})
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 2}); err != nil {
		t.Fatal(err)
	}
	if len(e.jobs) != 2 {
		t.Fatalf("%d jobs", len(e.jobs))
	}
	for _, j := range e.jobs {
		if a := j.Account; a.PUE != 1.5 || a.Intensity != 56 || a.Meter != trial.MethodEstimate || !strings.Contains(a.Source, "France 2023") {
			t.Errorf("account %+v", a)
		}
		if diff := cmp.Diff(map[trial.Metric]float64{trial.TrainingEnergy: 0.5, trial.CO2e: 20}, j.Budget.Limits); diff != "" || j.Budget.Profile != 3*time.Second {
			t.Errorf("profile %v, limits %s", j.Budget.Profile, diff)
		}
	}
	report := again.Report()
	if report.Methods[trial.InferenceEnergy] != trial.MethodRAPL || report.Account.Intensity != 56 {
		t.Errorf("report: methods %v, account %+v", report.Methods, report.Account)
	}
	for _, other := range []lemonade.Measure{
		{Meter: trial.MethodNVML}, {Carbon: carbon.Options{Location: "Poland"}}, {Carbon: carbon.Options{PUE: 2}},
		{Profile: time.Second}, {Require: "measured"}, {Boards: []string{device.Boards()[0].Name}},
	} {
		if _, err := lemonade.Open(t.Context(), "fixed", lemonade.Options{Dir: o.Dir, Measure: other}); err == nil || !strings.Contains(err.Error(), "was created with") {
			t.Errorf("reopened with %+v: %v", other, err)
		}
	}
	same := lemonade.Measure{Meter: trial.MethodEstimate, Carbon: carbon.Options{Location: "france", PUE: 1.5}}
	open(t, "fixed", lemonade.Options{Dir: o.Dir, Measure: same})
}

func TestMeasureRefuses(t *testing.T) {
	board := device.Boards()[0].Name
	for name, c := range map[string]struct {
		o    lemonade.Options
		want string
	}{
		"requirement": {lemonade.Options{Measure: lemonade.Measure{Require: "exact"}}, `"exact" is not measured`},
		"place":       {lemonade.Options{Measure: lemonade.Measure{Carbon: carbon.Options{Location: "Atlantis"}}}, "Atlantis"},
		"PUE":         {lemonade.Options{Measure: lemonade.Measure{Carbon: carbon.Options{PUE: 0.5}}}, "0.5"},
		"board":       {lemonade.Options{Measure: lemonade.Measure{Boards: []string{"toaster"}}}, "toaster"},
		"profile":     {lemonade.Options{Measure: lemonade.Measure{Profile: -time.Second}}, "negative"},
		"predicted, where measured is required": {
			lemonade.Options{Measure: lemonade.Measure{Require: "measured"}, Limits: map[trial.Metric]float64{trial.Latency.On(board): 20}}, "predicted"},
	} {
		c.o.Dir, c.o.Data = t.TempDir(), "digits"
		if _, err := lemonade.Open(t.Context(), "refused", c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A study that requires measured energy trains nothing where it is only
// estimated, nor does one go on by another method than it began with.
func TestMeasuredIsRequired(t *testing.T) {
	for _, c := range []struct{ first, then, want string }{
		{trial.MethodEstimate, "", "requires measured energy"},
		{trial.MethodNVML + "+" + trial.MethodEstimate, "", "--meter nvml-counter"},
		{trial.MethodNVML + "+" + trial.MethodRAPL, trial.MethodRAPL, "do not rank together"},
		{trial.MethodRAPL, trial.MethodRAPL, ""},
	} {
		e := &metered{method: c.first}
		o := quick
		o.Dir, o.Evaluator, o.Measure.Require = t.TempDir(), e, "measured"
		s := open(t, "required", o)
		err := s.Run(t.Context(), lemonade.RunOptions{Trials: 1})
		if c.then != "" && err == nil {
			e.method = c.then
			err = s.Run(t.Context(), lemonade.RunOptions{Trials: 2})
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, then %s: %v, want %q", c.first, c.then, err, c.want)
		}
		if c.then == "" && len(e.jobs) > 0 {
			t.Errorf("%s: it was trained all the same", c.first)
		}
	}
}

// The latency that is predicted for a board is a limit like any other: it is held
// against a network before any training, and the rule book keeps to it by itself.
func TestLimitOnABoard(t *testing.T) {
	board := device.Boards()[0].Name
	latency := trial.Latency.On(board)
	e := &metered{method: trial.MethodEstimate}
	o := quick
	o.Dir, o.Evaluator = t.TempDir(), e
	o.Measure.Boards = []string{board}
	s := open(t, "shown", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 1}); err != nil {
		t.Fatal(err)
	}
	first := s.Trials()[0].Metrics[latency]
	if first.Value <= 0 || first.Method != trial.MethodPredicted || first.Unit != "ms" || first.Low == nil || first.High == nil {
		t.Fatalf("predicted latency %+v", first)
	}

	limit := first.Value / 2
	o.Measure.Boards = nil
	o.Wants = []objective.Want{{Metric: latency, Priority: objective.High}}
	o.Limits = map[trial.Metric]float64{latency: limit}
	s = open(t, "limited", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 8}); err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Trials() {
		if v := x.Metrics[latency]; x.State != trial.Complete || len(x.Attempts) != 1 || !(v.Value > 0 && v.Value <= limit) {
			t.Errorf("trial %d is %s after %d answers, its predicted latency %+v of %g: %s", x.ID, x.State, len(x.Attempts), v, limit, x.Reason)
		}
		if x.Effectiveness == nil {
			t.Errorf("trial %d has no effectiveness", x.ID)
		}
	}

	model(t, fenced(512), fenced(8)) // the first is over the limit
	o.Proposer = "openai"
	before := len(e.jobs)
	s = open(t, "model", o)
	if err := s.Run(t.Context(), lemonade.RunOptions{Trials: 1}); err != nil {
		t.Fatal(err)
	}
	got := s.Trials()[0].Attempts
	if len(got) != 2 || got[0].State != trial.Infeasible || !strings.Contains(got[0].Reason, string(latency)) || got[1].State != trial.Complete {
		t.Errorf("answers %+v", got)
	}
	if n := len(e.jobs) - before; n != 1 {
		t.Errorf("%d networks were trained, want the one that keeps the limit", n)
	}
}
