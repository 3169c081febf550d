package propose

import (
	"math/rand/v2"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// A width is the size of the last axis of one or more nodes that must agree:
// the two sides of an addition, a norm and what it normalises, an image and its
// gates. Changing a layer's filters means changing all of them together.
type width struct {
	members []int
	size    int
	unit    int  // the size must stay a multiple of it, for groups
	fixed   bool // something else decides the size: the input, the classes, a slice
}

// joiner is a union-find over nodes, with the properties of each set.
type joiner struct {
	parent []int
	fixed  []bool
	unit   []int
}

func (j *joiner) find(i int) int {
	for j.parent[i] != i {
		i = j.parent[i]
	}
	return i
}

func (j *joiner) join(a, b int) {
	a, b = j.find(a), j.find(b)
	if a != b {
		j.parent[b] = a
		j.fixed[a] = j.fixed[a] || j.fixed[b]
		j.unit[a] = lcm(j.unit[a], j.unit[b])
	}
}

func (j *joiner) fix(nodes ...int) {
	for _, i := range nodes {
		j.fixed[j.find(i)] = true
	}
}

func (j *joiner) divide(i, by int) { i = j.find(i); j.unit[i] = lcm(j.unit[i], by) }

// widths returns the network's widths. An operation that is not known here fixes
// those of its operands and its own.
func (g *graph) widths() []width {
	n := len(g.nodes)
	j := &joiner{make([]int, n), make([]bool, n), make([]int, n)}
	shared := map[string]int{}
	for i := range g.nodes {
		j.parent[i], j.unit[i] = i, 1
	}
	for i, node := range g.nodes {
		g.tie(j, i)
		if node.Share == "" {
			continue
		}
		first, ok := shared[node.Share]
		if !ok {
			shared[node.Share] = i
			continue
		}
		j.join(first, i)
		for k, in := range node.Inputs {
			j.join(g.nodes[first].Inputs[k], in)
		}
	}
	j.fix(g.output())
	sets := map[int]*width{}
	var roots []int
	for i, node := range g.nodes {
		root := j.find(i)
		w, ok := sets[root]
		if !ok {
			w = &width{size: lastDim(node.Shape), unit: j.unit[root], fixed: j.fixed[root]}
			sets[root] = w
			roots = append(roots, root)
		}
		w.members = append(w.members, i)
		w.fixed = w.fixed || lastDim(node.Shape) != w.size
	}
	var out []width
	for _, root := range roots {
		out = append(out, *sets[root])
	}
	return out
}

// tie joins the widths that node i makes equal, and fixes those that it decides.
func (g *graph) tie(j *joiner, i int) {
	n := g.nodes[i]
	size := lastDim(n.Shape)
	switch op := n.Op; {
	case op == "conv", op == "conv1d":
		in, groups := n.Inputs[0], n.Attrs.Int("groups")
		switch channels := lastDim(g.nodes[in].Shape); {
		case groups == 1:
		case groups == channels && groups == n.Attrs.Int("filters"): // depthwise
			j.join(in, i)
		case groups == channels: // depthwise with a multiplier: two widths that hang together
			j.fix(in, i)
		default:
			j.divide(in, groups)
			j.divide(i, groups)
		}
	case op == "dense", op == "attention", op == "embedding", recurrentOps[op], op == "parameter", op == "flatten":
		// These layers set their own width and take any. A parameter has the width
		// of what it is joined to. Flattened, a width is only read.
		switch {
		case op == "flatten":
			j.fix(i)
		case recurrentOps[op]:
			j.divide(i, ways(n))
		}
	case op == "concat" && n.Attrs.Int("axis") == -1:
		j.fix(i) // follows from its operands, which stay free
	case op == "concat", passes(n.Op), op == "slice" && n.Attrs.Int("axis") != -1,
		op == "reshape", op == "transpose", op == "mean", op == "max":
		for _, in := range g.operands(i) {
			switch {
			case (op == "mean" || op == "max") && slices.Contains(n.Attrs.Ints("axes"), -1):
				j.fix(i)
			case op == "transpose" && n.Attrs.Ints("axes")[len(n.Shape)-1] != len(n.Shape)-1:
				j.fix(in, i)
			case lastDim(g.nodes[in].Shape) == size:
				j.join(in, i)
			case len(g.nodes[in].Shape) > 0: // broadcast from 1, or another split of the elements
				j.fix(in, i)
			}
		}
		if op == "group_norm" || op == "channel_shuffle" {
			j.divide(i, n.Attrs.Int("groups"))
		}
	default:
		j.fix(i)
		j.fix(n.Inputs...)
	}
}

// passes reports whether an operation keeps the width of its operands.
func passes(op string) bool { return normOps[op] || activationOps[op] || dropOps[op] || passOps[op] }

var passOps = set("softmax", "max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "channel_shuffle",
	"add", "sub", "mul", "div", "maximum", "minimum", "sqrt", "exp", "abs", "square", "upsample",
	"max_pool1d", "avg_pool1d", "positional_embedding")

// ways is how many states stand side by side in the output of a recurrent layer.
func ways(n arch.Node) int {
	if n.Attrs.Text("direction") == "both" {
		return 2
	}
	return 1
}

func lastDim(shape []int) int {
	if len(shape) == 0 {
		return 0
	}
	return shape[len(shape)-1]
}

// widen sets the width of all members.
func (g *graph) widen(w width, size int) {
	for _, i := range w.members {
		switch n := g.nodes[i]; n.Op {
		case "conv", "conv1d":
			if g := n.Attrs.Int("groups"); g > 1 && g == n.Attrs.Int("filters") {
				n.Attrs["groups"] = size
			}
			n.Attrs["filters"] = size
		case "dense", "attention":
			n.Attrs["units"] = size
		case "lstm", "gru":
			n.Attrs["units"] = size / ways(n)
		case "embedding":
			n.Attrs["dim"] = size
		case "parameter", "reshape":
			shape := n.Attrs.Ints("shape")
			shape[len(shape)-1] = size
		}
	}
}

// The factors by which widths change, and their bounds.
var (
	more  = []float64{1.5, 2}
	fewer = []float64{0.5, 0.75}
)

const (
	narrowest = 4
	widest    = 2048
)

// resize returns the width's size times the factor, rounded to what divides well
// and keeps the groups whole; 0 where that leaves the bounds or changes nothing.
func (w width) resize(factor float64) int {
	step := 1
	switch {
	case w.size >= 16:
		step = 8
	case w.size >= 8:
		step = 4
	}
	step = lcm(step, w.unit)
	size := int(float64(w.size)*factor/float64(step)+0.5) * step
	if size == w.size && factor < 1 {
		size -= step
	}
	if size == w.size && factor > 1 {
		size += step
	}
	if size < narrowest || size > widest {
		return 0
	}
	return size
}

// scaleKernels changes the filters of one convolution, or the units of a recurrent
// layer or the size of an embedding, with all that must agree with it, or of all
// at once.
func scaleKernels(factors []float64) func(*graph, *rand.Rand) []edit {
	return func(g *graph, rng *rand.Rand) []edit {
		return g.scale(factors, func(op string) bool { return featureOps[op] || op == "embedding" }, true)
	}
}

// scaleNeurons changes the units of a dense layer: of one that no convolution
// hangs on, if there is such a one.
func scaleNeurons(factors []float64) func(*graph, *rand.Rand) []edit {
	return func(g *graph, rng *rand.Rand) []edit {
		return g.scale(factors, func(op string) bool { return op == "dense" }, false)
	}
}

func (g *graph) scale(factors []float64, sets func(op string) bool, together bool) []edit {
	var all []width
	for _, w := range g.widths() {
		if !w.fixed && slices.ContainsFunc(w.members, func(i int) bool { return sets(g.nodes[i].Op) }) {
			all = append(all, w)
		}
	}
	var edits []edit
	for _, f := range factors {
		for _, w := range all {
			if size := w.resize(f); size > 0 {
				edits = append(edits, func(g *graph) { g.widen(w, size) })
			}
		}
		if !together || len(all) < 2 {
			continue
		}
		edits = append(edits, func(g *graph) {
			for _, w := range all {
				if size := w.resize(f); size > 0 {
					g.widen(w, size)
				}
			}
		})
	}
	return edits
}

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}
