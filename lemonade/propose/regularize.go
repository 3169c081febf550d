package propose

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// The steps of regularization, and where they end. Weight decay is felt through
// the learning rate, so adamw, whose rate is lower, takes more of it.
const (
	smoothingStep = 0.05
	smoothingMost = 0.3
	decayFactor   = 4
	mixupStep     = 0.2
	mixupMost     = 0.4 // beyond it Zhang et al. (2018) saw large networks underfit
	unknownStep   = 0.1
	unknownMost   = 0.3
)

var decay = map[string]struct{ first, most float64 }{
	"sgd":   {5e-4, 0.008},
	"adamw": {0.01, 0.32},
}

// addRegularization raises weight decay, label smoothing or an augmentation in
// the recipe.
func addRegularization(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	d := decay[g.recipe.Optimizer]
	if next := max(g.recipe.WeightDecay*decayFactor, d.first); next <= d.most {
		edits = append(edits, func(g *graph) { g.recipe.WeightDecay = round3(next) })
	}
	if next := g.recipe.LabelSmoothing + smoothingStep; next < smoothingMost+smoothingStep/2 {
		edits = append(edits, func(g *graph) { g.recipe.LabelSmoothing = round3(next) })
	}
	side := g.shorterSide()
	if next := g.recipe.TokenDropout + unknownStep; side == 0 && next < unknownMost+unknownStep/2 {
		edits = append(edits, func(g *graph) { g.recipe.TokenDropout = round3(next) })
	}
	if next := g.recipe.Mixup + mixupStep; side > 0 && next < mixupMost+mixupStep/2 {
		edits = append(edits, func(g *graph) { g.recipe.Mixup = round3(next) })
	}
	if next := g.recipe.Cutout + cutoutStep(side); next <= min(side/2, 64) {
		edits = append(edits, func(g *graph) { g.recipe.Cutout = next })
	}
	return edits
}

// shorterSide returns that of the network's images; 0 where it reads none.
func (g *graph) shorterSide() int {
	in := g.nodes[slices.IndexFunc(g.nodes, func(n arch.Node) bool { return n.Op == "input" })].Shape
	if len(in) != 3 {
		return 0
	}
	return min(in[0], in[1])
}

// cutoutStep is a quarter of an image's side.
func cutoutStep(side int) int { return min(max(1, side/4), 32) }

// removeRegularization lowers weight decay, label smoothing or an augmentation in
// the recipe, at last to none.
func removeRegularization(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	if w := g.recipe.WeightDecay; w > 0 {
		next := w / decayFactor
		if next < 1e-5 {
			next = 0
		}
		edits = append(edits, func(g *graph) { g.recipe.WeightDecay = round3(next) })
	}
	if s := g.recipe.LabelSmoothing; s > 0 {
		edits = append(edits, func(g *graph) { g.recipe.LabelSmoothing = round3(max(0, s-smoothingStep)) })
	}
	if r := g.recipe.TokenDropout; r > 0 {
		edits = append(edits, func(g *graph) { g.recipe.TokenDropout = round3(max(0, r-unknownStep)) })
	}
	if m := g.recipe.Mixup; m > 0 {
		edits = append(edits, func(g *graph) { g.recipe.Mixup = round3(max(0, m-mixupStep)) })
	}
	if c := g.recipe.Cutout; c > 0 {
		edits = append(edits, func(g *graph) { g.recipe.Cutout = max(0, c-cutoutStep(g.shorterSide())) })
	}
	return edits
}

// round3 rounds to three significant digits, so that steps up and down meet.
func round3(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// regularization measures how much of it a recipe has, for its direction only.
func regularization(p *arch.Program) float64 {
	r := p.Recipe
	return r.WeightDecay + r.LabelSmoothing + r.TokenDropout + r.Mixup + float64(r.Cutout)
}

// initializers are those that suit weights that are multiplied with an input.
var initializers = []string{"he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal"}

// changeInitializer gives all convolutions, all dense layers, or both, another
// initializer.
func changeInitializer(g *graph, _ *rand.Rand) []edit {
	var edits []edit
	for _, ops := range []map[string]bool{set("conv", "conv1d"), set("dense"), layerOps} {
		for _, name := range initializers {
			if !slices.ContainsFunc(g.nodes, func(n arch.Node) bool { return ops[n.Op] && n.Attrs.Text("init") != name }) {
				continue
			}
			edits = append(edits, func(g *graph) {
				for _, n := range g.nodes {
					if ops[n.Op] {
						n.Attrs["init"] = name
					}
				}
			})
		}
	}
	return edits
}
