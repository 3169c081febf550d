package propose

import (
	"github.com/lemo-nade/lemonade/lemonade/trial"

	"regexp"
	"slices"
	"strings"
)

// importLine is a line that Starlark lacks and that changes nothing when it is
// left out, since every operation is predeclared. Nothing else is mended: any
// other fault goes back to the model with its error.
var importLine = regexp.MustCompile(`^(import\s+[\w.]+|from\s+[\w.]+\s+import\s+.+)`)

// extract finds the program in a model's answer: the first fenced block, of any
// tag, closed or not, that defines network and is not the parent quoted; else the
// bare code from the first line that begins a definition. It returns "" where
// there is no program. A small model that goes on behind its program seldom
// improves it, so a later block counts only where the first is the parent.
func extract(answer, parent string) string {
	answer = strings.ReplaceAll(answer, "\r\n", "\n")
	lines := strings.Split(answer, "\n")
	var best, longest string
	for i := 0; i < len(lines); i++ {
		fence := opens(lines[i])
		if fence == "" {
			continue
		}
		end := i + 1
		for end < len(lines) && !closes(lines[end], fence) {
			end++
		}
		block := strings.Join(lines[i+1:end], "\n")
		if defines(block) && (best == "" || clean(best) == clean(parent)) {
			best = block
		}
		if strings.Contains(block, "def ") && len(block) > len(longest) {
			longest = block
		}
		i = end
	}
	if best == "" {
		best = bare(lines)
	}
	if best == "" {
		best = longest
	}
	return clean(best)
}

// jsonAnswer is an answer in the form of [answerSchema].
type jsonAnswer struct {
	Rationale string       `json:"rationale"`
	Changes   []string     `json:"changes"`
	Program   string       `json:"program"`
	Expected  []jsonEffect `json:"expected"`
}

type jsonEffect struct {
	Metric trial.Metric `json:"metric"`
	Effect string       `json:"effect"`
}

func (a jsonAnswer) plan() *trial.Plan {
	p := newPlan(a.Rationale, a.Changes)
	for _, e := range a.Expected {
		expect(p, e.Metric, e.Effect)
	}
	return p
}

// read finds the plan and the program in an answer: a JSON object, perhaps in a
// fence, or text with a program in a fence. What is not there is left out; whether
// the program is one is for others to say.
func read(answer string, parent *trial.Trial) Proposal {
	old := ""
	if parent != nil && parent.Program != nil {
		old = parent.Program.Source
	}
	var out Proposal
	program := ""
	if a, ok := readJSON(answer); ok {
		out.Plan = orNil(a.plan())
		if program = extract(a.Program, old); program == "" {
			program = clean(strings.ReplaceAll(a.Program, "\r\n", "\n"))
		}
	} else {
		out.Plan = orNil(readPlan(answer))
		program = extract(answer, old)
	}
	var patched bool
	if program, patched = patch(program, old); patched {
		out.Note = "the answer holds some functions only; the rest is the parent's"
	}
	out.Source = tidy(program)
	return out
}

// tidy drops the functions that a later one of the same name replaces, and those
// that nothing calls: a model that is shown them next would take them for the
// program.
func tidy(program string) string {
	all := chunks(program)
	kept := slices.Clone(all[:0])
	for i, c := range all {
		replaced := c.onlyFunction() && slices.ContainsFunc(all[i+1:], func(later chunk) bool { return later.name == c.name })
		if !replaced {
			kept = append(kept, c)
		}
	}
	for again := true; again; {
		again = false
		for i, c := range kept {
			if !c.onlyFunction() || c.name == "network" || c.name == "recipe" {
				continue
			}
			used := regexp.MustCompile(`\b` + regexp.QuoteMeta(c.name) + `\b`)
			if !slices.ContainsFunc(kept, func(o chunk) bool { return o.name != c.name && used.MatchString(o.text) }) {
				kept = slices.Delete(kept, i, i+1)
				again = true
				break
			}
		}
	}
	if len(kept) == len(all) {
		return program
	}
	var b strings.Builder
	for _, c := range kept {
		b.WriteString(c.text)
	}
	return strings.Trim(b.String(), "\n") + "\n"
}

