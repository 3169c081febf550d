package arch

import "fmt"

// Normalisation: each learns a scale and an offset per channel.
var normOps = []Op{
	{
		Name: "batch_norm", Family: familyNorm, Inputs: []string{"x"}, HasWeights: true,
		Doc:  "Batch normalisation over the batch and all axes but the last; in inference by running averages.",
		Args: []Arg{epsilonArg()},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			return in[0], hasAxes(in[0], 1)
		},
		weights: func(in []Shape, a Attrs) []Weight {
			c := last(in[0])
			return append(scaleAndOffset(in, a), vector("mean", c, "zeros", false), vector("variance", c, "ones", false))
		},
	},
	{
		Name: "layer_norm", Family: familyNorm, Inputs: []string{"x"}, HasWeights: true,
		Doc:  "Layer normalisation over the last axis.",
		Args: []Arg{epsilonArg()},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			return in[0], hasAxes(in[0], 1)
		},
		weights: scaleAndOffset,
	},
	{
		Name: "group_norm", Family: familyNorm, Inputs: []string{"x"}, HasWeights: true,
		Doc:  "Group normalisation of [H W C] or [T C]: over all axes, within each group of channels.",
		Args: []Arg{intArg("groups", 8, "groups of channels; must divide C", "num_groups"), epsilonArg()},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x := in[0]
			if len(x) != 2 && len(x) != 3 {
				return nil, fmt.Errorf("needs [H W C] or [T C], got %v; layer_norm takes any shape", x)
			}
			return x, dividesChannels(x, a.Int("groups"))
		},
		weights: scaleAndOffset,
	},
}

func epsilonArg() Arg {
	return floatArg("epsilon", 1e-5, 1e-12, 1, "added to the variance", "eps")
}

func scaleAndOffset(in []Shape, a Attrs) []Weight {
	c := last(in[0])
	return []Weight{vector("scale", c, "ones", true), vector("offset", c, "zeros", true)}
}
