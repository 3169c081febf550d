package arch

import "fmt"

// Pooling and resizing.
var poolOps = []Op{
	pool("max_pool", "Largest element of each window of an image [H W C]."),
	pool("avg_pool", "Mean of each window of an image [H W C]; padding is not counted."),
	globalPool("global_avg_pool", "Mean over all axes but the last: [H W C] or [T C] gives [C]. Positions at which the mask is 0 are not counted."),
	globalPool("global_max_pool", "Largest element over all axes but the last: [H W C] or [T C] gives [C]. Positions at which the mask is 0 are not counted."),
	{
		Name: "upsample", Family: familyPool, Inputs: []string{"x"}, Only: ForImages,
		Doc: "Enlarges an image [H W C] to [H*factor W*factor C].",
		Args: []Arg{
			pairArg("factor", 2, "times the height and width", "scale", "scale_factor", "size"),
			choiceArg("method", "nearest", "interpolation", []string{"nearest", "bilinear"}, "mode", "interpolation"),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x, f := in[0], a.Ints("factor")
			if err := isImage(x); err != nil {
				return nil, err
			}
			h, w := satMul(int64(x[0]), int64(f[0])), satMul(int64(x[1]), int64(f[1]))
			return Shape{clampInt(h), clampInt(w), x[2]}, nil
		},
	},
}

func pool(name, doc string) Op {
	return Op{
		Name: name, Family: familyPool, Inputs: []string{"x"}, Doc: doc, Only: ForImages,
		Args: []Arg{
			pairArg("window", 2, "height and width", "pool_size", "kernel", "kernel_size", "size"),
			pairArg("stride", Derived("window"), "step of the window", "strides"),
			choiceArg("padding", "valid", "edges", paddings),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x, k, pad := in[0], a.Ints("window"), a.Text("padding")
			if err := isImage(x); err != nil {
				return nil, err
			}
			if _, ok := a["stride"]; !ok {
				a["stride"] = []int{k[0], k[1]}
			}
			s := a.Ints("stride")
			out := Shape{window(x[0], k[0], s[0], 1, pad), window(x[1], k[1], s[1], 1, pad), x[2]}
			if out[0] == 0 || out[1] == 0 {
				return nil, fmt.Errorf("window = %v does not fit into %v; leave this pooling out, use padding = \"same\" or a window of at most %v", k, x, x[:2])
			}
			return out, nil
		},
	}
}

func globalPool(name, doc string) Op {
	return Op{
		Name: name, Family: familyPool, Inputs: []string{"x"}, Doc: doc, Mask: true,
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x := in[0]
			if len(x) < 2 {
				return nil, fmt.Errorf("needs [H W C] or [T C], got %v; it is pooled already, leave it out", x)
			}
			return Shape{last(x)}, fitsMask(in, 1, x)
		},
	}
}

// Regularisation: random in training, nothing in inference.
var noiseOps = []Op{
	{
		Name: "dropout", Family: familyNoise, Inputs: []string{"x"}, Random: true,
		Doc:   "In training sets that share of the elements to 0 and scales the others up.",
		Args:  []Arg{floatArg("rate", 0.5, 0, 0.99, "share of the elements", "p")},
		shape: sameShape,
	},
	{
		Name: "drop_path", Family: familyNoise, Inputs: []string{"x"}, Random: true,
		Doc:   "Stochastic depth: in training sets the whole tensor to 0 for that share of the samples. For the branch of a residual block.",
		Args:  []Arg{floatArg("rate", 0.1, 0, 0.99, "share of the samples", "p")},
		shape: sameShape,
	},
}
