package energy

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Reading is the energy counted since some fixed moment, in joules. CPU has the
// memory's where that is counted.
type Reading struct {
	CPU, GPU float64
	Breaks   int // how often the count was lost so far, as when a counter was reset: a window over a break has no energy
}

// Total is the sum of the parts, in joules.
func (r Reading) Total() float64 { return r.CPU + r.GPU }

// Meter counts energy. Its methods may be called from several goroutines.
type Meter interface {
	Method() string         // as in trial.Measurement
	Read() (Reading, error) // an error where a counter cannot be read: never a zero in its place
	About() About
	Close() error // frees what the meter holds; reading it afterwards is an error
}

// About says what a meter's values are worth.
type About struct {
	Note string        // what is counted and what is not
	Step time.Duration // how often the count moves; a window has to be many times as long

	// Low and High bound the true value of the processor's part where that is an
	// estimate, as factors of it; both are 0 where the machine counts.
	Low, High float64
}

var (
	errAbsent = errors.New("not on this machine") // the reason of a meter that this machine does not have
	errClosed = errors.New("the meter is closed")
)

// machine is where the meters look.
type machine struct {
	method  string // asked for by option
	cpuOnly bool
	nvml    nvml.Interface
	sys     string                        // sysfs
	cpuinfo string                        // as /proc/cpuinfo
	cpuTime func() (time.Duration, error) // of this process so far
}

// Option changes what Open does.
type Option func(*machine)

// CPUOnly leaves the GPUs out: for work on the CPU of a machine that has them.
func CPUOnly() Option { return func(m *machine) { m.cpuOnly = true } }

// Method asks for a meter by its method, in place of LEMONADE_METER and in the
// same words; "" leaves the choice open.
func Method(name string) Option { return func(m *machine) { m.method = name } }

// SysFS has the processor's counters and clocks looked for under root instead of
// LEMONADE_SYSFS or /sys.
func SysFS(root string) Option { return func(m *machine) { m.sys = root } }

// CPUInfo has the processor's name read from file instead of /proc/cpuinfo.
func CPUInfo(file string) Option { return func(m *machine) { m.cpuinfo = file } }

// NVML has the GPUs looked for with that library, such as one in an unusual place
// (nvml.New with nvml.WithLibraryPath) or a mock.
func NVML(library nvml.Interface) Option { return func(m *machine) { m.nvml = library } }

// systemNVML is one for all meters, since it counts who uses the library and loads
// it for the first of them.
var systemNVML = nvml.New()

func newMachine(options []Option) machine {
	m := machine{nvml: systemNVML, sys: os.Getenv("LEMONADE_SYSFS"), cpuinfo: "/proc/cpuinfo", cpuTime: processTime}
	if m.sys == "" {
		m.sys = "/sys"
	}
	for _, option := range options {
		option(&m)
	}
	return m
}

// asked returns the method that was asked for, "" where none was, and who asked.
func (m machine) asked() (method, who string) {
	if m.method != "" {
		return m.method, "meter " + m.method + ", asked for by option"
	}
	method = os.Getenv("LEMONADE_METER")
	return method, "LEMONADE_METER=" + method
}

// Open returns the meter that is asked for, else the best that this machine has.
// A meter may hold a goroutine and a library until it is closed. What cannot be
// right later is an error now: an unknown value of LEMONADE_METER or
// LEMONADE_CPU_TDP, and a GPU whose energy cannot be read.
func Open(options ...Option) (Meter, error) {
	m := newMachine(options)
	if asked, who := m.asked(); asked != "" {
		meter, err := m.open(asked)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", who, err)
		}
		return meter, nil
	}
	cpu, err := m.processor()
	if err != nil {
		return nil, err
	}
	gpu, err := m.openNVML("")
	switch {
	case err == nil:
		return sum{gpu, cpu}, nil
	case errors.Is(err, errAbsent):
		return cpu, nil
	}
	return nil, errors.Join(fmt.Errorf("%w; set LEMONADE_METER=%s to count the processor alone", err, cpu.Method()), cpu.Close())
}

// open opens the meter of a method, or of a sum.
func (m machine) open(method string) (Meter, error) {
	var gpu, cpu string
	for _, part := range strings.Split(method, "+") {
		place := &cpu
		switch part {
		case trial.MethodNVML, trial.MethodNVMLPower:
			place = &gpu
		case trial.MethodRAPL, trial.MethodEstimate:
		default:
			return nil, fmt.Errorf("unknown meter %q; there are nvml-counter and nvml-power for GPUs, rapl and estimate for the processor, and sums such as nvml-counter+rapl", part)
		}
		if *place != "" {
			return nil, fmt.Errorf("%s and %s count the same; only a GPU's meter and a processor's can be summed, such as nvml-counter+rapl", *place, part)
		}
		*place = part
	}
	if gpu == "" {
		return m.openCPU(cpu)
	}
	g, err := m.openNVML(gpu)
	if err != nil || cpu == "" {
		return g, err
	}
	c, err := m.openCPU(cpu)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return sum{g, c}, nil
}

func (m machine) openCPU(method string) (Meter, error) {
	if method == trial.MethodRAPL {
		return m.openRAPL()
	}
	return m.openEstimate("")
}

// processor returns the processor's counters where they can be read, else the estimate.
func (m machine) processor() (Meter, error) {
	rapl, err := m.openRAPL()
	if err == nil {
		return rapl, nil
	}
	why := ""
	if !errors.Is(err, errAbsent) {
		why = err.Error()
	}
	return m.openEstimate(why)
}

// sum is a meter of the GPU and one of the processor.
type sum struct{ gpu, cpu Meter }

func (s sum) Method() string { return s.gpu.Method() + "+" + s.cpu.Method() }

func (s sum) About() About {
	gpu, cpu := s.gpu.About(), s.cpu.About()
	return About{Note: join(gpu.Note, cpu.Note), Step: max(gpu.Step, cpu.Step), Low: cpu.Low, High: cpu.High}
}

func (s sum) Read() (Reading, error) {
	gpu, err := s.gpu.Read()
	if err != nil {
		return Reading{}, err
	}
	cpu, err := s.cpu.Read()
	if err != nil {
		return Reading{}, err
	}
	return Reading{CPU: cpu.CPU, GPU: gpu.GPU, Breaks: cpu.Breaks + gpu.Breaks}, nil
}

func (s sum) Close() error { return errors.Join(s.gpu.Close(), s.cpu.Close()) }

// join puts what there is to say in a row.
func join(said ...string) string {
	var all []string
	for _, s := range said {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, "; ")
}

// poll calls f that often until stop is called, which waits for a call in progress
// and must not be called twice.
func poll(every time.Duration, f func()) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				f()
			}
		}
	})
	return func() { close(done); running.Wait() }
}
