package arch

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Choice is a decision that a program leaves open: choice("width", [16, 32]).
type Choice struct {
	Name    string   `json:"name"`
	Options []string `json:"options"` // as Starlark literals, such as 16, 0.1, True and "skip"
	Taken   int      `json:"taken"`   // index of the option that the program's network has
}

// Value returns the option that was taken, as a Starlark literal.
func (c Choice) Value() string { return c.Options[c.Taken] }

// String writes the choice in words: width = 16, block = residual.
func (c Choice) String() string { return c.Name + " = " + strings.Trim(c.Value(), `"`) }

// Taken returns the options that were taken, by the names of the choices, as
// [Choose] takes them.
func (p *Program) Taken() map[string]string {
	taken := make(map[string]string, len(p.Choices))
	for _, c := range p.Choices {
		taken[c.Name] = c.Value()
	}
	return taken
}

// NASBench201 is the template of NAS-Bench-201's networks: the operations on the
// six edges of a cell are its choices.
//
//go:embed templates/nasbench201.star
var NASBench201 string

// choicesName is the variable of a program that says what is taken.
const choicesName = "choices"

// Choose returns the program with the line choices = {...} set anew, which names
// the option taken of each choice; of those left out it is the first. The values
// are Starlark literals, as in [Choice.Options]. Whether there are such choices
// is known once the program is parsed.
func Choose(source string, taken map[string]string) (string, error) {
	text := strings.TrimPrefix(source, "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	if strings.Contains(text, "\x00") { // which the interpreter takes for the end
		return "", fmt.Errorf("%s:1:1: program: has a zero byte", fileName)
	}
	file, err := dialect.Parse(fileName, text, 0)
	if err != nil {
		return "", (&run{source: text}).explain(err)
	}
	var entries []string
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		if err := checkName(name); err != nil {
			return "", fmt.Errorf("choices: %w", err)
		}
		v, err := readLiteral(taken[name])
		if err != nil {
			return "", fmt.Errorf("choices: the value of %q is %s; it must be a literal such as \"skip\", 16, 0.1 or True", name, show(taken[name]))
		}
		entries = append(entries, starlark.String(name).String()+": "+v.String())
	}
	line := choicesName + " = {" + strings.Join(entries, ", ") + "}"
	at := choicesStatement(file)
	if at == nil {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + "\n" + line + "\n", nil
	}
	if _, ok := at.RHS.(*syntax.DictExpr); !ok {
		return "", fmt.Errorf("%v: %w", at.OpPos, errNotWritten)
	}
	start, end := at.Span()
	return text[:offset(text, start)] + line + text[offset(text, end):], nil
}

// offset returns the index of a position, whose columns are runes.
func offset(text string, p syntax.Position) int {
	i := 0
	for range p.Line - 1 {
		i += strings.IndexByte(text[i:], '\n') + 1
	}
	column := int32(1)
	for k := range text[i:] {
		if column == p.Col {
			return i + k
		}
		column++
	}
	return len(text)
}

// choicesStatement returns the last assignment to choices at the top level.
func choicesStatement(file *syntax.File) *syntax.AssignStmt {
	for _, s := range slices.Backward(file.Stmts) {
		if a, ok := s.(*syntax.AssignStmt); ok && a.Op == syntax.EQ {
			if id, ok := a.LHS.(*syntax.Ident); ok && id.Name == choicesName {
				return a
			}
		}
	}
	return nil
}

// readLiteral returns the string, number or truth value of a text.
func readLiteral(text string) (starlark.Value, error) {
	e, err := dialect.ParseExpr(choicesName, text, 0)
	if err != nil {
		return nil, err
	}
	if v := literalValue(e); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("no literal: %s", text)
}

// literalValue returns nil for what is no literal.
func literalValue(e syntax.Expr) starlark.Value {
	var v starlark.Value
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return literalValue(e.X)
	case *syntax.Ident:
		switch e.Name {
		case "True":
			v = starlark.True
		case "False":
			v = starlark.False
		}
	case *syntax.UnaryExpr:
		if x := literalValue(e.X); x != nil && (e.Op == syntax.MINUS || e.Op == syntax.PLUS) {
			v, _ = starlark.Unary(e.Op, x)
		}
	case *syntax.Literal:
		switch x := e.Value.(type) {
		case string:
			if e.Token == syntax.STRING {
				v = starlark.String(x)
			}
		case int64:
			v = starlark.MakeInt64(x)
		case float64:
			v = starlark.Float(x)
		}
	}
	if v == nil || checkOption(v) != nil {
		return nil
	}
	return v
}

// The bounds of choices: foreign text may ask for any.
const (
	maxChoices = 512 // of a program
	maxOptions = 512 // of a choice
	maxLabel   = 64  // bytes of a name or an option
)

func checkName(name string) error {
	if name == "" || len(name) > maxLabel || !utf8.ValidString(name) {
		return fmt.Errorf("the name %s must have 1 to %d bytes of text", show(name), maxLabel)
	}
	return nil
}

func checkOption(v starlark.Value) error {
	switch v := v.(type) {
	case starlark.String:
		if len(v) > maxLabel || !utf8.ValidString(string(v)) {
			return fmt.Errorf("the option %s must have at most %d bytes of text", show(string(v)), maxLabel)
		}
		return nil
	case starlark.Bool:
		return nil
	case starlark.Int:
		if n, ok := v.Int64(); ok && n >= -1<<53 && n <= 1<<53 {
			return nil
		}
	case starlark.Float:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return nil
		}
	}
	return fmt.Errorf("options must be strings, numbers, True or False, got %s", describe(v))
}

