package profile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// model is a fake that sleeps where the real one computes, for tests in the fake
// time of a synctest bubble.
type model struct {
	compile  time.Duration
	each     func(batch int) time.Duration // of a run
	most     int                           // batch; 0 is 256
	joules   float64                       // per sample, on the meter
	meter    *meter
	fail     func(batch int) error
	compiled []int
	runs     map[int]int // by batch
}

func (m *model) Predictor(batch int) (func() error, error) {
	if m.runs == nil {
		m.runs = map[int]int{}
	}
	m.compiled = append(m.compiled, batch)
	time.Sleep(m.compile)
	return func() error {
		m.runs[batch]++
		if m.fail != nil {
			if err := m.fail(batch); err != nil {
				return err
			}
		}
		time.Sleep(m.each(batch))
		if m.meter != nil {
			m.meter.joules += float64(batch) * m.joules
		}
		return nil
	}, nil
}

func (m *model) MaxBatch() int {
	if m.most == 0 {
		return 256
	}
	return m.most
}

// linear is the time of a run that takes so long for the batch and for each sample.
func linear(perBatch, perSample time.Duration) func(int) time.Duration {
	return func(batch int) time.Duration { return perBatch + time.Duration(batch)*perSample }
}

// meter is a fake that fails at one of its reads, where that is not 0.
type meter struct {
	joules float64
	about  energy.About
	clocks []energy.Clock
	reads  int
	failAt int
	at     []time.Time // of the reads
}

func (m *meter) Method() string         { return "fake" }
func (m *meter) About() energy.About    { return m.about }
func (m *meter) Clocks() []energy.Clock { return m.clocks }
func (m *meter) Close() error           { return nil }
func (m *meter) DeviceMemory() (uint64, string, bool) {
	return 3e9, "of this process", m.about.Step == slowMeter.Step
}

func (m *meter) Read() (energy.Reading, error) {
	m.reads++
	m.at = append(m.at, time.Now())
	if m.reads == m.failAt {
		return energy.Reading{}, errors.New("lost the counter")
	}
	return energy.Reading{CPU: m.joules}, nil
}

var (
	slowMeter = energy.About{Note: "whole device", Step: 100 * time.Millisecond}
	fastMeter = energy.About{Step: 10 * time.Millisecond, Low: 0.5, High: 2}
)

func between(t *testing.T, metrics trial.Metrics, name trial.Metric, low, high float64) {
	t.Helper()
	got, ok := metrics[name]
	if !ok || got.Value < low || got.Value > high {
		t.Errorf("%s = %+v, want %g to %g", name, got, low, high)
	}
	info, _ := name.Info()
	if got.Unit != info.Unit {
		t.Errorf("%s has unit %q, want %q", name, got.Unit, info.Unit)
	}
}

// about demands a value but for rounding.
func about(t *testing.T, metrics trial.Metrics, name trial.Metric, want float64) {
	t.Helper()
	between(t, metrics, name, want*(1-1e-6), want*(1+1e-6))
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mt := &meter{about: slowMeter, clocks: []energy.Clock{{Name: "GPU 0", MHz: 1980}}}
		synced := 0
		// 10.4 ms for 64 samples, 29.6 ms for 256.
		m := &model{compile: 300 * time.Millisecond, each: linear(4*time.Millisecond, 100*time.Microsecond), joules: 0.002, meter: mt}
		start := time.Now()
		metrics, err := Measure(t.Context(), m, mt, Options{
			Sync: func() error { synced++; return nil },
			Idle: &energy.Baseline{CPU: 1, GPU: 4},
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > slowBudget || took < slowBudget*99/100 {
			t.Errorf("took %v of a budget of %v", took, slowBudget)
		}
		const rate = 256 / 0.0296
		about(t, metrics, trial.Latency, 4.1)
		about(t, metrics, trial.LatencyP95, 4.1)
		about(t, metrics, trial.LatencyP99, 4.1)
		about(t, metrics, trial.Throughput, rate)
		about(t, metrics, trial.InferenceEnergy, 0.002)
		about(t, metrics, trial.InferencePower, 0.002*rate)
		about(t, metrics, trial.DeviceMemory, 3e9)
		between(t, metrics, trial.PeakMemory, 1e6, 1e12)
		if len(metrics) != 8 {
			t.Errorf("%d metrics: %v", len(metrics), metrics)
		}
		for _, name := range []trial.Metric{trial.Latency, trial.Throughput, trial.InferenceEnergy, trial.InferencePower} {
			if s := metrics[name].Spread; s == nil || math.IsNaN(*s) || *s > 1e-6*metrics[name].Value {
				t.Errorf("%s has spread %v, want one near 0", name, s)
			}
		}
		e, w := metrics[trial.InferenceEnergy], metrics[trial.InferencePower]
		if e.Idle == nil || math.Abs(*e.Idle*rate-5) > 1e-6 || w.Idle == nil || math.Abs(*w.Idle-5) > 1e-6 {
			t.Errorf("of a machine that idles at 5 W: %+v, %+v", e, w)
		}
		want := "batch 256, 3 windows of 4.3 s; GPU 0 at 1980 MHz; whole device"
		if e.Method != "fake" || e.Note != want || e.Quality != "" || e.Low != nil {
			t.Errorf("inference_energy: %+v, want the note\n%s", e, want)
		}
		if note := metrics[trial.Throughput].Note; !strings.HasSuffix(note, "; batches tried, in samples/s: 64: 6154, 256: 8649") {
			t.Errorf("throughput's note: %q", note)
		}
		if synced != 2*minWindows {
			t.Errorf("the device was waited for %d times, want at both ends of %d windows", synced, minWindows)
		}
	})
}

