package expert

import (
	"fmt"
	"strings"
)

// Reference returns, in Markdown, what a rule may be made of: the aims, the
// commands, the functions and every variable.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Reference of the rule book

A rule has a name, an aim (` + strings.Join(aims, ", ") + `), a priority from 1 to 9
(` + fmt.Sprint(defaultPriority) + ` where none is given), a condition (when), commands (do) and a reason (because). In a
condition stand comparisons, arithmetic, and, or, not, in, and the functions
` + strings.Join(functions, ", ") + `. In a reason a value stands in braces, as {accuracy}. A rule that names a
value which is unknown at the time does not fire.

## Commands

| code | command | opposite |
|---|---|---|
`)
	for _, c := range commands {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Code, c.Text, c.Opposite)
	}
	b.WriteString("\n## Values\n\n| name | kind | meaning |\n|---|---|---|\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", v.name, kindOf(v.sample), v.doc)
	}
	return b.String()
}

func kindOf(sample any) string {
	switch sample.(type) {
	case bool:
		return "true or false"
	case int:
		return "whole number"
	case float64:
		return "number"
	}
	return "text"
}
