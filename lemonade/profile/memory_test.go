package profile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// fakeProc makes a folder of a process with that status.
func fakeProc(t *testing.T, status string) string {
	t.Helper()
	dir := t.TempDir()
	setStatus(t, dir, status)
	return dir
}

func setStatus(t *testing.T, dir, status string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "status"), []byte(status), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPeakMemory(t *testing.T) {
	dir := fakeProc(t, "Name:\tworker\nVmPeak:\t  900 kB\nVmHWM:\t  123456 kB\nVmRSS:\t  100 kB\n")
	mark := markMemory(dir)
	if text, err := os.ReadFile(filepath.Join(dir, "clear_refs")); err != nil || string(text) != "5" {
		t.Errorf("the high water mark was not reset: %q, %v", text, err)
	}
	setStatus(t, dir, "VmHWM:\t  98000 kB\n")
	want := trial.Measurement{
		Value: 123456 * 1024, Unit: "B", Method: trial.MethodProcess, Note: "resident, of the whole worker process; 100 MB while it classified",
	}
	if got := mark.peak()[trial.PeakMemory]; got != want {
		t.Errorf("peak_memory: %+v, want %+v", got, want)
	}
	setStatus(t, dir, "VmHWM:\t  200000 kB\n")
	if got := mark.peak()[trial.PeakMemory]; got.Value != 200000*1024 {
		t.Errorf("peak_memory after more was used: %+v", got)
	}
}

// TestPeakMemoryWithoutReset has a kernel that does not let the mark be reset.
func TestPeakMemoryWithoutReset(t *testing.T) {
	dir := fakeProc(t, "VmHWM:\t  1000 kB\n")
	if err := os.Mkdir(filepath.Join(dir, "clear_refs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := markMemory(dir).peak()[trial.PeakMemory]; got.Value != 1000*1024 || got.Note != "resident, of the whole worker process" {
		t.Errorf("peak_memory: %+v", got)
	}
}

func TestPeakMemoryUnknown(t *testing.T) {
	for _, text := range []string{"", "VmHWM:\t\n", "VmHWM:\t x kB\n", "VmRSS:\t 5 kB\n"} {
		if got := markMemory(fakeProc(t, text)).peak(); got != nil {
			t.Errorf("of a status %q: %v, want none", text, got)
		}
	}
}

// TestPeakMemoryOfThisProcess uses memory before the mark and gives it back.
func TestPeakMemoryOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/clear_refs"); err != nil {
		t.Skip("this system does not tell: ", err)
	}
	const size = 64 << 20
	big := make([]byte, size)
	for i := range big {
		big[i] = byte(i)
	}
	mark := markMemory("/proc/self")
	runtime.KeepAlive(big)
	if got := mark.peak()[trial.PeakMemory].Value; got < size || got > 1e12 {
		t.Errorf("peak memory %g B with %d B in use", got, size)
	}
}
