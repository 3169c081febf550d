package energy

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// unknownThread is the power of a hardware thread of a processor that is not in
// the table, in watts: the average at full load of the servers behind AWS's
// virtual CPUs, of the Cloud Carbon Footprint methodology
// (https://www.cloudcarbonfootprint.org/docs/methodology/, "Average Max Watts").
const unknownThread = 3.5

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
	watts float64 // of one busy hardware thread
	note  string
}

// openEstimate opens the estimate; why, where not empty, says what keeps the real
// counters from being read.
func (m machine) openEstimate(why string) (Meter, error) {
	watts, source, err := threadPower(modelName(m.cpuinfo))
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("CPU: not measured, but this process' CPU time × %.3g W per hardware thread (%s)", watts, source)
	return timeMeter{watts, joinNotes(note, why)}, nil
}

// threadPower returns the power of one hardware thread in watts, and where it is
// from: LEMONADE_CPU_TDP, "WATTS" or "WATTS/THREADS" of the whole processor, else
// the table, else an average. A virtual machine sees few of its processor's
// threads, hence the second form.
func threadPower(model string) (watts float64, source string, err error) {
	threads, known := runtime.NumCPU(), false
	for _, p := range processors {
		if strings.Contains(model+" ", p.name) { // the space ends "Gold 6148" before "Gold 6148F"
			watts, threads, known = p.watts, p.threads, true
			source = fmt.Sprintf("TDP %g W of %s over %d threads", p.watts, strings.TrimSpace(p.name), p.threads)
			break
		}
	}
	if set := os.Getenv("LEMONADE_CPU_TDP"); set != "" {
		power, over, split := strings.Cut(set, "/")
		watts, err = strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(power), "W"), 64)
		if err == nil && split {
			threads, err = strconv.Atoi(strings.TrimSpace(over))
		}
		if err != nil || !(watts > 0 && watts < 10000) || threads < 1 {
			return 0, "", fmt.Errorf("LEMONADE_CPU_TDP=%s: give the processor's rated watts, such as 65, or watts and hardware threads, such as 280/128", set)
		}
		return watts / float64(threads), fmt.Sprintf("LEMONADE_CPU_TDP %g W over %d threads", watts, threads), nil
	}
	if known {
		return watts / float64(threads), source, nil
	}
	if model == "" {
		model = "processor"
	}
	return unknownThread, "unknown " + model + ": an average of cloud servers at full load", nil
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

func (t timeMeter) Method() string { return trial.MethodEstimate }

func (t timeMeter) Note() string { return t.note }

func (t timeMeter) Joules() (Reading, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return Reading{}, fmt.Errorf("CPU time of the process: %w", err)
	}
	seconds := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	joules := seconds * t.watts
	return Reading{Total: joules, CPU: joules}, nil
}
