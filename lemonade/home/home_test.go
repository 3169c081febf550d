package home

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the other process that holds a lock: it
// prints a line when it has it, and keeps it until its input closes.
func TestMain(m *testing.M) {
	if name := os.Getenv("HOME_TEST_LOCK"); name != "" {
		if _, err := Lock(context.Background(), name, nil); err != nil {
			panic(err)
		}
		os.Stdout.WriteString("locked\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // without unlocking, as a process that dies
	}
	os.Exit(m.Run())
}

func TestDir(t *testing.T) {
	root := t.TempDir()
	for _, test := range []struct{ name, home, xdg, want string }{
		{"LEMONADE_HOME wins", filepath.Join(root, "a"), filepath.Join(root, "b"), filepath.Join(root, "a")},
		{"XDG_DATA_HOME", "", filepath.Join(root, "b"), filepath.Join(root, "b", "lemonade")},
		{"default", "", "", filepath.Join(root, ".local", "share", "lemonade")},
		{"relative XDG_DATA_HOME is ignored", "", "x", filepath.Join(root, ".local", "share", "lemonade")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("HOME", root)
			t.Setenv("LEMONADE_HOME", test.home)
			t.Setenv("XDG_DATA_HOME", test.xdg)
			got, err := Dir()
			if err != nil || got != test.want {
				t.Fatalf("Dir() = %q, %v; want %q", got, err, test.want)
			}
			if info, err := os.Stat(got); err != nil || !info.IsDir() {
				t.Errorf("%s was not created: %v", got, err)
			}
		})
	}
	t.Run("error names the mend", func(t *testing.T) {
		file := filepath.Join(root, "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("LEMONADE_HOME", filepath.Join(file, "below"))
		if _, err := Dir(); err == nil || !strings.Contains(err.Error(), "LEMONADE_HOME") {
			t.Errorf("Dir() below a file: %v", err)
		}
	})
}

func TestLockBetweenGoroutines(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	ctx := context.Background()
	unlock, err := Lock(ctx, "x", func() { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	if h := Holder("x"); !strings.Contains(h, filepath.Base(os.Args[0])) {
		t.Errorf("Holder = %q", h)
	}
	waiting := make(chan string, 10)
	got := make(chan error)
	go func() {
		unlock2, err := Lock(ctx, "x", func() { waiting <- Holder("x") })
		if err == nil {
			unlock2()
		}
		got <- err
	}()
	<-waiting
	select {
	case <-got:
		t.Fatal("two hold the lock")
	case <-time.After(3 * lockPoll):
	}
	unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if len(waiting) != 0 {
		t.Error("told to wait more than once")
	}
	if h := Holder("x"); h != "another process" {
		t.Errorf("Holder of a free lock = %q", h)
	}
}

func TestLockBetweenProcesses(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOME_TEST_LOCK=x")
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("other process said %q, %v", line, err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 3*lockPoll)
	defer cancel()
	waits := 0
	if _, err := Lock(ctx, "x", func() { waits++ }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock while another process holds it: %v", err)
	}
	if waits != 1 {
		t.Errorf("onWait was called %d times", waits)
	}
	// The death of the holder frees the lock.
	stdin.Close()
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	unlock, err := Lock(context.Background(), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLockName(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	for _, name := range []string{"", "../x", "a/b", ".hidden"} {
		if _, err := Lock(context.Background(), name, nil); err == nil {
			t.Errorf("Lock(%q) is no error", name)
		}
	}
}
