package expert

import (
	_ "embed" // of the default book
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/lemo-nade/lemonade/lemonade/objective"
)

//go:embed rulebook.yaml
var defaultBook []byte

// RuleBook is a loaded rule book. It does not change, and may be used from any
// number of goroutines.
type RuleBook struct {
	most  int // commands in one round
	rules []rule
}

// Aims of a rule: what its commands are for.
const (
	aimTraining = "training" // that the next network trains at all; comes before everything else
	aimAccuracy = "accuracy"
	aimCost     = "cost"
)

var aims = []string{aimTraining, aimAccuracy, aimCost}

type rule struct {
	name     string
	aim      string
	priority int // 1 to 9
	when     *condition
	commands []string // to carry out
	avoid    []string // commands that it is against
	because  reason
}

const (
	defaultPriority = 5
	defaultMost     = 3
)

// Default returns the rule book that comes with Lemonade.
var Default = sync.OnceValue(func() *RuleBook {
	b, err := Parse("rulebook.yaml", defaultBook)
	if err != nil {
		panic(err) // the tests load it
	}
	return b
})

// DefaultText returns the text of the default rule book, to be changed and
// loaded with [Load].
func DefaultText() string { return string(defaultBook) }

// Load reads a rule book from a YAML file. The errors are those of [Parse].
func Load(path string) (*RuleBook, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("rule book: %w", err)
	}
	return Parse(filepath.Base(path), text)
}

// reader collects the faults of one file.
type reader struct {
	file   string
	faults []fault
}

type fault struct {
	line int
	text string
}

func (r *reader) fault(line int, format string, args ...any) {
	r.faults = append(r.faults, fault{line, fmt.Sprintf(format, args...)})
}

func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return a.line - b.line })
	var all []error
	for _, f := range r.faults {
		all = append(all, fmt.Errorf("%s:%d: %s", r.file, f.line, f.text))
	}
	return errors.Join(all...)
}

// Parse reads a rule book from its YAML text. Every fault is reported at once,
// each with the book's name and the line, as in "mine.yaml:12: …".
func Parse(name string, text []byte) (*RuleBook, error) {
	r := &reader{file: name}
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		var where yaml.Error
		if errors.As(err, &where) && where.GetToken() != nil {
			r.fault(where.GetToken().Position.Line, "not YAML: %s", where.GetMessage())
			return nil, r.err()
		}
		return nil, fmt.Errorf("%s: not YAML: %w", name, err)
	}
	b := &RuleBook{most: defaultMost}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		r.fault(1, "empty; a rule book has a list of rules")
		return nil, r.err()
	}
	var list *ast.SequenceNode
	r.fields(doc.Docs[0].Body, "the rule book", 1, map[string]func(ast.Node, int){
		"commands": func(n ast.Node, line int) { b.most = r.number(n, line, "commands", 1, len(commands)) },
		"rules": func(n ast.Node, line int) {
			var ok bool
			if list, ok = n.(*ast.SequenceNode); !ok {
				r.fault(line, "rules: must be a list, each item beginning with a dash")
			}
		},
	})
	if list != nil {
		named := map[string]int{}
		for _, item := range list.Values {
			line := lineOf(item)
			rule := r.rule(item, line)
			if before, twice := named[rule.name]; twice && rule.name != "" {
				r.fault(line, "rule %q: the name is used in line %d already; names tell rules apart", rule.name, before)
			}
			named[rule.name] = line
			b.rules = append(b.rules, rule)
		}
	}
	if len(r.faults) == 0 && len(b.rules) == 0 {
		r.fault(1, "there are no rules; a rule book has a list of rules")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return b, nil
}

