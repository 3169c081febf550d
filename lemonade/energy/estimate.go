package energy

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The power of a busy hardware thread is known no better than by these bands.
//
// Of a known processor it is half to twice the thread's share of the rated power,
// factors of ours: a thread that has its core to itself has its sibling's share too,
// and more where the processor raises the clocks of the few cores at work; simple
// instructions and lower clocks take less than the share, which is of full load.
//
// Of an unknown one it is from what a virtual CPU of AWS takes idle, 0.74 W, to
// twice what one of GCP takes at full load, 4.26 W, the largest of the three clouds
// (Azure's is 3.76 W); the value is that of AWS at full load, 3.5 W. The figures are
// averages over the servers of a cloud, of GCP the median, from the methodology of
// Cloud Carbon Footprint (https://www.cloudcarbonfootprint.org/docs/methodology/); the
// twice is ours, as above.
const (
	knownLow, knownHigh = 0.5, 2

	unknownThread                 = 3.5 // W
	unknownLowest, unknownHighest = 0.74, 2 * 4.26
)

// processors gives the rated power (TDP, of AMD the default TDP, of Intel the
// processor base power) and the hardware threads of some processors, from the
// makers' product pages (https://www.intel.com/ark, https://www.amd.com/en/products).
// The watts agree with the list that CodeCarbon 3 carries, but for the i7-12700K,
// of which that gives the maximum turbo power. The name is part of the model
// name in /proc/cpuinfo.
var processors = []struct {
	name    string
	watts   float64
	threads int
}{
	{"EPYC 7452", 155, 64},
	{"EPYC 7742", 225, 128},
	{"EPYC 7763", 280, 128},
	{"EPYC 9554", 360, 128},
	{"EPYC 9654", 360, 192},
	{"Threadripper 3990X", 280, 128},
	{"Ryzen 5 3600 ", 65, 12},
	{"Ryzen 7 5800X ", 105, 16},
	{"Ryzen 9 5950X", 105, 32},
	{"Ryzen 9 7950X ", 170, 32},
	{"Xeon(R) CPU E5-2680 v4", 120, 28},
	{"Xeon(R) Gold 6148 ", 150, 40},
	{"Xeon(R) Gold 6230 ", 125, 40},
	{"Xeon(R) Platinum 8280 ", 205, 56},
	{"Xeon(R) Platinum 8380 ", 270, 80},
	{"Xeon(R) Platinum 8480+", 350, 112},
	{"i5-8250U", 15, 8},
	{"i7-8700K", 95, 12},
	{"i7-1165G7", 28, 8},
	{"i7-12700K", 125, 20},
	{"i9-13900K", 125, 32},
}

// timeMeter turns the CPU time of this process into energy.
type timeMeter struct {
	cpuClock
	thread
	note   string
	used   func() (time.Duration, error) // CPU time so far
	closed atomic.Bool
}

// thread is what is known of a busy hardware thread.
type thread struct {
	watts     float64
	low, high float64 // bounds of the true power, as factors of watts
	source    string
}

// openEstimate opens the estimate; why, where not empty, says what keeps the real
// counters from being read.
func (m machine) openEstimate(why string) (Meter, error) {
	t, err := threadPower(modelName(m.cpuinfo))
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("CPU: CPU time turned into energy, not measured: this process' CPU time × %.3g W per hardware thread (%s), which may be %.2g to %.2g W; idle power is 0 by definition",
		t.watts, t.source, t.watts*t.low, t.watts*t.high)
	return &timeMeter{cpuClock: cpuClock(m.sys), thread: t, note: join(note, why), used: m.cpuTime}, nil
}

// threadPower returns the power of one hardware thread: by LEMONADE_CPU_TDP,
// "WATTS" or "WATTS/THREADS" of the whole processor, else by the table, else an
// average. A virtual machine sees few of its processor's threads, hence the second
// form.
func threadPower(model string) (thread, error) {
	watts, threads, source := 0.0, runtime.NumCPU(), ""
	for _, p := range processors {
		if strings.Contains(model+" ", p.name) { // the space ends "Gold 6148" before "Gold 6148F"
			watts, threads, source = p.watts, p.threads, "TDP %g W of "+strings.TrimSpace(p.name)+" over %d threads"
			break
		}
	}
	if set := os.Getenv("LEMONADE_CPU_TDP"); set != "" {
		power, over, split := strings.Cut(set, "/")
		var err error
		watts, err = strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(power), "W")), 64)
		if err == nil && split {
			threads, err = strconv.Atoi(strings.TrimSpace(over))
		}
		if err != nil || !(watts > 0 && watts < 10000) || threads < 1 {
			return thread{}, fmt.Errorf("LEMONADE_CPU_TDP=%s: give the processor's rated watts, such as 65, or watts and hardware threads, such as 280/128", set)
		}
		source = "LEMONADE_CPU_TDP %g W over %d threads"
	}
	if source != "" {
		return thread{watts / float64(threads), knownLow, knownHigh, fmt.Sprintf(source, watts, threads)}, nil
	}
	if model == "" {
		model = "processor"
	}
	return thread{unknownThread, unknownLowest / unknownThread, unknownHighest / unknownThread, "unknown " + model + ": an average of cloud servers at full load"}, nil
}

// modelName returns the processor's name, or "" where the system does not tell.
func modelName(cpuinfo string) string {
	f, err := os.Open(cpuinfo)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (t *timeMeter) Method() string { return trial.MethodEstimate }

func (t *timeMeter) About() About {
	return About{Note: t.note, Step: cpuTimeStep, Low: t.low, High: t.high}
}

// cpuTimeStep is how often CPU time moves where the kernel counts it by its tick of
// 100 Hz; Linux as a rule counts it finer.
const cpuTimeStep = 10 * time.Millisecond

func (t *timeMeter) Close() error { t.closed.Store(true); return nil }

func (t *timeMeter) Read() (Reading, error) {
	if t.closed.Load() {
		return Reading{}, errClosed
	}
	used, err := t.used()
	if err != nil {
		return Reading{}, fmt.Errorf("CPU time of the process: %w", err)
	}
	return Reading{CPU: used.Seconds() * t.watts}, nil
}

// processTime returns the CPU time of this process, user and system.
func processTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
