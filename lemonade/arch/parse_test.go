package arch

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var small = Shape{8, 8, 4}

func parse(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Parse(source, small, 5)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return p
}

// body makes a program of the lines of network.
func body(lines ...string) string {
	return "def network(x, classes):\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestEqualPrograms(t *testing.T) {
	head := "return dense(global_avg_pool(x), classes)"
	tests := []struct{ name, a, b string }{
		{"other variables", body("h = conv(x, 8)", "x = relu(h)", head), body("tmp = conv(x, 8)", "tmp2 = relu(tmp)", "x = tmp2", head)},
		{"helper functions", body("x = relu(batch_norm(conv(x, 8)))", "x = relu(batch_norm(conv(x, 8)))", head),
			"def unit(v, *layers):\n    for l in layers:\n        v = l(v)\n    return v\n" + body("for _ in range(2):", "    x = unit(x, lambda v: conv(v, 8), batch_norm, relu)", head)},
		{"dead branch", body("x = conv(x, 8)", head), body("unused = softmax(conv(x, 64))", "parameter([3])", "x = conv(x, 8)", head)},
		{"operand order", body("x = conv(x, 4) + x", head), body("x = x + conv(x, 4)", head)},
		{"order of definition", body("a = conv(x, 8)", "b = conv(x, 8, 1)", "x = concat([a, b])", head), body("b = conv(x, 8, 1)", "a = conv(x, 8)", "x = concat([a, b])", head)},
		{"share names", body("x = conv(conv(x, 4, share = \"a\"), 4, share = \"a\")", head), body("x = conv(conv(x, 4, share = \"k9\"), 4, share = \"k9\")", head)},
		{"share of one", body("x = conv(x, 4, share = \"a\")", head), body("x = conv(x, 4)", head)},
		{"shared and equal is used twice", body("x = conv(x, 4, share = \"a\") + conv(x, 4, share = \"a\")", head), body("c = conv(x, 4)", "x = c + c", head)},
		{"repeated pure expressions", body("x = relu(x) * sigmoid(relu(x))", head), body("y = relu(x)", "x = sigmoid(y) * y", head)},
		{"defaults", body("x = conv(x, 8)", head), body("x = conv(x, filters = 8, kernel = (3, 3), stride = [1, 1], padding = \"SAME\", use_bias = True)", head)},
		{"positive axis", body("x = softmax(x, axis = 2)", head), body("x = softmax(x)", head)},
		{"axes in any order", body("x = x + mean(x, axis = [1, 0], keepdims = True)", head), body("x = x + mean(x, axes = (-3, -2), keepdims = True)", head)},
		{"pool stride", body("x = max_pool(x, 2)", head), body("x = max_pool(x, pool_size = 2, strides = 2, padding = \"valid\")", head)},
		{"negative slice", body("x = slice(x, -2)", head), body("x = slice(x, start = 2, stop = 4)", head)},
		{"split", body("a, b = split(x, 2)", "x = a * b", head), body("a = slice(x, 0, 2)", "b = slice(x, 2, 4)", "x = a * b", head)},
		{"split of sizes", body("a, b = split(x, [1, 3])", "x = a * b", head), body("x = slice(x, 1) * slice(x, stop = 1)", head)},
		{"concat without a list", body("x = concat(x, relu(x))", head), body("x = concat([x, relu(x)], axis = -1)", head)},
		{"reshape without a list", body("x = reshape(x, 64, -1)", head), body("x = reshape(x, [64, 4])", head)},
		{"depthwise", body("x = depthwise_conv(x, 3, multiplier = 2)", head), body("x = conv(x, 8, 3, groups = 4)", head)},
		{"minus", body("x = -x", head), body("x = x * -1", head)},
		{"number on the left", body("x = 1 - x / 2", head), body("x = sub(1.0, div(x, 2.0))", head)},
		{"attention on itself", body("x = attention(reshape(x, [64, 4]), 2)", head), body("x = reshape(x, [64, 4])", "x = attention(x, x, value = x, num_heads = 2, key_dim = 2, units = 4)", head)},
		{"softmax at the end", body(head), body("return softmax(dense(global_avg_pool(x), classes))")},
		{"python's max and abs", body("x = conv(x, max(2, 8, 3))", head), body("x = conv(x, abs(-8))", head)},
		{"shape arithmetic", body("h, w, c = x.shape", "x = conv(x, c * 2 + x.rank - 3)", head), body("x = conv(x, 2 * x.shape[-1])", head)},
		{"byte-order mark", body(head), "\ufeff" + body(head)},
		{"line ends", body(head), strings.ReplaceAll(body(head), "\n", "\r\n")},
		{"top-level code", body("x = conv(x, 8)", head), "F = 2\nfor i in [2, 4]:\n    F += i\nif F > 7:\n    F = max([F, 3])\n" + body("x = conv(x, F)", head)},
		{"lambda", body(head), "network = lambda v, n: dense(global_avg_pool(v), n)"},
		{"parallel branches", body("a = conv(x, 4)", "b = relu(conv(x, 4))", "x = a + b", head), body("b = conv(x, 4)", "a = relu(conv(x, 4))", "x = a + b", head)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := parse(t, tt.a), parse(t, tt.b)
			if diff := cmp.Diff(a.Network, b.Network); diff != "" {
				t.Errorf("networks differ:\n%s", diff)
			}
			if a.Network.Hash() != b.Network.Hash() {
				t.Error("hashes differ")
			}
		})
	}
}

