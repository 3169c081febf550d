package propose

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// exampleChanges is what the example's answer says, a line for each command; the
// last one is of the recipe.
var exampleChanges = []string{
	"AMK: `x = stage(x, 48)` becomes `x = stage(x, 96)`.",
	"ASC: in stage, behind `h = ...`, a new line `h = h + relu(batch_norm(conv(h, filters)))`: h has `filters` channels already.",
	"AR: a new recipe with weight_decay = 0.002.",
}

// exampleCommands are those that the example carries out.
func exampleCommands(f form) []string {
	lines := []string{"AMK, add more kernels. How: " + how["AMK"] + ".", "ASC, add skip connection."}
	if !f.Fixed {
		lines = append(lines, "AR, add regularization.")
	}
	return lines
}

// exampleText is the example's answer in the form that is asked for.
func exampleText(f form) string {
	changes, program := exampleChanges, exampleAnswer
	if f.Fixed {
		changes = changes[:len(changes)-1]
	} else {
		program += exampleRecipe
	}
	if f.JSON {
		text, err := json.Marshal(jsonAnswer{
			Rationale: "More filters where the image is small cost little, and the skip connection carries gradients to the first layers.",
			Changes:   changes, Program: program, Expected: []jsonEffect{{trial.Accuracy, trial.Up}, {trial.MACs, trial.Up}},
		})
		if err != nil {
			panic(err) // of strings alone
		}
		return string(text)
	}
	return fmt.Sprintf("%s\nExpected: accuracy up, macs up\n```python\n%s```\n", strings.Join(changes, "\n"), program)
}
