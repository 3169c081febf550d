package engine

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// conv is a 2-D convolution of x [B H W C] with the kernel [kh kw C/groups filters].
func conv(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	x, kernel := in[0], b.weight(i, "kernel")
	window, stride, dilation := n.Attrs.Ints("kernel"), n.Attrs.Ints("stride"), n.Attrs.Ints("dilation")
	groups := n.Attrs.Int("groups")
	var y *Node
	if b.isProduct(n) {
		// A matrix product: about twice as fast as XLA's convolution on a CPU.
		x = strided(x, 0, 0, n.Shape[0], n.Shape[1], stride)
		y = product(x, Reshape(kernel, kernel.Shape().Dimensions[2:]...))
	} else {
		pads := padding(n.Attrs.Text("padding"), x.Shape().Dimensions[1:3], window, stride, dilation)
		y = convolution{stride, dilation, pads, b.apart}.grouped(x, kernel, groups)
	}
	if n.Attrs.Bool("bias") {
		y = addLast(y, b.weight(i, "bias"))
	}
	return y
}

// dense multiplies the last axis of x [B … C] by the kernel [C units].
func dense(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	y := product(in[0], b.weight(i, "kernel"))
	if n.Attrs.Bool("bias") {
		y = addLast(y, b.weight(i, "bias"))
	}
	return y
}

// product multiplies the last axis of x [… C] by w [C U].
func product(x, w *Node) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	last := len(dims) - 1
	y := MatMul(Reshape(x, -1, dims[last]), w)
	dims[last] = w.Shape().Dim(1)
	return Reshape(y, dims...)
}

// addLast adds v [C] to the last axis of x [… C].
func addLast(x, v *Node) *Node { return Add(x, lastAxis(v, x.Rank())) }

// lastAxis gives v [C] the rank by axes of size 1 on the left.
func lastAxis(v *Node, rank int) *Node {
	dims := slices.Repeat([]int{1}, rank)
	dims[rank-1] = v.Shape().Size()
	return Reshape(v, dims...)
}

// padding returns the low and high padding of the two image axes. "same" gives
// ceil(size/stride) outputs, with the odd pixel at the high end, as in XLA and
// TensorFlow.
func padding(kind string, size, window, stride, dilation []int) [][2]int {
	out := make([][2]int, len(size))
	if kind != "same" {
		return out
	}
	for a := range out {
		outputs := (size[a] + stride[a] - 1) / stride[a]
		total := max(0, (outputs-1)*stride[a]+(window[a]-1)*dilation[a]+1-size[a])
		out[a] = [2]int{total / 2, total - total/2}
	}
	return out
}

// strided takes rows×cols pixels of x [B H W C] from (top, left) on, stride apart.
func strided(x *Node, top, left, rows, cols int, stride []int) *Node {
	dims := x.Shape().Dimensions
	if top == 0 && left == 0 && rows == dims[1] && cols == dims[2] {
		return x
	}
	return Slice(x, AxisRange(),
		AxisRange(top, top+(rows-1)*stride[0]+1).Stride(stride[0]),
		AxisRange(left, left+(cols-1)*stride[1]+1).Stride(stride[1]))
}

func maxPool(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
	x, window, stride := in[0], n.Attrs.Ints("window"), n.Attrs.Ints("stride")
	pads := padding(n.Attrs.Text("padding"), x.Shape().Dimensions[1:3], window, stride, []int{1, 1})
	if tiles(window, stride, pads) && window[0]*window[1] <= 9 && (b.training || b.joins(i)) {
		// The maximum of shifted copies. On a CPU the gradient of XLA's window takes twice
		// as long; and without one XLA draws what is joined into the window, up to a tenth
		// slower, where after a mere convolution the window is a tenth faster.
		var out *Node
		for top := range window[0] {
			for left := range window[1] {
				part := strided(x, top, left, n.Shape[0], n.Shape[1], stride)
				if out == nil {
					out = part
				} else {
					out = Max(out, part)
				}
			}
		}
		return out
	}
	return MaxPool(x).WindowPerAxis(window...).StridePerAxis(stride...).PaddingPerDim(pads).Done()
}

func avgPool(_ *graphBuilder, _ int, n arch.Node, in []*Node) *Node {
	x, window, stride := in[0], n.Attrs.Ints("window"), n.Attrs.Ints("stride")
	dims := x.Shape().Dimensions
	pads := padding(n.Attrs.Text("padding"), dims[1:3], window, stride, []int{1, 1})
	if tiles(window, stride, pads) {
		rows, cols := n.Shape[0], n.Shape[1]
		x = strided(x, 0, 0, rows*window[0], cols*window[1], []int{1, 1})
		x = Reshape(x, dims[0], rows, window[0], cols, window[1], dims[3])
		return ReduceMean(x, 2, 4)
	}
	// MeanPool divides by the pixels inside the image, never by padding.
	return MeanPool(x).WindowPerAxis(window...).StridePerAxis(stride...).PaddingPerDim(pads).Done()
}

// tiles reports whether windows neither overlap nor reach beyond the image.
func tiles(window, stride []int, pads [][2]int) bool {
	return slices.Equal(window, stride) && pads[0] == [2]int{} && pads[1] == [2]int{}
}
