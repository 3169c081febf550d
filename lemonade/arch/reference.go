package arch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// opNames lists what programs may call.
var opNames = func() []string {
	names := []string{"training"}
	for i := range opTable {
		if !opTable[i].Internal {
			names = append(names, opTable[i].Name)
		}
	}
	return names
}()

// Signature shows how to call the operation, with its defaults.
func (o *Op) Signature() string {
	var parts []string
	for k, name := range o.Inputs {
		switch {
		case o.Variadic:
			name = "[a, b]"
		case k >= len(o.Inputs)-o.Optional:
			name += " = None"
		}
		parts = append(parts, name)
	}
	for i := range o.Args {
		a := &o.Args[i]
		if a.Implied {
			continue
		}
		switch d := a.Default.(type) {
		case nil:
			parts = append(parts, a.Name)
		case Derived:
			parts = append(parts, a.Name+" = None")
		default:
			parts = append(parts, a.Name+" = "+a.literal(d))
		}
	}
	if o.Mask {
		parts = append(parts, "mask = None")
	}
	if o.HasWeights {
		parts = append(parts, "share = None")
	}
	return o.Name + "(" + strings.Join(parts, ", ") + ")"
}

// literal prints an attribute as a program writes it: a pair of equal numbers as
// one number, other lists in brackets.
func literal(v any) string {
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v)
	case bool:
		return show(v)
	case string:
		return strconv.Quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case []int:
		return "[" + strings.Join(strings.Fields(strings.Trim(fmt.Sprint(v), "[]")), ", ") + "]"
	}
	return fmt.Sprint(v)
}

// literal prints a value of this argument.
func (a *Arg) literal(v any) string {
	if p, ok := v.([]int); ok && a.Kind == KindPair && p[0] == p[1] {
		return strconv.Itoa(p[0])
	}
	return literal(v)
}

// Reference returns the page of all operations in Markdown: the language in
// short, each operation with its arguments, and the recipe. It is made from the
// declarations, for prompts and for documentation.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	var families []string
	for i := range opTable {
		if f := opTable[i].Family; f != "" && !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	for _, family := range families {
		fmt.Fprintf(&b, "\n## %s\n", family)
		for i := range opTable {
			if op := &opTable[i]; op.Family == family {
				op.describe(&b)
			}
		}
	}
	b.WriteString("\n## Recipe\n`recipe()` is optional and returns `training(...)`; what it leaves out keeps its default.\n")
	for i := range recipeFields {
		f := &recipeFields[i]
		fmt.Fprintf(&b, "- `%s = %s`: %s%s\n", f.Name, literal(f.Default), f.Doc, f.bounds())
	}
	fmt.Fprintf(&b, "\nWith adamw the learning rate is %s where it is left out, and momentum is not used.\n", literal(adamwRate))
	fmt.Fprintf(&b, "Of a text, the optimizer is %s where it is left out, and what changes images does nothing; of images, token_dropout does nothing.\n", textOptimizer)
	return b.String()
}

func (o *Op) describe(b *strings.Builder) {
	fmt.Fprintf(b, "- `%s`: %s", o.Signature(), o.Doc)
	for i := range o.Args {
		a := &o.Args[i]
		if slices.Contains(commonArgs, a.Name) || a.Implied {
			continue
		}
		sep := "; "
		if i == 0 {
			sep = " "
		}
		fmt.Fprintf(b, "%s%s: %s", sep, a.Name, a.Doc)
		if d, ok := a.Default.(Derived); ok {
			fmt.Fprintf(b, " (default %s)", string(d))
		}
		if a.Choices != nil {
			fmt.Fprintf(b, " (%s)", quoted(a.Choices))
		}
	}
	if len(o.Args) > 0 && !slices.Contains(commonArgs, o.Args[0].Name) {
		b.WriteString(".")
	}
	b.WriteString("\n")
}

// commonArgs are described once, in the head.
var commonArgs = []string{"bias", "init", "epsilon", "padding"}

var referenceHead = `# Architecture programs
A program is Starlark: Python without imports, classes, while, recursion, try, f-strings, ** and @.
It defines ` + "`network(x, classes)`" + `, which returns logits of shape [classes]; the loss applies softmax.
Shapes leave the batch out: an image is [H W C], a sequence [T C]. A text is [T] token ids, which embedding and token_mask read. ` + "`x.shape`" + ` is a tuple, ` + "`x.rank`" + ` its length.
Axes are counted without the batch axis, negative ones from the end; -1 is the channels.
` + "`+ - * /`" + ` work on tensors and numbers and broadcast as in numpy.
Where an argument takes a pair, one number stands for both.
padding is "same" or "valid", of conv1d also "causal". bias = False leaves the learned offset out. init is one of ` + strings.Join(Initializers, ", ") + `.
Operations with weights take share = "name": all of one name use the same weights.

` + "```python" + `
def block(x, filters, stride = 1):
    h = relu(batch_norm(conv(x, filters, kernel = 3, stride = stride, bias = False)))
    h = batch_norm(conv(h, filters, kernel = 3, bias = False))
    if stride != 1 or x.shape[-1] != filters:
        x = batch_norm(conv(x, filters, kernel = 1, stride = stride, bias = False))
    return relu(h + x)

def network(x, classes):
    x = relu(batch_norm(conv(x, 32, kernel = 3, bias = False)))
    for i, filters in enumerate([32, 64, 128]):
        x = block(x, filters, stride = 1 if i == 0 else 2)
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(optimizer = "sgd", learning_rate = 0.1, label_smoothing = 0.1)
` + "```" + `
`

// bounds says what values a recipe's field may have.
func (f *recipeField) bounds() string {
	switch {
	case f.Choices != nil:
		return ": " + quoted(f.Choices)
	case f.Kind == KindBool:
		return ""
	case f.openMin:
		return fmt.Sprintf(", above %s, up to %s", formatBound(f.Min), formatBound(f.Max))
	}
	return fmt.Sprintf(", %s to %s", formatBound(f.Min), formatBound(f.Max))
}
