package energy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/gpus"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"
)

// clean unsets what in the environment changes a meter.
func clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{"LEMONADE_METER", "LEMONADE_CPU_TDP", "LEMONADE_SYSFS", "CUDA_VISIBLE_DEVICES"} {
		t.Setenv(name, "") // so that its value comes back after the test
		os.Unsetenv(name)
	}
}

// on returns an option for a machine with that sysfs, that NVML and an unknown processor.
func on(sys string, lib nvml.Interface) Option {
	return func(m *machine) { m.sys, m.nvml, m.cpuinfo = sys, lib, filepath.Join(sys, "cpuinfo") }
}

// fakeLibrary is an NVML whose GPUs a test sets. Calling it after it was shut down
// fails the test.
type fakeLibrary struct {
	*server.Server
	gpus []*fakeGPU
}

// fakeGPU answers as a test sets it.
type fakeGPU struct {
	*server.Device
	mu                  sync.Mutex
	mJ                  uint64
	mW                  uint32
	counter, power      nvml.Return // of reading mJ and mW
	compute, graphics   []nvml.ProcessInfo
	processes, clockRet nvml.Return
	sm                  uint32
	reasons             uint64
	busy                uint32 // per cent
	busyRet             nvml.Return
}

// set changes the GPU.
func (g *fakeGPU) set(change func(*fakeGPU)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// fakeGPUs makes n A100s, whose counters stand at 1, 10, 100, … J.
func fakeGPUs(t *testing.T, n int) *fakeLibrary {
	lib := &fakeLibrary{Server: dgxa100.NewWithGPUs(gpus.Multiple(n, gpus.A100_PCIE_40GB)...)}
	open := 0
	var mu sync.Mutex
	lib.InitFunc = func() nvml.Return { mu.Lock(); defer mu.Unlock(); open++; return nvml.SUCCESS }
	lib.ShutdownFunc = func() nvml.Return { mu.Lock(); defer mu.Unlock(); open--; return nvml.SUCCESS }
	mJ := uint64(1000)
	for _, d := range lib.Devices {
		g := &fakeGPU{Device: d.(*server.Device), mJ: mJ, sm: 1410}
		used := func() {
			mu.Lock()
			defer mu.Unlock()
			if open < 1 {
				t.Error("NVML was called while it was not initialised")
			}
			g.mu.Lock() // until the answer is given
		}
		g.GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { used(); defer g.mu.Unlock(); return g.mJ, g.counter }
		g.GetPowerUsageFunc = func() (uint32, nvml.Return) { used(); defer g.mu.Unlock(); return g.mW, g.power }
		g.GetComputeRunningProcessesFunc = func() ([]nvml.ProcessInfo, nvml.Return) {
			used()
			defer g.mu.Unlock()
			return g.compute, g.processes
		}
		g.GetGraphicsRunningProcessesFunc = func() ([]nvml.ProcessInfo, nvml.Return) {
			used()
			defer g.mu.Unlock()
			return g.graphics, g.processes
		}
		g.GetClockInfoFunc = func(nvml.ClockType) (uint32, nvml.Return) { used(); defer g.mu.Unlock(); return g.sm, g.clockRet }
		g.GetCurrentClocksEventReasonsFunc = func() (uint64, nvml.Return) { used(); defer g.mu.Unlock(); return g.reasons, nvml.SUCCESS }
		g.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) {
			used()
			defer g.mu.Unlock()
			return nvml.Utilization{Gpu: g.busy}, g.busyRet
		}
		lib.gpus = append(lib.gpus, g)
		mJ *= 10
	}
	return lib
}

// noGPU is a machine without NVIDIA's driver.
func noGPU() nvml.Interface {
	lib := dgxa100.New()
	lib.InitFunc = func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }
	return lib
}

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

// set writes a zone's file as a whole, so that no reader sees a part of it.
func set(t *testing.T, sys, zone, file string, value any) {
	t.Helper()
	write(t, filepath.Join(sys, "class/powercap", zone, file), fmt.Sprintln(value))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Error(err)
	}
}

// open opens a meter that is closed after the test.
func open(t *testing.T, options ...Option) Meter {
	t.Helper()
	meter, err := Open(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := meter.Close(); err != nil {
			t.Error(err)
		}
	})
	return meter
}

// joules reads the meter.
func joules(t *testing.T, meter Meter) Reading {
	t.Helper()
	r, err := meter.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fakeMeter is a meter whose readings a test sets.
type fakeMeter struct {
	method string
	next   []Reading
	about  About
	err    error
}

func (f *fakeMeter) Method() string { return f.method }
func (f *fakeMeter) About() About   { return f.about }
func (f *fakeMeter) Close() error   { return f.err }
func (f *fakeMeter) Read() (Reading, error) {
	if f.err != nil {
		return Reading{}, f.err
	}
	r := f.next[0]
	f.next = f.next[1:]
	return r, nil
}

// cpuTime has the estimate's CPU time told by f.
func cpuTime(f func() (time.Duration, error)) Option { return func(m *machine) { m.cpuTime = f } }
