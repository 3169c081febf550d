package arch

import (
	"fmt"
	"math"
	"slices"
)

// Arithmetic. The operators + - * / and unary - stand for add, sub, mul, div
// and a product with -1.
var mathOps = []Op{
	binary("add", true, "a + b, broadcasting."),
	binary("sub", false, "a - b, broadcasting."),
	binary("mul", true, "a * b, broadcasting: x * gate scales the channels of [H W C] by a gate [C]."),
	binary("div", false, "a / b, broadcasting."),
	binary("maximum", true, "The larger of a and b, elementwise, broadcasting."),
	binary("minimum", true, "The smaller of a and b, elementwise, broadcasting."),
	reduction("mean", "Mean over the named axes, by default all."),
	reduction("max", "Largest element over the named axes, by default all; without a tensor, Python's max."),
	elementwise("sqrt", familyMath, "Square root; x must not be negative."),
	elementwise("exp", familyMath, "e to the power of x."),
	elementwise("abs", familyMath, "Absolute value."),
	elementwise("square", familyMath, "x * x."),
	{
		Name: "matmul", Family: familyMath, Inputs: []string{"a", "b"},
		Doc:   "Matrix product: a [... M K] and b [... K N] give [... M N]; the axes before broadcast.",
		Args:  []Arg{boolArg("transpose_b", false, "b is [... N K]")},
		shape: matmulShape,
		macs:  func(in []Shape, out Shape, a Attrs) int64 { return satMul(elements(out), int64(last(in[0]))) },
	},
	{
		Name: "constant", Family: familyMath,
		Doc:   "A number as a tensor of shape []. Numbers in arithmetic are turned into it: x * 0.5.",
		Args:  []Arg{floatArg("value", nil, -math.MaxFloat32, math.MaxFloat32, "the number")},
		shape: func(in []Shape, a Attrs) (Shape, error) { return Shape{}, nil },
	},
}

// internalOps are nodes that no function call makes.
var internalOps = []Op{{
	Name: "input", Doc: "The sample: the x of network(x, classes).", Internal: true,
}}

func binary(name string, commutative bool, doc string) Op {
	return Op{
		Name: name, Family: familyMath, Doc: doc, Inputs: []string{"a", "b"}, Numbers: true, Commutative: commutative,
		shape: func(in []Shape, a Attrs) (Shape, error) { return broadcast(in[0], in[1]) },
	}
}

func reduction(name, doc string) Op {
	return Op{
		Name: name, Family: familyMath, Doc: doc, Inputs: []string{"x"},
		Args: []Arg{
			{Name: "axes", Kind: KindInts, Default: Derived("all"), Doc: "axes to reduce; 0 is the first after the batch", Min: -MaxRank, Max: MaxRank - 1, Aliases: []string{"axis", "dim"}},
			boolArg("keepdims", false, "keep the axes, with size 1", "keepdim", "keep_dims"),
		},
		shape: func(in []Shape, a Attrs) (Shape, error) {
			x := in[0]
			if err := hasAxes(x, 1); err != nil {
				return nil, err
			}
			if err := negativeAxes(x, a, "axes"); err != nil {
				return nil, err
			}
			out := Shape{}
			for i, d := range x {
				switch {
				case !slices.Contains(a.Ints("axes"), i-len(x)):
					out = append(out, d)
				case a.Bool("keepdims"):
					out = append(out, 1)
				}
			}
			return out, nil
		},
	}
}

func matmulShape(in []Shape, a Attrs) (Shape, error) {
	x, y := in[0], in[1]
	if len(x) < 2 || len(y) < 2 {
		return nil, fmt.Errorf("needs two tensors of at least two axes, got %v and %v", x, y)
	}
	k, n := y[len(y)-2], y[len(y)-1]
	if a.Bool("transpose_b") {
		k, n = n, k
	}
	if last(x) != k {
		return nil, fmt.Errorf("cannot multiply %v by %v with transpose_b = %s: the inner sizes are %d and %d; %s", x, y,
			show(a.Bool("transpose_b")), last(x), k, matmulMend(x, y, a.Bool("transpose_b")))
	}
	lead, err := broadcast(x[:len(x)-2], y[:len(y)-2])
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(lead), x[len(x)-2], n), nil
}

func matmulMend(x, y Shape, transposed bool) string {
	other := last(y)
	if transposed {
		other = y[len(y)-2]
	}
	if other == last(x) {
		return fmt.Sprintf("write transpose_b = %s", show(!transposed))
	}
	return "they must be equal; dense changes the last axis"
}
