package propose

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// addConv inserts convolution, batch norm and activation behind an activation,
// with as many filters as there are channels. A network without activations on
// feature maps is convolved behind any feature map.
func addConv(g *graph, rng *rand.Rand) []edit {
	if g.ofText() {
		return addToSequence(g, rng)
	}
	var preferred, others []edit
	act := g.activation()
	for i, n := range g.nodes {
		if len(n.Shape) != 3 || i == g.output() {
			continue
		}
		kernel := 3
		if side := min(n.Shape[0], n.Shape[1]); side < 3 {
			kernel = 1
		} else if side >= 8 && rng.IntN(6) == 0 {
			kernel = 5
		}
		channels := n.Shape[2]
		if n.Op == "input" {
			channels = 16
		}
		e := func(g *graph) {
			g.insert(i, chain(i, convNode(channels, kernel, 1), arch.Node{Op: "batch_norm"}, arch.Node{Op: act})...)
		}
		if activationOps[n.Op] {
			preferred = append(preferred, e)
		} else if n.Op == "input" || n.Op == "batch_norm" || n.Op == "conv" || n.Op == "layer_norm" {
			others = append(others, e)
		}
	}
	if len(preferred) > 0 {
		return preferred
	}
	return others
}

// addToSequence is addConv for a text: behind an embedding, an activation or a
// recurrent layer it inserts a convolution along time with a layer norm, and
// behind a recurrent layer more often one of its kind.
func addToSequence(g *graph, rng *rand.Rand) []edit {
	var edits []edit
	act := g.activation()
	for i, n := range g.nodes {
		if len(n.Shape) != 2 || i == g.output() {
			continue
		}
		channels, kernel := n.Shape[1], 3
		if rng.IntN(3) == 0 {
			kernel = 5
		}
		if n.Op == "embedding" || n.Op == "positional_embedding" || activationOps[n.Op] || recurrentOps[n.Op] {
			edits = append(edits, func(g *graph) {
				c := arch.Node{Op: "conv1d", Attrs: arch.Attrs{"filters": channels, "kernel": min(kernel, n.Shape[0])}}
				g.insert(i, chain(i, c, arch.Node{Op: "layer_norm"}, arch.Node{Op: act})...)
			})
		}
		if !recurrentOps[n.Op] {
			continue
		}
		again := func(g *graph) {
			next := arch.Node{Op: n.Op, Attrs: maps.Clone(n.Attrs), Inputs: append([]int{i}, n.Inputs[1:]...)}
			g.insert(i, next)
		}
		edits = append(edits, again, again)
	}
	return edits
}

func convNode(filters, kernel, stride int) arch.Node {
	return arch.Node{Op: "conv", Attrs: arch.Attrs{"filters": filters, "kernel": []int{kernel, kernel}, "stride": []int{stride, stride}}}
}

// removeConv takes a convolution or a recurrent layer out with the norm and
// activation behind it. One that strides is replaced by max pooling of the same
// stride, so that what follows keeps its cost, and one that gives its last state
// by the mean over time. The last such layer stays.
func removeConv(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	for i, n := range g.nodes {
		if !featureOps[n.Op] || i == g.output() {
			continue
		}
		edits = append(edits, func(g *graph) {
			from, last := g.nodes[i].Inputs[0], g.tail(i)
			if n, ok := inPlaceOf(g.nodes[i]); ok {
				g.nodes[i], from = n, i
			}
			g.rewire(last, from, last)
		})
	}
	if len(edits) < 2 {
		return nil
	}
	return edits
}

// inPlaceOf returns what gives the shape of a layer that goes, where its input has
// another one.
func inPlaceOf(n arch.Node) (arch.Node, bool) {
	switch n.Op {
	case "conv":
		if stride := n.Attrs.Ints("stride"); stride[0] > 1 || stride[1] > 1 {
			return arch.Node{Op: "max_pool", Inputs: n.Inputs, Attrs: arch.Attrs{
				"window": slices.Clone(stride), "stride": slices.Clone(stride), "padding": "same",
			}}, true
		}
	case "conv1d":
		if stride := n.Attrs.Int("stride"); stride > 1 {
			return arch.Node{Op: "max_pool1d", Inputs: n.Inputs, Attrs: arch.Attrs{"window": stride, "stride": stride, "padding": "same"}}, true
		}
	default:
		if !n.Attrs.Bool("sequences") {
			return arch.Node{Op: "global_avg_pool", Inputs: n.Inputs}, true
		}
	}
	return arch.Node{}, false
}

