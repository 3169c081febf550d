package energy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestSoak reads meters of made machines, whose energy is known, and all that this
// machine has, over and over, through the whole time and through short windows that
// overlap, while others are opened and closed. It fails where a meter goes back or
// drifts from the truth, and where goroutines, open files or memory grow. It takes
// 2 s, or as long as LEMONADE_TEST_SOAK says:
//
//	LEMONADE_TEST_SOAK=10m go test -run TestSoak -timeout 20m -v ./lemonade/energy
func TestSoak(t *testing.T) {
	clean(t)
	length := 2 * time.Second
	if set := os.Getenv("LEMONADE_TEST_SOAK"); set != "" {
		var err error
		if length, err = time.ParseDuration(set); err != nil {
			t.Fatalf("LEMONADE_TEST_SOAK=%s: give a time, such as 10m", set)
		}
	}
	if end, ok := t.Deadline(); ok && time.Until(end) < length+10*time.Second {
		t.Fatalf("the soak takes %v: give more by -timeout", length)
	}

	var soaked, made []*soaking
	for _, method := range []string{"nvml-counter", "nvml-power", "rapl", "estimate", "nvml-counter+rapl", "nvml-power+estimate"} {
		machine := newMachineAtWork(t)
		if strings.Contains(method, trial.MethodNVMLPower) {
			machine.gpu.counter = nvml.ERROR_NOT_SUPPORTED
		}
		made = append(made, soak(t, "made "+method, open(t, machine.option, Method(method)), machine))
	}
	soaked = append(soaked, made...)
	for _, method := range []string{trial.MethodNVML, trial.MethodNVMLPower, trial.MethodRAPL, trial.MethodEstimate} {
		if meter, err := Open(Method(method)); err == nil {
			t.Cleanup(func() { meter.Close() })
			soaked = append(soaked, soak(t, "this machine's "+method, meter, nil))
		}
	}

	var usages []usage
	for start := time.Now(); time.Since(start) < length; time.Sleep(20 * time.Millisecond) {
		for _, s := range soaked {
			s.step(t)
		}
		if time.Since(start) > length/20*time.Duration(len(usages)+1) { // the first after the warm-up
			for _, s := range made {
				meter, err := Open(s.machine.option, Method(s.Method()))
				if err != nil {
					t.Fatal(err)
				}
				if err := meter.Close(); err != nil {
					t.Error(err)
				}
			}
			for _, s := range made { // so that it opens no file meanwhile
				s.machine.mu.Lock()
			}
			usages = append(usages, newUsage(t))
			for _, s := range made {
				s.machine.mu.Unlock()
			}
		}
		if t.Failed() {
			return
		}
	}
	first, last := usages[0], usages[len(usages)-1]
	const some = 5 // come and go by themselves; a meter that left one behind would leave many
	if last.goroutines > first.goroutines+some || last.files > first.files+some || last.heap > first.heap+1<<20 {
		t.Errorf("grew from %v to %v", first, last)
	}

	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "meter\treads\twindows\tjoules\ttruth\tdrift\tworst window\tbreaks\t")
	for _, s := range soaked {
		s.row(table)
	}
	table.Flush()
	t.Logf("%v on %d threads\n%sat first %v\nat last  %v", length, runtime.NumCPU(), text.String(), first, last)
}

// usage is what the process holds.
type usage struct {
	goroutines, files int
	heap              uint64 // bytes
}

func newUsage(t *testing.T) usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{math.MaxInt, math.MaxInt, m.HeapAlloc}
	for range 10 { // a meter may have a file open for a moment, and a goroutine be about to end
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		u.files, u.goroutines = min(u.files, len(files)), min(u.goroutines, runtime.NumGoroutine())
	}
	return u
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.2f MB", u.goroutines, u.files, float64(u.heap)/1e6)
}

// soaking is a meter under test.
type soaking struct {
	Meter
	name           string
	machine        *machineAtWork // nil where the truth is unknown
	first, last    Reading
	from           interval // the truth at first
	now            interval // the truth at last
	windows        []soakingWindow
	reads, stopped int
	worst          float64 // deviation of a window from the truth, as a share
}

type soakingWindow struct {
	*Window
	from interval
	end  time.Time
}

// interval is where the truth lies while a meter is read.
type interval struct{ low, high float64 }

func soak(t *testing.T, name string, meter Meter, machine *machineAtWork) *soaking {
	s := &soaking{Meter: meter, name: name, machine: machine}
	s.first, s.from = s.read(t)
	s.last, s.now = s.first, s.from
	return s
}

func (s *soaking) read(t *testing.T) (r Reading, truth interval) {
	truth = s.machine.during(s.Method(), func() { r = joules(t, s) })
	s.reads++
	return r, truth
}

