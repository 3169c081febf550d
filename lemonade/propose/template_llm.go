package propose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/syntax"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What a language model is told of a template, and how its answer is read: it is
// asked for the line choices = {...} and nothing else.

// chosenShown bounds how many earlier trials a prompt shows with their choices.
const chosenShown = 6

// choosing is what the prompts of a template show.
type choosing struct {
	round
	Template string
	Choices  []string // the name and the options of each
	Chosen   []string // by earlier trials, the most effective first
	Taken    string   // by the parent, or by the template as it stands
	Advice   []string
}

// choosingView adds the template, where there is one, to a round's view.
func choosingView(r Request, f form) (choosing, error) {
	if !f.Choices {
		return choosing{round: roundView(r, f)}, nil
	}
	t, err := r.space()
	if err != nil {
		return choosing{}, err
	}
	text := strings.Replace(t.bare, "choices = {}\n", "", 1)
	base := t.base()
	v := choosing{
		round:    roundView(r, f),
		Template: unfenced(shorten(strings.TrimSpace(text), programShown)) + "\n",
		Choices:  optionLines(t.known()), Taken: choicesLine(base), Advice: adviceLines(r),
	}
	if r.Parent != nil && !t.of(r.Parent.Program) { // another program, tried by hand
		v.Parent = nil
	}
	best := slices.Clone(r.History.Complete())
	slices.SortStableFunc(best, func(a, b trial.Trial) int { return cmp.Compare(scoreOf(b), scoreOf(a)) })
	for _, h := range best {
		if len(v.Chosen) < chosenShown && t.of(h.Program) {
			v.Chosen = append(v.Chosen, fmt.Sprintf("trial %d, %s: %s", h.ID, measured(r, h), choicesLine(h.Program)))
		}
	}
	return v, nil
}

// base is the parent, or the template as it stands.
func (t *space) base() *arch.Program {
	if p := t.parent(); p != nil {
		return p.Program
	}
	return t.start
}

// known are the choices of the template as it stands, and those of its earlier
// programs: one may be asked for only where another was taken.
func (t *space) known() []arch.Choice {
	all := slices.Clone(t.start.Choices)
	for _, h := range t.r.History {
		if !t.of(h.Program) {
			continue
		}
		for _, c := range h.Program.Choices {
			if !slices.ContainsFunc(all, func(k arch.Choice) bool { return k.Name == c.Name }) {
				all = append(all, c)
			}
		}
	}
	return all
}

func optionLines(choices []arch.Choice) []string {
	var lines []string
	for _, c := range choices {
		lines = append(lines, unfenced(fmt.Sprintf("%s: %s", c.Name, strings.Join(c.Options, ", "))))
	}
	return lines
}

// choicesLine is the line that a model is to write.
func choicesLine(p *arch.Program) string {
	var entries []string
	for _, c := range p.Choices {
		entries = append(entries, strconv.Quote(c.Name)+": "+c.Value())
	}
	return unfenced("choices = {" + strings.Join(entries, ", ") + "}")
}

