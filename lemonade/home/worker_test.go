package home

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// fakeModule writes a small module with a worker that prints an embedded file,
// and makes it the source for the test.
func fakeModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module "+modulePath+"\n\ngo 1.24\n")
	write(t, dir, "lemonade/cmd/worker/main.go", `package main

import "`+modulePath+`/lemonade/engine"

func main() { println(engine.Text) }
`)
	write(t, dir, "lemonade/cmd/worker/main_test.go", "package main\n")
	write(t, dir, "lemonade/engine/engine.go", `package engine

import _ "embed"

//go:embed text.txt
var Text string
`)
	write(t, dir, "lemonade/engine/text.txt", "one")
	write(t, dir, "lemonade/expert/expert.go", "package expert\n")
	t.Setenv("LEMONADE_SOURCE", dir)
	t.Setenv("LEMONADE_HOME", t.TempDir())
	t.Setenv("LEMONADE_WORKER", "")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSourceHash(t *testing.T) {
	dir := fakeModule(t)
	hash := func() string {
		t.Helper()
		h, err := sourceHash(dir, workerPackage)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	last := hash()
	for _, test := range []struct {
		file, text string
		changes    bool
	}{
		{"lemonade/cmd/worker/main_test.go", "package main // changed\n", false},
		{"lemonade/expert/expert.go", "package expert // not the worker's\n", false},
		{"README.md", "changed", false},
		{"lemonade/engine/text.txt", "two", true},
		{"lemonade/engine/more.go", "package engine\n", true},
		{"lemonade/cmd/worker/main.go", "package main\n\nfunc main() {}\n", true},
		{"go.sum", "\n", true},
		{"go.mod", "module " + modulePath + "\n\ngo 1.25\n", true},
	} {
		write(t, dir, test.file, test.text)
		if h := hash(); (h != last) != test.changes {
			t.Errorf("writing %s: hash changed %v, want %v", test.file, h != last, test.changes)
		} else {
			last = h
		}
	}
	t.Setenv("GOFLAGS", "-tags=other")
	if hash() == last {
		t.Error("GOFLAGS does not change the hash")
	}
}

// TestSourceHashOfModule holds the module's real worker against what the go
// command says it is built from.
func TestSourceHashOfModule(t *testing.T) {
	t.Setenv("LEMONADE_SOURCE", "")
	module, err := Module()
	if err != nil {
		t.Fatal(err)
	}
	files, seen := map[string]bool{}, map[string]bool{}
	if err := addPackage(module, workerPackage, files, seen); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", "-f",
		`{{$d := .ImportPath}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .CgoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`,
		"./"+workerPackage)
	list.Dir = module
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), modulePath+"/"); ok {
			checked++
			if !files[name] {
				t.Errorf("%s is compiled into the worker and not hashed", name)
			}
		}
	}
	if checked == 0 {
		t.Error("go list named no file of the module")
	}
}

