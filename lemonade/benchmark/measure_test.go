package benchmark

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestPair looks at the work of the two networks on every data set.
func TestPair(t *testing.T) {
	for _, name := range datasets.Names() {
		info, err := datasets.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		single, double, err := pair(info)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var first, block int64 // the first layer's work, and that of each block
		if info.Vocabulary > 0 {
			block = int64(info.Shape[0]) * 3 * 64 * 64
		} else {
			pixels := int64(info.Shape[0] * info.Shape[1])
			if info.Shape[0] > 16 {
				pixels /= 4
			}
			first, block = pixels*9*64*int64(info.Shape[2]), pixels*9*64*64
		}
		want := first + 4*block + 64*int64(len(info.ClassNames))
		if single.MACs != want || double.MACs != want+4*block {
			t.Errorf("%s: %d and %d multiply-accumulates, want %d and four blocks more", name, single.MACs, double.MACs, want)
		}
	}
}

// latencies are runs with that latency, each claiming a spread of 0.5 ms.
func latencies(values ...float64) []trial.Metrics {
	var runs []trial.Metrics
	for _, v := range values {
		runs = append(runs, trial.Metrics{trial.Latency: {Value: v, Unit: "ms", Method: trial.MethodTimed, Spread: ptr(0.5)}})
	}
	return runs
}

func TestRepeatOf(t *testing.T) {
	mixed := latencies(1, 3)
	mixed[0][trial.InferenceEnergy] = trial.Measurement{Value: 2, Method: trial.MethodRAPL, Spread: ptr(0.1)}
	mixed[1][trial.InferenceEnergy] = trial.Measurement{Value: 4, Method: trial.MethodEstimate, Spread: ptr(0.3), Quality: "too short"}
	for _, c := range []struct {
		name string
		of   trial.Metric
		runs []trial.Metrics
		want Repeat
	}{
		// The squared distances from the mean 4 sum to 6, over 2 that is 3.
		{"three", trial.Latency, latencies(3, 6, 3), Repeat{Runs: 3, Mean: 4, Variation: ptr(math.Sqrt(3) / 4), Claimed: ptr(0.5), Methods: []string{"timed"}}},
		{"one", trial.Latency, latencies(3), Repeat{Runs: 1, Mean: 3, Claimed: ptr(0.5), Methods: []string{"timed"}}},
		{"unknown in one", trial.Latency, append(latencies(3, 3), nil), Repeat{Runs: 2, Mean: 3, Variation: ptr(0.0), Claimed: ptr(0.5), Methods: []string{"timed"}}},
		{"no spread", trial.PeakMemory, []trial.Metrics{{trial.PeakMemory: {Value: 8, Method: "process"}}}, Repeat{Runs: 1, Mean: 8, Methods: []string{"process"}}},
		{
			"two methods", trial.InferenceEnergy, mixed,
			Repeat{Runs: 2, Mean: 3, Variation: ptr(math.Sqrt2 / 3), Claimed: ptr(0.2), Methods: []string{"estimate", "rapl"}, Weakened: 1, Quality: "too short"},
		},
	} {
		c.want.Metric = c.of
		got, ok := repeatOf(c.of, c.runs)
		if diff := cmp.Diff(c.want, got, about); !ok || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, ok, diff)
		}
	}
	if _, ok := repeatOf(trial.InferenceEnergy, latencies(1, 2)); ok {
		t.Error("a metric that no run gave")
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		name           string
		single, double []trial.Metrics
		want           Ranking
	}{
		{"apart", latencies(1, 3), latencies(4, 8), Ranking{Pairs: 2, Above: 2, Apart: true, Ratio: 3}},
		{"in pairs only", latencies(1, 5), latencies(4, 8), Ranking{Pairs: 2, Above: 2, Ratio: 2}},
		{"one the wrong way, one equal", latencies(4, 4, 1), latencies(3, 4, 2), Ranking{Pairs: 3, Above: 1, Ratio: 1}},
		{"not through", latencies(1, 1), latencies(2), Ranking{Pairs: 1, Above: 1, Apart: true, Ratio: 2}},
		{"unknown in one", []trial.Metrics{nil, latencies(1)[0]}, latencies(9, 2), Ranking{Pairs: 1, Above: 1, Apart: true, Ratio: 2}},
	} {
		c.want.Metric = trial.Latency
		got, ok := rank(trial.Latency, c.single, c.double)
		if diff := cmp.Diff(c.want, got, about); !ok || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, ok, diff)
		}
	}
	if r, ok := rank(trial.InferenceEnergy, latencies(1), latencies(2)); ok {
		t.Errorf("a ranking of what is unknown: %+v", r)
	}
}

