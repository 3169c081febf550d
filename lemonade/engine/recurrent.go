package engine

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Recurrent layers.
//
// Time is a loop of the compiled program, not a copy of the cell for every step:
// BenchmarkRecurrent compares the two. GoMLX's While has no gradient, so each cell
// brings its own: the states of all steps are kept, everything of the gradient
// that does not hang on the step behind is computed for all steps at once, and a
// second loop goes back through time. In loops and around them tensors are
// [T B …], time first, and float32 where activations are bfloat16: a state is
// rounded at every step.

// cell is one way of a recurrent layer through time.
type cell struct {
	inputs    *Node // [T B gates·units]: the inputs' products with the kernel, with the bias
	recurrent *Node // [units gates·units]
	bias      *Node // [units]: of the state's product with a gru's candidate; nil for none
	mask      *Node // [T B 1]: 1 where the state changes, 0 where it stays; nil for everywhere
}

// recurrentLayer builds an lstm or a gru of x [B T C].
func recurrentLayer(states func(cell) *Node) buildFunc {
	return func(b *graphBuilder, i int, n arch.Node, in []*Node) *Node {
		in = b.sameBatch(in...)
		x := Transpose(in[0], 0, 1)
		var mask *Node
		if len(in) > 1 {
			mask = ExpandAxes(ConvertDType(Transpose(keeps(in[1]), 0, 1), b.state()), -1)
		}
		var ways []*Node
		for _, way := range waysOf(n.Attrs.Text("direction")) {
			ways = append(ways, b.way(i, n, x, mask, way, states))
		}
		y := ConvertDType(Concatenate(ways, -1), b.compute)
		if n.Attrs.Bool("sequences") {
			return Transpose(y, 0, 1)
		}
		return y
	}
}

// waysOf lists the prefixes of the weights of each way through time.
func waysOf(direction string) []string {
	switch direction {
	case "both":
		return []string{"", "backward_"}
	default:
		return []string{""}
	}
}

// way returns the states [T B units] of one way of node i, or the last one [B units].
func (b *graphBuilder) way(i int, n arch.Node, x, mask *Node, prefix string, states func(cell) *Node) *Node {
	backward := prefix != "" || n.Attrs.Text("direction") == "backward"
	c := cell{inputs: product(x, b.weight(i, prefix+"kernel")), recurrent: b.inState(b.master(i, prefix+"recurrent")), mask: mask}
	c.inputs = b.inState(c.inputs)
	if n.Attrs.Bool("bias") {
		bias := b.inState(b.master(i, prefix+"bias"))
		units := n.Attrs.Int("units")
		if n.Op == "lstm" { // the forget gate's bias is a weight of its own
			forget := b.inState(b.master(i, prefix+"forget_bias"))
			bias = Concatenate([]*Node{Slice(bias, AxisRange(0, units)), forget, Slice(bias, AxisRange(units))}, 0)
		} else {
			c.bias = b.inState(b.master(i, prefix+"recurrent_bias"))
		}
		c.inputs = addLast(c.inputs, bias)
	}
	h := c.along(backward, states)
	if n.Attrs.Bool("sequences") {
		return h
	}
	if backward {
		return Squeeze(Slice(h, AxisRange(0, 1)), 0)
	}
	return Squeeze(Slice(h, AxisRange(-1)), 0)
}

// state is the data type of states.
func (b *graphBuilder) state() dtypes.DType {
	if b.compute == dtypes.BFloat16 {
		return dtypes.Float32
	}
	return b.compute
}

func (b *graphBuilder) inState(x *Node) *Node { return ConvertDType(x, b.state()) }

// along runs the cell through time. GoMLX has no gradient of Reverse; reversed
// twice, before a slice of the reversal and behind it, it needs none of its own.
func (c cell) along(backward bool, states func(cell) *Node) *Node {
	if !backward {
		return states(c)
	}
	c.inputs = reversed(c.inputs)
	if c.mask != nil {
		c.mask = Reverse(c.mask, 0)
	}
	return reversed(states(c))
}

// reversed turns the first axis around, with its gradient, which is the same.
func reversed(x *Node) *Node {
	return withGradients(Reverse(x, 0), []*Node{x}, func(dy *Node) []*Node { return []*Node{Reverse(dy, 0)} })
}

// keeps is true where a mask [B T] is above 0.
func keeps(mask *Node) *Node { return StopGradient(GreaterThan(mask, ZerosLike(mask))) }

