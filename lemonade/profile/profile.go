// Package profile measures a trained network: how fast it classifies, and what
// energy that and its training took.
//
// # The protocol of [Measure]
//
// It is ours; its parts follow common practice, Zeus' advice for the energy of
// GPUs above all: warm up, keep the device busy through a window many times as long
// as the counter's step, wait for the device at both ends, and repeat the window to
// know the spread.
//
//  1. Latency. The network is compiled for one sample and gets a quarter of what
//     the budget then has left beside another compiling. It is run alone until a
//     tenth of that is over, at least three times, to warm up; then each run is
//     timed, until the quarter is over, at least 10 and at most 5000 times. latency
//     is the median, and its spread the sample standard deviation of the medians of
//     ten stretches of the runs; latency_p95 and latency_p99 are percentiles by
//     nearest rank; where there were too few runs to tell one from the maximum, its
//     quality says so.
//  2. The batch. The network is compiled for batches of 64 and warmed up by two
//     runs. Then four times as many are tried, and four times as many again, for as
//     long as that makes it faster by 5 % or more; where 256 does not, 16 and 4 are
//     tried in the same way. A try times the best so far, compiles for the other,
//     warms it up by two runs and times it; before it takes the place of the best,
//     that is timed once more. To time is to take the median of the runs of 0.15 s,
//     three or more, and the least of these where it is done again, since other
//     programs can only make it longer. A batch is only tried where the longest
//     compiling so far and these runs still fit into the budget beside the share of
//     the windows, which is 40 %. Batches that do not fit into a CPU's memory would
//     end the process, so there 256 is the largest, else 4096; a batch that fails is
//     passed over.
//  3. Throughput and energy. The fastest batch is run without a pause through
//     windows of equal length that fill the rest of the budget: three, or as many,
//     up to ten, as can each last 50 steps of the meter. None is shorter than five
//     steps. Every window gives samples per second, joules per sample and watts; the
//     values are the means over the windows, the spreads their sample standard
//     deviations. Idle is what the idle machine would have used in the windows' time;
//     it is part of the value. The note has the range of the clocks right after the
//     windows, where they can be read; what held them down is in the quality.
//  4. Memory. peak_memory is the most that the process ever held, training
//     included, and its note tells how much that was while it classified.
//     device_memory is read at the end of the windows.
//
// The budget covers all of it, compiling included, and a run that would go beyond
// it is not begun. Its default is 8 s, or 19 s where a GPU's counter is read, which
// moves only ten times a second. However small it is, every metric is there, from the
// least number of runs: only the two compilings, these runs and windows of five steps
// may exceed a budget.
//
// Samples are resident on the device: decoding and transfer are not part of it.
package profile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	minTimed = 10   // runs that are timed for the latency, at least
	maxTimed = 5000 // and at most: the percentiles are steady by then
	warmRuns = 3    // before timing, at least

	defaultBudget = 8 * time.Second
	slowBudget    = 19 * time.Second // where the meter's step is slowStep or longer, as a GPU's is
	slowStep      = 50 * time.Millisecond
)

// Model is a trained network that can be run.
type Model interface {
	// Predictor compiles the network for batches of that size. run classifies one
	// batch and returns when the device has finished.
	Predictor(batch int) (run func() error, err error)
	// MaxBatch is the largest batch that may be tried.
	MaxBatch() int
}

// Options of [Measure]. The zero value measures in the default budget.
type Options struct {
	Budget time.Duration    // of everything; 0 is the default, a nanosecond the least there is
	Sync   func() error     // returns once the device has finished what was given to it; may be nil
	Idle   *energy.Baseline // power of the idle machine; nil where it is unknown
}

// Measure returns latency, latency_p95, latency_p99 (ms), throughput (samples/s),
// inference_energy (J per sample), inference_power (W), peak_memory and
// device_memory (B) of m, by the protocol in the package's comment. meter may be
// nil.
//
// An energy that cannot be read is unknown: its metrics are absent, and the note
// of the throughput says why. So are they, without a word, with a nil meter, and
// memory where the system does not tell it. The error is the model's or ctx's.
func Measure(ctx context.Context, m Model, meter energy.Meter, o Options) (trial.Metrics, error) {
	p := &protocol{Options: o, model: m, meter: meter, metrics: trial.Metrics{}}
	if meter != nil {
		p.step = meter.About().Step
	}
	if p.Budget <= 0 {
		p.Budget = defaultBudget
		if p.step >= slowStep {
			p.Budget = slowBudget
		}
	}
	p.end = time.Now().Add(p.Budget)
	memory := markMemory("/proc/self")
	if err := p.latency(ctx); err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	if err := p.throughput(ctx); err != nil {
		return nil, fmt.Errorf("throughput: %w", err)
	}
	maps.Copy(p.metrics, memory.peak())
	return p.metrics, nil
}

// protocol is one measurement on its way.
type protocol struct {
	Options
	model     Model
	meter     energy.Meter  // may be nil
	step      time.Duration // of the meter; 0 without
	end       time.Time     // of the budget
	compiling time.Duration // the longest so far
	metrics   trial.Metrics
}

func (p *protocol) compile(batch int) (run func() error, err error) {
	before := time.Now()
	run, err = p.model.Predictor(batch)
	p.compiling = max(p.compiling, time.Since(before))
	return run, err
}

// latency times single samples.
func (p *protocol) latency(ctx context.Context) error {
	run, err := p.compile(1)
	if err != nil {
		return err
	}
	start, budget := time.Now(), (time.Until(p.end)-p.compiling)/4
	for n := 0; n < warmRuns || time.Since(start) < budget/10; n++ {
		if _, err := timed(ctx, run); err != nil {
			return err
		}
	}
	var ms []float64
	for len(ms) < minTimed || time.Since(start) < budget && len(ms) < maxTimed {
		took, err := timed(ctx, run)
		if err != nil {
			return err
		}
		ms = append(ms, took.Seconds()*1000)
	}
	spread := deviation(blockMedians(ms))
	slices.Sort(ms)
	latency := trial.Measurement{Value: median(ms), Unit: "ms", Method: trial.MethodTimed, Spread: spread, Note: fmt.Sprintf("batch 1, %d runs", len(ms))}
	p.metrics[trial.Latency] = latency
	latency.Spread = nil
	for metric, percent := range map[trial.Metric]int{trial.LatencyP95: 95, trial.LatencyP99: 99} {
		tail := latency
		tail.Value = percentile(ms, percent)
		if len(ms)*(100-percent) < 100 { // fewer than one run is expected beyond it
			tail.Quality = fmt.Sprintf("the slowest of only %d runs", len(ms))
		}
		p.metrics[metric] = tail
	}
	return nil
}

// timed runs once, unless ctx has ended.
func timed(ctx context.Context, run func() error) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	before := time.Now()
	err := run()
	return time.Since(before), err
}
