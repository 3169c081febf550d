package propose

import (
	"math/rand/v2"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

const skippedLayers = 3 // at most, by a connection that addSkip makes

// skips lists the nodes that join a tensor with what was made of it: additions of
// two tensors of one shape that both come from the sample, and concatenations
// along the channels of a tensor with one of its descendants.
func (g *graph) skips() []int {
	data := g.dependsOnInput()
	var out []int
	for i, n := range g.nodes {
		switch {
		case n.Op == "add" && data[n.Inputs[0]] && data[n.Inputs[1]] &&
			slices.Equal(g.nodes[n.Inputs[0]].Shape, g.nodes[n.Inputs[1]].Shape):
			out = append(out, i)
		case n.Op == "concat" && n.Attrs.Int("axis") == -1:
			first, last := slices.Min(n.Inputs), slices.Max(n.Inputs)
			if first != last && data[first] && g.reaches(first, last) {
				out = append(out, i)
			}
		}
	}
	return out
}

// addSkip adds a tensor again behind one to three layers: as it is where the
// shapes agree, else through a projection (a convolution 1x1 with the stride
// that it takes, or a dense layer).
func addSkip(g *graph, _ *rand.Rand) []edit {
	var maps, vectors []edit
	layers := g.layers()
	for b, n := range g.nodes {
		if b == g.output() || len(n.Shape) == 0 {
			continue
		}
		for a := b; g.nodes[a].Op != "input" && len(g.nodes[a].Inputs) > 0; {
			a = g.deepest(g.nodes[a].Inputs, layers)
			skipped := layers[b] - layers[a]
			if skipped > skippedLayers {
				break
			}
			if skipped < 1 || g.joined(a, b) {
				continue
			}
			project, ok := projection(g.nodes[a].Shape, n.Shape)
			if !ok {
				continue
			}
			e := func(g *graph) { g.join(a, b, project) }
			if len(n.Shape) > 1 {
				maps = append(maps, e)
			} else {
				vectors = append(vectors, e)
			}
		}
	}
	if len(maps) > 0 {
		return maps
	}
	return vectors
}

// deepest returns the input with most layers before it.
func (g *graph) deepest(inputs []int, layers []int) int {
	return slices.MaxFunc(inputs, func(a, b int) int { return layers[a] - layers[b] })
}

// joined reports whether a and b meet in an addition or concatenation already.
func (g *graph) joined(a, b int) bool {
	joins := func(i int) bool { return g.nodes[i].Op == "add" || g.nodes[i].Op == "concat" }
	if joins(b) && slices.Contains(g.nodes[b].Inputs, a) {
		return true
	}
	return slices.ContainsFunc(g.users(b), func(u int) bool { return joins(u) && slices.Contains(g.nodes[u].Inputs, a) })
}

// projection returns the nodes that turn a tensor of shape from into one of
// shape to, none where they agree.
func projection(from, to arch.Shape) ([]arch.Node, bool) {
	if slices.Equal(from, to) {
		return nil, true
	}
	if len(from) != len(to) {
		return nil, false
	}
	channels := to[len(to)-1]
	if len(from) == 3 {
		sh, sw := ceilDiv(from[0], to[0]), ceilDiv(from[1], to[1])
		if ceilDiv(from[0], sh) != to[0] || ceilDiv(from[1], sw) != to[1] {
			return nil, false
		}
		c := convNode(channels, 1, 1)
		c.Attrs["stride"] = []int{sh, sw}
		return []arch.Node{c, {Op: "batch_norm"}}, true
	}
	if !slices.Equal(from[:len(from)-1], to[:len(to)-1]) {
		return nil, false
	}
	return []arch.Node{{Op: "dense", Attrs: arch.Attrs{"units": channels}}}, true
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// join lets what read node b read b + project(a) instead.
func (g *graph) join(a, b int, project []arch.Node) {
	nodes := chain(b, slices.Clone(project)...)
	from := a
	if len(nodes) > 0 {
		nodes[0].Inputs = []int{a}
		from = b + len(nodes)
	}
	g.insert(b, append(nodes, arch.Node{Op: "add", Inputs: []int{b, from}})...)
}

// removeSkip replaces a join by its longer branch.
func removeSkip(g *graph, _ *rand.Rand) []edit {
	layers := g.layers()
	var edits []edit
	for _, i := range g.skips() {
		if i == g.output() {
			continue
		}
		keep := g.deepest(g.nodes[i].Inputs, layers)
		edits = append(edits, func(g *graph) { g.rewire(i, keep, i) })
	}
	return edits
}