// addDense inserts a dense layer with activation before the last one; where the
// last layer is none, the classes are read from it by a new one.
func addDense(g *graph, rng *rand.Rand) []edit {
	out := g.nodes[g.output()]
	act := g.activation()
	if out.Op != "dense" {
		return []edit{func(g *graph) {
			i := g.output()
			g.insert(i, chain(i, arch.Node{Op: act}, arch.Node{Op: "dense", Attrs: arch.Attrs{"units": out.Shape[0]}})...)
		}}
	}
	var edits []edit
	for _, units := range []int{64, 128, 256} {
		edits = append(edits, func(g *graph) {
			i := g.nodes[g.output()].Inputs[0]
			g.insertBefore(g.output(), i, arch.Node{Op: "dense", Attrs: arch.Attrs{"units": units}}, arch.Node{Op: act})
		})
	}
	return edits
}

// insertBefore puts a chain between node i and one of its readers.
func (g *graph) insertBefore(reader, i int, nodes ...arch.Node) {
	at := reader - 1
	chained := chain(at, nodes...)
	chained[0].Inputs = []int{i}
	for j := reader; j < len(g.nodes); j++ {
		for k, in := range g.nodes[j].Inputs {
			if in > at {
				g.nodes[j].Inputs[k] = in + len(nodes)
			}
		}
	}
	for k, in := range g.nodes[reader].Inputs {
		if in == i {
			g.nodes[reader].Inputs[k] = at + len(nodes)
		}
	}
	g.nodes = slices.Insert(g.nodes, reader, chained...)
}

// removeDense takes a dense layer out, but the one that yields the classes, with
// the norm, activation and dropout behind it.
func removeDense(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	for i, n := range g.nodes {
		if n.Op == "dense" && i != g.output() {
			edits = append(edits, func(g *graph) {
				last := g.tail(i)
				g.rewire(last, g.nodes[i].Inputs[0], last)
			})
		}
	}
	return edits
}

// addDropout inserts dropout before the last dense layer, or behind an activation,
// an embedding or a recurrent layer that leads to no other dropout.
func addDropout(g *graph, rng *rand.Rand) []edit {
	rate := []float64{0.1, 0.2, 0.3}[rng.IntN(3)]
	drop := arch.Node{Op: "dropout", Attrs: arch.Attrs{"rate": rate}}
	near := func(i int) bool { // next to another dropout
		return dropOps[g.nodes[i].Op] || slices.ContainsFunc(g.users(i), func(u int) bool { return dropOps[g.nodes[u].Op] })
	}
	var edits []edit
	out := g.nodes[g.output()]
	if out.Op == "dense" && !near(out.Inputs[0]) {
		e := func(g *graph) { g.insertBefore(g.output(), g.nodes[g.output()].Inputs[0], drop) }
		edits = append(edits, e, e, e) // where it is most usual
	}
	for i, n := range g.nodes {
		if (activationOps[n.Op] && n.Op != "sigmoid" && n.Op != "hard_sigmoid" || n.Op == "embedding" || recurrentOps[n.Op]) && i != g.output() && !near(i) {
			edits = append(edits, func(g *graph) { g.insert(i, chain(i, drop)...) })
		}
	}
	if len(edits) == 0 && out.Op != "dense" && len(out.Inputs) == 1 && !near(out.Inputs[0]) {
		edits = append(edits, func(g *graph) { g.insertBefore(g.output(), g.nodes[g.output()].Inputs[0], drop) })
	}
	return edits
}

// removeDropout takes out one dropout or drop_path.
func removeDropout(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	for i, n := range g.nodes {
		if dropOps[n.Op] && i != g.output() {
			edits = append(edits, func(g *graph) { g.rewire(i, g.nodes[i].Inputs[0], i) })
		}
	}
	return edits
}
