package propose

import (
	"maps"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// graph is a network being edited: its nodes in topological order, the last one
// the output. Shapes are those of before the edit; [arch.Build] infers the new
// ones, fills defaults in and drops what is no longer reached.
type graph struct {
	nodes  []arch.Node
	recipe arch.Recipe
}

// newGraph copies the program's network, so that an edit leaves the program alone.
func newGraph(p *arch.Program) *graph {
	g := &graph{nodes: slices.Clone(p.Network.Nodes), recipe: p.Recipe}
	for i := range g.nodes {
		n := &g.nodes[i]
		n.Inputs = slices.Clone(n.Inputs)
		n.Attrs = maps.Clone(n.Attrs)
		for name, v := range n.Attrs {
			if list, ok := v.([]int); ok {
				n.Attrs[name] = slices.Clone(list)
			}
		}
	}
	return g
}

// build turns the edited graph into a program.
func (g *graph) build(like *arch.Network) (*arch.Program, error) {
	n, err := arch.Build(like.Reads(), like.Classes, g.nodes)
	if err != nil {
		return nil, err
	}
	return &arch.Program{Source: arch.Print(n, g.recipe), Network: n, Recipe: g.recipe}, nil
}

func (g *graph) output() int { return len(g.nodes) - 1 }

// users returns the nodes that read node i.
func (g *graph) users(i int) []int {
	var out []int
	for j := i + 1; j < len(g.nodes); j++ {
		if slices.Contains(g.nodes[j].Inputs, i) {
			out = append(out, j)
		}
	}
	return out
}

// rewire lets every reader of node from, of those behind node after, read node to.
func (g *graph) rewire(from, to, after int) {
	for j := after + 1; j < len(g.nodes); j++ {
		for k, in := range g.nodes[j].Inputs {
			if in == from {
				g.nodes[j].Inputs[k] = to
			}
		}
	}
}

// insert puts nodes behind node i, which what read i now reads the last of. The
// new nodes name their inputs as they are after the insertion: i+1 is the first
// new one.
func (g *graph) insert(i int, nodes ...arch.Node) {
	for j := i + 1; j < len(g.nodes); j++ {
		for k, in := range g.nodes[j].Inputs {
			if in > i {
				g.nodes[j].Inputs[k] = in + len(nodes)
			}
		}
	}
	g.nodes = slices.Insert(g.nodes, i+1, nodes...)
	g.rewire(i, i+len(nodes), i+len(nodes))
}

// chain turns ops that each read the one before into nodes behind node i.
func chain(i int, nodes ...arch.Node) []arch.Node {
	for k := range nodes {
		nodes[k].Inputs = []int{i + k}
	}
	return nodes
}

// tail follows node i through its only readers as long as they are norms,
// activations or dropout, and returns the last of them.
func (g *graph) tail(i int) int {
	for {
		users := g.users(i)
		if len(users) != 1 || users[0] == g.output() {
			return i
		}
		op := g.nodes[users[0]].Op
		if !normOps[op] && !activationOps[op] && !dropOps[op] {
			return i
		}
		i = users[0]
	}
}

// operands returns the inputs of node i without its mask.
func (g *graph) operands(i int) []int {
	n := g.nodes[i]
	if op, _ := arch.LookupOp(n.Op); op.Mask && len(n.Inputs) > len(op.Inputs) {
		return n.Inputs[:len(op.Inputs)]
	}
	return n.Inputs
}

// ofText reports whether the network reads tokens.
func (g *graph) ofText() bool {
	return slices.ContainsFunc(g.nodes, func(n arch.Node) bool { return n.Op == "embedding" })
}

// dependsOnInput reports for each node whether it reads the sample at all.
func (g *graph) dependsOnInput() []bool {
	out := make([]bool, len(g.nodes))
	for i, n := range g.nodes {
		out[i] = n.Op == "input" || slices.ContainsFunc(n.Inputs, func(in int) bool { return out[in] })
	}
	return out
}

// layers counts for each node the convolutions, dense layers and attentions on
// the longest path to it.
func (g *graph) layers() []int {
	out := make([]int, len(g.nodes))
	for i, n := range g.nodes {
		for _, in := range n.Inputs {
			out[i] = max(out[i], out[in])
		}
		if layerOps[n.Op] {
			out[i]++
		}
	}
	return out
}

// reaches reports whether node to reads node from, directly or not.
func (g *graph) reaches(from, to int) bool {
	seen := make([]bool, to+1)
	seen[from] = true
	for i := from + 1; i <= to; i++ {
		seen[i] = slices.ContainsFunc(g.nodes[i].Inputs, func(in int) bool { return seen[in] })
	}
	return seen[to]
}

// activation returns the network's most frequent activation, relu if it has none.
func (g *graph) activation() string {
	count := map[string]int{}
	best := "relu"
	for _, n := range g.nodes {
		if activationOps[n.Op] && n.Op != "sigmoid" && n.Op != "hard_sigmoid" { // those are gates
			count[n.Op]++
			if count[n.Op] > count[best] {
				best = n.Op
			}
		}
	}
	return best
}

func set(names ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// The kinds of operations that edits tell apart.
var (
	featureOps    = set("conv", "conv1d", "lstm", "gru") // what the rule book calls convolutional layers
	recurrentOps  = set("lstm", "gru")
	layerOps      = set("conv", "conv1d", "lstm", "gru", "dense", "attention")
	normOps       = set("batch_norm", "layer_norm", "group_norm")
	activationOps = set("relu", "leaky_relu", "silu", "gelu", "hard_swish", "hard_sigmoid", "tanh", "sigmoid")
	dropOps       = set("dropout", "drop_path")
)
