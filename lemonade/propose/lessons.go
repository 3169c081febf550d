package propose

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	lessonLines  = 4
	lessonTokens = 250
)

// Reflect lets the model rewrite the lessons from what came of the latest changes.
func (p *llm) Reflect(ctx context.Context, r Request) (trial.Lessons, error) {
	prompt, err := lessonMessages(r)
	if err != nil {
		return trial.Lessons{}, err
	}
	ex, _, err := p.ask(ctx, call{
		Messages: prompt, MaxTokens: lessonTokens, Temperature: 0.6 * *p.options.Temperature, Seed: int(r.rand("lessons").Int32()),
	})
	if err != nil {
		return trial.Lessons{Exchange: ex}, err
	}
	lessons := trial.Lessons{Text: lessonText(ex.Answer, r.History), Exchange: ex}
	if lessons.Text == "" {
		ex.Error = "the answer holds no lesson from a trial that was measured"
		return lessons, fmt.Errorf("model %s: %s", ex.Model, ex.Error)
	}
	return lessons, nil
}

func lessonMessages(r Request) ([]trial.Message, error) {
	v := roundView(r, form{Text: arch.IsText(r.Task.Input)})
	v.Outcomes = outcomeLines(r, outcomesTaught)
	text, err := render("lessons.tmpl", v)
	return []trial.Message{{Role: "user", Content: text}}, err
}

// lessonText takes the first lines of an answer that are lessons: each must name a
// trial that was measured, and none that was not. A small model that is asked for
// lessons likes to make trials up, or to say what is said of all networks.
func lessonText(answer string, h trial.History) string {
	var lines []string
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		text := strings.TrimLeft(line, "-*•# ")
		if text != line && grounded(text, h) && len(lines) < lessonLines {
			lines = append(lines, "- "+shorten(strings.Join(strings.Fields(unfenced(text)), " "), lessonsShown/lessonLines))
		}
	}
	return strings.Join(lines, "\n")
}

// grounded reports whether every trial that a text names was measured, and that it
// names one.
func grounded(text string, h trial.History) bool {
	named := trialName.FindAllStringSubmatch(text, -1)
	for _, m := range named {
		id, err := strconv.Atoi(m[1])
		if t, ok := h.ByID(id); err != nil || !ok || t.State != trial.Complete && t.State != trial.Pruned {
			return false
		}
	}
	return len(named) > 0
}

var trialName = regexp.MustCompile(`(?i)\btrials? (\d+)`)
