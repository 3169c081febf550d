package kernelext

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		want          string
	}{
		"same":     {"a\nb", "a\nb\n\n", ""},
		"one line": {"a\nb\nc\n", "a\nB\nc\n", "@line 1 / a/-b/+B/ c"},
		"far": {
			"a\n1\n2\n3\n4\n5\n6\n7\n8\nz\n", "A\n1\n2\n3\n4\n5\n6\n7\n8\nZ\n",
			"@line 1/-a/+A/ 1/ 2/ 3/@line 7/ 6/ 7/ 8/-z/+Z",
		},
	} {
		var got []string
		for _, l := range diffOf(c.before, c.after) {
			got = append(got, string(l.sign)+l.text)
		}
		if text := strings.Join(got, "/"); text != strings.ReplaceAll(c.want, "1 / a", "1/ a") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestLongPrograms holds that programs of 10,000 lines are compared in no time, and
// shown in part.
func TestLongPrograms(t *testing.T) {
	v := fake(t)
	for i, seed := range []int{7, 11} {
		var b strings.Builder
		for line := range 10_000 {
			fmt.Fprintf(&b, "x = conv(x, %d) # 🍋 </script>\n", line*line%seed)
		}
		v.Trials[i].Program.Source = b.String()
	}
	began := time.Now()
	c, err := comparisonOf(v, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	page, text := c.html(), c.text()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if strings.Contains(page, "</script>") || len(page) > 200_000 || len(text) > 60_000 {
		t.Errorf("%d bytes of HTML, %d of text", len(page), len(text))
	}
	if page := v.trialHTML(v.Trials[0]); strings.Contains(page, "</script>") || len(page) > 1_000_000 {
		t.Errorf("the trial's page has %d bytes", len(page))
	}
	if !strings.Contains(text, "lines more") || !strings.Contains(page, "🍋") {
		t.Errorf("the text does not say that it is cut off:\n%.2000s", text)
	}
}

func TestComparedMarks(t *testing.T) {
	v := fake(t)
	c, err := comparisonOf(v, []int{4, 6, 11})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]comparedCell{}
	for _, row := range c.rows() {
		got[row.name] = row.cells
	}
	want := map[string][]comparedCell{
		"accuracy": {{"45.5 %", "", false}, {"48.7 %", "+3.2 points", true}, {"47.0 %", "+1.5 points", false}},
		// The energy of trial 11 is by another method: none is the best of all.
		"inference energy": {{"≈ 6.2 ± 0.2 mJ [estimate]", "", false}, {"≈ 4.90 ± 0.20 mJ [estimate]", "-21 %", false}, {"5.2 ± 0.2 mJ† [nvml-counter]", "", false}},
		// All trainings took the same time: there is nothing to choose.
		"training time": {{"41.5 s", "", false}, {"41.5 s", "the same", false}, {"41.5 s", "the same", false}},
		"params":        {{"5.47 k", "", true}, {"5.47 k", "the same", true}, {"95.0 k", "×17.4", false}},
	}
	for name, cells := range want {
		if diff := cmp.Diff(cells, got[name], cmp.AllowUnexported(comparedCell{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCompareUnfinished compares what has no program, no metrics and no score.
func TestCompareUnfinished(t *testing.T) {
	v := fake(t)
	v.Trials[2].Program = nil
	v.Trials[2].Costs.Params, v.Trials[2].Costs.MACs = 0, 0
	v.Trials[2].Metrics = trial.Metrics{}
	c, err := comparisonOf(v, []int{3, 8})
	if err != nil {
		t.Fatal(err)
	}
	if text := c.text(); !strings.Contains(text, "one of them has none") || !strings.Contains(text, "not to be compared in accuracy and inference energy") {
		t.Errorf("it says\n%s", text)
	}
	if page := c.html(); !strings.Contains(page, "no network") {
		t.Error("the page does not say that there is no network")
	}
}

// TestChoicesAreShown holds that what trials of a template took is told in words, and
// where they differ.
func TestChoicesAreShown(t *testing.T) {
	const template = `def network(x, classes):
    for i in range(choice("depth", [1, 2])):
        x = max_pool(relu(conv(x, choice("width%d" % i, [8, 16]), init = choice("init", ["he_normal", "normal"]))))
    return dense(global_avg_pool(x), classes)
choices = `
	v := fake(t)
	v.Trials[0].Program = program(t, template+`{"width0": 16}`)
	v.Trials[1].Program = program(t, template+`{"width0": 8, "depth": 2}`)
	if got, want := v.trialText(v.Trials[0]), "chosen: depth = 1, width0 = 16, init = he_normal\n"; !strings.Contains(got, want) {
		t.Errorf("the trial does not tell %q:\n%s", want, got)
	}
	if got, want := v.trialHTML(v.Trials[0]), "Chosen: depth = 1, width0 = 16, init = he_normal<"; !strings.Contains(got, want) {
		t.Errorf("the trial's page does not tell %q", want)
	}
	if got, want := Text(v), "  depth = 1, width0 = 16, init = he_normal\n"; !strings.Contains(got, want) {
		t.Errorf("the table does not tell %q:\n%s", want, got)
	}
	c, err := comparisonOf(v, []int{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range c.choices() {
		for _, cell := range row.cells {
			got[row.name] += cell.value + " "
		}
	}
	if d := cmp.Diff(map[string]string{"depth": "1 2 – ", "width0": "16 8 – ", "width1": "– 8 – ", "init": "he_normal he_normal – "}, got); d != "" {
		t.Error(d)
	}
	if c, err = comparisonOf(v, []int{1, 2}); err != nil || len(c.choices()) != 3 || !strings.Contains(c.text(), "width0") || strings.Contains(c.text(), "init  ") {
		t.Errorf("two trials: %v, %v\n%s", c.choices(), err, c.text())
	}
}