// TestBudget demands that what is measured fits into the budget, whatever the
// network: beyond it there is only the least that gives every metric.
func TestBudget(t *testing.T) {
	for _, about := range []energy.About{slowMeter, fastMeter} {
		for _, budget := range []time.Duration{1, time.Second, 8 * time.Second, 19 * time.Second} {
			for _, compile := range []time.Duration{time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 15 * time.Second} {
				for _, perSample := range []time.Duration{time.Microsecond, 300 * time.Microsecond, 30 * time.Millisecond} {
					name := fmt.Sprintf("step %v, budget %v, compile %v, sample %v", about.Step, budget, compile, perSample)
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { budgeted(t, about, budget, compile, perSample) })
					})
				}
			}
		}
	}
}

func budgeted(t *testing.T, about energy.About, budget, compile, perSample time.Duration) {
	mt := &meter{about: about}
	m := &model{compile: compile, each: linear(100*time.Microsecond, perSample), joules: 1, meter: mt}
	start := time.Now()
	metrics, err := Measure(t.Context(), m, mt, Options{Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if _, ok := metrics[trial.InferenceEnergy]; !ok {
		t.Errorf("no energy: %v", metrics)
	}
	one, first := m.each(1), m.each(firstBatch)
	least := 2*compile + (warmRuns+minTimed)*one + warmBatches*first + minWindows*(minSteps*about.Step+first)
	if took > max(budget, least+budget/4) {
		t.Errorf("took %v; the least takes %v", took, least)
	}
	if took > budget && !slices.Equal(m.compiled, []int{1, firstBatch}) {
		t.Errorf("took %v after it had compiled for batches %v", took, m.compiled)
	}
	for k := 0; k < len(mt.at); k += 2 {
		if length := mt.at[k+1].Sub(mt.at[k]); length < minSteps*about.Step {
			t.Errorf("a window of %v, with a meter that moves every %v", length, about.Step)
		}
	}
}

func TestLeastRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mt := &meter{}
		m := &model{each: linear(60*time.Millisecond, 0), joules: 1, meter: mt}
		metrics, err := Measure(t.Context(), m, mt, Options{Budget: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[int]int{1: warmRuns + minTimed, firstBatch: warmBatches + minWindows}; !cmp.Equal(m.runs, want) {
			t.Errorf("runs: %s", cmp.Diff(want, m.runs))
		}
		for name, want := range map[trial.Metric]string{
			trial.Latency: "", trial.LatencyP95: "the slowest of only 10 runs", trial.LatencyP99: "the slowest of only 10 runs",
		} {
			if got, ok := metrics[name]; !ok || got.Quality != want {
				t.Errorf("%s: %+v, want the quality %q", name, got, want)
			}
		}
		if note := metrics[trial.Throughput].Note; !strings.Contains(note, "batch 64, 3 windows") || !strings.HasSuffix(note, "; no time to try other batches") {
			t.Errorf("throughput's note: %q", note)
		}
	})
}

// TestFastestBatch lets different batches be the fastest.
func TestFastestBatch(t *testing.T) {
	// best takes 1 ms per sample at the best batch, and longer the farther from it.
	best := func(at int) func(int) time.Duration {
		return func(batch int) time.Duration {
			strides := math.Abs(math.Log2(float64(batch) / float64(at)))
			return time.Duration(float64(batch) * (1 + 0.1*strides) * float64(time.Millisecond))
		}
	}
	none := func(int) error { return nil }
	broken := errors.New("out of memory")
	for _, test := range []struct {
		name     string
		model    model
		budget   time.Duration
		compiled []int // the last but one is the best where the last was slower
		want     int
	}{
		{"64", model{each: best(64)}, time.Minute, []int{1, 64, 256, 16}, 64},
		{"256", model{each: best(256)}, time.Minute, []int{1, 64, 256}, 256},
		{"1024", model{each: best(1024), most: 4096}, 5 * time.Minute, []int{1, 64, 256, 1024, 4096}, 1024},
		{"16", model{each: best(16)}, time.Minute, []int{1, 64, 256, 16, 4}, 16},
		{"4", model{each: best(4)}, time.Minute, []int{1, 64, 256, 16, 4}, 4},
		{"256 is faster by less than can be told", model{each: linear(time.Millisecond, time.Millisecond)}, time.Minute, []int{1, 64, 256, 16}, 64},
		{"256 fails", model{each: best(1024), most: 4096, fail: func(batch int) error {
			if batch > 64 {
				return broken
			}
			return nil
		}}, time.Minute, []int{1, 64, 256, 16}, 64},
		{"few samples", model{each: best(256), most: 50}, time.Minute, []int{1, 50, 12}, 50},
		{"no time for 256", model{each: best(1024)}, 3 * time.Second, []int{1, 64, 16}, 64},
		{"no time to compile", model{each: best(1024), compile: 1200 * time.Millisecond}, 4 * time.Second, []int{1, 64}, 64},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := test.model
				if m.fail == nil {
					m.fail = none
				}
				metrics, err := Measure(t.Context(), &m, nil, Options{Budget: test.budget})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(test.compiled, m.compiled); d != "" {
					t.Errorf("compiled for (-want +got):\n%s", d)
				}
				about(t, metrics, trial.Throughput, float64(test.want)/m.each(test.want).Seconds())
				if note := metrics[trial.Throughput].Note; test.name == "256 fails" && !strings.Contains(note, "256: out of memory") {
					t.Errorf("note %q", note)
				}
			})
		})
	}
}

