package arch

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Summary returns a table of the operations with their shapes and costs, and
// the totals, as Keras prints it.
func (n *Network) Summary() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Layer\tOutput\tParams\tMACs\tConnected to")
	names := n.layerNames()
	for i, node := range n.Nodes {
		var from []string
		for _, j := range node.Inputs {
			from = append(from, names[j])
		}
		name := names[i]
		if node.Share != "" {
			name += " (" + node.Share + ")"
		}
		params, macs := n.NodeCosts(i)
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%s\n", name, node.Shape, thousands(params), thousands(macs), strings.Join(from, ", "))
	}
	_ = w.Flush() // a strings.Builder takes everything
	lines := strings.Split(b.String(), "\n")
	width := 0
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
		width = max(width, len(lines[i]))
	}
	rule := strings.Repeat("-", width)
	c := n.Costs()
	return strings.Join([]string{
		lines[0], rule, strings.Join(lines[1:len(lines)-1], "\n"), rule,
		fmt.Sprintf("Parameters         %s", thousands(c.Params)),
		fmt.Sprintf("MACs               %s per sample", thousands(c.MACs)),
		fmt.Sprintf("Model              %s bytes at float32", thousands(c.ModelBytes)),
		fmt.Sprintf("Activations        %s bytes at most, for one sample", thousands(c.ActivationMemory)),
		fmt.Sprintf("Depth              %d", c.Depth), "",
	}, "\n")
}

// layerNames numbers the nodes of each operation: conv_1, conv_2 …
func (n *Network) layerNames() []string {
	count := map[string]int{}
	names := make([]string, len(n.Nodes))
	for i, node := range n.Nodes {
		count[node.Op]++
		names[i] = fmt.Sprintf("%s_%d", node.Op, count[node.Op])
		if node.Op == "input" {
			names[i] = "input"
		}
	}
	return names
}

// thousands prints 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Mermaid returns a drawing of the network as a Mermaid flowchart. Labels hold
// no character that Mermaid or HTML could take for markup.
func (n *Network) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	names := n.layerNames()
	for i, node := range n.Nodes {
		fmt.Fprintf(&b, "    n%d[\"%s<br/>%s\"]\n", i, escapeLabel(label(names[i], node)), escapeLabel(node.Shape.String()))
	}
	for i, node := range n.Nodes {
		for _, j := range node.Inputs {
			fmt.Fprintf(&b, "    n%d --> n%d\n", j, i)
		}
	}
	return b.String()
}

// drawn are the attributes that a drawing shows beside the name.
var drawn = []string{"filters", "kernel", "stride", "groups", "units", "heads", "window", "rate", "axis", "axes", "value", "factor"}

func label(name string, node Node) string {
	op := opIndex[node.Op]
	var parts []string
	for _, attr := range drawn {
		a := op.arg(attr)
		if a == nil || a.Name != attr || isDefaultValue(a, node.Attrs[attr]) {
			continue
		}
		parts = append(parts, attr+" "+a.literal(node.Attrs[attr]))
	}
	if node.Share != "" {
		parts = append(parts, "shares "+node.Share)
	}
	if len(parts) == 0 {
		return name
	}
	return name + ": " + strings.Join(parts, ", ")
}

// isDefaultValue hides strides and groups of 1.
func isDefaultValue(a *Arg, v any) bool {
	return (a.Name == "stride" || a.Name == "groups") && a.literal(v) == "1"
}

// escapeLabel writes all but plain characters as Mermaid's entity codes.
func escapeLabel(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" _.,:-", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
