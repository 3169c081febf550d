package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestBenchmarkProposers runs an arm on the real data, reports on it without
// running, and finds nothing left to do.
func TestBenchmarkProposers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.json")
	args := []string{"benchmark", "proposers", "--arms", "rulebook", "--seeds", "2,", "--trials", "1", "--train-samples", "300", "--epochs", "2", "--studies", dir}
	if out, err := terminal(t, append(args, "--report-only")...); err == nil {
		t.Errorf("a report on nothing:\n%s", out)
	}
	out, err := terminal(t, append(args, "--json", file)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rulebook seed 2 trial 1/1: complete, accuracy", "1 of 1", "hypervolume after 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report benchmark.Report
	if err := json.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	want := benchmark.Budget{TrainSamples: 300, Epochs: 2, Recipe: "fixed"}
	if diff := cmp.Diff(want, report.Budget); diff != "" {
		t.Errorf("budget (-want +got):\n%s", diff)
	}
	if len(report.Arms) != 1 || !cmp.Equal(report.Arms[0].Done, []int{1}) || report.Arms[0].Values["valid_at_once"].Mean == nil {
		t.Errorf("report %s", written)
	}
	if out, err = terminal(t, append(args, "--report-only", "--json", "-")...); err != nil || out != string(written) {
		t.Errorf("the report without running differs (%v):\n%s", err, out)
	}
	out, err = terminal(t, append(args, "--markdown")...)
	if err != nil || strings.Contains(out, "trial 1/1") || !strings.Contains(out, "| valid at once | 100 % |") {
		t.Errorf("again (%v):\n%s", err, out)
	}
}

// TestBenchmarkMeasurements runs the two networks twice with the real worker.
func TestBenchmarkMeasurements(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	out, err := terminal(t, "benchmark", "measurements", "--times", "2", "--profile", "200ms", "--json", file, "--markdown")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"double, run 2 of 2: latency", "| latency_p95 |", "of 2 |"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report benchmark.MeasureReport
	if err := json.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Networks) != 2 || report.Engine == "" || report.Device == "" || report.Profile != 0.2 {
		t.Fatalf("report %s", written)
	}
	for _, n := range report.Networks {
		if len(n.Runs) != 2 {
			t.Errorf("%s: %d runs, want 2", n.Name, len(n.Runs))
		}
		for i, run := range n.Runs {
			for _, m := range []trial.Metric{trial.Latency, trial.Throughput, trial.InferenceEnergy, trial.TrainingTime, trial.PeakMemory} {
				if v := run[m]; !(v.Value > 0) || v.Method == "" {
					t.Errorf("%s, run %d: %s is %+v", n.Name, i+1, m, v)
				}
			}
		}
		if a, b := n.Runs[0][trial.Accuracy], n.Runs[1][trial.Accuracy]; a.Value != b.Value {
			t.Errorf("%s: accuracies %v and %v of one seed", n.Name, a.Value, b.Value)
		}
	}
}

