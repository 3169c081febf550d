package propose

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	changesKept = 8   // lines of a plan
	changeShown = 300 // characters of each
)

// readJSON reads an answer that is one JSON object, perhaps with text or a fence
// around it, and perhaps with something behind it.
func readJSON(answer string) (a jsonAnswer, ok bool) {
	at := strings.IndexByte(answer, '{')
	if at < 0 || (at > 0 && !strings.Contains(answer, `"program"`)) {
		return a, false
	}
	err := json.NewDecoder(strings.NewReader(answer[at:])).Decode(&a)
	return a, err == nil && a.Program != ""
}

// readPlan reads the lines before the program: a change each, and what is expected.
func readPlan(answer string) *trial.Plan {
	var changes []string
	expected := ""
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if opens(line) != "" || strings.HasPrefix(line, "def ") {
			break
		}
		line = strings.TrimSpace(strings.TrimLeft(line, "-*# "))
		if rest, ok := strings.CutPrefix(strings.ToLower(line), "expected"); ok {
			expected = rest
		} else if line != "" {
			changes = append(changes, line)
		}
	}
	p := newPlan("", changes)
	for _, m := range effect.FindAllStringSubmatch(expected, -1) {
		expect(p, trial.Metric(strings.ReplaceAll(strings.TrimSpace(m[1]), " ", "_")), m[2])
	}
	return p
}

// effect matches "inference energy: down" and its like.
var effect = regexp.MustCompile(`([a-z][a-z0-9_ ]*?)[\s:=]+(up|down|same)\b`)

func newPlan(rationale string, changes []string) *trial.Plan {
	p := &trial.Plan{Rationale: shorten(strings.TrimSpace(rationale), changesKept*changeShown)}
	for _, c := range changes[:min(changesKept, len(changes))] {
		if c = strings.TrimSpace(c); c != "" {
			p.Changes = append(p.Changes, shorten(c, changeShown))
		}
	}
	return p
}

// expect notes an effect, if there is such a metric.
func expect(p *trial.Plan, m trial.Metric, effect string) {
	_, known := m.Info()
	if !known || (effect != trial.Up && effect != trial.Down && effect != trial.Same) {
		return
	}
	if p.Expected == nil {
		p.Expected = map[trial.Metric]string{}
	}
	p.Expected[m] = effect
}

// orNil is nil for a plan that says nothing.
func orNil(p *trial.Plan) *trial.Plan {
	if p.Rationale == "" && len(p.Changes) == 0 && len(p.Expected) == 0 {
		return nil
	}
	return p
}
