package arch

import "fmt"

// Weights returns the tensors that node i owns, nil for an operation without
// weights. Nodes that share weights return equal lists.
func (n *Network) Weights(i int) []Weight {
	node := n.Nodes[i]
	op := opIndex[node.Op]
	if op.weights == nil {
		return nil
	}
	return op.weights(inputShapes(n.Nodes, node), node.Attrs)
}

// NodeCosts returns the trainable values and the multiply-accumulates per
// sample of node i. A shared weight counts at its first node only.
func (n *Network) NodeCosts(i int) (params, macs int64) {
	node := n.Nodes[i]
	op := opIndex[node.Op]
	in := inputShapes(n.Nodes, node)
	if op.macs != nil {
		macs = op.macs(in, node.Shape, node.Attrs)
	}
	if n.ownsWeights(i) {
		params = countParams(op, in, node.Attrs)
	}
	return params, macs
}

// ownsWeights reports whether node i is the first of its share name.
func (n *Network) ownsWeights(i int) bool {
	if n.Nodes[i].Share == "" {
		return true
	}
	for j := range i {
		if n.Nodes[j].Share == n.Nodes[i].Share {
			return false
		}
	}
	return true
}

func countParams(op *Op, in []Shape, a Attrs) int64 {
	if op.weights == nil {
		return 0
	}
	sum := int64(0)
	for _, w := range op.weights(in, a) {
		if w.Trainable {
			sum = satAdd(sum, elements(w.Shape))
		}
	}
	return sum
}

// Costs computes what the network costs. Activations are those of inference for
// one sample: nodes run in their order, and a tensor lives until its last user
// has run. Nothing is assumed to be fused or computed in place.
func (n *Network) Costs() Costs {
	var c Costs
	depth := make([]int, len(n.Nodes)) // from the input; 0 where it does not lead
	values := int64(0)                 // params and running averages
	for i, node := range n.Nodes {
		params, macs := n.NodeCosts(i)
		c.Params = satAdd(c.Params, params)
		c.MACs = satAdd(c.MACs, macs)
		if n.ownsWeights(i) {
			for _, w := range n.Weights(i) {
				values = satAdd(values, elements(w.Shape))
			}
		}
		for _, j := range node.Inputs {
			if depth[j] > 0 {
				depth[i] = max(depth[i], depth[j]+1)
			}
		}
		if node.Op == "input" {
			depth[i] = 1
		}
	}
	c.Depth = depth[n.Output()]
	c.ModelBytes = satMul(4, values)
	c.ActivationMemory = satMul(4, n.peakElements())
	return c
}

// peakElements is the largest number of elements that live at once.
func (n *Network) peakElements() int64 {
	lastUse := make([]int, len(n.Nodes))
	for i, node := range n.Nodes {
		lastUse[i] = i
		for _, j := range node.Inputs {
			lastUse[j] = i
		}
	}
	dead := make([][]int, len(n.Nodes)) // by the node after which they die
	for j, i := range lastUse {
		dead[i] = append(dead[i], j)
	}
	live, peak := int64(0), int64(0)
	for i := range n.Nodes {
		live = satAdd(live, n.activation(i))
		peak = max(peak, satAdd(live, n.scratch(i)))
		for _, j := range dead[i] {
			live -= n.activation(j)
		}
	}
	return peak
}

// activation is the number of elements that node i computes: none for what is
// stored with the model.
func (n *Network) activation(i int) int64 {
	switch n.Nodes[i].Op {
	case "parameter", "constant":
		return 0
	}
	return elements(n.Nodes[i].Shape)
}

// scratch is the number of elements that node i keeps while it runs.
func (n *Network) scratch(i int) int64 {
	node := n.Nodes[i]
	if op := opIndex[node.Op]; op.scratch != nil {
		return op.scratch(inputShapes(n.Nodes, node), node.Attrs)
	}
	return 0
}

// short prints a count as 1.2 million.
func short(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.3g billion", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.3g million", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}
