package energy

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Clock is how fast a device runs at the moment.
type Clock struct {
	Name      string // such as "GPU 0"
	MHz       float64
	Throttled string // what holds the clock down, such as "power cap"; "" where nothing is known to
}

// Clocks returns the present clocks of what the meter counts, as far as they can be
// read: those of the GPUs' multiprocessors, and that of the processor's fastest core.
// A meter shows them by a method Clocks.
func Clocks(meter Meter) []Clock {
	if m, ok := meter.(interface{ Clocks() []Clock }); ok {
		return m.Clocks()
	}
	return nil
}

// DeviceMemory returns how many bytes this process holds on the GPUs that the meter
// counts. Where that is unknown, ok is false and the note says why, if there are
// GPUs at all. A meter shows it by a method DeviceMemory.
func DeviceMemory(meter Meter) (bytes uint64, note string, ok bool) {
	if m, ok := meter.(interface {
		DeviceMemory() (uint64, string, bool)
	}); ok {
		return m.DeviceMemory()
	}
	return 0, "", false
}

// Utilization returns the share of the last moment, a sixth of a second to a second,
// in which the GPUs that the meter counts were computing: their mean. ok is false
// where there are none or they do not tell. A meter shows it by a method Utilization.
func Utilization(meter Meter) (share float64, ok bool) {
	if m, ok := meter.(interface{ Utilization() (float64, bool) }); ok {
		return m.Utilization()
	}
	return 0, false
}

// Clocks returns the GPUs' and the processor's.
func (s sum) Clocks() []Clock { return append(Clocks(s.gpu), Clocks(s.cpu)...) }

// DeviceMemory returns that of the GPUs.
func (s sum) DeviceMemory() (uint64, string, bool) { return DeviceMemory(s.gpu) }

// Utilization returns that of the GPUs.
func (s sum) Utilization() (float64, bool) { return Utilization(s.gpu) }

// cpuClock reads the processor's clock below a sysfs.
type cpuClock string

// Clocks returns the clock of the fastest core, for that is a busy one: the others
// may rest at a lower clock. It is empty where the system does not tell, as in most
// virtual machines.
func (sys cpuClock) Clocks() []Clock {
	files, err := filepath.Glob(filepath.Join(string(sys), "devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
	if err != nil {
		return nil
	}
	fastest := 0.0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if kHz, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil {
			fastest = max(fastest, kHz)
		}
	}
	if fastest == 0 {
		return nil
	}
	return []Clock{{Name: "CPU", MHz: fastest / 1000}}
}
