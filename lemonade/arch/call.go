package arch

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

type builtinFunc = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

// builtin returns the function by which programs call an operation.
func (r *run) builtin(op *Op) builtinFunc {
	return func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if python, ok := starlark.Universe[op.Name]; ok && !hasTensor(args, kwargs) {
			return starlark.Call(thread, python, args, kwargs) // max(2, 3), abs(-1)
		}
		if op.Name == "max" && len(args) > 1 {
			return nil, fmt.Errorf("max: takes one tensor; write maximum(a, b) for the larger of two, or max(x, axis = -1) to reduce an axis")
		}
		c := &call{run: r, op: op, args: args, attrs: Attrs{}}
		v, err := c.bindAndEmit(kwargs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name, err)
		}
		return v, nil
	}
}

func hasTensor(args starlark.Tuple, kwargs []starlark.Tuple) bool {
	for _, v := range args {
		if _, ok := v.(*tensor); ok {
			return true
		}
	}
	for _, kw := range kwargs {
		if _, ok := kw[1].(*tensor); ok {
			return true
		}
	}
	return false
}

// call binds the arguments of one call.
type call struct {
	run    *run
	op     *Op
	args   starlark.Tuple // positional ones that are not bound yet
	inputs []int
	mask   *int // the operand mask, where there is one
	attrs  Attrs
	share  string
}

func (c *call) bindAndEmit(kwargs []starlark.Tuple) (starlark.Value, error) {
	named := map[string]starlark.Value{}
	for _, kw := range kwargs {
		named[string(kw[0].(starlark.String))] = kw[1]
	}
	if err := c.bindInputs(named); err != nil {
		return nil, err
	}
	if err := c.bindPositional(); err != nil {
		return nil, err
	}
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		if v, ok := named[name]; ok { // not an operand
			if err := c.bindNamed(name, v); err != nil {
				return nil, err
			}
		}
	}
	if c.mask != nil {
		c.inputs = append(c.inputs, *c.mask)
	}
	switch c.op.Name {
	case "depthwise_conv":
		return c.depthwise()
	case "split":
		return c.split()
	}
	i, err := c.run.graph.add(c.op.Name, c.inputs, c.attrs, c.share)
	if err != nil {
		return nil, err
	}
	return &tensor{run: c.run, node: i}, nil
}

// bindInputs takes the tensors from the front of the positional arguments or by
// name, and removes them from both.
func (c *call) bindInputs(named map[string]starlark.Value) error {
	if c.op.Variadic {
		return c.bindList(named)
	}
	required := len(c.op.Inputs) - c.op.Optional
	for k, name := range c.op.Inputs {
		v, byName := c.takeNamed(named, name, k)
		if !byName {
			if len(c.args) == 0 || k >= required && !isTensorOrNone(c.args[0]) {
				if k >= required {
					continue
				}
				return fmt.Errorf("%s is missing; it must be a tensor; write %s", name, c.op.Signature())
			}
			v, c.args = c.args[0], c.args[1:]
		}
		if v == starlark.None && k >= required {
			v = nil
		}
		if v == nil {
			c.inputs = append(c.inputs, c.inputs[k-1])
			continue
		}
		i, err := c.tensorOf(name, v)
		if err != nil {
			return err
		}
		c.inputs = append(c.inputs, i)
	}
	for len(c.inputs) > 0 && len(c.inputs) < len(c.op.Inputs) { // key defaults to query, value to key
		c.inputs = append(c.inputs, c.inputs[len(c.inputs)-1])
	}
	return c.bindMask(named)
}

// bindMask takes mask = m, or the tensor that follows the operands.
func (c *call) bindMask(named map[string]starlark.Value) error {
	if !c.op.Mask {
		return nil
	}
	v, ok := named["mask"]
	delete(named, "mask")
	if !ok && len(c.args) > 0 && isTensorOrNone(c.args[0]) {
		v, c.args = c.args[0], c.args[1:]
	}
	if v == nil || v == starlark.None {
		return nil
	}
	i, err := c.tensorOf("mask", v)
	c.mask = &i
	return err
}

