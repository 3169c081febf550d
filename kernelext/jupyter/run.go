package jupyter

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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

// CellTimeout is how long one cell may take in [Env.Execute], where
// [Env.CellTimeout] does not say.
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
// kind that its metadata name, and writes it to the folder out, as a notebook and as
// a page that needs nothing from the network. It returns the page's path; the
// notebook's is the same with .ipynb. log is told when a cell begins, and now and
// then what it says. A cell that goes wrong ends it with a [*CellError].
func (e *Env) Execute(ctx context.Context, notebook, out string, log func(string)) (page string, err error) {
	page, failed, err := e.execute(ctx, notebook, out, log, false)
	if err == nil && failed != nil {
		return page, failed[0]
	}
	return page, err
}

// execute returns the cells that went wrong: with on all of them, or else the first,
// at which it ends.
func (e *Env) execute(ctx context.Context, notebook, out string, log func(string), on bool) (page string, failed []*CellError, err error) {
	out, err = filepath.Abs(out)
	if err != nil {
		return "", nil, err
	}
	if here, err := filepath.Abs(filepath.Dir(notebook)); err != nil {
		return "", nil, err
	} else if here == out {
		return "", nil, fmt.Errorf("out %s: that is the notebook's own folder, where the executed one would replace it: choose another", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", nil, err
	}
	executed := filepath.Join(out, filepath.Base(notebook))
	page = pageOf(executed)
	args := []string{notebook, "--page", page, "--executed", executed, "--seconds", strconv.Itoa(int(math.Ceil(cmp.Or(e.CellTimeout, CellTimeout).Seconds())))}
	if on {
		args = append(args, "--on")
	}
	log("starting the kernel")
	err = e.script(ctx, func(ev event) {
		switch {
		case ev.Failed > 0:
			failed = append(failed, &CellError{Notebook: notebook, Cell: ev.Failed, Of: ev.Of, Title: ev.Title, Text: ev.Error, Page: page})
		case ev.Begin > 0:
			log(fmt.Sprintf("cell %d of %d: %s", ev.Begin, ev.Of, ev.Title))
		case ev.Output != "":
			log("  " + ev.Output)
		}
	}, args...)
	switch {
	case ctx.Err() != nil:
		return "", nil, ctx.Err()
	case failed != nil:
		return page, failed, nil
	case err != nil:
		return "", nil, fmt.Errorf("running %s: %w", notebook, err)
	}
	return page, nil, nil
}

// Export writes the page of a notebook as it was saved, with its outputs, to the
// folder out. Nothing is executed.
func (e *Env) Export(ctx context.Context, notebook, out string) (page string, err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	page = pageOf(filepath.Join(out, filepath.Base(notebook)))
	if err := e.script(ctx, func(event) {}, notebook, "--page", page); err != nil {
		return "", fmt.Errorf("exporting %s: %w", notebook, err)
	}
	return page, nil
}

func pageOf(notebook string) string { return strings.TrimSuffix(notebook, ".ipynb") + ".html" }

// script runs execute.py, and passes on what it tells.
func (e *Env) script(ctx context.Context, on func(event), args ...string) error {
	file, err := os.CreateTemp("", "lemonade-execute-*.py")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(executePy)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	var stderr tail
	c := exec.CommandContext(ctx, e.python(), append([]string{file.Name()}, args...)...)
	c.Env, c.Stderr = e.environ(), &stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // lets it shut the kernel down
	c.WaitDelay = 15 * time.Second
	// Held open for as long as this process lives: the script ends when it closes.
	stdin, err := c.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	stdout, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var ev event
		if json.Unmarshal(lines.Bytes(), &ev) == nil { // else some library's remark
			on(ev)
		}
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return nil
}

// Lab opens JupyterLab on a notebook in the foreground, until the user ends it or
// ctx is cancelled. A notebook in a folder that cannot be written, such as Go's
// module cache, is copied into the data folder first. The options are more of
// JupyterLab's own, such as --no-browser.
func (e *Env) Lab(ctx context.Context, notebook string, options ...string) error {
	notebook, err := e.writable(notebook)
	if err != nil {
		return err
	}
	args := []string{"-m", "jupyterlab"}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-root") // as root, which is the rule in containers, it would refuse
	}
	args = append(append(args, options...), notebook)
	c := exec.CommandContext(ctx, e.python(), args...)
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

// Kept returns the notebook that [Env.Lab] opens for this one: the copy in the data
// folder, where there is one because the folder cannot be written, or else itself.
func (e *Env) Kept(notebook string) string {
	own := e.own(notebook)
	if _, err := os.Stat(own); err == nil && !canWrite(filepath.Dir(notebook)) {
		return own
	}
	return notebook
}

func (e *Env) own(notebook string) string {
	return filepath.Join(filepath.Dir(e.root), "notebooks", filepath.Base(notebook))
}

func canWrite(dir string) bool {
	probe, err := os.CreateTemp(dir, ".lemonade-*")
	if err != nil {
		return false
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name())) == nil
}

func (e *Env) writable(notebook string) (string, error) {
	notebook, err := filepath.Abs(notebook)
	if err != nil {
		return "", err
	}
	if kept := e.Kept(notebook); kept != notebook || canWrite(filepath.Dir(notebook)) {
		return kept, nil
	}
	own := e.own(notebook)
	return own, copyNotebook(notebook, own)
}

// copyNotebook copies a notebook together with the files of the folder data beside
// it, such as recorded studies, which its cells read by that path.
func copyNotebook(from, to string) error {
	files := map[string]string{from: to}
	data, err := os.ReadDir(filepath.Join(filepath.Dir(from), "data"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, f := range data {
		if f.Type().IsRegular() {
			name := filepath.Join("data", f.Name())
			files[filepath.Join(filepath.Dir(from), name)] = filepath.Join(filepath.Dir(to), name)
		}
	}
	for from, to := range files {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = os.WriteFile(to, content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
