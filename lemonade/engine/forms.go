package engine

import "github.com/lemo-nade/lemonade/lemonade/arch"

// On a CPU it depends on what comes before an operation which form of it is the fastest:
// XLA draws the one or the other into the same kernel, for good or for ill. On a GPU the
// forms have not been compared.

// isProduct reports whether a convolution is built as a matrix product: one of 1×1,
// for which XLA's own form takes twice as long. With strides, in inference, XLA's form is
// as fast and needs no copy of every second pixel.
func (b *graphBuilder) isProduct(n arch.Node) bool {
	window, stride := n.Attrs.Ints("kernel"), n.Attrs.Ints("stride")
	single := window[0] == 1 && window[1] == 1 && n.Attrs.Int("groups") == 1
	return single && (b.training || stride[0] == 1 && stride[1] == 1)
}

// joins reports whether node i takes what several tensors were joined to, such as the
// sum of a residual block, with nothing in between but operations of a single input that
// are neither convolutions nor dense.
func (b *graphBuilder) joins(i int) bool {
	for len(b.net.Nodes[i].Inputs) == 1 {
		i = b.net.Nodes[i].Inputs[0]
		if op := b.net.Nodes[i].Op; op == "conv" || op == "conv1d" || op == "dense" {
			return false
		}
	}
	return len(b.net.Nodes[i].Inputs) > 1
}

// convolved reports whether all that node i takes is computed, value by value, from
// XLA's convolutions and from what is spread over the image, such as a gate.
func (b *graphBuilder) convolved(i int) bool {
	in := b.net.Nodes[i].Inputs[0]
	size := b.net.Nodes[in].Shape.Size()
	seen := map[int]bool{}
	var from func(j int) bool
	from = func(j int) bool {
		n := b.net.Nodes[j]
		switch {
		case seen[j] || n.Shape.Size() < size:
			return true
		case n.Op == "conv":
			return n.Attrs.Int("groups") == 1 && !b.isProduct(n)
		case !valuewise[n.Op]:
			return false
		}
		seen[j] = true
		for _, k := range n.Inputs {
			if !from(k) {
				return false
			}
		}
		return true
	}
	return from(in)
}

// valuewise are the operations that compute each value from those at its place, but for
// what they know of a channel or a sample as a whole.
var valuewise = map[string]bool{
	"batch_norm": true, "dropout": true, "drop_path": true,
	"relu": true, "silu": true, "gelu": true, "hard_swish": true, "hard_sigmoid": true, "tanh": true, "sigmoid": true, "leaky_relu": true,
	"add": true, "sub": true, "mul": true, "div": true, "maximum": true, "minimum": true,
	"sqrt": true, "exp": true, "abs": true, "square": true,
}