func TestDifferentPrograms(t *testing.T) {
	head := "return dense(global_avg_pool(x), classes)"
	sources := map[string]string{
		"plain":              body("x = conv(x, 4)", head),
		"wider":              body("x = conv(x, 8)", head),
		"kernel":             body("x = conv(x, 4, 5)", head),
		"tall kernel":        body("x = conv(x, 4, (3, 1))", head),
		"wide kernel":        body("x = conv(x, 4, (1, 3))", head),
		"no bias":            body("x = conv(x, 4, bias = False)", head),
		"initializer":        body("x = conv(x, 4, init = \"zeros\")", head),
		"groups":             body("x = conv(x, 4, groups = 2)", head),
		"relu":               body("x = relu(conv(x, 4))", head),
		"silu":               body("x = silu(conv(x, 4))", head),
		"two convs":          body("x = conv(x, 4) + conv(x, 4)", head),
		"one conv twice":     body("c = conv(x, 4)", "x = c + c", head),
		"stacked":            body("x = conv(conv(x, 4), 4)", head),
		"stacked, shared":    body("x = conv(conv(x, 4, share = \"a\"), 4, share = \"a\")", head),
		"three, first two":   body("x = conv(conv(conv(x, 4, share = \"a\"), 4, share = \"a\"), 4)", head),
		"three, last two":    body("x = conv(conv(conv(x, 4), 4, share = \"a\"), 4, share = \"a\")", head),
		"three, outer two":   body("x = conv(conv(conv(x, 4, share = \"a\"), 4), 4, share = \"a\")", head),
		"a - b":              body("x = conv(x, 4) - x", head),
		"b - a":              body("x = x - conv(x, 4)", head),
		"a / b":              body("x = conv(x, 4) / x", head),
		"two dropouts":       body("x = conv(x, 4)", "x = dropout(x, 0.1) + dropout(x, 0.1)", head),
		"one dropout twice":  body("x = conv(x, 4)", "d = dropout(x, 0.1)", "x = d + d", head),
		"concat":             body("x = concat([x, relu(x)])", head),
		"concat, other way":  body("x = concat([relu(x), x])", head),
		"crossed":            body("a = conv(x, 4)", "b = conv(x, 4)", "x = (a + relu(b)) * (b + relu(a))", head),
		"not crossed":        body("a = conv(x, 4)", "b = conv(x, 4)", "x = (a + relu(a)) * (b + relu(b))", head),
		"two parameters":     body("x = x * parameter([4]) + parameter([4])", head),
		"one parameter":      body("p = parameter([4])", "x = x * p + p", head),
		"constant":           body("x = x * 0.5", head),
		"another constant":   body("x = x * 0.25", head),
		"transposed":         body("x = transpose(x, [1, 0, 2])", head),
		"softmax inside":     body("x = softmax(x)", head),
		"softmax over space": body("x = softmax(x, axis = 0)", head),
	}
	seen := map[string]string{}
	for name, source := range sources {
		hash := parse(t, source).Network.Hash()
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[hash] = name
	}
}

