package kernel

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"
)

// cursorLine is a line that begins with %lemonade, or is about to, with the cursor in it.
type cursorLine struct {
	before string // the line up to the cursor
	cursor int    // in the cell, in characters
}

// magicLine returns the line of the cursor, and whether it is one of ours.
func magicLine(code string, cursor int) (cursorLine, bool) {
	all := []rune(code)
	if cursor < 0 || cursor > len(all) {
		return cursorLine{}, false
	}
	before := string(all[:cursor])
	before = before[strings.LastIndexByte(before, '\n')+1:]
	typed := strings.TrimPrefix(before, "//gonb:")
	begun := typed != "" && strings.HasPrefix(magic, typed)
	return cursorLine{before, cursor}, begun || isMagic(strings.TrimRight(typed, " \t"))
}

// answer answers a request for completion, or to inspect.
func (l cursorLine) answer(request string) (typ string, content map[string]any) {
	if request == "inspect_request" {
		return "inspect_reply", map[string]any{
			"status": "ok", "found": true, "metadata": map[string]any{},
			"data": map[string]any{"text/plain": l.help()},
		}
	}
	matches, start := l.complete()
	return "complete_reply", map[string]any{
		"status": "ok", "matches": matches, "metadata": map[string]any{},
		"cursor_start": l.cursor - len([]rune(l.before[start:])), "cursor_end": l.cursor,
	}
}

// words are the words before the cursor's, and the cursor's own with its place in
// the line.
func (l cursorLine) words() (before []string, last word) {
	at := strings.Index(l.before, magic) + len(magic)
	list, open := split(l.before[at:])
	last = word{"", len(l.before)}
	if n := len(list); n > 0 && (open != 0 || !strings.HasSuffix(l.before, " ") && !strings.HasSuffix(l.before, "\t")) {
		last, list = list[n-1], list[:n-1]
		last.at += at
	}
	for _, w := range list {
		before = append(before, w.text)
	}
	return before, last
}

// soon bounds how long completion may take: a database may be busy.
const soon = 2 * time.Second

// complete returns what the cursor's word may become, and where in the line it begins.
func (l cursorLine) complete() (matches []string, start int) {
	matches = []string{}
	if typed := strings.TrimPrefix(l.before, "//gonb:"); strings.HasPrefix(magic, typed) {
		return append(matches, magic), len(l.before) - len(typed)
	}
	before, last := l.words()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	root := commands()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(append(append([]string{"__complete"}, before...), last.text))
	if err := root.ExecuteContext(ctx); err != nil {
		return matches, last.at
	}
	for line := range strings.Lines(out.String()) {
		text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(text, last.text) && !strings.HasPrefix(text, ":") {
			matches = append(matches, quote(text))
		}
	}
	return matches, last.at
}

// help is what the table says of the command in the line.
func (l cursorLine) help() string {
	root := commands()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	args := []string{"help"}
	if strings.Contains(l.before, magic) {
		before, last := l.words()
		if all := append(before, last.text); all[0] != "" && all[0][0] != '-' && known(all[0]) == nil {
			args = append(args, all[0])
		}
	}
	root.SetArgs(args)
	_ = root.Execute() // it writes what is wrong
	return out.String()
}
