package tabular

import (
	"fmt"
	"strings"
)

// edges is how many edges a cell has: to the nodes 1, 2 and 3 from all before.
const edges = 6

// operations are what an edge may be: as an option of the template, and in a table.
var operations = []struct{ option, name string }{
	{`"none"`, "none"},
	{`"skip"`, "skip_connect"},
	{`"conv1x1"`, "nor_conv_1x1"},
	{`"conv3x3"`, "nor_conv_3x3"},
	{`"avg_pool"`, "avg_pool_3x3"},
}

// edge is the choice of the template that is made for an edge, counted as the
// architecture string lists them: 0→1, 0→2, 1→2, 0→3, 1→3, 2→3.
func edge(i int) string { return fmt.Sprintf("edge%d", i) }

// Architecture writes what a program of the template chooses, as arch.Program.Taken
// has it, as the table's architecture string.
func Architecture(taken map[string]string) (string, error) {
	if len(taken) != edges {
		return "", fmt.Errorf("the program makes %d choices and a cell has %d edges, edge0 to edge5: use the template nasbench201", len(taken), edges)
	}
	var b strings.Builder
	i := 0
	for node := 1; node <= 3; node++ {
		if node > 1 {
			b.WriteByte('+')
		}
		b.WriteByte('|')
		for from := range node {
			name, err := nameOf(i, taken)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s~%d|", name, from)
			i++
		}
	}
	return b.String(), nil
}

func nameOf(i int, taken map[string]string) (string, error) {
	option, ok := taken[edge(i)]
	if !ok {
		return "", fmt.Errorf("the program makes no choice %s: use the template nasbench201", edge(i))
	}
	for _, o := range operations {
		if o.option == option {
			return o.name, nil
		}
	}
	return "", fmt.Errorf("choice %s: %s is no operation of the table: use the template nasbench201", edge(i), option)
}

// Choices reads an architecture string as what a program of the template has to
// choose for it, as arch.Choose takes it.
func Choices(architecture string) (map[string]string, error) {
	fault := func(format string, args ...any) (map[string]string, error) {
		return nil, fmt.Errorf("architecture %q: %s; it is to look like |op~0|+|op~0|op~1|+|op~0|op~1|op~2|", architecture, fmt.Sprintf(format, args...))
	}
	nodes := strings.Split(architecture, "+")
	if len(nodes) != 3 {
		return fault("it has %d nodes, not 3", len(nodes))
	}
	taken := map[string]string{}
	for n, node := range nodes {
		inner, open := strings.CutPrefix(node, "|")
		inner, closed := strings.CutSuffix(inner, "|")
		ops := strings.Split(inner, "|")
		if !open || !closed || len(ops) != n+1 {
			return fault("node %d is %q, not %d operations between bars", n+1, node, n+1)
		}
		for from, op := range ops {
			option, ok := optionOf(op, from)
			if !ok {
				return fault("%q is no operation on node %d: the operations are none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3", op, from)
			}
			taken[edge(len(taken))] = option
		}
	}
	return taken, nil
}

// optionOf reads one operation with the node that it takes, such as none~0.
func optionOf(op string, from int) (string, bool) {
	for _, o := range operations {
		if op == fmt.Sprintf("%s~%d", o.name, from) {
			return o.option, true
		}
	}
	return "", false
}
