package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// noisyEnv makes the test binary a worker with a library that prints.
const noisyEnv = "WORKER_TEST_NOISY"

// argsEnv makes the test binary a worker with these arguments, split at spaces.
const argsEnv = "WORKER_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(argsEnv); args != "" {
		if err := run(context.Background(), strings.Fields(args)); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if os.Getenv(noisyEnv) != "" {
		out, err := claimStdout()
		if err != nil {
			panic(err)
		}
		fmt.Println("a library says so")
		if err := out.send(trial.Envelope{Fatal: "x"}); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestStdoutCarriesMessagesOnly(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), noisyEnv+"=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got, want := stdout.String(), `{"fatal":"x"}`+"\n"; got != want {
		t.Errorf("standard output %q, want %q", got, want)
	}
	if got, want := stderr.String(), "a library says so\n"; got != want {
		t.Errorf("standard error %q, want %q", got, want)
	}
}

func TestReason(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w by step 3", engine.ErrNaN), "nan: the loss is not finite by step 3"},
		{fmt.Errorf("step 1: %w", engine.ErrOutOfMemory), "out-of-memory: step 1: out of memory"},
		{fmt.Errorf("%w: conv", engine.ErrCompile), "compile-error: the network does not compile: conv"},
		{badData{errors.New("datasets: digits: gone")}, "data: datasets: digits: gone"},
		{errors.New("panic: index out of range\ngoroutine 1 [running]:"), "crash: panic: index out of range"},
	} {
		if got := reason(test.err); got != test.want {
			t.Errorf("reason(%q) = %q, want %q", test.err, got, test.want)
		}
	}
}

func TestGuarded(t *testing.T) {
	err := (&trainee{}).guarded(t.Context()) // without an output the first message panics
	if err == nil || !strings.HasPrefix(err.Error(), "panic: ") {
		t.Errorf("error %v", err)
	}
}

func TestCounted(t *testing.T) {
	of := func(v float64) *float64 { return &v }
	got := counted(&engine.Model{Accuracy: 0.9, Validated: 100, TrainAccuracy: 0.5, Trained: 400, Loss: 0.25})
	want := trial.Metrics{
		trial.Accuracy:      {Value: 0.9, Method: "counted", Spread: of(0.03), Note: "90 of 100 validation samples; the spread is the binomial standard error"},
		trial.TrainAccuracy: {Value: 0.5, Method: "counted", Spread: of(0.025), Note: "200 of 400 training samples; the spread is the binomial standard error"},
		trial.Loss:          {Value: 0.25, Unit: "nats", Method: "counted", Note: "mean over 100 validation samples"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFinite(t *testing.T) {
	got := finite(trial.Metrics{trial.Loss: {Value: math.NaN()}, trial.Latency: {Value: math.Inf(1)}, trial.Accuracy: {Value: 0}})
	if diff := cmp.Diff(trial.Metrics{trial.Accuracy: {}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBounded(t *testing.T) {
	if got := bounded(strings.Repeat("x", longestError+1)); len(got) > longestError+10 {
		t.Errorf("%d bytes", len(got))
	}
	if got := bounded("short"); got != "short" {
		t.Errorf("%q", got)
	}
}
