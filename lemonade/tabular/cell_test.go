package tabular

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|nor_conv_3x3~1|skip_connect~2|"

var exampleChoices = map[string]string{
	"edge0": `"avg_pool"`, "edge1": `"conv1x1"`, "edge2": `"skip"`, "edge3": `"none"`, "edge4": `"conv3x3"`, "edge5": `"skip"`,
}

func TestCell(t *testing.T) {
	taken, err := Choices(example)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleChoices, taken); diff != "" {
		t.Errorf("choices (-want +got):\n%s", diff)
	}
	if got, err := Architecture(exampleChoices); err != nil || got != example {
		t.Errorf("architecture %q, %v", got, err)
	}
}

// TestCellBothWays goes through every cell.
func TestCellBothWays(t *testing.T) {
	seen := map[string]bool{}
	for _, taken := range every() {
		text, err := Architecture(taken)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Choices(text)
		if err != nil || !cmp.Equal(taken, back) {
			t.Fatalf("%v became %s and then %v, %v", taken, text, back, err)
		}
		seen[text] = true
	}
	if len(seen) != 15625 {
		t.Errorf("%d different cells, want 15625", len(seen))
	}
}

// every lists what can be chosen.
func every() (all []map[string]string) {
	for n := range 15625 {
		taken := map[string]string{}
		for i := range edges {
			taken[edge(i)] = operations[n%5].option
			n /= 5
		}
		all = append(all, taken)
	}
	return all
}

func TestChoicesRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "1 nodes"},
		{"|none~0|", "1 nodes"},
		{strings.Replace(example, "|+|none", "|none", 1), "2 nodes"},
		{strings.Replace(example, "|avg", "avg", 1), "node 1"},
		{strings.TrimSuffix(example, "|"), "node 3"},
		{strings.Replace(example, "skip_connect~1", "skip_connect~0", 1), `"skip_connect~0" is no operation on node 1`},
		{strings.Replace(example, "none~0", "zero~0", 1), `"zero~0"`},
		{strings.Replace(example, "none~0", "none~0|none~0", 1), "node 3"},
	} {
		if got, err := Choices(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, error %v does not say %q", c.text, got, err, c.want)
		}
	}
}

func TestArchitectureRefuses(t *testing.T) {
	with := func(name, value string) map[string]string {
		taken := map[string]string{}
		for k, v := range exampleChoices {
			taken[k] = v
		}
		delete(taken, "edge5")
		if name != "" {
			taken[name] = value
		}
		return taken
	}
	for _, c := range []struct {
		taken map[string]string
		want  string
	}{
		{nil, "0 choices"},
		{with("", ""), "5 choices"},
		{with("edge6", `"skip"`), "no choice edge5"},
		{with("edge5", `"conv5x5"`), `"conv5x5" is no operation`},
		{with("edge5", `skip`), "no operation"},
	} {
		if got, err := Architecture(c.taken); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %q, error %v does not say %q", c.taken, got, err, c.want)
		}
	}
}
