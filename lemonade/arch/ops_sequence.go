package arch

import "fmt"

// Operations on sequences [T C]: what reads the tokens of a text, convolves or
// pools along time, and recurrent layers.
var sequenceOps = []Op{
	{
		Name: "embedding", Family: familySequence, Inputs: []string{"x"}, Tokens: true, HasWeights: true, Only: ForTexts,
		Doc: "A learned vector for each token of a text: x [T] gives [T dim], and zeros for padding.",
		Args: []Arg{
			intArg("dim", nil, "size of a vector", "units", "embedding_dim", "output_dim", "features"),
			initArg("normal"),
			{Name: "vocabulary", Kind: KindInt, Default: Derived("of x"), Implied: true, Doc: "ids there are", Min: 2, Max: MaxDim},
		},
		shape: func(in []Shape, a Attrs) (Shape, error) { return Shape{in[0][0], a.Int("dim")}, nil },
		weights: func(in []Shape, a Attrs) []Weight {
			v, dim := a.Int("vocabulary"), a.Int("dim")
			// A rare token's vector would fade under weight decay from one of its
			// appearances to the next.
			return []Weight{{Name: "table", Shape: Shape{v, dim}, Init: a.Text("init"), FanIn: dim, FanOut: dim, Trainable: true, Padded: true}}
		},
	},
	{
		Name: "token_mask", Family: familySequence, Inputs: []string{"x"}, Tokens: true, Only: ForTexts,
		Doc:   "1 for each token of a text and 0 for padding: x [T] gives [T], the mask of pooling, attention and recurrent layers.",
		shape: sameShape,
	},
	{
		Name: "positional_embedding", Family: familySequence, Inputs: []string{"x"}, HasWeights: true, Only: ForTexts,
		Doc:  "Adds to each position of [T C] a vector of its own, so that attention can tell positions apart.",
		Args: []Arg{choiceArg("kind", "learned", "of the vectors", []string{"learned", "sinusoidal"}, "method")},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			return in[0], isSequence(in[0], "x")
		},
		weights: func(in []Shape, a Attrs) []Weight {
			if a.Text("kind") == "sinusoidal" {
				return nil
			}
			t, c := in[0][0], in[0][1]
			return []Weight{{Name: "table", Shape: Shape{t, c}, Init: "normal", FanIn: t, FanOut: c, Trainable: true}}
		},
	},
	{
		Name: "conv1d", Family: familySequence, Inputs: []string{"x"}, HasWeights: true, Only: ForTexts,
		Doc: "1-D convolution of a sequence [T C]; gives [T' filters]; padding may be \"causal\" too: earlier positions alone are looked at. Padding \"same\" and \"causal\" keep T at stride 1. With groups, C and filters are split into that many separate convolutions.",
		Args: []Arg{
			intArg("filters", nil, "output channels", "channels", "out_channels"),
			intArg("kernel", 3, "length of the window", "kernel_size"),
			intArg("stride", 1, "step of the window", "strides"),
			intArg("dilation", 1, "spacing of the window's elements", "dilation_rate"),
			intArg("groups", 1, "separate groups of channels"),
			choiceArg("padding", "same", "edges", []string{"same", "valid", "causal"}),
			biasArg(), initArg("he_normal"),
		},
		shape: conv1dShape, weights: conv1dWeights,
		macs: func(in []Shape, out Shape, a Attrs) int64 {
			return satMul(elements(out), int64(a.Int("kernel")), int64(last(in[0])/a.Int("groups")))
		},
	},
	pool1d("max_pool1d", "Largest element of each window along time of a sequence [T C], or of a mask [T]."),
	pool1d("avg_pool1d", "Mean of each window along time of a sequence [T C]; padding is not counted."),
	recurrent("lstm", 4, "Long short-term memory along time: [T C] gives the states [T units], or the last one [units]; twice the units where direction is \"both\"."),
	recurrent("gru", 3, "Gated recurrent unit along time: [T C] gives the states [T units], or the last one [units]; twice the units where direction is \"both\"."),
}

func conv1dShape(in []Shape, a Attrs) (Shape, error) {
	x, filters, groups := in[0], a.Int("filters"), a.Int("groups")
	if err := isSequence(x, "x"); err != nil {
		return nil, err
	}
	if err := dividesChannels(x, groups); err != nil {
		return nil, err
	}
	if filters%groups != 0 {
		return nil, fmt.Errorf("groups = %d does not divide filters = %d; use one of %v", groups, filters, commonDivisors(filters, x[1]))
	}
	k, d, pad := a.Int("kernel"), a.Int("dilation"), a.Text("padding")
	if pad == "causal" {
		pad = "same" // of the same length
	}
	t := window(x[0], k, a.Int("stride"), d, pad)
	if t == 0 {
		return nil, fmt.Errorf("kernel = %d with dilation = %d does not fit into %v; use padding = \"same\" or a kernel of at most %d", k, d, x, x[0])
	}
	return Shape{t, filters}, nil
}

func conv1dWeights(in []Shape, a Attrs) []Weight {
	k, filters, groups, c := a.Int("kernel"), a.Int("filters"), a.Int("groups"), last(in[0])
	w := []Weight{{
		Name: "kernel", Shape: Shape{k, c / groups, filters}, Init: a.Text("init"), Trainable: true, Decay: true,
		FanIn: clampInt(satMul(int64(k), int64(c/groups))), FanOut: clampInt(satMul(int64(k), int64(filters/groups))),
	}}
	return withBias(w, "bias", filters, a)
}