// chooser answers the choices of one run.
type chooser struct {
	file    *syntax.File
	at      *syntax.AssignStmt // nil where the program names none
	taken   map[string]starlark.Value
	asked   []Choice
	values  map[string][]starlark.Value // the options of those asked
	failure error                       // of reading the statement
}

var errNotWritten = errors.New(`choices must be written out, as in choices = {"width": 32}`)

// newChooser reads what the program's choices = {...} names. A program without
// choices may use that variable for something else, so a failure is told only
// once it asks for one.
func newChooser(file *syntax.File) *chooser {
	c := &chooser{file: file, at: choicesStatement(file), taken: map[string]starlark.Value{}, values: map[string][]starlark.Value{}}
	if c.at == nil {
		return c
	}
	dict, ok := c.at.RHS.(*syntax.DictExpr)
	if !ok {
		c.failure = errNotWritten
		return c
	}
	for _, e := range dict.List {
		entry := e.(*syntax.DictEntry)
		name, isName := literalValue(entry.Key).(starlark.String)
		value := literalValue(entry.Value)
		if !isName || value == nil {
			c.failure = fmt.Errorf(`choices must be written out: line %d of it is no name and value such as "width": 32`, entry.Colon.Line-dict.Lbrace.Line+1)
			return c
		}
		c.taken[string(name)] = value
	}
	return c
}

// choice is the function of that name: it returns the option that is taken.
func (r *run) choice(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := r.chooser.ask(b, args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("choice: %w", err)
	}
	return v, nil
}

func (c *chooser) ask(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if c.failure != nil {
		return nil, c.failure
	}
	var name string
	var list starlark.Indexable
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "options", &list); err != nil {
		return nil, fmt.Errorf(`%s; write choice("width", [16, 32, 64])`, strings.TrimPrefix(err.Error(), "choice: "))
	}
	switch n := list.Len(); {
	case checkName(name) != nil:
		return nil, checkName(name)
	case n == 0 || n > maxOptions:
		return nil, fmt.Errorf("%q has %d options; 1 to %d are allowed", name, n, maxOptions)
	}
	options := make([]starlark.Value, list.Len())
	for i := range options {
		options[i] = list.Index(i)
		if err := checkOption(options[i]); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
	if known, ok := c.values[name]; ok {
		if !slices.EqualFunc(known, options, equal) {
			return nil, fmt.Errorf("%q has the options %s here and others before; give it one list, or two names", name, literals(options))
		}
	} else if err := c.add(name, options); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.asked, func(a Choice) bool { return a.Name == name })
	return options[c.asked[i].Taken], nil
}

// add takes an option of a choice that was not asked for before.
func (c *chooser) add(name string, options []starlark.Value) error {
	if len(c.asked) == maxChoices {
		return fmt.Errorf("the program has more than %d choices", maxChoices)
	}
	choice := Choice{Name: name}
	for i, v := range options {
		if slices.ContainsFunc(options[:i], func(o starlark.Value) bool { return equal(o, v) }) {
			return fmt.Errorf("%q has the option %s twice", name, v)
		}
		choice.Options = append(choice.Options, v.String())
	}
	if v, ok := c.taken[name]; ok {
		choice.Taken = slices.IndexFunc(options, func(o starlark.Value) bool { return equal(o, v) })
		if choice.Taken < 0 {
			return fmt.Errorf("choices has %s for %q; it must be one of %s", show(v), name, literals(options))
		}
	}
	c.asked, c.values[name] = append(c.asked, choice), options
	return nil
}

func equal(a, b starlark.Value) bool {
	ok, err := starlark.Equal(a, b)
	return ok && err == nil
}

func literals(options []starlark.Value) string {
	var out []string
	for _, v := range options {
		out = append(out, v.String())
	}
	return strings.Join(out, ", ")
}

// finish returns the choices that were asked for, and an error where choices
// names one that there is not. A name that the program asks for only where
// another choice is taken otherwise is none.
func (c *chooser) finish() ([]Choice, error) {
	if len(c.asked) == 0 {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.taken)) {
		if _, ok := c.values[name]; ok || c.mayAsk(name) {
			continue
		}
		var names []string
		for _, a := range c.asked {
			names = append(names, a.Name)
		}
		return nil, fmt.Errorf("%v: choices: there is no choice %q; there are %s", c.at.OpPos, name, strings.Join(names, ", "))
	}
	return c.asked, nil
}

// verbs are what a text has in place of a part of a name.
var verbs = regexp.MustCompile(`%[sdr]|\{\w*\}`)

// mayAsk reports whether the program has a text that is the name, or becomes it,
// as "width%d" % i and "width" + str(i) do.
func (c *chooser) mayAsk(name string) bool {
	found := false
	text := func(e syntax.Expr) (string, bool) {
		l, ok := e.(*syntax.Literal)
		if !ok || l.Token != syntax.STRING {
			return "", false
		}
		return l.Value.(string), true
	}
	for _, s := range c.file.Stmts {
		if s == syntax.Stmt(c.at) {
			continue
		}
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.BinaryExpr:
				prefix, ok := text(n.X)
				found = found || ok && n.Op == syntax.PLUS && prefix != "" && strings.HasPrefix(name, prefix)
			case *syntax.Literal:
				s, ok := text(n)
				found = found || ok && matches(s, name)
			}
			return !found
		})
	}
	return found
}

// matches reports whether a text with verbs can become the name.
func matches(text, name string) bool {
	parts := verbs.Split(text, -1)
	if len(parts) == 1 || strings.Join(parts, "") == "" {
		return text == name
	}
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	ok, err := regexp.MatchString("^(?s:"+strings.Join(parts, ".+")+")$", name)
	return ok && err == nil
}
