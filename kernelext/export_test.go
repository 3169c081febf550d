package kernelext

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// withWeights is the fake study on disk, whose trial 6 has a file of weights.
func withWeights(t *testing.T) (v View, dir string) {
	t.Helper()
	v = fake(t)
	path := filepath.Join(t.TempDir(), "6.safetensors")
	if err := os.WriteFile(path, []byte("weights of trial 6"), 0o644); err != nil {
		t.Fatal(err)
	}
	v.Trials[5].Weights = path
	return v, recorded(t, v)
}

// unzipped unpacks an archive into a folder.
func unzipped(t *testing.T, path string) (dir string, names []string) {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	dir = t.TempDir()
	for _, f := range archive.File {
		names = append(names, f.Name)
		if !filepath.IsLocal(f.Name) {
			t.Fatalf("the bundle holds %q", f.Name)
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, names
}

// TestBundle takes a study apart and opens it again from its bundle.
func TestBundle(t *testing.T) {
	v, dir := withWeights(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	out, err := run(t, "export", v.Name, "--studies", dir)
	if err != nil || out != "written: cifar-first.zip\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, _ := filepath.Glob("*"); len(left) != 1 {
		t.Errorf("beside the bundle lies %q", left)
	}
	unpacked, names := unzipped(t, "cifar-first.zip")
	for _, want := range []string{
		"README.md", "lemonade.db", "study.json", "options.json", "objective.json", "rulebook.yaml", "versions.txt", "page.html",
		"programs/1.star", "programs/11.star", "tables/metrics.csv", "charts/accuracy-against-inference-energy.svg", "weights/cifar-first/6.safetensors",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("the bundle lacks %s: %q", want, names)
		}
	}
	t.Chdir(unpacked) // as its README says
	want, err := lemonade.Open(t.Context(), v.Name, lemonade.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	got, err := lemonade.Open(t.Context(), v.Name, lemonade.Options{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	before, after := want.Report(), got.Report()
	if weights, err := os.ReadFile(after.Trials[5].Weights); err != nil || string(weights) != "weights of trial 6" {
		t.Errorf("the weights are %q, %v", weights, err)
	}
	before.Trials[5].Weights, after.Trials[5].Weights = "", ""
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the study in the bundle is another one (-want +got):\n%s", diff)
	}
	var report lemonade.Report
	text, err := os.ReadFile("study.json")
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil || len(report.Trials) != len(v.Trials) {
		t.Errorf("study.json: %v", err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	golden(t, "bundle.md", readme)
}

func TestExportParts(t *testing.T) {
	v, dir := withWeights(t)
	to := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"trial":     {[]string{"--trial", "6"}, []string{"trial-6.csv", "trial-6.safetensors", "trial-6.star", "trial-6.svg", "trial-6.txt"}},
		"unweighed": {[]string{"--trial", "4"}, []string{"trial-4.csv", "trial-4.star", "trial-4.svg", "trial-4.txt", "there are no weights of trial 4"}},
		"tables":    {[]string{"--csv"}, []string{"answers.csv", "costs.csv", "curves.csv", "metrics.csv", "trials.csv"}},
		"charts":    {[]string{"--svg"}, []string{"accuracy-against-inference-energy.svg"}},
	} {
		out, err := run(t, append([]string{"export", v.Name, "--studies", dir, "--out", filepath.Join(to, name)}, c.args...)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not among\n%s", name, want, out)
			}
		}
	}
	if program, err := os.ReadFile(filepath.Join(to, "trial", "trial-6.star")); err != nil || string(program) != v.Trials[5].Program.Source {
		t.Errorf("%v: the program is\n%s", err, program)
	}
	// A trial's table has that trial alone.
	for _, row := range table(t, filepath.Join(to, "trial", "trial-6.csv"))[1:] {
		if row[0] != "6" {
			t.Errorf("a row of trial %s", row[0])
		}
	}
}

func table(t *testing.T, path string) [][]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestTables(t *testing.T) {
	v := fake(t)
	row := map[string][]string{}
	for _, r := range v.metricsTable() {
		if r[0] == "11" {
			row[r[1]] = r
		}
	}
	want := map[string][]string{
		"accuracy":               {"11", "accuracy", "0.47", "", "counted", "", "", "", "", "", ""},
		"inference_energy":       {"11", "inference_energy", "0.0052", "J", "nvml-counter", "0.000208", "", "", "0.00156", "only 2 steps of the counter in the shortest window", "GPU 0"},
		"latency@raspberry-pi-5": {"11", "latency@raspberry-pi-5", "6.24", "ms", "predicted", "", "3.12", "12.48", "", "", "roofline, float32"},
	}
	for name, cells := range want {
		if diff := cmp.Diff(cells, row[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	trials := v.trialsTable()
	if got := trials[3]; got[0] != "3" || got[1] != "failed" || got[9] != "" || got[7] != "no" {
		t.Errorf("trial 3: %q", got)
	}
	if n := len(v.curvesTable()); n != 1+9*6 {
		t.Errorf("%d rows of curves", n)
	}
	for _, rows := range [][][]string{trials, v.metricsTable(), v.curvesTable(), v.answersTable(), v.costsTable()} {
		for _, r := range rows {
			if len(r) != len(rows[0]) {
				t.Errorf("%q has %d cells of %d", r, len(r), len(rows[0]))
			}
		}
	}
	// What is unknown is empty, never 0.
	v.Trials[0].Metrics = trial.Metrics{}
	v.Trials[0].Program = nil
	if got := v.trialsTable()[1]; got[10] != "" || got[17] != "" {
		t.Errorf("unknown numbers are %q", got)
	}
}

func TestNoWeights(t *testing.T) {
	for want, x := range map[string]trial.Trial{
		"of trial 3: a study keeps those of its front":             {ID: 3},
		"of trial 4: its training was taken over from study a, tr": {ID: 4, Reused: &trial.Source{Study: "a", Trial: 2}},
	} {
		if got := noWeights(x); !strings.Contains(got, want) {
			t.Errorf("trial %d: %q, want %q", x.ID, got, want)
		}
	}
}