// step reads the meter, ends the windows that are due and begins new ones.
func (s *soaking) step(t *testing.T) {
	r, truth := s.read(t)
	if r.CPU < s.last.CPU || r.GPU < s.last.GPU || r.Breaks < s.last.Breaks {
		t.Errorf("%s went back, from %+v to %+v", s.name, s.last, r)
	}
	if s.machine != nil && r.Breaks != s.first.Breaks {
		t.Errorf("%s: the count was lost", s.name)
	}
	s.last, s.now = r, truth
	if off := s.off(r.Total()-s.first.Total(), s.from, truth); off != 0 {
		t.Errorf("%s drifted by %g J of %g J", s.name, off, r.Total()-s.first.Total())
	}
	kept := s.windows[:0]
	for _, w := range s.windows {
		if time.Now().Before(w.end) {
			kept = append(kept, w)
			continue
		}
		var e Energy
		var err error
		to := s.machine.during(s.Method(), func() { e, err = w.Stop() })
		s.stopped++
		switch off := s.off(e.Joules, w.from, to); {
		case err != nil && s.machine != nil:
			t.Errorf("%s: %v", s.name, err)
		case off != 0:
			t.Errorf("%s: a window of %g s is off by %g J of %g J", s.name, e.Seconds, off, e.Joules)
		case s.machine != nil:
			truth := (to.low + to.high - w.from.low - w.from.high) / 2
			s.worst = max(s.worst, math.Abs(e.Joules/truth-1))
		}
	}
	s.windows = kept
	if len(s.windows) < 4 {
		w := soakingWindow{end: time.Now().Add(200*time.Millisecond + rand.N(time.Second))}
		w.from = s.machine.during(s.Method(), func() {
			var err error
			if w.Window, err = Start(s); err != nil {
				t.Fatal(err)
			}
		})
		s.windows = append(s.windows, w)
	}
}

// off returns by how much the joules are out of what the truth allows: a counter's
// last digit, and for a power that is polled half a per cent.
func (s *soaking) off(joules float64, from, to interval) float64 {
	if s.machine == nil {
		return 0
	}
	low, high := to.low-from.high, to.high-from.low
	slack := 0.01
	if strings.Contains(s.Method(), trial.MethodNVMLPower) {
		slack += 0.005 * high
	}
	return min(0, joules-low+slack) + max(0, joules-high-slack)
}

func (s *soaking) row(table *tabwriter.Writer) {
	counted := s.last.Total() - s.first.Total()
	truth, drift, worst := "unknown", "", ""
	if s.machine != nil {
		known := (s.now.low + s.now.high - s.from.low - s.from.high) / 2
		truth, drift, worst = fmt.Sprintf("%.3f", known), fmt.Sprintf("%+.4f %%", (counted/known-1)*100), fmt.Sprintf("%.4f %%", s.worst*100)
	}
	fmt.Fprintf(table, "%s\t%d\t%d\t%.3f\t%s\t%s\t%s\t%d\t\n", s.name, s.reads, s.stopped, counted, truth, drift, worst, s.last.Breaks)
}

// machineAtWork is a made machine that draws a known power: a GPU of 100 to 300 W,
// two packages and a memory of 300, 200 and 50 W, whose counters soon go round, and
// a process that is always busy.
type machineAtWork struct {
	option Option
	start  time.Time
	gpu    *fakeGPU

	mu     sync.Mutex // the counters move and are read under it
	uj     map[string]uint64
	cpu    time.Duration
	joules map[string]float64 // used so far, by method
}

const (
	zoneRange = 5_000_000_000 // µJ
	tick      = 20 * time.Millisecond
)

func newMachineAtWork(t *testing.T) *machineAtWork {
	lib := fakeGPUs(t, 1)
	w := &machineAtWork{start: time.Now(), gpu: lib.gpus[0], uj: map[string]uint64{}, joules: map[string]float64{}}
	power := map[string]float64{"intel-rapl:0": 300, "intel-rapl:1": 200, "intel-rapl:1:0": 50}
	sys := raplTree(t, map[string]string{
		"intel-rapl:0":   fmt.Sprintf("package-0 0 %d", zoneRange),
		"intel-rapl:1":   fmt.Sprintf("package-1 0 %d", zoneRange),
		"intel-rapl:1:0": fmt.Sprintf("dram 0 %d", zoneRange),
	})
	for zone, watts := range power {
		w.uj[zone] = zoneRange - uint64(watts*1e6) // it goes round after a second
		set(t, sys, zone, "energy_uj", w.uj[zone])
	}
	lib.gpus[0].GetPowerUsageFunc = func() (uint32, nvml.Return) {
		watts, _ := wave(time.Since(w.start))
		return uint32(watts*1000 + 0.5), nvml.SUCCESS
	}
	w.option = func(m *machine) {
		on(sys, lib)(m)
		m.cpuTime = func() (time.Duration, error) { return w.cpu, nil } // read under the lock
	}
	stop := poll(tick, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for zone, watts := range power {
			uj := uint64(watts * tick.Seconds() * 1e6)
			w.uj[zone] = (w.uj[zone] + uj) % zoneRange
			set(t, sys, zone, "energy_uj", w.uj[zone])
			w.joules[trial.MethodRAPL] += float64(uj) / 1e6
		}
		w.gpu.set(func(g *fakeGPU) { g.mJ += 5000 })
		w.joules[trial.MethodNVML] += 5
		w.cpu += tick
		w.joules[trial.MethodEstimate] += tick.Seconds() * unknownThread
	})
	t.Cleanup(stop)
	return w
}

// wave is the GPU's power after that time, in watts, and its integral.
func wave(passed time.Duration) (watts, joules float64) {
	const period = 10.0 // s
	s, w := passed.Seconds(), 2*math.Pi/period
	return 200 + 100*math.Sin(w*s), 200*s + 100/w*(1-math.Cos(w*s))
}

// during calls f, which reads a meter of that method, and returns what the machine
// had used meanwhile.
func (w *machineAtWork) during(method string, f func()) (truth interval) {
	if w == nil {
		f()
		return truth
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, before := wave(time.Since(w.start))
	f()
	_, after := wave(time.Since(w.start))
	for part := range strings.SplitSeq(method, "+") {
		if part == trial.MethodNVMLPower {
			truth.low, truth.high = truth.low+before, truth.high+after
			continue
		}
		truth.low, truth.high = truth.low+w.joules[part], truth.high+w.joules[part]
	}
	return truth
}
