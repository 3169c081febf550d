package evaluate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// parentEnv makes the test binary the parent of a worker that it trains in for
// ever, until somebody kills it.
const parentEnv = "EVALUATE_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		err := trainForever()
		fmt.Fprintln(os.Stderr, "the test's parent process:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// open opens the real evaluator, and checks at the end that nothing is left of it.
func open(t *testing.T, o Options) *Local {
	t.Helper()
	if testing.Verbose() {
		o.Log = func(text string) { t.Log(text) }
	}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		noChildren(t)
	})
	return l
}

// worker returns the real worker, built where it must be.
func worker(t testing.TB) string {
	t.Helper()
	path, err := home.Worker(context.Background(), func(text string) { t.Log(text) })
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// children lists the processes that this one has started and not yet reaped.
func children(parent int) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := statFields(pid); len(f) > 1 && f[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func noChildren(t *testing.T) {
	t.Helper()
	for _, pid := range children(os.Getpid()) {
		t.Errorf("process %d is left: %v", pid, statFields(pid)[0])
	}
}

// gone reports whether a process has ended; a zombie of a foreign parent counts.
func gone(pid int) bool {
	f := statFields(pid)
	return len(f) == 0 || f[0] == "Z" || f[0] == "X"
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

const smallProgram = `
def network(x, classes):
    x = relu(batch_norm(conv(x, 16, kernel = 3)))
    x = relu(batch_norm(conv(x, 32, kernel = 3, stride = 2)))
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(learning_rate = 0.1, batch_size = 32)
`

// digits returns a job that trains the program on the embedded digits.
func digits(ctx context.Context, source string, epochs int) (trial.Job, error) {
	ref, err := datasets.Prepare(ctx, "digits", datasets.Options{})
	if err != nil {
		return trial.Job{}, err
	}
	program, err := arch.Parse(source, arch.Shape{8, 8, 1}, 10)
	if err != nil {
		return trial.Job{}, err
	}
	return trial.Job{
		Network: program.Network, Recipe: program.Recipe, Seed: 1,
		Data:   trial.Data{Name: ref.Name, Dir: ref.Dir, Fingerprint: datasets.Fingerprint(ref, 0)},
		Budget: trial.Budget{Epochs: epochs, Profile: 2 * time.Second},
	}, nil
}

func digitsJob(t *testing.T, source string, epochs int) trial.Job {
	t.Helper()
	job, err := digits(t.Context(), source, epochs)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// fake is a worker written in sh: it shakes hands as it should and does train for
// a job.
func fake(t *testing.T, train string) string {
	t.Helper()
	return script(t, fmt.Sprintf(`
hello='{"hello":{"protocol":%d,"language":%d,"engine":"fake 1"}}'
case $1 in
parse)  echo "$hello"; cat >/dev/null ;;
plugin) echo "$hello"; echo '{"backend":{"name":"xla:fake","device":"fake","precision":"float32"}}'; cat >/dev/null ;;
train)  echo "$hello"; read -r job; %s ;;
esac
`, trial.Protocol, arch.Language, train))
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.TrimSpace(body)+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
