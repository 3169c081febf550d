package jupyter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/home"
)

// pythonPackages are the pinned packages of the Python environment.
var pythonPackages = []string{
	"jupyterlab==4.6.6",
	"nbconvert==7.17.2",
	"nbclient==0.11.0",
	"jupyter_client==8.10.0",
}

// goTools are the binaries that a kernel needs, with the modules that go.mod pins
// them by.
var goTools = []struct{ name, pkg, module string }{
	{"gonb", "github.com/janpfeifer/gonb", "github.com/janpfeifer/gonb"},
	{"goimports", "golang.org/x/tools/cmd/goimports", "golang.org/x/tools"},
}

// Env is an environment that is set up.
type Env struct {
	CellTimeout time.Duration // of one cell in Execute; 0 is the constant of that name

	root   string // jupyter in the data folder
	module string // folder of Lemonade's source, which notebooks import
	goTool string
}

// Ensure sets up what is missing of the environment and tells log about each
// long step. Where everything is there it does nothing but look. A second caller,
// in this process or another, waits for the first.
func Ensure(ctx context.Context, log func(string)) (*Env, error) {
	e, err := locate()
	if err != nil {
		return nil, err
	}
	steps, err := e.steps()
	if err != nil {
		return nil, err
	}
	if len(missing(steps)) == 0 {
		return e, nil
	}
	unlock, err := home.Lock(ctx, "jupyter", func() {
		log("waiting for " + home.Holder("jupyter") + ", which is setting up Jupyter")
	})
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, s := range missing(steps) {
		log(s.what)
		if err := s.do(ctx, log); err != nil {
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
		if err := os.WriteFile(s.stamp, []byte(s.version), 0o644); err != nil {
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
	}
	log("Jupyter is ready")
	return e, nil
}

// Status says in words what is set up, or returns an error where something is
// missing. It sets nothing up.
func Status() (string, error) {
	e, err := locate()
	if err != nil {
		return "", err
	}
	steps, err := e.steps()
	if err != nil {
		return "", err
	}
	if todo := missing(steps); len(todo) > 0 {
		return "", fmt.Errorf("not set up yet: %s", todo[0].what)
	}
	return fmt.Sprintf("%s with %s in %s", steps[1].version, pythonPackages[0], e.root), nil
}

func locate() (*Env, error) {
	dir, err := home.Dir()
	if err != nil {
		return nil, err
	}
	module, err := home.Module()
	if err != nil {
		return nil, err
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("the go command is not on the PATH: install Go from https://go.dev/dl/ and add its bin folder to PATH")
	}
	return &Env{root: filepath.Join(dir, "jupyter"), module: module, goTool: goTool}, nil
}

// step is one part of the set-up. It is done when its stamp holds its version and
// its product exists.
type step struct {
	what    string
	stamp   string // file
	version string
	product string // file
	do      func(ctx context.Context, log func(string)) error
}

func (s step) done() bool {
	got, err := os.ReadFile(s.stamp)
	if err != nil || string(got) != s.version {
		return false
	}
	_, err = os.Stat(s.product) // follows links: a Python that was removed since counts as missing
	return err == nil
}

func missing(steps []step) (todo []step) {
	for _, s := range steps {
		if !s.done() {
			todo = append(todo, s)
		}
	}
	return todo
}

func (e *Env) steps() ([]step, error) {
	tools, err := e.toolVersions()
	if err != nil {
		return nil, err
	}
	source, err := e.sourceState()
	if err != nil {
		return nil, err
	}
	return []step{{
		what:    "installing JupyterLab in a Python environment of its own (250 MB, once)",
		stamp:   filepath.Join(e.root, "venv", ".lemonade"),
		version: strings.Join(pythonPackages, " "),
		product: e.python(),
		do:      e.installPython,
	}, {
		what:    "building the GoNB kernel",
		stamp:   filepath.Join(e.root, "bin", ".lemonade"),
		version: tools,
		product: filepath.Join(e.root, "bin", "goimports"),
		do:      e.buildTools,
	}, {
		what:    "registering the GoNB kernel",
		stamp:   filepath.Join(e.dataDir(), ".lemonade"),
		version: tools + " " + e.module,
		product: filepath.Join(e.dataDir(), "kernels", "gonb", "kernel.json"),
		do:      e.installKernel,
	}, {
		what:    "building the Lemonade kernel",
		stamp:   filepath.Join(e.kernelDir(), ".lemonade"),
		version: source,
		product: filepath.Join(e.kernelDir(), "kernel.json"),
		do:      e.buildKernel,
	}}, nil
}

// toolVersions reads the versions of the Go tools from the module's go.mod, such
// as "gonb v0.11.4, goimports v0.52.0".
func (e *Env) toolVersions() (string, error) {
	file := filepath.Join(e.module, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var all []string
	for _, t := range goTools {
		m := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(t.module) + `\s+(v\S+)`).FindSubmatch(text)
		if m == nil {
			return "", fmt.Errorf("%s requires no %s: add it with go get -tool %s", file, t.module, t.pkg)
		}
		all = append(all, t.name+" "+string(m[1]))
	}
	return strings.Join(all, ", "), nil
}

func (e *Env) installPython(ctx context.Context, log func(string)) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("python3 is not on the PATH: install it, with its venv module (on Debian and Ubuntu: apt-get install python3 python3-venv)")
	}
	venv := filepath.Join(e.root, "venv")
	if err := os.RemoveAll(venv); err != nil {
		return err
	}
	if err := os.MkdirAll(e.root, 0o755); err != nil {
		return err
	}
	if err := e.run(ctx, log, e.root, python, "-m", "venv", venv); err != nil {
		return fmt.Errorf("%w\nThe venv module may be missing (on Debian and Ubuntu: apt-get install python3-venv)", err)
	}
	args := append([]string{"-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"}, pythonPackages...)
	return e.run(ctx, log, e.root, e.python(), args...)
}

func (e *Env) buildTools(ctx context.Context, log func(string)) error {
	for _, t := range goTools {
		if err := e.run(ctx, log, e.module, e.goTool, "build", "-o", filepath.Join(e.root, "bin", t.name), t.pkg); err != nil {
			return err
		}
	}
	return nil
}

// installKernel writes the kernelspec. Its go.work is the module, so that
// notebooks import Lemonade without naming a path.
func (e *Env) installKernel(ctx context.Context, log func(string)) error {
	// GoNB would have gopls too, which only completion in the browser needs.
	return e.run(ctx, log, e.root, filepath.Join(e.root, "bin", "gonb"),
		"--install", "--force_deps", "--raw_error", "--go_work="+e.module)
}

func (e *Env) python() string { return filepath.Join(e.root, "venv", "bin", "python") }

// dataDir is Jupyter's data folder. Each clone of the module has one, since the
// kernelspec names its path.
func (e *Env) dataDir() string {
	sum := sha256.Sum256([]byte(e.module))
	return filepath.Join(e.root, "data-"+hex.EncodeToString(sum[:4]))
}