// lstmStates returns the states [T B units] of a long short-term memory
// (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).
func lstmStates(c cell) *Node {
	t, b, u := c.dims(4)
	zero := c.zeros(b, u)
	_, kept := loop(t, false, []*Node{zero, zero}, c.steps(c.inputs), []*Node{c.recurrent}, []shapes.Shape{zero.Shape(), zero.Shape()},
		func(state, in, fixed []*Node) (next, out []*Node) {
			h, m := state[0], state[1]
			gates := Split(Add(in[0], Dot(h, fixed[0]).Product()), -1, 4)
			memory := Add(Mul(Sigmoid(gates[1]), m), Mul(Sigmoid(gates[0]), Tanh(gates[2])))
			next = c.hold(in[1:], []*Node{h, m}, []*Node{Mul(Sigmoid(gates[3]), Tanh(memory)), memory})
			return next, next
		})
	h, memory := kept[0], kept[1]

	return withGradients(h, []*Node{c.inputs, c.recurrent}, func(dh *Node) []*Node {
		hBefore, before := shifted(h), shifted(memory)
		gates := Split(Add(c.inputs, product(hBefore, c.recurrent)), -1, 4)
		input, forget, candidate, output := Sigmoid(gates[0]), Sigmoid(gates[1]), Tanh(gates[2]), Sigmoid(gates[3])
		squashed := Tanh(Add(Mul(forget, before), Mul(input, candidate)))
		// What each gate's sum moves the memory by, and the output's sum the state.
		slopes := Concatenate([]*Node{
			Mul(candidate, slope(input)), Mul(before, slope(forget)), Mul(input, OneMinus(Square(candidate))), Mul(squashed, slope(output)),
		}, -1)
		through := Mul(output, OneMinus(Square(squashed)))
		_, sums := loop(t, true, []*Node{zero, zero}, c.steps(dh, slopes, through, forget), []*Node{c.recurrent}, []shapes.Shape{shapes.Make(zero.DType(), b, 4*u)},
			func(state, in, fixed []*Node) (next, out []*Node) {
				dh, dm := Add(in[0], state[0]), state[1]
				new, stay := c.part(in[4:], dh, dm)
				dMemory := Add(new[1], Mul(new[0], in[2]))
				dGates := Mul(in[1], Concatenate([]*Node{dMemory, dMemory, dMemory, new[0]}, -1))
				next = []*Node{backThrough(dGates, fixed[0]), Mul(dMemory, in[3])}
				for k := range stay {
					next[k] = Add(next[k], stay[k])
				}
				return next, []*Node{dGates}
			})
		return []*Node{sums[0], byKernel(hBefore, sums[0])}
	})
}

// gruStates returns the states [T B units] of a gated recurrent unit (Cho et al.
// 2014), whose reset gate acts behind the product, as in cuDNN.
func gruStates(c cell) *Node {
	t, b, u := c.dims(3)
	zero := c.zeros(b, u)
	bias := c.bias
	if bias == nil {
		bias = Zeros(c.inputs.Graph(), shapes.Make(zero.DType(), u))
	}
	_, kept := loop(t, false, []*Node{zero}, c.steps(c.inputs), []*Node{c.recurrent, bias}, []shapes.Shape{zero.Shape()},
		func(state, in, fixed []*Node) (next, out []*Node) {
			h := state[0]
			x, r := Split(in[0], -1, 3), Split(Dot(h, fixed[0]).Product(), -1, 3)
			reset, update := Sigmoid(Add(x[0], r[0])), Sigmoid(Add(x[1], r[1]))
			candidate := Tanh(Add(x[2], Mul(reset, Add(r[2], BroadcastToDims(ExpandAxes(fixed[1], 0), b, u)))))
			next = c.hold(in[1:], []*Node{h}, []*Node{Add(candidate, Mul(update, Sub(h, candidate)))})
			return next, next
		})
	h := kept[0]

	return withGradients(h, []*Node{c.inputs, c.recurrent, bias}, func(dh *Node) []*Node {
		before := shifted(h)
		x, r := Split(c.inputs, -1, 3), Split(product(before, c.recurrent), -1, 3)
		reset, update := Sigmoid(Add(x[0], r[0])), Sigmoid(Add(x[1], r[1]))
		inner := addLast(r[2], bias)
		candidate := Tanh(Add(x[2], Mul(reset, inner)))
		// What each gate's sum moves the state by, on the inputs' side and the state's.
		byCandidate := Mul(OneMinus(update), OneMinus(Square(candidate)))
		byReset, byUpdate := Mul(byCandidate, Mul(inner, slope(reset))), Mul(Sub(before, candidate), slope(update))
		slopes := Concatenate([]*Node{byReset, byUpdate, Mul(byCandidate, reset)}, -1)
		_, sums := loop(t, true, []*Node{zero}, c.steps(dh, slopes, update), []*Node{c.recurrent}, []shapes.Shape{zero.Shape()},
			func(state, in, fixed []*Node) (next, out []*Node) {
				new, stay := c.part(in[3:], Add(in[0], state[0]))
				dGates := Mul(in[1], Concatenate([]*Node{new[0], new[0], new[0]}, -1))
				before := Add(backThrough(dGates, fixed[0]), Mul(new[0], in[2]))
				if stay != nil {
					before = Add(before, stay[0])
				}
				return []*Node{before}, []*Node{new[0]}
			})
		moved := Concatenate([]*Node{sums[0], sums[0], sums[0]}, -1)
		dInner := Mul(moved, slopes)
		return []*Node{
			Mul(moved, Concatenate([]*Node{byReset, byUpdate, byCandidate}, -1)),
			byKernel(before, dInner),
			ReduceSum(Slice(dInner, AxisRange(), AxisRange(), AxisRange(2*u)), 0, 1),
		}
	})
}

