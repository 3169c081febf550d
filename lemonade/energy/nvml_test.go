package energy

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestVisibleGPUs(t *testing.T) {
	lib := fakeGPUs(t, 3) // with 1, 10 and 100 J
	uuid := lib.gpus[1].UUID
	byUUID := lib.DeviceGetHandleByUUIDFunc
	lib.DeviceGetHandleByUUIDFunc = func(name string) (nvml.Device, nvml.Return) {
		if name != "MIG-1234" {
			return byUUID(name)
		}
		return &mock.Device{GetDeviceHandleFromMigDeviceHandleFunc: func() (nvml.Device, nvml.Return) {
			return lib.Devices[2], nvml.SUCCESS
		}}, nvml.SUCCESS
	}
	for _, test := range []struct {
		name    string
		visible string // "-" leaves it unset
		want    float64
		note    string
	}{
		{"all", "-", 111, ""},
		{"one", "1", 10, ""},
		{"two", "2, 0", 101, ""},
		{"one twice", "1,1", 10, ""},
		{"by UUID", uuid, 10, ""},
		{"by the beginning of a UUID", uuid[:12], 10, ""},
		{"wrong number ends the list", "0,7,1", 1, ""},
		{"wrong name ends the list", "0,GPU-none,1", 1, ""},
		{"slice under MIG", "MIG-1234", 100, ""},
		{"slice and GPU", "MIG-1234,0", 101, ""},
		{"unknown slice", "0,MIG-9999", 111, "which GPU MIG-9999 is a slice of is unknown: all are counted"},
		{"hidden", "", 0, ""},
		{"hidden by -1", "-1,0", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			if test.visible != "-" {
				t.Setenv("CUDA_VISIBLE_DEVICES", test.visible)
			}
			if test.want == 0 {
				if _, err := Open(on(t.TempDir(), lib), Method("nvml-counter")); err == nil || !strings.Contains(err.Error(), "not on this machine: no visible NVIDIA GPU") {
					t.Errorf("error %v", err)
				}
				return
			}
			meter := open(t, on(t.TempDir(), lib), Method("nvml-counter"))
			if r := joules(t, meter); r != (Reading{GPU: test.want}) {
				t.Errorf("%+v; want %g J", r, test.want)
			}
			if note := meter.About().Note; !strings.Contains(note, test.note) || test.note == "" && strings.Contains(note, "unknown") {
				t.Errorf("note %q; want %q", note, test.note)
			}
		})
	}
}

func TestGPUReadFailures(t *testing.T) {
	clean(t)
	lib := fakeGPUs(t, 2)
	meter := open(t, on(t.TempDir(), lib), Method("nvml-counter"))
	lib.gpus[0].set(func(g *fakeGPU) { g.mJ += 5000 })
	lib.gpus[1].set(func(g *fakeGPU) { g.counter = nvml.ERROR_GPU_IS_LOST })
	if r, err := meter.Read(); err == nil || r != (Reading{}) || !strings.Contains(err.Error(), "GPU 1 (NVIDIA A100-PCIE-40GB): energy counter: ") {
		t.Errorf("%+v, %v", r, err)
	}
	lib.gpus[1].set(func(g *fakeGPU) { g.counter = nvml.SUCCESS })
	if r := joules(t, meter); r != (Reading{GPU: 16}) {
		t.Errorf("after it came back: %+v; want the first GPU's 5 J counted once, and no break", r)
	}
}

// TestGPUIsShared: About tells with whom the GPUs are shared when it is asked.
func TestGPUIsShared(t *testing.T) {
	clean(t)
	lib := fakeGPUs(t, 2)
	meter := open(t, on(t.TempDir(), lib), Method("nvml-counter"))
	me := nvml.ProcessInfo{Pid: uint32(os.Getpid())}
	process := func(n int) nvml.ProcessInfo { return nvml.ProcessInfo{Pid: uint32(os.Getpid() + n)} }
	const alone = "GPU: whole device, NVIDIA A100-PCIE-40GB, NVIDIA A100-PCIE-40GB"
	for _, test := range []struct {
		name   string
		change func(g *fakeGPU)
		want   string
	}{
		{"alone", func(g *fakeGPU) { g.compute = []nvml.ProcessInfo{me} }, alone},
		{"another computes", func(g *fakeGPU) { g.compute = []nvml.ProcessInfo{me, process(1)} },
			alone + "; GPU 1 is shared with another process (counted too)"},
		{"perhaps this one", func(g *fakeGPU) { g.compute = []nvml.ProcessInfo{process(1)} },
			alone + "; GPU 1 is shared with another process (counted too) unless that is this one by another number, as in a container"},
		{"others draw", func(g *fakeGPU) { g.graphics = []nvml.ProcessInfo{process(1), process(2), me} },
			alone + "; GPU 1 is shared with 2 other processes (counted too)"},
		{"MIG", func(g *fakeGPU) { g.SetMigMode(nvml.DEVICE_MIG_ENABLE) },
			alone + "; GPU 1 is split by MIG (the other slices are counted too) and shared with 2 other processes (counted too)"},
		{"no list", func(g *fakeGPU) { g.processes = nvml.ERROR_NOT_SUPPORTED },
			alone + "; GPU 1 is split by MIG (the other slices are counted too)"},
	} {
		lib.gpus[1].set(test.change)
		if got := meter.About().Note; got != test.want {
			t.Errorf("%s: note %q\nwant %q", test.name, got, test.want)
		}
	}
}

