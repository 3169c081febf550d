package engine

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// convolution is the geometry of a 2-D convolution.
//
// It has a gradient of its own: GoMLX's is wrong by the input for even kernels
// and refuses stride together with dilation.
type convolution struct {
	stride, dilation []int
	pads             [][2]int // low and high, of rows and columns
	apart            *Node    // see [graphBuilder.apart]
}

// grouped convolves x [B H W C] with a kernel [kh kw C/groups F], group by group:
// XLA's own grouped convolution takes up to ten times as long on a CPU.
func (c convolution) grouped(x, kernel *Node, groups int) *Node {
	switch groups {
	case 1:
		return c.apply(x, kernel)
	case x.Shape().Dim(3):
		return c.depthwise(x, kernel)
	}
	c.apart = nil // not a condition for every group
	parts := Split(x, 3, groups)
	for k, k2 := range Split(kernel, 3, groups) {
		parts[k] = c.apply(parts[k], k2)
	}
	return Concatenate(parts, 3)
}

// imageAxes are those of an image [B H W C], of a kernel [kh kw C F] and of what comes out.
var imageAxes = ConvolveAxesConfig{
	InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
	KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
	OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
}

// apply convolves x [B H W C] with a kernel [kh kw C F].
func (c convolution) apply(x, kernel *Node) *Node {
	y := ConvGeneral(x, kernel, imageAxes, c.stride, c.pads, nil, c.dilation, 1, 1)
	return withGradient(y, x, kernel, func(dy *Node) (dx, dKernel *Node) {
		return c.byInput(x, kernel, dy), c.byKernel(x, kernel, dy)
	})
}

// byInput returns the gradient by x: dy, with zeros between its pixels where
// there were strides, convolved with the kernel turned around.
func (c convolution) byInput(x, kernel, dy *Node) *Node {
	axes := ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: 3, KernelOutputChannels: 2,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	pads := c.turnedPads(x, kernel, dy)
	return ConvGeneral(dy, Reverse(kernel, 0, 1), axes, []int{1, 1}, pads, c.stride, c.dilation, 1, 1)
}

// turnedPads pads dy so that the turned kernel gives an image of x's size.
func (c convolution) turnedPads(x, kernel, dy *Node) [][2]int {
	pads := make([][2]int, 2)
	for a := range pads {
		reach := (kernel.Shape().Dim(a) - 1) * c.dilation[a]
		spread := (dy.Shape().Dim(a+1)-1)*c.stride[a] + 1
		low := reach - c.pads[a][0]
		pads[a] = [2]int{low, x.Shape().Dim(a+1) + reach - spread - low}
	}
	return pads
}

// byKernel returns the gradient by the kernel: x convolved with dy, where channels and
// batch have changed places.
//
// XLA would compute what comes before such a transposition once more on the way, pixel
// by pixel in the new order, which takes four to seven times as long on a CPU as to
// compute it and then to transpose: so it is kept from seeing both. In a computation of
// its own a convolution must have imageAxes, to which XLA brings others only in the main one.
func (c convolution) byKernel(x, kernel, dy *Node) *Node {
	pads := make([][2]int, 2)
	for a := range pads {
		reach := (kernel.Shape().Dim(a) - 1) * c.dilation[a]
		spread := (dy.Shape().Dim(a+1)-1)*c.stride[a] + 1
		low := c.pads[a][0]
		pads[a] = [2]int{low, reach + spread - x.Shape().Dim(a+1) - low}
	}
	return c.alone([]*Node{x, dy}, []shapes.Shape{kernel.Shape()}, func(in []*Node) []*Node {
		image, turned := TransposeAllAxes(in[0], 3, 1, 2, 0), TransposeAllAxes(in[1], 1, 2, 0, 3)
		y := ConvGeneral(image, turned, imageAxes, c.dilation, pads, nil, c.stride, 1, 1)
		return []*Node{TransposeAllAxes(y, 1, 2, 0, 3)}
	})[0]
}

// alone returns f of the inputs as a computation of its own where c.apart is set; out are
// the shapes of what f returns, of the inputs' data type. f must not use functions of
// GoMLX that use scalars, which a graph keeps for all its functions, nor reductions.
func (c convolution) alone(in []*Node, out []shapes.Shape, f func(in []*Node) []*Node) []*Node {
	if c.apart == nil {
		return f(in)
	}
	branch := func(f func(zero *Node) []*Node) *Function {
		return NewClosure(c.apart.Graph(), func(g *Graph) []*Node { return f(ConstAsDType(g, out[0].DType, 0.0)) })
	}
	return If(c.apart, branch(func(zero *Node) []*Node {
		// An operation belongs to a branch only if one of its inputs does; hence a padding
		// by nothing with the branch's own zero, which XLA leaves out.
		own := make([]*Node, len(in))
		for k, x := range in {
			own[k] = Pad(x, zero, make([]compute.PadAxis, x.Rank())...)
		}
		return f(own)
	}), branch(func(zero *Node) []*Node {
		nothing := make([]*Node, len(out))
		for k, shape := range out {
			nothing[k] = BroadcastToDims(zero, shape.Dimensions...)
		}
		return nothing
	}))
}

// withGradient is withGradients for two tensors.
func withGradient(y, a, b *Node, gradient func(dy *Node) (da, db *Node)) *Node {
	return withGradients(y, []*Node{a, b}, func(dy *Node) []*Node {
		da, db := gradient(dy)
		return []*Node{da, db}
	})
}

// withGradients returns y, whose gradient by the tensors that it is made of is the
// given function of its own. GoMLX lets only an identity of one tensor have such a
// gradient, so all travel through it as one vector, out of which XLA optimises the
// copies.
func withGradients(y *Node, from []*Node, gradient func(dy *Node) []*Node) *Node {
	pack := func(tensors []*Node) *Node {
		var vectors []*Node
		for _, x := range tensors {
			vectors = append(vectors, Reshape(x, -1))
		}
		return Concatenate(vectors, 0)
	}
	first := 0
	for _, x := range from {
		first += x.Shape().Size()
	}
	packed := pack(append(slices.Clone(from), StopGradient(y)))
	packed = IdentityWithCustomGradient(packed, func(_, adjoint *Node) *Node {
		dy := Reshape(Slice(adjoint, AxisRange(first)), y.Shape().Dimensions...)
		return pack(append(slices.Clone(gradient(dy)), ZerosLike(dy)))
	})
	return Reshape(Slice(packed, AxisRange(first)), slices.Clone(y.Shape().Dimensions)...)
}
