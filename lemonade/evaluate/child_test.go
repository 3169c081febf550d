package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// A worker may end in any way; each is a result with a reason.
func TestEndings(t *testing.T) {
	job := digitsJob(t, smallProgram, 3)
	progress := `echo '{"progress":{"phase":"train","epoch":2,"epochs":3,"done":0.5,"report":{"epoch":1,"accuracy":0.5}}}'; `
	for _, test := range []struct {
		name, train string
		options     Options
		want        string
	}{
		{"exit code", `exit 7`, Options{}, "crash: the worker ended with exit code 7 before its result"},
		{"last line", `echo one >&2; echo two >&2; exit 1`, Options{}, "crash: the worker ended with exit code 1 before its result: two"},
		{"telling line", `echo 'fatal error: all goroutines are asleep' >&2; echo 'goroutine 1 [running]:' >&2; exit 2`, Options{},
			"crash: the worker ended with exit code 2 before its result: fatal error: all goroutines are asleep"},
		{"where", progress + `exit 1`, Options{}, "crash: the worker ended with exit code 1 before its result (phase train, epoch 2 of 3)"},
		{"signal", `kill -SEGV $$`, Options{}, "crash: signal SIGSEGV"},
		{"abort for memory", `echo "terminate called after throwing an instance of 'std::bad_alloc'" >&2; kill -ABRT $$`, Options{},
			"out-of-memory: terminate called after throwing an instance of 'std::bad_alloc'"},
		{"killed from outside", `kill -KILL $$`, Options{}, "crash: signal SIGKILL: the worker was killed from outside"},
		{"exit with success but without result", `exit 0`, Options{}, "crash: the worker ended with exit code 0 before its result"},
		{"deadline", progress + `sleep 100`, Options{Deadline: 200 * time.Millisecond}, "timeout: the trial ran longer than 200ms (phase train, epoch 2 of 3)"},
		{"ignores signals", `trap '' TERM INT HUP; while :; do sleep 1; done`, Options{Deadline: 200 * time.Millisecond}, "timeout: the trial ran longer than 200ms"},
		{"memory", `(head -c 300000000 /dev/zero; sleep 100) | tail -c 300000000 >/dev/null`, Options{MemoryLimit: 100 << 20}, "out-of-memory: the training used more than 100 MiB of memory"},
		{"not JSON", `echo hello; sleep 100`, Options{}, "crash: the worker's answer cannot be read: invalid character 'h' looking for beginning of value"},
		{"too long", `head -c 40000000 /dev/zero; sleep 100`, Options{}, "crash: the worker's answer is longer than 32 MiB"},
		{"closes its output", `exec >&- 1>&-; sleep 1; exit 3`, Options{}, "crash: the worker ended with exit code 3 before its result"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Worker = fake(t, test.train)
			l := open(t, test.options)
			got, err := l.Evaluate(t.Context(), job, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.State != trial.Failed || got.Reason != test.want {
				t.Errorf("got %s, reason %q\nwant failed, reason %q", got.State, got.Reason, test.want)
			}
			if strings.Contains(test.train, "report") && len(got.Curve) != 1 {
				t.Errorf("the curve so far is lost: %v", got.Curve)
			}
		})
	}
}

