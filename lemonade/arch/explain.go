package arch

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxErrors bounds how many errors of one program are reported.
const maxErrors = 5

// explain turns an error of the interpreter into one that says what to write
// instead.
func (r *run) explain(err error) error {
	var (
		parseErr   syntax.Error
		resolveErr resolve.ErrorList
		evalErr    *starlark.EvalError
	)
	switch {
	case errors.As(err, &parseErr):
		return fmt.Errorf("%v: syntax: %s", parseErr.Pos, withHint(parseErr.Msg, syntaxHint(r.line(parseErr.Pos), parseErr.Msg)))
	case errors.As(err, &resolveErr):
		var lines []string
		for _, e := range resolveErr {
			if len(lines) == maxErrors {
				break
			}
			lines = append(lines, fmt.Sprintf("%v: %s", e.Pos, nameError(e.Msg)))
		}
		return errors.New(strings.Join(lines, "\n"))
	case errors.As(err, &evalErr):
		return r.explainEval(evalErr)
	}
	return fmt.Errorf("%s:1:1: program: %w", fileName, err)
}

// explainEval adds the place, and the line that called the function it is in.
func (r *run) explainEval(e *starlark.EvalError) error {
	var frames []starlark.CallFrame // in the program, innermost first
	for i := range len(e.CallStack) {
		if f := e.CallStack.At(i); f.Pos.Filename() == fileName {
			frames = append(frames, f)
		}
	}
	pos, caller := syntax.MakePosition(nil, 1, 1), ""
	place := fileName + ":1:1"
	if len(frames) > 0 {
		pos = frames[0].Pos
		place = pos.String()
	}
	if len(frames) > 1 && frames[1].Pos.Line != pos.Line {
		caller = fmt.Sprintf(" (in %s, called from line %d)", frames[0].Name, frames[1].Pos.Line)
	}
	return fmt.Errorf("%s: %s%s", place, runtimeError(e.Msg, r.line(pos)), caller)
}

// line returns the text of the line at a position.
func (r *run) line(p syntax.Position) string {
	lines := strings.Split(r.source, "\n")
	if i := int(p.Line) - 1; i >= 0 && i < len(lines) {
		return strings.TrimSpace(lines[i])
	}
	return ""
}

func withHint(msg, hint string) string {
	if hint == "" {
		return msg
	}
	return msg + "; " + hint
}