// takeNamed removes and returns an operand given by name.
func (c *call) takeNamed(named map[string]starlark.Value, name string, k int) (starlark.Value, bool) {
	names := []string{name}
	if k == 0 {
		names = append(names, "x", "input", "inputs", "tensor")
	}
	for _, n := range names {
		if v, ok := named[n]; ok {
			delete(named, n)
			return v, true
		}
	}
	return nil, false
}

func isTensorOrNone(v starlark.Value) bool {
	_, ok := v.(*tensor)
	return ok || v == starlark.None
}

func (c *call) tensorOf(name string, v starlark.Value) (int, error) {
	switch v.(type) {
	case *tensor:
	case starlark.Int, starlark.Float:
		if !c.op.Numbers {
			return 0, fmt.Errorf("%s must be a tensor, got %s; write %s", name, describe(v), c.op.Signature())
		}
	default:
		return 0, fmt.Errorf("%s must be a tensor, got %s; write %s", name, describe(v), c.op.Signature())
	}
	i, ok := c.run.operand(v)
	if !ok {
		return 0, fmt.Errorf("%s is no usable number: %s", name, describe(v))
	}
	return i, nil
}

// bindList takes concat([a, b]) and concat(a, b).
func (c *call) bindList(named map[string]starlark.Value) error {
	var values []starlark.Value
	v, ok := c.takeNamed(named, c.op.Inputs[0], 0)
	if !ok && len(c.args) > 0 && !isTensorOrNone(c.args[0]) {
		v, ok = c.args[0], true
		c.args = c.args[1:]
	}
	if ok {
		list, isList := v.(starlark.Sequence)
		if !isList {
			return fmt.Errorf("needs a list of tensors, got %s; write concat([a, b], axis = -1)", describe(v))
		}
		if list.Len() > MaxNodes {
			return fmt.Errorf("the list has %d tensors; at most %d are allowed", list.Len(), MaxNodes)
		}
		iter := list.Iterate()
		defer iter.Done()
		for iter.Next(&v) {
			values = append(values, v)
		}
	} else {
		for len(c.args) > 0 && isTensorOrNone(c.args[0]) {
			values, c.args = append(values, c.args[0]), c.args[1:]
		}
	}
	for k, v := range values {
		i, err := c.tensorOf(fmt.Sprintf("entry %d of its list", k), v)
		if err != nil {
			return err
		}
		c.inputs = append(c.inputs, i)
	}
	if len(values) == 1 {
		return fmt.Errorf("got one tensor %v; write concat([a, b]) with two or more, or leave it out", c.run.graph.nodes[c.inputs[0]].Shape)
	}
	return nil
}

