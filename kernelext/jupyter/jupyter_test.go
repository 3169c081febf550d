package jupyter

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests share the set-up of the machine's data folder, as users do.
func ensure(t *testing.T) *Env {
	t.Helper()
	e, err := Ensure(t.Context(), func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// write writes a notebook for a kernel, or for none in particular where that is "".
func write(t *testing.T, kernel string, cells ...string) string {
	t.Helper()
	metadata := map[string]any{}
	if kernel != "" {
		metadata["kernelspec"] = map[string]any{"name": kernel, "display_name": kernel}
	}
	type cell struct {
		Type     string         `json:"cell_type"`
		ID       string         `json:"id"`
		Source   string         `json:"source"`
		Metadata map[string]any `json:"metadata"`
		Outputs  []any          `json:"outputs"`
		Count    *int           `json:"execution_count"`
	}
	var all []cell
	for i, source := range cells {
		all = append(all, cell{"code", "cell" + string(rune('a'+i)), source, map[string]any{}, []any{}, nil})
	}
	text, err := json.Marshal(map[string]any{"cells": all, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.ipynb")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecondEnsureDoesNothing(t *testing.T) {
	ensure(t)
	fastest := time.Hour
	for range 5 { // the machine may be busy with other tests
		began := time.Now()
		if _, err := Ensure(t.Context(), func(s string) { t.Errorf("a second set-up says: %s", s) }); err != nil {
			t.Fatal(err)
		}
		fastest = min(fastest, time.Since(began))
	}
	if fastest > 100*time.Millisecond {
		t.Errorf("a second set-up takes %v", fastest)
	}
	if _, err := Status(); err != nil {
		t.Errorf("Status after Ensure: %v", err)
	}
}

func TestExecute(t *testing.T) {
	e := ensure(t)
	out := t.TempDir()
	var said []string
	page, err := e.Execute(t.Context(), write(t, "",
		"// Print something\n%%\nfmt.Println(\"the answer:\", 6*7)\nfmt.Fprintln(os.Stderr, \"a warning is no failure; exit status 3 is what it would say\")",
		"%%\nfmt.Println(os.Getenv(\"LEMONADE_HOME\") != \"\")",
		"%lemonade help",
	), out, func(s string) { said = append(said, s) })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the answer: 42", "true", "discover"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, remote := range []string{`src="http`, `import("http`} {
		if strings.Contains(string(text), remote) {
			t.Errorf("the page takes something from the network: %s", remote)
		}
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "cell 1 of 3: Print something") || !strings.Contains(all, "cell 3 of 3") {
		t.Errorf("no line per cell in:\n%s", all)
	}
}

// TestFailures holds that every way in which a cell goes wrong is an error that
// names the cell, also those that the kernel reports as success.
func TestFailures(t *testing.T) {
	e := ensure(t)
	const ours, gonb = "lemonade", "gonb"
	for _, test := range []struct{ name, kernel, source, want string }{
		{"panic", ours, "%%\npanic(\"boom\")", "boom"},
		{"exit", ours, "%%\nos.Exit(3)", "exit status 3"},
		{"interrupt", ours, "%%\nsyscall.Kill(os.Getpid(), syscall.SIGINT)\ntime.Sleep(time.Minute)", "signal: interrupt"},
		{"shell", ours, "!exit 4", "exit status 4"},
		{"shell", gonb, "!exit 4", "exit status 4"},
		{"interrupted shell", ours, "!kill -INT $$", "signal: interrupt"},
		{"unknown magic", ours, "%timeit\n%%\nfmt.Println(1)", "there is no magic %timeit"},
		{"unknown magic", gonb, "%timeit\n%%\nfmt.Println(1)", "unknown or not implemented"},
		{"unknown word", ours, "%lemonade shwo first", `the nearest is "show"`},
		{"compile error", ours, "%%\nvar x int = \"text\"\nfmt.Println(x)", "cannot use"},
		{"kill", ours, "%%\nsyscall.Kill(os.Getpid(), syscall.SIGKILL)\ntime.Sleep(time.Minute)", "signal: killed"},
		{"input", ours, "import \"github.com/janpfeifer/gonb/gonbui\"\n%%\ngonbui.RequestInput(\"Key: \", true)\nfmt.Scanln()", "nobody is there to answer"},
	} {
		t.Run(test.name+" in "+test.kernel, func(t *testing.T) {
			t.Parallel()
			page, err := e.Execute(t.Context(), write(t, test.kernel, "%%\nfmt.Println(\"first\")", test.source, "%%\nfmt.Println(\"never\" + \" reached\")"),
				t.TempDir(), func(string) {})
			var failed *CellError
			if !errors.As(err, &failed) {
				t.Fatalf("error %v, want a CellError", err)
			}
			if failed.Cell != 2 || failed.Of != 3 || !strings.Contains(failed.Text, test.want) {
				t.Errorf("cell %d of %d says %q, want cell 2 of 3 and %q", failed.Cell, failed.Of, failed.Text, test.want)
			}
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "never reached") {
				t.Error("a cell after the failure was executed")
			}
		})
	}
}

func TestOtherKernel(t *testing.T) {
	e := ensure(t)
	_, err := e.Execute(t.Context(), write(t, "python3", "print(1)"), t.TempDir(), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "choose Go (Lemonade)") {
		t.Errorf("error %v, want one that says which kernel to choose", err)
	}
}

// TestCancel holds that a cancelled run ends soon and leaves no cell program behind.
func TestCancel(t *testing.T) {
	e := ensure(t)
	mark := filepath.Join(t.TempDir(), "alive")
	notebook := write(t, "", "%%\nfor {\n\tos.WriteFile("+quote(mark)+", nil, 0o644)\n\ttime.Sleep(50 * time.Millisecond)\n}")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(mark); err == nil {
				cancel()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	began := time.Now()
	_, err := e.Execute(ctx, notebook, t.TempDir(), func(string) {})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("took %v to end", d)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	if _, err := os.Stat(mark); err == nil {
		t.Error("the cell's program still runs")
	}
}

func TestWithoutMod(t *testing.T) {
	if got, want := withoutMod("-mod=mod -tags=x  --mod=vendor -v"), "-tags=x -v"; got != want {
		t.Errorf("withoutMod: %q, want %q", got, want)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