func TestWorkerIsBuiltOnce(t *testing.T) {
	dir := fakeModule(t)
	// A module in the module cache is read-only, and a cell's program runs elsewhere.
	for _, name := range []string{"lemonade/cmd/worker", "lemonade/engine", "."} {
		path := filepath.Join(dir, name)
		if err := os.Chmod(path, 0o555); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(path, 0o755)
	}
	cell := t.TempDir()
	t.Chdir(cell)
	write(t, cell, "go.work", "go 1.24\n\nuse "+filepath.Join(dir, "nowhere")+"\n")
	t.Setenv("GOWORK", filepath.Join(cell, "go.work"))

	var mu sync.Mutex
	builds, waits := 0, 0
	log := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(line, "building") {
			builds++
		}
		if strings.HasPrefix(line, "waiting for process") {
			waits++
		}
	}
	unlock, err := Lock(t.Context(), "worker", nil) // until all of them have come
	if err != nil {
		t.Fatal(err)
	}
	paths := make([]string, 4)
	var all sync.WaitGroup
	for i := range paths {
		all.Go(func() {
			var err error
			if paths[i], err = Worker(context.Background(), log); err != nil {
				t.Error(err)
			}
		})
	}
	waiting := func() int {
		mu.Lock()
		defer mu.Unlock()
		return waits
	}
	for deadline := time.Now().Add(30 * time.Second); waiting() < len(paths) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	unlock()
	all.Wait()
	if t.Failed() {
		return
	}
	if builds != 1 || waits != len(paths) {
		t.Errorf("%d builds and %d waits, want 1 and %d", builds, waits, len(paths))
	}
	for _, p := range paths {
		if p != paths[0] {
			t.Errorf("two workers: %s and %s", p, paths[0])
		}
	}
	out, err := exec.Command(paths[0]).CombinedOutput()
	if err != nil || string(out) != "one\n" {
		t.Errorf("the worker says %q, %v", out, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(paths[0]), ".build-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestWorkerErrors(t *testing.T) {
	t.Run("compile error is shown", func(t *testing.T) {
		dir := fakeModule(t)
		write(t, dir, "lemonade/cmd/worker/main.go", "package main\n\nfunc main() { undefinedName() }\n")
		_, err := Worker(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), "undefinedName") {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("no C compiler", func(t *testing.T) {
		dir := fakeModule(t)
		write(t, dir, "lemonade/cmd/worker/main.go", "package main\n\nimport \"C\"\n\nfunc main() {}\n")
		t.Setenv("CC", "no-such-compiler")
		_, err := Worker(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), "install gcc") {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("no go", func(t *testing.T) {
		fakeModule(t)
		t.Setenv("PATH", t.TempDir())
		if _, err := goCommand(); err == nil {
			t.Skip("go is in a usual place, too")
		}
		_, err := Worker(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), "https://go.dev/dl/") {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		fakeModule(t)
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Worker(ctx, func(string) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("not the module", func(t *testing.T) {
		t.Setenv("LEMONADE_WORKER", "")
		t.Setenv("LEMONADE_SOURCE", t.TempDir())
		_, err := Worker(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), "LEMONADE_SOURCE") {
			t.Errorf("error: %v", err)
		}
	})
}

func TestWorkerFromEnvironment(t *testing.T) {
	t.Setenv("LEMONADE_WORKER", os.Args[0])
	if path, err := Worker(context.Background(), nil); err != nil || path != os.Args[0] {
		t.Errorf("Worker = %q, %v", path, err)
	}
	t.Setenv("LEMONADE_WORKER", filepath.Join(t.TempDir(), "missing"))
	if _, err := Worker(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "LEMONADE_WORKER") {
		t.Errorf("error: %v", err)
	}
}

func TestRemoveOld(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	bin, err := folder("bin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, name := range []string{"current", "last", "claimed", "old", "older"} {
		write(t, bin, workerPrefix+name, "")
		when := now.Add(-time.Duration(i) * time.Hour)
		if err := os.Chtimes(filepath.Join(bin, workerPrefix+name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	write(t, bin, ".build-x", "")
	path, err := lockPath(workerPrefix + "claimed")
	if err != nil {
		t.Fatal(err)
	}
	other := flock.New(path)
	if got, err := other.TryRLock(); err != nil || !got {
		t.Fatal(got, err)
	}
	defer other.Close()
	removeOld(bin, filepath.Join(bin, workerPrefix+"current"))
	entries, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, strings.TrimPrefix(e.Name(), workerPrefix))
	}
	if got := strings.Join(left, " "); got != "claimed current last" {
		t.Errorf("left: %s", got)
	}
}

func TestModuleIsThisOne(t *testing.T) {
	t.Setenv("LEMONADE_SOURCE", "")
	t.Chdir(t.TempDir())
	dir, err := Module()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "lemonade", "home", "module.go")); err != nil {
		t.Error(err)
	}
}
