package engine

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// depthwise is the convolution of every channel on its own, as a sum of shifted
// images times a weight per channel, with a gradient of the same form: XLA's
// convolution takes several times as long on a CPU. x is [B H W C], the kernel
// [kh kw 1 C·m]; output channel c·m+k belongs to input channel c.
func (c convolution) depthwise(x, kernel *Node) *Node {
	rows, cols := c.outputs(x, kernel, 0), c.outputs(x, kernel, 1)
	y := shifts(padImage(x, c.pads, []int{1, 1}), kernel, c.stride, c.dilation, rows, cols)
	return withGradient(y, x, kernel, func(dy *Node) (dx, dKernel *Node) {
		return c.depthwiseByInput(x, kernel, dy), c.depthwiseByKernel(x, kernel, dy)
	})
}

// outputs returns the size of the output along an image axis.
func (c convolution) outputs(x, kernel *Node, axis int) int {
	reach := (kernel.Shape().Dim(axis)-1)*c.dilation[axis] + 1
	return (x.Shape().Dim(axis+1)+c.pads[axis][0]+c.pads[axis][1]-reach)/c.stride[axis] + 1
}

// shifts sums over the kernel's positions: the padded x from there on, times the
// weight of that position.
func shifts(x, kernel *Node, stride, dilation []int, rows, cols int) *Node {
	dims := kernel.Shape().Dimensions
	channels := x.Shape().Dim(3)
	multiplier := dims[3] / channels
	var sum *Node
	for i := range dims[0] {
		for j := range dims[1] {
			part := strided(x, i*dilation[0], j*dilation[1], rows, cols, stride)
			weight := Reshape(Slice(kernel, AxisElem(i), AxisElem(j)), 1, 1, 1, channels, multiplier)
			term := Mul(ExpandAxes(part, -1), weight)
			if sum == nil {
				sum = term
			} else {
				sum = Add(sum, term)
			}
		}
	}
	return Reshape(sum, x.Shape().Dim(0), rows, cols, dims[3])
}

// depthwiseByInput is the turned kernel's shifts over dy, its multiplied channels summed.
func (c convolution) depthwiseByInput(x, kernel, dy *Node) *Node {
	dims := kernel.Shape().Dimensions
	channels := x.Shape().Dim(3)
	wide := shifts(padImage(dy, c.turnedPads(x, kernel, dy), c.stride), Reverse(kernel, 0, 1), []int{1, 1}, c.dilation, x.Shape().Dim(1), x.Shape().Dim(2))
	if dims[3] == channels {
		return wide
	}
	split := append(wide.Shape().Clone().Dimensions[:3], channels, dims[3]/channels)
	return ReduceSum(Reshape(wide, split...), -1)
}

// depthwiseByKernel sums, for each position of the kernel, the products of dy and
// the shifted x. XLA's library of fused kernels, which sums, wants every shifted x as a
// copy; so the products of several rows are first added up apart from it, without one.
func (c convolution) depthwiseByKernel(x, kernel, dy *Node) *Node {
	dims := kernel.Shape().Dimensions
	channels := x.Shape().Dim(3)
	rows, cols := dy.Shape().Dim(1), dy.Shape().Dim(2)
	padded := padImage(x, c.pads, []int{1, 1})
	dy = Reshape(dy, dy.Shape().Dim(0), rows, cols, channels, dims[3]/channels)
	together := c.together(rows, dims[0]*dims[1], dy.DType())
	if together == 1 {
		c.apart = nil
	}
	partly := dy.Shape().Clone()
	partly.Dimensions[1] /= together
	products := c.alone([]*Node{padded, dy}, slices.Repeat([]shapes.Shape{partly}, dims[0]*dims[1]), func(in []*Node) (products []*Node) {
		padded, dy := in[0], in[1]
		var every []*Node // of so many rows of dy, the k-th
		for k := range together {
			every = append(every, Slice(dy, AxisRange(), AxisRange(k).Stride(together)))
		}
		for i := range dims[0] {
			for j := range dims[1] {
				var sum *Node
				for k, dy := range every {
					part := strided(padded, i*c.dilation[0]+k*c.stride[0], j*c.dilation[1], rows/together, cols, []int{c.stride[0] * together, c.stride[1]})
					term := Mul(ExpandAxes(part, -1), dy)
					if sum == nil {
						sum = term
					} else {
						sum = Add(sum, term)
					}
				}
				products = append(products, sum)
			}
		}
		return products
	})
	for k, product := range products {
		products[k] = Reshape(ReduceSum(product, 0, 1, 2), 1, dims[3])
	}
	return Reshape(Concatenate(products, 0), dims...)
}

// together is how many of the rows are added up before they are summed: a divisor of
// them. It is 1 for a large kernel, of which too much would have to be compiled and kept,
// on a GPU, which needs no copies, and in bfloat16, which loses in additions.
func (c convolution) together(rows, positions int, dtype dtypes.DType) int {
	if c.apart == nil || dtype == dtypes.BFloat16 {
		return 1
	}
	n := min(16, max(1, 150/positions))
	for rows%n > 0 {
		n--
	}
	if positions > 2*n { // the sums would be more than twice as large as dy
		return 1
	}
	return n
}

// padImage surrounds x [B H W C] with zeros and puts its pixels spread apart.
func padImage(x *Node, pads [][2]int, spread []int) *Node {
	axes := make([]compute.PadAxis, 4)
	needed := false
	for a := range pads {
		axes[a+1] = compute.PadAxis{Start: pads[a][0], End: pads[a][1], Interior: spread[a] - 1}
		needed = needed || pads[a] != [2]int{} || spread[a] > 1
	}
	if !needed {
		return x
	}
	return Pad(x, ScalarZero(x.Graph(), x.DType()), axes...)
}
