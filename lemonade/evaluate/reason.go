package evaluate

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// reason says why a worker ended without a result, once it has ended. The
// arguments help to tell the kernel's killing for want of memory from another's:
// whether the kernel's count of such killings grew, and the memory limit (0 if
// none) that the worker may have been close to.
func (c *child) reason(oomKilled bool, limit int64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != "" {
		return c.why
	}
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	line := c.tail.useful()
	detail := ""
	if line != "" {
		detail = ": " + line
	}
	switch {
	case noMemory.MatchString(line):
		return trial.OutOfMemory + detail
	case ok && status.Signaled() && status.Signal() == unix.SIGKILL:
		if oomKilled || limit > 0 && c.peak > limit/2 {
			return trial.OutOfMemory + ": the worker was killed (SIGKILL), most likely by the kernel because memory ran out"
		}
		return trial.Crash + ": signal SIGKILL: the worker was killed from outside"
	case ok && status.Signaled():
		return fmt.Sprintf("%s: signal %s%s", trial.Crash, unix.SignalName(status.Signal()), detail)
	default:
		return fmt.Sprintf("%s: the worker ended with exit code %d before its result%s", trial.Crash, c.cmd.ProcessState.ExitCode(), detail)
	}
}

// noMemory matches what Go, C++ and XLA say when memory runs out.
var noMemory = regexp.MustCompile(`(?i)out of memory|cannot allocate memory|bad_alloc|RESOURCE_EXHAUSTED|failed to allocate`)

// telling matches the line that says why a process died, which stands before a
// stack of no interest here.
var telling = regexp.MustCompile(`^(panic:|fatal error:|runtime: .*memory|terminate called|SIG[A-Z]+:|F\d{4} |.*Check failed)|` + noMemory.String())

const (
	tailLines = 40
	lineChars = 500
)

// tail keeps what matters of a worker's standard error, within bounds.
type tail struct {
	log     func(string)
	secrets *strings.Replacer

	mu      sync.Mutex
	lines   []string // the last ones
	telling string   // the first line that says why
}

func newTail(log func(string), secrets []string) *tail {
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s, "[redacted]")
	}
	return &tail{log: log, secrets: strings.NewReplacer(pairs...)}
}

func (t *tail) redact(text string) string { return t.secrets.Replace(text) }

// read takes in lines until the end. A carriage return ends a line too, as
// progress bars use it.
func (t *tail) read(stderr io.Reader) {
	r := bufio.NewReader(stderr)
	var line strings.Builder
	for {
		b, err := r.ReadByte()
		if err == nil && b != '\n' && b != '\r' {
			if line.Len() < lineChars {
				line.WriteByte(b)
			}
			continue
		}
		if text := strings.TrimSpace(t.redact(strings.ToValidUTF8(line.String(), "?"))); text != "" {
			t.add(text)
		}
		line.Reset()
		if err != nil {
			return
		}
	}
}

func (t *tail) add(line string) {
	t.mu.Lock()
	if len(t.lines) == tailLines {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, line)
	if t.telling == "" && telling.MatchString(line) {
		t.telling = line
	}
	t.mu.Unlock()
	if t.log != nil {
		t.log(line)
	}
}

// useful returns the one line that says most about the end, or "".
func (t *tail) useful() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.telling != "" {
		return t.telling
	}
	if len(t.lines) == 0 {
		return ""
	}
	return t.lines[len(t.lines)-1]
}