// TestDisturbedBatch has 64 disturbed while it is timed for the first time: 256 must
// not win by that.
func TestDisturbedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *model
		m = &model{each: func(batch int) time.Duration {
			each := time.Duration(batch) * time.Millisecond
			if batch == firstBatch && len(m.compiled) == 2 {
				each *= 2
			}
			return each
		}}
		metrics, err := Measure(t.Context(), m, nil, Options{Budget: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if note := metrics[trial.Throughput].Note; !strings.HasPrefix(note, "batch 64, ") {
			t.Errorf("note %q", note)
		}
	})
}

// TestQuality demands that what weakens a value is told with it.
func TestQuality(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mt := &meter{about: fastMeter}
		mt.about.Step = slowMeter.Step
		frequency := 2000.0
		m := &model{each: func(int) time.Duration {
			frequency = 3500 - frequency // 2000 and 1500 by turns
			mt.clocks = []energy.Clock{{Name: "GPU 0", MHz: frequency, Throttled: "power cap"}, {Name: "CPU", MHz: 3000}}
			return 100 * time.Millisecond
		}, joules: 0.5, meter: mt}
		metrics, err := Measure(t.Context(), m, mt, Options{Budget: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		e := metrics[trial.InferenceEnergy]
		if e.Low == nil || math.Abs(*e.Low-0.25) > 1e-9 || e.High == nil || math.Abs(*e.High-1) > 1e-9 || e.Idle != nil {
			t.Errorf("half to twice of 0.5 J, without a baseline: %+v", e)
		}
		if !strings.Contains(e.Quality, "5 steps") || !strings.HasSuffix(e.Quality, "; GPU 0 held down by power cap") || strings.Count(e.Quality, "5 steps") != 1 {
			t.Errorf("quality %q", e.Quality)
		}
		if rate := metrics[trial.Throughput]; rate.Quality != "GPU 0 held down by power cap" || !strings.Contains(rate.Note, "GPU 0 at 1500 to 2000 MHz, CPU at 3000 MHz") {
			t.Errorf("throughput: %+v", rate)
		}
	})
}

