package forecast

import (
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// feature is a number that describes a network. Sizes and counts are taken as log(1+x),
// so that twice as much is the same step everywhere.
type feature struct {
	name string
	of   func(*anatomy) float64
}

var features = []feature{
	// What it computes and holds.
	{"params", func(a *anatomy) float64 { return math.Log1p(float64(a.costs.Params)) }},
	{"macs", func(a *anatomy) float64 { return math.Log1p(float64(a.costs.MACs)) }},
	{"activation memory", func(a *anatomy) float64 { return math.Log1p(float64(a.costs.ActivationMemory)) }},
	{"traffic", func(a *anatomy) float64 { return math.Log1p(a.traffic) }},
	{"nodes", func(a *anatomy) float64 { return math.Log1p(a.nodes) }},
	{"depth", func(a *anatomy) float64 { return math.Log1p(float64(a.costs.Depth)) }},
	{"width", func(a *anatomy) float64 { return math.Log1p(a.width) }},
	{"last width", func(a *anatomy) float64 { return math.Log1p(a.lastWidth) }},
	{"last resolution", func(a *anatomy) float64 { return math.Log1p(a.resolution) }},

	// Of what it is made.
	{"pointwise layers", func(a *anatomy) float64 { return math.Log1p(a.count[pointwise]) }},
	{"spatial layers", func(a *anatomy) float64 { return math.Log1p(a.count[spatial]) }},
	{"depthwise layers", func(a *anatomy) float64 { return math.Log1p(a.count[depthwise]) }},
	{"dense layers", func(a *anatomy) float64 { return math.Log1p(a.count[dense]) }},
	{"recurrent layers", func(a *anatomy) float64 { return math.Log1p(a.count[recurrent]) }},
	{"attention", func(a *anatomy) float64 { return math.Log1p(a.count[attention]) }},
	{"pools", func(a *anatomy) float64 { return math.Log1p(a.count[pool]) }},
	{"norms", func(a *anatomy) float64 { return math.Log1p(a.count[norm]) }},
	{"activations", func(a *anatomy) float64 { return math.Log1p(a.count[activation]) }},
	{"sums", func(a *anatomy) float64 { return math.Log1p(a.count[sum]) }},
	{"concatenations", func(a *anatomy) float64 { return math.Log1p(a.count[concat]) }},
	{"gates", func(a *anatomy) float64 { return math.Log1p(a.count[gate]) }},
	{"dropouts", func(a *anatomy) float64 { return math.Log1p(a.count[noise]) }},
	{"share of pointwise MACs", func(a *anatomy) float64 { return a.share(pointwise) }},
	{"share of spatial MACs", func(a *anatomy) float64 { return a.share(spatial) }},
	{"share of depthwise MACs", func(a *anatomy) float64 { return a.share(depthwise) }},

	// The paths from the input to the output.
	{"learns", func(a *anatomy) float64 {
		if a.out.reached {
			return 1
		}
		return 0
	}},
	{"paths", func(a *anatomy) float64 { return math.Log1p(math.Log(max(a.out.paths, 1))) }},
	{"longest path", func(a *anatomy) float64 { return math.Log1p(a.out.layers.most) }},
	{"shortest path", func(a *anatomy) float64 { return math.Log1p(a.out.layers.least) }},
	{"mean path", func(a *anatomy) float64 { return math.Log1p(a.out.layers.mean) }},
	{"spread of paths", func(a *anatomy) float64 {
		return math.Log1p(math.Sqrt(max(0, a.out.square-a.out.layers.mean*a.out.layers.mean)))
	}},
	{"most spatial layers of a path", func(a *anatomy) float64 { return math.Log1p(a.out.spatial.most) }},
	{"least spatial layers of a path", func(a *anatomy) float64 { return math.Log1p(a.out.spatial.least) }},
	{"mean spatial layers of a path", func(a *anatomy) float64 { return math.Log1p(a.out.spatial.mean) }},
	{"most smoothing of a path", func(a *anatomy) float64 { return math.Log1p(a.out.smoothing.most) }},
	{"least smoothing of a path", func(a *anatomy) float64 { return math.Log1p(a.out.smoothing.least) }},
	{"mean smoothing of a path", func(a *anatomy) float64 { return math.Log1p(a.out.smoothing.mean) }},
	{"layers by signal", func(a *anatomy) float64 { return math.Log1p(a.out.layers.signal) }},
	{"spatial layers by signal", func(a *anatomy) float64 { return math.Log1p(a.out.spatial.signal) }},
	{"smoothing by signal", func(a *anatomy) float64 { return math.Log1p(a.out.smoothing.signal) }},
	{"receptive field", func(a *anatomy) float64 { return math.Log1p(a.out.receptive) }},
}

// The indices of the features that a prior looks at.
var (
	atMACs      = indexOf("macs")
	atLearns    = indexOf("learns")
	atLongest   = indexOf("longest path")
	atShortest  = indexOf("shortest path")
	atSmoothing = indexOf("mean smoothing of a path")
)

func indexOf(name string) int {
	return slices.IndexFunc(features, func(f feature) bool { return f.name == name })
}

// part is a kind of operation.
type part int

const (
	other     part = iota
	pointwise      // layers with weights: that see one place at a time,
	spatial        // or several,
	depthwise      // each channel by itself
	dense
	recurrent
	attention
	pool
	norm
	activation
	sum
	concat
	gate
	noise
	parts
)

// anatomy is what a network's features are computed from.
type anatomy struct {
	costs                        arch.Costs
	nodes, traffic               float64 // traffic: elements written
	width, lastWidth, resolution float64
	count                        [parts]float64
	macs                         [parts]float64
	out                          walk
}

func (a *anatomy) share(p part) float64 {
	if a.costs.MACs == 0 {
		return 0
	}
	return a.macs[p] / float64(a.costs.MACs)
}

// walk is what the paths from the input to a node are like.
type walk struct {
	reached   bool
	paths     float64
	layers    tally   // with weights
	spatial   tally   // of them those that see more than one place
	smoothing tally   // pools that leave the size as it is, and blur
	square    float64 // mean square of the layers
	variance  float64 // of the node's values as the network starts
	receptive float64 // pixels of the input that the widest path sees, along a side
	stride    float64
}

// tally counts something along the paths to a node. The mean over the signal weighs
// what a sum adds up by its share of the variance: a norm brings each branch to 1,
// however many paths there are in it.
type tally struct{ most, least, mean, signal float64 }

func (t *tally) join(u tally, paths, signal float64, first bool) {
	if first {
		t.least = u.least
	}
	t.most, t.least = max(t.most, u.most), min(t.least, u.least)
	t.mean += paths * (u.mean - t.mean)
	t.signal += signal * (u.signal - t.signal)
}

func (t *tally) add(n float64) {
	t.most, t.least, t.mean, t.signal = t.most+n, t.least+n, t.mean+n, t.signal+n
}

// examine takes a network apart.
func examine(n *arch.Network) *anatomy {
	a := &anatomy{costs: n.Costs(), nodes: float64(len(n.Nodes))}
	walks := make([]walk, len(n.Nodes))
	for i, node := range n.Nodes {
		s := stepOf(n, i)
		a.count[s.part]++
		if s.layer {
			_, macs := n.NodeCosts(i)
			a.macs[s.part] += float64(macs)
			if last := len(node.Shape) - 1; last >= 0 && i != n.Output() {
				a.width = max(a.width, float64(node.Shape[last]))
			}
		}
		a.traffic += float64(node.Shape.Size())
		if last := len(node.Shape) - 1; last > 0 {
			a.resolution, a.lastWidth = float64(node.Shape[0]), float64(node.Shape[last])
		}
		walks[i] = s.walk(n, i, walks)
	}
	a.out = walks[n.Output()]
	return a
}

// step is what a node does to the paths through it.
type step struct {
	part             part
	layer            bool // it has weights
	spatial          bool // it sees more than one place
	smoothing        bool
	window, stride   float64
	zero, normalises bool
}

func stepOf(n *arch.Network, i int) step {
	node := n.Nodes[i]
	s := step{window: 1, stride: 1}
	switch node.Op {
	case "conv":
		kernel, stride, dilation := node.Attrs.Ints("kernel"), node.Attrs.Ints("stride"), node.Attrs.Ints("dilation")
		s.window, s.stride = float64((slices.Max(kernel)-1)*slices.Max(dilation)+1), float64(slices.Max(stride))
		s.convolve(n, i)
	case "conv1d":
		s.window = float64(node.Attrs.Int("kernel"))
		s.convolve(n, i)
	case "dense":
		s.part, s.layer = dense, true
	case "lstm", "gru":
		s.part, s.layer, s.spatial = recurrent, true, true
	case "attention":
		s.part, s.layer, s.spatial = attention, true, true
	case "max_pool", "avg_pool":
		window, stride := node.Attrs.Ints("window"), node.Attrs.Ints("stride")
		s.part, s.window, s.stride = pool, float64(slices.Max(window)), float64(slices.Max(stride))
		s.smoothing = s.stride == 1 && s.window > 1
	case "batch_norm", "layer_norm", "group_norm":
		s.part, s.normalises = norm, true
	case "add":
		s.part = sum
	case "concat":
		s.part = concat
	case "mul":
		s.part = gate
		s.zero = slices.ContainsFunc(node.Inputs, func(j int) bool {
			in := n.Nodes[j]
			return in.Op == "constant" && in.Attrs.Float("value") == 0
		})
	case "dropout", "drop_path":
		s.part = noise
	default:
		if slices.Contains(arch.Activations, node.Op) {
			s.part = activation
		}
	}
	return s
}

func (s *step) convolve(n *arch.Network, i int) {
	node := n.Nodes[i]
	s.layer, s.spatial, s.part = true, s.window > 1, pointwise
	in := n.Nodes[node.Inputs[0]].Shape
	switch groups := node.Attrs.Int("groups"); {
	case groups > 1 && groups == in[len(in)-1]:
		s.part = depthwise
	case s.spatial:
		s.part = spatial
	}
}

// morePaths bounds what may double with every sum.
const morePaths = 1e100

func (s *step) walk(n *arch.Network, i int, before []walk) walk {
	node := n.Nodes[i]
	if node.Op == "input" {
		return walk{reached: true, paths: 1, variance: 1, receptive: 1, stride: 1}
	}
	var w walk
	if s.zero { // whatever it reads, it gives zeros
		return w
	}
	operands := 0.0
	for _, j := range node.Inputs {
		u := before[j]
		if !u.reached {
			continue
		}
		first := !w.reached
		w.reached = true
		operands++
		w.paths += u.paths
		w.variance += u.variance
		paths, signal := u.paths/w.paths, u.variance/w.variance
		w.layers.join(u.layers, paths, signal, first)
		w.spatial.join(u.spatial, paths, signal, first)
		w.smoothing.join(u.smoothing, paths, signal, first)
		w.square += paths * (u.square - w.square)
		w.receptive, w.stride = max(w.receptive, u.receptive), max(w.stride, u.stride)
	}
	if !w.reached {
		return w
	}
	w.paths, w.variance = min(w.paths, morePaths), min(w.variance, morePaths)
	if s.part != sum {
		w.variance /= operands
	}
	switch {
	case s.layer || s.normalises:
		w.variance = 1
	case s.smoothing:
		w.variance /= 3 // neighbours are alike, and their mean less so
	}
	if s.layer {
		w.square += 2*w.layers.mean + 1
		w.layers.add(1)
	}
	if s.spatial {
		w.spatial.add(1)
	}
	if s.smoothing {
		w.smoothing.add(1)
	}
	w.receptive += (s.window - 1) * w.stride
	w.stride *= s.stride
	return w
}
