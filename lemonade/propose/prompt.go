package propose

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

//go:embed prompts
var promptFiles embed.FS

var prompts = template.Must(template.ParseFS(promptFiles, "prompts/*.tmpl"))

// How much of the history a prompt holds: a small model's context is 8,192
// tokens, and reading it takes a CPU a second for every hundred.
const (
	bestShown     = 3
	failuresShown = 3
	programShown  = 6000 // characters of the parent
	reasonShown   = 400  // characters of an error
)

// messages builds the conversation: what never changes first, so that servers
// can cache it; then the round; then, in a repair turn, the last answer and what
// was wrong with it. Answers before the last one are only summed up. A model that
// is stuck, with two answers in a row that fail alike, starts the round anew, told
// what failed: small models mend their first answer or none.
func messages(r Request) ([]trial.Message, error) {
	system, err := systemPrompt()
	if err != nil {
		return nil, err
	}
	var asked []trial.Attempt // the turns that the model answered
	for _, a := range r.Attempts {
		if a.Exchange != nil && a.Exchange.Answer != "" {
			asked = append(asked, a)
		}
	}
	view := roundView(r)
	anew := stuck(asked)
	if anew {
		for _, a := range slices.Backward(asked) {
			view.fail(fmt.Sprintf("just now: %s: %s", a.State, firstLine(a.Reason)))
		}
	}
	user, err := render("round.tmpl", view)
	if err != nil {
		return nil, err
	}
	out := []trial.Message{{Role: "system", Content: system}}
	for i, name := range []string{"example_user.tmpl", "example_answer.tmpl"} {
		text, err := render(name, map[string]string{"How": how["AMK"]})
		if err != nil {
			return nil, err
		}
		out = append(out, trial.Message{Role: []string{"user", "assistant"}[i], Content: text})
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
	repair, err := render("repair.tmpl", repairView(r, asked, last))
	if err != nil {
		return nil, err
	}
	return append(out,
		trial.Message{Role: "assistant", Content: shorten(asked[last].Exchange.Answer, programShown)},
		trial.Message{Role: "user", Content: repair}), nil
}

// systemPrompt is the part that is the same in every call.
var systemPrompt = sync.OnceValues(func() (string, error) {
	return render("system.tmpl", map[string]any{"Ops": opLines(), "Training": trainingLine(), "Initializers": strings.Join(initializers, ", ")})
})

func render(name string, data any) (string, error) {
	var b bytes.Buffer
	if err := prompts.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("prompt %s: %w", name, err)
	}
	return strings.TrimSpace(b.String()) + "\n", nil
}

// round is what round.tmpl shows.
type round struct {
	Task        string
	Wants       []string
	Results     []string
	Failures    []string
	Parent      string
	ParentTitle string
	Commands    []string
}

func roundView(r Request) round {
	v := round{Task: taskLine(r.Task), Wants: wantLines(r), Failures: failureLines(r.History), Commands: commandLines(r.Commands)}
	if p := r.Parent; p != nil && p.Program != nil {
		v.Parent = shorten(strings.TrimSpace(p.Program.Source), programShown) + "\n"
		v.ParentTitle = fmt.Sprintf("trial %d, %s", p.ID, measured(r, *p))
	}
	for _, t := range best(r.History, bestShown) {
		if r.Parent == nil || t.ID != r.Parent.ID {
			v.Results = append(v.Results, fmt.Sprintf("trial %d%s: %s", t.ID, codes(t.Commands), measured(r, t)))
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
	Forgot                           bool // to write the program, in a later answer
	Unused                           bool // the text of a copy is another, the network is not
	Copy, Note, Reason, Line         string
	Measured                         string
	Earlier                          []string
	Commands                         []string
}

// repairView tells what was wrong with the answer of that index, and of the
// others in a line each.
func repairView(r Request, asked []trial.Attempt, index int) repair {
	last := asked[index]
	v := repair{Reason: shorten(last.Reason, reasonShown), Note: last.Exchange.Error, Commands: commandLines(r.Commands), Forgot: index < len(asked)-1}
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
