package lemonade_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// readmeTemplate is the file of the template that README.md shows.
func readmeTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(text), "```python\n") {
		program, _, _ := strings.Cut(block, "```")
		if strings.Contains(program, "choice(") {
			return write(t, program)
		}
	}
	t.Fatal("README.md shows no template")
	return ""
}

func write(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mine.star")
	if err := os.WriteFile(path, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTemplate runs a study on the template of README.md with every proposer that
// needs no model.
func TestTemplate(t *testing.T) {
	path := readmeTemplate(t)
	for _, proposer := range propose.Names() {
		if _, _, local, err := (propose.Options{}).Resolve(proposer); err != nil || !local {
			continue
		}
		t.Run(proposer, func(t *testing.T) {
			o := quick
			o.Dir, o.Proposer, o.Template, o.Evaluator = t.TempDir(), proposer, path, scripted(measured)
			s := open(t, "fenced", o)
			run(t, s, 12, nil)
			if n := len(s.Trials().Complete()); n != 12 {
				t.Errorf("%d trials are complete, want 12", n)
			}
			for i, tr := range s.Trials() {
				if changed := proposer == "evolution" && i >= 10; (tr.Parent > 0) != changed { // the others draw from the whole template
					t.Errorf("trial %d is told to be changed from trial %d", tr.ID, tr.Parent)
				}
				var names []string
				for _, c := range tr.Program.Choices {
					names = append(names, c.Name)
				}
				if got := strings.Join(names, " "); !strings.HasPrefix(got, "block stages width0 depth") || !strings.HasSuffix(got, " learning_rate") {
					t.Errorf("trial %d has the choices %s", tr.ID, got)
				}
				if want := fmt.Sprint(tr.Program.Recipe.LearningRate); want != tr.Program.Taken()["learning_rate"] {
					t.Errorf("trial %d chose %v and is trained with the rate %s", tr.ID, tr.Program.Taken(), want)
				}
			}
			again := open(t, "fenced", lemonade.Options{Dir: o.Dir, Template: path})
			if d := cmp.Diff(s.Trials(), again.Trials()); d != "" {
				t.Errorf("read again: %s", d)
			}
			if d := cmp.Diff(s.Trials()[3].Program.Choices, s.Report().Trials[3].Choices); d != "" {
				t.Errorf("reported: %s", d)
			}
		})
	}
}

func TestTemplateRefuses(t *testing.T) {
	o := quick
	o.Dir, o.Template, o.Evaluator = t.TempDir(), "nasbench201", scripted(measured)
	s := open(t, "cell", o)
	free := quick
	free.Dir = o.Dir
	open(t, "free", free)
	for _, tt := range []struct{ study, template, want string }{
		{"cell", readmeTemplate(t), "template: the study was created with nasbench201 and cannot go on with "},
		{"free", "nasbench201", "template: the study was created with none and cannot go on with nasbench201"},
		{"new", write(t, arch.Seed(arch.Shape{8, 8, 1}, 10)), `it leaves nothing to choose: call choice("width", [16, 32]) where something is open`},
		{"new", write(t, "def network(x, classes):\n    return dense(conv1d(x, choice('a', [1])), classes)"), "model.star:2:"},
		{"new", "nasbench", "it is a file, or a name of nasbench201"},
	} {
		with := quick
		with.Dir, with.Template = o.Dir, tt.template
		if _, err := lemonade.Open(t.Context(), tt.study, with); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s: got %v, want %q", tt.template, tt.study, err, tt.want)
		}
	}

	// What a person tries may be any program; the search goes on from the template.
	tried, err := s.Try(t.Context(), arch.Seed(arch.Shape{8, 8, 1}, 10), nil)
	if err != nil || tried.Program.Choices != nil {
		t.Fatalf("tried: %v, %v", tried.Program, err)
	}
	run(t, s, 3, nil)
	for _, tr := range s.Trials()[1:] {
		if len(tr.Program.Choices) != 6 {
			t.Errorf("trial %d has the choices %v", tr.ID, tr.Program.Choices)
		}
	}
}

// TestTemplateWithModel: a model's choices become programs, a wrong one goes back to
// it with what there is, and a replay repeats the study.
func TestTemplateWithModel(t *testing.T) {
	server := talk(t, func(call int, _ string) (int, string) {
		return http.StatusOK, map[int]string{
			1: "A first network.\n```python\nchoices = {\"stages\": 4}\n```",
			2: "```python\nchoices = {\"stages\": 2, \"width0\": 16}\n```",
			3: "stages: 2 becomes 3.\nExpected: accuracy up\n```python\nchoices = {\"stages\": 3}\n```",
		}[call]
	})
	o := llmOptions(t)
	o.Template = readmeTemplate(t)
	s := open(t, "asked", o)
	run(t, s, 2, nil)
	first, second := s.Trials()[0], s.Trials()[1]
	if a := first.Attempts[0]; a.State != trial.Invalid || !strings.Contains(a.Reason, `choices has 4 for "stages"; it must be one of 1, 2, 3`) {
		t.Errorf("the first answer is %s: %s", a.State, a.Reason)
	}
	if !strings.Contains(server.prompts[1], "must be one of 1, 2, 3") || !strings.Contains(server.prompts[1], "- block: \"plain\", \"residual\", \"separable\"") {
		t.Errorf("the repair does not say what there is:\n%s", server.prompts[1])
	}
	if got := second.Program.Taken(); got["stages"] != "3" || got["width0"] != "16" || second.Attempts[0].Plan.Expected[trial.Accuracy] != trial.Up {
		t.Errorf("the second trial: %v, %+v", got, second.Attempts[0].Plan)
	}
	again, err := lemonade.Open(context.Background(), "again", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "asked"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	run(t, again, 2, nil)
	for i, tr := range again.Trials() {
		if d := cmp.Diff(s.Trials()[i].Program, tr.Program); d != "" {
			t.Errorf("replayed: %s", d)
		}
		if note := tr.Attempts[len(tr.Attempts)-1].Reason; strings.Contains(note, "changed since") {
			t.Errorf("trial %d: %s", tr.ID, note)
		}
	}
}