// machine gives the two networks latencies of 2, 3, 4, … ms in the order of the
// runs, the larger one twice as many, and says of the fourth run what weakens it.
// It ends as told in the run of that number.
type machine struct {
	jobs  []trial.Job
	at    int
	ended func() (trial.Result, error)
}

func (m *machine) Describe() evaluate.Description {
	return evaluate.Description{Engine: "scripted", Device: "cpu"}
}

func (m *machine) Evaluate(_ context.Context, job trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	m.jobs = append(m.jobs, job)
	n := len(m.jobs)
	if n == m.at {
		return m.ended()
	}
	latency := float64(2 + (n-1)/2)
	if n%2 == 0 {
		latency *= 2
	}
	metrics := latencies(latency)[0]
	if n == 4 {
		v := metrics[trial.Latency]
		v.Quality = "a loud neighbour"
		metrics[trial.Latency] = v
	}
	return trial.Result{State: trial.Complete, Metrics: metrics}, nil
}

func measureScripted(ctx context.Context, t *testing.T, m *machine) (MeasureReport, error) {
	t.Helper()
	info, err := datasets.Lookup("digits")
	if err != nil {
		t.Fatal(err)
	}
	o, err := MeasureOptions{Data: "digits", Times: 3, Log: func(text string) { t.Log(text) }}.complete()
	if err != nil {
		t.Fatal(err)
	}
	return measure(ctx, o, info, m, trial.Job{Seed: 7, Account: trial.Accounting{PUE: 1.5}})
}

func TestMeasure(t *testing.T) {
	m := &machine{}
	r, err := measureScripted(t.Context(), t, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.jobs) != 6 {
		t.Fatalf("%d jobs, want 6", len(m.jobs))
	}
	for i, job := range m.jobs {
		if job.Network.Costs().MACs != r.Networks[i%2].MACs || job.Seed != 7 || job.Account.PUE != 1.5 || job.Recipe.Optimizer == "" {
			t.Errorf("job %d: %+v", i, job)
		}
	}
	want := []Ranking{{Metric: trial.Latency, Pairs: 3, Above: 3, Ratio: 2}} // 2 3 4 against 4 6 8: not apart
	if diff := cmp.Diff(want, r.Rankings, about); diff != "" {
		t.Errorf("rankings (-want +got):\n%s", diff)
	}
	for _, markdown := range []bool{false, true} {
		var b strings.Builder
		if err := r.Write(&b, markdown); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"3 of 3 runs of each network", "2.00 times as many", "33.3 %", "16.7 %", "timed", "3 of 3", "latency of double, 1 of 3 runs: a loud neighbour", "2.00", "unknown"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("markdown %v: no %q in\n%s", markdown, want, b.String())
			}
		}
		if strings.Contains(b.String(), "yes") {
			t.Errorf("markdown %v: networks that overlap are said to be apart:\n%s", markdown, b.String())
		}
	}
}

func TestMeasureEndsEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := measureScripted(ctx, t, &machine{at: 4, ended: func() (trial.Result, error) { cancel(); return trial.Result{}, ctx.Err() }})
	if !errors.Is(err, context.Canceled) || len(r.Networks) != 2 || len(r.Networks[0].Runs) != 2 || len(r.Networks[1].Runs) != 1 || r.Rankings[0].Pairs != 1 {
		t.Errorf("cancelled in the fourth run: %v, %+v", err, r)
	}
	var b strings.Builder
	if err := r.Write(&b, false); err != nil || !strings.Contains(b.String(), "2 and 1 of 3 runs") {
		t.Errorf("%v\n%s", err, b.String())
	}

	_, err = measureScripted(t.Context(), t, &machine{at: 3, ended: func() (trial.Result, error) {
		return trial.Result{State: trial.Failed, Reason: trial.OutOfMemory + ": 3 GB"}, nil
	}})
	if err == nil || !strings.Contains(err.Error(), "single, run 2 of 3: failed: out-of-memory: 3 GB") {
		t.Errorf("a failed run: %v", err)
	}
	broken := errors.New("no worker")
	if _, err = measureScripted(t.Context(), t, &machine{at: 1, ended: func() (trial.Result, error) { return trial.Result{}, broken }}); !errors.Is(err, broken) {
		t.Errorf("no evaluator: %v", err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	_, err := Measure(t.Context(), MeasureOptions{Times: -1, Profile: -1})
	for _, want := range []string{"data", "times: -1", "profile: -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestLoadAverage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loadavg")
	if got := loadAverage(path); got != nil {
		t.Errorf("a load of %v from no file", *got)
	}
	for text, want := range map[string]*float64{"0.75 0.5 0.2 1/80 4242\n": ptr(0.75), "much": nil} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := loadAverage(path); !cmp.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}
