package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/kernelext/internal/ask"
)

// child is GoNB with everything that it starts, which is one process group.
type child struct {
	self    string        // path of this command
	pid     int           // of GoNB, and the group's number
	ended   chan struct{} // closed when GoNB has ended; its number stays taken until buried
	bury    chan struct{}
	buried  chan struct{}
	guard   *exec.Cmd
	toGuard io.WriteCloser
}

// startChild starts GoNB on a connection file, with a guard that keeps the folder.
func startChild(gonb, source, file, folder string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{self: self, ended: make(chan struct{}), bury: make(chan struct{}), buried: make(chan struct{})}
	cmd := exec.Command(gonb, "--kernel", file, "--raw_error", "--go_work="+source)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	// Cells need goimports, which lies beside gonb.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(gonb)+string(os.PathListSeparator)+os.Getenv("PATH"),
		ask.FrontEnd+"="+asksFile(folder), "GOFLAGS="+goFlags(os.Getenv("GOFLAGS")))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go c.own(cmd, started)
	if err := <-started; err != nil {
		return nil, err
	}
	if err := c.startGuard(folder); err != nil {
		_ = unix.Kill(-c.pid, unix.SIGKILL)
		close(c.bury)
		return nil, err
	}
	return c, nil
}

// goFlags adds to GOFLAGS that a cell's program is linked without what only a debugger
// reads, unless they say how to link: to link is most of what a plotting cell waits
// for, and so takes two thirds of the time.
func goFlags(own string) string {
	if strings.Contains(own, "-ldflags") {
		return own
	}
	return strings.TrimSpace(own + " -ldflags=-s")
}

// own starts GoNB and buries it. The system sends Pdeathsig when the thread that
// started the process ends, so the goroutine keeps its thread until then.
func (c *child) own(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.pid = cmd.Process.Pid
	started <- nil
	for errors.Is(unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	close(c.ended)
	<-c.bury
	_ = cmd.Wait() // how it ended is known by then
	close(c.buried)
}

// guardWord as its first argument makes the command a guard.
const guardWord = "guard"

func (c *child) startGuard(folder string) (err error) {
	c.guard = exec.Command(c.self, guardWord, strconv.Itoa(c.pid))
	c.guard.Dir, c.guard.Stderr = "/", os.Stderr
	c.guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // apart: what kills the kernel's group must not hit it
	if c.toGuard, err = c.guard.StdinPipe(); err != nil {
		return err
	}
	if err := c.guard.Start(); err != nil {
		return err
	}
	c.folder(folder)
	return nil
}

// folder has the guard remove a folder in the end.
func (c *child) folder(path string) {
	_, _ = fmt.Fprintln(c.toGuard, path) // a guard that is gone is seen in end
}

// guard waits until its standard input closes, which it does when the kernel ends,
// and then kills what is left of the process group of that number, and removes the
// folders that it was told, a line each.
func guard(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes the number of a process group", guardWord)
	}
	group, err := strconv.Atoi(args[0])
	if err != nil || group < 2 {
		return fmt.Errorf("%s %s: that is no number of a process group", guardWord, args[0])
	}
	told, err := io.ReadAll(os.Stdin)
	if kill := unix.Kill(-group, unix.SIGKILL); kill != nil && !errors.Is(kill, unix.ESRCH) {
		err = errors.Join(err, kill)
	}
	(&child{pid: group}).settle(2 * time.Second) // what dies may still write
	for line := range strings.Lines(string(told)) {
		folder := strings.TrimSuffix(line, "\n")
		if name := filepath.Base(folder); !strings.HasPrefix(name, folderPrefix) && !strings.HasPrefix(name, "gonb_") {
			err = errors.Join(err, fmt.Errorf("%s %s: %q is no folder of a kernel", guardWord, args[0], folder))
			continue
		}
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

// end gives what GoNB has left behind a moment to end by itself, and the guard
// the rest.
func (c *child) end(moment time.Duration) error {
	c.settle(moment)
	_ = c.toGuard.Close()
	err := c.guard.Wait()
	_ = unix.Kill(-c.pid, unix.SIGKILL) // in case that somebody has killed the guard
	// Only now, for until then the group's number is given to no other.
	close(c.bury)
	<-c.buried
	return err
}

// settle waits until the group has ended, at most so long.
func (c *child) settle(most time.Duration) {
	for until := time.Now().Add(most); time.Now().Before(until) && len(c.members()) > 0; {
		time.Sleep(20 * time.Millisecond)
	}
}

// members are the processes of the group that run.
func (c *child) members() map[int]procfs.ProcStat {
	all := map[int]procfs.ProcStat{}
	procs, err := procfs.AllProcs()
	if err != nil {
		return all
	}
	for _, p := range procs {
		if stat, err := p.Stat(); err == nil && stat.PGRP == c.pid && stat.State != "Z" {
			all[p.PID] = stat
		}
	}
	return all
}
