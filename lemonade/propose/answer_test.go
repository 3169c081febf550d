package propose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
