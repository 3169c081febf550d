package propose

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// opLines is the reference for a prompt, made from the operations' declarations
// like [arch.Reference] but a quarter as long: a line for each operation that
// has arguments, and one for the plain ones of a family together. Operations for
// other samples than the task's are left out.
func opLines(f form) []string {
	other, rare := arch.ForTexts, rareArg
	if f.Text {
		other, rare = arch.ForImages, rareTextArg
	}
	var lines []string
	plain := map[string]int{} // family -> its line
	for _, op := range arch.Ops() {
		if op.Internal || op.Family == "" || op.Only == other {
			continue
		}
		signature := rare.ReplaceAllString(op.Signature(), "")
		if op.Tokens || len(op.Args) > 0 && op.Family != "Activations" && op.Family != "Normalisation" {
			lines = append(lines, signature+": "+firstSentence(op.Doc))
			continue
		}
		if i, ok := plain[op.Family]; ok {
			lines[i] += ", " + signature
			continue
		}
		plain[op.Family] = len(lines)
		lines = append(lines, signature)
	}
	return lines
}

// rareArg matches the arguments that a prompt does without, or names once for
// all: masks are of use for texts alone.
var (
	rareTextArg = regexp.MustCompile(`, (share = None|epsilon = [\d.e-]+|bias = True|init = "\w+")`)
	rareArg     = regexp.MustCompile(rareTextArg.String() + "|, mask = None")
)

// augmentations are the recipe's changes of samples, by whether they are of texts.
var augmentations = map[string]bool{"flip": false, "crop": false, "turn": false, "cutout": false, "mixup": false, "token_dropout": true}

// trainingLine shows the call of training with its defaults.
func trainingLine(f form) string {
	var parts []string
	recipe := arch.DefaultRecipe
	if f.Text {
		recipe = arch.RecipeFor(arch.Tokens{})
	}
	v := reflect.ValueOf(recipe)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if text, ok := augmentations[name]; ok && text != f.Text {
			continue
		}
		value := fmt.Sprint(v.Field(i).Interface())
		switch v.Field(i).Kind() {
		case reflect.String:
			value = fmt.Sprintf("%q", value)
		case reflect.Bool:
			value = strings.ToUpper(value[:1]) + value[1:]
		}
		parts = append(parts, name+" = "+value)
	}
	return "training(" + strings.Join(parts, ", ") + ")"
}

// sentenceEnd matches the border of two sentences, but not "[... C]".
var sentenceEnd = regexp.MustCompile(`[^.]\. [A-Z]`)

func firstSentence(doc string) string {
	if at := sentenceEnd.FindStringIndex(doc); at != nil {
		doc = doc[:at[0]+1]
	}
	return strings.TrimSuffix(doc, ".")
}
