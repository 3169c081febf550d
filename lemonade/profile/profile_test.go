package profile

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// model is a fake whose run of a batch takes a fixed time and a fixed energy.
type model struct {
	perBatch, perSample time.Duration
	joules              float64 // per sample, on the meter
	meter               *meter
	runs                map[int]int // by batch
	fail                func(batch int) error
}

func (m *model) Predictor(batch int) (func() error, error) {
	if m.runs == nil {
		m.runs = map[int]int{}
	}
	return func() error {
		m.runs[batch]++
		if m.fail != nil {
			if err := m.fail(batch); err != nil {
				return err
			}
		}
		time.Sleep(m.perBatch + time.Duration(batch)*m.perSample)
		if m.meter != nil {
			m.meter.joules += float64(batch) * m.joules
		}
		return nil
	}, nil
}

// meter is a fake that fails after some reads, where that is not 0.
type meter struct {
	joules float64
	method string
	reads  int
	failAt int
}

func (m *meter) Method() string { return m.method }
func (m *meter) Joules() (energy.Reading, error) {
	m.reads++
	if m.reads == m.failAt {
		return energy.Reading{}, errors.New("lost the counter")
	}
	return energy.Reading{Total: m.joules, CPU: m.joules}, nil
}

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

func TestMeasure(t *testing.T) {
	mt := &meter{method: "fake"}
	m := &model{perBatch: 4 * time.Millisecond, perSample: 100 * time.Microsecond, joules: 0.002, meter: mt}
	const budget = 900 * time.Millisecond
	start := time.Now()
	metrics, err := Measure(t.Context(), m, mt, budget)
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics) != 5 {
		t.Errorf("%d metrics: %v", len(metrics), metrics)
	}
	// A sleep is never too short, and too long on a busy machine.
	between(t, metrics, trial.Latency, 4.1, 4.1*3)
	between(t, metrics, trial.Throughput, 64/0.0104/3, 64/0.0104)
	between(t, metrics, trial.InferenceEnergy, 0.002*(1-1e-9), 0.002*(1+1e-9))
	between(t, metrics, trial.InferencePower, 0.002*metrics[trial.Throughput].Value*0.9, 0.002*metrics[trial.Throughput].Value*1.1)
	if p95 := metrics[trial.LatencyP95]; p95.Value < metrics[trial.Latency].Value || p95.Unit != "ms" {
		t.Errorf("latency_p95 %+v, latency %+v", p95, metrics[trial.Latency])
	}
	for _, name := range []trial.Metric{trial.Latency, trial.Throughput, trial.InferenceEnergy, trial.InferencePower} {
		if s := metrics[name].Spread; s == nil || *s < 0 || math.IsNaN(*s) {
			t.Errorf("%s has no spread", name)
		}
	}
	if e := metrics[trial.InferenceEnergy]; e.Method != "fake" || !strings.Contains(e.Note, "batch 64, 3 windows") {
		t.Errorf("inference_energy: %+v", e)
	}
	if took < budget*8/10 || took > budget*2 {
		t.Errorf("took %v of a budget of %v", took, budget)
	}
}

func TestMeasureOnTinyBudget(t *testing.T) {
	mt := &meter{method: "fake"}
	m := &model{perBatch: 60 * time.Millisecond, joules: 1, meter: mt}
	metrics, err := Measure(t.Context(), m, mt, time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics) != 5 {
		t.Errorf("metrics: %v", metrics)
	}
	// Warm-up and the least number of runs, and not one more.
	if want := map[int]int{1: warmRuns + minTimed, batch: warmBatches + windows}; !cmp.Equal(m.runs, want) {
		t.Errorf("runs: %s", cmp.Diff(want, m.runs))
	}
}

