package evaluate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// conformance is what every [Evaluator] must do, whatever its workers and
// wherever they are. It trains a small network on the digits.
func conformance(t *testing.T, e Evaluator) {
	t.Run("describes itself", func(t *testing.T) {
		about := e.Describe()
		if !strings.HasPrefix(about.Engine, "gomlx v") || about.Precision == "" || about.Device == "" || about.Meter == "" {
			t.Errorf("description %+v", about)
		}
	})

	t.Run("completes a trial with every metric", func(t *testing.T) {
		const epochs = 8
		job := digitsJob(t, smallProgram, epochs)
		var told []trial.Progress
		began := time.Now()
		got, err := e.Evaluate(t.Context(), job, func(p trial.Progress) { told = append(told, p) })
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began).Seconds()
		if got.State != trial.Complete || got.Reason != "" {
			t.Fatalf("%s, reason %q", got.State, got.Reason)
		}
		for _, info := range trial.MetricInfos {
			m, ok := got.Metrics[info.Metric]
			switch {
			case info.Metric == trial.TestAccuracy:
				if ok {
					t.Error("the search has read the test split")
				}
			case !ok && info.Metric == trial.DeviceMemory && strings.Contains(e.Describe().Device, "cpu"):
			case !ok:
				t.Errorf("%s is missing", info.Metric)
			case m.Unit != info.Unit || m.Method == "" || m.Value <= 0:
				t.Errorf("%s: %+v; want a positive value in %q with its method", info.Metric, m, info.Unit)
			}
		}
		if a := got.Metrics[trial.Accuracy].Value; a < 0.8 || a > 1 {
			t.Errorf("accuracy %v of a network that can learn the digits", a)
		}
		right, samples := 0, 0
		for _, r := range got.Quality.Recalls() {
			right, samples = right+r.Right, samples+r.Samples
		}
		if a := got.Metrics[trial.Accuracy].Value; samples == 0 || float64(right)/float64(samples) != a || got.Quality.Data != job.Data.Fingerprint {
			t.Errorf("%d of %d right by class, of %q; the accuracy is %v, the data %q", right, samples, got.Quality.Data, a, job.Data.Fingerprint)
		}
		for name, want := range trial.Static(job.Network.Costs()) {
			if got := got.Metrics[name]; got.Value != want.Value || got.Method != trial.MethodStatic {
				t.Errorf("%s is %+v, want %+v", name, got, want)
			}
		}
		if len(got.Curve) != epochs {
			t.Errorf("the curve has %d rows, want %d", len(got.Curve), epochs)
		}
		for _, phase := range []string{trial.PhaseStart, trial.PhasePlugin, trial.PhaseData, trial.PhaseCompile, trial.PhaseTrain, trial.PhaseEvaluate, trial.PhaseProfile, trial.PhaseStop} {
			if got.Seconds[phase] <= 0 {
				t.Errorf("phase %s took %v s", phase, got.Seconds[phase])
			}
		}
		if sum := trial.Times(got.Seconds).Total(); sum > took || sum < 0.95*took {
			t.Errorf("the phases add up to %.2f s of %.2f s: %v", sum, took, got.Seconds)
		}
		if got.Engine != e.Describe().Engine || got.Device == "" {
			t.Errorf("engine %q on %q", got.Engine, got.Device)
		}
		reports, done := 0, 0.0
		for _, p := range told {
			if p.Done < done || p.Done > 1 {
				t.Errorf("progress went from %v to %v in phase %s", done, p.Done, p.Phase)
			}
			done = p.Done
			if p.Report != nil {
				reports++
			}
		}
		if reports != epochs {
			t.Errorf("%d epochs were reported, want %d", reports, epochs)
		}
	})

	t.Run("stops a training that will break a limit", func(t *testing.T) {
		job := digitsJob(t, smallProgram, 10_000)
		job.Budget.Limits = map[trial.Metric]float64{trial.TrainingTime: 2}
		var forecast *trial.Forecast
		got, err := e.Evaluate(t.Context(), job, func(p trial.Progress) {
			if p.Forecast != nil {
				forecast = p.Forecast
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.State != trial.Infeasible || !strings.HasPrefix(got.Reason, "training_time") || len(got.Curve) == 0 {
			t.Errorf("%s, reason %q, after %d epochs", got.State, got.Reason, len(got.Curve))
		}
		if used := got.Metrics[trial.TrainingTime].Value; used <= 0 || used > 10 {
			t.Errorf("it trained for %v s", used)
		}
		if _, ok := got.Metrics[trial.Accuracy]; ok {
			t.Error("it has an accuracy, as if it had been trained")
		}
		if forecast == nil || forecast.Seconds < 2 {
			t.Errorf("forecast %+v", forecast)
		}
	})

	t.Run("same job, same accuracy", func(t *testing.T) {
		if !strings.Contains(e.Describe().Device, "cpu") {
			t.Skip("promised on CPU only")
		}
		job := digitsJob(t, smallProgram, 1)
		a, err := e.Evaluate(t.Context(), job, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Evaluate(t.Context(), job, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Metrics[trial.Loss].Value != b.Metrics[trial.Loss].Value || a.State != trial.Complete {
			t.Errorf("%s with loss %+v, then %+v", a.State, a.Metrics[trial.Loss], b.Metrics[trial.Loss])
		}
	})

	t.Run("is cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := e.Evaluate(ctx, digitsJob(t, smallProgram, 10_000), func(p trial.Progress) {
			if p.Epoch > 0 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if _, err := e.Evaluate(ctx, digitsJob(t, smallProgram, 1), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("begun when cancelled: error %v, want context.Canceled", err)
		}
	})

	t.Run("refuses a job without a network", func(t *testing.T) {
		job := digitsJob(t, smallProgram, 1)
		job.Network = nil
		if _, err := e.Evaluate(t.Context(), job, nil); err == nil {
			t.Error("no error")
		}
	})
}