func pool1d(name, doc string) Op {
	return Op{
		Name: name, Family: familySequence, Inputs: []string{"x"}, Doc: doc, Only: ForTexts,
		Args: []Arg{
			intArg("window", 2, "its length", "pool_size", "kernel", "kernel_size", "size"),
			intArg("stride", Derived("window"), "step of the window", "strides"),
			choiceArg("padding", "valid", "edges", paddings),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x, k := in[0], a.Int("window")
			if len(x) != 1 { // a mask is pooled like what it belongs to
				if err := isSequence(x, "x"); err != nil {
					return nil, err
				}
			}
			if _, ok := a["stride"]; !ok {
				a["stride"] = k
			}
			t := window(x[0], k, a.Int("stride"), 1, a.Text("padding"))
			if t == 0 {
				return nil, fmt.Errorf("window = %d does not fit into %v; leave this pooling out, use padding = \"same\" or a window of at most %d", k, x, x[0])
			}
			return append(Shape{t}, x[1:]...), nil
		},
	}
}

// directions are the ways along time that a recurrent layer takes.
var directions = []string{"forward", "backward", "both"}

// recurrent declares a recurrent layer of that many gates.
func recurrent(name string, gates int, doc string) Op {
	ways := func(a Attrs) int {
		if a.Text("direction") == "both" {
			return 2
		}
		return 1
	}
	return Op{
		Name: name, Family: familySequence, Inputs: []string{"x"}, Mask: true, HasWeights: true, Only: ForTexts,
		Doc: doc + " Where the mask is 0 the state stays as it is.",
		Args: []Arg{
			intArg("units", nil, "size of the state", "hidden_size", "hidden_dim"),
			choiceArg("direction", "forward", "along time", directions),
			boolArg("sequences", true, "give the states at all positions, not the last alone", "return_sequences"),
			biasArg(), initArg("glorot_uniform"),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x := in[0]
			if err := isSequence(x, "x"); err != nil {
				return nil, err
			}
			if err := fitsMask(in, 1, x); err != nil {
				return nil, err
			}
			out := clampInt(satMul(int64(a.Int("units")), int64(ways(a))))
			if out > MaxDim || a.Int("units") > MaxDim/gates {
				return nil, fmt.Errorf("units = %d is too many; at most %d are allowed", a.Int("units"), MaxDim/gates)
			}
			if !a.Bool("sequences") {
				return Shape{out}, nil
			}
			return Shape{x[0], out}, nil
		},
		weights: func(in []Shape, a Attrs) []Weight { return recurrentWeights(name, gates, ways(a), last(in[0]), a) },
		macs: func(in []Shape, out Shape, a Attrs) int64 {
			c, u := int64(last(in[0])), int64(a.Int("units"))
			return satMul(int64(in[0][0]), int64(ways(a)), int64(gates), satAdd(c, u), u)
		},
		scratch: func(in []Shape, a Attrs) int64 {
			return satMul(int64(in[0][0]), int64(ways(a)), int64(gates), int64(a.Int("units")))
		},
	}
}

// recurrentWeights are, for each way along time, the kernel [C gates*units] and
// the recurrent kernel [units gates*units], in which the gates stand side by
// side: input, forget, cell, output of an lstm, and reset, update, candidate of a
// gru. Each gate is initialised as a layer of its own; the recurrent kernel by
// glorot_uniform, which keeps the state's size from step to step.
func recurrentWeights(name string, gates, ways, c int, a Attrs) []Weight {
	units := a.Int("units")
	var out []Weight
	for _, way := range []string{"", "backward_"}[:ways] {
		w := []Weight{
			{Name: way + "kernel", Shape: Shape{c, gates * units}, Init: a.Text("init"), FanIn: c, FanOut: units, Trainable: true, Decay: true},
			{Name: way + "recurrent", Shape: Shape{units, gates * units}, Init: "glorot_uniform", FanIn: units, FanOut: units, Trainable: true, Decay: true},
		}
		switch {
		case !a.Bool("bias"):
		case name == "lstm": // a forget gate that begins open (Jozefowicz et al. 2015)
			w = append(w, vector(way+"bias", 3*units, "zeros", true), vector(way+"forget_bias", units, "ones", true))
		default:
			w = append(w, vector(way+"bias", 3*units, "zeros", true), vector(way+"recurrent_bias", units, "zeros", true))
		}
		out = append(out, w...)
	}
	return out
}

// fitsMask checks the mask, which is in[at] where there is one, against the
// sequence it belongs to.
func fitsMask(in []Shape, at int, x Shape) error {
	if len(in) <= at {
		return nil
	}
	mask := in[at]
	switch {
	case len(x) != 2:
		return fmt.Errorf("takes a mask for a sequence [T C] alone, and this is %v; leave mask out", x)
	case len(mask) != 1:
		return fmt.Errorf("mask must have the shape [%d], got %v; write mask = token_mask(x), with the x of network(x, classes)", x[0], mask)
	case mask[0] != x[0]:
		return fmt.Errorf("mask %v must be as long as the sequence %v; shorten it as the sequence, as in mask = max_pool1d(mask, 2), or leave it out", mask, x)
	}
	return nil
}
