package arch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fenced is a template with choices in and outside of functions.
const fenced = `def pick(name, options):
    return choice(name, options)

DEPTH = choice("depth", [1, 2, 3])

def network(x, classes):
    for i in range(DEPTH):
        x = conv(x, pick("width%d" % i, [8, 16]))
        if choice("norm", [True, False]):
            x = batch_norm(x)
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(learning_rate = choice("rate", [0.1, 0.05]), optimizer = choice(name = "optimizer", options = ("sgd", "adamw")))
`

func TestChoices(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       map[string]string
	}{
		{"none named", "", map[string]string{"depth": "1", "width0": "8", "norm": "True", "rate": "0.1", "optimizer": `"sgd"`}},
		{"some named", `choices = {"depth": 2, "width1": 16.0, 'norm': (False), "optimizer": "adamw"}`,
			map[string]string{"depth": "2", "width0": "8", "width1": "16", "norm": "False", "rate": "0.1", "optimizer": `"adamw"`}},
		{"one that is not asked for", `choices = {"width2": 16}`, map[string]string{"depth": "1", "width0": "8", "norm": "True", "rate": "0.1", "optimizer": `"sgd"`}},
		{"the last counts", "choices = {\"depth\": 9}\nchoices = {}", map[string]string{"depth": "1", "width0": "8", "norm": "True", "rate": "0.1", "optimizer": `"sgd"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(t, fenced+tt.line+"\n")
			if d := cmp.Diff(tt.want, p.Taken()); d != "" {
				t.Error(d)
			}
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var back Program
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p, &back); d != "" {
				t.Errorf("through JSON: %s", d)
			}
			chosen, err := Choose(fenced, p.Taken())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p.Choices, parse(t, chosen).Choices); d != "" {
				t.Errorf("chosen again: %s", d)
			}
		})
	}
	p := parse(t, fenced+`choices = {"depth": 2}`)
	var order []string
	for _, c := range p.Choices {
		order = append(order, fmt.Sprintf("%s %v: %s", c.Name, c.Options, c.Value()))
	}
	want := []string{"depth [1 2 3]: 2", "width0 [8 16]: 8", "norm [True False]: True", "width1 [8 16]: 8", "rate [0.1 0.05]: 0.1", `optimizer ["sgd" "adamw"]: "sgd"`}
	if d := cmp.Diff(want, order); d != "" {
		t.Error(d)
	}
	if free := parse(t, "choices = [1]\n"+body("return dense(flatten(x), classes)")); free.Choices != nil {
		t.Errorf("a program without choices has %v", free.Choices)
	}
}

// TestChoicesAreNoPartOfTheNetwork: how it was chosen does not enter the hash.
func TestChoicesAreNoPartOfTheNetwork(t *testing.T) {
	a := parse(t, fenced)
	b := parse(t, Print(a.Network, a.Recipe))
	if a.Network.Hash() != b.Network.Hash() || a.Recipe != b.Recipe || b.Choices != nil {
		t.Errorf("the printed network differs, or has the choices %v", b.Choices)
	}
}

func TestChoiceErrors(t *testing.T) {
	program := func(call string) string {
		return body("choice(\"a\", [1, 2])", call, "return dense(flatten(x), classes)")
	}
	for _, tt := range []struct{ source, want string }{
		{program(`choice("b", [])`), `model.star:3:11: choice: "b" has 0 options; 1 to 512 are allowed`},
		{program(`choice("", [1])`), `choice: the name "" must have 1 to 64 bytes of text`},
		{program(`choice("b", [x])`), `choice: "b": options must be strings, numbers, True or False, got a tensor [8 8 4]`},
		{program(`choice("b", [[1]])`), "True or False, got a list"},
		{program(`choice("b", [float("inf")])`), "True or False, got float +Inf"},
		{program(`choice("b", ["` + strings.Repeat("x", 65) + `"])`), `xxx... must have at most 64 bytes of text`},
		{program(`choice("b", [1, 2, 1.0])`), `choice: "b" has the option 1.0 twice`},
		{program(`choice("b", 3)`), `write choice("width", [16, 32, 64])`},
		{program(`choice("b")`), `missing argument for options; write choice("width", [16, 32, 64])`},
		{program(`choice("a", [1, 3])`), `choice: "a" has the options 1, 3 here and others before; give it one list, or two names`},
		{program(`[choice("n" + str(i), [1]) for i in range(600)]`), "more than 512 choices"},
		{fenced + `choices = {"depth": 4}`, `model.star:4:15: choice: choices has 4 for "depth"; it must be one of 1, 2, 3`},
		{fenced + `choices = {"depth": "3"}`, `choices has "3" for "depth"; it must be one of 1, 2, 3`},
		{fenced + `choices = {"norm": 1}`, `choices has 1 for "norm"; it must be one of True, False`},
		{fenced + `choices = {"dept": 3}`, `model.star:15:9: choices: there is no choice "dept"; there are depth, width0, norm, rate, optimizer`},
		{fenced + `choices = dict(depth = 3)`, `choice: choices must be written out, as in choices = {"width": 32}`},
		{fenced + "choices = {\n  \"depth\": 3,\n  \"norm\": 1 < 2}", `choices must be written out: line 3 of it is no name and value`},
		{strings.Replace(NASBench201, `"edge5": "skip"`, `"edge6": "skip"`, 1), `there is no choice "edge6"; there are edge0, edge1, edge2, edge3, edge4, edge5`},
	} {
		_, err := Parse(tt.source, Shape{8, 8, 4}, 5)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\ngot  %v\nwant %s", tt.source[max(0, len(tt.source)-80):], err, tt.want)
		}
	}
}

func TestChoose(t *testing.T) {
	two := map[string]string{"b": `"x"`, "a": "0x10"}
	for _, tt := range []struct {
		name, source string
		taken        map[string]string
		want         string
	}{
		{"new", "x = 1", two, "x = 1\n\nchoices = {\"a\": 16, \"b\": \"x\"}\n"},
		{"empty", "", nil, "\nchoices = {}\n"},
		{"replaced", "# é\nü = 'ö'; choices = {\n  \"a\": 1,\n}; y = 2\n", two, "# é\nü = 'ö'; choices = {\"a\": 16, \"b\": \"x\"}; y = 2\n"},
		{"line ends", "\ufeffchoices = {\r\n}\r\ny = 2\r", map[string]string{"q": "-1.50"}, "choices = {\"q\": -1.5}\ny = 2\n"},
		{"in functions it is another", "def f():\n    choices = 1\n", map[string]string{"q": "True"}, "def f():\n    choices = 1\n\nchoices = {\"q\": True}\n"},
		{"after a comment", "x = 1 # end", nil, "x = 1 # end\n\nchoices = {}\n"},
	} {
		got, err := Choose(tt.source, tt.taken)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
	for _, tt := range []struct{ source, value, want string }{
		{"def f(:", "1", "model.star:1:"},
		{"x = 1\x00", "1", "has a zero byte"},
		{"\nchoices = [{}][0]", "1", `model.star:2:9: choices must be written out, as in choices = {"width": 32}`},
		{"", "skip", `choices: the value of "a" is "skip"; it must be a literal such as "skip", 16, 0.1 or True`},
		{"", "[1]", "it must be a literal"},
		{"", "1 + 1", "it must be a literal"},
		{"", "None", "it must be a literal"},
		{"", "1e999", "it must be a literal"},
		{"", "1, \"b\": 2", "it must be a literal"},
		{"", "", "it must be a literal"},
	} {
		if _, err := Choose(tt.source, map[string]string{"a": tt.value}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.value, err, tt.want)
		}
	}
}

// TestNASBench201 checks cells that are the same computation, and some that are not.
func TestNASBench201(t *testing.T) {
	network := func(ops ...string) *Network {
		taken := map[string]string{}
		for i, op := range ops {
			taken[fmt.Sprintf("edge%d", i)] = literal(op)
		}
		source, err := Choose(NASBench201, taken)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(source, Shape{32, 32, 3}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return p.Network
	}
	for _, tt := range []struct {
		name  string
		a, b  []string
		equal bool
	}{
		{"nothing", []string{"none", "none", "none", "none", "none", "none"}, []string{"none", "none", "conv3x3", "none", "skip", "avg_pool"}, true},
		{"an edge that leads nowhere", []string{"conv1x1", "none", "none", "conv3x3", "none", "none"}, []string{"none", "avg_pool", "none", "conv3x3", "none", "none"}, true},
		{"nodes 1 and 2 exchanged", []string{"conv1x1", "conv3x3", "none", "skip", "skip", "avg_pool"}, []string{"conv3x3", "conv1x1", "none", "skip", "avg_pool", "skip"}, true},
		{"a sum in a sum", []string{"conv1x1", "conv3x3", "skip", "none", "avg_pool", "skip"}, []string{"conv1x1", "none", "avg_pool", "conv3x3", "skip", "skip"}, true},
		{"by way of a skip", []string{"skip", "none", "none", "none", "conv3x3", "none"}, []string{"none", "none", "none", "conv3x3", "none", "none"}, true},
		{"one convolution used twice, and two", []string{"conv1x1", "skip", "skip", "none", "none", "skip"}, []string{"conv1x1", "skip", "none", "conv1x1", "none", "skip"}, true},
		{"weights shared or not", []string{"conv1x1", "none", "conv3x3", "none", "skip", "skip"}, []string{"conv1x1", "none", "conv3x3", "conv1x1", "none", "skip"}, false},
		{"kernels", []string{"conv1x1", "none", "none", "none", "skip", "none"}, []string{"conv3x3", "none", "none", "none", "skip", "none"}, false},
	} {
		if a, b := network(tt.a...), network(tt.b...); (a.Hash() == b.Hash()) != tt.equal {
			t.Errorf("%s: equal is %v, want %v", tt.name, !tt.equal, tt.equal)
		}
	}
}

func BenchmarkNASBench201(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(NASBench201, Shape{32, 32, 3}, 10); err != nil {
			b.Fatal(err)
		}
	}
}
