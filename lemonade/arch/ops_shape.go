package arch

import (
	"fmt"
	"slices"
)

// Operations that move elements without computing.
var shapeOps = []Op{
	{
		Name: "flatten", Family: familyShape, Inputs: []string{"x"},
		Doc: "All elements on one axis.",
		shape: func(in []Shape, a Attrs) (Shape, error) {
			return Shape{clampInt(elements(in[0]))}, nil
		},
	},
	{
		Name: "reshape", Family: familyShape, Inputs: []string{"x"},
		Doc:   "The same elements in another shape, without the batch axis; one size may be -1.",
		Args:  []Arg{{Name: "shape", Kind: KindInts, Doc: "the new shape", Min: -1, Max: MaxElements}},
		shape: reshapeShape,
	},
	{
		Name: "transpose", Family: familyShape, Inputs: []string{"x"},
		Doc:   "Reorders the axes: axis i of the result is axis axes[i] of x.",
		Args:  []Arg{{Name: "axes", Kind: KindInts, Default: Derived("reversed"), Doc: "permutation of the axes, 0 is the first after the batch", Min: -MaxRank, Max: MaxRank - 1, Aliases: []string{"perm"}}},
		shape: transposeShape,
	},
	{
		Name: "concat", Family: familyShape, Inputs: []string{"xs"}, Variadic: true,
		Doc:   "Joins two or more tensors along an axis: concat([a, b]).",
		Args:  []Arg{axisArg(-1, "axis to join along")},
		shape: concatShape,
	},
	{
		Name: "slice", Family: familyShape, Inputs: []string{"x"},
		Doc: "Elements start to stop (exclusive) of one axis, as x[start:stop:step] in Python.",
		Args: []Arg{
			{Name: "start", Kind: KindInt, Default: 0, Doc: "first index", Min: -MaxElements, Max: MaxElements},
			{Name: "stop", Kind: KindInt, Default: Derived("the axis's size"), Doc: "index after the last", Min: -MaxElements, Max: MaxElements, Aliases: []string{"end"}},
			axisArg(-1, "axis to cut"),
			intArg("step", 1, "take every step-th"),
		},
		shape: sliceShape,
	},
	{
		Name: "split", Family: familyShape, Inputs: []string{"x"}, Surface: true,
		Doc: "A list of slices along an axis: equal ones, or of the sizes given.",
		Args: []Arg{
			{Name: "parts", Kind: KindInts, Doc: "number of equal parts, or a list of sizes", Min: 1, Max: MaxDim, Aliases: []string{"sections", "num"}},
			axisArg(-1, "axis to cut"),
		},
	},
	{
		Name: "channel_shuffle", Family: familyShape, Inputs: []string{"x"},
		Doc:  "Interleaves the groups of the last axis, so that grouped convolutions exchange channels.",
		Args: []Arg{intArg("groups", 2, "groups of channels; must divide C")},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			if err := hasAxes(in[0], 1); err != nil {
				return nil, err
			}
			return in[0], dividesChannels(in[0], a.Int("groups"))
		},
	},
}

func reshapeShape(in []Shape, a Attrs) (Shape, error) {
	x, want := in[0], slices.Clone(a.Ints("shape"))
	unknown, rest := -1, int64(1)
	for i, d := range want {
		switch {
		case d == -1 && unknown < 0:
			unknown = i
		case d == -1:
			return nil, fmt.Errorf("only one size of shape = %v may be -1", want)
		case d == 0:
			return nil, fmt.Errorf("shape = %v has a size of 0", want)
		default:
			rest = satMul(rest, int64(d))
		}
	}
	size := elements(x)
	if unknown >= 0 {
		if size%rest != 0 {
			return nil, fmt.Errorf("%v has %d elements, which the other sizes of shape = %v, together %d, do not divide", x, size, want, rest)
		}
		want[unknown] = clampInt(size / rest)
		rest = size
	}
	if rest != size {
		return nil, fmt.Errorf("%v has %d elements, shape = %v has %d; the batch axis is not written, and one size may be -1", x, size, want, rest)
	}
	a["shape"] = want
	return Shape(want), nil
}

func transposeShape(in []Shape, a Attrs) (Shape, error) {
	x := in[0]
	if err := hasAxes(x, 1); err != nil {
		return nil, err
	}
	axes, ok := a["axes"].([]int)
	if !ok {
		for i := range x {
			axes = append(axes, len(x)-1-i)
		}
	}
	axes = slices.Clone(axes)
	seen := make([]bool, len(x))
	out := make(Shape, len(axes))
	for i, axis := range axes {
		if axis < 0 {
			axis += len(x)
		}
		if axis < 0 || axis >= len(x) || seen[axis] || len(axes) != len(x) {
			return nil, fmt.Errorf("axes = %v must name each of the axes 0 to %d of %v once; the batch axis is not counted", a["axes"], len(x)-1, x)
		}
		seen[axis], axes[i], out[i] = true, axis, x[axis]
	}
	a["axes"] = axes
	return out, nil
}

func concatShape(in []Shape, a Attrs) (Shape, error) {
	axis, err := negativeAxis(in[0], a.Int("axis"))
	if err != nil {
		return nil, err
	}
	out := slices.Clone(in[0])
	at := len(out) + axis
	total := int64(out[at])
	for _, s := range in[1:] {
		fits := len(s) == len(out)
		for i := range s {
			fits = fits && (i == at || s[i] == out[i])
		}
		if !fits {
			return nil, fmt.Errorf("cannot join %v and %v along axis %d: all other axes must be equal", in[0], s, axis)
		}
		total = satAdd(total, int64(s[at]))
	}
	out[at] = clampInt(total)
	a["axis"] = axis
	return out, nil
}

func sliceShape(in []Shape, a Attrs) (Shape, error) {
	x := in[0]
	axis, err := negativeAxis(x, a.Int("axis"))
	if err != nil {
		return nil, err
	}
	size := x[len(x)+axis]
	start, step, stop := a.Int("start"), a.Int("step"), size
	if s, ok := a["stop"].(int); ok {
		stop = s
	}
	if start < 0 {
		start += size
	}
	if stop < 0 {
		stop += size
	}
	if start < 0 || stop > size || start >= stop {
		return nil, fmt.Errorf("[%v:%v] takes nothing or too much of axis %d of %v, whose size is %d; 0 <= start < stop <= %d must hold", a["start"], stopText(a), axis, x, size, size)
	}
	n := (stop-start-1)/step + 1
	if n == 1 {
		step = 1
	}
	// The smallest stop that takes the same elements, so that equal slices are equal.
	a["axis"], a["start"], a["stop"], a["step"] = axis, start, start+(n-1)*step+1, step
	out := slices.Clone(x)
	out[len(x)+axis] = n
	return out, nil
}

func stopText(a Attrs) any {
	if s, ok := a["stop"]; ok {
		return s
	}
	return ""
}
