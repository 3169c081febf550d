package propose

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

//go:embed prompts
var promptFiles embed.FS

func promptFile(name string) string {
	text, err := promptFiles.ReadFile("prompts/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// Examples are the programs that a prompt shows for a task: the parent and the
// answer of an example, and the plain network of a first round. A proposer that
// only repeats them has found nothing.
func Examples(input arch.Input, classes int) []string {
	e := exampleFor(form{Text: arch.IsText(input)})
	return []string{e.parent, e.answer, arch.Seed(input, classes)}
}

var prompts = template.Must(template.ParseFS(promptFiles, "prompts/*.tmpl"))

// How much of the history a prompt holds: a small model's context is 8,192
// tokens, and reading it takes a CPU a second for every hundred.
const (
	outcomesShown  = 3    // of the latest rounds
	outcomesTaught = 8    // of the latest rounds, when the lessons are rewritten
	failuresShown  = 3    // of the latest
	othersShown    = 1    // networks of the front beside the parent: a small model copies what it is shown
	otherShown     = 900  // characters of another network; a longer one is not shown
	programShown   = 6000 // characters of the parent
	reasonShown    = 400  // characters of an error
	lessonsShown   = 600  // characters of the lessons
)

// messages builds the conversation: what never changes first, so that servers
// can cache it; then the round; then, in a repair turn, the last answer and what
// was wrong with it. Answers before the last one are only summed up. A model that
// is stuck, with two answers in a row that fail alike, starts the round anew, told
// what failed: small models mend their first answer or none.
func messages(r Request, format string) ([]trial.Message, error) {
	form := form{JSON: format == formatJSON, Fixed: r.Recipe != nil, Text: arch.IsText(r.Task.Input), Choices: r.Template != ""}
	out, err := opening(form)
	if err != nil {
		return nil, err
	}
	asked := answeredTurns(r)
	first := r
	first.Turn = 0 // what was asked stays as it was asked
	view, err := choosingView(first, form)
	if err != nil {
		return nil, err
	}
	anew := stuck(asked)
	if anew {
		view.Commands = commandLines(r, form)
		for _, a := range slices.Backward(asked) {
			view.fail(fmt.Sprintf("just now: %s: %s", a.State, firstLine(a.Reason)))
		}
	}
	user, err := render(form.prefix()+"round.tmpl", view)
	if err != nil {
		return nil, err
	}
	out = append(out, trial.Message{Role: "user", Content: user})
	if len(asked) == 0 || anew {
		return out, nil
	}
	// An answer without a program is no ground to build on: the one before it is
	// mended again.
	last := len(asked) - 1
	for last > 0 && asked[last].Program == "" {
		last--
	}
	wrong, err := choicesRepairView(r, repairView(r, form, asked, last))
	if err != nil {
		return nil, err
	}
	repair, err := render(form.prefix()+"repair.tmpl", wrong)
	if err != nil {
		return nil, err
	}
	return append(out,
		trial.Message{Role: "assistant", Content: shorten(asked[last].Exchange.Answer, programShown)},
		trial.Message{Role: "user", Content: repair}), nil
}

// form is what stays the same in every prompt of a study.
type form struct {
	JSON    bool // the answer is a JSON object, else text with a fenced program
	Fixed   bool // the recipe is the study's
	Text    bool // the samples are texts, else images
	Choices bool // of a template are asked for, else programs
}

// prefix begins the names of the prompts about a template.
func (f form) prefix() string {
	if f.Choices {
		return "template_"
	}
	return ""
}

// opening is the part that is the same in every call: the system message and an
// example of a round.
func opening(f form) ([]trial.Message, error) {
	system, err := render(f.prefix()+"system.tmpl", map[string]any{
		"Ops": opLines(f), "Training": trainingLine(f), "Initializers": strings.Join(initializers, ", "), "JSON": f.JSON, "Fixed": f.Fixed, "Text": f.Text,
	})
	if err != nil {
		return nil, err
	}
	user, err := render(f.prefix()+"example_user.tmpl", map[string]any{"Parent": exampleFor(f).parent, "Commands": exampleCommands(f), "Text": f.Text})
	if err != nil {
		return nil, err
	}
	return []trial.Message{{Role: "system", Content: system}, {Role: "user", Content: user}, {Role: "assistant", Content: exampleText(f)}}, nil
}

// answeredTurns are the turns of this round that the model answered.
func answeredTurns(r Request) (asked []trial.Attempt) {
	for _, a := range r.Attempts {
		if a.Exchange != nil && a.Exchange.Answer != "" {
			asked = append(asked, a)
		}
	}
	return asked
}

func render(name string, data any) (string, error) {
	var b bytes.Buffer
	if err := prompts.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("prompt %s: %w", name, err)
	}
	return strings.TrimSpace(b.String()) + "\n", nil
}

// round is what round.tmpl and lessons.tmpl show.
type round struct {
	form
	Task     string
	Wants    []string
	Lessons  string
	Outcomes []string
	Failures []string
	Others   []shown
	Parent   *shown
	Commands []string
	Niche    string
	Seed     string // the program that the rule book starts from, where there is no parent
	Halvings string // how often a first network may halve the image; "" where the input is none
}

// shown is a network in a prompt.
type shown struct{ Title, Program, Layers string }

func roundView(r Request, f form) round {
	v := round{
		form: f, Task: taskLine(r.Task), Wants: wantLines(r), Lessons: shorten(r.Lessons, lessonsShown),
		Outcomes: outcomeLines(r, outcomesShown), Failures: failureLines(r.History),
		Commands: commandLines(r, f), Niche: nicheLine(r), Halvings: halvings(r.Task.Input),
	}
	if r.Parent == nil {
		v.Seed = arch.Seed(r.Task.Input, r.Task.Classes)
	}
	if p := r.Parent; p != nil && p.Program != nil {
		v.Parent = &shown{
			Title:   fmt.Sprintf("trial %d, %s", p.ID, measured(r, *p)),
			Program: unfenced(shorten(strings.TrimSpace(p.Program.Source), programShown)) + "\n",
			Layers:  layerLine(p.Program.Network),
		}
		for _, t := range others(r) {
			v.Others = append(v.Others, shown{
				Title:   fmt.Sprintf("trial %d, %s", t.ID, measured(r, t)),
				Program: unfenced(strings.TrimSpace(t.Program.Source)) + "\n",
			})
		}
	}
	return v
}

// fail adds a failure of this round, once.
func (v *round) fail(line string) {
	if line = shorten(line, reasonShown/2); !slices.Contains(v.Failures, line) {
		v.Failures = append(v.Failures, line)
	}
}

// stuck reports whether the last two answers failed alike.
func stuck(asked []trial.Attempt) bool {
	n := len(asked)
	if n < 2 {
		return false
	}
	a, b := asked[n-2], asked[n-1]
	return a.Program == b.Program || firstLine(a.Reason) == firstLine(b.Reason)
}

// repair is what repair.tmpl shows.
type repair struct {
	NoProgram, Duplicate, Infeasible bool
	Hopeless                         bool // by a forecast
	Forgot                           bool // to write the program, in a later answer
	Unused                           bool // the text of a copy is another, the network is not
	JSON                             bool
	Copy, Note, Reason, Line         string
	Measured                         string
	Earlier                          []string
	Commands                         []string
}

// repairView tells what was wrong with the answer of that index, and of the
// others in a line each.
func repairView(r Request, f form, asked []trial.Attempt, index int) repair {
	last := asked[index]
	v := repair{JSON: f.JSON, Reason: shorten(last.Reason, reasonShown), Note: last.Exchange.Error, Commands: commandLines(r, f), Forgot: index < len(asked)-1}
	for _, a := range asked[:index] {
		if a.Reason != last.Reason {
			v.Earlier = append(v.Earlier, shorten(firstLine(a.Reason), reasonShown/2))
		}
	}
	switch {
	case last.Program == "":
		v.NoProgram = true
	case last.State == trial.Infeasible:
		v.Infeasible = true
	case last.State == trial.Pruned:
		v.Hopeless = true
	case last.State == trial.Duplicate:
		v.Duplicate = true
		if r.Parent != nil && last.Hash == r.Parent.Hash {
			v.Copy = fmt.Sprintf("the parent, trial %d, which measured %s", r.Parent.ID, measured(r, *r.Parent))
			v.Unused = r.Parent.Program != nil && clean(r.Parent.Program.Source) != last.Program
			break
		}
		for _, t := range r.History {
			if t.Hash == last.Hash {
				v.Measured = "It measured " + measured(r, t)
			}
		}
	default:
		v.Line = lineOf(last.Program, last.Reason)
	}
	return v
}

// position finds "file:LINE:COLUMN: " in an error.
var position = regexp.MustCompile(`\.star:(\d+):\d+`)

// lineOf returns the program's line that the error names, or "".
func lineOf(program, reason string) string {
	m := position.FindStringSubmatch(reason)
	if m == nil {
		return ""
	}
	n, err := strconv.Atoi(m[1])
	lines := strings.Split(program, "\n")
	if err != nil || n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n-1])
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

// shorten cuts text in the middle of nothing: at n bytes, on a rune's border.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}
