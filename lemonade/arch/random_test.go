package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The tests here run over random networks. A failure names the seed.

// randomAttrs are values from which the generator draws, for every attribute.
var randomAttrs = map[string][]any{
	"filters": {4, 6, 8}, "kernel": {1, 3, []int{1, 3}, []int{5, 2}}, "stride": {1, 1, 2, []int{2, 1}}, "dilation": {1, 1, 2},
	"groups": {1, 2, 4}, "padding": {"same", "valid"}, "bias": {true, false}, "init": {"he_normal", "zeros", "lecun_normal"},
	"units": {3, 8}, "heads": {1, 2}, "key_dim": {2, 5}, "epsilon": {1e-5, 1e-3, 0.5}, "slope": {0.01, 0.3, -1.0}, "rate": {0.0, 0.1, 0.5},
	"window": {2, 3, []int{1, 2}}, "factor": {1, 2, []int{2, 1}}, "method": {"nearest", "bilinear"}, "keepdims": {true, false},
	"start": {0, 1, -2}, "stop": {1, 2, 3, -1}, "step": {1, 2}, "axis": {-1, -2, -3, 0, 1, 2}, "transpose_b": {true, false},
	"axes":  {[]int{-1}, []int{0}, []int{0, 1}, []int{1, 0}, []int{2, 0, 1}, []int{-1, -2}},
	"shape": {[]int{8}, []int{4, 1, 8}, []int{1}, []int{-1, 8}, []int{2, -1}, []int{-1}, []int{16, 4, -1}, []int{4, 4, 8}},
	"value": {0.5, -1.0, 1.0, 1e-7, 3.0, 1e20},
	"dim":   {4, 8}, "kind": {"learned", "sinusoidal"}, "direction": {"forward", "backward", "both"}, "sequences": {true, false},
	"vocabulary": {30}, // of the random texts
}