// bindPositional binds what is left of the positional arguments in the declared order.
func (c *call) bindPositional() error {
	if len(c.op.Args) == 1 && c.op.Args[0].Kind == KindInts && len(c.args) > 1 {
		c.attrs[c.op.Args[0].Name] = listToGo(c.args) // reshape(x, 8, 8, 32)
		return nil
	}
	if len(c.op.Args) > 0 && c.op.Name == "parameter" && len(c.args) > 1 {
		if _, ok := c.args[1].(starlark.Int); ok { // parameter(8, 8)
			c.attrs["shape"] = listToGo(c.args)
			return nil
		}
	}
	for k, v := range c.args {
		if k >= len(c.op.Args) || c.op.Args[k].Implied {
			return fmt.Errorf("has too many arguments, the last being %s; write %s", describe(c.args[len(c.args)-1]), c.op.Signature())
		}
		if err := c.bind(&c.op.Args[k], v); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) bindNamed(name string, v starlark.Value) error {
	if name == "share" {
		s, ok := v.(starlark.String)
		switch {
		case v == starlark.None:
			return nil
		case !ok || s == "":
			return fmt.Errorf("share must be a name such as \"a\", got %s", describe(v))
		case !c.op.HasWeights:
			return fmt.Errorf("has no weights to share; leave share out")
		}
		c.share = string(s)
		return nil
	}
	arg := c.op.arg(name)
	if arg == nil || arg.Implied {
		return fmt.Errorf("has no argument %q%s; write %s", name, foreignArgument(c.op, name), c.op.Signature())
	}
	if _, ok := c.attrs[arg.Name]; ok {
		return fmt.Errorf("%s is given twice; write %s", arg.Name, c.op.Signature())
	}
	return c.bind(arg, v)
}

func (c *call) bind(arg *Arg, v starlark.Value) error {
	if v == starlark.None && arg.Default != nil {
		return nil
	}
	if _, ok := v.(*tensor); ok {
		return fmt.Errorf("%s must be %s %s, got %s; write %s", arg.Name, article(string(arg.Kind)), arg.Kind, describe(v), c.op.Signature())
	}
	c.attrs[arg.Name] = toGo(v)
	return nil
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}

// depthwise lowers depthwise_conv to a conv of one group per channel.
func (c *call) depthwise() (starlark.Value, error) {
	x := c.run.graph.nodes[c.inputs[0]].Shape
	if err := isImage(x); err != nil {
		return nil, err
	}
	attrs, err := c.op.fill(c.attrs)
	if err != nil {
		return nil, err
	}
	if k := attrs.Ints("kernel"); k[0] > 15 && k[0] > x[0] {
		return nil, fmt.Errorf("kernel = %d is larger than the image %v; it takes no filters, its output has as many channels as its input: write depthwise_conv(x, kernel = 3)", k[0], x)
	}
	filters := satMul(int64(x[2]), int64(attrs.Int("multiplier")))
	if filters > MaxDim {
		return nil, fmt.Errorf("%d channels times multiplier = %d is more than %d", x[2], attrs.Int("multiplier"), MaxDim)
	}
	delete(attrs, "multiplier")
	attrs["filters"], attrs["groups"] = int(filters), x[2]
	i, err := c.run.graph.add("conv", c.inputs, attrs, c.share)
	if err != nil {
		return nil, err
	}
	return &tensor{run: c.run, node: i}, nil
}

// split lowers split to a list of slices.
func (c *call) split() (starlark.Value, error) {
	attrs, err := c.op.fill(c.attrs)
	if err != nil {
		return nil, err
	}
	x := c.run.graph.nodes[c.inputs[0]].Shape
	axis, err := negativeAxis(x, attrs.Int("axis"))
	if err != nil {
		return nil, err
	}
	size, sizes := x[len(x)+axis], attrs.Ints("parts")
	if _, isList := c.attrs["parts"].([]any); !isList {
		parts := sizes[0]
		if size%parts != 0 {
			return nil, fmt.Errorf("cannot cut axis %d of %v, whose size is %d, into %d equal parts; use one of %v, or a list of sizes", axis, x, size, parts, divisors(size))
		}
		if parts > MaxNodes {
			return nil, fmt.Errorf("%d parts are more than %d operations", parts, MaxNodes)
		}
		sizes = slices.Repeat([]int{size / parts}, parts)
	}
	var out []starlark.Value
	start := 0
	for _, n := range sizes {
		i, err := c.run.graph.add("slice", c.inputs, Attrs{"axis": axis, "start": start, "stop": start + n, "step": 1}, "")
		if err != nil {
			return nil, err
		}
		out = append(out, &tensor{run: c.run, node: i})
		start += n
	}
	if start != size {
		return nil, fmt.Errorf("parts = %v sum to %d, but axis %d of %v has size %d", sizes, start, axis, x, size)
	}
	return starlark.NewList(out), nil
}