// TestMeasureWithEstimate measures a model that spins with the meter that exists everywhere.
func TestMeasureWithEstimate(t *testing.T) {
	t.Setenv("LEMONADE_CPU_TDP", "10/1")
	mt, err := energy.Open(energy.Method(trial.MethodEstimate))
	if err != nil {
		t.Fatal(err)
	}
	defer mt.Close()
	metrics, err := Measure(t.Context(), spinner{}, mt, Options{Budget: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	// One spinning thread of 10 W; other programs may take some of its time, the
	// collector may add a little.
	if p := metrics[trial.InferencePower]; p.Value < 0.1 || p.Value > 12 || p.Method != trial.MethodEstimate || !strings.Contains(p.Note, "CPU time") || p.Low == nil {
		t.Errorf("inference_power: %+v", p)
	}
}

type spinner struct{}

func (spinner) Predictor(int) (func() error, error) {
	return func() error {
		for start, x := time.Now(), 1.0; time.Since(start) < 3*time.Millisecond; {
			x = math.Sqrt(x + 1)
		}
		return nil
	}, nil
}

func (spinner) MaxBatch() int { return 256 }

func TestMeasureWithoutEnergy(t *testing.T) {
	for _, test := range []struct {
		name  string
		meter *meter
		note  string
	}{
		{"no meter", nil, ""},
		{"fails at the first read", &meter{failAt: 1}, "lost the counter"},
		{"fails at a later window", &meter{failAt: 5}, "lost the counter"},
		{"stands still", &meter{}, "nothing was counted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &model{each: linear(time.Millisecond, 0)}
				var mt energy.Meter
				if test.meter != nil {
					mt = test.meter
				}
				if test.name != "stands still" {
					m.meter, m.joules = test.meter, 1
				}
				metrics, err := Measure(t.Context(), m, mt, Options{Budget: time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range []trial.Metric{trial.InferenceEnergy, trial.InferencePower} {
					if got, ok := metrics[name]; ok {
						t.Errorf("%s = %+v, want none", name, got)
					}
				}
				rate := metrics[trial.Throughput]
				if rate.Value <= 0 || !strings.Contains(rate.Note, test.note) {
					t.Errorf("throughput: %+v", rate)
				}
			})
		})
	}
}

func TestMeasureErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("out of memory")
		for _, at := range []int{1, firstBatch} {
			m := &model{each: linear(time.Millisecond, 0), fail: func(b int) error {
				if b == at {
					return broken
				}
				return nil
			}}
			if metrics, err := Measure(t.Context(), m, nil, Options{}); !errors.Is(err, broken) || metrics != nil {
				t.Errorf("failing at batch %d: %v, %v", at, metrics, err)
			}
		}
		for _, at := range []int{1, firstBatch, 256} {
			ctx, cancel := context.WithCancel(t.Context())
			m := &model{each: linear(time.Millisecond, 0), fail: func(b int) error {
				if b == at {
					cancel()
				}
				return nil
			}}
			if _, err := Measure(ctx, m, nil, Options{}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled at batch %d: %v", at, err)
			}
		}
	})
}

// A few runs that had to wait do not make the median look unsure.
func TestBlockMedians(t *testing.T) {
	x := make([]float64, 95)
	for i := range x {
		x[i] = 2 + float64(i%3)/100
		if i%10 == 7 {
			x[i] = 500
		}
	}
	medians := blockMedians(x)
	if len(medians) != blocks {
		t.Fatalf("%d blocks", len(medians))
	}
	if d := deviation(medians); *d > 0.01 {
		t.Errorf("spread %v of medians %v", *d, medians)
	}
	for i := range x { // a drift shows
		x[i] += float64(i)
	}
	if d := deviation(blockMedians(x)); *d < 20 {
		t.Errorf("spread %v of a drift over 95", *d)
	}
	if got := blockMedians([]float64{3, 1}); !cmp.Equal(got, []float64{3, 1}) {
		t.Errorf("fewer runs than blocks: %v", got)
	}
}

func TestStatistics(t *testing.T) {
	hundred := make([]float64, 100)
	for k := range hundred {
		hundred[k] = float64(k + 1)
	}
	for _, test := range []struct {
		x                        []float64
		median, p95, p99, spread float64
	}{
		{[]float64{3}, 3, 3, 3, 0},
		{[]float64{1, 3}, 2, 3, 3, math.Sqrt2},
		{[]float64{1, 2, 9}, 2, 9, 9, math.Sqrt(19)},
		{hundred[:20], 10.5, 19, 20, math.Sqrt(35)},
		{hundred, 50.5, 95, 99, math.Sqrt(2525.0 / 3)},
	} {
		if got := median(test.x); got != test.median {
			t.Errorf("median(%v) = %g, want %g", test.x, got, test.median)
		}
		if p95, p99 := percentile(test.x, 95), percentile(test.x, 99); p95 != test.p95 || p99 != test.p99 {
			t.Errorf("percentiles of %v: %g and %g, want %g and %g", test.x, p95, p99, test.p95, test.p99)
		}
		got := deviation(test.x)
		if (got == nil) != (len(test.x) < 2) || got != nil && math.Abs(*got-test.spread) > 1e-9 {
			t.Errorf("deviation(%v) = %v, want %g", test.x, got, test.spread)
		}
	}
}

func TestPlainRate(t *testing.T) {
	for rate, want := range map[float64]string{6.5: "6.5", 12.346: "12.35", 999.96: "1000", 8648.6: "8649", 240100: "240100"} {
		if got := plain(rate); got != want {
			t.Errorf("plain(%v) = %q, want %q", rate, got, want)
		}
	}
}
