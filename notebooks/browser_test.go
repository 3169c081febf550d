package notebooks_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

// playwright drives the browser, which is the system's: it downloads none.
const playwright = "playwright==1.65.2"

// TestBrowser uses the quick start as a reader does, in Chromium: first in
// JupyterLab, with the kernel "Go (Lemonade)", and then as exported pages, without
// a network. testdata/browser.py has the steps, and each is a subtest. Pictures of
// them are kept in the folder browser of LEMONADE_TEST_OUT, and also where a step has
// failed.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	b := newBrowser(t)
	log := func(s string) { t.Log(s) }
	env, err := jupyter.Ensure(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	local, err := evaluate.Open(t.Context(), evaluate.Options{Log: log}) // prepares the worker, which is not the notebook's time
	if err != nil {
		t.Fatal(err)
	}
	local.Close()

	root := t.TempDir()
	folder := filepath.Join(root, "notebooks")
	quickstart, byHand := filepath.Join(folder, "quickstart.ipynb"), filepath.Join(folder, "by-hand.ipynb")
	write(t, quickstart, notebook(t))
	write(t, byHand, notebook(t, "%lemonade discover longer --data digits --trials 60 --epochs 4"))
	studies := filepath.Join(root, "studies")
	t.Setenv("LEMONADE_STUDIES", studies)
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY", "LEMONADE_TRIALS"} {
		t.Setenv(name, "") // the outcome must not depend on a language model
	}

	url, end := b.lab(env, root, byHand)
	b.run([]string{"live view", "charts", "hover", "click", "reload", "untrusted", "completion", "interrupt", "password"}, "lab", url, folder)
	running := strings.Join(started(t, studies), "\n")
	for _, want := range []string{"jupyterlab", "lemonade-kernel", "gonb"} {
		if !strings.Contains(running, want) {
			t.Errorf("before the end no process %s is found, so that none can be missed after it, only:\n%s", want, running)
		}
	}
	if err := end(); err != nil {
		t.Errorf("JupyterLab: %v", err)
	}

	// Once as the notebook is executed without a browser, and once as JupyterLab has
	// saved it.
	executed, err := env.Execute(t.Context(), quickstart, filepath.Join(root, "executed"), log)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := env.Export(t.Context(), quickstart, filepath.Join(root, "saved"))
	if err != nil {
		t.Fatal(err)
	}
	b.run([]string{"page", "page in the dark", "page without scripts", "saved page", "saved page without scripts"}, "pages", executed, saved)

	left := started(t, studies)
	for until := time.Now().Add(30 * time.Second); len(left) > 0 && time.Now().Before(until); left = started(t, studies) {
		time.Sleep(100 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("processes are left behind:\n%s", strings.Join(left, "\n"))
	}
}

// browser is what drives Chromium.
type browser struct {
	t                          *testing.T
	chromium, python, pictures string
}

