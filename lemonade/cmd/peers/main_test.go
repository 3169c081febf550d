package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
)

func example(name string) *figures {
	return &figures{
		Network: name, Batch: 128, Params: 42, Peers: []string{"Lemonade x", "JAX 1", "PyTorch 2", "PyTorch 2 compiled"}, Machine: "a machine, 2 cores", Date: "2026-01-31", Load: [2]float64{0.5, 2},
		Steps: []steps{
			{"train", [][]float64{{10, 20, 30}, {20, 20, 20}, {10, 20, 30}, {40, 40, 40}}, [][]float64{{1, 1, 1}, {2, 2, 2}, {4, 4, 4}, {1, 1, 1}}},
			{"infer", [][]float64{{1, 1, 1}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}}, [][]float64{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
		},
	}
}

// TestRewrite keeps two networks, takes one of them anew, and finds the table of both
// between the marks and the rest of the page as it was.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "README.md")
	if err := os.WriteFile(page, []byte("before\n"+tableMarks.begins+"old\n"+tableMarks.ends+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := example("lstm")
	again.Params = 43
	for _, f := range []*figures{example("plain"), example("lstm"), again} {
		if err := f.keep(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := rewriteTable(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	for _, want := range []string{
		"before\n" + tableMarks.begins + "| network |",
		"| plain | training | 20 | 1.00 (0.75–1.25) | 0.50 (0.50–0.50) | 1.00 (1.00–1.00) | 0.25 (0.25–0.25) | 0.50 (0.38–0.62) | 1.00 (1.00–1.00) |\n| plain | inference |",
		"| plain | 42 | 128 | 3 | 0.5, 2.0 | 2026-01-31 |\n| lstm | 43 | 128 |",
		"\na machine, 2 cores. Lemonade x, JAX 1, PyTorch 2, PyTorch 2 compiled.\n" + tableMarks.ends + "\nafter\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if err := profileMarks.rewrite(dir, "a profile"); err == nil || !strings.Contains(err.Error(), profileMarks.ends) {
		t.Errorf("a page without marks gave %v", err)
	}
}

func TestCompared(t *testing.T) {
	for _, name := range compared() {
		p, err := programOf(name)
		if err != nil {
			t.Fatal(err)
		}
		if moved := p.Recipe.Flip || p.Recipe.Crop > 0; moved != (name == "augmented") {
			t.Errorf("%s: images are changed: %v", name, moved)
		}
	}
}

// TestParameters has the peers count their parameters, in the Python that
// LEMONADE_TEST_PEERS names.
func TestParameters(t *testing.T) {
	python := os.Getenv("LEMONADE_TEST_PEERS")
	if python == "" {
		t.Skip("LEMONADE_TEST_PEERS names no Python with jax and torch")
	}
	for _, n := range networks.All {
		program, err := n.Program()
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range []string{jaxPeer, torchPeer} {
			p, err := start(exec.Command(python, "-c", script, n.Name, "2"))
			if err != nil {
				t.Fatalf("%s: %v", n.Name, err)
			}
			if want := program.Network.Costs().Params; p.params != want {
				t.Errorf("%s has %d parameters in %s, %d here", n.Name, p.params, p.name, want)
			}
			if wall, cpu, err := p.run("train", 1); err != nil || wall <= 0 || cpu <= 0 {
				t.Errorf("%s in %s: a step takes %v s, %v s of processor time (%v)", n.Name, p.name, wall, cpu, err)
			}
			p.end()
		}
	}
}
