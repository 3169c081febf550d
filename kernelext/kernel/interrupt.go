package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// interrupt interrupts what a cell runs. It is called again and again until the cell
// ends: GoNB does one thing after the other for a cell, and an interrupt between
// two of them would be lost. told are the processes that know already, for a program
// must not get it twice: a second one often means to end at once.
func (c *child) interrupt(told map[int]bool) {
	all := c.members()
	tell := func(pid int) {
		if !told[pid] {
			told[pid] = true
			_ = unix.Kill(pid, unix.SIGINT)
		}
	}
	for pid, stat := range all {
		switch {
		case stat.PPID != c.pid || isGopls(stat):
		case !fed(pid): // goimports or go, which GoNB does not interrupt
			tell(pid)
			tellBelow(pid, all, tell)
		case !told[pid]: // GoNB passes it on, and then knows that the cell was interrupted
			told[pid] = true
			_ = unix.Kill(c.pid, unix.SIGINT)
		case !strings.HasPrefix(stat.Comm, "gonb_") && stat.Comm != comm(c.self): // a shell, which does not pass it on
			tellBelow(pid, all, tell)
		}
	}
}

// tellBelow tells the descendants of a process.
func tellBelow(pid int, all map[int]procfs.ProcStat, tell func(int)) {
	for p, stat := range all {
		if stat.PPID == pid {
			tell(p)
			tellBelow(p, all, tell)
		}
	}
}

// fed reports whether a process has an input that GoNB holds, as a cell's program
// or shell has.
func fed(pid int) bool {
	input, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid))
	return err == nil && input != os.DevNull
}

// comm is the name that the system has for the processes of a program.
func comm(path string) string {
	name := filepath.Base(path)
	return name[:min(len(name), 15)]
}

// killCell kills all but GoNB.
func (c *child) killCell() {
	all := c.members()
	for pid, stat := range all {
		if pid != c.pid && !isGopls(stat) && !isGopls(all[stat.PPID]) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func isGopls(stat procfs.ProcStat) bool { return stat.Comm == "gopls" }
