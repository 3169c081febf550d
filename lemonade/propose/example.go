package propose

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// example is a round as a prompt shows it.
type example struct {
	parent, answer, recipe string
	changes                []string // what the answer says, a line for each command; the last one is of the recipe
	rationale              string
}

var imageExample = example{
	parent: promptFile("example_parent.star"), answer: promptFile("example_answer.star"), recipe: promptFile("example_recipe.star"),
	changes: []string{
		"AMK: `x = stage(x, 48)` becomes `x = stage(x, 96)`.",
		"ASC: in stage, behind `h = ...`, a new line `h = h + relu(batch_norm(conv(h, filters)))`: h has `filters` channels already.",
		"AR: a new recipe with weight_decay = 0.002.",
	},
	rationale: "More filters where the image is small cost little, and the skip connection carries gradients to the first layers.",
}

var textExample = example{
	parent: promptFile("example_text_parent.star"), answer: promptFile("example_text_answer.star"), recipe: promptFile("example_text_recipe.star"),
	changes: []string{
		"AMK: `x = layer(x, 64)` becomes `x = layer(x, 96)`.",
		"ASC: in layer, behind `h = ...`, a new line `h = h + relu(layer_norm(conv1d(h, filters)))`: h has `filters` channels already.",
		"AR: a new recipe with weight_decay = 0.02.",
	},
	rationale: "More filters tell more phrases apart, and the skip connection lets words reach the pooling as they are.",
}

func exampleFor(f form) example {
	if f.Text {
		return textExample
	}
	return imageExample
}

// exampleCommands are those that the example carries out.
func exampleCommands(f form) []string {
	lines := []string{"AMK, add more kernels. How: " + howTo("AMK", f) + ".", "ASC, add skip connection."}
	if !f.Fixed {
		lines = append(lines, "AR, add regularization.")
	}
	return lines
}

// exampleText is the example's answer in the form that is asked for.
func exampleText(f form) string {
	e := exampleFor(f)
	changes, program := e.changes, e.answer
	switch {
	case f.Choices:
		changes, program, e.rationale = choicesChanges, choicesAnswer, choicesRationale
	case f.Fixed:
		changes = changes[:len(changes)-1]
	default:
		program += e.recipe
	}
	if f.JSON {
		text, err := json.Marshal(jsonAnswer{
			Rationale: e.rationale,
			Changes:   changes, Program: program, Expected: []jsonEffect{{trial.Accuracy, trial.Up}, {trial.MACs, trial.Up}},
		})
		if err != nil {
			panic(err) // of strings alone
		}
		return string(text)
	}
	return fmt.Sprintf("%s\nExpected: accuracy up, macs up\n```python\n%s```\n", strings.Join(changes, "\n"), program)
}

// The answer of a template's example.
var (
	choicesChanges   = []string{"width: 32 becomes 64, since more filters tell more apart."}
	choicesRationale = "More filters tell more apart."
)

const choicesAnswer = "choices = {\"depth\": 2, \"width\": 64}\n"
