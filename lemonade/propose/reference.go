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
// has arguments, and one for the plain ones of a family together.
func opLines() []string {
	var lines []string
	plain := map[string]int{} // family -> its line
	for _, op := range arch.Ops() {
		if op.Internal || op.Family == "" {
			continue
		}
		signature := rareArg.ReplaceAllString(op.Signature(), "")
		if len(op.Args) > 0 && op.Family != "Activations" && op.Family != "Normalisation" {
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

// rareArg matches the arguments that a prompt does without, or names once for all.
var rareArg = regexp.MustCompile(`, (share = None|epsilon = [\d.e-]+|bias = True|init = "\w+")`)

// trainingLine shows the call of training with its defaults.
func trainingLine() string {
	var parts []string
	v := reflect.ValueOf(arch.DefaultRecipe)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
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
var sentenceEnd = regexp.MustCompile(`\. [A-Z]`)

func firstSentence(doc string) string {
	if at := sentenceEnd.FindStringIndex(doc); at != nil {
		doc = doc[:at[0]]
	}
	return strings.TrimSuffix(doc, ".")
}
