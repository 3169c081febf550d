package propose

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

const squeezeExcite = `def block(x, filters, kernel, stride, expand):
    h = hard_swish(batch_norm(conv(x, expand, kernel = 1, bias = False)))
    h = hard_swish(batch_norm(depthwise_conv(h, kernel = kernel, stride = stride, bias = False)))
    s = relu(dense(global_avg_pool(h), expand // 4))
    h = h * hard_sigmoid(dense(s, expand))
    h = batch_norm(conv(h, filters, kernel = 1, bias = False))
    return x + h if stride == 1 and x.shape[-1] == filters else h

def network(x, classes):
    x = hard_swish(batch_norm(conv(x, 16, kernel = 3)))
    x = block(x, 16, 3, 1, 32)
    x = block(x, 24, 3, 2, 64)
    x = block(x, 24, 5, 1, 72)
    x = global_avg_pool(x)
    x = dropout(hard_swish(dense(x, 64)), rate = 0.2)
    return dense(x, classes)

def recipe():
    return training(optimizer = "adamw", learning_rate = 0.003, weight_decay = 0.02, label_smoothing = 0.1)
`

const transformer = `def block(x, heads):
    dim = x.shape[-1]
    x = x + attention(layer_norm(x), heads = heads)
    return x + dense(gelu(dense(layer_norm(x), 2 * dim)), dim)

def network(x, classes):
    x = conv(x, 32, kernel = 4, stride = 4)
    x = reshape(x, [-1, 32])
    x = concat([parameter([1, 32]), x], axis = 0)
    x = x + parameter(list(x.shape))
    for _ in range(2):
        x = block(x, heads = 4)
    x = reshape(slice(layer_norm(x), 0, 1, axis = 0), [-1])
    return dense(x, classes)
`

const convolutional = `def network(x, classes):
    x = relu(batch_norm(conv(x, 16)))
    x = max_pool(relu(batch_norm(conv(x, 32))))
    y = relu(batch_norm(conv(x, 32, groups = 4)))
    x = concat([x, y])
    x = relu(group_norm(conv(x, 48, stride = 2), groups = 8))
    x = drop_path(relu(conv(x, 48, kernel = 1))) + x
    x = flatten(avg_pool(x))
    x = dropout(relu(dense(x, 96)), rate = 0.3)
    return dense(x, classes)

def recipe():
    return training(label_smoothing = 0.05)
`

const recurrent = `def network(x, classes):
    mask = token_mask(x)
    x = positional_embedding(dropout(embedding(x, 32), rate = 0.2))
    x = gelu(layer_norm(conv1d(x, 48, kernel = 5, stride = 2, groups = 4)))
    mask = max_pool1d(mask, 2)
    x = lstm(x, 24, direction = "both", mask = mask)
    x = x + attention(x, heads = 4, mask = mask)
    x = gru(x, 40, sequences = False, mask = mask)
    x = relu(dense(x, 32))
    return dense(x, classes)

def recipe():
    return training(token_dropout = 0.1, label_smoothing = 0.1)
`

// parents are the networks that commands are tried on, with the commands that
// each must be able to carry out; the rest may have no place in it.
var parents = []struct {
	name, source, can string
	input             arch.Input
}{
	{"seed 8x8", arch.Seed(arch.Shape{8, 8, 1}, 10), "ACL RCL ASC ADL AD AMK RK AR RR AWI", arch.Shape{8, 8, 1}},
	{"seed 32x32", arch.Seed(arch.Shape{32, 32, 3}, 10), "ACL RCL ASC ADL AD AMK RK AR RR AWI", arch.Shape{32, 32, 3}},
	{"residual", residual, "ACL RCL ASC RSC ADL AD AMK RK AR RR AWI", arch.Shape{32, 32, 3}},
	{"squeeze-excite", squeezeExcite, "ACL RCL ASC RSC ADL RDL AD RD AMK RK AMN RN AR RR AWI", arch.Shape{32, 32, 3}},
	{"transformer", transformer, "ACL ASC RSC ADL RDL AD AMK RK AMN RN AR RR AWI", arch.Shape{32, 32, 3}},
	{"convolutional", convolutional, "ACL RCL ASC RSC ADL RDL AD RD AMK RK AMN RN AR RR AWI", arch.Shape{32, 32, 3}},
	{"dense", "def network(x, classes):\n    x = flatten(x)\n    x = relu(dense(x, 64))\n    return dense(x, classes)\n", "ACL ASC ADL RDL AD AMN RN AR RR AWI", arch.Shape{8, 8, 1}},
	{"seed text", arch.Seed(text, 10), "ACL ASC ADL AD RD AMK RK AR RR AWI", text},
	{"recurrent", recurrent, "ACL RCL ASC RSC ADL RDL AD RD AMK RK AMN RN AR RR AWI", text},
	{"no dense", "def network(x, classes):\n    x = relu(conv(x, 16))\n    return global_avg_pool(conv(x, classes))\n", "ACL ADL ASC AD AMK RK AR RR AWI", arch.Shape{8, 8, 1}},
}

var text = arch.Tokens{Length: 64, Vocabulary: 1000}

