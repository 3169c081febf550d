package arch

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// tensor is the value that programs compute with: a node of the graph.
type tensor struct {
	run  *run
	node int
}

var (
	_ starlark.HasAttrs  = (*tensor)(nil)
	_ starlark.HasBinary = (*tensor)(nil)
	_ starlark.HasUnary  = (*tensor)(nil)
)

func (t *tensor) shape() Shape          { return t.run.graph.nodes[t.node].Shape }
func (t *tensor) String() string        { return "tensor" + t.shape().String() }
func (t *tensor) Type() string          { return "tensor" }
func (t *tensor) Freeze()               {}
func (t *tensor) Truth() starlark.Bool  { return true }
func (t *tensor) Hash() (uint32, error) { return uint32(t.node), nil }
func (t *tensor) AttrNames() []string   { return []string{"rank", "shape"} }

// Attr gives x.shape, a tuple, and x.rank. Other names are methods of other
// libraries; the error says which function replaces them.
func (t *tensor) Attr(name string) (starlark.Value, error) {
	switch name {
	case "shape":
		var dims starlark.Tuple
		for _, d := range t.shape() {
			dims = append(dims, starlark.MakeInt(d))
		}
		return dims, nil
	case "rank", "ndim":
		return starlark.MakeInt(len(t.shape())), nil
	}
	return nil, fmt.Errorf("tensor: has no .%s, only .shape and .rank; %s", name, methodHint(name))
}

// operators are the binary operators on tensors.
var operators = map[syntax.Token]string{
	syntax.PLUS: "add", syntax.MINUS: "sub", syntax.STAR: "mul", syntax.SLASH: "div",
}

// Binary applies + - * /, with a tensor or a number on the other side.
func (t *tensor) Binary(token syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if token == syntax.IN || token == syntax.NOT_IN {
		return nil, nil
	}
	name, ok := operators[token]
	if !ok {
		return nil, fmt.Errorf("tensor: has no operator %s; it has + - * /, and functions such as maximum, square, sqrt, exp, abs", token)
	}
	other, ok := t.run.operand(y)
	if !ok {
		return nil, fmt.Errorf("%s: cannot combine %s with %s; both sides must be tensors or numbers", name, describe(t), describe(y))
	}
	inputs := []int{t.node, other}
	if side == starlark.Right {
		inputs = []int{other, t.node}
	}
	return t.run.emit(name, inputs, nil, "")
}

// Unary applies - and +.
func (t *tensor) Unary(token syntax.Token) (starlark.Value, error) {
	switch token {
	case syntax.PLUS:
		return t, nil
	case syntax.MINUS:
		minus, err := t.run.constant(-1)
		if err != nil {
			return nil, fmt.Errorf("mul: %w", err)
		}
		return t.run.emit("mul", []int{t.node, minus}, nil, "")
	}
	return nil, nil
}

// emit adds a node and returns it as a value. Errors name the operation.
func (r *run) emit(name string, inputs []int, attrs Attrs, share string) (starlark.Value, error) {
	i, err := r.graph.add(name, inputs, attrs, share)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &tensor{run: r, node: i}, nil
}

// operand returns the node of a tensor, or a new constant for a number.
func (r *run) operand(v starlark.Value) (int, bool) {
	switch v := v.(type) {
	case *tensor:
		return v.node, true
	case starlark.Int, starlark.Float:
		f, ok := starlark.AsFloat(v)
		if !ok {
			return 0, false
		}
		i, err := r.constant(f)
		return i, err == nil
	}
	return 0, false
}

// constant returns the node of a number: one for all its uses, as the canonical
// form has it, so that a printed network has no more nodes than the network.
func (r *run) constant(f float64) (int, error) {
	if i, ok := r.consts[f]; ok {
		return i, nil
	}
	i, err := r.graph.add("constant", nil, Attrs{"value": f}, "")
	if err == nil {
		r.consts[f] = i
	}
	return i, err
}

// describe names a value in an error: a tensor by its shape, others by type and value.
func describe(v starlark.Value) string {
	switch v := v.(type) {
	case *tensor:
		return "a tensor " + v.shape().String()
	case starlark.NoneType:
		return "None"
	case starlark.Int, starlark.Float, starlark.String, starlark.Bool:
		return v.Type() + " " + show(toGo(v))
	case *starlark.Builtin:
		return "the function " + v.Name()
	case *starlark.Function:
		return "the function " + v.Name()
	}
	return "a " + v.Type()
}

// unsupported is a value that no attribute can have; it prints as described.
type unsupported string

// toGo converts a Starlark value to the Go value that [Arg.convert] takes.
func toGo(v starlark.Value) any {
	switch v := v.(type) {
	case starlark.Bool:
		return bool(v)
	case starlark.Int:
		if n, ok := v.Int64(); ok {
			return n
		}
		return float64(v.Float())
	case starlark.Float:
		return float64(v)
	case starlark.String:
		return string(v)
	case *starlark.List:
		return listToGo(v)
	case starlark.Tuple:
		return listToGo(v)
	}
	return unsupported(describe(v))
}

// listToGo keeps no more than one entry above what any attribute takes, so that
// a huge list is refused without being copied. Lists in lists are not attributes.
func listToGo(v starlark.Indexable) any {
	out := make([]any, 0, min(v.Len(), MaxRank+1))
	for i := range cap(out) {
		e := v.Index(i)
		switch e.(type) {
		case starlark.Int, starlark.Float, starlark.Bool, starlark.String:
			out = append(out, toGo(e))
		default:
			out = append(out, unsupported(describe(e)))
		}
	}
	return out
}
