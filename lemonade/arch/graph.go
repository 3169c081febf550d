package arch

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// graph is a network in the making: nodes in the order of their definition,
// each checked as it is added.
type graph struct {
	input      Shape
	vocabulary int // token ids of the input; 0 where it holds values
	classes    int
	nodes      []Node
	depth      []int          // of each node: longest path that ends in it, in nodes
	shares     map[string]int // share name -> first node that has it
}

func newGraph(in Input, classes int) (*graph, error) {
	if in == nil {
		return nil, errors.New("input is missing; give a Shape such as [32 32 3], or Tokens")
	}
	input, vocabulary := in.reads()
	var errs []error
	if text := IsText(in); text && (vocabulary < 2 || vocabulary > MaxDim) {
		errs = append(errs, fmt.Errorf("vocabulary must be between 2 and %d ids, padding being one, got %d", MaxDim, vocabulary))
	}
	if len(input) == 0 || len(input) > MaxRank {
		errs = append(errs, fmt.Errorf("input shape %v must have 1 to %d axes, such as [32 32 3]", input, MaxRank))
	}
	for _, d := range input {
		if d < 1 || d > MaxDim {
			errs = append(errs, fmt.Errorf("input shape %v: every size must be between 1 and %d", input, MaxDim))
			break
		}
	}
	if len(errs) == 0 && elements(input) > MaxElements {
		errs = append(errs, fmt.Errorf("input shape %v has more than %d elements", input, MaxElements))
	}
	if classes < 1 || classes > MaxClasses {
		errs = append(errs, fmt.Errorf("classes must be between 1 and %d, got %d", MaxClasses, classes))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &graph{input: slices.Clone(input), vocabulary: vocabulary, classes: classes, shares: map[string]int{}}, nil
}

func (g *graph) reads() Input { return InputOf(g.input, g.vocabulary) }

// add appends a node and returns its index. Errors do not name the operation.
func (g *graph) add(name string, inputs []int, attrs Attrs, share string) (int, error) {
	op, ok := opIndex[name]
	if !ok || op.Surface {
		return 0, fmt.Errorf("is no operation of a network%s", didYouMean(name))
	}
	if len(g.nodes) >= MaxNodes {
		return 0, fmt.Errorf("the network has more than %d operations; use fewer or wider layers", MaxNodes)
	}
	shapes, depth, err := g.operands(op, inputs)
	if err != nil {
		return 0, err
	}
	if depth > MaxDepth {
		return 0, fmt.Errorf("the network is more than %d operations deep; use fewer layers", MaxDepth)
	}
	node := Node{Op: name, Inputs: slices.Clone(inputs), Share: share}
	if err := g.checkTokens(op, inputs); err != nil {
		return 0, err
	}
	if node.Attrs, err = op.fill(attrs); err != nil {
		return 0, err
	}
	if a := op.arg("vocabulary"); a != nil {
		if v, ok := node.Attrs[a.Name]; ok && v != g.vocabulary {
			return 0, fmt.Errorf("vocabulary is %v, the input's is %d", v, g.vocabulary)
		}
		node.Attrs[a.Name] = g.vocabulary
	}
	if name == "input" {
		node.Shape = slices.Clone(g.input)
	} else if node.Shape, err = op.shape(shapes, node.Attrs); err != nil {
		return 0, err
	}
	node.Shape = slices.Clone(node.Shape)
	if len(node.Attrs) == 0 {
		node.Attrs = nil
	}
	if err := checkOutput(node.Shape); err != nil {
		return 0, err
	}
	if n := countParams(op, shapes, node.Attrs); n > MaxParams {
		return 0, fmt.Errorf("this layer alone has %s parameters; a network may have %s; make it narrower or its input %v smaller", short(n), short(MaxParams), shapes[0])
	}
	if err := g.checkShare(op, node, shapes); err != nil {
		return 0, err
	}
	i := len(g.nodes)
	if _, ok := g.shares[share]; !ok && share != "" {
		g.shares[share] = i
	}
	g.nodes = append(g.nodes, node)
	g.depth = append(g.depth, depth)
	return i, nil
}

// operands checks the inputs' number and indices, and returns their shapes and
// the depth of a node that has them.
func (g *graph) operands(op *Op, inputs []int) ([]Shape, int, error) {
	switch n := len(op.Inputs); {
	case op.Variadic && len(inputs) < 2:
		return nil, 0, fmt.Errorf("needs two or more tensors, got %d", len(inputs))
	case !op.Variadic && len(inputs) != n && (!op.Mask || len(inputs) != n+1):
		return nil, 0, fmt.Errorf("needs %d operands, got %d", n, len(inputs))
	}
	shapes, depth := make([]Shape, len(inputs)), 1
	for k, i := range inputs {
		if i < 0 || i >= len(g.nodes) {
			return nil, 0, fmt.Errorf("operand %d is node %d, which is not an earlier node", k, i)
		}
		shapes[k] = g.nodes[i].Shape
		depth = max(depth, g.depth[i]+1)
	}
	return shapes, depth, nil
}

// checkTokens checks that token ids go where ids are read, and values where
// values are.
func (g *graph) checkTokens(op *Op, inputs []int) error {
	for k, i := range inputs {
		tokens := g.vocabulary > 0 && g.nodes[i].Op == "input"
		switch {
		case tokens && op.Mask && k == len(op.Inputs):
			return errors.New("mask must be 1 and 0, and x holds token ids; write mask = token_mask(x)")
		case tokens && !op.Tokens:
			return errors.New(tokensNeeded)
		case !tokens && op.Tokens && g.vocabulary > 0:
			return fmt.Errorf("reads token ids, got a tensor %v of values; give it the x of network(x, classes)", g.nodes[i].Shape)
		case !tokens && op.Tokens:
			return fmt.Errorf("reads the token ids of a text, and this input %v holds values; leave it out", g.input)
		}
	}
	return nil
}

func checkOutput(s Shape) error {
	if len(s) > MaxRank {
		return fmt.Errorf("the result %v has more than %d axes", s, MaxRank)
	}
	for _, d := range s {
		if d < 1 {
			return fmt.Errorf("the result %v has an axis without elements", s)
		}
	}
	if n := elements(s); n > MaxElements {
		return fmt.Errorf("the result %v has %s elements per sample; at most %s are allowed; use a larger stride or fewer channels", s, short(n), short(MaxElements))
	}
	return nil
}

// checkShare checks that all nodes of one share name can use the same weights.
func (g *graph) checkShare(op *Op, node Node, shapes []Shape) error {
	if node.Share == "" {
		return nil
	}
	if !op.HasWeights {
		return fmt.Errorf("has no weights to share; leave share = %q out", node.Share)
	}
	if len(node.Share) > maxShare {
		return fmt.Errorf("the share name is longer than %d bytes", maxShare)
	}
	i, ok := g.shares[node.Share]
	if !ok {
		return nil
	}
	first := g.nodes[i]
	if first.Op != node.Op {
		return fmt.Errorf("share = %q belongs to a %s; use another name", node.Share, first.Op)
	}
	a, b := op.weights(g.shapesOf(first), first.Attrs), op.weights(shapes, node.Attrs)
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("share = %q has the weights %s where it was used first and needs %s here; use another name or equal channels, sizes and init", node.Share, weightsText(a), weightsText(b))
	}
	return nil
}