// choiceChanges tells, in brackets, what was taken otherwise.
func choiceChanges(before, after *arch.Program) string {
	if before == nil || after == nil {
		return ""
	}
	var parts []string
	was := before.Taken()
	for _, c := range after.Choices {
		if old, ok := was[c.Name]; ok && old != c.Value() {
			parts = append(parts, fmt.Sprintf("%s %s → %s", c.Name, plainOption(old), plainOption(c.Value())))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return unfenced(" (" + strings.Join(parts, ", ") + ")")
}

// adviceLines tell the expert's commands, which are made for free programs, as what
// they are for.
func adviceLines(r Request) []string {
	var lines []string
	for _, c := range r.Commands {
		line := c.Text
		if c.Reason != "" {
			line += ", because " + c.Reason
		}
		lines = append(lines, unfenced(line))
	}
	return lines
}

// choicesRepairView adds the template's choices, where there is one, to what was
// wrong with an answer.
func choicesRepairView(r Request, v repair) (any, error) {
	if r.Template == "" {
		return v, nil
	}
	t, err := r.space()
	if err != nil {
		return nil, err
	}
	return struct {
		repair
		Choices []string
	}{v, optionLines(t.known())}, nil
}

// readChoices finds the plan and the choices in an answer: choices = {...} in a
// fence, in JSON, bare, or in a whole program. What it leaves out stays as it is in
// the parent.
func readChoices(answer string, r Request) Proposal {
	t, err := r.space()
	if err != nil {
		return Proposal{Note: err.Error()}
	}
	var out Proposal
	text := answer
	if a, ok := readJSON(answer); ok {
		out.Plan, text = orNil(a.plan()), a.Program
	} else {
		before := answer
		if at := choicesStart.FindStringIndex(answer); at != nil {
			before = answer[:at[0]]
		}
		out.Plan = orNil(readPlan(before))
	}
	base := t.base()
	known := t.known()
	for _, given := range dicts(text, known) {
		taken := base.Taken()
		for _, g := range given {
			taken[g.name] = g.option(known)
		}
		source, err := arch.Choose(r.Template, taken)
		switch {
		case err != nil:
			out.Note = err.Error()
		case out.Source == "" || source != base.Source:
			out.Source, out.Note = source, ""
		}
		if out.Source != "" && out.Source != base.Source { // a first one may quote the parent
			break
		}
	}
	return out
}

var choicesStart = regexp.MustCompile(`(?m)^\s*choices\s*=`)

// given is an entry of a dict in an answer.
type given struct {
	name, value string // the value without quotes
	quoted      bool
}

// option is the option that the entry means, and the literal that stands there where
// it means none: the error of the program then tells which there are.
func (g given) option(known []arch.Choice) string {
	literal := g.value
	if g.quoted {
		literal = syntax.Quote(g.value, false)
	}
	i := slices.IndexFunc(known, func(c arch.Choice) bool { return c.Name == g.name })
	if i < 0 {
		return literal
	}
	options := known[i].Options
	for _, means := range []func(o string) bool{
		func(o string) bool { return o == literal },
		func(o string) bool { return strings.EqualFold(plainOption(o), g.value) },
		func(o string) bool {
			a, errA := strconv.ParseFloat(plainOption(o), 64)
			b, errB := strconv.ParseFloat(g.value, 64)
			return errA == nil && errB == nil && a == b
		},
	} {
		if k := slices.IndexFunc(options, means); k >= 0 {
			return options[k]
		}
	}
	return literal
}

// How much of an answer is read for dicts.
const (
	dictsRead = 64
	dictBytes = 16 << 10
)

// dicts finds the dicts of an answer that are called choices or have the name of one.
func dicts(text string, known []arch.Choice) [][]given {
	var out [][]given
	at := 0
	for range dictsRead {
		i := strings.IndexByte(text[at:], '{')
		if i < 0 {
			break
		}
		at += i
		named := choicesBefore.MatchString(text[max(0, at-40):at])
		if entries := entriesOf(closed(text[at:])); entries != nil {
			if named || slices.ContainsFunc(entries, func(g given) bool {
				return slices.ContainsFunc(known, func(c arch.Choice) bool { return c.Name == g.name })
			}) {
				out = append(out, entries)
			}
		}
		at++
	}
	return out
}

var choicesBefore = regexp.MustCompile(`\bchoices["']?\s*[=:]\s*$`)

// closed returns the text up to the brace that closes its first, or "".
func closed(text string) string {
	depth, quote := 0, byte(0)
	for i := range min(len(text), dictBytes) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote && text[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return text[:i+1]
			}
		}
	}
	return ""
}

// entriesOf reads a dict, of Starlark or JSON, of names and literals; nil of another.
func entriesOf(text string) []given {
	e, err := new(syntax.FileOptions).ParseExpr("answer", text, 0)
	if err != nil {
		return nil
	}
	dict, ok := e.(*syntax.DictExpr)
	if !ok {
		return nil
	}
	var out []given
	for _, item := range dict.List {
		entry := item.(*syntax.DictEntry)
		name, isName, _ := literalText(entry.Key)
		value, quoted, ok := literalText(entry.Value)
		if !isName || !ok {
			return nil
		}
		out = append(out, given{name, value, quoted})
	}
	return out
}

// literalText is a literal without its quotes.
func literalText(e syntax.Expr) (text string, quoted, ok bool) {
	switch e := e.(type) {
	case *syntax.Ident:
		switch strings.ToLower(e.Name) {
		case "true":
			return "True", false, true
		case "false":
			return "False", false, true
		}
	case *syntax.UnaryExpr:
		text, quoted, ok = literalText(e.X)
		return "-" + text, false, ok && !quoted && e.Op == syntax.MINUS
	case *syntax.Literal:
		s, isString := e.Value.(string)
		return cmp.Or(s, e.Raw), isString, !isString || e.Token == syntax.STRING
	}
	return "", false, false
}
