package record

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The test binary plays a second process when these are set: a writer in the
// folder, from that id on, that holds the study's lock.
const (
	envDir   = "RECORD_TEST_DIR"
	envFirst = "RECORD_TEST_FIRST"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver saves trials and attempts and prints the id of each that is
// acknowledged.
func writeForEver(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if _, err := s.Run("a"); err != nil {
		return err
	}
	var id int
	if _, err := fmt.Sscan(os.Getenv(envFirst), &id); err != nil {
		return err
	}
	for ; ; id++ {
		x, a := numbered(id)
		if err := s.SaveTrial(ctx, "a", x); err != nil {
			return err
		}
		if err := s.AddAttempt(ctx, "a", id, a); err != nil {
			return err
		}
		fmt.Println(id)
		time.Sleep(time.Millisecond) // SQLite's waiting is not fair: leave other writers a gap
	}
}

// numbered is a trial that can be told from its id.
func numbered(id int) (trial.Trial, trial.Attempt) {
	return trial.Trial{ID: id, State: trial.Complete, Key: fmt.Sprint("key", id), Commands: []trial.Command{{Code: "ACL"}},
			Metrics: trial.Metrics{trial.Loss: {Value: float64(id), Method: trial.MethodCounted}}, Started: time.Unix(int64(id), 0).UTC()},
		trial.Attempt{Proposer: "p", Program: strings.Repeat(fmt.Sprint(id, " "), 500)}
}

// writer starts a second process and returns the ids that it acknowledges.
func writer(t *testing.T, dir string, first int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDir+"="+dir, envFirst+"="+fmt.Sprint(first))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// TestKill kills a writing process, several times over one database: all that
// was acknowledged is there, nothing is half there, and the lock is free.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir), "a")
	next := 1
	for round := range 5 {
		cmd, acks := writer(t, dir, next)
		last := 0
		for n := 0; acks.Scan(); n++ {
			if _, err := fmt.Sscan(acks.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if n == 5+7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || last == 0 {
			t.Fatalf("the writer ended with %v after id %d", err, last)
		}
		s := open(t, dir)
		unlock, err := s.Run("a")
		if err != nil {
			t.Fatalf("the dead process still holds its lock: %v", err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		var verdict string
		if err := s.writer.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Fatalf("integrity_check: %s, %v", verdict, err)
		}
		h, err := s.Trials(ctx, "a")
		if err != nil || len(h) < last {
			t.Fatalf("%d trials of %d acknowledged, %v", len(h), last, err)
		}
		for i, got := range h {
			want, attempt := numbered(i + 1)
			if i < last || len(got.Attempts) > 0 { // the very last may lack its attempt
				want.Attempts = []trial.Attempt{attempt}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("trial %d (-want +got):\n%s", i+1, diff)
			}
		}
		if next = len(h) + 1; len(h[len(h)-1].Attempts) == 0 {
			next--
		}
		t.Logf("round %d: %d acknowledged, %d there", round, last, len(h))
	}
}

// TestReadWhileWriting reads by many while another process and this one write.
func TestReadWhileWriting(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "a", "b")
	cmd, acks := writer(t, dir, 1)
	if !acks.Scan() {
		t.Fatal("the writer wrote nothing")
	}
	if _, err := s.Run("a"); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
		t.Errorf("the study runs in process %d, the error is %v", cmd.Process.Pid, err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			reader, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer reader.Close()
			before, reads := 0, 0
			for ; ; reads++ {
				select {
				case <-stop:
					if reads < 3 {
						t.Errorf("only %d reads", reads)
					}
					return
				default:
				}
				h, err := reader.Trials(ctx, "a")
				if err != nil || len(h) < before {
					t.Errorf("%d trials after %d: %v", len(h), before, err)
					return
				}
				before = len(h)
				for i, x := range h {
					if x.ID != i+1 || x.Metrics[trial.Loss].Value != float64(x.ID) {
						t.Errorf("trial %d of %d is half there: %+v", i+1, len(h), x)
						return
					}
				}
			}
		})
	}
	end := time.Now().Add(time.Second)
	for id := 1; time.Now().Before(end); id++ {
		x, _ := numbered(id)
		save(t, s, "b", x)
		time.Sleep(time.Millisecond) // as there
	}
	close(stop)
	wg.Wait()
	if h, err := s.Trials(ctx, "a"); err != nil || len(h) < 3 {
		t.Errorf("the other process wrote %d trials, %v", len(h), err)
	}
}