// TestBenchmarkSearch searches a small table, shows a report of another run beside, and
// writes the page.
func TestBenchmarkSearch(t *testing.T) {
	dir := t.TempDir()
	var accuracies, costs strings.Builder
	accuracies.WriteString("architecture,acc\n")
	costs.WriteString("index,arch,energy_mj\n")
	ops := []string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}
	for i := range 15625 {
		cell := fmt.Sprintf("|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|", ops[i%5], ops[i/5%5], ops[i/25%5], ops[i/125%5], ops[i/625%5], ops[i/3125])
		fmt.Fprintf(&accuracies, "%s,%.2f\n", cell, 10+float64(i)/200)
		fmt.Fprintf(&costs, "%d,%s,%d\n", i, cell, 1+i/1000)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"accuracies.csv": accuracies.String(), "costs.csv": costs.String()} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"benchmark", "search", "--table", file("accuracies.csv") + "," + file("costs.csv"), "--accuracy", "acc", "--cost", "energy_mj", "--evaluations", "10", "--seeds", "2"}
	out, err := terminal(t, append(args, "--strategies", "evolution", "--json", file("evolution.json"))...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "acc against energy_mj: 15625 architectures, 2 seeds") {
		t.Errorf("the report:\n%s", out)
	}
	out, err = terminal(t, append(args, "--strategies", "random", "--with", file("evolution.json"), "--json", "-", "--html", file("page.html"), "--svg", file("charts"))...)
	if err != nil {
		t.Fatal(err)
	}
	var report benchmark.SearchReport
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Strategies) != 2 || report.Strategies["evolution"]["10"]["hypervolume"].Median <= 0 {
		t.Errorf("report %s", out)
	}
	if page, err := os.ReadFile(file("page.html")); err != nil || !strings.Contains(string(page), "evolution") {
		t.Errorf("the page (%v): %.300s", err, page)
	}
	if picture, err := os.ReadFile(file("charts/search-best-accuracy.svg")); err != nil || !strings.Contains(string(picture), "evolution") {
		t.Errorf("the picture (%v): %.300s", err, picture)
	}
	for want, more := range map[string][]string{
		"there is no proposer": {"--strategies", "oracle"},
		"evaluations: 0":       {"--evaluations", "0"},
		`"latency"`:            {"--cost", "latency"},
		"no such file":         {"--with", file("nothing.json")},
		"is there already":     {"--strategies", "evolution", "--with", file("evolution.json")},
	} {
		if _, err := terminal(t, append(args, more...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %s", more, err, want)
		}
	}
}

// TestBenchmarkEngine times a small program with the real worker.
func TestBenchmarkEngine(t *testing.T) {
	program := filepath.Join(t.TempDir(), "small.star")
	if err := os.WriteFile(program, []byte("def network(x, classes):\n    return dense(global_avg_pool(conv(x, 4, stride = 4)), classes)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := terminal(t, "benchmark", "engine", "--network", program, "--batch", "16", "--time", "20ms")
	if err != nil || !strings.Contains(out, "  162     16   training  ") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err := terminal(t, "benchmark", "engine", "--time", "0s"); err == nil {
		t.Errorf("no time at all:\n%s", out)
	}
}

func TestBenchmarkRecipes(t *testing.T) {
	out, err := terminal(t, "benchmark", "recipes", "--dir", t.TempDir(), "--seeds", "2", "--report-only", "--markdown")
	if err != nil || !strings.Contains(out, "| no momentum | – | – | 0 of 2 |") {
		t.Errorf("a report of nothing (%v):\n%s", err, out)
	}
}

func TestParseSeeds(t *testing.T) {
	for text, want := range map[string][]int64{"1": {1}, "3": {1, 2, 3}, "3,": {3}, "5,2, 9": {5, 2, 9}} {
		if got, err := parseSeeds(text); err != nil || !cmp.Equal(got, want) {
			t.Errorf("parseSeeds(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "x", "1,,2", ",", "1.5", "1000000"} {
		if got, err := parseSeeds(text); err == nil {
			t.Errorf("parseSeeds(%q) = %v, want an error", text, got)
		}
	}
}

func TestBenchmarkRefuses(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL"} {
		t.Setenv(name, "")
	}
	for _, c := range []struct{ args, want string }{
		{"--arms openai", "OPENAI_BASE_URL"},
		{"--arms oracle", `"oracle"`},
		{"--arms openai-luck", "lessons"},
		{"--seeds many", "1,2,3"},
		{"--trials 0", "trials"},
		{"--data mnist", "digits"},
		{"--arms random,random", "twice"},
	} {
		args := append([]string{"benchmark", "proposers", "--studies", t.TempDir()}, strings.Fields(c.args)...)
		if _, err := terminal(t, args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %s", c.args, err, c.want)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"--times 0", "times: 0"},
		{"--profile -1s", "profile: -1s"},
		{"--profile soon", `"soon"`},
		{"--data mnist", "digits"},
	} {
		args := append([]string{"benchmark", "measurements"}, strings.Fields(c.args)...)
		if _, err := terminal(t, args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %s", c.args, err, c.want)
		}
	}
}
