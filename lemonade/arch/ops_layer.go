package arch

import (
	"fmt"
	"math"
	"slices"
)

// Operations with kernels: convolutions, dense layers, attention, and free parameters.
var layerOps = []Op{
	{
		Name: "conv", Family: familyLayer, Inputs: []string{"x"}, HasWeights: true, Only: ForImages,
		Doc: "2-D convolution of an image [H W C]; gives [H' W' filters]. Padding \"same\" keeps H and W at stride 1. With groups, C and filters are split into that many separate convolutions.",
		Args: []Arg{
			intArg("filters", nil, "output channels", "channels", "out_channels"),
			pairArg("kernel", 3, "window height and width", "kernel_size"),
			pairArg("stride", 1, "step of the window", "strides"),
			pairArg("dilation", 1, "spacing of the window's elements", "dilation_rate"),
			intArg("groups", 1, "separate groups of channels"),
			choiceArg("padding", "same", "edges", paddings),
			biasArg(), initArg("he_normal"),
		},
		shape: convShape, weights: convWeights, macs: convMACs,
	},
	{
		Name: "depthwise_conv", Family: familyLayer, Inputs: []string{"x"}, HasWeights: true, Surface: true, Only: ForImages,
		Doc: "2-D convolution of each channel of [H W C] on its own; gives [H' W' C*multiplier].",
		Args: []Arg{
			pairArg("kernel", 3, "window height and width", "kernel_size"),
			pairArg("stride", 1, "step of the window", "strides"),
			pairArg("dilation", 1, "spacing of the window's elements", "dilation_rate"),
			intArg("multiplier", 1, "output channels per input channel", "depth_multiplier"),
			choiceArg("padding", "same", "edges", paddings),
			biasArg(), initArg("he_normal"),
		},
	},
	{
		Name: "dense", Family: familyLayer, Inputs: []string{"x"}, HasWeights: true,
		Doc: "Fully connected layer on the last axis of any tensor: [... C] gives [... units].",
		Args: []Arg{
			intArg("units", nil, "size of the new last axis", "features", "out_features"),
			biasArg(), initArg("he_normal"),
		},
		shape: denseShape, weights: denseWeights,
		macs: func(in []Shape, out Shape, a Attrs) int64 { return satMul(elements(out), int64(last(in[0]))) },
	},
	{
		Name: "attention", Family: familyLayer, Inputs: []string{"query", "key", "value"}, Optional: 2, Mask: true, HasWeights: true,
		Doc: "Multi-head scaled dot-product attention with its projections: query [Tq Cq], key [Tk Ck] and value [Tk Cv] give [Tq units]. attention(x) is self-attention; key defaults to query, value to key. Keys at which the mask is 0 are not looked at.",
		Args: []Arg{
			intArg("heads", 4, "number of heads", "num_heads"),
			intArg("key_dim", Derived("Cq // heads"), "size of one head", "head_dim"),
			intArg("units", Derived("Cq"), "size of the output's last axis"),
			biasArg(), initArg("glorot_uniform"),
		},
		shape: attentionShape, weights: attentionWeights, macs: attentionMACs,
	},
	{
		Name: "parameter", Family: familyLayer, HasWeights: true,
		Doc: "A learned tensor of the given shape, the same for every sample: scales, class tokens, position embeddings. Broadcasts like any other.",
		Args: []Arg{
			{Name: "shape", Kind: KindInts, Doc: "its shape", Min: 1, Max: MaxDim},
			initArg("normal"),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) { return Shape(a.Ints("shape")), nil },
		weights: func(in []Shape, a Attrs) []Weight {
			s := Shape(slices.Clone(a.Ints("shape")))
			out := last(s)
			return []Weight{{
				Name: "value", Shape: s, Init: a.Text("init"), Trainable: true, Decay: len(s) >= 2,
				FanIn: clampInt(max(elements(s)/int64(out), 1)), FanOut: out,
			}}
		},
	},
}

var paddings = []string{"same", "valid"}

// window returns the output size of a window that slides over an axis, by the
// rules of TensorFlow and XLA: ceil(size/stride) for "same", and for "valid" the
// number of whole windows.
func window(size, kernel, stride, dilation int, padding string) int {
	if padding == "same" {
		return (size + stride - 1) / stride
	}
	span := int64(kernel-1)*int64(dilation) + 1
	if span > int64(size) {
		return 0
	}
	return (size-int(span))/stride + 1
}

func convShape(in []Shape, a Attrs) (Shape, error) {
	x, filters, groups := in[0], a.Int("filters"), a.Int("groups")
	if err := isImage(x); err != nil {
		return nil, err
	}
	if x[2]%groups != 0 {
		return nil, fmt.Errorf("groups = %d does not divide the %d channels of %v; use one of %v", groups, x[2], x, divisors(x[2]))
	}
	if filters%groups != 0 {
		return nil, fmt.Errorf("groups = %d does not divide filters = %d; use one of %v", groups, filters, commonDivisors(filters, x[2]))
	}
	k, s, d, pad := a.Ints("kernel"), a.Ints("stride"), a.Ints("dilation"), a.Text("padding")
	out := Shape{window(x[0], k[0], s[0], d[0], pad), window(x[1], k[1], s[1], d[1], pad), filters}
	if out[0] == 0 || out[1] == 0 {
		return nil, fmt.Errorf("kernel = %v with dilation = %v does not fit into %v; use padding = \"same\" or a kernel of at most %v", k, d, x, x[:2])
	}
	return out, nil
}

