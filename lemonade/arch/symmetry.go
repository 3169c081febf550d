package arch

import "slices"

// Ties: what canonical does where colours do not tell two operands apart.

// search returns the canonical order for a refined colouring.
func (c *canon) search(colour []uint64) leaf {
	for {
		order, tie := c.walk(colour)
		if tie == nil {
			return c.leaf(order, colour)
		}
		first := c.individualise(colour, tie[0])
		if c.exchanges(tie[0], tie[1], colour) || c.budget <= 0 {
			colour = first
			continue
		}
		second := c.individualise(colour, tie[1])
		if c.greedy(first).text == c.greedy(second).text {
			colour = first // equal texts are an automorphism
			continue
		}
		a, b := c.search(first), c.search(second)
		if b.text < a.text {
			return b
		}
		return a
	}
}

// greedy is search without comparing: it takes the first of every tie.
func (c *canon) greedy(colour []uint64) leaf {
	for {
		order, tie := c.walk(colour)
		if tie == nil {
			return c.leaf(order, colour)
		}
		colour = c.individualise(colour, tie[0])
	}
}

// individualise gives node i a colour of its own.
func (c *canon) individualise(colour []uint64, i int) []uint64 {
	c.budget -= len(c.nodes)
	colour = slices.Clone(colour)
	colour[i] = mix(colour[i], 4)
	return c.refine(colour)
}

// exchanges reports whether an automorphism that exchanges nodes a and b is
// found by pairing what they depend on; other nodes stay in place.
func (c *canon) exchanges(a, b int, colour []uint64) bool {
	image := make([]int, len(c.nodes))
	for i := range image {
		image[i] = -1
	}
	if !c.pair(a, b, colour, image) {
		return false
	}
	for i := range image {
		if image[i] < 0 {
			image[i] = i
		}
	}
	if image[c.out] != c.out {
		return false
	}
	for i, node := range c.nodes {
		mapped := make([]int, len(node.Inputs))
		for k, j := range node.Inputs {
			mapped[k] = image[j]
		}
		want := slices.Clone(c.nodes[image[i]].Inputs)
		if c.commutes(i) {
			slices.Sort(mapped)
			slices.Sort(want)
		}
		if !slices.Equal(mapped, want) {
			return false
		}
	}
	return c.keepsGroups(image)
}

func (c *canon) pair(a, b int, colour []uint64, image []int) bool {
	if image[a] == b && image[b] == a {
		return true
	}
	if image[a] >= 0 || image[b] >= 0 || c.label[a] != c.label[b] {
		return false
	}
	image[a], image[b] = b, a
	if a == b {
		return true
	}
	x, y := c.operands(a, colour), c.operands(b, colour)
	for k := range x {
		if !c.pair(x[k], y[k], colour, image) {
			return false
		}
	}
	return true
}

func (c *canon) keepsGroups(image []int) bool {
	group := make([]int, len(c.nodes))
	for g, members := range c.groups {
		for _, i := range members {
			group[i] = g + 1
		}
	}
	for _, members := range c.groups {
		to := group[image[members[0]]]
		for _, i := range members {
			if group[image[i]] != to || to == 0 {
				return false
			}
		}
	}
	return true
}
