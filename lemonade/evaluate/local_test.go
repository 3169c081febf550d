package evaluate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestLocalConforms(t *testing.T) {
	l := open(t, Options{})
	conformance(t, l)
}

// These need the real worker and XLA: what a foreign network can do to it.
func TestFailures(t *testing.T) {
	const blowsUp = `
def network(x, classes):
    x = flatten(x)
    for i in range(6):
        x = dense(x, 64)
        x = x * x
    return dense(x, classes)

def recipe():
    return training(learning_rate = 10.0, warmup = 0.0, schedule = "constant", batch_size = 32)
`
	// giant has two convolutions over activations of that many MiB per sample.
	giant := func(batch int) string {
		return fmt.Sprintf(`
def network(x, classes):
    x = upsample(x, factor = 32)
    x = relu(conv(x, 64, kernel = 3))
    x = relu(conv(x, 64, kernel = 3))
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(batch_size = %d)
`, batch)
	}
	for _, test := range []struct {
		name, source string
		epochs       int
		options      Options
		want         string
	}{
		{"nan", blowsUp, 20, Options{}, trial.NaN + ": "},
		{"memory above a given limit", giant(64), 1, Options{MemoryLimit: 1 << 30}, trial.OutOfMemory + ": the training used more than 1.0 GiB of memory"},
		{"memory above the default limit", giant(1024), 1, Options{}, trial.OutOfMemory + ": "},
		{"deadline", smallProgram, 10_000, Options{Deadline: 8 * time.Second}, trial.Timeout + ": the trial ran longer than 8s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := peak(t)
			l := open(t, test.options)
			got, err := l.Evaluate(t.Context(), digitsJob(t, test.source, test.epochs), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(got.Reason)
			if got.State != trial.Failed || !strings.HasPrefix(got.Reason, test.want) {
				t.Errorf("%s, reason %q; want failed, reason %q", got.State, got.Reason, test.want)
			}
			if grown := peak(t) - before; grown > 50<<20 {
				t.Errorf("this process's peak memory grew by %d MiB", grown>>20)
			}
		})
	}
}

func TestBadData(t *testing.T) {
	l := open(t, Options{})
	job := digitsJob(t, smallProgram, 1)
	job.Data.Fingerprint = "digits:0000000000000000/split1/whole"
	got, err := l.Evaluate(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != trial.Failed || !strings.HasPrefix(got.Reason, trial.BadData+": ") {
		t.Errorf("%s, reason %q", got.State, got.Reason)
	}
}

func TestKilledFromOutside(t *testing.T) {
	l := open(t, Options{})
	killed := false
	got, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 10_000), func(p trial.Progress) {
		if p.Epoch == 0 || killed {
			return
		}
		killed = true
		for _, pid := range children(os.Getpid()) {
			if pid != l.parser.child.pid {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.State != trial.Failed || !strings.HasPrefix(got.Reason, trial.Crash+": signal SIGKILL") || !strings.Contains(got.Reason, "phase train") {
		t.Errorf("%s, reason %q", got.State, got.Reason)
	}
}

// The worker's own lifeline, without any parent that kills it.
func TestWorkerEndsWithItsInput(t *testing.T) {
	job := digitsJob(t, smallProgram, 10_000)
	l := open(t, Options{}) // finds the backend
	c, err := start(worker(t), []string{"train"}, workerEnv(os.Environ(), trainEnv(l.about.Backend)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if _, err := c.handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.send(trial.Envelope{Job: &job})
	for {
		m, err := c.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Progress != nil && m.Progress.Epoch > 1 {
			break
		}
	}
	c.stdin.Close()
	go func() {
		for range c.messages {
		}
	}()
	eventually(t, 2*time.Second, "the worker is gone", func() bool {
		select {
		case <-c.ended:
			return true
		default:
			return false
		}
	})
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A parent that is killed in the middle of a trial leaves no worker behind.
func TestParentKilled(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Wait()
	defer parent.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "training\n" {
		t.Fatalf("the parent says %q, %v", line, err)
	}
	workers := children(parent.Process.Pid)
	if len(workers) != 2 {
		t.Errorf("the parent has workers %v, want one that parses and one that trains", workers)
	}
	parent.Process.Kill()
	eventually(t, 2*time.Second, "the workers are gone", func() bool {
		for _, pid := range workers {
			if !gone(pid) {
				return false
			}
		}
		return true
	})
}

// trainForever is what the parent of TestParentKilled does.
func trainForever() error {
	ctx := context.Background()
	l, err := Open(ctx, Options{})
	if err != nil {
		return err
	}
	job, err := digits(ctx, smallProgram, 1_000_000)
	if err != nil {
		return err
	}
	told := false
	_, err = l.Evaluate(ctx, job, func(p trial.Progress) {
		if p.Epoch > 0 && !told {
			told = true
			fmt.Println("training")
		}
	})
	if err == nil {
		err = errors.New("the training ended")
	}
	return err
}

// The weights are where the job wants them, in a folder that did not exist.
func TestWeightsAreKept(t *testing.T) {
	l := open(t, Options{})
	job := digitsJob(t, smallProgram, 1)
	job.Weights = filepath.Join(t.TempDir(), "new", "1.safetensors")
	got, err := l.Evaluate(t.Context(), job, nil)
	if err != nil || got.State != trial.Complete {
		t.Fatalf("%s, %s, %v", got.State, got.Reason, err)
	}
	info, err := os.Stat(job.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if want := job.Network.Costs().ModelBytes; info.Size() < want {
		t.Errorf("the file has %d bytes, the weights %d", info.Size(), want)
	}
}
