package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// memoryMark is the process's peak of resident memory at a moment, from which on
// it is counted anew where the kernel lets us.
type memoryMark struct {
	proc   string // folder of the process, such as /proc/self
	before float64
	reset  bool
}

func markMemory(proc string) memoryMark {
	// Writing 5 resets the high water mark to the present size, see proc_pid_clear_refs(5).
	m := memoryMark{proc: proc, before: highWater(proc)}
	m.reset = os.WriteFile(filepath.Join(proc, "clear_refs"), []byte("5"), 0) == nil
	return m
}

// peak returns peak_memory, and in its note the peak since the mark. Where the
// system does not tell, it is absent.
func (m memoryMark) peak() trial.Metrics {
	since := highWater(m.proc)
	if since == 0 {
		return nil
	}
	note := "resident, of the whole worker process"
	if m.reset {
		note += fmt.Sprintf("; %.0f MB while it classified", since/1e6)
	}
	return trial.Metrics{trial.PeakMemory: {Value: max(m.before, since), Unit: "B", Method: trial.MethodProcess, Note: note}}
}

// highWater returns the most bytes that a process had in memory at once, as Linux
// tells it, or 0 where it does not.
func highWater(proc string) float64 {
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		// VmHWM ("high water mark") is in units of 1024 bytes, see proc_pid_status(5).
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "VmHWM:" || fields[2] != "kB" {
			continue
		}
		kB, err := strconv.ParseUint(fields[1], 10, 53)
		if err != nil {
			return 0
		}
		return float64(kB) * 1024
	}
	return 0
}