func (r *reader) rule(n ast.Node, line int) rule {
	out := rule{priority: defaultPriority}
	label := func() string {
		if out.name == "" {
			return "a rule"
		}
		return fmt.Sprintf("rule %q", out.name)
	}
	seen := r.fields(n, "a rule", line, map[string]func(ast.Node, int){
		"name":     func(n ast.Node, _ int) { out.name = textOf(n) },
		"aim":      func(n ast.Node, line int) { out.aim = r.oneOf(n, line, "aim", aims) },
		"priority": func(n ast.Node, line int) { out.priority = r.number(n, line, "priority", 1, 9) },
		"when": func(n ast.Node, line int) {
			var err error
			if out.when, err = parseCondition(textOf(n)); err != nil {
				r.fault(line, "%s: when: %v", label(), err)
			}
		},
		"do":    func(n ast.Node, line int) { out.commands = r.codes(n, line, label()+": do") },
		"avoid": func(n ast.Node, line int) { out.avoid = r.codes(n, line, label()+": avoid") },
		"because": func(n ast.Node, line int) {
			var err error
			if out.because, err = parseReason(textOf(n)); err != nil {
				r.fault(line, "%s: because: %v", label(), err)
			}
		},
	})
	for _, key := range []string{"name", "aim", "when", "do", "because"} {
		if seen == nil || seen[key] || key == "do" && seen["avoid"] {
			continue
		}
		if key == "do" {
			key = "do or avoid"
		}
		r.fault(line, "%s: %s is missing; a rule has name, aim, when, do or avoid, and because", label(), key)
	}
	return out
}

// fields hands each field of a mapping to its reader, and returns which there
// were; nil where n is no mapping.
func (r *reader) fields(n ast.Node, what string, line int, read map[string]func(ast.Node, int)) map[string]bool {
	m, ok := n.(ast.MapNode)
	if !ok {
		r.fault(line, "%s must be made of fields, written as name: value", what)
		return nil
	}
	var known []string
	for name := range read {
		known = append(known, name)
	}
	slices.Sort(known)
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key := textOf(it.Key())
		at := it.Key().GetToken().Position.Line
		field, ok := read[key]
		if !ok {
			hint := "the fields are " + strings.Join(known, ", ")
			if near := objective.Nearest(key, known); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			r.fault(at, "%s has no field %q; %s", what, key, hint)
			continue
		}
		seen[key] = true
		field(it.Value(), at)
	}
	return seen
}

// codes reads one command or a list of them.
func (r *reader) codes(n ast.Node, line int, what string) []string {
	items := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		items = list.Values
	}
	var out []string
	for _, item := range items {
		code := textOf(item)
		if _, ok := lookup(code); !ok {
			r.fault(lineOf(item), "%s: there is no command %q; the commands are %s", what, code, strings.Join(codes(), ", "))
		}
		out = append(out, code)
	}
	if len(items) == 0 {
		r.fault(line, "%s: no command is named; the commands are %s", what, strings.Join(codes(), ", "))
	}
	return out
}

func (r *reader) number(n ast.Node, line int, field string, from, to int) int {
	v, err := strconv.Atoi(textOf(n))
	if err != nil || v < from || v > to {
		r.fault(line, "%s: %q is not a whole number from %d to %d", field, textOf(n), from, to)
	}
	return v
}

func (r *reader) oneOf(n ast.Node, line int, field string, allowed []string) string {
	v := textOf(n)
	if !slices.Contains(allowed, v) {
		r.fault(line, "%s: %q: use %s", field, v, strings.Join(allowed, ", "))
	}
	return v
}

// textOf is a scalar as it is written; a block of text (| or >) is its text.
func textOf(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.SequenceNode, *ast.MappingNode, *ast.MappingValueNode:
		return ""
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value)
	case *ast.StringNode:
		return strings.TrimSpace(n.Value)
	default:
		return strings.TrimSpace(n.GetToken().Value)
	}
}

// lineOf is the line on which a node begins.
func lineOf(n ast.Node) int {
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			return it.Key().GetToken().Position.Line
		}
	}
	if t := n.GetToken(); t != nil {
		return t.Position.Line
	}
	return 1
}

func codes() []string {
	all := make([]string, len(commands))
	for i, c := range commands {
		all[i] = c.Code
	}
	return all
}
