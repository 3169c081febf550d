package arch

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Print returns a program for the network: parsing it gives a network of the
// same hash, and the recipe r. Each operation is a line; a value that is used
// once keeps its variable, so that chains read as chains. recipe() is printed
// only where r differs from that of [RecipeFor].
func Print(n *Network, r Recipe) string {
	p := printer{network: n, names: make([]string, len(n.Nodes)), lastUse: make([]int, len(n.Nodes))}
	for i, node := range n.Nodes {
		for _, j := range node.Inputs {
			p.lastUse[j] = i
		}
	}
	var b strings.Builder
	b.WriteString("def network(x, classes):\n")
	for i, node := range n.Nodes {
		if node.Op == "constant" {
			continue // written where it is used
		}
		if node.Op == "input" {
			p.names[i] = "x"
			continue
		}
		text := p.expression(i)
		if i == n.Output() {
			fmt.Fprintf(&b, "    return %s\n", text)
			break
		}
		p.names[i] = p.nameFor(i)
		fmt.Fprintf(&b, "    %s = %s\n", p.names[i], text)
	}
	b.WriteString(printRecipe(n.Reads(), r))
	return b.String()
}

type printer struct {
	network *Network
	names   []string // variable of each node, "" before it is printed
	lastUse []int
}

// nameFor chooses the variable of node i: that of an operand which is not used
// again, else the first free of h1, h2, …
func (p *printer) nameFor(i int) string {
	var dying []int
	for _, j := range p.network.Nodes[i].Inputs {
		if p.lastUse[j] == i && p.names[j] != "" && p.network.Nodes[j].Op != "parameter" {
			dying = append(dying, j)
		}
	}
	if len(dying) > 0 {
		return p.names[slices.MinFunc(dying, p.byReading)]
	}
	live := map[string]bool{}
	for j := range i {
		if p.lastUse[j] > i {
			live[p.names[j]] = true
		}
	}
	prefix := "h"
	if p.network.Nodes[i].Op == "parameter" {
		prefix = "p"
	}
	for k := 1; ; k++ {
		if name := fmt.Sprint(prefix, k); !live[name] {
			return name
		}
	}
}

// byReading orders operands as one would write them: x, then other values, then
// parameters, then numbers.
func (p *printer) byReading(a, b int) int { return p.readingRank(a) - p.readingRank(b) }

func (p *printer) readingRank(j int) int {
	switch {
	case p.network.Nodes[j].Op == "constant":
		return 3
	case p.network.Nodes[j].Op == "parameter":
		return 2
	case p.names[j] == "x":
		return 0
	}
	return 1
}

var operatorSigns = map[string]string{"add": "+", "sub": "-", "mul": "*", "div": "/"}

func (p *printer) expression(i int) string {
	node := p.network.Nodes[i]
	if sign, ok := operatorSigns[node.Op]; ok {
		return p.arithmetic(node, sign)
	}
	name, attrs := node.Op, node.Attrs
	in := inputShapes(p.network.Nodes, node)
	if name == "conv" && attrs.Int("groups") == in[0][2] && in[0][2] > 1 {
		name, attrs = "depthwise_conv", depthwiseAttrs(attrs)
	}
	op := opIndex[name]
	args := p.operands(op, node)
	positional := true
	for k := range op.Args {
		a := &op.Args[k]
		if a.Implied {
			continue
		}
		shown := a.literal(attrs[a.Name])
		switch {
		case positional && (a.Default == nil || slices.Contains(shownByPlace, a.Name)):
			if name == "dense" && i == p.network.Output() {
				shown = "classes"
			}
			args = append(args, shown)
			continue
		case a.Default == nil, slices.Contains(shownByName, a.Name), !isDefault(op, a, attrs, in):
			args = append(args, a.Name+" = "+shown)
		}
		positional = false
	}
	if op.Mask && len(node.Inputs) > len(op.Inputs) {
		args = append(args, "mask = "+p.operand(node.Inputs[len(op.Inputs)], false))
	}
	if node.Share != "" {
		args = append(args, "share = "+literal(node.Share))
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// Arguments that are shown even where they have their defaults.
var (
	shownByPlace = []string{"window", "rate", "factor"}
	shownByName  = []string{"kernel", "heads"}
)

// depthwiseAttrs are the arguments of the depthwise_conv that a conv of one
// group per channel stands for.
func depthwiseAttrs(conv Attrs) Attrs {
	a := maps.Clone(conv)
	a["multiplier"] = a.Int("filters") / a.Int("groups")
	return a
}

// isDefault reports whether leaving the argument out gives the same value.
func isDefault(op *Op, a *Arg, attrs Attrs, in []Shape) bool {
	if _, ok := a.Default.(Derived); !ok {
		return reflect.DeepEqual(attrs[a.Name], a.Default)
	}
	without := maps.Clone(attrs)
	delete(without, a.Name)
	if _, err := op.shape(in, without); err != nil {
		return false
	}
	return reflect.DeepEqual(attrs[a.Name], without[a.Name])
}

// operands prints the tensors of a call.
func (p *printer) operands(op *Op, node Node) []string {
	var out []string
	for k, j := range node.Inputs {
		if op.Mask && k == len(op.Inputs) {
			break // printed by its name
		}
		out = append(out, p.operand(j, op.Numbers))
	}
	switch {
	case op.Variadic:
		return []string{"[" + strings.Join(out, ", ") + "]"}
	case op.Optional > 0:
		for len(out) > 1 && node.Inputs[len(out)-1] == node.Inputs[len(out)-2] {
			out = out[:len(out)-1]
		}
	}
	return out
}

func (p *printer) operand(j int, numbers bool) string {
	node := p.network.Nodes[j]
	switch {
	case node.Op != "constant":
		return p.names[j]
	case numbers:
		return literal(node.Attrs["value"])
	}
	return "constant(" + literal(node.Attrs["value"]) + ")"
}

// arithmetic prints an operator, operands in reading order where they may be exchanged.
func (p *printer) arithmetic(node Node, sign string) string {
	a, b := node.Inputs[0], node.Inputs[1]
	nodes := p.network.Nodes
	if opIndex[node.Op].Commutative && p.byReading(a, b) > 0 {
		a, b = b, a
	}
	if node.Op == "mul" && nodes[b].Op == "constant" && nodes[b].Attrs.Float("value") == -1 && nodes[a].Op != "constant" {
		return "-" + p.names[a]
	}
	return fmt.Sprintf("%s %s %s", p.operand(a, nodes[b].Op != "constant"), sign, p.operand(b, true))
}

// printRecipe returns the recipe() of a program, or nothing for that of [RecipeFor].
func printRecipe(in Input, r Recipe) string {
	usual := RecipeFor(in)
	if r == usual {
		return ""
	}
	base := defaultsFor(IsText(in), r.Optimizer)
	var args []string
	for i := range recipeFields {
		f := &recipeFields[i]
		if v := f.get(&r); v != f.get(&base) || f.Name == "optimizer" && v != usual.Optimizer {
			args = append(args, f.Name+" = "+literal(v))
		}
	}
	return "\ndef recipe():\n    return training(" + strings.Join(args, ", ") + ")\n"
}
