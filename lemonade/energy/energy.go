// Package energy measures the energy of work and turns it into carbon.
//
// There are three meters, each of cumulative joules:
//
//   - nvml-counter: the total-energy counter of the NVIDIA GPUs that the process
//     may see, Volta and newer. It moves about ten times a second.
//   - rapl: the counters of the processor's packages and memory under
//     /sys/class/powercap, Linux on Intel and AMD. They count whatever runs on the
//     machine, and often only root may read them.
//   - estimate: the CPU time of this process times a hardware thread's share of
//     the processor's rated power. It is CPU time by another name: it cannot tell a
//     frugal instruction from a hungry one, and must not be ranked with measured
//     values.
//
// [Open] takes the best of what exists. With a GPU that is the sum of the GPU's
// counter and one of the other two for the processor, and its method names both:
// "nvml-counter+rapl", "nvml-counter+estimate". LEMONADE_METER asks for one of
// them by such a name, and it is then an error where it does not exist:
//
//	LEMONADE_METER=nvml-counter|rapl|estimate|nvml-counter+rapl|nvml-counter+estimate
//
// A read that fails is an error, never a zero. Nothing is taken off for what the
// machine draws when idle.
package energy

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Reading is the energy counted since some fixed moment, in joules. Total is the
// sum of its parts.
type Reading struct{ Total, CPU, GPU float64 }

// Meter reads energy counters. Joules may be called from several goroutines.
type Meter interface {
	Method() string // as in trial.Measurement
	Joules() (Reading, error)
}

// annotated is a meter with something to say beside each value.
type annotated interface{ Note() string }

func noteOf(m Meter) string {
	if a, ok := m.(annotated); ok {
		return a.Note()
	}
	return ""
}

// errAbsent is the reason of a meter that this machine does not have.
var errAbsent = errors.New("not on this machine")

// machine is where the meters look.
type machine struct {
	nvml    nvml.Interface
	gpu     bool
	sys     string // sysfs
	cpuinfo string
}

// Option changes what Open does.
type Option func(*machine)

// CPUOnly leaves the GPUs out: for work on the CPU of a machine that has them.
func CPUOnly() Option { return func(m *machine) { m.gpu = false } }

func newMachine(options []Option) machine {
	m := machine{gpu: true, sys: "/sys", cpuinfo: "/proc/cpuinfo"}
	for _, option := range options {
		option(&m)
	}
	if m.gpu && m.nvml == nil {
		m.nvml = nvml.New()
	}
	return m
}

// Open returns the meter that LEMONADE_METER asks for, else the best that this
// machine has. A meter may hold a goroutine and a library for as long as the
// process lives. What cannot be right later is an error now: an unknown value of
// LEMONADE_METER, LEMONADE_LOCATION, LEMONADE_CARBON_INTENSITY, LEMONADE_PUE or
// LEMONADE_CPU_TDP, and a GPU whose energy cannot be read.
func Open(options ...Option) (Meter, error) {
	if _, err := intensity(); err != nil {
		return nil, err
	}
	if _, err := PUE(); err != nil {
		return nil, err
	}
	m := newMachine(options)
	if asked := os.Getenv("LEMONADE_METER"); asked != "" {
		meter, err := m.open(strings.Split(asked, "+"))
		if err != nil {
			return nil, fmt.Errorf("LEMONADE_METER=%s: %w", asked, err)
		}
		return meter, nil
	}
	cpu, err := m.processor()
	if err != nil {
		return nil, err
	}
	gpu, err := m.openNVML()
	switch {
	case err == nil:
		return sum{gpu, cpu}, nil
	case errors.Is(err, errAbsent):
		return cpu, nil
	default:
		return nil, fmt.Errorf("%w; set LEMONADE_METER=%s to count the processor alone", err, cpu.Method())
	}
}

// open opens the meters of the given methods.
func (m machine) open(methods []string) (Meter, error) {
	openers := map[string]func() (Meter, error){
		trial.MethodNVML:     m.openNVML,
		trial.MethodRAPL:     m.openRAPL,
		trial.MethodEstimate: func() (Meter, error) { return m.openEstimate("") },
	}
	var meters []Meter
	for _, method := range methods {
		opener, ok := openers[method]
		if !ok {
			return nil, fmt.Errorf("unknown meter %q; there are nvml-counter, rapl and estimate, and nvml-counter+ one of the others", method)
		}
		meter, err := opener()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		meters = append(meters, meter)
	}
	switch {
	case len(meters) == 1:
		return meters[0], nil
	case len(meters) == 2 && methods[0] == trial.MethodNVML && methods[1] != trial.MethodNVML:
		return sum{meters[0], meters[1]}, nil
	}
	return nil, errors.New("only nvml-counter+rapl and nvml-counter+estimate can be summed without counting twice")
}

// processor returns the processor's counters where they can be read, else the estimate.
func (m machine) processor() (Meter, error) {
	rapl, err := m.openRAPL()
	if err == nil {
		return rapl, nil
	}
	why := ""
	if !errors.Is(err, errAbsent) {
		why = "rapl: " + err.Error()
	}
	return m.openEstimate(why)
}

// sum is a meter of the GPU and one of the processor.
type sum struct{ gpu, cpu Meter }

func (s sum) Method() string { return s.gpu.Method() + "+" + s.cpu.Method() }

func (s sum) Note() string { return joinNotes(noteOf(s.gpu), noteOf(s.cpu)) }

func (s sum) Joules() (Reading, error) {
	gpu, err := s.gpu.Joules()
	if err != nil {
		return Reading{}, err
	}
	cpu, err := s.cpu.Joules()
	if err != nil {
		return Reading{}, err
	}
	return Reading{Total: gpu.GPU + cpu.CPU, CPU: cpu.CPU, GPU: gpu.GPU}, nil
}

func joinNotes(notes ...string) string {
	var said []string
	for _, n := range notes {
		if n != "" {
			said = append(said, n)
		}
	}
	return strings.Join(said, "; ")
}

// Energy is what a window of time took.
type Energy struct {
	Joules, CPU, GPU float64 // J
	Seconds          float64
	Method           string // of the meter
	Note             string // what the meter counts and what it does not
}

// Window is a stretch of time that is being measured.
type Window struct {
	meter Meter
	start time.Time
	first Reading
}

// Start begins a window. The device must have finished what was given to it before.
func Start(meter Meter) (*Window, error) {
	first, err := meter.Joules()
	if err != nil {
		return nil, err
	}
	return &Window{meter, time.Now(), first}, nil
}

// Stop returns the energy since Start. The window goes on, so that Stop may be
// called again. Where no energy at all was counted, the window was shorter than
// the meter's step, and that is an error.
func (w *Window) Stop() (Energy, error) {
	last, err := w.meter.Joules()
	if err != nil {
		return Energy{}, err
	}
	e := Energy{
		Joules: last.Total - w.first.Total, CPU: last.CPU - w.first.CPU, GPU: last.GPU - w.first.GPU,
		Seconds: time.Since(w.start).Seconds(), Method: w.meter.Method(), Note: noteOf(w.meter),
	}
	if e.CPU < 0 || e.GPU < 0 {
		return Energy{}, fmt.Errorf("energy (%s): the counter went back, by %g J (CPU) and %g J (GPU)", e.Method, min(0, e.CPU), min(0, e.GPU))
	}
	if e.Joules <= 0 {
		return Energy{}, fmt.Errorf("energy (%s): nothing was counted in %.3f s: the time is shorter than the counter's step", e.Method, e.Seconds)
	}
	return e, nil
}
