package device

import (
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// kind is a way of working that reaches a share of the peak of its own.
type kind int

const (
	spatial     kind = iota // convolutions with a window
	pointwise               // 1×1 convolutions, dense layers, attention and matrix products
	grouped                 // convolutions in groups, depthwise ones above all
	pooling                 // means and maxima of windows
	elementwise             // everything else that touches each element
	kinds
)

// multiplies reports whether the kind keeps the multipliers busy.
func (k kind) multiplies() bool { return k <= grouped }

// work is one operation as a runtime runs it.
type work struct {
	kind    kind
	ops     float64 // arithmetic operations: 2 per multiply-accumulate, 1 per element of a window, steps per element
	weights float64 // bytes of weights that it reads
	tensors float64 // bytes of its operands and its result
	checked bool    // one of the operations that the measured networks have
}

// steps are arithmetic operations per element, where they are more than one. They
// are ours: none of these is in the measured networks, but for batch_norm.
var steps = map[string]float64{
	"batch_norm": 2, "layer_norm": 6, "group_norm": 6,
	"hard_sigmoid": 3, "hard_swish": 4,
	"silu": 8, "gelu": 12, "tanh": 8, "sigmoid": 8, "softmax": 10, "exp": 6, "sqrt": 4, "div": 2,
}

// measured are the operations of NAS-Bench-201.
var measured = map[string]bool{
	"conv": true, "batch_norm": true, "relu": true, "add": true, "mul": true,
	"avg_pool": true, "global_avg_pool": true, "dense": true,
}

// value is what is known of a node's output while the network is walked.
type value struct {
	fold   bool // a batch_norm can be folded into the operation that makes it
	fuse   bool // an activation can be fused into it
	shared bool // something else needs it before the fold or the fusion
}

// fused calls yield for each operation that the runtime runs. Batch normalisation
// is folded into the convolution or dense layer before it, and where the runtime
// does so, an activation is fused into the operation before it. Dropout is nothing
// in inference; flatten and reshape move no element.
func fused(n *arch.Network, activations bool, yield func(work)) {
	users := make([]int, len(n.Nodes))
	for _, node := range n.Nodes {
		for _, j := range node.Inputs {
			users[j]++
		}
	}
	values := make([]value, len(n.Nodes))
	for i, node := range n.Nodes {
		var before value
		if len(node.Inputs) > 0 {
			j := node.Inputs[0]
			before = values[j]
			before.shared = before.shared || users[j] > 1
		}
		switch node.Op {
		case "input", "parameter", "constant":
			continue
		case "dropout", "drop_path", "flatten", "reshape":
			values[i] = before
			continue
		case "batch_norm":
			if before.fold && !before.shared {
				values[i] = value{fuse: true}
				continue
			}
		case "relu":
			if activations && before.fuse && !before.shared {
				continue
			}
		}
		values[i].fold = node.Op == "conv" || node.Op == "conv1d" || node.Op == "dense"
		switch node.Op {
		case "conv", "conv1d", "dense", "add", "sub", "mul", "div", "batch_norm", "avg_pool", "max_pool":
			values[i].fuse = true
		}
		yield(workOf(n, i))
	}
}

// workOf is the work of one node on its own.
func workOf(n *arch.Network, i int) work {
	node := n.Nodes[i]
	params, macs := n.NodeCosts(i)
	w := work{kind: elementwise, weights: 4 * float64(params), checked: measured[node.Op]}
	elements := float64(node.Shape.Size())
	w.tensors = 4 * elements
	for _, j := range node.Inputs {
		w.tensors += 4 * float64(n.Nodes[j].Shape.Size())
	}
	switch node.Op {
	case "conv":
		k := node.Attrs.Ints("kernel")
		switch {
		case node.Attrs.Int("groups") > 1:
			w.kind, w.checked = grouped, false
		case k[0] == 1 && k[1] == 1:
			w.kind = pointwise
		default:
			w.kind = spatial
		}
		w.ops = 2 * float64(macs)
	case "conv1d":
		switch {
		case node.Attrs.Int("groups") > 1:
			w.kind = grouped
		case node.Attrs.Int("kernel") == 1:
			w.kind = pointwise
		default:
			w.kind = spatial
		}
		w.ops = 2 * float64(macs)
	case "embedding": // reads the rows of its tokens alone
		w.ops, w.weights = elements, 4*elements
	case "lstm", "gru": // the recurrent kernel is read at every step
		w.kind, w.ops = pointwise, 2*float64(macs)
		for _, weight := range n.Weights(i) {
			if strings.HasSuffix(weight.Name, "recurrent") {
				w.weights += 4 * float64(weight.Shape.Size()) * float64(n.Nodes[node.Inputs[0]].Shape[0]-1)
			}
		}
	case "dense", "attention", "matmul":
		w.kind, w.ops = pointwise, 2*float64(macs)
	case "avg_pool1d", "max_pool1d":
		w.kind, w.ops = pooling, elements*float64(node.Attrs.Int("window"))
	case "avg_pool", "max_pool":
		k := node.Attrs.Ints("window")
		w.kind, w.ops = pooling, elements*float64(k[0]*k[1])
	case "global_avg_pool", "global_max_pool", "mean", "max":
		w.kind, w.ops = pooling, float64(n.Nodes[node.Inputs[0]].Shape.Size())
	default:
		w.ops = elements * max(1, steps[node.Op])
	}
	return w
}
