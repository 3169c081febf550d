package energy

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// clean unsets what in the environment changes a meter.
func clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{"LEMONADE_METER", "LEMONADE_CARBON_INTENSITY", "LEMONADE_LOCATION", "LEMONADE_PUE", "LEMONADE_CPU_TDP", "CUDA_VISIBLE_DEVICES"} {
		t.Setenv(name, "") // so that its value comes back after the test
		os.Unsetenv(name)
	}
}

// fake is a meter whose readings a test sets.
type fake struct {
	method string
	next   []Reading
	err    error
}

func (f *fake) Method() string { return f.method }
func (f *fake) Joules() (Reading, error) {
	if f.err != nil {
		return Reading{}, f.err
	}
	r := f.next[0]
	f.next = f.next[1:]
	return r, nil
}

func TestWindow(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, last Reading
		want        string // in the error
	}{
		{"good", Reading{10, 4, 6}, Reading{15, 6, 9}, ""},
		{"nothing counted", Reading{10, 4, 6}, Reading{10, 4, 6}, "nothing was counted"},
		{"went back", Reading{10, 4, 6}, Reading{13, 9, 4}, "went back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := Start(&fake{method: "x", next: []Reading{test.first, test.last}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			e, err := w.Stop()
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || e != (Energy{}) {
					t.Errorf("Stop = %+v, %v", e, err)
				}
				return
			}
			if err != nil || e.Joules != 5 || e.CPU != 2 || e.GPU != 3 || e.Method != "x" || e.Seconds < 0.001 {
				t.Errorf("Stop = %+v, %v", e, err)
			}
		})
	}
	broken := errors.New("broken")
	if _, err := Start(&fake{err: broken}); !errors.Is(err, broken) {
		t.Errorf("Start of a broken meter: %v", err)
	}
	meter := &fake{next: []Reading{{}}}
	w, err := Start(meter)
	if err != nil {
		t.Fatal(err)
	}
	meter.err = broken
	if _, err := w.Stop(); !errors.Is(err, broken) {
		t.Errorf("Stop of a broken meter: %v", err)
	}
}

// on returns an option for a machine with that sysfs and NVML.
func on(sys string, lib nvml.Interface) Option {
	return func(m *machine) { m.sys, m.nvml, m.cpuinfo = sys, lib, filepath.Join(sys, "cpuinfo") }
}

func TestOpenTakesTheBest(t *testing.T) {
	gpu := fakeGPUs(t, 1)
	noGPU := dgxh100.New()
	noGPU.InitFunc = func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }
	oldGPU := dgxh100.NewWithGPUs(dgxh100.New().Devices[0].(*server.Device).Config)
	oldGPU.Devices[0].(*server.Device).GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	rapl := raplTree(t, map[string]string{"intel-rapl:0": "package-0 0 262143328850"})
	none := t.TempDir()
	for _, test := range []struct {
		name, asked string
		sys         string
		lib         nvml.Interface
		want        string
		wantErr     string
	}{
		{"nothing", "", none, noGPU, "estimate", ""},
		{"counters", "", rapl, noGPU, "rapl", ""},
		{"GPU", "", none, gpu, "nvml-counter+estimate", ""},
		{"GPU and counters", "", rapl, gpu, "nvml-counter+rapl", ""},
		{"GPU without a counter", "", rapl, oldGPU, "", "Volta"},
		{"estimate wanted", "estimate", rapl, gpu, "estimate", ""},
		{"GPU alone wanted", "nvml-counter", rapl, gpu, "nvml-counter", ""},
		{"worse sum wanted", "nvml-counter+estimate", rapl, gpu, "nvml-counter+estimate", ""},
		{"wanted and not there", "rapl", none, gpu, "", "LEMONADE_METER=rapl"},
		{"wanted GPU not there", "nvml-counter", rapl, noGPU, "", "not on this machine"},
		{"unknown", "wattmeter", rapl, gpu, "", `unknown meter "wattmeter"`},
		{"double counting", "rapl+estimate", rapl, gpu, "", "counting twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			t.Setenv("LEMONADE_METER", test.asked)
			m, err := Open(on(test.sys, test.lib))
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("error %v; want %q in it", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Method() != test.want {
				t.Errorf("method %q, want %q", m.Method(), test.want)
			}
		})
	}
	t.Run("CPU only", func(t *testing.T) {
		clean(t)
		if m, err := Open(on(rapl, gpu), CPUOnly()); err != nil || m.Method() != "rapl" {
			t.Errorf("Open = %v, %v", m, err)
		}
	})
}

