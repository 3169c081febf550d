package energy

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRAPLCountsPackagesAndMemoryOnce(t *testing.T) {
	clean(t)
	zones := map[string]string{
		"intel-rapl:0":      "package-0 1000000 262143328850",
		"intel-rapl:1":      "package-1-die-0 2000000 262143328850",
		"intel-rapl:0:0":    "core 5 262143328850",
		"intel-rapl:0:1":    "uncore 5 262143328850",
		"intel-rapl:0:2":    "dram 3000000 65712999613",
		"intel-rapl:1:0":    "dram 4000000 65712999613",
		"intel-rapl:2":      "psys 5 262143328850",
		"intel-rapl-mmio:0": "package-0 1000000 262143328850",
	}
	sys := raplTree(t, zones)
	meter := open(t, on(sys, nil), CPUOnly())
	for zone, uj := range map[string]int{
		"intel-rapl:0": 2e6, "intel-rapl:1": 4e6, "intel-rapl:0:2": 6e6, "intel-rapl:1:0": 8e6,
		"intel-rapl:0:0": 9e9, "intel-rapl:0:1": 9e9, "intel-rapl:2": 9e9, "intel-rapl-mmio:0": 9e9,
	} {
		set(t, sys, zone, "energy_uj", uj)
	}
	if r := joules(t, meter); r != (Reading{CPU: 10}) {
		t.Errorf("%+v; want 1 + 2 + 3 + 4 J", r)
	}
	if note := meter.About().Note; note != "CPU: whole processor, packages 2, and its memory; other programs are counted too" {
		t.Errorf("note %q", note)
	}
	if got := meter.(*raplMeter).unseen.Truncate(time.Second); got != 65*time.Second {
		t.Errorf("the smallest counter may go round after %v, want 65 s", got)
	}
	meter = open(t, on(raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"}), nil), CPUOnly())
	if note := meter.About().Note; note != "CPU: whole processor, packages 1, without its memory; other programs are counted too" {
		t.Errorf("note %q", note)
	}
}

// TestRAPLCounter takes a counter of 1000 J, which may go round in 1 s and is read
// every 0.25 s, through two steps between every two reads in the background, at other
// moments than those.
func TestRAPLCounter(t *testing.T) {
	var twice []int // 2000 J by 50 J
	for joules := 1000; joules <= 2950; joules += 50 {
		twice = append(twice, joules%1000)
	}
	for _, test := range []struct {
		name  string
		start int
		steps []int // joules that the counter shows
		want  Reading
	}{
		{"goes on", 100, []int{105, 105, 140, 180}, Reading{CPU: 80}},
		{"goes round", 950, []int{990, 30, 50}, Reading{CPU: 100}},
		{"goes round to 0", 950, []int{990, 0, 1}, Reading{CPU: 51}},
		{"goes round twice", 950, twice, Reading{CPU: 2000}},
		{"is reset", 500, []int{510, 0, 10}, Reading{CPU: 20, Breaks: 1}},
		{"is reset and has gone on", 500, []int{510, 50, 60}, Reading{CPU: 20, Breaks: 1}},
		{"leaps", 100, []int{110, 700, 710}, Reading{CPU: 20, Breaks: 1}},
		{"is above its range", 100, []int{110, 1200, 5, 15}, Reading{CPU: 20, Breaks: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			synctest.Test(t, func(t *testing.T) {
				sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 1000000000"})
				set(t, sys, "intel-rapl:0", "energy_uj", test.start*1e6)
				meter := open(t, on(sys, nil), CPUOnly())
				time.Sleep(60 * time.Millisecond)
				for _, joule := range test.steps {
					set(t, sys, "intel-rapl:0", "energy_uj", joule*1e6)
					joules(t, meter)
					time.Sleep(125 * time.Millisecond)
				}
				if r := joules(t, meter); r != test.want {
					t.Errorf("%+v, want %+v", r, test.want)
				}
			})
		})
	}
}

// TestRAPLIsReadInTheBackground: a counter that goes round between two calls of Read
// is seen to.
func TestRAPLIsReadInTheBackground(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 1000000000"})
		meter := open(t, on(sys, nil), CPUOnly())
		time.Sleep(100 * time.Millisecond) // so that no write is at the moment of a poll
		for i := range 200 {               // 100 s at 300 W: thirty times round
			set(t, sys, "intel-rapl:0", "energy_uj", (i+1)*150e6%1000e6)
			time.Sleep(500 * time.Millisecond)
		}
		if r := joules(t, meter); r != (Reading{CPU: 30000}) {
			t.Errorf("%+v, want 30,000 J", r)
		}
	})
}