// The result counts even where the worker does not end after it.
func TestResultOfWorkerThatStays(t *testing.T) {
	l := open(t, Options{Worker: fake(t, `echo '{"result":{"state":"complete","metrics":{"accuracy":{"value":0.5,"unit":"","method":"counted","spread":null}}}}'; sleep 100`)})
	got, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := trial.Result{State: trial.Complete, Metrics: trial.Metrics{trial.Accuracy: {Value: 0.5, Method: trial.MethodCounted}}}
	if got.Seconds[trial.PhaseStart] <= 0 || got.Seconds[trial.PhaseStop] <= 0 || got.Seconds[trial.PhaseStop] > 50 {
		t.Errorf("to start and to end it took %v s", got.Seconds)
	}
	got.Seconds = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a worker has started dies with it, in the group or not reading anything.
func TestGroupDies(t *testing.T) {
	for _, test := range []struct{ name, train string }{
		{"deadline", `sleep 1000 & echo $! >$PIDFILE; wait`},
		{"end of the worker", `sleep 1000 & echo $! >$PIDFILE; exit 1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			t.Setenv("PIDFILE", file)
			l := open(t, Options{Worker: fake(t, test.train), Deadline: 300 * time.Millisecond})
			if _, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 1), nil); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Second, "the grandchild is gone", func() bool { return gone(pid) })
		})
	}
}

func TestCancel(t *testing.T) {
	l := open(t, Options{Worker: fake(t, `echo '{"progress":{"phase":"train","done":0.5}}'; sleep 100`)})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Evaluate(ctx, digitsJob(t, smallProgram, 1), func(trial.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Evaluate(ctx, digitsJob(t, smallProgram, 1), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
}

func TestCloseEndsEvaluation(t *testing.T) {
	l := open(t, Options{Worker: fake(t, `echo '{"progress":{"phase":"train","done":0.5}}'; sleep 100`)})
	job := digitsJob(t, smallProgram, 1)
	closed := make(chan struct{})
	_, err := l.Evaluate(t.Context(), job, func(trial.Progress) {
		go func() { l.Close(); close(closed) }()
	})
	if !errors.Is(err, errClosed) {
		t.Errorf("error %v, want %v", err, errClosed)
	}
	<-closed
	if _, err := l.Evaluate(t.Context(), job, nil); !errors.Is(err, errClosed) {
		t.Errorf("after Close: error %v, want %v", err, errClosed)
	}
	if _, err := l.Parse(t.Context(), smallProgram, job.Network.Input, 10); !errors.Is(err, errClosed) {
		t.Errorf("after Close: error %v, want %v", err, errClosed)
	}
}

// What makes every trial impossible is an error that says what to do.
func TestUnusable(t *testing.T) {
	hello := func(protocol, language int) string {
		return fmt.Sprintf(`echo '{"hello":{"protocol":%d,"language":%d,"engine":"fake 1"}}'; `, protocol, language)
	}
	for _, test := range []struct {
		name, worker string
		want         []string
	}{
		{"other protocol", hello(99, arch.Language) + "cat", []string{fmt.Sprintf("speaks protocol 99 and this program %d", trial.Protocol), "LEMONADE_WORKER"}},
		{"other language", hello(trial.Protocol, 98) + "cat", []string{"version 98 of the architecture language", "LEMONADE_WORKER"}},
		{"no hello", `echo '{"parsed":{}}'; cat`, []string{"did not begin with a hello"}},
		{"dies", `echo 'libfoo.so: cannot open shared object file' >&2; exit 127`, []string{"ended before it said hello", "libfoo.so: cannot open", "LEMONADE_WORKER"}},
		{"no plugin", hello(trial.Protocol, arch.Language) + `[ $1 = parse ] && cat; echo '{"fatal":"no plugin: run this"}'; cat`, []string{"no plugin: run this"}},
		{"plugin crashes", hello(trial.Protocol, arch.Language) + `[ $1 = parse ] && cat; echo bang >&2; exit 2`, []string{"while it opened XLA", "bang"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Open(t.Context(), Options{Worker: script(t, test.worker)})
			if err == nil {
				l.Close()
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			noChildren(t)
		})
	}
	t.Run("no worker", func(t *testing.T) {
		_, err := Open(t.Context(), Options{Worker: filepath.Join(t.TempDir(), "none")})
		if err == nil || !strings.Contains(err.Error(), "LEMONADE_WORKER") {
			t.Errorf("error %v", err)
		}
		noChildren(t)
	})
	t.Run("fatal in a trial", func(t *testing.T) {
		l := open(t, Options{Worker: fake(t, `echo '{"fatal":"the device is gone"}'; sleep 100`)})
		_, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 1), nil)
		if err == nil || err.Error() != "evaluate: the device is gone" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("options", func(t *testing.T) {
		_, err := Open(t.Context(), Options{Deadline: -1, MemoryLimit: -1, ParseTime: -1, ParseMemory: 1})
		for _, field := range []string{"deadline", "memory limit", "parse time", "parse memory"} {
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("error %v does not name the %s", err, field)
			}
		}
	})
}

// No worker sees a secret, and none comes back from one.
func TestSecrets(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-very-secret-1")
	t.Setenv("MY_SERVICE_TOKEN", "another-secret")
	l := open(t, Options{Worker: fake(t, `env | grep -E 'API_KEY|TOKEN' >&2; echo 'leaked sk-very-secret-1' >&2; exit 1`)})
	got, err := l.Evaluate(t.Context(), digitsJob(t, smallProgram, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "crash: the worker ended with exit code 1 before its result: leaked [redacted]"; got.Reason != want {
		t.Errorf("reason %q, want %q", got.Reason, want)
	}
}
