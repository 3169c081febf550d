package record

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"cifar":                   "",
		"Energy of CIFAR-10_v1.2": "",
		"7":                       "",
		"Größe 测试":                "",
		"a..b":                    "",
		strings.Repeat("x", 100):  "",
		"":                        "needs a name",
		strings.Repeat("x", 101):  "too long (101 characters",
		strings.Repeat("测", 81):   "81 characters, 243 bytes",
		".":                       "begins with '.'",
		"..":                      "begins with '.'",
		".hidden":                 "begins with '.'",
		"-rf":                     "begins with '-'",
		" a":                      "begins with ' '",
		"a ":                      "ends with a space",
		"a/b":                     "contains '/'",
		"a\\b":                    `contains '\\'`,
		"a\x00b":                  `contains '\x00'`,
		"a\nb":                    `contains '\n'`,
		"a:b":                     "contains ':'",
		"a\xff":                   "not UTF-8",
	} {
		err := CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	s := open(t, t.TempDir())
	if err := s.CreateStudy(ctx, Study{Name: "a/b"}); err == nil {
		t.Error("a study with a bad name can be created")
	}
	if _, err := s.Run("../a"); err == nil {
		t.Error("a study with a bad name can be run")
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	name := strings.Repeat("测", 80)
	unlock, err := s.Run(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, second := range []*Store{s, other} {
		if _, err := second.Run(name); !errors.Is(err, ErrRunning) {
			t.Errorf("run twice: %v", err)
		}
	}
	free, err := other.Run("another")
	if err != nil {
		t.Errorf("another study: %v", err)
	}
	if err := errors.Join(unlock(), free()); err != nil {
		t.Error(err)
	}
	unlock, err = other.Run(name)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "locks", name+".lock")); err != nil {
		t.Error(err)
	}
}

func TestRunning(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	is := func(when string, want Runner, running bool) {
		t.Helper()
		for _, reader := range []*Store{s, other} {
			got, ok, err := reader.Running("a")
			if err != nil || ok != running {
				t.Fatalf("%s: running %v, %v; want %v", when, ok, err, running)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
	}
	is("never run", Runner{}, false)
	unlock, err := s.Run("a")
	if err != nil {
		t.Fatal(err)
	}
	is("begun", Runner{PID: os.Getpid()}, true)
	told := Runner{Trials: 6, Trial: 2, Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.5}}
	if err := s.Tell("a", told); err != nil {
		t.Fatal(err)
	}
	told.PID = os.Getpid()
	is("told", told, true)
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	is("ended", Runner{}, false)
	if unlock, err = other.Run("a"); err != nil {
		t.Fatal(err)
	}
	is("run again, what was told before is gone", Runner{PID: os.Getpid()}, true)
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Running("../a"); err == nil {
		t.Error("a study with a bad name can be looked at")
	}
}

// TestRunKeepsTheLock holds that a study stays locked where unlock is dropped.
func TestRunKeepsTheLock(t *testing.T) {
	dir := t.TempDir()
	if _, err := open(t, dir).Run("a"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // finalizers run beside it
	}
	if _, err := open(t, dir).Run("a"); !errors.Is(err, ErrRunning) {
		t.Errorf("after a collection: %v", err)
	}
}

// TestRunningNeverRefuses holds that looking whether a study is run does not keep
// anybody from running it.
func TestRunningNeverRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	stop := make(chan struct{})
	defer close(stop)
	for range 4 {
		watcher := open(t, dir)
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _, _ = watcher.Running("a")
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		unlock, err := s.Run("a")
		if err != nil {
			t.Fatal(err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
	}
}
