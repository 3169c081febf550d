// Package profile measures a trained network: how fast it classifies, and what
// energy that and its training took.
//
// # The protocol of [Measure]
//
// It is ours; its parts follow common practice, Zeus' advice for the energy of
// GPUs above all: warm up, keep the device busy through a window longer than the
// counter's step, and repeat the window to know the spread. The budget is divided
// so:
//
//  1. Latency, a third. The network is compiled for one sample and run alone until
//     a tenth of this share is over, at least three times, to warm up; then each
//     run is timed, until the share is over, at least 10 and at most 1000 times.
//     latency is the median, latency_p95 the 95th percentile (nearest rank).
//  2. Throughput and energy, the rest. The network is compiled for batches of 64,
//     warmed up by two runs, and run without a pause through three windows of equal
//     length, each at least as long as the meter needs. Every window gives samples
//     per second, joules per sample and watts; the values are the means over the
//     windows, the spreads their sample standard deviations.
//
// A budget of 0 is 6 s, or 18 s where a GPU's counter is read, which moves only ten
// times a second. A run that has begun is not cut short, so that a tiny budget still
// gives every metric, from the least number of runs. Compiling comes on top.
//
// Samples are resident on the device: decoding and transfer are not part of it.
// The power that the machine draws when idle is not taken off.
package profile

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	batch       = 64   // samples at a time, for throughput and energy
	windows     = 3    // of energy and throughput
	minTimed    = 10   // runs that are timed for the latency, at least
	maxTimed    = 1000 // and at most: the percentiles are steady by then
	warmRuns    = 3    // before timing, at least
	warmBatches = 2    // runs of a batch before the windows

	defaultBudget = 6 * time.Second
	gpuBudget     = 18 * time.Second
)

// Model is a trained network that can be run.
type Model interface {
	// Predictor compiles the network for batches of that size. run classifies one
	// batch and returns when the device has finished.
	Predictor(batch int) (run func() error, err error)
}

// Measure returns latency, latency_p95 (ms), throughput (samples/s),
// inference_energy (J per sample) and inference_power (W) of m, in about the
// budget, by the protocol in the package's comment.
//
// An energy that cannot be read is unknown: its metrics are absent, and the note
// of the throughput says why. So they are, without a word, with a nil meter. The
// error is the model's or ctx's.
func Measure(ctx context.Context, m Model, meter energy.Meter, budget time.Duration) (trial.Metrics, error) {
	if budget <= 0 {
		budget = defaultBudget
		if meter != nil && strings.Contains(meter.Method(), trial.MethodNVML) {
			budget = gpuBudget
		}
	}
	metrics := trial.Metrics{}
	if err := latency(ctx, m, budget/3, metrics); err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	if err := throughput(ctx, m, meter, budget-budget/3, metrics); err != nil {
		return nil, fmt.Errorf("throughput: %w", err)
	}
	return metrics, nil
}

// latency times single samples and adds latency and latency_p95.
func latency(ctx context.Context, m Model, budget time.Duration, metrics trial.Metrics) error {
	run, err := m.Predictor(1)
	if err != nil {
		return err
	}
	start := time.Now()
	for n := 0; n < warmRuns || time.Since(start) < budget/10; n++ {
		if err := once(ctx, run); err != nil {
			return err
		}
	}
	var ms []float64
	for len(ms) < minTimed || time.Since(start) < budget && len(ms) < maxTimed {
		before := time.Now()
		if err := once(ctx, run); err != nil {
			return err
		}
		ms = append(ms, time.Since(before).Seconds()*1000)
	}
	spread := deviation(ms)
	slices.Sort(ms)
	note := fmt.Sprintf("batch 1, %d runs", len(ms))
	metrics[trial.Latency] = trial.Measurement{Value: median(ms), Unit: "ms", Method: trial.MethodTimed, Spread: spread, Note: note}
	metrics[trial.LatencyP95] = trial.Measurement{Value: percentile(ms, 95), Unit: "ms", Method: trial.MethodTimed, Note: note}
	return nil
}

// throughput runs batches through the windows and adds throughput,
// inference_energy and inference_power.
func throughput(ctx context.Context, m Model, meter energy.Meter, budget time.Duration, metrics trial.Metrics) error {
	run, err := m.Predictor(batch)
	if err != nil {
		return err
	}
	start := time.Now()
	for range warmBatches {
		if err := once(ctx, run); err != nil {
			return err
		}
	}
	length := max((budget-time.Since(start))/windows, leastWindow(meter))
	var rates, joules, watts []float64 // of each window: samples/s, J/sample, W
	var method, note string
	var unread error // why the energy is unknown
	for range windows {
		var window *energy.Window
		if meter != nil && unread == nil {
			window, unread = energy.Start(meter)
		}
		samples, seconds, err := busy(ctx, run, length)
		if err != nil {
			return err
		}
		rates = append(rates, samples/seconds)
		if window == nil || unread != nil {
			continue
		}
		used, err := window.Stop()
		if err != nil {
			unread = err
			continue
		}
		method, note = used.Method, used.Note
		joules = append(joules, used.Joules/samples)
		watts = append(watts, used.Joules/used.Seconds)
	}

	how := fmt.Sprintf("batch %d, %d windows of %.2g s", batch, windows, length.Seconds())
	rate := trial.Measurement{Value: mean(rates), Unit: "samples/s", Method: trial.MethodTimed, Spread: deviation(rates), Note: how}
	switch {
	case unread != nil:
		rate.Note += "; inference energy unknown: " + unread.Error()
	case meter != nil:
		if note != "" {
			how += "; " + note
		}
		metrics[trial.InferenceEnergy] = trial.Measurement{Value: mean(joules), Unit: "J", Method: method, Spread: deviation(joules), Note: how}
		metrics[trial.InferencePower] = trial.Measurement{Value: mean(watts), Unit: "W", Method: method, Spread: deviation(watts), Note: how}
	}
	metrics[trial.Throughput] = rate
	return nil
}

// leastWindow is how long a window must be for the meter's step not to matter
// much: the GPU's counter moves about every 100 ms, RAPL's every 1 ms, and CPU time
// on some kernels every 10 ms.
func leastWindow(meter energy.Meter) time.Duration {
	if meter != nil && strings.Contains(meter.Method(), trial.MethodNVML) {
		return 500 * time.Millisecond
	}
	return 50 * time.Millisecond
}

// busy runs batches for that long, at least one, and returns how many samples that
// was and how many seconds it took.
func busy(ctx context.Context, run func() error, length time.Duration) (samples, seconds float64, err error) {
	start := time.Now()
	for samples == 0 || time.Since(start) < length {
		if err := once(ctx, run); err != nil {
			return 0, 0, err
		}
		samples += batch
	}
	return samples, time.Since(start).Seconds(), nil
}

func once(ctx context.Context, run func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return run()
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// deviation returns the sample standard deviation, or nil for fewer than two values.
func deviation(x []float64) *float64 {
	if len(x) < 2 {
		return nil
	}
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	d := math.Sqrt(sum / float64(len(x)-1))
	return &d
}

// median returns the median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile returns the p-th percentile of sorted values, by nearest rank: the
// smallest value that at least p % do not exceed.
func percentile(sorted []float64, p int) float64 {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}
