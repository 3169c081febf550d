package jupyter

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// heartbeat is how often a long command tells that it still runs.
const heartbeat = 10 * time.Second

// run runs a command of the set-up. Its output is shown only where it fails;
// while it lasts log is told that it does, with the last line of its output.
func (e *Env) run(ctx context.Context, log func(string), dir, name string, args ...string) error {
	var out tail
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, e.environ(), &out, &out
	c.WaitDelay = 5 * time.Second
	began := time.Now()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				log(strings.TrimSpace(fmt.Sprintf("  still at it after %.0f s: %s", time.Since(began).Seconds(), out.lastLine())))
			case <-done:
				return
			}
		}
	})
	err := c.Run()
	close(done)
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{filepath.Base(name)}, args...), " "), err, out.String())
	}
	return nil
}

// environ is the environment of Jupyter and of everything that it starts.
func (e *Env) environ() []string {
	drop := map[string]bool{
		"PYTHONPATH": true, "PYTHONHOME": true, // of another Python
		"GOWORK": true, // would hide the kernel's own go.work
	}
	set := map[string]string{
		"PATH": strings.Join([]string{
			filepath.Join(e.root, "bin"), filepath.Join(e.root, "venv", "bin"),
			os.Getenv("PATH"), filepath.Dir(e.goTool),
		}, string(os.PathListSeparator)),
		"LEMONADE_HOME":       filepath.Dir(e.root),
		"LEMONADE_SOURCE":     e.module,
		"JUPYTER_CONFIG_DIR":  filepath.Join(e.root, "config"),
		"JUPYTER_DATA_DIR":    e.dataDir(),
		"JUPYTER_RUNTIME_DIR": filepath.Join(e.root, "runtime"),
		"IPYTHONDIR":          filepath.Join(e.root, "ipython"),
		"PYTHONNOUSERSITE":    "1",
		"VIRTUAL_ENV":         filepath.Join(e.root, "venv"),
	}
	if flags, ok := os.LookupEnv("GOFLAGS"); ok {
		set["GOFLAGS"] = withoutMod(flags)
	}
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if _, ok := set[name]; !ok && !drop[name] {
			env = append(env, pair)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// withoutMod drops -mod from GOFLAGS: the go command refuses it in a workspace.
func withoutMod(flags string) string {
	var keep []string
	for _, f := range strings.Fields(flags) {
		if !strings.HasPrefix(strings.TrimLeft(f, "-"), "mod=") {
			keep = append(keep, f)
		}
	}
	return strings.Join(keep, " ")
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// tailBytes is how much of a failed command's output is worth showing.
const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}

func (t *tail) lastLine() string {
	all := t.String()
	line := strings.TrimSpace(all[strings.LastIndexByte(all, '\n')+1:])
	if len(line) > 100 {
		line = strings.ToValidUTF8(line[:100], "") + " …"
	}
	return line
}
