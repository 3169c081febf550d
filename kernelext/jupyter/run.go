package jupyter

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed execute.py
var executePy []byte

// CellTimeout is how long one cell may take in [Env.Execute].
const CellTimeout = 20 * time.Minute

// CellError says which cell of a notebook went wrong, and how. A kernel reports some
// failures as success (GoNB an unknown magic, both a shell command that fails); they
// are errors here too.
type CellError struct {
	Notebook string // path
	Cell, Of int    // among the code cells that are not empty, from 1
	Title    string // its first line
	Text     string // what it said
	Page     string // the page, written as far as the notebook came
}

func (e *CellError) Error() string {
	return fmt.Sprintf("%s: cell %d of %d (%s): %s\nThe page as far as it came: %s", e.Notebook, e.Cell, e.Of, e.Title, e.Text, e.Page)
}

// event is a line of execute.py's output.
type event struct {
	Begin, Failed, Of    int
	Title, Output, Error string
}

// Execute runs a notebook from its first cell to its last in a fresh kernel, of the
// kind that its metadata name, and writes it to the folder out, as a notebook and as a page that needs nothing
// from the network. It returns the page's path. log is told when a cell begins,
// and now and then what it says. A cell that goes wrong ends it with a
// [*CellError].
func (e *Env) Execute(ctx context.Context, notebook, out string, log func(string)) (page string, err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	if out, err = filepath.Abs(out); err != nil {
		return "", err
	}
	script, err := os.CreateTemp("", "lemonade-execute-*.py")
	if err != nil {
		return "", err
	}
	defer os.Remove(script.Name())
	_, err = script.Write(executePy)
	if err := errors.Join(err, script.Close()); err != nil {
		return "", err
	}
	base := filepath.Join(out, strings.TrimSuffix(filepath.Base(notebook), ".ipynb"))
	page = base + ".html"

	var stderr tail
	c := exec.CommandContext(ctx, e.python(), script.Name(), notebook, base+".ipynb", page, strconv.Itoa(int(CellTimeout.Seconds())))
	c.Env, c.Stderr = e.environ(), &stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // lets it shut the kernel down
	c.WaitDelay = 15 * time.Second
	// Held open for as long as this process lives: the script ends when it closes.
	stdin, err := c.StdinPipe()
	if err != nil {
		return "", err
	}
	defer stdin.Close()
	stdout, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	log("starting the kernel")
	if err := c.Start(); err != nil {
		return "", err
	}
	var failed *CellError
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var ev event
		if json.Unmarshal(lines.Bytes(), &ev) != nil {
			continue // not ours: some library's remark
		}
		switch {
		case ev.Failed > 0:
			failed = &CellError{Notebook: notebook, Cell: ev.Failed, Of: ev.Of, Title: ev.Title, Text: ev.Error, Page: page}
		case ev.Begin > 0:
			log(fmt.Sprintf("cell %d of %d: %s", ev.Begin, ev.Of, ev.Title))
		case ev.Output != "":
			log("  " + ev.Output)
		}
	}
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case failed != nil:
		return page, failed
	case err != nil:
		return "", fmt.Errorf("running %s: %w\n%s", notebook, err, stderr.String())
	}
	return page, nil
}

// Lab opens JupyterLab on a notebook in the foreground, until the user ends it or
// ctx is cancelled. A notebook in a folder that cannot be written, such as Go's
// module cache, is copied into the data folder first.
func (e *Env) Lab(ctx context.Context, notebook string) error {
	notebook, err := e.writable(notebook)
	if err != nil {
		return err
	}
	args := []string{"-m", "jupyterlab"}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-root") // as root, which is the rule in containers, it would refuse
	}
	c := exec.CommandContext(ctx, e.python(), append(args, notebook)...)
	c.Dir, c.Env = filepath.Dir(notebook), e.environ()
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // SIGINT would ask on the terminal
	c.WaitDelay = 15 * time.Second
	err = c.Run()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // ending it is how one leaves JupyterLab
	}
	return err
}

func (e *Env) writable(notebook string) (string, error) {
	notebook, err := filepath.Abs(notebook)
	if err != nil {
		return "", err
	}
	if probe, err := os.CreateTemp(filepath.Dir(notebook), ".lemonade-*"); err == nil {
		return notebook, errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	text, err := os.ReadFile(notebook)
	if err != nil {
		return "", err
	}
	own := filepath.Join(filepath.Dir(e.root), "notebooks", filepath.Base(notebook))
	if _, err := os.Stat(own); err == nil {
		return own, nil // the user's, perhaps changed
	}
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		return "", err
	}
	return own, os.WriteFile(own, text, 0o644)
}
