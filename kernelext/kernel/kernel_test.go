package kernel

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/prometheus/procfs"

	"github.com/lemo-nade/lemonade/lemonade"
)

// studies makes a data folder with two studies, which the kernel then has too.
func studies(t *testing.T) {
	t.Helper()
	t.Setenv("LEMONADE_HOME", t.TempDir())
	t.Setenv("LEMONADE_STUDIES", "")
	for _, name := range []string{"first", "my second"} {
		s, err := lemonade.Open(t.Context(), name, lemonade.Options{Data: "digits"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCells runs one cell after the other, as a notebook does.
func TestCells(t *testing.T) {
	studies(t)
	c := start(t)
	count := 0
	for _, test := range []struct {
		name, code string
		status     string
		want       string // in what is shown
	}{
		{"hello", "%%\nfmt.Println(\"hello\")", "ok", "hello"},
		{"declare", "func answer() int { return 42 }\n\nvar kernelext, os_ = \"mine\", 1", "ok", ""},
		{"bare magic", "%lemonade", "ok", "show"},
		{"a study", "// The second\n%lemonade show 'my second'", "ok", "my second"},
		{"two lines", "%lemonade show first\n%lemonade show 'my second'", "ok", "my second"},
		{"no such study", "%lemonade show \"no 'such'\"", "error", "no 'such'"},
		{"the declarations are still there", "%%\nfmt.Println(kernelext, answer(), os_)", "ok", "mine 42 1"},
		{"what Lemonade imports", "import \"github.com/go-echarts/go-echarts/v2/charts\"\n%%\nfmt.Println(charts.NewBar() != nil)", "ok", "true"},
		{"unknown word", "%lemonade shwo first", "error", `the nearest is "show"`},
		{"unknown magic", "%timeit\n%%\nfmt.Println(1)", "error", "there is no magic %timeit"},
		{"a text like that of an unknown magic", "%%\nfmt.Fprint(os.Stderr, `\"%timeit\" unknown or not implemented yet.`)", "ok", "unknown"},
		{"compile error", "%%\nvar x int = \"text\"\nfmt.Println(x)", "error", "cannot use"},
		{"panic", "%%\npanic(\"boom\")", "error", "boom"},
		{"exit", "%%\nos.Exit(3)", "error", "exit status 3"},
		{"input where nobody is", "import \"github.com/janpfeifer/gonb/gonbui\"\n%%\ngonbui.RequestInput(\"Key:\", true)\nvar s string\nfmt.Scan(&s)", "error", "nobody is there to answer"},
		{"shell", "!echo from the shell", "ok", "from the shell"},
		{"after all that", "%%\nfmt.Println(\"still\", answer())", "ok", "still 42"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			got := c.run(test.code)
			if got.Status != test.status {
				t.Errorf("status %q, want %q", got.Status, test.status)
			}
			if count++; got.Count != count {
				t.Errorf("number %d, want %d", got.Count, count)
			}
			if (got.shownError != "") != (got.Status == "error") {
				t.Errorf("status %s, but the error shown is %q", got.Status, got.shownError)
			}
			if all := got.stdout + got.stderr + got.html + got.shownError; !strings.Contains(all, test.want) {
				t.Errorf("no %q in\n%s", test.want, all)
			}
			if got.input != test.code {
				t.Errorf("shown as the cell's text: %q", got.input)
			}
		})
	}
}

// TestInterrupt holds that whatever a cell does ends soon when it is interrupted,
// and is then no success.
func TestInterrupt(t *testing.T) {
	c := start(t)
	byMessage := func() {
		m := compose("test", "interrupt_request", message{}, map[string]any{})
		if err := m.send(c.front.control, c.front.key); err != nil {
			t.Fatal(err)
		}
		if got := c.next(c.control); got.head.Type != "interrupt_reply" || got.parent.ID != m.head.ID {
			t.Errorf("answered by %s", got.head.Type)
		}
	}
	bySignal := func() {
		if err := c.kernel.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, code string
		runs       string // a process, when it is time
		interrupt  func()
		status     string
	}{
		{"program, by message", "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)", "gonb_", byMessage, "error"},
		{"program, by signal", "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)", "gonb_", bySignal, "error"},
		{"program that ends by itself, after a second signal would kill it",
			"%%\nctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)\nfmt.Println(\"begun\")\n<-ctx.Done()\nstop()\ntime.Sleep(300 * time.Millisecond)", "gonb_", byMessage, "ok"},
		{"compilation", "!echo begun\n%goflags -a\n%%\nfmt.Println(\"not reached\")", "compile", byMessage, "error"},
		{"shell", "!echo begun; sleep 1000; echo not reached", "sleep", byMessage, "error"},
		{"script", "%%bash\necho begun\nsleep 1000\necho not reached", "sleep", bySignal, "error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			id := c.execute(test.code)
			for { // until it runs
				m := c.next(c.iopub)
				t.Logf("%v %s %s", m.parent.ID == id, m.head.Type, m.parts[partContent])
				if m.head.Type == "stream" {
					if _, text := m.stream(); text == "begun\n" {
						break
					}
				}
			}
			for !strings.Contains(strings.Join(slices.Collect(maps.Values(descendants(t, c.kernel.Process.Pid))), " "), test.runs) {
				time.Sleep(20 * time.Millisecond)
			}
			began := time.Now()
			test.interrupt()
			got := c.wait(id)
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
			if got.Status != test.status || strings.Contains(got.stdout, "not reached") {
				t.Errorf("status %s, says %q", got.Status, got.stdout)
			}
		})
	}
	if got := c.run("%goflags \"\"\n%%\nfmt.Println(6 * 7)"); got.Status != "ok" || !strings.HasSuffix(got.stdout, "42\n") {
		t.Errorf("a cell after them: %+v", got)
	}
}

// TestStubborn holds that a cell ends which ignores the interrupt, with a child
// that keeps its output open.
func TestStubborn(t *testing.T) {
	t.Parallel()
	c := start(t)
	id := c.execute("%%\nsignal.Ignore(os.Interrupt)\nc := exec.Command(\"sh\", \"-c\", \"trap '' INT; echo begun; sleep 1000\")\nc.Stdout = os.Stdout\nc.Run()\ntime.Sleep(time.Hour)")
	for m := c.next(c.iopub); m.head.Type != "stream"; m = c.next(c.iopub) {
	}
	if err := c.kernel.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if got := c.wait(id); got.Status != "error" {
		t.Errorf("status %s", got.Status)
	}
	if d := time.Since(began); d > 3*patience {
		t.Errorf("took %v", d)
	}
}

func TestInput(t *testing.T) {
	c := start(t)
	id := c.execute("import \"github.com/janpfeifer/gonb/gonbui\"\n%%\ngonbui.RequestInput(\"Your key: \", true)\nvar s string\nfmt.Scan(&s)\nfmt.Println(len(s))", "allow_stdin")
	m := c.next(c.stdin)
	var asked struct {
		Prompt   string
		Password bool
	}
	if err := json.Unmarshal(m.parts[partContent], &asked); err != nil {
		t.Fatal(err)
	}
	if m.head.Type != "input_request" || m.parent.ID != id || asked.Prompt != "Your key: " || !asked.Password {
		t.Errorf("asks by %s: %+v", m.head.Type, asked)
	}
	if err := compose("test", "input_reply", m, map[string]any{"value": "secret", "status": "ok"}).send(c.front.stdin, c.front.key); err != nil {
		t.Fatal(err)
	}
	if got := c.wait(id); got.Status != "ok" || got.stdout != "6\n" {
		t.Errorf("%+v", got)
	}
}

// TestQueue holds that cells which wait behind one that fails are not run, unless
// that is wished.
func TestQueue(t *testing.T) {
	c := start(t)
	ids := []string{
		c.execute("%%\ntime.Sleep(time.Second)\nos.Exit(1)"),
		c.execute("%%\nfmt.Println(\"not reached\")"),
		c.execute("%lemonade"),
	}
	for i, want := range []string{"error", "aborted", "aborted"} {
		if got := c.wait(ids[i]); got.Status != want || got.stdout != "" {
			t.Errorf("cell %d: status %s, says %q", i+1, got.Status, got.stdout)
		}
	}
	if got := c.run("%%\nfmt.Println(\"on\")"); got.Status != "ok" || got.Count != 2 {
		t.Errorf("the next cell: %+v", got)
	}
}

func TestMessages(t *testing.T) {
	studies(t)
	c := start(t)
	answer := func(typ string, content map[string]any) (string, map[string]any) {
		t.Helper()
		id := c.ask(typ, content)
		for {
			m := c.next(c.shell)
			if m.parent.ID != id {
				continue
			}
			var got map[string]any
			if err := json.Unmarshal(m.parts[partContent], &got); err != nil {
				t.Fatal(err)
			}
			return m.head.Type, got
		}
	}
	if typ, got := answer("kernel_info_request", map[string]any{}); typ != "kernel_info_reply" || got["implementation"] != "gonb" {
		t.Errorf("%s: %v", typ, got)
	}
	if typ, got := answer("complete_request", map[string]any{"code": "%lemonade show f", "cursor_pos": 16}); typ != "complete_reply" ||
		fmt.Sprint(got["matches"], got["cursor_start"], got["cursor_end"]) != "[first] 15 16" {
		t.Errorf("%s: %v", typ, got)
	}
	if typ, got := answer("history_request", map[string]any{"hist_access_type": "tail", "n": 10}); typ != "history_reply" || fmt.Sprint(got) != "map[history:[] status:ok]" {
		t.Errorf("%s: %v", typ, got)
	}
	// GoNB's own answers.
	if typ, got := answer("complete_request", map[string]any{"code": "%env ", "cursor_pos": 5}); typ != "complete_reply" || fmt.Sprint(got["matches"]) != "[]" {
		t.Errorf("%s: %v", typ, got)
	}
	if typ, got := answer("inspect_request", map[string]any{"code": "%env ", "cursor_pos": 5, "detail_level": 0}); typ != "inspect_reply" || !strings.Contains(fmt.Sprint(got["data"]), "%goflags") {
		t.Errorf("%s: %v", typ, got)
	}
	// A message that is signed by somebody else is dropped, and the kernel lives on.
	if err := compose("test", "execute_request", message{}, map[string]any{"code": "!touch written"}).send(c.front.shell, []byte("another key")); err != nil {
		t.Fatal(err)
	}
	if got := c.run("!echo alive"); got.stdout != "alive\n" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(c.kernel.Dir, "written")); err == nil {
		t.Error("a message whose signature is wrong was executed")
	}
}

func TestHeartbeat(t *testing.T) {
	c := start(t)
	conn, err := readConnection(c.file)
	if err != nil {
		t.Fatal(err)
	}
	beat := zmq4.NewReq(t.Context())
	defer beat.Close()
	if err := beat.Dial(conn.address(conn.Heartbeat)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ping", "again"} {
		if err := beat.Send(zmq4.NewMsgString(text)); err != nil {
			t.Fatal(err)
		}
		if m, err := beat.Recv(); err != nil || string(m.Bytes()) != text {
			t.Errorf("%q, %v", m.Bytes(), err)
		}
	}
}

// descendants are the processes that the kernel has started, at any remove.
func descendants(t *testing.T, root int) map[int]string {
	t.Helper()
	procs, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	stats := map[int]procfs.ProcStat{}
	for _, p := range procs {
		if s, err := p.Stat(); err == nil {
			stats[p.PID] = s
		}
	}
	found := map[int]string{}
	for pid, s := range stats {
		for at := s.PPID; at > 1; at = stats[at].PPID {
			if at == root {
				found[pid] = s.Comm
			}
		}
	}
	return found
}

// TestNothingIsLeft holds that no process and no folder stays, however a kernel
// ends while a cell runs that would go on for ever.
func TestNothingIsLeft(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(c *client)
	}{
		{"shut down", func(c *client) {
			m := compose("test", "shutdown_request", message{}, map[string]any{"restart": true})
			if err := m.send(c.front.control, c.front.key); err != nil {
				c.t.Fatal(err)
			}
			if got := c.next(c.control); got.head.Type != "shutdown_reply" || !strings.Contains(string(got.parts[partContent]), `"restart":true`) {
				c.t.Errorf("answered by %s: %s", got.head.Type, got.parts[partContent])
			}
		}},
		{"killed", func(c *client) { _ = c.kernel.Process.Kill() }},
		{"GoNB killed", func(c *client) {
			for pid, name := range descendants(c.t, c.kernel.Process.Pid) {
				if name == "gonb" {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}},
		{"Jupyter killed", func(c *client) { _ = c.kernel.Process.Kill() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &client{t: t}
			cmd := c.command()
			if test.name == "Jupyter killed" { // a shell stands for it
				shell := exec.Command("sh", append([]string{"-c", `JPY_PARENT_PID=$$ "$@" & wait`, "sh"}, cmd.Args...)...)
				shell.Dir, shell.Env = cmd.Dir, cmd.Env
				cmd = shell
			}
			c.connect(cmd)
			c.execute("%%\nsignal.Ignore(os.Interrupt, syscall.SIGPIPE)\nif err := exec.Command(\"sleep\", \"1000\").Start(); err != nil {\n\tpanic(err)\n}\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)")
			for m := c.next(c.iopub); m.head.Type != "stream"; m = c.next(c.iopub) {
			}
			left := descendants(t, c.kernel.Process.Pid)
			names := strings.Join(slices.Sorted(maps.Values(left)), " ")
			for _, name := range []string{"gonb ", "gonb_", "sleep"} {
				if !strings.Contains(names, name) {
					t.Fatalf("no %s among the kernel's processes: %s", name, names)
				}
			}
			test.end(c)
			began := time.Now()
			for len(left) > 0 && time.Since(began) < 20*time.Second {
				time.Sleep(50 * time.Millisecond)
				for pid := range left {
					p, err := procfs.NewProc(pid)
					if err == nil {
						var s procfs.ProcStat
						if s, err = p.Stat(); err == nil && s.State == "Z" {
							delete(left, pid) // ended, and nobody asked how
						}
					}
					if err != nil {
						delete(left, pid)
					}
				}
			}
			if len(left) > 0 {
				t.Errorf("still there after %v: %v", time.Since(began), left)
			}
			folders, err := filepath.Glob(filepath.Join(c.temp, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range folders {
				if info, err := os.Stat(f); err == nil && info.IsDir() && !strings.HasPrefix(filepath.Base(f), "go-build") {
					t.Errorf("%s is left", f)
				}
			}
		})
	}
}
