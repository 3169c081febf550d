package kernel

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the kernel, its guard and the program of a cell.
func TestMain(m *testing.M) {
	if os.Getenv("KERNEL_TEST") != "" {
		if err := Main(os.Args[1:]); err != nil {
			os.Stderr.WriteString("lemonade-kernel: " + err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	status := m.Run()
	_ = os.RemoveAll(toolsDir)
	os.Exit(status)
}

var toolsDir string

// tools builds gonb and goimports, and returns the folder that has both.
var tools = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kernel-test-")
	if err != nil {
		return "", err
	}
	toolsDir = dir
	for _, name := range []string{"gonb", "goimports"} {
		path, err := exec.Command("go", "tool", "-n", name).Output()
		if err != nil {
			return "", err
		}
		if err := os.Symlink(strings.TrimSpace(string(path)), filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
})

// client is a front end with a kernel of its own.
type client struct {
	t                            *testing.T
	file                         string // connection file
	temp                         string // folder of temporary files
	kernel                       *exec.Cmd
	ended                        chan struct{} // closed when the kernel has ended
	front                        *sockets
	shell, control, stdin, iopub chan message
}

// start starts a kernel, and connects to it.
func start(t *testing.T) *client {
	t.Helper()
	c := &client{t: t}
	c.connect(c.command())
	return c
}

// command prepares the kernel.
func (c *client) command() *exec.Cmd {
	c.t.Helper()
	dir, err := tools()
	if err != nil {
		c.t.Fatal(err)
	}
	source, err := filepath.Abs("../..")
	if err != nil {
		c.t.Fatal(err)
	}
	conn := connection{Transport: "tcp", IP: "127.0.0.1", Scheme: "hmac-sha256", Key: rand.Text()}
	for _, port := range []*int{&conn.Shell, &conn.Control, &conn.Stdin, &conn.IOPub, &conn.Heartbeat} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			c.t.Fatal(err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	c.file = filepath.Join(c.t.TempDir(), "kernel-0123abcd.json")
	if err := os.WriteFile(c.file, encode(conn), 0o600); err != nil {
		c.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	if c.temp, err = os.MkdirTemp("", "kt-"); err != nil { // short, as the path of a socket must be
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = os.RemoveAll(c.temp) })
	cmd := exec.Command(self, "-gonb", filepath.Join(dir, "gonb"), "-source", source, c.file)
	cmd.Dir = c.t.TempDir()
	cmd.Env = append(os.Environ(), "KERNEL_TEST=1", "GOWORK=", "GOFLAGS=", "TMPDIR="+c.temp)
	return cmd
}

// connect starts the kernel and waits until it answers.
func (c *client) connect(cmd *exec.Cmd) {
	c.t.Helper()
	c.kernel, c.ended = cmd, make(chan struct{})
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(c.ended)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(func() {
		cancel()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-c.ended
			c.t.Error("the kernel did not end")
		}
		if c.t.Failed() {
			c.t.Log(stderr.String())
		}
	})
	go func() {
		<-c.ended
		cancel()
	}()
	conn, err := readConnection(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.front, err = conn.dial(ctx); err != nil {
		c.t.Fatalf("%v\n%s", err, stderr.String())
	}
	listen := func(i int) chan message {
		to := make(chan message, 10000)
		go func() {
			for {
				raw, err := c.front.all()[i].Recv()
				if err != nil {
					return
				}
				if m, err := decode(raw.Frames, c.front.key); err == nil {
					to <- m
				} else {
					c.t.Errorf("from the kernel: %v", err)
				}
			}
		}()
		return to
	}
	c.shell, c.control, c.stdin, c.iopub = listen(0), listen(1), listen(2), listen(3)
	for { // the subscription takes its time
		c.ask("kernel_info_request", map[string]any{})
		select {
		case <-c.iopub:
			c.quiet()
			return
		case <-time.After(200 * time.Millisecond):
		case <-c.ended:
			c.t.Fatalf("the kernel has ended:\n%s", stderr.String())
		}
	}
}

// quiet drops what is on its way.
func (c *client) quiet() {
	for {
		select {
		case <-c.iopub:
		case <-c.shell:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

// ask sends a request and returns its ID.
func (c *client) ask(typ string, content any) string {
	c.t.Helper()
	m := compose("test", typ, message{}, content)
	if err := m.send(c.front.shell, c.front.key); err != nil {
		c.t.Fatal(err)
	}
	return m.head.ID
}

// execute asks for a cell to be executed.
func (c *client) execute(code string, options ...string) string {
	content := map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": false, "stop_on_error": true,
	}
	for _, o := range options {
		content[o] = true
	}
	return c.ask("execute_request", content)
}

// limit is how long anything may take in these tests, on a machine that is busy
// with others.
const limit = 90 * time.Second

func (c *client) next(from chan message) message {
	c.t.Helper()
	select {
	case m := <-from:
		return m
	case <-c.ended:
		c.t.Fatal("the kernel has ended")
	case <-time.After(limit):
		c.t.Fatal("nothing arrives")
	}
	panic("unreachable")
}

// outcome is how a cell went.
type outcome struct {
	Status, EName, EValue string
	Count                 int `json:"execution_count"`

	input, stdout, stderr string
	html                  string
	shownError            string // published
}

// wait waits for the end of the request with that ID, and returns what it said.
func (c *client) wait(id string) (o outcome) {
	c.t.Helper()
	for idle := false; !idle; {
		m := c.next(c.iopub)
		if m.parent.ID != id {
			continue
		}
		var content struct {
			Code, EName, EValue string
			Data                map[string]any
		}
		_ = json.Unmarshal(m.parts[partContent], &content)
		switch m.head.Type {
		case "execute_input":
			o.input = content.Code
		case "stream":
			if name, text := m.stream(); name == "stdout" {
				o.stdout += text
			} else {
				o.stderr += text
			}
		case "display_data":
			page, _ := content.Data["text/html"].(string)
			o.html += page
		case "error":
			o.shownError += content.EName + ": " + content.EValue
		case "status":
			idle = m.state() == "idle"
		}
	}
	for {
		if m := c.next(c.shell); m.parent.ID == id {
			_ = json.Unmarshal(m.parts[partContent], &o)
			return o
		}
	}
}

// run executes a cell and waits for its end.
func (c *client) run(code string, options ...string) outcome {
	c.t.Helper()
	return c.wait(c.execute(code, options...))
}