func convWeights(in []Shape, a Attrs) []Weight {
	k, filters, groups, c := a.Ints("kernel"), a.Int("filters"), a.Int("groups"), last(in[0])
	area := satMul(int64(k[0]), int64(k[1]))
	w := []Weight{{
		Name: "kernel", Shape: Shape{k[0], k[1], c / groups, filters}, Init: a.Text("init"), Trainable: true, Decay: true,
		FanIn: clampInt(satMul(area, int64(c/groups))), FanOut: clampInt(satMul(area, int64(filters/groups))),
	}}
	return withBias(w, "bias", filters, a)
}

func convMACs(in []Shape, out Shape, a Attrs) int64 {
	k := a.Ints("kernel")
	return satMul(elements(out), int64(k[0]), int64(k[1]), int64(last(in[0])/a.Int("groups")))
}

func denseShape(in []Shape, a Attrs) (Shape, error) {
	x := in[0]
	if len(x) == 0 {
		return nil, fmt.Errorf("needs at least one axis, got a single number []")
	}
	return append(append(Shape{}, x[:len(x)-1]...), a.Int("units")), nil
}

func denseWeights(in []Shape, a Attrs) []Weight {
	c, units := last(in[0]), a.Int("units")
	w := []Weight{kernel("kernel", c, units, a)}
	return withBias(w, "bias", units, a)
}

func attentionShape(in []Shape, a Attrs) (Shape, error) {
	for i, name := range []string{"query", "key", "value"} {
		if err := isSequence(in[i], name); err != nil {
			return nil, err
		}
	}
	q, k, v := in[0], in[1], in[2]
	if k[0] != v[0] {
		return nil, fmt.Errorf("key %v and value %v must have the same length, their first axis", k, v)
	}
	if err := fitsMask(in, 3, k); err != nil {
		return nil, err
	}
	heads := a.Int("heads")
	if _, ok := a["key_dim"]; !ok {
		if q[1] < heads {
			return nil, fmt.Errorf("heads = %d is more than the %d channels of query %v; use fewer heads or give key_dim", heads, q[1], q)
		}
		a["key_dim"] = q[1] / heads
	}
	if _, ok := a["units"]; !ok {
		a["units"] = q[1]
	}
	if inner := satMul(int64(heads), int64(a.Int("key_dim"))); inner > MaxDim {
		return nil, fmt.Errorf("heads * key_dim is %d; at most %d is allowed", inner, MaxDim)
	}
	if scores := satMul(int64(heads), int64(q[0]), int64(k[0])); scores > MaxElements {
		return nil, fmt.Errorf("the scores [%d %d %d] of query %v and key %v are more than %d elements; shorten the sequence first", heads, q[0], k[0], q, k, MaxElements)
	}
	return Shape{q[0], a.Int("units")}, nil
}

func attentionWeights(in []Shape, a Attrs) []Weight {
	inner, units := a.Int("heads")*a.Int("key_dim"), a.Int("units")
	w := []Weight{
		kernel("query", last(in[0]), inner, a), kernel("key", last(in[1]), inner, a),
		kernel("value", last(in[2]), inner, a), kernel("output", inner, units, a),
	}
	w = withBias(w, "query_bias", inner, a)
	w = withBias(w, "key_bias", inner, a)
	w = withBias(w, "value_bias", inner, a)
	return withBias(w, "output_bias", units, a)
}

// attentionMACs counts the four projections, query·key and scores·value.
func attentionMACs(in []Shape, out Shape, a Attrs) int64 {
	q, k, v := in[0], in[1], in[2]
	inner := int64(a.Int("heads") * a.Int("key_dim"))
	tq, tk := int64(q[0]), int64(k[0])
	sum := satMul(tq, int64(q[1]), inner)
	for _, m := range []int64{
		satMul(tk, int64(k[1]), inner), satMul(tk, int64(v[1]), inner),
		satMul(2, tq, tk, inner), satMul(tq, inner, int64(a.Int("units"))),
	} {
		sum = satAdd(sum, m)
	}
	return sum
}

// kernel is a matrix [in out] that multiplies the last axis.
func kernel(name string, in, out int, a Attrs) Weight {
	return Weight{Name: name, Shape: Shape{in, out}, Init: a.Text("init"), FanIn: in, FanOut: out, Trainable: true, Decay: true}
}

func withBias(w []Weight, name string, size int, a Attrs) []Weight {
	if !a.Bool("bias") {
		return w
	}
	return append(w, vector(name, size, "zeros", true))
}

// vector is a weight of one axis: a bias, a norm's scale, offset or average.
func vector(name string, size int, init string, trainable bool) Weight {
	return Weight{Name: name, Shape: Shape{size}, Init: init, FanIn: size, FanOut: size, Trainable: trainable}
}

func clampInt(n int64) int { return int(min(n, math.MaxInt32)) }

// last returns the size of the last axis, 1 for a scalar.
func last(s Shape) int {
	if len(s) == 0 {
		return 1
	}
	return s[len(s)-1]
}
