package expert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxSteps bounds the evaluation of one condition. The condition of a rule takes
// some dozens.
const maxSteps = 10_000

// functions are those of Starlark that a condition may call.
var functions = []string{"abs", "max", "min"}

// condition is a boolean Starlark expression over the variables.
type condition struct {
	source string
	expr   syntax.Expr
	names  []string // of the variables it uses, each once

	mu sync.Mutex // held during an evaluation, which writes into expr
}

// parseCondition reads an expression and tries it on sample values, so that a
// misspelt name or a comparison of a number with a text is found when the book
// is loaded and not in the middle of a search.
func parseCondition(source string) (*condition, error) {
	// In parentheses it may run over several lines.
	options := &syntax.FileOptions{}
	expr, err := options.ParseExpr("when", "("+source+"\n)", 0)
	if err != nil {
		hint := ""
		if strings.Contains(message(err), "got '='") {
			hint = "; equality is written =="
		}
		return nil, fmt.Errorf("not an expression: %s%s", message(err), hint)
	}
	c := &condition{source: source, expr: expr}
	if err := c.inspect(); err != nil {
		return nil, err
	}
	sample := func(name string) any { return nonzero(variableByName[name].sample) }
	if _, err := c.holds(sample); err != nil {
		return nil, err
	}
	return c, nil
}

// inspect admits comparisons, arithmetic, and/or/not, conditionals, lists and
// the few functions, and collects the names.
func (c *condition) inspect() error {
	var fault error
	refuse := func(format string, args ...any) {
		if fault == nil {
			fault = fmt.Errorf(format, args...)
		}
	}
	syntax.Walk(c.expr, func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil, *syntax.BinaryExpr, *syntax.UnaryExpr, *syntax.ParenExpr, *syntax.Literal,
			*syntax.CondExpr, *syntax.ListExpr, *syntax.TupleExpr:
		case *syntax.CallExpr:
			if fn, ok := n.Fn.(*syntax.Ident); !ok || !slices.Contains(functions, fn.Name) {
				refuse("a condition can call only %s", strings.Join(functions, ", "))
			}
		case *syntax.Ident:
			switch {
			case n.Name == "True" || n.Name == "False" || slices.Contains(functions, n.Name):
			case variableByName[n.Name].value == nil:
				refuse("%s", unknownName(n.Name))
			case !slices.Contains(c.names, n.Name):
				c.names = append(c.names, n.Name)
			}
		default:
			refuse("a condition is made of comparisons, arithmetic, and, or, not; this is more")
			return false
		}
		return true
	})
	return fault
}

// holds evaluates the condition with the given values.
func (c *condition) holds(value func(name string) any) (bool, error) {
	env := starlark.StringDict{}
	for _, name := range c.names {
		env[name] = toStarlark(value(name))
	}
	thread := &starlark.Thread{Name: "when"}
	thread.SetMaxExecutionSteps(maxSteps)
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := starlark.EvalExprOptions(&syntax.FileOptions{}, thread, c.expr, env)
	if err != nil {
		return false, errors.New(message(err))
	}
	result, ok := v.(starlark.Bool)
	if !ok {
		return false, fmt.Errorf("a condition is true or false, this gives %s %s; compare it with something", article(v.Type()), v)
	}
	return bool(result), nil
}

// message is Starlark's error without its position, which counts from the
// beginning of the expression.
func message(err error) string {
	var scan syntax.Error
	if errors.As(err, &scan) {
		return scan.Msg
	}
	return err.Error()
}

func article(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

func unknownName(name string) string {
	if near := objective.Nearest(name, variableNames()); near != "" {
		return fmt.Sprintf("there is no %q; did you mean %s?", name, near)
	}
	return fmt.Sprintf("there is no %q; the reference of the rule book lists what there is", name)
}

func variableNames() []string {
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	return names
}

func toStarlark(v any) starlark.Value {
	switch v := v.(type) {
	case bool:
		return starlark.Bool(v)
	case int:
		return starlark.MakeInt(v)
	case float64:
		return starlark.Float(v)
	case string:
		return starlark.String(v)
	}
	return starlark.None
}

// nonzero keeps a division by a sample from failing.
func nonzero(sample any) any {
	switch sample.(type) {
	case int:
		return 1
	case float64:
		return 1.0
	}
	return sample
}

// reason is a sentence with variables in braces.
type reason struct {
	source string
	parts  []string // text and variable name in turn, beginning with text
}

func parseReason(source string) (reason, error) {
	r := reason{source: source}
	rest := source
	for {
		text, after, found := strings.Cut(rest, "{")
		r.parts = append(r.parts, text)
		if !found {
			return r, nil
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			return r, fmt.Errorf("a { has no }; values are written as {accuracy}")
		}
		if variableByName[name].value == nil {
			return r, errors.New(unknownName(name))
		}
		r.parts = append(r.parts, name)
		rest = after
	}
}

// names returns the variables it uses.
func (r reason) names() []string {
	var names []string
	for i := 1; i < len(r.parts); i += 2 {
		names = append(names, r.parts[i])
	}
	return names
}

func (r reason) fill(value func(name string) any) string {
	var out strings.Builder
	for i, part := range r.parts {
		if i%2 == 1 {
			part = variableByName[part].write(value(part))
		}
		out.WriteString(part)
	}
	return out.String()
}
