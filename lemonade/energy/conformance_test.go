package energy

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestConformance puts every meter through what a meter has to do. Each test runs
// under a clock that moves only while everyone waits, and fails where a goroutine is
// left at its end.
func TestConformance(t *testing.T) {
	rigs := []struct {
		name  string // begins with the method
		parts []func(*testing.T, float64) part
	}{
		{"nvml-counter", []func(*testing.T, float64) part{countingGPUs}},
		{"nvml-power", []func(*testing.T, float64) part{poweredGPUs}},
		{"nvml-power of mixed GPUs", []func(*testing.T, float64) part{mixedGPUs}},
		{"rapl", []func(*testing.T, float64) part{packages}},
		{"estimate", []func(*testing.T, float64) part{processTimes}},
		{"nvml-counter+rapl", []func(*testing.T, float64) part{countingGPUs, packages}},
		{"nvml-counter+estimate", []func(*testing.T, float64) part{countingGPUs, processTimes}},
		{"nvml-power+rapl", []func(*testing.T, float64) part{poweredGPUs, packages}},
		{"nvml-power+estimate", []func(*testing.T, float64) part{mixedGPUs, processTimes}},
	}
	properties := map[string]func(*testing.T, *rig){
		"says what it is":            saysWhatItIs,
		"nested windows add up":      nestedWindowsAddUp,
		"windows may overlap":        windowsMayOverlap,
		"reads by many at once":      readsByMany,
		"a failed read is an error":  failedReadIsAnError,
		"a break voids what is over": breakVoidsWhatIsOver,
		"closes":                     closes,
	}
	for _, r := range rigs {
		method, _, _ := strings.Cut(r.name, " ")
		for name, property := range properties {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				clean(t)
				synctest.Test(t, func(t *testing.T) {
					rig := &rig{}
					options := []Option{Method(method), on(t.TempDir(), noGPU())}
					for _, part := range r.parts {
						p := part(t, 1/float64(len(r.parts)))
						rig.parts = append(rig.parts, p)
						options = append(options, p.option)
					}
					meter, err := Open(options...)
					if err != nil {
						t.Fatal(err)
					}
					rig.Meter = meter
					property(t, rig)
					if err := meter.Close(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// rig is a meter of a machine that draws watts while it is used.
type rig struct {
	Meter
	parts []part
}

const watts = 100

// part is a part of a machine, which takes a share of what is used.
type part struct {
	option Option
	use    func(joules float64)
	fail   func(on bool) // has reads fail, or not
	lose   func()        // has the count be lost; nil where it cannot be
}

// use has the machine use so much, in the time that takes, by small steps as in life.
func (r *rig) use(joules float64) {
	for used := 0.0; used < joules; used += 10 {
		step := min(10, joules-used)
		for _, p := range r.parts {
			p.use(step)
		}
		time.Sleep(time.Duration(step / watts * float64(time.Second)))
	}
}

// start begins a window.
func (r *rig) start(t *testing.T) *Window {
	t.Helper()
	w, err := Start(r)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// stop ends a window, which has to have counted that much.
func (r *rig) stop(t *testing.T, w *Window, joules float64) {
	t.Helper()
	e, err := w.Stop()
	if err != nil || !near(e.Joules, joules) || !near(e.CPU+e.GPU, joules) || !near(e.Seconds, joules/watts) {
		t.Errorf("%+v, %v; want %g J in %g s", e, err, joules, joules/watts)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-6*math.Abs(want) }

func saysWhatItIs(t *testing.T, r *rig) {
	about := r.About()
	if about.Note == "" || about.Step <= 0 {
		t.Errorf("%+v", about)
	}
	if band := about.Low > 0 && about.Low < 1 && about.High > 1; band == trial.Measured(r.Method()) || !band && (about.Low != 0 || about.High != 0) {
		t.Errorf("%+v: a meter has a band if and only if a part of it is an estimate", about)
	}
	w := r.start(t)
	r.use(200)
	r.stop(t, w, 200)
	e, err := w.Stop()
	if err != nil || e.Method != r.Method() || e.Note != about.Note || e.Quality != "" {
		t.Errorf("%+v, %v", e, err)
	}
	if strings.Contains(r.Method(), "nvml") != (e.GPU > 0) || (r.Method() == "nvml-counter" || r.Method() == "nvml-power") != (e.CPU == 0) {
		t.Errorf("%+v: the parts are not those of the method", e)
	}
	w = r.start(t)
	r.use(about.Step.Seconds() * 5 * watts)
	if e, err := w.Stop(); err != nil || !strings.HasSuffix(e.Quality, "s are 5 steps of the counter: uncertain by up to 20 %") {
		t.Errorf("a window of 5 steps: %+v, %v", e, err)
	}
}

func nestedWindowsAddUp(t *testing.T, r *rig) {
	whole := r.start(t)
	for _, joules := range []float64{20, 50, 12} {
		w := r.start(t)
		inner := r.start(t)
		r.use(joules / 2)
		r.stop(t, inner, joules/2)
		r.use(joules / 2)
		r.stop(t, w, joules)
	}
	r.stop(t, whole, 82)
	r.use(8)
	r.stop(t, whole, 90) // it goes on
}

func windowsMayOverlap(t *testing.T, r *rig) {
	a := r.start(t)
	r.use(10)
	b := r.start(t)
	r.use(20)
	r.stop(t, a, 30)
	c := r.start(t)
	r.use(40)
	r.stop(t, b, 60)
	r.use(300) // past the next read in the background
	r.stop(t, c, 340)
}

func readsByMany(t *testing.T, r *rig) {
	w := r.start(t)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			last := Reading{}
			for range 50 {
				now, err := r.Read()
				if err != nil || now.CPU < last.CPU || now.GPU < last.GPU || now.Breaks != 0 {
					t.Errorf("%+v, %v after %+v", now, err, last)
				}
				_, _, _ = r.About(), Clocks(r.Meter), r.Method()
				last = now
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	for range 50 {
		r.use(1)
	}
	readers.Wait()
	r.stop(t, w, 50)
}

func failedReadIsAnError(t *testing.T, r *rig) {
	w := r.start(t)
	r.use(10)
	for i, p := range r.parts {
		p.fail(true)
		if got, err := r.Read(); err == nil || got != (Reading{}) {
			t.Errorf("a failed read of part %d: %+v, %v", i, got, err)
		}
		if e, err := w.Stop(); err == nil || e != (Energy{}) {
			t.Errorf("a window's end with a failed read of part %d: %+v, %v", i, e, err)
		}
		if w, err := Start(r); err == nil || w != nil {
			t.Errorf("a window's beginning with a failed read of part %d: %+v, %v", i, w, err)
		}
		p.fail(false)
		w := r.start(t)
		r.use(10)
		r.stop(t, w, 10)
	}
}

func breakVoidsWhatIsOver(t *testing.T, r *rig) {
	over := r.start(t)
	w := r.start(t)
	r.use(60)
	r.stop(t, w, 60)
	losable := false
	for i, p := range r.parts {
		if p.lose == nil {
			continue
		}
		losable = true
		before := joules(t, r)
		p.lose()
		w := r.start(t)
		r.use(25)
		r.stop(t, w, 25)
		after := joules(t, r)
		if after.Breaks != before.Breaks+1 || after.CPU < before.CPU || after.GPU < before.GPU {
			t.Errorf("part %d: %+v before the loss, %+v after", i, before, after)
		}
	}
	e, err := over.Stop()
	if losable && (err == nil || !strings.Contains(err.Error(), "the count was lost") || e != (Energy{})) {
		t.Errorf("a window over a break: %+v, %v", e, err)
	}
	if !losable && (err != nil || !near(e.Joules, 60)) {
		t.Errorf("%+v, %v", e, err)
	}
}

func closes(t *testing.T, r *rig) {
	w := r.start(t)
	r.use(10)
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if got, err := r.Read(); !errors.Is(err, errClosed) || got != (Reading{}) {
		t.Errorf("a read after Close: %+v, %v", got, err)
	}
	if e, err := w.Stop(); !errors.Is(err, errClosed) || e != (Energy{}) {
		t.Errorf("a window's end after Close: %+v, %v", e, err)
	}
	if about := r.About(); about.Note == "" {
		t.Errorf("%+v", about)
	}
	Clocks(r.Meter) // must not call a library that is shut down
	Utilization(r.Meter)
	if _, _, ok := DeviceMemory(r.Meter); ok {
		t.Error("memory after Close")
	}
}

// countingGPUs are two GPUs that share the use.
func countingGPUs(t *testing.T, share float64) part {
	lib := fakeGPUs(t, 2)
	each := func(change func(g *fakeGPU)) {
		for _, g := range lib.gpus {
			g.set(change)
		}
	}
	return part{
		option: NVML(lib),
		use:    func(joules float64) { each(func(g *fakeGPU) { g.mJ += uint64(joules*share*500 + 0.5) }) },
		fail:   func(on bool) { lib.gpus[1].set(func(g *fakeGPU) { g.counter = failing(on) }) },
		lose:   func() { each(func(g *fakeGPU) { g.mJ = 0 }) },
	}
}

// poweredGPUs are two GPUs without counters, whose share of the watts is steady.
func poweredGPUs(t *testing.T, share float64) part {
	lib := fakeGPUs(t, 2)
	for _, g := range lib.gpus {
		g.counter, g.mW = nvml.ERROR_NOT_SUPPORTED, uint32(watts*share*500)
	}
	fail := func(on bool) { lib.gpus[1].set(func(g *fakeGPU) { g.power = failing(on) }) }
	return part{
		option: NVML(lib),
		use:    func(float64) {},
		fail:   fail,
		lose:   func() { fail(true); time.Sleep(4 * powerPoll); fail(false) },
	}
}

// mixedGPUs are one with a counter and one without.
func mixedGPUs(t *testing.T, share float64) part {
	lib := fakeGPUs(t, 2)
	lib.gpus[1].counter, lib.gpus[1].mW = nvml.ERROR_NOT_SUPPORTED, uint32(watts*share*500)
	return part{
		option: NVML(lib),
		use:    func(joules float64) { lib.gpus[0].set(func(g *fakeGPU) { g.mJ += uint64(joules*share*500 + 0.5) }) },
		fail:   func(on bool) { lib.gpus[0].set(func(g *fakeGPU) { g.counter = failing(on) }) },
		lose:   func() { lib.gpus[0].set(func(g *fakeGPU) { g.mJ = 0 }) },
	}
}

func failing(on bool) nvml.Return {
	if on {
		return nvml.ERROR_UNKNOWN
	}
	return nvml.SUCCESS
}

// packages are two sockets and a memory, one counter of which soon goes round.
func packages(t *testing.T, share float64) part {
	const size = 8_000_000_000 // µJ
	zones := map[string]float64{"intel-rapl:0": 0.5, "intel-rapl:1": 0.25, "intel-rapl:1:0": 0.25}
	sys := raplTree(t, map[string]string{
		"intel-rapl:0":   "package-0 7995000000 8000000000",
		"intel-rapl:1":   "package-1 1000000000 8000000000",
		"intel-rapl:1:0": "dram 1000000000 8000000000",
	})
	shows := map[string]uint64{"intel-rapl:0": 7_995_000_000, "intel-rapl:1": 1_000_000_000, "intel-rapl:1:0": 1_000_000_000}
	show := func() {
		for zone, uj := range shows {
			set(t, sys, zone, "energy_uj", uj)
		}
	}
	return part{
		option: SysFS(sys),
		use: func(joules float64) {
			for zone, of := range zones {
				shows[zone] = (shows[zone] + uint64(joules*share*of*1e6+0.5)) % size
			}
			show()
		},
		fail: func(on bool) {
			if show(); on {
				set(t, sys, "intel-rapl:1", "energy_uj", "")
			}
		},
		lose: func() {
			shows["intel-rapl:1"] = 0
			show()
		},
	}
}

// processTimes is a process whose CPU time a test sets.
func processTimes(t *testing.T, share float64) part {
	var mu sync.Mutex
	var used time.Duration
	var failed error
	return part{
		option: cpuTime(func() (time.Duration, error) {
			mu.Lock()
			defer mu.Unlock()
			return used, failed
		}),
		use: func(joules float64) {
			mu.Lock()
			defer mu.Unlock()
			used += time.Duration(joules * share / unknownThread * float64(time.Second))
		},
		fail: func(on bool) {
			mu.Lock()
			defer mu.Unlock()
			if failed = nil; on {
				failed = errors.New("no CPU time")
			}
		},
	}
}
