package energy

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEstimate holds the estimate against the clock: a busy loop takes as much
// CPU time as it lasts, at most, and waiting takes next to none.
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
	busy := measure(func() {
		for start, x := time.Now(), 1.0; time.Since(start) < 300*time.Millisecond; {
			x = math.Sqrt(x + 1)
		}
	})
	idle := measure(func() { time.Sleep(300 * time.Millisecond); burn() })
	// 10 W per thread; other tests of the process do not run beside this one.
	if busy.Joules <= 0.1 || busy.Joules > 10*busy.Seconds*1.5 {
		t.Errorf("busy for %.2f s: %.3f J at 10 W", busy.Seconds, busy.Joules)
	}
	if idle.Joules > busy.Joules/4 {
		t.Errorf("idle took %.3f J, busy %.3f J", idle.Joules, busy.Joules)
	}
	if *busy.Low != busy.Joules/2 || *busy.High != busy.Joules*2 || busy.CPU != busy.Joules || busy.GPU != 0 {
		t.Errorf("%+v", busy)
	}
	const note = "CPU: CPU time turned into energy, not measured: this process' CPU time × 10 W per hardware thread (LEMONADE_CPU_TDP 100 W over 10 threads), which may be 5 to 20 W; idle power is 0 by definition"
	if busy.Note != note {
		t.Errorf("note %q, want %q", busy.Note, note)
	}
}

// burn takes a little CPU time, for a window in which none is counted is an error.
func burn() {
	for start := time.Now(); time.Since(start) < 10*time.Millisecond; {
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
