package evaluate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func parsed(t *testing.T, source string) *arch.Program {
	t.Helper()
	p, err := arch.Parse(source, arch.Shape{8, 8, 1}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecorded(t *testing.T) {
	network := func(units string) *arch.Program {
		return parsed(t, "def network(x, classes):\n    return dense(relu(dense(flatten(x), "+units+")), classes)\n")
	}
	small, middle, large, never, running := network("8"), network("16"), network("32"), network("64"), network("128")
	slower := *small
	slower.Recipe.LearningRate /= 2
	metrics := func(accuracy float64, p *arch.Program) trial.Metrics {
		m := trial.Static(p.Network.Costs())
		m[trial.Accuracy] = trial.Measurement{Value: accuracy, Method: trial.MethodCounted}
		return m
	}
	only := func(accuracy float64) trial.Metrics {
		return trial.Metrics{trial.Accuracy: {Value: accuracy, Method: trial.MethodCounted}}
	}
	curve := []trial.Epoch{{Epoch: 1, Loss: 2}}
	seconds := map[string]float64{trial.PhaseTrain: 3}
	quality := trial.NewQuality(10, []trial.Answer{{Index: 0, True: 3, Predicted: 8, Confidence: 0.5}})
	h := trial.History{
		{ID: 1, State: trial.Invalid, Reason: "no program"},
		{ID: 2, State: trial.Complete, Program: small, Metrics: metrics(0.5, small), Curve: curve, Seconds: seconds, Quality: quality},
		{ID: 3, State: trial.Complete, Program: &slower, Metrics: metrics(0.6, small)},
		{ID: 4, State: trial.Failed, Reason: "nan: the loss was not a number", Program: middle, Metrics: trial.Static(middle.Network.Costs()), Curve: curve},
		{ID: 5, State: trial.Infeasible, Reason: "latency is above its limit", Program: large, Metrics: metrics(0.7, large)},
		{ID: 6, State: trial.Running, Program: running, Metrics: trial.Static(running.Network.Costs())},
	}
	for i := range h {
		if p := h[i].Program; p != nil {
			h[i].Hash = p.Network.Hash()
		}
	}
	about := Description{Engine: "recorded", Device: "none"}
	e := Recorded(h, about)
	if got := e.Describe(); got != about {
		t.Errorf("description %+v", got)
	}
	for _, c := range []struct {
		name string
		p    *arch.Program
		want trial.Result
	}{
		{"complete", small, trial.Result{State: trial.Complete, Metrics: only(0.5), Curve: curve, Seconds: seconds, Quality: quality}},
		{"another recipe", &slower, trial.Result{State: trial.Complete, Metrics: only(0.6)}},
		{"failed", middle, trial.Result{State: trial.Failed, Reason: "nan: the loss was not a number", Metrics: trial.Metrics{}, Curve: curve}},
		{"infeasible", large, trial.Result{State: trial.Complete, Metrics: only(0.7)}},
	} {
		c.want.Device, c.want.Engine = about.Device, about.Engine
		got, err := e.Evaluate(t.Context(), trial.Job{Network: c.p.Network, Recipe: c.p.Recipe}, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	unknown := *middle
	unknown.Recipe.BatchSize *= 2
	for name, p := range map[string]*arch.Program{"never seen": never, "never ended": running, "a recipe that was never used": &unknown} {
		_, err := e.Evaluate(t.Context(), trial.Job{Network: p.Network, Recipe: p.Recipe}, nil)
		if err == nil || !strings.Contains(err.Error(), p.Network.Hash()) || !strings.Contains(err.Error(), "same options") {
			t.Errorf("%s: error %v, want one that names the hash and the mend", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Evaluate(ctx, trial.Job{Network: small.Network, Recipe: small.Recipe}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// With ParseOnly no worker is asked for its backend, and so nothing is installed.
func TestParseOnly(t *testing.T) {
	// This worker leaves a trace in any mode but parse.
	trace := filepath.Join(t.TempDir(), "trace")
	modes := func() string {
		text, err := os.ReadFile(trace)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(text)
	}
	asked := fake(t, "true")
	path := script(t, `test "$1" = parse || echo "$1" >> "`+trace+`"; exec "`+asked+`" "$@"`)

	t.Run("parse only", func(t *testing.T) {
		l := open(t, Options{Worker: path, ParseOnly: true})
		if got := l.Describe(); got != (Description{}) {
			t.Errorf("description %+v", got)
		}
		if _, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 1), nil); !errors.Is(err, errParseOnly) {
			t.Errorf("Evaluate: %v", err)
		}
		if started := modes(); started != "" {
			t.Errorf("the worker was started for %q", started)
		}
	})
	t.Run("all", func(t *testing.T) { // the trace is one
		open(t, Options{Worker: path})
		if started := modes(); started != "plugin\n" {
			t.Errorf("the worker was started for %q", started)
		}
	})
}

func TestParseOnlyParses(t *testing.T) {
	l := open(t, Options{ParseOnly: true})
	p, err := l.Parse(t.Context(), smallProgram, arch.Shape{8, 8, 1}, 10)
	if err != nil || p.Network.Hash() != parsed(t, smallProgram).Network.Hash() {
		t.Errorf("%v", err)
	}
}
