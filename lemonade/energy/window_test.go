package energy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ptr(x float64) *float64 { return &x }

func TestWindow(t *testing.T) {
	counts := About{Note: "counts", Step: 100 * time.Millisecond}
	for _, test := range []struct {
		name        string
		about       About
		first, last Reading
		seconds     float64
		idle        *Baseline
		want        Energy
		wantErr     string
	}{
		{"good", counts, Reading{4, 6, 0}, Reading{6, 9, 0}, 2, nil,
			Energy{Joules: 5, CPU: 2, GPU: 3, Seconds: 2, Method: "x", Note: "counts"}, ""},
		{"after a break", counts, Reading{4, 6, 3}, Reading{6, 9, 3}, 2, nil,
			Energy{Joules: 5, CPU: 2, GPU: 3, Seconds: 2, Method: "x", Note: "counts"}, ""},
		{"short", counts, Reading{0, 1, 0}, Reading{0, 4, 0}, 0.3, nil,
			Energy{Joules: 3, GPU: 3, Seconds: 0.3, Method: "x", Note: "counts", Quality: "0.3 s are 3 steps of the counter: uncertain by up to 33 %"}, ""},
		{"ten steps", counts, Reading{0, 1, 0}, Reading{0, 4, 0}, 1, nil,
			Energy{Joules: 3, GPU: 3, Seconds: 1, Method: "x", Note: "counts"}, ""},
		{"shorter than a step", counts, Reading{0, 1, 0}, Reading{0, 4, 0}, 0.05, nil,
			Energy{Joules: 3, GPU: 3, Seconds: 0.05, Method: "x", Note: "counts", Quality: "0.05 s are 0.5 steps of the counter: uncertain by up to 200 %"}, ""},
		{"baseline", counts, Reading{4, 6, 0}, Reading{10, 26, 0}, 2, &Baseline{CPU: 1, GPU: 2, Seconds: 5},
			Energy{Joules: 26, CPU: 6, GPU: 20, Seconds: 2, Idle: ptr(6), Method: "x", Note: "counts"}, ""},
		{"more idle than used", counts, Reading{}, Reading{3, 3, 0}, 2, &Baseline{CPU: 5},
			Energy{Joules: 6, CPU: 3, GPU: 3, Seconds: 2, Idle: ptr(10), Method: "x", Note: "counts"}, ""},
		{"the processor's part is an estimate", About{Low: 0.5, High: 2}, Reading{}, Reading{4, 10, 0}, 2, &Baseline{},
			Energy{Joules: 14, CPU: 4, GPU: 10, Seconds: 2, Idle: ptr(0), Low: ptr(12), High: ptr(18), Method: "x"}, ""},
		{"nothing counted", counts, Reading{4, 6, 0}, Reading{4, 6, 0}, 0.01, nil, Energy{}, "nothing was counted in 0.010 s"},
		{"nothing on the GPU", counts, Reading{4, 6, 0}, Reading{5, 6, 0}, 0.01, nil, Energy{}, "the GPU's counter did not move"},
		{"went back", counts, Reading{4, 6, 0}, Reading{9, 4, 0}, 2, nil, Energy{}, "went back"},
		{"count lost", counts, Reading{4, 6, 0}, Reading{9, 8, 1}, 2, nil, Energy{}, "the count was lost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := Start(&fakeMeter{method: "x", about: test.about, next: []Reading{test.first, test.last}}, Over(test.idle))
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(test.seconds * float64(time.Second)))
				got, err := w.Stop()
				if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
					t.Errorf("error %v; want %q", err, test.wantErr)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestWindowOfABrokenMeter(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Start(&fakeMeter{err: broken}); !errors.Is(err, broken) {
		t.Errorf("Start: %v", err)
	}
	meter := &fakeMeter{next: []Reading{{}, {CPU: 7}}}
	w, err := Start(meter)
	if err != nil {
		t.Fatal(err)
	}
	meter.err = broken
	if e, err := w.Stop(); !errors.Is(err, broken) || e != (Energy{}) {
		t.Errorf("Stop: %+v, %v", e, err)
	}
	meter.err = nil
	if e, err := w.Stop(); err != nil || e.Joules != 7 {
		t.Errorf("Stop after the meter came back: %+v, %v", e, err)
	}
}

// TestWindowWaitsForTheDevice: what the device still has to do when a window begins
// is not the window's, and what it has to do at the end is.
func TestWindowWaitsForTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clean(t)
		lib := fakeGPUs(t, 1)
		queued := uint64(0) // mJ of work that the device has not done
		sync := func() error {
			time.Sleep(time.Second)
			lib.gpus[0].set(func(g *fakeGPU) { g.mJ += queued })
			queued = 0
			return nil
		}
		meter := open(t, on(t.TempDir(), lib), Method("nvml-counter"))
		queued = 5000
		w, err := Start(meter, Synced(sync))
		if err != nil {
			t.Fatal(err)
		}
		queued = 7000
		if e, err := w.Stop(); err != nil || e.Joules != 7 || e.Seconds != 1 {
			t.Errorf("%+v, %v; want the 7 J and the second of the window's own work", e, err)
		}
	})
	stuck := errors.New("stuck")
	failing := false
	sync := func() error {
		if failing {
			return stuck
		}
		return nil
	}
	w, err := Start(&fakeMeter{next: []Reading{{}, {CPU: 1}}}, Synced(sync))
	if err != nil {
		t.Fatal(err)
	}
	failing = true
	if e, err := w.Stop(); !errors.Is(err, stuck) || e != (Energy{}) {
		t.Errorf("Stop: %+v, %v", e, err)
	}
	if _, err := Start(&fakeMeter{}, Synced(sync)); !errors.Is(err, stuck) {
		t.Errorf("Start: %v", err)
	}
}

func TestIdle(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name    string
		meter   *fakeMeter
		want    *Baseline
		wantErr string
	}{
		{"counters", &fakeMeter{method: "nvml-counter+rapl", next: []Reading{{4, 6, 0}, {24, 106, 0}}}, &Baseline{CPU: 10, GPU: 50, Seconds: 2}, ""},
		{"the processor's part is an estimate", &fakeMeter{method: "nvml-counter+estimate", next: []Reading{{4, 6, 0}, {4.01, 106, 0}}}, &Baseline{CPU: 0, GPU: 50, Seconds: 2}, ""},
		{"an estimate", &fakeMeter{method: "estimate"}, &Baseline{}, ""},
		{"nothing counted", &fakeMeter{method: "rapl", next: []Reading{{4, 0, 0}, {4, 0, 0}}}, nil, "idle power: energy (rapl): nothing was counted"},
		{"count lost", &fakeMeter{method: "rapl", next: []Reading{{4, 0, 0}, {8, 0, 1}}}, nil, "idle power: energy (rapl): the count was lost"},
		{"broken", &fakeMeter{method: "rapl", err: broken}, nil, "idle power: broken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := Idle(t.Context(), test.meter, 2*time.Second)
				if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
					t.Errorf("error %v; want %q", err, test.wantErr)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			b, err := Idle(ctx, &fakeMeter{method: "rapl", next: []Reading{{}, {}}}, time.Hour)
			if !errors.Is(err, context.DeadlineExceeded) || b != nil || time.Since(start) != time.Second {
				t.Errorf("%+v, %v after %v", b, err, time.Since(start))
			}
		})
	})
}
