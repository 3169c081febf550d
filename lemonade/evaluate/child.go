package evaluate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	// longestMessage bounds one line of a worker, so that no worker can fill this
	// process's memory.
	longestMessage = 32 << 20
	// helloTime is how long a worker may take to start: its binary is large and
	// the disk may be cold.
	helloTime = time.Minute
	// drainTime bounds the wait for a pipe that some process still holds although
	// the worker's group is gone.
	drainTime = 5 * time.Second

	mendVersions = "it is of another version than this program: remove it, or unset LEMONADE_WORKER, to have it built again"
)

// unusableError says that no worker can work here, whatever the trial.
type unusableError struct{ text string }

func (e *unusableError) Error() string { return "evaluate: " + e.text }

// child is one worker process, the leader of a process group of its own.
type child struct {
	path     string
	cmd      *exec.Cmd
	pid      int
	stdin    io.WriteCloser
	messages chan message // closed at the end of the worker's output
	tail     *tail
	ended    chan struct{} // closed when the process is gone and reaped

	mu     sync.Mutex
	reaped bool
	why    string // reason of the first deliberate kill
	peak   int64  // bytes, the most the watchdog saw
}

type message struct {
	trial.Envelope
	err error
}

// start starts the worker. Whoever starts it must call stop. The lines of its
// standard error go to log, where there is one, and the last of them are kept.
func start(path string, args, env []string, log func(string)) (*child, error) {
	c := &child{
		path:     path,
		messages: make(chan message, 256),
		tail:     newTail(log, secretValues(os.Environ())),
		ended:    make(chan struct{}),
	}
	c.cmd = exec.Command(path, args...)
	c.cmd.Env = env
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go c.own(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("evaluate: cannot start the worker: %w: check LEMONADE_WORKER, or unset it to have the worker built", err)
	}
	return c, nil
}

// own starts the process, waits for its end and buries it. The kernel sends
// Pdeathsig when the thread that started the process ends, so the goroutine
// keeps its thread until then.
func (c *child) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var err error
	var stdout, stderr io.ReadCloser
	if c.stdin, err = c.cmd.StdinPipe(); err == nil {
		if stdout, err = c.cmd.StdoutPipe(); err == nil {
			stderr, err = c.cmd.StderrPipe()
		}
	}
	if err == nil {
		err = c.cmd.Start() // closes the pipes where it fails
	}
	if err != nil {
		started <- err
		return
	}
	c.pid = c.cmd.Process.Pid

	var readers sync.WaitGroup
	readers.Go(func() { c.read(stdout) })
	readers.Go(func() { c.tail.read(stderr) })
	drained := make(chan struct{})
	go func() { readers.Wait(); close(drained) }()
	started <- nil

	// The zombie keeps the group's number from being used again, so the rest of
	// the group is killed before the zombie is reaped.
	for errors.Is(unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	c.kill("")
	select {
	case <-drained:
	case <-time.After(drainTime):
	}
	c.mu.Lock()
	_ = c.cmd.Wait() // closes the pipes; its error repeats ProcessState, which reason reads
	c.reaped = true
	c.mu.Unlock()
	<-drained
	close(c.ended)
}

// read passes on what the worker says, line by line.
func (c *child) read(stdout io.Reader) {
	defer close(c.messages)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(make([]byte, 0, 64<<10), longestMessage)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m.Envelope); err != nil {
			m.err = fmt.Errorf("the worker's answer cannot be read: %w", err)
		}
		c.messages <- m
		if m.err != nil {
			break
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		c.messages <- message{err: fmt.Errorf("the worker's answer is longer than %d MiB", longestMessage>>20)}
	}
	_, _ = io.Copy(io.Discard, stdout) // a worker must not block on a reader that gave up
}

// next returns the worker's next message: io.EOF where it ended, an
// [*unusableError] where it says that it cannot work.
func (c *child) next(ctx context.Context) (trial.Envelope, error) {
	if err := ctx.Err(); err != nil {
		return trial.Envelope{}, err
	}
	select {
	case <-ctx.Done():
		return trial.Envelope{}, ctx.Err()
	case m, ok := <-c.messages:
		if !ok {
			return trial.Envelope{}, io.EOF
		}
		if m.Fatal != "" {
			return trial.Envelope{}, &unusableError{c.tail.redact(m.Fatal)}
		}
		return m.Envelope, m.err
	}
}

// handshake reads the worker's hello and compares the versions. Its error is one
// that no other trial would escape.
func (c *child) handshake(ctx context.Context) (trial.Hello, error) {
	timed, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	m, err := c.next(timed)
	switch {
	case ctx.Err() != nil:
		return trial.Hello{}, ctx.Err()
	case timed.Err() != nil:
		return trial.Hello{}, &unusableError{fmt.Sprintf("the worker %s said nothing for %v: is the machine overloaded?", c.path, helloTime)}
	case errors.As(err, new(*unusableError)):
		return trial.Hello{}, err
	case err != nil:
		c.bury(err)
		return trial.Hello{}, &unusableError{fmt.Sprintf("the worker %s ended before it said hello: %s: remove it, or unset LEMONADE_WORKER, to have it built again", c.path, c.reason(false, 0))}
	case m.Hello == nil:
		return trial.Hello{}, &unusableError{fmt.Sprintf("the worker %s did not begin with a hello: %s", c.path, mendVersions)}
	case m.Hello.Protocol != trial.Protocol:
		return trial.Hello{}, &unusableError{fmt.Sprintf("the worker %s speaks protocol %d and this program %d: %s", c.path, m.Hello.Protocol, trial.Protocol, mendVersions)}
	case m.Hello.Language != arch.Language:
		return trial.Hello{}, &unusableError{fmt.Sprintf("the worker %s knows version %d of the architecture language and this program %d: %s", c.path, m.Hello.Language, arch.Language, mendVersions)}
	}
	return *m.Hello, nil
}

// send writes one message without waiting for the worker to read it. A worker
// that cannot be written to is about to end, which next tells.
func (c *child) send(e trial.Envelope) {
	line, err := json.Marshal(e)
	if err != nil {
		c.kill(fmt.Sprintf("%s: the job cannot be written as JSON: %v", trial.Crash, err))
		return
	}
	go func() { _, _ = c.stdin.Write(append(line, '\n')) }()
}

// kill ends the whole group at once. The first reason given is kept.
func (c *child) kill(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return
	}
	if c.why == "" {
		c.why = why
	}
	_ = unix.Kill(-c.pid, unix.SIGKILL)
}

// stop kills the group and waits until it is gone. It may be called often.
func (c *child) stop() {
	c.kill("")
	_ = c.stdin.Close()
	for range c.messages {
	}
	<-c.ended
}

// bury waits for the end of a worker whose messages ended with err, so that
// reason can tell how it died. One that lives on is killed.
func (c *child) bury(err error) {
	if !errors.Is(err, io.EOF) {
		c.kill(fmt.Sprintf("%s: %v", trial.Crash, err))
	}
	select {
	case <-c.ended:
	case <-time.After(drainTime):
		c.kill(trial.Crash + ": the worker closed its output and lived on")
	}
	c.stop()
}
