package arch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// canonical returns the network of all that node out depends on, in canonical
// form: equal for graphs that differ only in the order of definition, in the
// operand order of commutative operations, in share names and in repeated
// pure subexpressions.
//
// Numbering is a post-order walk from the output. It is determined by the
// operands' order everywhere but at commutative operations; there operands are
// ordered by colours, which stand for the structure below and above a node
// (colour refinement). Where two operands have one colour, either may come
// first if an automorphism exchanges them; else both orders are tried, and the
// one with the smaller text wins. The trials are bounded by [maxWork]: a graph
// that exceeds it, which takes deliberate construction, may get different forms.
func canonical(g *graph, out int) *Network {
	c := newCanon(g, out)
	c.budget = maxWork
	best := c.search(c.refine(c.initial()))
	return c.network(g, best)
}

// maxWork bounds how many nodes are coloured anew while orders are compared.
const maxWork = 2_000_000

// canon works on the reachable nodes after merging, renumbered 0..n-1 in
// topological order.
type canon struct {
	nodes  []Node // Inputs in the numbering here; Share "" where no other node has it
	label  []string
	users  [][]use
	groups [][]int // nodes of each share name
	out    int
	budget int // nodes that may still be coloured anew for comparing
}

// use is one operand position that a node fills.
type use struct {
	node int
	slot int // -1 for a commutative operation
}

// newCanon drops what node out does not need and merges equal pure nodes.
func newCanon(g *graph, out int) *canon {
	alive := make([]bool, len(g.nodes))
	alive[out] = true
	for i := out; i >= 0; i-- {
		if alive[i] {
			for _, j := range g.nodes[i].Inputs {
				alive[j] = true
			}
		}
	}
	c := &canon{}
	index := make([]int, len(g.nodes))
	known := map[string]int{}
	for i, node := range g.nodes {
		if !alive[i] {
			continue
		}
		op := opIndex[node.Op]
		inputs := make([]int, len(node.Inputs))
		for k, j := range node.Inputs {
			inputs[k] = index[j]
		}
		if op.Commutative {
			slices.Sort(inputs)
		}
		label := labelOf(node)
		if op.merges(node.Share) {
			key := fmt.Sprint(label, inputs, node.Share)
			if j, ok := known[key]; ok {
				index[i] = j
				continue
			}
			known[key] = len(c.nodes)
		}
		index[i] = len(c.nodes)
		node.Inputs = inputs
		c.nodes = append(c.nodes, node)
		c.label = append(c.label, label)
	}
	c.out = index[out]
	c.linkUsers()
	c.groupShares()
	return c
}

// labelOf is what a node is apart from its place in the graph: its operation
// and its attributes in their declared order. It is part of the canonical form.
func labelOf(n Node) string {
	op := opIndex[n.Op]
	b := append(make([]byte, 0, 128), n.Op...)
	for i := range op.Args {
		b = append(b, ' ')
		switch v := n.Attrs[op.Args[i].Name].(type) {
		case int:
			b = strconv.AppendInt(b, int64(v), 10)
		case []int:
			for _, d := range v {
				b = append(strconv.AppendInt(b, int64(d), 10), ',')
			}
		case float64:
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		case bool:
			b = strconv.AppendBool(b, v)
		case string:
			b = append(b, v...)
		}
	}
	return string(b)
}

func (c *canon) linkUsers() {
	c.users = make([][]use, len(c.nodes))
	for i, node := range c.nodes {
		for k, j := range node.Inputs {
			if c.commutes(i) {
				k = -1
			}
			c.users[j] = append(c.users[j], use{i, k})
		}
	}
}

func (c *canon) commutes(i int) bool { return opIndex[c.nodes[i].Op].Commutative }

// groupShares collects the share names of two or more nodes and drops the others.
func (c *canon) groupShares() {
	byName := map[string][]int{}
	var names []string
	for i, n := range c.nodes {
		if n.Share != "" {
			if byName[n.Share] == nil {
				names = append(names, n.Share)
			}
			byName[n.Share] = append(byName[n.Share], i)
		}
	}
	for _, name := range names {
		group := byName[name]
		if len(group) == 1 {
			c.nodes[group[0]].Share = ""
			continue
		}
		c.groups = append(c.groups, group)
	}
}

func (c *canon) initial() []uint64 {
	colour := make([]uint64, len(c.nodes))
	for i := range colour {
		colour[i] = hashText(c.label[i])
		if i == c.out {
			colour[i] = mix(colour[i], 1)
		}
	}
	return colour
}

