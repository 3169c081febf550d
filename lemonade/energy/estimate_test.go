package energy

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEstimate holds the estimate against the kernel's clock of a thread that is
// busy, and against waiting, which takes next to no CPU time.
func TestEstimate(t *testing.T) {
	clean(t)
	t.Setenv("LEMONADE_CPU_TDP", "100W/10")
	m := open(t, on(t.TempDir(), nil), CPUOnly())
	measure := func(work func()) Energy {
		t.Helper()
		w, err := Start(m)
		if err != nil {
			t.Fatal(err)
		}
		work()
		e, err := w.Stop()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	// 10 W per thread; of the process nothing else runs but Go's own threads.
	busy := measure(func() { burn(t, 200*time.Millisecond) })
	if busy.Joules < 1.99 || busy.Joules > 3 {
		t.Errorf("busy for 0.2 s: %.3f J at 10 W", busy.Joules)
	}
	idle := measure(func() { time.Sleep(300 * time.Millisecond); burn(t, 20*time.Millisecond) })
	if idle.Joules < 0.19 || idle.Joules > 1 {
		t.Errorf("busy for 0.02 s, waiting for 0.3 s: %.3f J at 10 W", idle.Joules)
	}
	if *busy.Low != busy.Joules/2 || *busy.High != busy.Joules*2 || busy.CPU != busy.Joules || busy.GPU != 0 {
		t.Errorf("%+v", busy)
	}
	const note = "CPU: CPU time turned into energy, not measured: this process' CPU time × 10 W per hardware thread (LEMONADE_CPU_TDP 100 W over 10 threads), which may be 5 to 20 W; idle power is 0 by definition"
	if busy.Note != note {
		t.Errorf("note %q, want %q", busy.Note, note)
	}
}

// burn takes so much CPU time.
func burn(t *testing.T, long time.Duration) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
			t.Fatal(err)
		}
		return time.Duration(now.Nano())
	}
	for start := used(); used()-start < long; {
	}
}

func TestEstimateWithoutCPUTime(t *testing.T) {
	clean(t)
	broken := errors.New("broken")
	m := open(t, on(t.TempDir(), nil), CPUOnly(), cpuTime(func() (time.Duration, error) { return 0, broken }))
	if r, err := m.Read(); !errors.Is(err, broken) || r != (Reading{}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestThreadPower(t *testing.T) {
	known := func(watts float64) thread { return thread{watts: watts, low: 0.5, high: 2} }
	unknown := thread{watts: 3.5, low: 0.74 / 3.5, high: 8.52 / 3.5}
	for _, test := range []struct {
		model, set string
		want       thread
		source     string // "" where it is an error
	}{
		{"AMD EPYC 7763 64-Core Processor", "", known(280.0 / 128), "TDP 280 W of EPYC 7763 over 128 threads"},
		{"Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "", known(150.0 / 40), "Gold 6148"},
		{"AMD Ryzen 5 3600X 6-Core Processor", "", unknown, "unknown AMD Ryzen 5 3600X"},
		{"", "", unknown, "unknown processor: an average of cloud servers at full load"},
		{"AMD EPYC 7763 64-Core Processor", "256", known(2), "LEMONADE_CPU_TDP 256 W over 128 threads"},
		{"", "240/48", known(5), "LEMONADE_CPU_TDP 240 W over 48 threads"},
		{"", " 240 W/ 48", known(5), "LEMONADE_CPU_TDP"},
		{"", "0", thread{}, ""},
		{"", "NaN", thread{}, ""},
		{"", "65/0", thread{}, ""},
		{"", "x", thread{}, ""},
	} {
		clean(t)
		t.Setenv("LEMONADE_CPU_TDP", test.set)
		got, err := threadPower(test.model)
		if (err != nil) != (test.source == "") || !strings.Contains(got.source, test.source) {
			t.Errorf("threadPower(%q) with %q = %+v, %v", test.model, test.set, got, err)
		}
		if !near(got.watts, test.want.watts) || !near(got.low, test.want.low) || !near(got.high, test.want.high) {
			t.Errorf("threadPower(%q) with %q = %+v, want %+v", test.model, test.set, got, test.want)
		}
	}
}

func TestModelName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpuinfo")
	if err := os.WriteFile(file, []byte("processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7763 64-Core Processor\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := modelName(file); got != "AMD EPYC 7763 64-Core Processor" {
		t.Errorf("modelName = %q", got)
	}
	if got := modelName(file + ".missing"); got != "" {
		t.Errorf("modelName of no file = %q", got)
	}
	clean(t)
	if note := open(t, CPUOnly(), CPUInfo(file), Method("estimate")).About().Note; !strings.Contains(note, "2.19 W per hardware thread (TDP 280 W of EPYC 7763 over 128 threads), which may be 1.1 to 4.4 W") {
		t.Errorf("note %q", note)
	}
}