func TestRAPLVanishes(t *testing.T) {
	for _, test := range []struct {
		name   string
		absent time.Duration
	}{{"shortly", 100 * time.Millisecond}, {"for longer than the counters can be left", 300 * time.Second}} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			synctest.Test(t, func(t *testing.T) {
				sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850", "intel-rapl:1": "package-1 0 262143328850"})
				meter := open(t, on(sys, nil), CPUOnly())
				over, err := Start(meter)
				if err != nil {
					t.Fatal(err)
				}
				set(t, sys, "intel-rapl:0", "energy_uj", 5000000)
				if err := os.Remove(filepath.Join(sys, "class/powercap/intel-rapl:1/energy_uj")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.absent)
				if r, err := meter.Read(); err == nil || r != (Reading{}) || !strings.Contains(err.Error(), "intel-rapl:1/energy_uj: no such file") {
					t.Errorf("%+v, %v", r, err)
				}
				if e, err := over.Stop(); err == nil || e != (Energy{}) {
					t.Errorf("a window's end: %+v, %v", e, err)
				}
				set(t, sys, "intel-rapl:1", "energy_uj", 1000000)
				after, err := Start(meter)
				if err != nil {
					t.Fatalf("after it came back: %v", err)
				}
				time.Sleep(time.Second)
				set(t, sys, "intel-rapl:1", "energy_uj", 8000000)
				if e, err := after.Stop(); err != nil || e.Joules != 7 {
					t.Errorf("a window after it came back: %+v, %v; want 7 J", e, err)
				}
				if e, err := over.Stop(); err == nil || !strings.Contains(err.Error(), "the count was lost") {
					t.Errorf("a window over it: %+v, %v", e, err)
				}
			})
		})
	}
}

// TestRAPLReadFails: a counter goes on while it cannot be read, so that nothing is
// lost unless it may have gone round.
func TestRAPLReadFails(t *testing.T) {
	for _, test := range []struct {
		name string
		long time.Duration
		want Reading
	}{
		{"for a moment", 10 * time.Second, Reading{CPU: 9}},
		{"for too long", 300 * time.Second, Reading{Breaks: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			synctest.Test(t, func(t *testing.T) {
				sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
				meter := open(t, on(sys, nil), CPUOnly())
				set(t, sys, "intel-rapl:0", "energy_uj", "")
				time.Sleep(test.long)
				if r, err := meter.Read(); err == nil || r != (Reading{}) || !strings.Contains(err.Error(), "energy counter") {
					t.Errorf("%+v, %v", r, err)
				}
				set(t, sys, "intel-rapl:0", "energy_uj", 9000000)
				if r := joules(t, meter); r != test.want {
					t.Errorf("afterwards: %+v, want %+v", r, test.want)
				}
			})
		})
	}
}

func TestRAPLCannotBeOpened(t *testing.T) {
	for _, test := range []struct{ name, zone, value, want string }{
		{"unknown range", "intel-rapl:0", "package-0 0 0", "max_energy_range_uj is 0"},
		{"no package", "intel-rapl:0", "psys 0 100", "no package zone"},
		{"memory alone", "intel-rapl:0", "dram 0 100", "no package zone"},
		{"no number", "intel-rapl:0", "package-0 much 100", "energy counter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			sys := raplTree(t, map[string]string{test.zone: test.value})
			if _, err := Open(on(sys, nil), CPUOnly(), Method("rapl")); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q in it", err, test.want)
			}
		})
	}
}

// TestRAPLIsForbidden: on most machines only root may read the counters. The test
// reads as a stranger where it is run by root.
func TestRAPLIsForbidden(t *testing.T) {
	for _, file := range []string{"energy_uj", "max_energy_range_uj"} {
		t.Run(file, func(t *testing.T) {
			clean(t)
			sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 100000000"})
			zone := filepath.Join(sys, "class/powercap/intel-rapl:0")
			if err := errors.Join(os.Chmod(filepath.Join(zone, file), 0), os.Chmod(filepath.Dir(sys), 0o755)); err != nil { // TempDir lies in a folder that is closed to others
				t.Fatal(err)
			}
			var meter Meter
			var err, forced, name error
			asStranger(func() {
				_, name = os.ReadFile(filepath.Join(zone, "name"))
				_, forced = Open(on(sys, nil), CPUOnly(), Method("rapl"))
				meter, err = Open(on(sys, nil), CPUOnly())
			})
			if name != nil {
				t.Skipf("the folder for temporary files is closed to others: %v", name)
			}
			mend := "sudo chmod a+r " + sys + "/class/powercap/intel-rapl:*/*energy*_uj"
			if forced == nil || !strings.Contains(forced.Error(), mend) {
				t.Errorf("error %v; want %q in it", forced, mend)
			}
			if err != nil || meter.Method() != "estimate" || !strings.Contains(meter.About().Note, mend) {
				t.Errorf("Open = %v, %v; want the estimate, with the mend in its note", meter, err)
			}
		})
	}
}

// asStranger runs f in a thread that may read what everyone may.
func asStranger(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			if err := syscall.Setfsuid(65534); err != nil {
				panic(err)
			}
		}
		f()
	}()
	<-done
}
