package energy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// raplTree writes a sysfs with zones, each given as "name energy_uj
// max_energy_range_uj". The nested zones lie beside their packages, as the links
// in class/powercap do.
func raplTree(t *testing.T, zones map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	if err := os.MkdirAll(filepath.Join(sys, "class/powercap/intel-rapl"), 0o755); err != nil { // the control type, no zone
		t.Fatal(err)
	}
	for zone, values := range zones {
		fields := strings.Fields(values)
		for i, file := range []string{"name", "energy_uj", "max_energy_range_uj"} {
			set(t, sys, zone, file, fields[i])
		}
	}
	return sys
}

func set(t *testing.T, sys, zone, file, value string) {
	t.Helper()
	dir := filepath.Join(sys, "class/powercap", zone)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRAPLCountsPackagesAndMemoryOnce(t *testing.T) {
	sys := raplTree(t, map[string]string{
		"intel-rapl:0":      "package-0 1000000 262143328850",
		"intel-rapl:1":      "package-1 2000000 262143328850",
		"intel-rapl:0:0":    "core 5 262143328850",
		"intel-rapl:0:1":    "uncore 5 262143328850",
		"intel-rapl:0:2":    "dram 3000000 65712999613",
		"intel-rapl:1:0":    "dram 4000000 65712999613",
		"intel-rapl:2":      "psys 5 262143328850",
		"intel-rapl-mmio:0": "package-0 1000000 262143328850",
	})
	r, err := newRAPL(sys)
	if err != nil {
		t.Fatal(err)
	}
	for zone, uj := range map[string]uint64{
		"intel-rapl:0": 2_000_000, "intel-rapl:1": 4_000_000, "intel-rapl:0:2": 6_000_000, "intel-rapl:1:0": 8_000_000,
		"intel-rapl:0:0": 9e9, "intel-rapl:0:1": 9e9, "intel-rapl:2": 9e9, "intel-rapl-mmio:0": 9e9,
	} {
		set(t, sys, zone, "energy_uj", fmt.Sprint(uj))
	}
	if got, err := r.Joules(); err != nil || got != (Reading{Total: 10, CPU: 10}) {
		t.Errorf("Joules = %+v, %v; want 10 J", got, err)
	}
	if want := 65 * time.Second; r.unseen.Truncate(time.Second) != want {
		t.Errorf("the smallest counter may go round after %v, want %v", r.unseen, want)
	}
}

func TestRAPLWraps(t *testing.T) {
	sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 90000000 100000000"})
	r, err := newRAPL(sys)
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return r.read } // a counter of 100 J is small, and the test may be slow
	total := 0.0
	for _, step := range []struct{ uj, joules float64 }{{95e6, 5}, {4e6, 9}, {4e6, 0}, {99e6, 95}, {0, 1}} {
		total += step.joules
		set(t, sys, "intel-rapl:0", "energy_uj", fmt.Sprintf("%.0f", step.uj))
		if got, err := r.Joules(); err != nil || got.Total != total {
			t.Fatalf("at %v µJ: %+v, %v; want %v J", step.uj, got, err, total)
		}
	}
}

func TestRAPLPollsInTheBackground(t *testing.T) {
	// A counter of 2000 J may go round in 2 s, so that it is read every 0.5 s.
	sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 2000000000"})
	meter, err := machine{sys: sys}.openRAPL()
	if err != nil {
		t.Fatal(err)
	}
	set(t, sys, "intel-rapl:0", "energy_uj", "300000000")
	time.Sleep(1200 * time.Millisecond)
	r := meter.(*raplMeter)
	r.mu.Lock()
	seen := r.joules
	r.mu.Unlock()
	if seen < 300 {
		t.Errorf("counted %v J without a call of Joules, want 300", seen)
	}
	time.Sleep(1200 * time.Millisecond) // longer than the counter may be left, but for the goroutine
	if got, err := meter.Joules(); err != nil || got.Total != 300 {
		t.Errorf("Joules = %+v, %v; want 300", got, err)
	}
}

func TestRAPLFaults(t *testing.T) {
	t.Run("a gap is an error", func(t *testing.T) {
		r, err := newRAPL(raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 100000000"}))
		if err != nil {
			t.Fatal(err)
		}
		r.now = func() time.Time { return time.Now().Add(time.Minute) }
		if got, err := r.Joules(); err == nil || got != (Reading{}) {
			t.Errorf("Joules = %+v, %v", got, err)
		}
	})
	t.Run("a counter that vanishes is an error", func(t *testing.T) {
		sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850", "intel-rapl:1": "package-1 0 262143328850"})
		r, err := newRAPL(sys)
		if err != nil {
			t.Fatal(err)
		}
		set(t, sys, "intel-rapl:0", "energy_uj", "5000000")
		if err := os.Remove(filepath.Join(sys, "class/powercap/intel-rapl:1/energy_uj")); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Joules(); err == nil || got != (Reading{}) {
			t.Errorf("Joules = %+v, %v", got, err)
		}
		set(t, sys, "intel-rapl:1", "energy_uj", "1000000")
		if got, err := r.Joules(); err != nil || got.Total != 6 {
			t.Errorf("after it came back: %+v, %v; want 6 J", got, err)
		}
	})
	for _, test := range []struct{ name, zone, value, want string }{
		{"unknown range", "intel-rapl:0", "package-0 0 0", "max_energy_range_uj is 0"},
		{"no package", "intel-rapl:0", "psys 0 100", "no package zone"},
		{"no number", "intel-rapl:0", "package-0 much 100", "energy counter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := newRAPL(raplTree(t, map[string]string{test.zone: test.value})); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q in it", err, test.want)
			}
		})
	}
	t.Run("not readable", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may read everything")
		}
		sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 100000000"})
		if err := os.Chmod(filepath.Join(sys, "class/powercap/intel-rapl:0/energy_uj"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := newRAPL(sys); err == nil || !strings.Contains(err.Error(), "sudo chmod") {
			t.Errorf("error %v", err)
		}
		clean(t)
		m, err := Open(on(sys, nil), CPUOnly())
		if err != nil || m.Method() != "estimate" || !strings.Contains(noteOf(m), "sudo chmod") {
			t.Errorf("Open = %v, %v", m, err)
		}
	})
}