// TestMeasureWithEstimate measures a model that spins with the meter that exists everywhere.
func TestMeasureWithEstimate(t *testing.T) {
	t.Setenv("LEMONADE_METER", "estimate")
	t.Setenv("LEMONADE_CPU_TDP", "10/1")
	mt, err := energy.Open()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := Measure(t.Context(), spinner{}, mt, 600*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	// One spinning thread of 10 W; other programs may take some of its time, the
	// collector may add a little.
	if p := metrics[trial.InferencePower]; p.Value < 1 || p.Value > 12 || p.Method != trial.MethodEstimate || !strings.Contains(p.Note, "CPU time") {
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

func TestMeasureWithoutEnergy(t *testing.T) {
	for _, test := range []struct {
		name  string
		meter energy.Meter
		note  string
	}{
		{"no meter", nil, ""},
		{"fails at the first read", &meter{failAt: 1}, "lost the counter"},
		{"fails at a later window", &meter{failAt: 5}, "lost the counter"},
		{"stands still", &meter{}, "nothing was counted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &model{perBatch: time.Millisecond}
			if mt, ok := test.meter.(*meter); ok && test.name != "stands still" {
				m.meter, m.joules = mt, 1
			}
			metrics, err := Measure(t.Context(), m, test.meter, time.Millisecond)
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
	}
}

func TestMeasureErrors(t *testing.T) {
	broken := errors.New("out of memory")
	for _, at := range []int{1, batch} {
		m := &model{fail: func(b int) error {
			if b == at {
				return broken
			}
			return nil
		}}
		if metrics, err := Measure(t.Context(), m, nil, time.Millisecond); !errors.Is(err, broken) || metrics != nil {
			t.Errorf("failing at batch %d: %v, %v", at, metrics, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := &model{fail: func(b int) error {
		if b == batch {
			cancel()
		}
		return nil
	}}
	if _, err := Measure(ctx, m, nil, time.Minute/1000); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestStatistics(t *testing.T) {
	for _, test := range []struct {
		x                   []float64
		median, p95, spread float64
	}{
		{[]float64{3}, 3, 3, 0},
		{[]float64{1, 3}, 2, 3, math.Sqrt2},
		{[]float64{1, 2, 9}, 2, 9, math.Sqrt(19)},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 10.5, 19, math.Sqrt(35)},
	} {
		if got := median(test.x); got != test.median {
			t.Errorf("median(%v) = %g, want %g", test.x, got, test.median)
		}
		if got := percentile(test.x, 95); got != test.p95 {
			t.Errorf("percentile(%v, 95) = %g, want %g", test.x, got, test.p95)
		}
		got := deviation(test.x)
		if (got == nil) != (len(test.x) < 2) || got != nil && math.Abs(*got-test.spread) > 1e-12 {
			t.Errorf("deviation(%v) = %v, want %g", test.x, got, test.spread)
		}
	}
}

func TestTraining(t *testing.T) {
	t.Setenv("LEMONADE_PUE", "1.5")
	t.Setenv("LEMONADE_LOCATION", "FR")
	t.Setenv("LEMONADE_CARBON_INTENSITY", "")
	got := Training(energy.Energy{Joules: 7.2e6, CPU: 1.2e6, GPU: 6e6, Seconds: 100, Method: "nvml-counter+rapl", Note: "GPU: whole device"})
	want := trial.Metrics{
		trial.TrainingTime:   {Value: 100, Unit: "s", Method: trial.MethodTimed},
		trial.TrainingEnergy: {Value: 3, Unit: "kWh", Method: "nvml-counter+rapl", Note: "PUE 1.50; CPU 1.2e+06 J, GPU 6e+06 J; GPU: whole device"},
		trial.CO2e: {Value: 168, Unit: "g", Method: trial.MethodCalculation,
			Note: "56 g CO2e/kWh (France 2023, Ember via Our World in Data); energy by nvml-counter+rapl"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(trial.Metrics{trial.TrainingTime: want[trial.TrainingTime]}, Training(energy.Energy{Seconds: 100})); diff != "" {
		t.Errorf("unknown energy: %s", diff)
	}
	if got := Training(energy.Energy{}); len(got) != 0 {
		t.Errorf("nothing measured: %v", got)
	}
}

func TestPeakMemory(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "status")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	got := peakMemory(file("Name:\tworker\nVmPeak:\t  900 kB\nVmHWM:\t  123456 kB\nVmRSS:\t  100 kB\n"))[trial.PeakMemory]
	if got.Value != 123456*1024 || got.Unit != "B" || got.Method != trial.MethodProcess {
		t.Errorf("peak_memory: %+v", got)
	}
	for _, text := range []string{"", "VmHWM:\t\n", "VmHWM:\t x kB\n", "VmRSS:\t 5 kB\n"} {
		if got := peakMemory(file(text)); got != nil {
			t.Errorf("peakMemory of %q = %v, want none", text, got)
		}
	}
	if _, err := os.Stat("/proc/self/status"); err == nil {
		big := make([]byte, 64<<20)
		for i := range big {
			big[i] = byte(i)
		}
		if got := PeakMemory()[trial.PeakMemory].Value; got < float64(len(big)) || got > 1e12 {
			t.Errorf("peak memory %g B with %d B in use", got, len(big))
		}
		runtime.KeepAlive(big)
	}
}
