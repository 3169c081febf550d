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
func write(t testing.TB, kernel string, cells ...string) string {
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

// cellTest is a cell and what its failure says, or "" where it is good.
type cellTest struct{ name, source, want string }

// failing are cells for a kernel, most of which go wrong in a way of their own.
var failing = map[string][]cellTest{
	"lemonade": {
		{"good", "%%\nfmt.Println(\"first\")", ""},
		{"panic", "%%\npanic(\"boom\")", "boom"},
		{"exit", "%%\nos.Exit(3)", "exit status 3"},
		{"interrupt", "%%\nsyscall.Kill(os.Getpid(), syscall.SIGINT)\ntime.Sleep(time.Minute)", "signal: interrupt"},
		{"kill", "%%\nsyscall.Kill(os.Getpid(), syscall.SIGKILL)\ntime.Sleep(time.Minute)", "signal: killed"},
		{"compile error", "%%\nvar x int = \"text\"\nfmt.Println(x)", "cannot use"},
		{"no Go", "%%\nthis is no Go", "expected"},
		{"false", "!false", "exit status 1"},
		{"shell", "!exit 4", "exit status 4"},
		{"shell in the kernel's folder", "!*exit 5", "exit status 5"},
		{"no command", "!frobnicate", "exit status 127"},
		{"interrupted shell", "!kill -INT $$", "signal: interrupt"},
		{"script", "%%bash\nexit 6", "exit status 6"},
		{"good after all that", "!true", ""},
		{"magic", "%frobnicate", "there is no magic %frobnicate"},
		{"magic and Go", "%timeit\n%%\nfmt.Println(1)", "there is no magic %timeit"},
		{"word", "%lemonade shwo first", `the nearest is "show"`},
		{"command", "%lemonade show no-such-study", "no-such-study"},
		{"second command", "%lemonade help\n%lemonade front no-such-study", "no-such-study"},
		{"exec", "%exec fmt.Println", "%exec ran nothing"},
		{"input", "import \"github.com/janpfeifer/gonb/gonbui\"\n%%\ngonbui.RequestInput(\"Key: \", true)\nfmt.Scanln()", "nobody is there to answer"},
		{"good at the end", "%%\nfmt.Fprintln(os.Stderr, \"unknown, or an exit status 1: words of no matter\")", ""},
	},
	"gonb": {
		{"panic", "%%\npanic(\"boom\")", "boom"},
		{"exit", "%%\nos.Exit(3)", "exit status 3"},
		{"kill", "%%\nsyscall.Kill(os.Getpid(), syscall.SIGKILL)\ntime.Sleep(time.Minute)", "signal: killed"},
		{"compile error", "%%\nvar x int = \"text\"\nfmt.Println(x)", "cannot use"},
		{"false", "!false", "exit status 1"},
		{"shell", "!exit 4", "exit status 4"},
		{"script", "%%bash\nexit 6", "exit status 6"},
		{"magic", "%frobnicate", "unknown or not implemented"},
		{"magic and Go", "%timeit\n%%\nfmt.Println(1)", "unknown or not implemented"},
		{"another kernel's magic", "%lemonade help", "unknown or not implemented"},
		{"exec", "%exec kernelext.Main help", "%exec ran nothing"},
		{"exec over lines", "//gonb:%exec kernelext.Main \\\n  help\n\n!true", "%exec ran nothing"},
		{"exec of a command", "import \"github.com/lemo-nade/lemonade/kernelext\"\n%exec kernelext.Main show no-such-study", "no-such-study"},
		{"good", "import \"github.com/lemo-nade/lemonade/kernelext\"\n%exec kernelext.Main help", ""},
	},
}

// TestFailures holds that every way in which a cell goes wrong is an error, also
// those that the kernel reports as success, and nothing else is. The cells of a
// kernel share one, since starting it takes longer than most of them.
func TestFailures(t *testing.T) {
	e := ensure(t)
	t.Setenv("LEMONADE_STUDIES", t.TempDir())
	for kernel, cells := range failing {
		t.Run(kernel, func(t *testing.T) {
			var sources []string
			for _, c := range cells {
				sources = append(sources, c.source)
			}
			_, failed, err := e.execute(t.Context(), write(t, kernel, sources...), t.TempDir(), func(string) {}, true)
			if err != nil {
				t.Fatal(err)
			}
			said := map[int]string{}
			for _, f := range failed {
				said[f.Cell] += f.Text
			}
			for i, c := range cells {
				switch text := said[i+1]; {
				case c.want == "" && text != "":
					t.Errorf("%s: %q counts as a failure: %s", c.name, c.source, text)
				case !strings.Contains(text, c.want):
					t.Errorf("%s: %q says %q, want %q", c.name, c.source, text, c.want)
				}
			}
		})
	}
}

// TestFailureEnds holds that a notebook ends with the cell that goes wrong, for
// whatever reason, and that what it was saved with is not taken for what came of it.
func TestFailureEnds(t *testing.T) {
	e := ensure(t)
	short := *e
	short.CellTimeout = 2 * time.Second
	const sleep = "%%\nfmt.Println(\"asleep\")\ntime.Sleep(time.Hour)"
	const die = "!kill -KILL $PPID; sleep 60" // its parent is the kernel
	for _, test := range []struct {
		name, kernel string
		env          *Env
		source, want string
	}{
		{"error", "lemonade", e, "!exit 4", "exit status 4"},
		{"timeout", "lemonade", &short, sleep, "longer than 2 s"},
		{"timeout", "gonb", &short, sleep, "longer than 2 s"},
		{"dead kernel", "lemonade", e, die, "the kernel died"},
		{"dead kernel", "gonb", e, die, "the kernel died"},
	} {
		t.Run(test.name+" of "+test.kernel, func(t *testing.T) {
			t.Parallel()
			notebook := write(t, test.kernel, "!echo first", test.source, "!echo never reached | tr a-z A-Z")
			text, err := os.ReadFile(notebook)
			if err != nil {
				t.Fatal(err)
			}
			old := strings.ReplaceAll(string(text), `"outputs":[]`, `"outputs":[{"output_type":"stream","name":"stdout","text":"NEVER REACHED"}]`)
			if err := os.WriteFile(notebook, []byte(old), 0o600); err != nil {
				t.Fatal(err)
			}
			page, err := test.env.Execute(t.Context(), notebook, t.TempDir(), func(string) {})
			var failed *CellError
			if !errors.As(err, &failed) {
				t.Fatalf("error %v, want a CellError", err)
			}
			if failed.Cell != 2 || failed.Of != 3 || !strings.Contains(failed.Text, test.want) {
				t.Errorf("cell %d of %d says %q, want cell 2 of 3 and %q", failed.Cell, failed.Of, failed.Text, test.want)
			}
			if text, err = os.ReadFile(page); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "NEVER REACHED") {
				t.Error("the page shows an output of a cell that was not executed")
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
