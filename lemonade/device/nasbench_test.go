package device

import (
	"fmt"
	"slices"
	"strings"
)

// cellOps are the operations that an edge of a NAS-Bench-201 cell may have.
var cellOps = []string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}

// edge is an operation of a cell, from the node source to the node that lists it.
type edge struct {
	op     string
	source int
}

// parseCell reads a cell as the benchmark writes it:
// "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|" are the edges into the nodes 1, 2 and 3.
func parseCell(s string) ([3][]edge, error) {
	var cell [3][]edge
	nodes := strings.Split(s, "+")
	if len(nodes) != len(cell) {
		return cell, fmt.Errorf("cell %q has %d nodes with edges, want 3", s, len(nodes))
	}
	for i, node := range nodes {
		edges := strings.Split(strings.Trim(node, "|"), "|")
		if len(edges) != i+1 {
			return cell, fmt.Errorf("cell %q: node %d has %d edges, want %d", s, i+1, len(edges), i+1)
		}
		for j, e := range edges {
			op, source, _ := strings.Cut(e, "~")
			if source != fmt.Sprint(j) || !slices.Contains(cellOps, op) {
				return cell, fmt.Errorf("cell %q: edge %q; want one of %v and ~%d", s, e, cellOps, j)
			}
			cell[i] = append(cell[i], edge{op, j})
		}
	}
	return cell, nil
}

// nasbench201 returns the program of the NAS-Bench-201 network with that cell
// (Dong and Yang, https://arxiv.org/abs/2001.00326, figure 1): a stem of 16
// channels, three stages of five cells with 16, 32 and 64 channels, and a residual
// block of stride 2 before the second and the third.
//
// The operation none gives nothing. With zeros it gives x * 0, as the benchmark's
// own code computes it: a runtime that does not see through that runs everything
// that leads there.
func nasbench201(cell [3][]edge, zeros bool) string {
	var b strings.Builder
	b.WriteString("CELL = [\n")
	for _, edges := range cell {
		b.WriteString("    [")
		for j, e := range edges {
			if j > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%q, %d)", e.op, e.source)
		}
		b.WriteString("],\n")
	}
	b.WriteString("]\n")
	none := "None"
	if zeros {
		none = "x * 0.0"
	}
	return b.String() + strings.Replace(skeleton, "NONE", none, 1)
}

const skeleton = `
def unit(x, filters, kernel, stride = 1):
    return batch_norm(conv(relu(x), filters, kernel = kernel, stride = stride, bias = False))

def apply(op, x):
    if op == "none":
        return NONE
    if op == "skip_connect":
        return x
    if op == "avg_pool_3x3":
        return avg_pool(x, 3, stride = 1, padding = "same")
    return unit(x, x.shape[-1], 3 if op == "nor_conv_3x3" else 1)

def cell(x):
    nodes = [x]
    for edges in CELL:
        total = None
        for op, source in edges:
            y = apply(op, nodes[source]) if nodes[source] != None else None
            if y != None:
                total = y if total == None else total + y
        nodes.append(total)
    return nodes[-1]

def reduce(x, filters):
    y = unit(unit(x, filters, 3, stride = 2), filters, 3)
    return y + conv(avg_pool(x, 2), filters, kernel = 1, bias = False)

def network(x, classes):
    x = batch_norm(conv(x, 16, kernel = 3, bias = False))
    for stage, filters in enumerate([16, 32, 64]):
        if stage > 0:
            x = reduce(x, filters)
        for i in range(5):
            x = cell(x)
    return dense(global_avg_pool(relu(batch_norm(x))), classes)
`
