package kernelext

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestLibraryOnce holds that of a session's cells the first one to show a chart
// carries ECharts, and again when it is run again.
func TestLibraryOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(protocol.GONB_TMP_DIR_ENV, dir)
	cell := func(declarations, body string) bool {
		source := "package main\n" + declarations + "\nfunc main() {\n" + body + "\n}\n"
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		return libraryOnce() != ""
	}
	for _, test := range []struct {
		name, declarations, body string
		want                     bool
	}{
		{"first", "", "show(a)", true},
		{"another", "", "show(b)", false},
		{"the first again, after a declaration", "func f() {}", "show(a)", true},
		{"another again", "func f() {}", "show(b)", false},
	} {
		if got := cell(test.declarations, test.body); got != test.want {
			t.Errorf("%s: carries the library: %v, want %v", test.name, got, test.want)
		}
	}
	t.Setenv(protocol.GONB_TMP_DIR_ENV, "")
	if libraryOnce() == "" {
		t.Error("without a kernel's folder the library is missing")
	}
}

func TestEmbeddedLibrary(t *testing.T) {
	r, err := gzip.NewReader(bytes.NewReader(echartsGz))
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(source, []byte("Apache License")) || !bytes.Contains(source, []byte(`"5.6.0"`)) {
		t.Error("the embedded script is not ECharts 5.6.0 with its notice")
	}
}

// TestOtherAxes holds that the chart follows the study's axes, and that its line
// turns so that it bounds what can be had.
func TestOtherAxes(t *testing.T) {
	v := fake(t)
	for i := range v.Trials {
		if m, ok := v.Trials[i].Metrics[trial.Latency]; ok {
			m.Value, m.Unit = 1000/m.Value, "samples/s"
			v.Trials[i].Metrics[trial.Throughput] = m
		}
	}
	for _, test := range []struct {
		right trial.Metric
		name  string
		step  string
	}{
		{trial.Latency, "latency [ms] (timed)", "end"},
		{trial.Throughput, "throughput [samples/s] (timed)", "start"},
	} {
		o, err := v.Objective.On(trial.Accuracy, test.right)
		if err != nil {
			t.Fatal(err)
		}
		c := View{Name: v.Name, Trials: v.Trials, Objective: o}.tradeOff()
		if c.X.Name != test.name || c.Series[0].Step != test.step {
			t.Errorf("axis %q with a line that turns at the %s, want %q and %s", c.X.Name, c.Series[0].Step, test.name, test.step)
		}
		for _, s := range c.Series {
			for _, p := range s.Points {
				if x, y := c.X.at(p.X), c.Y.at(p.Y); x < 0 || x > 1 || y < 0 || y > 1 {
					t.Errorf("%s: a mark at %v, %v is outside the frame", test.right, p.X, p.Y)
				}
			}
		}
	}
}
