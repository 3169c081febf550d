package arch

// Activations: elementwise, but for softmax.
var activationOps = []Op{
	elementwise("relu", familyActivation, "max(x, 0)."),
	{
		Name: "leaky_relu", Family: familyActivation, Inputs: []string{"x"},
		Doc:   "x where positive, else slope * x.",
		Args:  []Arg{floatArg("slope", 0.01, -10, 10, "of the negative side", "alpha", "negative_slope")},
		shape: sameShape,
	},
	elementwise("silu", familyActivation, "x * sigmoid(x), also called swish."),
	elementwise("gelu", familyActivation, "x times the normal distribution function of x, exact."),
	elementwise("hard_swish", familyActivation, "x * hard_sigmoid(x)."),
	elementwise("hard_sigmoid", familyActivation, "min(max(x + 3, 0), 6) / 6."),
	elementwise("tanh", familyActivation, "Hyperbolic tangent."),
	elementwise("sigmoid", familyActivation, "1 / (1 + exp(-x))."),
	{
		Name: "softmax", Family: familyActivation, Inputs: []string{"x"},
		Doc:  "Exponentials along an axis, scaled so that they sum to 1. Not needed at the end: network returns logits.",
		Args: []Arg{axisArg(-1, "axis along which they sum to 1")},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			axis, err := negativeAxis(in[0], a.Int("axis"))
			a["axis"] = axis
			return in[0], err
		},
	},
}

func elementwise(name, family, doc string) Op {
	return Op{Name: name, Family: family, Doc: doc, Inputs: []string{"x"}, shape: sameShape}
}

func sameShape(in []Shape, a Attrs) (Shape, error) { return in[0], nil }
