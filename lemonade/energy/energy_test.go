package energy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestOpen(t *testing.T) {
	rapl := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	none := t.TempDir()
	gpu := func(counter, power nvml.Return) nvml.Interface {
		lib := fakeGPUs(t, 2)
		lib.gpus[1].counter, lib.gpus[1].power = counter, power
		return lib
	}
	counting := gpu(nvml.SUCCESS, nvml.SUCCESS)
	mixed := gpu(nvml.ERROR_NOT_SUPPORTED, nvml.SUCCESS)
	dumb := gpu(nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NOT_SUPPORTED)
	broken := fakeGPUs(t, 1)
	broken.InitFunc = func() nvml.Return { return nvml.ERROR_LIB_RM_VERSION_MISMATCH }
	for _, test := range []struct {
		name          string
		option, asked string // by option, by LEMONADE_METER
		sys           string
		lib           nvml.Interface
		want          string
		wantErr       string
	}{
		{"nothing", "", "", none, noGPU(), "estimate", ""},
		{"counters", "", "", rapl, noGPU(), "rapl", ""},
		{"GPU", "", "", none, counting, "nvml-counter+estimate", ""},
		{"GPU and counters", "", "", rapl, counting, "nvml-counter+rapl", ""},
		{"one of the GPUs without a counter", "", "", rapl, mixed, "nvml-power+rapl", ""},
		{"the same without counters of the processor", "", "", none, mixed, "nvml-power+estimate", ""},
		{"GPU without power", "", "", rapl, dumb, "", "GPU 1 (NVIDIA A100-PCIE-40GB): no energy counter (it needs Volta or newer), and its power cannot be read: "},
		{"GPU of another driver", "", "", rapl, broken, "", "set LEMONADE_METER=rapl to count the processor alone"},

		{"estimate wanted", "", "estimate", rapl, counting, "estimate", ""},
		{"GPU alone wanted", "", "nvml-counter", rapl, counting, "nvml-counter", ""},
		{"power alone wanted", "", "nvml-power", rapl, mixed, "nvml-power", ""},
		{"worse sum wanted", "", "nvml-counter+estimate", rapl, counting, "nvml-counter+estimate", ""},
		{"sum the other way round", "", "rapl+nvml-counter", rapl, counting, "nvml-counter+rapl", ""},
		{"option", "estimate", "", rapl, counting, "estimate", ""},
		{"option over environment", "rapl", "estimate", rapl, counting, "rapl", ""},
		{"option over a wrong environment", "rapl", "wattmeter", rapl, counting, "rapl", ""},

		{"not there, by environment", "", "rapl", none, counting, "", "LEMONADE_METER=rapl: not on this machine: no "},
		{"not there, by option", "rapl", "estimate", none, counting, "", "meter rapl, asked for by option: not on this machine: no "},
		{"GPU not there", "", "nvml-counter", rapl, noGPU(), "", "not on this machine"},
		{"counter not there", "", "nvml-counter", rapl, mixed, "", "GPU 1 (NVIDIA A100-PCIE-40GB): no energy counter (it needs Volta or newer); take nvml-power"},
		{"power not needed", "", "nvml-power+rapl", rapl, counting, "", "take nvml-counter"},
		{"half a sum not there", "", "nvml-counter+rapl", none, counting, "", "not on this machine"},
		{"unknown", "", "wattmeter", rapl, counting, "", `LEMONADE_METER=wattmeter: unknown meter "wattmeter"`},
		{"unknown, by option", "watt", "", rapl, counting, "", `meter watt, asked for by option: unknown meter "watt"`},
		{"processor counted twice", "", "rapl+estimate", rapl, counting, "", "rapl and estimate count the same"},
		{"GPU counted twice", "", "nvml-counter+nvml-counter", rapl, counting, "", "count the same"},
		{"empty part", "", "rapl+", rapl, counting, "", `unknown meter ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			t.Setenv("LEMONADE_METER", test.asked)
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
				m, err := Open(on(test.sys, test.lib), Method(test.option))
				if test.wantErr != "" {
					if err == nil || m != nil || !strings.Contains(err.Error(), test.wantErr) {
						t.Errorf("%v, %v; want %q in the error", m, err, test.wantErr)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if m.Method() != test.want {
					t.Errorf("method %q, want %q", m.Method(), test.want)
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
	for name, lib := range map[string]nvml.Interface{"counting": counting, "mixed": mixed, "dumb": dumb} {
		if lib := lib.(*fakeLibrary); len(lib.InitCalls()) != len(lib.ShutdownCalls()) {
			t.Errorf("%s: NVML was initialised %d times and shut down %d times", name, len(lib.InitCalls()), len(lib.ShutdownCalls()))
		}
	}
}

func TestCPUOnly(t *testing.T) {
	clean(t)
	rapl := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	if m := open(t, on(rapl, fakeGPUs(t, 1)), CPUOnly()); m.Method() != "rapl" {
		t.Errorf("method %q", m.Method())
	}
	if _, err := Open(on(rapl, fakeGPUs(t, 1)), CPUOnly(), Method("nvml-counter")); err == nil || !strings.Contains(err.Error(), "the GPUs are left out") {
		t.Errorf("error %v", err)
	}
}

// TestSysFSElsewhere: a container may have the host's /sys under another name.
func TestSysFSElsewhere(t *testing.T) {
	clean(t)
	rapl := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	t.Setenv("LEMONADE_SYSFS", rapl)
	if m := open(t, CPUOnly()); m.Method() != "rapl" {
		t.Errorf("LEMONADE_SYSFS: method %q", m.Method())
	}
	t.Setenv("LEMONADE_SYSFS", filepath.Join(rapl, "missing"))
	if m := open(t, CPUOnly(), SysFS(rapl)); m.Method() != "rapl" {
		t.Errorf("SysFS: method %q", m.Method())
	}
	m := open(t, CPUOnly())
	if note := m.About().Note; m.Method() != "estimate" || !strings.Contains(note, "missing") {
		t.Errorf("a wrong folder: method %q, note %q", m.Method(), note)
	}
}

func TestOpenRefusesAWrongTDP(t *testing.T) {
	clean(t)
	t.Setenv("LEMONADE_CPU_TDP", "many")
	lib := fakeGPUs(t, 1)
	for _, options := range [][]Option{{CPUOnly()}, {Method("nvml-counter+estimate")}} {
		if _, err := Open(append(options, on(t.TempDir(), lib))...); err == nil || !strings.Contains(err.Error(), "LEMONADE_CPU_TDP=many") {
			t.Errorf("error %v", err)
		}
	}
	if len(lib.InitCalls()) != len(lib.ShutdownCalls()) {
		t.Error("the half that could be opened was left open")
	}
}

func TestSum(t *testing.T) {
	gpu := &fakeMeter{method: trial.MethodNVML, about: About{Note: "GPU", Step: time.Second}, next: []Reading{{GPU: 30, Breaks: 1}, {GPU: 31}}}
	cpu := &fakeMeter{method: trial.MethodEstimate, about: About{Note: "CPU", Step: time.Millisecond, Low: 0.5, High: 2}, next: []Reading{{CPU: 12, Breaks: 2}}}
	s := sum{gpu, cpu}
	if r := joules(t, s); r != (Reading{CPU: 12, GPU: 30, Breaks: 3}) || r.Total() != 42 {
		t.Errorf("%+v", r)
	}
	if about := s.About(); about != (About{Note: "GPU; CPU", Step: time.Second, Low: 0.5, High: 2}) {
		t.Errorf("%+v", about)
	}
	cpu.err = errors.New("broken")
	if r, err := s.Read(); !errors.Is(err, cpu.err) || r != (Reading{}) {
		t.Errorf("half a sum: %+v, %v", r, err)
	}
	if err := s.Close(); !errors.Is(err, cpu.err) {
		t.Errorf("Close: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	rapl := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	mixed := fakeGPUs(t, 2)
	mixed.gpus[0].counter = nvml.ERROR_NOT_SUPPORTED
	none := t.TempDir()
	for _, test := range []struct {
		name    string
		env     string
		options []Option
		want    []string // the beginning of each line
	}{
		{"nothing", "", []Option{on(none, noGPU())}, []string{
			"meter estimate: CPU: CPU time turned into energy, not measured",
			"nvml-counter: not on this machine: NVIDIA's management library: ",
			"nvml-power: not on this machine: NVIDIA's management library: ",
			"rapl: not on this machine: no " + none + "/class/powercap (a virtual machine",
		}},
		{"everything", "", []Option{on(rapl, fakeGPUs(t, 1))}, []string{
			"meter nvml-counter+rapl: GPU: whole device, NVIDIA A100-PCIE-40GB; CPU: whole processor",
			"nvml-power: not needed: the GPUs have energy counters",
			"estimate: is not needed, since the processor's energy is counted",
		}},
		{"an old GPU", "", []Option{on(none, mixed)}, []string{
			"meter nvml-power+estimate: GPU: whole device, NVIDIA A100-PCIE-40GB, NVIDIA A100-PCIE-40GB; no energy counter in GPU 0 (NVIDIA A100-PCIE-40GB): its power is polled every 50ms and integrated; CPU: CPU time",
			"nvml-counter: GPU 0 (NVIDIA A100-PCIE-40GB): no energy counter",
			"rapl: not on this machine",
		}},
		{"asked for", "estimate", []Option{on(rapl, fakeGPUs(t, 1))}, []string{
			"meter estimate (LEMONADE_METER=estimate): CPU",
			"nvml-counter: is there, but LEMONADE_METER=estimate asks for another",
			"nvml-power: not needed",
			"rapl: is there, but LEMONADE_METER=estimate asks for another",
		}},
		{"on the CPU", "", []Option{on(rapl, fakeGPUs(t, 1)), CPUOnly()}, []string{
			"meter rapl: CPU",
			"nvml-counter: not on this machine: the work is on the CPU, and the GPUs are left out",
			"nvml-power: not on this machine: the work is on the CPU, and the GPUs are left out",
			"estimate: is not needed",
		}},
		{"asked for and not there", "rapl", []Option{on(none, noGPU())}, []string{
			"no meter: LEMONADE_METER=rapl: not on this machine",
			"nvml-counter: not on this machine",
			"nvml-power: not on this machine",
			"rapl: not on this machine",
			"estimate: is there, but LEMONADE_METER=rapl asks for another",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			t.Setenv("LEMONADE_METER", test.env)
			got := Describe(test.options...)
			for i := range max(len(got), len(test.want)) {
				if i >= len(got) || i >= len(test.want) || !strings.HasPrefix(got[i], test.want[i]) {
					t.Fatalf("line %d of\n%s\nwant\n%s", i+1, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
				}
			}
		})
	}
}

func TestClocks(t *testing.T) {
	clean(t)
	sys := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	for core, kHz := range map[string]string{"cpu0": "1200000", "cpu1": "3450000", "cpu12": "800000", "cpu3": "<unknown>"} {
		write(t, filepath.Join(sys, "devices/system/cpu", core, "cpufreq/scaling_cur_freq"), kHz+"\n")
	}
	lib := fakeGPUs(t, 3)
	lib.gpus[1].clockRet = nvml.ERROR_NOT_SUPPORTED
	lib.gpus[2].sm, lib.gpus[2].reasons = 600, nvml.ClocksEventReasonSwPowerCap|nvml.ClocksEventReasonGpuIdle|nvml.ClocksEventReasonSwThermalSlowdown
	want := []Clock{{"GPU 0", 1410, ""}, {"GPU 2", 600, "power cap, heat"}, {"CPU", 3450, ""}}
	check := func(meter Meter, want []Clock) {
		t.Helper()
		got := Clocks(meter)
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", meter.Method(), got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", meter.Method(), got[i], want[i])
			}
		}
	}
	check(open(t, on(sys, lib)), want)
	check(open(t, on(sys, lib), Method("estimate")), want[2:])
	check(open(t, on(t.TempDir(), lib), Method("estimate")), nil)
	check(&fakeMeter{}, nil)

	// A driver that is older than the function's new name.
	lib.LookupSymbolFunc = func(name string) error {
		if name == "nvmlDeviceGetCurrentClocksEventReasons" {
			return errors.New("no such symbol")
		}
		return nil
	}
	for _, g := range lib.gpus {
		g.GetCurrentClocksEventReasonsFunc = nil // a call would end the process
		g.GetCurrentClocksThrottleReasonsFunc = func() (uint64, nvml.Return) { return g.reasons, nvml.SUCCESS }
	}
	check(open(t, on(sys, lib)), want)
	lib.LookupSymbolFunc = func(string) error { return errors.New("no such symbol") }
	check(open(t, on(sys, lib), Method("nvml-counter")), []Clock{{"GPU 0", 1410, ""}, {"GPU 2", 600, ""}})
}

func TestUtilization(t *testing.T) {
	clean(t)
	lib := fakeGPUs(t, 2)
	lib.gpus[0].busy, lib.gpus[1].busy = 100, 50
	meter := open(t, on(t.TempDir(), lib))
	if share, ok := Utilization(meter); share != 0.75 || !ok {
		t.Errorf("%v, %v; want the mean, 0.75", share, ok)
	}
	lib.gpus[1].busyRet = nvml.ERROR_NOT_SUPPORTED
	if share, ok := Utilization(meter); share != 0 || ok {
		t.Errorf("%v, %v where one does not tell", share, ok)
	}
	if share, ok := Utilization(open(t, on(t.TempDir(), nil), CPUOnly())); share != 0 || ok {
		t.Errorf("%v, %v without a GPU", share, ok)
	}
}

func TestDeviceMemory(t *testing.T) {
	me, other := uint32(os.Getpid()), uint32(os.Getpid()+1)
	for _, test := range []struct {
		name      string
		processes [2][]nvml.ProcessInfo // of each GPU
		ret       nvml.Return
		want      uint64
		ok        bool
		note      string
	}{
		{"on both", [2][]nvml.ProcessInfo{{{Pid: other, UsedGpuMemory: 1}, {Pid: me, UsedGpuMemory: 20}}, {{Pid: me, UsedGpuMemory: 300}}}, nvml.SUCCESS, 320, true, "by NVML's list"},
		{"on one", [2][]nvml.ProcessInfo{{}, {{Pid: me, UsedGpuMemory: 300}}}, nvml.SUCCESS, 300, true, "by NVML's list"},
		{"not listed", [2][]nvml.ProcessInfo{{{Pid: other, UsedGpuMemory: 1}}, {}}, nvml.SUCCESS, 0, false, "does not list this process"},
		{"memory not told", [2][]nvml.ProcessInfo{{{Pid: me, UsedGpuMemory: ^uint64(0)}}, {}}, nvml.SUCCESS, 0, false, "does not tell"},
		{"no list", [2][]nvml.ProcessInfo{}, nvml.ERROR_NO_PERMISSION, 0, false, "GPU 0 (NVIDIA A100-PCIE-40GB): its processes: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			lib := fakeGPUs(t, 2)
			for i, g := range lib.gpus {
				g.compute, g.processes = test.processes[i], test.ret
			}
			bytes, note, ok := DeviceMemory(open(t, on(t.TempDir(), lib)))
			if bytes != test.want || ok != test.ok || !strings.Contains(note, test.note) {
				t.Errorf("%d, %q, %v", bytes, note, ok)
			}
		})
	}
	if bytes, note, ok := DeviceMemory(open(t, on(t.TempDir(), nil), CPUOnly())); bytes != 0 || note != "" || ok {
		t.Errorf("without a GPU: %d, %q, %v", bytes, note, ok)
	}
}
