package kernel

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/kernelext"
)

const magic = "%lemonade"

// commands are the words after %lemonade.
func commands() *cobra.Command {
	root := kernelext.Command()
	root.CompletionOptions.DisableDefaultCmd = true
	root.InitDefaultHelpCmd()
	return root
}

// parseCell returns the words of each %lemonade line of a cell, and nil where it
// has none. Such a cell begins with one and holds nothing else but comments. An
// error is meant for whoever wrote the cell.
func parseCell(code string) (calls [][]string, err error) {
	other := "" // the first line that is none of these
	lines := strings.Split(code, "\n")
	for i := 0; i < len(lines); i++ {
		line := special(lines[i])
		at := i + 1
		if !isMagic(line) {
			if blank := strings.TrimSpace(line); blank != "" && !strings.HasPrefix(blank, "//") && other == "" {
				other = fmt.Sprintf("line %d, %q", at, line)
			}
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) { // goes on in the next line
			i++
			line = strings.TrimSuffix(line, `\`) + " " + special(lines[i])
		}
		list, open := split(line[len(magic):])
		if open != 0 {
			return nil, fmt.Errorf("line %d: the quote %c is not closed: %s", at, open, line)
		}
		call := []string{}
		for _, w := range list {
			call = append(call, w.text)
		}
		calls = append(calls, call)
	}
	if calls != nil && other != "" {
		return nil, fmt.Errorf("%s: a cell with %s has no other lines: move them to a cell of their own", other, magic)
	}
	for i, call := range calls {
		if len(call) == 0 {
			calls[i] = []string{"help"}
		} else if err := known(call[0]); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// special is the line without the prefix by which GoNB lets a special line look
// like a comment.
func special(line string) string {
	return strings.TrimRight(strings.TrimPrefix(line, "//gonb:"), "\r\t ")
}

func isMagic(line string) bool {
	rest, ok := strings.CutPrefix(line, magic)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// known returns an error where there is no such word, with the nearest that there is.
func known(word string) error {
	if strings.HasPrefix(word, "-") {
		return nil // a flag: the command table knows what to say of it
	}
	var all []string
	nearest, distance := "", 0
	for _, c := range commands().Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return nil
		}
		if !c.IsAvailableCommand() && c.Name() != "help" {
			continue
		}
		all = append(all, c.Name())
		if d := levenshtein.ComputeDistance(word, c.Name()); nearest == "" || d < distance {
			nearest, distance = c.Name(), d
		}
	}
	return fmt.Errorf("%s %s: there is no such word; the nearest is %q. There are: %s", magic, word, nearest, strings.Join(all, ", "))
}

// cellWord as its first argument makes the command run the calls of a cell.
const cellWord = "cell"

// program is Go that GoNB runs for the calls. It becomes the command lemonade-kernel
// at path, which has everything linked: to compile a cell that imports kernelext
// takes a second or two. The package syscall has a name that no notebook is likely
// to use, for GoNB keeps imports from cell to cell; it does not keep main.
func program(path string, calls [][]string) string {
	return fmt.Sprintf(`import __lemonade "syscall"

func main() {
	panic(__lemonade.Exec(%q, []string{"lemonade", %q, %q}, __lemonade.Environ()))
}
`, path, cellWord, encode(calls))
}

// runCell runs the calls, in a cell's program.
func runCell(args []string) error {
	var calls [][]string
	if len(args) != 1 {
		return fmt.Errorf("%s takes the calls in JSON", cellWord)
	}
	if err := json.Unmarshal([]byte(args[0]), &calls); err != nil {
		return fmt.Errorf("%s %s: %w", cellWord, args[0], err)
	}
	for _, call := range calls {
		for i, text := range call {
			call[i] = expand(text)
		}
		kernelext.Main(call...)
	}
	return nil
}

// setting is ${LEMONADE_NAME} or ${LEMONADE_NAME:-default}, as a shell has them.
var setting = regexp.MustCompile(`\$\{(LEMONADE_[A-Z0-9_]+)(?::-([^}]*))?\}`)

// expand puts the environment's settings in, so that a notebook's parameters can be
// given from outside and the same line works in a terminal. Names of others, which
// may hold secrets, are left as they are.
func expand(text string) string {
	return setting.ReplaceAllStringFunc(text, func(found string) string {
		part := setting.FindStringSubmatch(found)
		return cmp.Or(os.Getenv(part[1]), part[2])
	})
}

// word is a word of a line and where it begins, in bytes.
type word struct {
	text string
	at   int
}

// split splits a line into words as a shell does: within '…' everything stands
// for itself, within "…" a backslash escapes " and \, elsewhere it escapes anything.
// A quote that is not closed reaches to the end and is returned.
func split(line string) (words []word, open rune) {
	var text strings.Builder
	at, escaped := -1, false
	for i, r := range line {
		if at < 0 && open == 0 && (r == ' ' || r == '\t') && !escaped {
			continue
		}
		if at < 0 {
			at = i
		}
		switch {
		case escaped:
			if open == '"' && r != '"' && r != '\\' {
				text.WriteByte('\\')
			}
			text.WriteRune(r)
			escaped = false
		case r == '\\' && open != '\'':
			escaped = true
		case open != 0 && r == open:
			open = 0
		case open == 0 && (r == '\'' || r == '"'):
			open = r
		case open == 0 && (r == ' ' || r == '\t'):
			words = append(words, word{text.String(), at})
			text.Reset()
			at = -1
		default:
			text.WriteRune(r)
		}
	}
	if escaped {
		text.WriteByte('\\')
	}
	if at >= 0 {
		words = append(words, word{text.String(), at})
	}
	return words, open
}

// quote is the opposite of split, for one word.
func quote(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t'\"\\") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