func TestOpenRefusesWrongSettings(t *testing.T) {
	for name, value := range map[string]string{
		"LEMONADE_CARBON_INTENSITY": "-5", "LEMONADE_LOCATION": "Atlantis", "LEMONADE_PUE": "0.9", "LEMONADE_CPU_TDP": "many",
	} {
		clean(t)
		t.Setenv(name, value)
		if _, err := Open(on(t.TempDir(), nil), CPUOnly()); err == nil || !strings.Contains(err.Error(), name+"="+value) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func TestSum(t *testing.T) {
	s := sum{
		gpu: &fake{method: trial.MethodNVML, next: []Reading{{Total: 30, GPU: 30}}},
		cpu: &fake{method: trial.MethodRAPL, next: []Reading{{Total: 12, CPU: 12}}},
	}
	if r, err := s.Joules(); err != nil || r != (Reading{42, 12, 30}) {
		t.Errorf("Joules = %+v, %v", r, err)
	}
	s.cpu = &fake{err: errors.New("broken")}
	s.gpu = &fake{next: []Reading{{GPU: 1}}}
	if r, err := s.Joules(); err == nil {
		t.Errorf("half a sum: %+v", r)
	}
}

func TestDescribe(t *testing.T) {
	clean(t)
	t.Setenv("LEMONADE_LOCATION", "se")
	noGPU := dgxh100.New()
	noGPU.InitFunc = func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }
	text := strings.Join(describe(on(t.TempDir(), noGPU)), "\n")
	for _, want := range []string{"meter estimate", "CPU time", "nvml-counter: not on this machine", "rapl: not on this machine", "41 g CO2e/kWh (Sweden 2023", "PUE 1.00"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestEstimate holds the estimate against the clock: a busy loop takes as much
// CPU time as it lasts, at most, and waiting takes next to none.
func TestEstimate(t *testing.T) {
	clean(t)
	t.Setenv("LEMONADE_CPU_TDP", "100W/10")
	m, err := Open(on(t.TempDir(), nil), CPUOnly())
	if err != nil {
		t.Fatal(err)
	}
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
	idle := measure(func() { time.Sleep(300 * time.Millisecond) })
	// 10 W per thread; other tests of the process do not run beside this one.
	if busy.Joules <= 0.1 || busy.Joules > 10*busy.Seconds*1.5 {
		t.Errorf("busy for %.2f s: %.3f J at 10 W", busy.Seconds, busy.Joules)
	}
	if idle.Joules > busy.Joules/4 {
		t.Errorf("idle took %.3f J, busy %.3f J", idle.Joules, busy.Joules)
	}
	if !strings.Contains(busy.Note, "not measured") || busy.CPU != busy.Joules || busy.GPU != 0 {
		t.Errorf("%+v", busy)
	}
}

func TestThreadPower(t *testing.T) {
	for _, test := range []struct {
		model, set string
		want       float64
		source     string
		wantErr    bool
	}{
		{"AMD EPYC 7763 64-Core Processor", "", 280.0 / 128, "EPYC 7763", false},
		{"Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "", 150.0 / 40, "Gold 6148", false},
		{"AMD Ryzen 5 3600X 6-Core Processor", "", unknownThread, "unknown", false},
		{"", "", unknownThread, "unknown", false},
		{"AMD EPYC 7763 64-Core Processor", "256", 2, "LEMONADE_CPU_TDP", false},
		{"", "240/48", 5, "LEMONADE_CPU_TDP", false},
		{"", "0", 0, "", true},
		{"", "NaN", 0, "", true},
		{"", "65/0", 0, "", true},
		{"", "x", 0, "", true},
	} {
		clean(t)
		t.Setenv("LEMONADE_CPU_TDP", test.set)
		got, source, err := threadPower(test.model)
		if (err != nil) != test.wantErr || got != test.want || !strings.Contains(source, test.source) {
			t.Errorf("threadPower(%q) with %q = %v, %q, %v", test.model, test.set, got, source, err)
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
}