func weightsText(ws []Weight) string {
	s := ""
	for i, w := range ws {
		if i > 0 {
			s += ", "
		}
		s += w.Name + " " + w.Shape.String()
	}
	return s
}

func (g *graph) shapesOf(n Node) []Shape { return inputShapes(g.nodes, n) }

func inputShapes(nodes []Node, n Node) []Shape {
	out := make([]Shape, len(n.Inputs))
	for k, i := range n.Inputs {
		out[k] = nodes[i].Shape
	}
	return out
}

// finish checks the output and returns the canonical network of everything it
// depends on.
func (g *graph) finish(out int) (*Network, error) {
	shape := g.nodes[out].Shape
	if len(shape) != 1 || shape[0] != g.classes {
		return nil, fmt.Errorf("network must return logits of shape [%d], got %v; %s", g.classes, shape, outputMend(shape))
	}
	n := canonical(g, out)
	inputs := 0
	for _, node := range n.Nodes {
		if node.Op == "input" {
			inputs++
		}
	}
	if inputs != 1 {
		return nil, fmt.Errorf("the output does not depend on the input; build it from x")
	}
	if p := n.Costs().Params; p > MaxParams {
		return nil, fmt.Errorf("the network has %s parameters; at most %s are allowed; make it narrower, above all the %s", short(p), short(MaxParams), n.largest())
	}
	return n, nil
}

// largest describes the node with the most parameters.
func (n *Network) largest() string {
	best, most := 0, int64(-1)
	for i := range n.Nodes {
		if p, _ := n.NodeCosts(i); p > most {
			best, most = i, p
		}
	}
	return fmt.Sprintf("%s that gives %v (%s)", n.Nodes[best].Op, n.Nodes[best].Shape, short(most))
}

func outputMend(s Shape) string {
	switch len(s) {
	case 0:
		return "end with dense(x, classes) on a vector"
	case 1:
		return "end with dense(x, classes)"
	}
	return "end with dense(global_avg_pool(x), classes)"
}

// Build makes a network from loose nodes: each node's inputs are indices of
// earlier nodes, the last node is the output, and what it does not depend on is
// dropped. Shapes are inferred, and attributes that are left out get their
// defaults. The nodes are not changed.
func Build(input Input, classes int, nodes []Node) (*Network, error) {
	g, err := newGraph(input, classes)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("network: has no nodes")
	}
	seen := false
	for i, n := range nodes {
		if n.Op == "input" && seen {
			return nil, fmt.Errorf("node %d: input: there is one already", i)
		}
		seen = seen || n.Op == "input"
		if _, err := g.add(n.Op, n.Inputs, n.Attrs, n.Share); err != nil {
			return nil, fmt.Errorf("node %d: %s: %w", i, n.Op, err)
		}
	}
	out, err := g.finish(len(nodes) - 1)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return out, nil
}
