package expert

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update rewrites it): %s", path, diff)
	}
}

// Faulty books, and what is said of them.
func TestLoadErrors(t *testing.T) {
	books, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(books) == 0 {
		t.Fatalf("no books: %v", err)
	}
	for _, path := range books {
		_, err := Load(path)
		if err == nil {
			t.Errorf("%s: no error", path)
			continue
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", err.Error()+"\n")
	}
	if _, err := Load("testdata/none"); err == nil || !strings.HasPrefix(err.Error(), "rule book: open testdata/none") {
		t.Errorf("error %v", err)
	}
}

// A copy of the default book loads and advises as the book itself.
func TestLoadACopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(DefaultText()), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	in := calm().accuracy(0.9, 0.7).input(t)
	if diff := cmp.Diff(advise(t, Default(), in), advise(t, b, in)); diff != "" {
		t.Error(diff)
	}
}

func TestConditionsOverSeveralLines(t *testing.T) {
	b := book(t, `
rules:
  - name: block
    aim: accuracy
    when: |
      accuracy > 0.5
      and gap < 0.1
    do: ACL
    because: >
      accuracy
      {accuracy}
  - name: plain
    aim: accuracy
    when: accuracy > 0.5
      and gap > 0.1
    do: AMK
    because: x
`)
	a := advise(t, b, calm().input(t))
	if diff := cmp.Diff([]string{"ACL"}, codesOf(a.Commands)); diff != "" {
		t.Fatal(diff)
	}
	if a.Commands[0].Reason != "accuracy 0.95" {
		t.Errorf("reason %q", a.Commands[0].Reason)
	}
}

func TestReference(t *testing.T) { golden(t, "REFERENCE.md", Reference()) }

// Any text of a book stays within its cell.
func TestTable(t *testing.T) {
	b := book(t, `
rules:
  - name: a|b
    aim: cost
    when: |
      accuracy > 0.5
      and gap < 0.1
    do: [RK, RCL]
    avoid: AMK
    because: "{accuracy} | {gap}"
  - {name: c, aim: training, priority: 9, when: convs > 2, avoid: [ACL, ASC], because: x}
`)
	want := "| rule | condition | commands | reason |\n|---|---|---|---|\n" +
		"| a\\|b (cost, 5) | `accuracy > 0.5 and gap < 0.1` | RK, RCL; avoid AMK | {accuracy} \\| {gap} |\n" +
		"| c (training, 9) | `convs > 2` | avoid ACL, ASC | x |\n"
	if diff := cmp.Diff(want, b.Table()); diff != "" {
		t.Error(diff)
	}
}

func TestVariableNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range variables {
		if seen[v.name] {
			t.Errorf("%s is there twice", v.name)
		}
		seen[v.name] = true
		if v.doc == "" || strings.HasSuffix(v.doc, ".") {
			t.Errorf("%s: doc %q", v.name, v.doc)
		}
		if strings.ContainsAny(v.doc, "|`\n") {
			t.Errorf("%s: doc %q does not fit a table", v.name, v.doc)
		}
		if v.sample == nil {
			t.Errorf("%s has no sample value", v.name)
		}
	}
}

// A value has the type of its sample, on which conditions were tried.
func TestValuesHaveTheTypeOfTheirSamples(t *testing.T) {
	in := calm().want(t, "accuracy=99%", "inference_energy").failed("nan").input(t)
	in.Objective.Limits = map[trial.Metric]float64{trial.InferenceEnergy: 0.01, trial.Accuracy: 0.5}
	in.History[0].Seconds = map[string]float64{trial.PhaseCompile: 2, trial.PhaseTrain: 3}
	in.History[0].Costs.MACs = 1000
	s := newSituation(newSearch(in, in.History), in.History[0], &trial.Niche{Name: "small", Max: 2000})
	for _, v := range variables {
		value := v.value(s)
		if value == nil {
			continue
		}
		if got, want := toStarlark(value).Type(), toStarlark(v.sample).Type(); got != want {
			t.Errorf("%s is %s, its sample %s", v.name, got, want)
		}
	}
}

func TestExamine(t *testing.T) {
	n := newNet().conv(16).skip()
	n.add("conv", arch.Shape{32, 32, 16}, arch.Attrs{"filters": 16, "kernel": []int{3, 3}, "groups": 16, "init": "glorot_normal"})
	n.add("constant", arch.Shape{}, arch.Attrs{"value": 2.0})
	n.nodes[n.last()].Inputs = nil
	n.add("add", arch.Shape{32, 32, 16}, nil, n.last()-1, n.last()) // no skip connection
	n.dropout(0.25).pool().dense(64).dense(10).add("softmax", arch.Shape{10}, nil)
	got := examine(n.done())
	want := features{
		convs: 2, depthwise: 1, denses: 2, hidden: 1, dropouts: 1, skips: 1, norms: 1, batchNorm: true,
		filters: 16, units: 64, dropoutRate: 0.25,
		denseShare:   float64(16*64+64*10) / float64(16*64+64*10+9*3*16+9*16),
		initializers: []string{"he_normal", "glorot_normal"}, depth: 10,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(features{})); diff != "" {
		t.Error(diff)
	}
}

func TestClassifier(t *testing.T) {
	for _, c := range []struct {
		n    *net
		want int // hidden dense layers
	}{
		{newNet().conv(8).pool().dense(10), 0},
		{newNet().conv(8).pool().dense(64).dense(10), 1},
		{newNet().dense(16).conv(10).pool(), 1},
		{newNet().dense(10).conv(10).pool(), 1},
		{newNet().conv(8).pool().dense(16), 1},
	} {
		if got := examine(c.n.done()).hidden; got != c.want {
			t.Errorf("%+v: %d hidden, want %d", c.n.nodes, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(DefaultText())
	f.Add(opposed)
	f.Add("rules: [{when: (((}]")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Parse("fuzz.yaml", []byte(text))
		if (b == nil) == (err == nil) {
			t.Errorf("book %v, error %v", b, err)
		}
	})
}