// tally counts what the commands are about, apart from the code under test.
func tally(p *arch.Program) map[string]float64 {
	r := p.Recipe
	n := map[string]float64{"regularization": r.WeightDecay + r.LabelSmoothing + r.TokenDropout + r.Mixup + float64(r.Cutout)}
	for _, node := range p.Network.Nodes {
		n[node.Op]++
		switch node.Op {
		case "conv", "conv1d":
			n["convs"]++
			n["filters"] += float64(node.Attrs["filters"].(int))
			n["init "+node.Attrs["init"].(string)]++
		case "dense":
			n["units"] += float64(node.Attrs["units"].(int))
			n["init "+node.Attrs["init"].(string)]++
		case "lstm", "gru":
			n["convs"]++
			n["filters"] += float64(node.Attrs["units"].(int))
		case "embedding":
			n["filters"] += float64(node.Attrs["dim"].(int))
		case "dropout", "drop_path":
			n["drops"]++
		case "add", "concat":
			n["joins"]++
		}
	}
	return n
}

// moves says which count a command moves whereto.
var moves = map[string]struct {
	what string
	sign float64
}{
	"ACL": {"convs", 1}, "RCL": {"convs", -1}, "ASC": {"joins", 1}, "RSC": {"joins", -1},
	"ADL": {"dense", 1}, "RDL": {"dense", -1}, "AD": {"drops", 1}, "RD": {"drops", -1},
	"AMK": {"filters", 1}, "RK": {"filters", -1}, "AMN": {"units", 1}, "RN": {"units", -1},
	"AR": {"regularization", 1}, "RR": {"regularization", -1},
}

// checkMove verifies one application of a command.
func checkMove(t *testing.T, code string, before, after *arch.Program) {
	t.Helper()
	again, err := arch.Parse(after.Source, before.Network.Reads(), before.Network.Classes)
	if err != nil {
		t.Fatalf("%s: the result does not parse: %v\n%s", code, err, after.Source)
	}
	if !same(again, after) {
		t.Fatalf("%s: the printed program is another one:\n%s", code, after.Source)
	}
	if same(after, before) {
		t.Fatalf("%s changed nothing:\n%s", code, before.Source)
	}
	m, ok := moves[code]
	if a, b := tally(before)[m.what], tally(after)[m.what]; ok && (b-a)*m.sign <= 0 {
		t.Fatalf("%s moved %s from %g to %g:\n%s\nto\n%s", code, m.what, a, b, before.Source, after.Source)
	}
	if recipeOnly := code == "AR" || code == "RR"; recipeOnly != (after.Network.Hash() == before.Network.Hash()) {
		t.Fatalf("%s: whether the network changed: %t\n%s", code, !recipeOnly, after.Source)
	}
	if c := after.Network.Costs(); c.Params > 8*before.Network.Costs().Params+2_000_000 {
		t.Errorf("%s: %d parameters became %d: no small edit", code, before.Network.Costs().Params, c.Params)
	}
}

func TestApply(t *testing.T) {
	for _, parent := range parents {
		p, err := arch.Parse(parent.source, parent.input, 10)
		if err != nil {
			t.Fatalf("%s: %v", parent.name, err)
		}
		for _, code := range Codes() {
			t.Run(parent.name+"/"+code, func(t *testing.T) {
				distinct := map[string]bool{}
				for seed := range uint64(12) {
					out, err := Apply(p, code, rand.New(rand.NewPCG(seed, 7)))
					if err != nil {
						if slices.Contains(strings.Fields(parent.can), code) {
							t.Fatal(err)
						}
						if !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), "lacks") {
							t.Fatalf("an unclear error: %v", err)
						}
						return
					}
					checkMove(t, code, p, out)
					distinct[out.Source] = true
				}
				if few := parent.name == "dense" || parent.name == "no dense"; !few && !strings.Contains("RD RDL RSC RR", code) && len(distinct) < 2 {
					t.Errorf("12 draws gave one result only")
				}
			})
		}
	}
}

// TestApplyWalks goes random ways through the space of networks: whatever one
// edit makes must be a parent for the next.
func TestApplyWalks(t *testing.T) {
	for i, parent := range parents {
		t.Run(parent.name, func(t *testing.T) {
			done := map[string]int{}
			for walk := range uint64(6) {
				rng := rand.New(rand.NewPCG(uint64(i), walk))
				p, err := arch.Parse(parent.source, parent.input, 10)
				if err != nil {
					t.Fatal(err)
				}
				for range 15 {
					code := Codes()[rng.IntN(len(Codes()))]
					next, err := Apply(p, code, rng)
					if err != nil {
						continue
					}
					if next.Network.Costs().Params > 20_000_000 {
						break
					}
					checkMove(t, code, p, next)
					done[code]++
					p = next
				}
			}
			if len(done) < 12 {
				t.Errorf("only %v were ever carried out", done)
			}
		})
	}
}

func TestApplyLeavesTheParentAlone(t *testing.T) {
	for _, parent := range parents {
		p, err := arch.Parse(parent.source, parent.input, 10)
		if err != nil {
			t.Fatal(err)
		}
		hash, recipe := p.Network.Hash(), p.Recipe
		for _, code := range Codes() {
			_, _ = Apply(p, code, rand.New(rand.NewPCG(1, 1)))
		}
		if p.Network.Hash() != hash || p.Recipe != recipe || p.Source != parent.source {
			t.Errorf("%s was changed", parent.name)
		}
		if err := p.Network.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestApplyUnknownCommand(t *testing.T) {
	_, err := Apply(parse(t, residual, cifar), "XYZ", rand.New(rand.NewPCG(1, 1)))
	if err == nil || !strings.Contains(err.Error(), `"XYZ"`) {
		t.Errorf("got %v", err)
	}
}

func ExampleApply() {
	p, err := arch.Parse(arch.Seed(arch.Shape{8, 8, 1}, 10), arch.Shape{8, 8, 1}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = Apply(p, "RD", rand.New(rand.NewPCG(1, 2)))
	fmt.Println(err)
	// Output: command RD: the network lacks a dropout layer
}
