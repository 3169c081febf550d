package notebooks_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/kernelext"
)

// What the checks of the classroom exercise say of an answer, and the notebooks in
// which they say it of every one.
const (
	open, right, wrong = "–", "✓", "✗"

	exercise, answers = "teaching-trade-offs", "teaching-trade-offs-answers"
)

var (
	question = regexp.MustCompile(`\*\*Question (\d+)[.,]`)
	verdict  = regexp.MustCompile(`(?m)^(\S) Question (\d+):`)
)

// checkExercise holds that in the exercise every question is open, and that the answer
// key has every one right.
func checkExercise(t *testing.T, name, executed string) {
	t.Helper()
	want, ok := map[string]string{exercise: open, answers: right}[name]
	if !ok {
		return
	}
	if diff := cmp.Diff(verdicts(want, questions(t, executed)), told(strings.Join(outputs(t, executed), "\n"))); diff != "" {
		t.Errorf("%s: what the checks say (-want +got):\n%s", name, diff)
	}
}

// questions are the numbers of a notebook's questions.
func questions(t *testing.T, path string) (numbers []string) {
	t.Helper()
	for _, c := range read(t, path).Cells {
		if found := question.FindStringSubmatch(string(c.Source)); c.Type == "markdown" && found != nil {
			numbers = append(numbers, found[1])
		}
	}
	if len(numbers) == 0 {
		t.Fatalf("%s asks nothing", path)
	}
	return numbers
}

// verdicts are the same one for all questions.
func verdicts(mark string, numbers []string) (all []string) {
	for _, n := range numbers {
		all = append(all, mark+n)
	}
	return all
}

// told are the verdicts in a text.
func told(text string) (all []string) {
	for _, found := range verdict.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1]+found[2])
	}
	return all
}

// TestExercise runs the exercise's cells as one program, without Jupyter: as they are
// kept, with the answers of the key, and with functions that are empty, none of which
// may pass for an answer.
func TestExercise(t *testing.T) {
	studies := t.TempDir()
	t.Setenv("LEMONADE_STUDIES", studies)
	if _, err := kernelext.Import(t.Context(), filepath.Join("data", exercise+".zip"), kernelext.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	numbers := questions(t, exercise+".ipynb")
	if diff := cmp.Diff(numbers, questions(t, answers+".ipynb")); diff != "" {
		t.Errorf("the key answers other questions (-exercise +key):\n%s", diff)
	}
	for _, c := range []struct {
		what, name, want string
		change           func(*ast.FuncDecl)
	}{
		{"as it is kept", exercise, open, nil},
		{"the key", answers, right, nil},
		{"answered with nothing", exercise, wrong, answerNothing},
	} {
		got := told(runCells(t, c.name+".ipynb", c.change))
		if diff := cmp.Diff(verdicts(c.want, numbers), got); diff != "" {
			t.Errorf("%s: what the checks say (-want +got):\n%s", c.what, diff)
		}
	}
}

// answerNothing has a function that is to be completed return what it may return
// without any thought.
func answerNothing(f *ast.FuncDecl) {
	if len(f.Body.List) != 1 {
		return
	}
	call, ok := f.Body.List[0].(*ast.ExprStmt)
	if !ok || !strings.HasPrefix(written(call.X), "panic(todo") {
		return
	}
	for i, r := range f.Type.Results.List {
		if r.Names == nil {
			r.Names = []*ast.Ident{ast.NewIdent(fmt.Sprintf("r%d", i))}
		}
	}
	f.Body.List[0] = &ast.ReturnStmt{}
}

// written is an expression as it is written.
func written(x ast.Expr) string {
	var b strings.Builder
	if err := format.Node(&b, token.NewFileSet(), x); err != nil {
		return ""
	}
	return b.String()
}

// runCells runs a notebook's cells of Go, one after the other, and returns what they
// print. change, where there is one, is given every function that they declare.
func runCells(t *testing.T, notebook string, change func(*ast.FuncDecl)) string {
	t.Helper()
	imports, declared, bodies := "", "", ""
	for _, c := range read(t, notebook).Cells {
		source := string(c.Source)
		if c.Type != "code" || strings.Contains(source, "%lemonade ") {
			continue
		}
		declarations, body, _ := strings.Cut(source, "%%\n")
		if i := strings.Index(declarations, "import (\n"); i >= 0 {
			end := i + strings.Index(declarations[i:], "\n)\n") + len("\n)\n")
			imports += declarations[i:end]
			declarations = declarations[:i] + declarations[end:]
		}
		declared += declarations + "\n"
		bodies += "func() {\n" + body + "\n}()\n"
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, notebook, "package main\n"+imports+declared+"func main() {\n"+bodies+"}\n", parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if change != nil {
				change(n)
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	for _, spec := range file.Imports { // the kernel drops what a cell does not use
		if name := path.Base(strings.Trim(spec.Path.Value, `"`)); !used[name] {
			spec.Name = ast.NewIdent("_")
		}
	}
	program := filepath.Join(t.TempDir(), "main.go")
	var text strings.Builder
	if err := format.Node(&text, files, file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "go", "run", program)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", notebook, err, out)
	}
	return string(out)
}
