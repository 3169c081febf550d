package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/profile"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// doneProfile is the share of the job that is done when profiling begins, as
// engine's progress ends there; doneTest is that when the test split is read.
const doneProfile, doneTest = 0.9, 0.99

// train answers one job.
func train(ctx context.Context, in <-chan []byte, out *wire) error {
	e, err := receive(in)
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	if e.Job == nil {
		return errUnexpected
	}
	clock := newClock()
	clock.begin(trial.PhasePlugin)
	if a := &e.Job.Account; a.PUE == 0 { // a searcher that leaves it to the environment
		meter := a.Meter
		if *a, err = carbon.Account(carbon.Options{}); err != nil {
			return out.send(trial.Envelope{Fatal: err.Error()})
		}
		a.Meter = meter
	}
	eng, err := engine.Open(os.Getenv("GOMLX_BACKEND"))
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	if err := eng.Synchronize(); err != nil { // here it compiles, and in no window
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	meter, err := openMeter(eng.Device(), e.Job.Account.Meter)
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	defer func() { _ = meter.Close() }() // nothing is left to lose
	t := &trainee{job: *e.Job, engine: eng, meter: meter, out: out, clock: clock, metrics: trial.Metrics{}}
	result := trial.Result{State: trial.Complete, Device: eng.Device(), Engine: eng.Version()}
	var over brokenLimit
	switch err := t.guarded(ctx); {
	case errors.As(err, &over):
		result.State, result.Reason, result.Metrics = trial.Infeasible, over.Error(), finite(t.metrics)
	case err != nil:
		result.State, result.Reason = trial.Failed, reason(err)
	default:
		result.Metrics, result.Quality = finite(t.metrics), t.quality
	}
	t.clock.begin("")
	result.Curve, result.Seconds, result.Forecast = t.curve, t.clock.seconds, t.forecast
	return out.send(trial.Envelope{Result: &result})
}

// trainee is one job on its way.
type trainee struct {
	job      trial.Job
	engine   *engine.Engine
	meter    energy.Meter
	out      *wire
	clock    *clock
	watch    *watch // of the training
	metrics  trial.Metrics
	curve    []trial.Epoch
	forecast *trial.Forecast
	quality  *trial.Quality
}

// badData marks an error of the data set.
type badData struct{ error }

// guarded turns a panic into an error, with its stack on standard error.
func (t *trainee) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", p, debug.Stack())
			if cause, ok := p.(error); ok {
				err = fmt.Errorf("panic: %w", cause)
			} else {
				err = fmt.Errorf("panic: %v", p)
			}
		}
	}()
	return t.run(ctx)
}

// run loads the data, trains, keeps the weights and measures.
func (t *trainee) run(ctx context.Context) error {
	t.tell(trial.Progress{Phase: trial.PhaseData, Epochs: t.job.Budget.Epochs})
	t.clock.begin(trial.PhaseIdle)
	idle := idlePower(ctx, t.meter)

	t.clock.begin(trial.PhaseData)
	set, err := datasets.LoadFor(t.ref(), t.job.Data.TrainSamples)
	if err != nil {
		return badData{err}
	}
	t.watch = &watch{
		budget: t.job.Budget, account: t.job.Account, meter: t.meter,
		options: []energy.WindowOption{energy.Synced(t.engine.Synchronize), energy.Over(idle)},
	}
	model, err := t.train(ctx, set)
	t.forecast = t.watch.forecast
	maps.Copy(t.metrics, trial.Static(t.job.Network.Costs()))
	maps.Copy(t.metrics, profile.Training(t.watch.used, t.job.Account))
	if err != nil {
		return err
	}
	t.forecast = t.watch.judged()
	maps.Copy(t.metrics, counted(model))
	t.quality = model.Quality()
	t.quality.Data = t.job.Data.Fingerprint

	if t.job.Weights != "" {
		t.clock.begin(trial.PhaseSave)
		if err := os.MkdirAll(filepath.Dir(t.job.Weights), 0o755); err != nil {
			return fmt.Errorf("the weights cannot be kept: %w", err)
		}
		if err := model.Save(t.job.Weights); err != nil {
			return fmt.Errorf("the weights cannot be kept: %w", err)
		}
	}

	if t.job.Budget.NoProfile {
		return nil
	}
	t.tell(trial.Progress{Phase: trial.PhaseProfile, Epochs: t.job.Budget.Epochs, Done: doneProfile, Accuracy: model.Accuracy})
	t.clock.begin(trial.PhaseProfile)
	profiled, err := profile.Measure(ctx, model, t.meter, profile.Options{
		Budget: t.job.Budget.Profile, Sync: t.engine.Synchronize, Idle: idle,
	})
	if err != nil {
		return err
	}
	maps.Copy(t.metrics, profiled)
	if !t.job.Test {
		return nil
	}
	return t.test(ctx, model)
}

