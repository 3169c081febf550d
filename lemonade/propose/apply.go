package propose

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// edit changes a graph at one place.
type edit func(*graph)

// editor carries out one command of the rule book.
type editor struct {
	code string
	// edits lists the places and ways, in any order.
	edits func(*graph, *rand.Rand) []edit
	// count is what the command moves, and by its sign whereto. An edit whose
	// result did not move it that way is not taken.
	count func(*arch.Program) float64
	sign  float64
	// lacking says what a network must have for the command.
	lacking string
}

// editors are the fifteen commands. How each is carried out is our own choice.
var editors = []editor{
	{"ACL", addConv, convs, +1, "a feature map [height width channels] or a sequence to convolve"},
	{"RCL", removeConv, convs, -1, "two convolutions or recurrent layers, of which one can go and leave shapes that fit"},
	{"ASC", addSkip, skips, +1, "a stretch of layers that a tensor could skip"},
	{"RSC", removeSkip, skips, -1, "a skip connection that can go"},
	{"ADL", addDense, denses, +1, "a place for a dense layer"},
	{"RDL", removeDense, denses, -1, "a dense layer before the last one that can go"},
	{"AD", addDropout, dropouts, +1, "a place for dropout"},
	{"RD", removeDropout, dropouts, -1, "a dropout layer"},
	{"AMK", scaleKernels(more), filters, +1, "a convolution or a recurrent layer that can be widened"},
	{"RK", scaleKernels(fewer), filters, -1, "a convolution or a recurrent layer that can be narrowed"},
	{"AMN", scaleNeurons(more), neurons, +1, "a dense layer before the last one that can be widened"},
	{"RN", scaleNeurons(fewer), neurons, -1, "a dense layer before the last one that can be narrowed"},
	{"AR", addRegularization, regularization, +1, "regularization that can still grow"},
	{"RR", removeRegularization, regularization, -1, "regularization to take away"},
	{"AWI", changeInitializer, nil, 0, "a convolution or dense layer to initialize otherwise"},
}

// Codes lists the commands that [Apply] carries out.
func Codes() []string {
	var codes []string
	for _, e := range editors {
		codes = append(codes, e.code)
	}
	return codes
}

// Apply carries out one command of the rule book on the program, mechanically,
// at a place drawn from rng, by one small edit. The result is a valid program
// that differs from p. The error says why the command cannot be carried out.
func Apply(p *arch.Program, code string, rng *rand.Rand) (*arch.Program, error) {
	for _, e := range editors {
		if e.code == code {
			return e.apply(p, rng)
		}
	}
	return nil, fmt.Errorf("command %q is not one of %s", code, strings.Join(Codes(), ", "))
}

func (e editor) apply(p *arch.Program, rng *rand.Rand) (*arch.Program, error) {
	edits := e.edits(newGraph(p), rng)
	rng.Shuffle(len(edits), func(i, j int) { edits[i], edits[j] = edits[j], edits[i] })
	for _, change := range edits {
		g := newGraph(p)
		change(g)
		out, err := g.build(p.Network)
		if err != nil || same(out, p) { // the place does not suit: a shape elsewhere hangs on it
			continue
		}
		if e.count != nil && e.sign*(e.count(out)-e.count(p)) <= 0 {
			continue
		}
		return out, nil
	}
	return nil, fmt.Errorf("command %s: the network lacks %s", e.code, e.lacking)
}

func countOp(p *arch.Program, ops map[string]bool) float64 {
	n := 0.0
	for _, node := range p.Network.Nodes {
		if ops[node.Op] {
			n++
		}
	}
	return n
}

func convs(p *arch.Program) float64    { return countOp(p, featureOps) }
func denses(p *arch.Program) float64   { return countOp(p, set("dense")) }
func dropouts(p *arch.Program) float64 { return countOp(p, dropOps) }
func skips(p *arch.Program) float64    { return float64(len(newGraph(p).skips())) }

func neurons(p *arch.Program) float64 { return sumAttr(p, "dense", "units") }

func filters(p *arch.Program) float64 {
	return sumAttr(p, "conv", "filters") + sumAttr(p, "conv1d", "filters") +
		sumAttr(p, "lstm", "units") + sumAttr(p, "gru", "units") + sumAttr(p, "embedding", "dim")
}
func sumAttr(p *arch.Program, op, attr string) float64 {
	n := 0.0
	for _, node := range p.Network.Nodes {
		if node.Op == op {
			n += float64(node.Attrs.Int(attr))
		}
	}
	return n
}
