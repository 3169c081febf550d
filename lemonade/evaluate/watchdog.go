package evaluate

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// watch kills the worker's group once its resident memory is above limit, in
// bytes. What, such as "the training", is named in the reason. It returns when
// the worker has ended.
func (c *child) watch(limit int64, every time.Duration, what string) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	members := []int{c.pid}
	searched := time.Now()
	for {
		select {
		case <-c.ended:
			return
		case <-ticks.C:
		}
		if time.Since(searched) > time.Second { // a worker starts no process as a rule, and /proc may be long
			members, searched = group(c.pid), time.Now()
		}
		var used int64
		for _, pid := range members {
			used += resident(pid)
		}
		c.mu.Lock()
		c.peak = max(c.peak, used)
		c.mu.Unlock()
		if used > limit {
			c.kill(fmt.Sprintf("%s: %s used more than %s of memory", trial.OutOfMemory, what, humanize.IBytes(uint64(limit))))
		}
	}
}

// busy returns a context that ends once the worker has used limit of processor
// time, so that a program meets the same end on a machine that is idle and on one
// that trains. It ends after five times as long on the clock in any case.
func (c *child) busy(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	timed, cancel := context.WithTimeout(ctx, 5*limit)
	begun := cpuTime(c.pid)
	go func() {
		ticks := time.NewTicker(10 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-timed.Done():
				return
			case <-ticks.C:
			}
			if cpuTime(c.pid)-begun > limit {
				cancel()
			}
		}
	}()
	return timed, cancel
}

// cpuTime returns the processor time of a process, 0 if it is gone.
func cpuTime(pid int) time.Duration {
	var t unix.Timespec
	// The clock of a process: see clock_getcpuclockid(3), and MAKE_PROCESS_CPUCLOCK in Linux.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// resident returns the bytes of memory that a process holds, 0 if it is gone.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// group lists the processes of a process group, its leader first.
func group(pgid int) []int {
	members := []int{pgid}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return members
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == pgid {
			continue
		}
		if f := statFields(pid); len(f) > 2 && f[2] == strconv.Itoa(pgid) {
			members = append(members, pid)
		}
	}
	return members
}

// statFields returns /proc/PID/stat from its third field on: state, parent,
// process group … The second, the command's name, may hold spaces.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// available returns the bytes of memory that a new process may use: what the
// machine has, or less where a control group (v1 or v2) leaves less. Root is "/"
// but in tests. Where nothing can be read there is no limit.
func available(root string) int64 {
	free := int64(math.MaxInt64)
	if kB, ok := value(filepath.Join(root, "proc/meminfo"), "MemAvailable:"); ok {
		free = kB << 10
	}
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return free
	}
	for _, line := range strings.Split(string(groups), "\n") {
		parts := strings.SplitN(line, ":", 3) // hierarchy:controllers:path
		switch {
		case len(parts) < 3:
		case parts[1] == "":
			free = min(free, headroom(filepath.Join(root, "sys/fs/cgroup"), parts[2], "memory.max", "memory.current", "inactive_file"))
		case parts[1] == "memory":
			free = min(free, headroom(filepath.Join(root, "sys/fs/cgroup/memory"), parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
		}
	}
	return free
}

// headroom is the least that the control group and its ancestors leave: limit
// minus use, plus the page cache that the kernel gives up first.
func headroom(mount, group, limitFile, useFile, cache string) int64 {
	least := int64(math.MaxInt64)
	for dir := filepath.Join("/", group); ; dir = filepath.Dir(dir) {
		limit, limited := value(filepath.Join(mount, dir, limitFile), "")
		use, known := value(filepath.Join(mount, dir, useFile), "")
		if limited && known {
			reclaimable, _ := value(filepath.Join(mount, dir, "memory.stat"), cache)
			least = min(least, max(0, limit-use+reclaimable))
		}
		if dir == "/" {
			return least
		}
	}
}

// value reads the number that follows key in a file of "key number" lines, or
// the file's first word where key is empty. "max" is no number.
func value(file, key string) (int64, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if key != "" && (len(fields) < 2 || fields[0] != key) {
			continue
		}
		if key != "" {
			fields = fields[1:]
		}
		if len(fields) == 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		return n, err == nil
	}
	return 0, false
}

// oomKills counts the processes that the kernel has killed for want of memory.
func oomKills() int64 {
	n, _ := value("/proc/vmstat", "oom_kill")
	return n
}
