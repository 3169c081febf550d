package expert

import "github.com/lemo-nade/lemonade/lemonade/arch"

// features are the counts of a network's structure that conditions may ask for.
type features struct {
	convs, depthwise, denses, hidden int // convs with recurrent layers, which do their part for texts
	recurrent                        int
	dropouts, skips, norms           int
	batchNorm                        bool
	filters, units                   int // of the widest convolution, recurrent layer or embedding, and of the widest hidden dense layer
	dropoutRate                      float64
	denseShare                       float64 // of all kernel weights, those in dense layers
	initializers                     []string
	depth                            int
}

// examine counts what a network is made of.
func examine(n *arch.Network) features {
	var f features
	var convWeights, denseWeights float64
	depths := make([]int, len(n.Nodes))
	initializers := map[string]bool{}
	head := classifier(n)
	for i, node := range n.Nodes {
		for _, in := range node.Inputs {
			depths[i] = max(depths[i], depths[in]+1)
		}
		f.depth = max(f.depth, depths[i])
		channels := 0 // of the first input
		if len(node.Inputs) > 0 {
			if s := n.Nodes[node.Inputs[0]].Shape; len(s) > 0 {
				channels = s[len(s)-1]
			}
		}
		if init, ok := node.Attrs["init"].(string); ok && !initializers[init] {
			initializers[init] = true
			f.initializers = append(f.initializers, init)
		}
		switch node.Op {
		case "conv":
			filters, _ := node.Attrs["filters"].(int)
			groups, _ := node.Attrs["groups"].(int)
			kernel, _ := node.Attrs["kernel"].([]int)
			f.convs++
			if groups > 1 && groups == channels {
				f.depthwise++
			}
			f.filters = max(f.filters, filters)
			convWeights += float64(arch.Shape(kernel).Size()) * float64(channels) / float64(max(groups, 1)) * float64(filters)
		case "conv1d":
			filters, groups := node.Attrs.Int("filters"), node.Attrs.Int("groups")
			f.convs++
			if groups > 1 && groups == channels {
				f.depthwise++
			}
			f.filters = max(f.filters, filters)
			convWeights += float64(node.Attrs.Int("kernel")) * float64(channels) / float64(groups) * float64(filters)
		case "lstm", "gru":
			f.convs++
			f.recurrent++
			f.filters = max(f.filters, node.Attrs.Int("units"))
			for _, w := range n.Weights(i) {
				convWeights += float64(w.Shape.Size())
			}
		case "embedding":
			f.filters = max(f.filters, node.Attrs.Int("dim"))
		case "dense":
			units, _ := node.Attrs["units"].(int)
			f.denses++
			if i != head {
				f.hidden++
				f.units = max(f.units, units)
			}
			denseWeights += float64(channels) * float64(units)
		case "dropout", "drop_path":
			rate, _ := node.Attrs["rate"].(float64)
			f.dropouts++
			f.dropoutRate = max(f.dropoutRate, rate)
		case "batch_norm", "layer_norm", "group_norm":
			f.norms++
			f.batchNorm = f.batchNorm || node.Op == "batch_norm"
		case "add", "concat":
			if joins(n, node) && (node.Op == "add" || len(node.Shape) > 1) { // vectors pooled in two ways are no skip
				f.skips++
			}
		}
	}
	if total := convWeights + denseWeights; total > 0 {
		f.denseShare = denseWeights / total
	}
	return f
}

// convKind is what the layers are that f.convs counts.
func (f features) convKind() string {
	if f.recurrent > 0 {
		return "convolutional and recurrent layers"
	}
	return "convolutions"
}

// filterKind is what f.filters counts.
func (f features) filterKind() string {
	if f.recurrent > 0 {
		return "filters or units"
	}
	return "filters"
}

// classifier returns the index of the dense layer that gives one value per class
// and is followed by no other layer with weights, or -1.
func classifier(n *arch.Network) int {
	for i := n.Output(); i >= 0; i-- {
		switch n.Nodes[i].Op {
		case "dense":
			if units, _ := n.Nodes[i].Attrs["units"].(int); units == n.Classes {
				return i
			}
			return -1
		case "conv", "conv1d", "lstm", "gru", "attention", "embedding":
			return -1
		}
	}
	return -1
}

// joins reports whether a node brings two paths of the network together: adding
// a constant or a learned tensor is no skip connection.
func joins(n *arch.Network, node arch.Node) bool {
	paths := 0
	for _, in := range node.Inputs {
		if op := n.Nodes[in].Op; op != "constant" && op != "parameter" {
			paths++
		}
	}
	return paths > 1
}
