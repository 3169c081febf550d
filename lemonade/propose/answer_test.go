package propose

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestExtract(t *testing.T) {
	const program = "def network(x, classes):\n    return dense(x, classes)\n"
	const parent = "def network(x, classes):\n    return dense(relu(x), classes)\n"
	cases := []struct{ name, answer, want string }{
		{"fenced", "Text.\n```python\n" + program + "```\nMore.", program},
		{"another tag", "```starlark\n" + program + "```", program},
		{"no tag", "```\n" + program + "```", program},
		{"tildes", "~~~py\n" + program + "~~~", program},
		{"indented fence", "1. Here:\n   ```python\n   def network(x, classes):\n       return dense(x, classes)\n   ```", program},
		{"unclosed", "Well:\n```python\n" + program, program},
		{"windows line ends", "```python\r\ndef network(x, classes):\r\n    return dense(x, classes)\r\n```", program},
		{"bare", program, program},
		{"bare between words", "Here you are.\n\n" + program + "\nI hope it helps.", program},
		{"bare with a helper and a constant", "def f(x):\n    return relu(x)\n\nWIDTH = 8\n\n" + program, "def f(x):\n    return relu(x)\n\nWIDTH = 8\n\n" + program},
		{"the first of two", "```python\n" + program + "```\nOr else:\n```python\ndef network(x, classes):\n    return x\n```", program},
		{"the parent quoted before", "```python\n\n" + parent + "```\nChanged:\n```python\n" + program + "```", program},
		{"only the parent", "```python\n" + parent + "```", parent},
		{"a snippet before", "```python\nx = relu(x)\n```\n```python\n" + program + "```", program},
		{"a snippet behind", "```python\n" + program + "```\nFor example\n```python\ny = 2\n```", program},
		{"imports", "```python\nimport torch\nfrom starlark import *\n\n" + program + "```", program},
		{"only a helper", "```python\ndef block(x):\n    return relu(x)\n```", "def block(x):\n    return relu(x)\n"},
		{"inline code only", "Use ```conv(x, 3)``` there.", ""},
		{"nothing", "I cannot do that.", ""},
		{"empty", "", ""},
		{"an empty block", "```python\n```", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, extract(c.answer, parent)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPatch(t *testing.T) {
	const parent = "W = 8\n\ndef block(x):\n    return relu(x)\n\ndef network(x, classes):\n    return dense(block(x), classes)\n"
	cases := []struct{ name, program, want string }{
		{"whole", "def network(x, classes):\n    return x\n", "def network(x, classes):\n    return x\n"},
		{"a changed function", "def block(x):\n    return gelu(x)\n", "W = 8\n\ndef block(x):\n    return gelu(x)\n\ndef network(x, classes):\n    return dense(block(x), classes)\n"},
		{"a new function", "def recipe():\n    return training(crop = 2)\n", "def recipe():\n    return training(crop = 2)\n\n" + parent},
		{"nothing", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, patched := patch(c.program, parent)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if patched != (c.name == "a changed function" || c.name == "a new function") {
				t.Errorf("patched: %t", patched)
			}
		})
	}
	if got, patched := patch("def f(x):\n    return x\n", ""); patched || got == "" {
		t.Errorf("without a parent: %q", got)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("a\n```python\ndef network(x, classes):\n    return x\n```")
	f.Add("~~~\n```\ndef network(\n")
	f.Add("\timport a\ndef network(x):\r\n\x00")
	f.Fuzz(func(t *testing.T, answer string) {
		got := extract(answer, "")
		if got == "" {
			return
		}
		if !strings.HasSuffix(got, "\n") || strings.HasSuffix(got, "\n\n") || strings.HasPrefix(got, "\n") {
			t.Errorf("untidy: %q", got)
		}
		if !strings.Contains(got, "def") {
			t.Errorf("no definition: %q", got)
		}
		for _, line := range strings.Split(got, "\n") {
			if !strings.Contains(strings.ReplaceAll(answer, "\r\n", "\n"), line) {
				t.Errorf("a line that the answer does not have: %q", line)
			}
		}
	})
}

func TestTidy(t *testing.T) {
	for name, c := range map[string]struct{ program, want string }{
		"nothing to do": {"def network(x, classes):\n    return dense(x, classes)\n", "def network(x, classes):\n    return dense(x, classes)\n"},
		"replaced, unused, used by unused": {
			"width = 8\n\ndef block(x):\n    return x\n\ndef deep(x):\n    return block(x)\n\ndef other(x):\n    return deep(x)\n\ndef block(x):\n    return conv(x, width)\n\n" +
				"def network(x, classes):\n    return dense(block(x), classes)\n\ndef recipe():\n    return training()\n",
			"width = 8\n\ndef block(x):\n    return conv(x, width)\n\ndef network(x, classes):\n    return dense(block(x), classes)\n\ndef recipe():\n    return training()\n",
		},
		"a constant behind it stays": {
			"def old(x):\n    return x\nwidth = 8\n\ndef network(x, classes):\n    return dense(conv(x, width), classes)\n",
			"def old(x):\n    return x\nwidth = 8\n\ndef network(x, classes):\n    return dense(conv(x, width), classes)\n",
		},
		"empty": {"", ""},
	} {
		if got := tidy(c.program); got != c.want {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

func TestRead(t *testing.T) {
	program := "def network(x, classes):\n    return dense(global_avg_pool(x), classes)\n"
	want := Proposal{Source: program, Plan: &trial.Plan{Changes: []string{"RK: 64 becomes 32."}, Expected: map[trial.Metric]string{trial.Accuracy: trial.Same, trial.InferenceEnergy: trial.Down}}}
	withWhy := want
	withWhy.Plan = &trial.Plan{Rationale: "smaller", Changes: want.Plan.Changes, Expected: want.Plan.Expected}
	object := `{"rationale": "smaller", "changes": ["RK: 64 becomes 32."], "program": ` + strconv.Quote(program) + `, "expected": [{"metric": "accuracy", "effect": "same"}, {"metric": "inference_energy", "effect": "down"}, {"metric": "beauty", "effect": "up"}, {"metric": "latency", "effect": "sideways"}]}`
	for name, c := range map[string]struct {
		answer string
		want   Proposal
	}{
		"fenced":          {"- RK: 64 becomes 32.\nExpected: accuracy same, inference energy down, beauty up\n```python\n" + program + "```", want},
		"underscores":     {"RK: 64 becomes 32.\n**Expected:** accuracy: same; inference_energy = down\n```\n" + program + "```", want},
		"object":          {object, withWhy},
		"object, fenced":  {"Here:\n```json\n" + object + "\n```", withWhy},
		"object and more": {object + "\nI hope this helps.", withWhy},
		"fence in object": {strings.Replace(object, strconv.Quote(program), strconv.Quote("```python\n"+program+"```"), 1), withWhy},
		"nothing":         {"", Proposal{}},
		"half an object":  {object[:len(object)/2], Proposal{Plan: &trial.Plan{Changes: []string{object[:len(object)/2]}}}},
	} {
		if diff := cmp.Diff(c.want, read(c.answer, nil)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("RK: x.\nExpected: macs down\n```python\ndef network(x, classes):\n    return x\n```")
	f.Add(`{"program": "def network(x, classes):\n  return x", "changes": [""], "expected": [{"metric": "macs", "effect": "up"}]}`)
	f.Add(`{{"program": {`)
	f.Fuzz(func(t *testing.T, answer string) {
		got := read(answer, nil)
		if p := got.Plan; p != nil {
			if len(p.Changes) > changesKept || len(p.Expected) > len(trial.MetricInfos) {
				t.Errorf("a plan without bound: %+v", p)
			}
			for m, effect := range p.Expected {
				if _, ok := m.Info(); !ok || !slices.Contains([]string{trial.Up, trial.Down, trial.Same}, effect) {
					t.Errorf("expected %q %q", m, effect)
				}
			}
		}
		if tidy(got.Source) != got.Source {
			t.Errorf("untidy: %q", got.Source)
		}
	})
}