// attrValues are those of randomAttrs that an argument can have.
func attrValues(a *Arg) []any {
	var out []any
	for _, v := range randomAttrs[a.Name] {
		if _, err := a.convert(v); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// randomGraph returns the nodes of a random network on [8 8 4], or on a text of
// 16 tokens, with 5 classes, shape-correct, the last being its output, with
// unused nodes among them.
func randomGraph(rng *rand.Rand, ops []string, size int) (*graph, int) {
	var in Input = Shape{8, 8, 4}
	if rng.IntN(3) == 0 {
		in = Tokens{Length: 16, Vocabulary: 30}
	}
	g, err := newGraph(in, 5)
	if err != nil {
		panic(err)
	}
	must := func(name string, inputs []int, attrs Attrs) int {
		i, err := g.add(name, inputs, attrs, "")
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		return i
	}
	x := must("input", nil, nil)
	if IsText(in) {
		x = must("embedding", []int{x}, Attrs{"dim": 4})
		must("token_mask", []int{0}, nil)
	}
	for tries := 0; len(g.nodes) < size && tries < 50*size; tries++ {
		op := opIndex[ops[rng.IntN(len(ops))]]
		var inputs []int
		n := len(op.Inputs)
		if op.Variadic {
			n = 2 + rng.IntN(2)
		}
		for range n {
			inputs = append(inputs, max(rng.IntN(len(g.nodes)), rng.IntN(len(g.nodes)))) // rather late ones
		}
		if op.Only == ForTexts && rng.IntN(2) == 0 || op.Name == "attention" {
			inputs = sequences(rng, g)[:n]
		}
		if op.Tokens {
			inputs = []int{0}
		}
		if op.Mask && rng.IntN(2) == 0 {
			inputs = append(inputs, maskFor(rng, g, inputs)...)
		}
		attrs := Attrs{}
		for _, a := range op.Args {
			if a.Default != nil && rng.IntN(2) == 0 {
				continue
			}
			values := attrValues(&a)
			attrs[a.Name] = values[rng.IntN(len(values))]
		}
		share := ""
		if op.HasWeights && rng.IntN(3) == 0 {
			share = fmt.Sprint("w", rng.IntN(6))
		}
		if share != "" && rng.IntN(2) == 0 { // repeat the node that has it
			if i, ok := g.shares[share]; ok && g.nodes[i].Op == op.Name {
				attrs = g.nodes[i].Attrs
			}
		}
		_, _ = g.add(op.Name, inputs, attrs, share) // those that do not fit are left out
	}
	// Sum what has no user, so that most nodes are alive.
	used := make([]bool, len(g.nodes))
	for _, n := range g.nodes {
		for _, j := range n.Inputs {
			used[j] = true
		}
	}
	sum := must("dense", []int{must("flatten", []int{x}, nil)}, Attrs{"units": 5})
	for i := range used {
		if used[i] || rng.IntN(6) == 0 || g.nodes[i].Op == "constant" || g.nodes[i].Op == "input" {
			continue
		}
		y := must("flatten", []int{i}, nil)
		if g.nodes[y].Shape[0] != 5 {
			y = must("dense", []int{y}, Attrs{"units": 5})
		}
		if len(g.nodes[i].Shape) > 0 {
			sum = must("add", []int{sum, y}, nil)
		}
	}
	return g, sum
}

// sequences draws a query, a key and a value, as few tensors have two axes.
func sequences(rng *rand.Rand, g *graph) []int {
	all := []int{0}
	for i, n := range g.nodes {
		if len(n.Shape) == 2 && elements(n.Shape) <= 1<<12 {
			all = append(all, i)
		}
	}
	q, k, v := all[rng.IntN(len(all))], all[rng.IntN(len(all))], all[rng.IntN(len(all))]
	if g.nodes[k].Shape[0] != g.nodes[v].Shape[0] {
		v = k
	}
	return []int{q, k, v}
}

// maskFor draws a mask for what those operands are: none where there is none.
func maskFor(rng *rand.Rand, g *graph, inputs []int) []int {
	of := g.nodes[inputs[min(1, len(inputs)-1)]].Shape // the key's of an attention
	var all []int
	for i, n := range g.nodes {
		if len(of) == 2 && len(n.Shape) == 1 && n.Shape[0] == of[0] {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []int{all[rng.IntN(len(all))]}
}

// nodeOps are all operations of networks but input.
func nodeOps() []string {
	var names []string
	for _, op := range Ops() {
		if !op.Surface && !op.Internal {
			names = append(names, op.Name)
		}
	}
	return names
}

// symmetricOps make networks with many automorphisms.
var symmetricOps = []string{"add", "mul", "relu", "dense", "maximum", "add", "mul"}

func rng(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }

// shuffled returns the same network in another order of definition, with other
// share names, and with the operands of commutative operations exchanged.
func shuffled(rng *rand.Rand, g *graph, out int) []Node {
	index := make([]int, len(g.nodes))
	for i := range index {
		index[i] = -1
	}
	var nodes []Node
	place := func(i int) bool {
		n := g.nodes[i]
		n.Inputs = slices.Clone(n.Inputs)
		for k, j := range n.Inputs {
			if index[j] < 0 {
				return false
			}
			n.Inputs[k] = index[j]
		}
		if opIndex[n.Op].Commutative && rng.IntN(2) == 0 {
			slices.Reverse(n.Inputs)
		}
		if n.Share != "" {
			n.Share = "other " + n.Share
		}
		n.Shape = nil
		index[i] = len(nodes)
		nodes = append(nodes, n)
		return true
	}
	for index[out] < 0 {
		for _, i := range rng.Perm(len(g.nodes)) {
			if index[i] < 0 && (i != out || len(nodes) == len(g.nodes)-1) {
				place(i)
			}
		}
		if len(nodes) == len(g.nodes)-1 {
			place(out)
		}
	}
	return nodes
}

// reachable drops what out does not need, as nothing may follow it in Build.
func reachable(g *graph, out int) (*graph, int) {
	n := &graph{input: g.input, vocabulary: g.vocabulary, classes: g.classes, shares: map[string]int{}}
	alive := make([]bool, len(g.nodes))
	alive[out] = true
	for i := out; i >= 0; i-- {
		for _, j := range g.nodes[i].Inputs {
			alive[j] = alive[j] || alive[i]
		}
	}
	index := make([]int, len(g.nodes))
	for i, node := range g.nodes {
		if !alive[i] {
			continue
		}
		inputs := make([]int, len(node.Inputs))
		for k, j := range node.Inputs {
			inputs[k] = index[j]
		}
		var err error
		if index[i], err = n.add(node.Op, inputs, node.Attrs, node.Share); err != nil {
			panic(err)
		}
	}
	return n, index[out]
}

func TestPrintParsesToTheSameNetwork(t *testing.T) {
	seen := map[string]int{}
	for seed := range 250 {
		g, out := randomGraph(rng(seed), nodeOps(), 5+seed%60)
		n, err := g.finish(out)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, node := range n.Nodes {
			seen[node.Op]++
		}
		text := Print(n, RecipeFor(n.Reads()))
		p, err := Parse(text, n.Reads(), n.Classes)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if diff := cmp.Diff(n, p.Network); diff != "" {
			t.Fatalf("seed %d: %s\n%s", seed, diff, text)
		}
		if p.Recipe != RecipeFor(n.Reads()) {
			t.Fatalf("seed %d: recipe %+v", seed, p.Recipe)
		}
	}
	for _, name := range nodeOps() {
		if seen[name] < 10 {
			t.Errorf("the random networks hold %s only %d times", name, seen[name])
		}
	}
}

func TestHashIgnoresOrderAndNames(t *testing.T) {
	for name, ops := range map[string][]string{"all": nodeOps(), "symmetric": symmetricOps} {
		t.Run(name, func(t *testing.T) {
			for seed := range 150 {
				random := rng(seed)
				g, out := reachable(randomGraph(random, ops, 5+seed%50))
				want, err := g.finish(out)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				got, err := Build(g.reads(), g.classes, shuffled(random, g, out))
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
			}
		})
	}
}

func TestCanonicalFormIsStable(t *testing.T) {
	for seed := range 100 {
		g, out := randomGraph(rng(seed), nodeOps(), 40)
		n, err := g.finish(out)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := n.Validate(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		data, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var back Network
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(n, &back); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if n.Hash() != back.Hash() {
			t.Fatalf("seed %d: the hash changed", seed)
		}
	}
}

// TestHashSeesEveryAttribute changes one attribute of one node at a time: the
// hash may stay only where the canonical form is the same.
func TestHashSeesEveryAttribute(t *testing.T) {
	changed := map[string]bool{}
	for seed := range 40 {
		random := rng(seed)
		g, out := randomGraph(random, nodeOps(), 50)
		n, err := g.finish(out)
		if err != nil {
			t.Fatal(err)
		}
		hash := n.Hash()
		for i := range n.Nodes {
			for _, name := range slices.Sorted(maps.Keys(n.Nodes[i].Attrs)) {
				old := n.Nodes[i].Attrs[name]
				nodes := slices.Clone(n.Nodes)
				nodes[i].Attrs = maps.Clone(nodes[i].Attrs)
				values := attrValues(opIndex[nodes[i].Op].arg(name))
				nodes[i].Attrs[name] = values[random.IntN(len(values))]
				m, err := Build(n.Reads(), n.Classes, nodes)
				if err != nil {
					continue // does not fit
				}
				if same := reflect.DeepEqual(n, m); same != (hash == m.Hash()) {
					t.Fatalf("seed %d: %s.%s: equal is %v, but the hashes say otherwise", seed, nodes[i].Op, name, same)
				} else if !same {
					changed[name] = true
				} else if b, ok := old.(bool); ok && b != nodes[i].Attrs[name] {
					t.Fatalf("seed %d: %s.%s = %v makes no difference", seed, nodes[i].Op, name, nodes[i].Attrs[name])
				}
			}
		}
	}
	rare := []string{"heads", "key_dim", "step", "transpose_b", "vocabulary"} // most changes of these do not fit
	for name := range randomAttrs {
		if !changed[name] && !slices.Contains(rare, name) {
			t.Errorf("no change of %s was tried", name)
		}
	}
}
