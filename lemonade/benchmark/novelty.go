package benchmark

import (
	"fmt"
	"slices"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// examples are the networks that a prompt shows to a language model, on the
// benchmark's data.
type examples []*arch.Network

// promptExamples builds the example programs for samples of that data set.
func promptExamples(info datasets.Info) (examples, error) {
	var out examples
	input := arch.InputOf(info.Shape, info.Vocabulary)
	for i, source := range propose.Examples(input, len(info.ClassNames)) {
		p, err := arch.Parse(source, input, len(info.ClassNames))
		if err != nil {
			return nil, fmt.Errorf("example %d of the prompt: %w", i+1, err)
		}
		out = append(out, p.Network)
	}
	return out, nil
}

func isExample(s sample, t trial.Trial) bool {
	return slices.ContainsFunc(s.examples, func(n *arch.Network) bool { return n.Hash() == t.Hash })
}

func likeExample(s sample, t trial.Trial) bool {
	return slices.ContainsFunc(s.examples, func(n *arch.Network) bool { return distance(n, t.Program.Network) == 0 })
}

// distance is how many operations must be added and removed to turn the
// operations of a into those of b, whatever their order, widths and other
// attributes.
func distance(a, b *arch.Network) int {
	difference := map[string]int{}
	for _, n := range a.Nodes {
		difference[n.Op]++
	}
	for _, n := range b.Nodes {
		difference[n.Op]--
	}
	sum := 0
	for _, d := range difference {
		sum += max(d, -d)
	}
	return sum
}

// edits is the median distance of the own accepted networks to their parents.
func edits(s sample) (float64, bool) {
	var all []float64
	for _, t := range accepted(s) {
		if parent, ok := s.trials.ByID(t.Parent); ok && parent.Program != nil {
			all = append(all, float64(distance(parent.Program.Network, t.Program.Network)))
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return quantile(all, 0.5), true
}