func TestSeeds(t *testing.T) {
	for _, input := range []Shape{{8, 8, 1}, {28, 28, 1}, {32, 32, 3}, {64, 64, 3}, {16, 16, 3}, {1, 1, 1}, {3, 200, 2}, {128, 64}, {300}, {4, 4, 4, 2}} {
		p, err := Parse(Seed(input, 10), input, 10)
		if err != nil {
			t.Errorf("%v: %v", input, err)
			continue
		}
		if c := p.Network.Costs(); c.Params > 200_000 || c.MACs > 60_000_000 {
			t.Errorf("%v: the seed is not small: %+v", input, c)
		}
		if p.Recipe != DefaultRecipe {
			t.Errorf("%v: recipe %+v", input, p.Recipe)
		}
	}
}

func TestBadTasks(t *testing.T) {
	for _, tt := range []struct {
		input   Shape
		classes int
		want    string
	}{
		{nil, 10, "input shape [] must have"},
		{Shape{32, 0, 3}, 10, "every size must be between"},
		{Shape{1 << 20, 1 << 20, 1 << 20}, 10, "more than"},
		{Shape{8, 8, 1}, 0, "classes must be between"},
	} {
		_, err := Parse(Seed(Shape{8, 8, 1}, 10), tt.input, tt.classes)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, %d: got %v, want %q", tt.input, tt.classes, err, tt.want)
		}
	}
	for _, source := range []string{strings.Repeat("#", MaxSource+1), "\xff"} {
		if _, err := Parse(source, small, 5); err == nil || !strings.HasPrefix(err.Error(), "model.star:1:1: program: is ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestRecipes(t *testing.T) {
	adamw := DefaultRecipe
	adamw.Optimizer, adamw.LearningRate = "adamw", 0.003
	full := Recipe{Optimizer: "sgd", LearningRate: 0.25, Momentum: 0.8, WeightDecay: 1e-4, LabelSmoothing: 0.1,
		BatchSize: 128, Schedule: "cosine", Warmup: 0.05, Flip: false, Crop: 4}
	augmented := DefaultRecipe
	augmented.Turn, augmented.Cutout, augmented.Mixup = true, 4, 0.2
	for source, want := range map[string]Recipe{
		"training(turn=True, cutout=4, mixup=0.2)":                    augmented,
		"training(rotate=True, cutout_size=4.0, mixup_alpha=0.2)":     augmented,
		"training(turn=False, cutout=0, mixup=0, token_dropout=0.25)": DefaultRecipe,

		"":                              DefaultRecipe,
		"training()":                    DefaultRecipe,
		"training(optimizer = \"SGD\")": DefaultRecipe,
		"training(optimizer=\"adamw\")": adamw,
		"training(optimizer=\"adamw\", momentum=0.5)": adamw,
		"training(optimizer=\"sgd\", lr=0.25, momentum=0.8, weight_decay=1e-4, label_smoothing=0.1, batch_size=128, schedule=\"cosine\", warmup=0.05, flip=False, crop=4)": full,
	} {
		text := body("return dense(flatten(x), classes)")
		if source != "" {
			text += "def recipe():\n    return " + source + "\n"
		}
		p := parse(t, text)
		if diff := cmp.Diff(want, p.Recipe); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
		if err := p.Recipe.Validate(); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		again := parse(t, Print(p.Network, p.Recipe))
		if diff := cmp.Diff(want, again.Recipe); diff != "" {
			t.Errorf("printed %s: %s", source, diff)
		}
	}
	err := Recipe{Schedule: "COSINE", Crop: 9, Cutout: 65, Mixup: 1.5, TokenDropout: -1}.Validate()
	for _, want := range []string{
		"optimizer", "learning_rate must be more than 0", "batch_size must be between 8 and 1024, got 0", "schedule", "crop must be between 0 and 8, got 9",
		"cutout must be between 0 and 64, got 65", "mixup must be between 0 and 1, got 1.5", "token_dropout must be between 0 and 0.5, got -1",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// TestAugmentationBySample checks what recipes become of what does nothing to the
// samples, and that a square may not blank a whole image.
func TestAugmentationBySample(t *testing.T) {
	for _, tt := range []struct {
		in                Input
		given, want, fail string
	}{
		{Shape{8, 8, 1}, "turn=True, cutout=4, token_dropout=0.1", "turn = True, cutout = 4", ""},
		{Shape{8, 10, 1}, "turn=True, mixup=1", "mixup = 1.0", ""},
		{Shape{10, 8, 1}, "cutout=5", "", "training: cutout must be at most 4, half of the shorter side of images [10 8 1], got 5"},
		{Tokens{16, 100}, "turn=True, cutout=60, mixup=1, flip=True, crop=8, word_dropout=0.1", "token_dropout = 0.1", ""},
	} {
		p, err := Parse(Seed(tt.in, 3)+"\ndef recipe():\n    return training("+tt.given+")\n", tt.in, 3)
		switch {
		case tt.fail != "":
			if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%v, %s: %v does not say %q", tt.in, tt.given, err, tt.fail)
			}
		case err != nil:
			t.Errorf("%v, %s: %v", tt.in, tt.given, err)
		default:
			if d := cmp.Diff("\ndef recipe():\n    return training("+tt.want+")\n", printRecipe(tt.in, p.Recipe)); d != "" {
				t.Errorf("%v, %s: %s", tt.in, tt.given, d)
			}
		}
	}
}

// TestRecipeJSON pins what trial keys are made of: a recipe without augmentation
// that came later has the JSON that it always had.
func TestRecipeJSON(t *testing.T) {
	got, err := json.Marshal(DefaultRecipe)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"optimizer":"sgd","learning_rate":0.1,"momentum":0.9,"weight_decay":0.0005,"label_smoothing":0,"batch_size":64,"schedule":"one_cycle","warmup":0.3,"flip":true,"crop":0}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	good, err := json.Marshal(parse(t, body("x = max_pool(relu(conv(x, 8)), 2)", "return dense(flatten(x), classes)")).Network)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"language", `"language":1`, `"language":2`, "language version 2"},
		{"shape", `"shape":[8,8,8]`, `"shape":[8,8,9]`, "its shape is [8 8 8], not [8 8 9]"},
		{"operation", `"op":"relu"`, `"op":"rely"`, "did you mean relu"},
		{"surface operation", `"op":"relu"`, `"op":"split"`, "no operation of a network"},
		{"forward edge", `"op":"relu","inputs":[1]`, `"op":"relu","inputs":[4]`, "not an earlier node"},
		{"negative edge", `"op":"relu","inputs":[1]`, `"op":"relu","inputs":[-1]`, "not an earlier node"},
		{"operands", `"op":"relu","inputs":[1]`, `"op":"relu","inputs":[1,1]`, "needs 1 operands, got 2"},
		{"attribute", `"filters":8`, `"filters":8,"x":1`, `no argument "x"`},
		{"type", `"filters":8`, `"filters":"8"`, "filters must be a whole number"},
		{"fraction", `"filters":8`, `"filters":8.5`, "filters must be a whole number"},
		{"range", `"filters":8`, `"filters":1e99`, "filters must be a whole number"},
		{"classes", `"classes":5`, `"classes":6`, "must return logits of shape [6]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(good), tt.from, tt.to, 1)
			if text == string(good) {
				t.Fatalf("%s has no %s", good, tt.from)
			}
			var n Network
			err := json.Unmarshal([]byte(text), &n)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMermaidEscapes(t *testing.T) {
	n := parse(t, body("x = conv(x, 4, share = \"a\")", "x = conv(x, 4, share = \"a\")", "return dense(flatten(x), classes)")).Network
	for i := range n.Nodes {
		if n.Nodes[i].Share != "" {
			n.Nodes[i].Share = "\"]; click n0 \"javascript:alert(1)\"\n<script>"
		}
	}
	for _, line := range strings.Split(n.Mermaid(), "\n") {
		if strings.Contains(line, "<script") || strings.Count(line, `"`) > 2 || strings.HasPrefix(strings.TrimSpace(line), "click") {
			t.Errorf("not escaped: %s", line)
		}
	}
}

// TestDeclarations checks the table: each operation is complete, and its name
// and arguments are documented.
func TestDeclarations(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range Ops() {
		if seen[op.Name] {
			t.Errorf("%s is declared twice", op.Name)
		}
		seen[op.Name] = true
		if op.Doc == "" || (op.Family == "") != op.Internal {
			t.Errorf("%s has no documentation", op.Name)
		}
		if (op.shape == nil) != (op.Surface || op.Internal) {
			t.Errorf("%s has no shape rule", op.Name)
		}
		if (op.weights != nil) != (op.HasWeights && !op.Surface) {
			t.Errorf("%s: HasWeights is %v, but it has a rule: %v", op.Name, op.HasWeights, op.weights != nil)
		}
		for _, a := range op.Args {
			if a.Doc == "" {
				t.Errorf("%s.%s has no documentation", op.Name, a.Name)
			}
			if _, derived := a.Default.(Derived); a.Default == nil || derived {
				continue
			}
			if v, err := a.convert(a.Default); err != nil || !cmp.Equal(v, a.Default) {
				t.Errorf("%s.%s: default %v: %v, %v", op.Name, a.Name, a.Default, v, err)
			}
		}
	}
	for name, op := range synonyms {
		if !seen[op] && op != "training" {
			t.Errorf("the synonym %s names %s, which is no operation", name, op)
		}
	}
}

// TestReadme holds the count of operations in the README to those there are.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, op := range Ops() {
		if !op.Internal {
			count++
		}
	}
	if want := fmt.Sprintf("… %d of them", count); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

func TestWeights(t *testing.T) {
	source := body(
		"x = conv(x, 8, (3, 1), groups = 2)", "x = batch_norm(x)", "x = reshape(x, [64, 8])",
		"x = attention(x, heads = 2, key_dim = 3, bias = False)", "x = x * parameter([64, 1]) + parameter([8])",
		"return dense(flatten(x), classes)")
	n := parse(t, source).Network
	var got []string
	for i := range n.Nodes {
		for _, w := range n.Weights(i) {
			got = append(got, fmt.Sprintf("%s %s %v in %d out %d %s trains %v decays %v", n.Nodes[i].Op, w.Name, w.Shape, w.FanIn, w.FanOut, w.Init, w.Trainable, w.Decay))
		}
	}
	golden(t, "weights.txt", strings.Join(got, "\n")+"\n")
}

// TestSharedCosts: shared weights count once, and each use is computed.
func TestSharedCosts(t *testing.T) {
	n := parse(t, body("for _ in range(3):", "    x = conv(x, 4, 1, share = \"a\")", "p = parameter([4])", "x = batch_norm(x + relu(relu(relu(relu(relu(p))))))", "return dense(global_avg_pool(x), classes)")).Network
	conv, dense := int64(4*4+4), int64(4*5+5)
	want := Costs{
		Params:           conv + 4 + 8 + dense,
		MACs:             3*64*16 + 20,
		ModelBytes:       4 * (conv + 4 + 16 + dense), // with the running averages
		ActivationMemory: 4 * (256 + 256),
		Depth:            8, // input, 3 conv, add, batch_norm, pool, dense
	}
	got := n.Costs()
	if got.ActivationMemory < want.ActivationMemory || got.ActivationMemory > want.ActivationMemory+4*8 {
		t.Errorf("activations %d, want %d and the few of the parameter's branch", got.ActivationMemory, want.ActivationMemory)
	}
	want.ActivationMemory = got.ActivationMemory
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var params, macs int64
	for i := range n.Nodes {
		p, m := n.NodeCosts(i)
		params, macs = params+p, macs+m
	}
	if params != got.Params || macs != got.MACs {
		t.Errorf("the nodes sum to %d and %d, not %d and %d", params, macs, got.Params, got.MACs)
	}
}

func TestActivationMemory(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   int64 // elements: input 256
	}{
		{body("return dense(flatten(x), classes)"), 512},                             // input and its flattening
		{body("x = conv(x, 16)", "return dense(global_avg_pool(x), classes)"), 1280}, // 256 + 1024
		{body("y = conv(x, 4)", "y = relu(y)", "x = x + y", "return dense(global_avg_pool(x), classes)"), 768},
	} {
		if got := parse(t, tt.source).Network.Costs().ActivationMemory; got != 4*tt.want {
			t.Errorf("got %d, want %d bytes for\n%s", got, 4*tt.want, tt.source)
		}
	}
}