// opens returns the fence with which the line opens a block, or "".
func opens(line string) string {
	line = strings.TrimSpace(line)
	for _, f := range []string{"```", "~~~"} {
		if strings.HasPrefix(line, f) && !strings.Contains(line[3:], f) {
			return f
		}
	}
	return ""
}

func closes(line, fence string) bool { return strings.HasPrefix(strings.TrimSpace(line), fence) }

// bare returns the code that begins at the first definition outside any fence
// and goes on as long as the lines look like code.
func bare(lines []string) string {
	for i, line := range lines {
		if !strings.HasPrefix(line, "def ") {
			continue
		}
		end := i + 1
		for end < len(lines) && code(lines[end]) {
			end++
		}
		if block := strings.Join(lines[i:end], "\n"); defines(block) {
			return block
		}
	}
	return ""
}

// code reports whether a line can be part of a program's top level.
func code(line string) bool {
	return strings.TrimSpace(line) == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") ||
		strings.HasPrefix(line, "def ") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ")") ||
		assignment.MatchString(line)
}

var (
	assignment = regexp.MustCompile(`^\w+\s*=`)
	definition = regexp.MustCompile(`(?m)^[ \t]*def[ \t]+network[ \t]*\(`)
)

func defines(block string) bool { return definition.MatchString(block) }

// clean drops the imports and the indentation of the whole block, and ends it
// with one newline.
func clean(block string) string {
	if strings.TrimSpace(block) == "" {
		return ""
	}
	var lines []string
	for _, line := range strings.Split(block, "\n") {
		if importLine.MatchString(strings.TrimSpace(line)) {
			continue
		}
		lines = append(lines, strings.TrimRight(line, " \t"))
	}
	indent := ""
	for _, line := range lines {
		if line != "" {
			indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			break
		}
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

// functionStart matches the line that begins a function at the top level.
var functionStart = regexp.MustCompile(`^def[ \t]+(\w+)[ \t]*\(`)

// chunk is a function with what follows it up to the next one; the first chunk of
// a program has no name and holds what stands before any function.
type chunk struct{ name, text string }

// onlyFunction reports whether nothing of the top level stands behind the function.
func (c chunk) onlyFunction() bool {
	if c.name == "" {
		return false
	}
	_, body, _ := strings.Cut(c.text, "\n")
	for line := range strings.Lines(body) {
		if strings.TrimSpace(line) != "" && !strings.ContainsAny(line[:1], " \t)#") {
			return false
		}
	}
	return true
}

func chunks(program string) []chunk {
	out := []chunk{{}}
	for _, line := range strings.SplitAfter(program, "\n") {
		if m := functionStart.FindStringSubmatch(line); m != nil {
			out = append(out, chunk{name: m[1]})
		}
		out[len(out)-1].text += line
	}
	return out
}

// patch takes a program without network for a change of the parent: its functions
// replace the parent's of the same name, and others are put before them. It
// reports whether it did.
func patch(program, parent string) (string, bool) {
	if program == "" || defines(program) || !defines(parent) {
		return program, false
	}
	changed := map[string]string{}
	var added string
	old := chunks(strings.TrimSpace(parent) + "\n")
	for _, c := range chunks(program) {
		if c.name != "" && slices.ContainsFunc(old, func(o chunk) bool { return o.name == c.name }) {
			changed[c.name] = c.text
		} else if strings.TrimSpace(c.text) != "" {
			added += strings.TrimSpace(c.text) + "\n\n"
		}
	}
	var b strings.Builder
	b.WriteString(added)
	for _, c := range old {
		if text, ok := changed[c.name]; ok {
			c.text = strings.TrimSpace(text) + "\n\n"
		}
		b.WriteString(c.text)
	}
	return strings.TrimSpace(b.String()) + "\n", true
}