// test reads the test split, which it tells before, and counts.
func (t *trainee) test(ctx context.Context, model *engine.Model) error {
	t.tell(trial.Progress{Phase: trial.PhaseTest, Epochs: t.job.Budget.Epochs, Done: doneTest, Accuracy: model.Accuracy})
	t.clock.begin(trial.PhaseTest)
	split, err := datasets.LoadTest(t.ref())
	if err != nil {
		return badData{err}
	}
	accuracy, err := model.Test(ctx, split)
	if err == nil {
		t.metrics[trial.TestAccuracy] = share(accuracy, split.Len(), "test")
	}
	return err
}

// ref names the data of the job.
func (t *trainee) ref() datasets.Ref {
	return datasets.Ref{Name: t.job.Data.Name, Dir: t.job.Data.Dir, Fingerprint: t.job.Data.Fingerprint}
}

// train trains under the watch.
func (t *trainee) train(ctx context.Context, set *datasets.Set) (*engine.Model, error) {
	phase := func(name string) {
		t.clock.begin(name)
		if name == trial.PhaseCompile { // the samples lie on the device
			set.Train = datasets.Split{}
			debug.FreeOSMemory()
		}
		if name == trial.PhaseTrain && t.watch.began.IsZero() {
			t.watch.begin()
		}
	}
	return t.engine.Train(ctx, engine.Job{
		Network: t.job.Network, Recipe: t.job.Recipe, Set: set, TrainSamples: t.job.Data.TrainSamples,
		Epochs: t.job.Budget.Epochs, Seed: t.job.Seed, Precision: t.job.Precision, OnPhase: phase, Check: t.watch.check,
	}, t.tell)
}

// idlePower measures the power of the machine before it has work to do, for ten
// steps of the counter. It is nil where the meter fails.
func idlePower(ctx context.Context, meter energy.Meter) *energy.Baseline {
	idle, err := energy.Idle(ctx, meter, max(300*time.Millisecond, 10*meter.About().Step))
	if err != nil {
		fmt.Fprintln(os.Stderr, "the power of the idle machine is unknown:", err)
	}
	return idle
}

// tell passes progress on, and keeps the curve for a job that fails later. A
// searcher that does not listen is gone, so its closed input ends the process.
func (t *trainee) tell(p trial.Progress) {
	if p.Report != nil {
		t.curve = append(t.curve, *p.Report)
		if p.Report.Epoch == 1 {
			p.Forecast = t.watch.forecast
		}
	}
	if math.IsNaN(p.Loss) || math.IsInf(p.Loss, 0) {
		p.Loss = 0 // JSON has no NaN; the engine's error tells
	}
	_ = t.out.send(trial.Envelope{Progress: &p})
}

// share is a count of hits over a whole split. Its spread is the binomial standard
// error.
func share(value float64, n int, split string) trial.Measurement {
	sigma := math.Sqrt(value * (1 - value) / float64(n))
	return trial.Measurement{
		Value: value, Method: trial.MethodCounted, Spread: &sigma,
		Note: fmt.Sprintf("%d of %d %s samples; the spread is the binomial standard error", int(math.Round(value*float64(n))), n, split),
	}
}

// counted are the measurements that are counts over a whole split.
func counted(m *engine.Model) trial.Metrics {
	return trial.Metrics{
		trial.Accuracy:      share(m.Accuracy, m.Validated, "validation"),
		trial.TrainAccuracy: share(m.TrainAccuracy, m.Trained, "training"),
		trial.Loss:          {Value: m.Loss, Unit: "nats", Method: trial.MethodCounted, Note: fmt.Sprintf("mean over %d validation samples", m.Validated)},
	}
}

// finite leaves out what is unknown: JSON has no NaN, and unknown is never a value.
func finite(metrics trial.Metrics) trial.Metrics {
	maps.DeleteFunc(metrics, func(_ trial.Metric, m trial.Measurement) bool {
		return math.IsNaN(m.Value) || math.IsInf(m.Value, 0)
	})
	return metrics
}

// reason words an error as a trial's.
func reason(err error) string {
	kind := trial.Crash
	for _, k := range []struct {
		is     error
		reason string
	}{
		{engine.ErrNaN, trial.NaN},
		{engine.ErrOutOfMemory, trial.OutOfMemory},
		{engine.ErrCompile, trial.CompileError},
	} {
		if errors.Is(err, k.is) {
			kind = k.reason
			break
		}
	}
	if errors.As(err, new(badData)) {
		kind = trial.BadData
	}
	text, _, _ := strings.Cut(err.Error(), "\n") // GoMLX appends stacks
	return kind + ": " + bounded(text)
}