// refine spreads colours along edges and share groups, down and up, until they
// distinguish no more nodes.
func (c *canon) refine(colour []uint64) []uint64 {
	count := distinct(colour)
	for {
		for i, node := range c.nodes {
			h := colour[i]
			if c.commutes(i) {
				h = mix(h, mix(colour[node.Inputs[0]], 2)+mix(colour[node.Inputs[1]], 2))
			} else {
				for _, j := range node.Inputs {
					h = mix(h, colour[j])
				}
			}
			colour[i] = h
		}
		for i := len(c.nodes) - 1; i >= 0; i-- {
			sum := uint64(0)
			for _, u := range c.users[i] {
				sum += mix(colour[u.node], uint64(u.slot+16))
			}
			colour[i] = mix(colour[i], sum)
		}
		for _, group := range c.groups {
			sum := uint64(0)
			for _, i := range group {
				sum += mix(colour[i], 3)
			}
			for _, i := range group {
				colour[i] = mix(colour[i], sum)
			}
		}
		n := distinct(colour)
		if n <= count {
			return colour
		}
		count = n
	}
}

// walk numbers the nodes in post-order. It stops at the first commutative
// operation whose two operands have one colour, and returns them.
func (c *canon) walk(colour []uint64) (order []int, tie []int) {
	seen := make([]bool, len(c.nodes))
	var visit func(i int) bool
	visit = func(i int) bool {
		seen[i] = true
		inputs := c.operands(i, colour)
		if c.commutes(i) && inputs[0] != inputs[1] && colour[inputs[0]] == colour[inputs[1]] {
			tie = inputs
			return false
		}
		for _, j := range inputs {
			if !seen[j] && !visit(j) {
				return false
			}
		}
		order = append(order, i)
		return true
	}
	visit(c.out)
	return order, tie
}

// operands returns the inputs of node i in canonical order.
func (c *canon) operands(i int, colour []uint64) []int {
	in := c.nodes[i].Inputs
	if c.commutes(i) && colour[in[0]] > colour[in[1]] {
		return []int{in[1], in[0]}
	}
	return in
}

// leaf is a complete numbering.
type leaf struct {
	order  []int
	inputs [][]int // of order's nodes, in the new numbering
	text   string  // equal for equal networks
}

func (c *canon) leaf(order []int, colour []uint64) leaf {
	l := leaf{order: order}
	index := make([]int, len(c.nodes))
	shares := map[string]int{}
	var text strings.Builder
	for k, i := range order {
		index[i] = k
		inputs := slices.Clone(c.operands(i, colour))
		text.WriteString(c.label[i])
		for s, j := range inputs {
			inputs[s] = index[j]
			text.WriteByte(' ')
			text.WriteString(strconv.Itoa(inputs[s]))
		}
		if name := c.nodes[i].Share; name != "" {
			if _, ok := shares[name]; !ok {
				shares[name] = len(shares)
			}
			text.WriteString(" s" + strconv.Itoa(shares[name]))
		}
		text.WriteByte('\n')
		l.inputs = append(l.inputs, inputs)
	}
	l.text = text.String()
	return l
}

func (c *canon) network(g *graph, l leaf) *Network {
	n := &Network{Language: Language, Input: g.input, Vocabulary: g.vocabulary, Classes: g.classes}
	shares := map[string]string{}
	for k, i := range l.order {
		node := c.nodes[i]
		node.Inputs, node.Attrs = l.inputs[k], shared(c.label[i], node.Attrs)
		if len(node.Inputs) == 0 {
			node.Inputs = nil
		}
		if node.Share != "" {
			if shares[node.Share] == "" {
				shares[node.Share] = "s" + strconv.Itoa(len(shares))
			}
			node.Share = shares[node.Share]
		}
		n.Nodes = append(n.Nodes, node)
	}
	return n
}

// sharedMost bounds how many different attributes are kept for all networks.
const sharedMost = 10_000

var sharedAttrs = struct {
	sync.Mutex
	byLabel map[string]Attrs
}{byLabel: map[string]Attrs{}}

// shared returns attributes that are equal to those of a node of that label, and the
// same for every network. A search keeps thousands of networks, of much the same nodes.
func shared(label string, a Attrs) Attrs {
	if a == nil {
		return nil
	}
	sharedAttrs.Lock()
	defer sharedAttrs.Unlock()
	if known, ok := sharedAttrs.byLabel[label]; ok {
		return known
	}
	if len(sharedAttrs.byLabel) < sharedMost {
		sharedAttrs.byLabel[label] = a
	}
	return a
}

// mix combines two colours (the finaliser of MurmurHash3 over a sum). It is part
// of the canonical form, as is hashText (FNV-1a): neither may change without a
// new [Language].
func mix(a, b uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func hashText(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

func distinct(colour []uint64) int {
	s := slices.Clone(colour)
	slices.Sort(s)
	return len(slices.Compact(s))
}