// TestPowerIsIntegrated holds the integral against one that is known: a power that
// rises evenly is integrated exactly by the trapezoidal rule.
func TestPowerIsIntegrated(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		lib := fakeGPUs(t, 2)
		start := time.Now()
		for _, g := range lib.gpus {
			g.counter = nvml.ERROR_NOT_SUPPORTED
			g.GetPowerUsageFunc = func() (uint32, nvml.Return) { // 50 W, and 10 W more each second
				return uint32(50_000 + 10_000*time.Since(start).Seconds() + 0.5), nvml.SUCCESS
			}
		}
		meter := open(t, on(t.TempDir(), lib), Method("nvml-power"))
		if meter.Method() != trial.MethodNVMLPower {
			t.Fatalf("method %q", meter.Method())
		}
		time.Sleep(10*time.Second + 7*time.Millisecond)
		s := time.Since(start).Seconds()
		if r, want := joules(t, meter), 2*(50*s+5*s*s); r.Breaks != 0 || r.GPU < want*0.99999 || r.GPU > want*1.00001 {
			t.Errorf("%+v; want %g J", r, want)
		}
	})
}

// TestPowerBreaks: of the time around a poll that fails nothing is known.
func TestPowerBreaks(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		lib := fakeGPUs(t, 1)
		gpu := lib.gpus[0]
		gpu.counter, gpu.mW = nvml.ERROR_NOT_SUPPORTED, 100_000
		meter := open(t, on(t.TempDir(), lib), Method("nvml-power"))
		over, err := Start(meter)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if e, err := over.Stop(); err != nil || !near(e.Joules, 100) {
			t.Fatalf("before: %+v, %v", e, err)
		}
		gpu.set(func(g *fakeGPU) { g.power = nvml.ERROR_UNKNOWN })
		time.Sleep(3 * powerPoll) // no Read is there to see it
		gpu.set(func(g *fakeGPU) { g.power = nvml.SUCCESS })
		after, err := Start(meter)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if e, err := over.Stop(); err == nil || !strings.Contains(err.Error(), "the count was lost") {
			t.Errorf("over the failure: %+v, %v", e, err)
		}
		if e, err := after.Stop(); err != nil || !near(e.Joules, 100) {
			t.Errorf("after the failure: %+v, %v; want 100 J", e, err)
		}
		if r := joules(t, meter); r.Breaks != 1 {
			t.Errorf("%d breaks, want 1 for polls that failed in a row", r.Breaks)
		}
	})
}

// TestLatePoll: a process that was stopped for a while has not polled.
func TestLatePoll(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		lib := fakeGPUs(t, 1)
		lib.gpus[0].counter, lib.gpus[0].mW = nvml.ERROR_NOT_SUPPORTED, 100_000
		meter := open(t, on(t.TempDir(), lib), Method("nvml-power"))
		g := meter.(*gpuMeter)
		g.stop()
		g.stop = func() {}
		time.Sleep(powerGap)
		if r := joules(t, meter); r != (Reading{GPU: 100}) {
			t.Errorf("%+v after %v; want 100 J", r, powerGap)
		}
		time.Sleep(powerGap + 1)
		if r := joules(t, meter); r != (Reading{GPU: 100, Breaks: 1}) {
			t.Errorf("%+v after more than %v; want a break and no energy for that time", r, powerGap)
		}
	})
}

// TestCounterReset: of two GPUs one starts from 0, as when its driver is loaded anew.
func TestCounterReset(t *testing.T) {
	clean(t)
	lib := fakeGPUs(t, 2)
	meter := open(t, on(t.TempDir(), lib), Method("nvml-counter"))
	for _, step := range []struct {
		mJ   [2]uint64
		want Reading
	}{
		{[2]uint64{2000, 10000}, Reading{GPU: 12}},
		{[2]uint64{2000, 0}, Reading{GPU: 12, Breaks: 1}},
		{[2]uint64{3000, 500}, Reading{GPU: 13.5, Breaks: 1}},
		{[2]uint64{0, 0}, Reading{GPU: 13.5, Breaks: 2}},
		{[2]uint64{1000, 1000}, Reading{GPU: 15.5, Breaks: 2}},
	} {
		for i, g := range lib.gpus {
			g.set(func(g *fakeGPU) { g.mJ = step.mJ[i] })
		}
		if r := joules(t, meter); r != step.want {
			t.Errorf("at %v mJ: %+v, want %+v", step.mJ, r, step.want)
		}
	}
}
