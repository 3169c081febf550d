package evaluate

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAvailable(t *testing.T) {
	const meminfo = "MemTotal:  2000 kB\nMemAvailable:  1000 kB\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing known", nil, math.MaxInt64},
		{"machine", map[string]string{"proc/meminfo": meminfo}, 1000 << 10},
		{"v2 without limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.current": "5\n",
		}, 1000 << 10},
		{"v2 limit of an ancestor, cache given back", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n",
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "700\n",
			"sys/fs/cgroup/a/memory.stat": "anon 600\ninactive_file 50\n",
		}, 350},
		{"v1", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/x\n0::/\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "900\n", "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1000\n",
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range test.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := available(root); got != test.want {
				t.Errorf("available = %d, want %d", got, test.want)
			}
		})
	}
	if got := available("/"); got <= 0 || got == math.MaxInt64 {
		t.Errorf("available on this machine = %d", got)
	}
}

func TestResident(t *testing.T) {
	if got := resident(os.Getpid()); got < 1<<20 {
		t.Errorf("this process holds %d bytes", got)
	}
	if got := resident(1 << 24); got != 0 {
		t.Errorf("no process holds %d bytes", got)
	}
}

func TestCPUTime(t *testing.T) {
	before := cpuTime(os.Getpid())
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	if used := cpuTime(os.Getpid()) - before; used <= 0 || used > 10*time.Second {
		t.Errorf("50 ms of work took %v of processor time", used)
	}
	if got := cpuTime(1 << 24); got != 0 {
		t.Errorf("no process has used %v", got)
	}
}