// dims returns the steps, the batch and the units of a cell of that many gates.
func (c cell) dims(gates int) (t, b, u int) {
	d := c.inputs.Shape().Dimensions
	return d[0], d[1], d[2] / gates
}

func (c cell) zeros(b, u int) *Node {
	return Zeros(c.inputs.Graph(), shapes.Make(c.inputs.DType(), b, u))
}

// steps are what a loop reads step by step: the mask comes last.
func (c cell) steps(tensors ...*Node) []*Node {
	if c.mask != nil {
		tensors = append(tensors, c.mask)
	}
	return tensors
}

// hold returns the new states, or the old ones where the mask is 0.
func (c cell) hold(mask, old, new []*Node) []*Node {
	if c.mask == nil {
		return new
	}
	out := make([]*Node, len(new))
	for k := range new {
		out[k] = Add(old[k], Mul(mask[0], Sub(new[k], old[k])))
	}
	return out
}

// part parts gradients by states into what goes to the new states of a step and
// what goes past it to the old ones, which is nil without a mask.
func (c cell) part(mask []*Node, gradients ...*Node) (new, stay []*Node) {
	if c.mask == nil {
		return gradients, nil
	}
	for _, d := range gradients {
		new = append(new, Mul(mask[0], d))
		stay = append(stay, Sub(d, new[len(new)-1]))
	}
	return new, stay
}

// shifted returns the state before each step, the first of them 0.
func shifted(h *Node) *Node {
	first := Slice(h, AxisRange(0, 1))
	if h.Shape().Dim(0) == 1 {
		return ZerosLike(first)
	}
	return Concatenate([]*Node{ZerosLike(first), Slice(h, AxisRange(0, -1))}, 0)
}

// slope is the derivative of a sigmoid, of its value.
func slope(s *Node) *Node { return Mul(s, OneMinus(s)) }

// backThrough multiplies the gradient by a product [B N] with the kernel [U N].
func backThrough(dy, kernel *Node) *Node {
	return DotGeneral(dy, []int{1}, nil, kernel, []int{1}, nil)
}

// byKernel returns the gradient by a kernel that multiplies x [T B U] to give y
// [T B N]: [U N].
func byKernel(x, dy *Node) *Node {
	return DotGeneral(x, []int{0, 1}, nil, dy, []int{0, 1}, nil)
}

// loop runs body at each of so many steps, forwards or backwards. The body gets
// the state, the slices of the inputs [T …] at its step, and what is the same at
// every step; it returns the next state, and outputs, which are stacked to [T …].
// It must not use nodes of outside, nor functions of GoMLX that use scalars: a
// graph keeps those for all its functions.
func loop(steps int, backwards bool, state, inputs, fixed []*Node, outputs []shapes.Shape,
	body func(state, in, fixed []*Node) (next, out []*Node),
) (last, stacked []*Node) {
	g := state[0].Graph()
	carried := []*Node{Const(g, int32(0))}
	for _, part := range [][]*Node{state, inputs, fixed} {
		carried = append(carried, part...)
	}
	for _, s := range outputs {
		carried = append(carried, Zeros(g, shapes.Make(s.DType, append([]int{steps}, s.Dimensions...)...)))
	}
	parameters := func(g *Graph) []*Node {
		in := make([]*Node, len(carried))
		for k, v := range carried {
			in[k] = Parameter(g, fmt.Sprintf("carried_%d", k), v.Shape())
		}
		return in
	}
	more := NewClosure(g, func(g *Graph) []*Node {
		return []*Node{LessThan(parameters(g)[0], Const(g, int32(steps)))}
	})
	step := NewClosure(g, func(g *Graph) []*Node {
		all := parameters(g)
		count, rest := all[0], all[1:]
		take := func(n int) (part []*Node) { part, rest = rest[:n], rest[n:]; return part }
		state, inputs, fixed, kept := take(len(state)), take(len(inputs)), take(len(fixed)), take(len(outputs))
		at := count
		if backwards {
			at = Sub(Const(g, int32(steps-1)), count)
		}
		place := func(rank int) []*Node { // of step at in [T …]
			start := []*Node{at}
			for len(start) < rank {
				start = append(start, Const(g, int32(0)))
			}
			return start
		}
		in := make([]*Node, len(inputs))
		for k, x := range inputs {
			dims := x.Shape().Clone().Dimensions
			dims[0] = 1
			in[k] = Reshape(DynamicSlice(x, place(len(dims)), dims), dims[1:]...)
		}
		next, out := body(state, in, fixed)
		result := append([]*Node{Add(count, Const(g, int32(1)))}, next...)
		result = append(append(result, inputs...), fixed...)
		for k, x := range out {
			row := Reshape(x, append([]int{1}, x.Shape().Dimensions...)...)
			result = append(result, DynamicUpdateSlice(kept[k], row, place(row.Rank())))
		}
		return result
	})
	results := While(more, step, carried...)[1:]
	return results[:len(state)], results[len(results)-len(outputs):]
}
