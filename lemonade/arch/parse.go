package arch

import (
	"fmt"
	"strings"
	"unicode/utf8"

	starmath "go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// fileName is what errors call the program.
const fileName = "model.star"

// dialect is Starlark with what Python programmers expect, but without
// recursion and while, so that loops are bounded by what they run over.
var dialect = &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}

// Parse runs an architecture program on a symbolic sample, of a [Shape] or of
// [Tokens], and returns the network that its function network(x, classes)
// describes and the recipe of its function recipe(), or that of [RecipeFor].
//
// An error names the place, the operation, what is wrong and what would be
// right, as in "model.star:3:14: conv: needs an image [H W C], got [64]; …".
// Several errors of one kind are on lines of their own. Parse never panics, but
// does not bound memory.
func Parse(source string, input Input, classes int) (p *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%s:1:1: program: the interpreter failed: %v", fileName, r)
		}
	}()
	g, err := newGraph(input, classes)
	if err != nil {
		return nil, err
	}
	if len(source) > MaxSource {
		return nil, fmt.Errorf("%s:1:1: program: is %d bytes long; at most %d are allowed", fileName, len(source), MaxSource)
	}
	if !utf8.ValidString(source) {
		return nil, fmt.Errorf("%s:1:1: program: is not UTF-8 text", fileName)
	}
	text := strings.TrimPrefix(source, "\ufeff") // a byte-order mark
	r := &run{graph: g, source: text, consts: map[float64]int{}}
	r.thread = &starlark.Thread{Name: "model", Print: func(*starlark.Thread, string) {}}
	r.thread.SetMaxExecutionSteps(MaxSteps)

	predeclared := r.predeclared()
	file, prog, err := starlark.SourceProgramOptions(dialect, fileName, text, predeclared.Has)
	if err != nil {
		return nil, r.explain(err)
	}
	r.chooser = newChooser(file)
	globals, err := prog.Init(r.thread, predeclared)
	if err != nil {
		return nil, r.explain(err)
	}
	network, err := r.network(globals)
	if err != nil {
		return nil, err
	}
	recipe, err := r.recipe(globals)
	if err != nil {
		return nil, err
	}
	choices, err := r.chooser.finish()
	if err != nil {
		return nil, err
	}
	return &Program{Source: source, Network: network, Recipe: recipe, Choices: choices}, nil
}

// run is one execution of a program.
type run struct {
	graph   *graph
	consts  map[float64]int // nodes of the numbers used so far
	thread  *starlark.Thread
	source  string
	chooser *chooser
}

// predeclared are the names that programs find.
func (r *run) predeclared() starlark.StringDict {
	d := starlark.StringDict{
		"choice":   starlark.NewBuiltin("choice", r.choice),
		"training": starlark.NewBuiltin("training", r.training),
		"math":     starmath.Module,
	}
	for i := range opTable {
		if op := &opTable[i]; !op.Internal {
			d[op.Name] = starlark.NewBuiltin(op.Name, r.builtin(op))
		}
	}
	return d
}

// network calls the program's network(x, classes).
func (r *run) network(globals starlark.StringDict) (*Network, error) {
	fn, ok := globals["network"].(*starlark.Function)
	if !ok {
		return nil, fmt.Errorf("%s:1:1: program: has no function network; write def network(x, classes): and return the logits", fileName)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%v: network: %s", fn.Position(), fmt.Sprintf(format, args...))
	}
	if fn.NumParams() < 2 && !fn.HasVarargs() {
		return nil, fail("takes %d arguments; write def network(x, classes):", fn.NumParams())
	}
	i, err := r.graph.add("input", nil, nil, "")
	if err != nil {
		return nil, fail("%v", err)
	}
	x := &tensor{run: r, node: i}
	v, err := starlark.Call(r.thread, fn, starlark.Tuple{x, starlark.MakeInt(r.graph.classes)}, nil)
	if err != nil {
		return nil, r.explain(err)
	}
	out, ok := v.(*tensor)
	if !ok {
		return nil, fail("returned %s, not a tensor; end with return dense(x, classes)", describe(v))
	}
	n, err := r.graph.finish(r.logits(out.node))
	if err != nil {
		return nil, fail("%s", strings.TrimPrefix(err.Error(), "network "))
	}
	return n, nil
}

// logits drops a softmax at the very end, which many write although the loss
// contains it.
func (r *run) logits(i int) int {
	if n := r.graph.nodes[i]; n.Op == "softmax" && len(n.Shape) == 1 {
		return n.Inputs[0]
	}
	return i
}

// recipe calls the program's recipe(), where there is one.
func (r *run) recipe(globals starlark.StringDict) (Recipe, error) {
	v, ok := globals["recipe"]
	if !ok {
		return RecipeFor(r.graph.reads()), nil
	}
	if fn, ok := v.(*starlark.Function); ok {
		var err error
		if v, err = starlark.Call(r.thread, fn, nil, nil); err != nil {
			return Recipe{}, r.explain(err)
		}
		if t, ok := v.(trainingValue); ok {
			return t.Recipe, nil
		}
		return Recipe{}, fmt.Errorf("%v: recipe: returned %s; end with return training(learning_rate = 0.1)", fn.Position(), describe(v))
	}
	if t, ok := v.(trainingValue); ok { // recipe = training(...)
		return t.Recipe, nil
	}
	return Recipe{}, fmt.Errorf("%s:1:1: recipe: is %s; write def recipe(): and return training(learning_rate = 0.1)", fileName, describe(v))
}

// trainingValue is what training(...) returns.
type trainingValue struct{ Recipe }

func (trainingValue) String() string        { return "training(...)" }
func (trainingValue) Type() string          { return "training" }
func (trainingValue) Freeze()               {}
func (trainingValue) Truth() starlark.Bool  { return true }
func (trainingValue) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: training") }

// training makes a recipe.
func (r *run) training(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("training: takes named arguments only, such as learning_rate = 0.1; it takes %s", recipeNames())
	}
	given, names := map[string]any{}, []string{}
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		given[name] = toGo(kw[1])
		names = append(names, name)
	}
	rec, err := recipeFrom(r.graph.reads(), given, names)
	if err != nil {
		return nil, fmt.Errorf("training: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return trainingValue{rec}, nil
}
