package profile

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const joulesPerKWh = 3.6e6

// Training returns training_time (s), training_energy (kWh, the power usage
// effectiveness included) and co2e (g) of a window around the training. Where its
// energy is unknown, Joules being 0, only the time is returned; where nothing was
// measured at all, nothing is.
func Training(e energy.Energy) trial.Metrics {
	metrics := trial.Metrics{}
	if e.Seconds > 0 {
		metrics[trial.TrainingTime] = trial.Measurement{Value: e.Seconds, Unit: "s", Method: trial.MethodTimed}
	}
	pue, err := energy.PUE() // refused by energy.Open already where it is wrong
	if e.Joules <= 0 || err != nil {
		return metrics
	}
	kWh := e.Joules / joulesPerKWh * pue
	note := fmt.Sprintf("PUE %.2f; CPU %.4g J, GPU %.4g J", pue, e.CPU, e.GPU)
	if e.Note != "" {
		note += "; " + e.Note
	}
	metrics[trial.TrainingEnergy] = trial.Measurement{Value: kWh, Unit: "kWh", Method: e.Method, Note: note}
	co2e := energy.Carbon(kWh)
	co2e.Note += "; energy by " + e.Method
	metrics[trial.CO2e] = co2e
	return metrics
}

// PeakMemory returns peak_memory (bytes): the most of this process that was ever in
// memory at once, as Linux tells it. On other systems it is absent.
func PeakMemory() trial.Metrics { return peakMemory("/proc/self/status") }

func peakMemory(status string) trial.Metrics {
	f, err := os.Open(status)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// VmHWM ("high water mark") is in units of 1024 bytes, see proc_pid_status(5).
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "VmHWM:" || fields[2] != "kB" {
			continue
		}
		kB, err := strconv.ParseUint(fields[1], 10, 54)
		if err != nil {
			return nil
		}
		return trial.Metrics{trial.PeakMemory: {
			Value: float64(kB * 1024), Unit: "B", Method: trial.MethodProcess, Note: "resident, of the whole worker process",
		}}
	}
	return nil
}