// newBrowser prepares it, once and for all in a Python environment of its own in
// Lemonade's data folder. Where Chromium or pip is not to be had the test is
// skipped, unless LEMONADE_TEST_BROWSER is set.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	cannot := func(err error, mend string) {
		t.Helper()
		if os.Getenv("LEMONADE_TEST_BROWSER") != "" {
			t.Fatalf("%v: %s", err, mend)
		}
		t.Skipf("%v: %s", err, mend)
	}
	b := &browser{t: t}
	var err error
	if b.chromium, err = exec.LookPath("chromium"); err != nil {
		cannot(err, "install it (on Debian: apt-get install chromium)")
	}
	dir, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := home.Lock(t.Context(), "playwright", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	venv := filepath.Join(dir, "test", strings.ReplaceAll(playwright, "==", "-"))
	b.python = filepath.Join(venv, "bin", "python")
	if exec.Command(b.python, "-c", "import playwright.sync_api").Run() != nil {
		t.Logf("installing %s (190 MB, once)", playwright)
		for _, args := range [][]string{
			{"python3", "-m", "venv", "--clear", venv},
			{b.python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", playwright},
		} {
			if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
				cannot(fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out), "the test needs Python 3 with venv, and PyPI")
			}
		}
	}
	if out := os.Getenv("LEMONADE_TEST_OUT"); out != "" {
		b.pictures = filepath.Join(out, "browser")
	} else if b.pictures, err = os.MkdirTemp("", "lemonade-browser-"); err != nil {
		t.Fatal(err)
	} else {
		t.Cleanup(func() {
			if !t.Failed() {
				os.RemoveAll(b.pictures)
			}
		})
	}
	if err := os.MkdirAll(b.pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// run has the script do its steps, each of which becomes a subtest.
func (b *browser) run(steps []string, args ...string) {
	b.t.Helper()
	c := exec.CommandContext(b.t.Context(), b.python, append([]string{filepath.Join("testdata", "browser.py"), args[0], b.chromium, b.pictures}, args[1:]...)...)
	c.Stderr = os.Stderr
	c.WaitDelay = 10 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	var done []string
	began := time.Now()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var step struct{ Step, Said, Failed, Picture string }
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			b.t.Errorf("the script says %q: %v", lines.Text(), err)
			continue
		}
		done = append(done, step.Step)
		b.t.Run(step.Step, func(t *testing.T) {
			if step.Failed != "" {
				t.Errorf("%s\nThe page then: %s", step.Failed, step.Picture)
			} else {
				t.Logf("%s (%.0f s)", step.Said, time.Since(began).Seconds())
			}
		})
		began = time.Now()
	}
	if err := c.Wait(); err != nil {
		b.t.Errorf("testdata/browser.py %s: %v", args[0], err)
	}
	if !slices.Equal(done, steps) {
		b.t.Errorf("the steps done are %q, want %q", done, steps)
	}
}

// lab starts JupyterLab as the command notebook does, but without a browser and
// with settings of its own, and returns its address and what ends it.
func (b *browser) lab(env *jupyter.Env, root, notebook string) (url string, end func() error) {
	b.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	token := rand.Text()
	settings := filepath.Join(root, "settings")
	write(b.t, filepath.Join(settings, "@jupyterlab", "apputils-extension", "notification.jupyterlab-settings"),
		map[string]any{"fetchNews": "false", "checkForUpdates": false})
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- env.Lab(ctx, notebook, "--no-browser", "--log-level=WARN", "--ip=127.0.0.1", fmt.Sprintf("--port=%d", port), "--port-retries=0",
			"--IdentityProvider.token="+token, "--LabApp.user_settings_dir="+settings, "--LabApp.workspaces_dir="+filepath.Join(root, "workspaces"))
	}()
	end = func() error {
		cancel()
		return <-ended
	}
	url = fmt.Sprintf("http://127.0.0.1:%d/?token=%s", port, token)
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get(strings.Replace(url, "?", "api/status?", 1))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return url, end
			}
			err = errors.New(answer.Status)
		}
		select {
		case failed := <-ended:
			b.t.Fatalf("JupyterLab has ended: %v", failed)
		default:
		}
		if time.Now().After(until) {
			b.t.Fatalf("JupyterLab does not answer: %v, %v", err, end())
		}
	}
}

// notebook returns the quick start without outputs, or with other cells in their
// place.
func notebook(t *testing.T, sources ...string) map[string]any {
	t.Helper()
	text, err := os.ReadFile("quickstart.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	var book map[string]any
	if err := json.Unmarshal(text, &book); err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		for _, c := range book["cells"].([]any) {
			if cell := c.(map[string]any); cell["cell_type"] == "code" {
				cell["outputs"], cell["execution_count"] = []any{}, nil
			}
		}
		return book
	}
	var cells []any
	for i, source := range sources {
		cells = append(cells, map[string]any{
			"cell_type": "code", "id": fmt.Sprint("cell-", i), "source": source, "metadata": map[string]any{}, "outputs": []any{}, "execution_count": nil,
		})
	}
	book["cells"] = cells
	return book
}

// write writes JSON to a file.
func write(t *testing.T, path string, content any) {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// started lists the processes that were started with that folder of studies in
// their environment, whoever started them.
func started(t *testing.T, studies string) (all []string) {
	t.Helper()
	procs, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		env, err := p.Environ()
		if err == nil && p.PID != os.Getpid() && slices.Contains(env, "LEMONADE_STUDIES="+studies) {
			line, _ := p.CmdLine() // it may have ended meanwhile
			all = append(all, fmt.Sprint(p.PID, " ", strings.Join(line, " ")))
		}
	}
	return all
}
