package kernelext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// The drawing of a network: one row per node, from input to output, and an arc
// for every edge that passes over rows.
const (
	rowHeight = 30
	boxWidth  = 330
	boxHeight = 22
	laneWidth = 12
	lanesMost = 12 // arcs further out share the last lane
)

// drawn are the attributes worth a place in a row; of these, a 1 says nothing.
var drawn = []string{"filters", "units", "kernel", "stride", "dilation", "groups", "heads", "rate", "factor", "axis", "axes"}

// drawNetwork returns the network as an SVG picture.
func drawNetwork(n *arch.Network) string {
	lanes, count := laneOf(n)
	left := 20 + float64(count)*laneWidth
	width, height := int(left)+boxWidth+150, len(n.Nodes)*rowHeight+16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif">%s<rect width="%d" height="%d" fill="%s"/>`,
		width, height, width, height, nightStyle(), width, height, paper)
	row := func(i int) float64 { return float64(8 + i*rowHeight) }
	for i, node := range n.Nodes {
		for _, from := range slices.Compact(slices.Sorted(slices.Values(node.Inputs))) {
			y0, y1 := row(from)+boxHeight, row(i)
			if from == i-1 {
				fmt.Fprintf(&b, `<path d="M%.0f %.0fV%.0f" stroke="%s" stroke-width="1.5"/>`, left+boxWidth/2, y0, y1, black)
				continue
			}
			x := left - 8 - float64(lanes[[2]int{from, i}])*laneWidth
			fmt.Fprintf(&b, `<path d="M%.0f %.0fH%.0fV%.0fH%.0f" stroke="%s" stroke-width="1.5" fill="none"/><circle cx="%.0f" cy="%.0f" r="3" fill="%s"/>`,
				left, y0-5, x, y1+6, left, blue, left, y1+6, blue)
		}
	}
	for i, node := range n.Nodes {
		params, _ := n.NodeCosts(i)
		fill := "#F2F2F2"
		if params > 0 {
			fill = "#D6EAF5"
		}
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%d" height="%d" rx="4" fill="%s" stroke="#99AAAA"/>`, left, row(i), boxWidth, boxHeight, fill)
		text(&b, left+8, row(i)+15, "start", 12, black, "", clip(nodeLabel(node), 52))
		weights := node.Shape.String()
		if params > 0 {
			weights += fmt.Sprintf(" · %d params", params)
		}
		text(&b, left+boxWidth+10, row(i)+15, "start", 11, faint, "", weights)
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// laneOf gives every edge that passes over rows a lane to the left, such that
// edges whose rows overlap have different ones.
func laneOf(n *arch.Network) (lanes map[[2]int]int, count int) {
	lanes = map[[2]int]int{}
	for i, node := range n.Nodes {
		for _, from := range node.Inputs {
			if from == i-1 {
				continue
			}
			used := map[int]bool{}
			for edge, lane := range lanes {
				if edge[0] < i && from < edge[1] {
					used[lane] = true
				}
			}
			lane := 0
			for used[lane] && lane < lanesMost-1 {
				lane++
			}
			lanes[[2]int{from, i}] = lane
			count = max(count, lane+1)
		}
	}
	return lanes, count
}

// nodeLabel is an operation with the attributes that matter: "conv filters 32, kernel 3×3".
func nodeLabel(node arch.Node) string {
	var parts []string
	for _, name := range drawn {
		v, ok := node.Attrs[name]
		if !ok {
			continue
		}
		text := strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", "×")
		if text != "" && text != "1" && text != "1×1" || name == "kernel" {
			parts = append(parts, name+" "+text)
		}
	}
	if node.Share != "" {
		parts = append(parts, "shares "+node.Share)
	}
	return strings.TrimSpace(node.Op + "  " + strings.Join(parts, ", "))
}
