// Package ask asks whoever sits in front of the program, at a terminal or in a
// notebook, and finds out first whether anybody does.
package ask

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"golang.org/x/term"
)

// FrontEnd is the environment variable in which the kernel names a file that is there
// as long as the cell that runs may ask: GoNB does not tell its programs, and where
// nobody can answer a question it waits for ever.
const FrontEnd = "LEMONADE_KERNEL_ASKS"

// Func shows a prompt and returns the line that is given for an answer, which is not
// shown where it is hidden. It is io.EOF where there will be no answer any more, and
// ctx.Err() when it is cancelled.
type Func func(ctx context.Context, prompt string, hidden bool) (string, error)

// Somebody returns how to ask, and false where nobody could answer. In a terminal the
// prompts are written to out.
func Somebody(out io.Writer) (Func, bool) {
	if gonbui.IsNotebook {
		_, err := os.Stat(os.Getenv(FrontEnd))
		return inNotebook, err == nil
	}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, false
	}
	return inTerminal(file), true
}

// stdin is one reader, for it may hold lines that are not asked for yet.
var stdin = bufio.NewReader(os.Stdin)

func inNotebook(ctx context.Context, prompt string, hidden bool) (string, error) {
	gonbui.Sync() // what was said before is to be read before
	gonbui.RequestInput(prompt, hidden)
	return await(ctx, func() (string, error) { return stdin.ReadString('\n') })
}

func inTerminal(out *os.File) Func {
	return func(ctx context.Context, prompt string, hidden bool) (string, error) {
		fmt.Fprint(out, prompt)
		if !hidden {
			return await(ctx, func() (string, error) { return stdin.ReadString('\n') })
		}
		// A terminal that shows nothing would stay so if the interrupt ended the program.
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
		fd := int(os.Stdin.Fd())
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		defer func() { _ = term.Restore(fd, before) }() // it is as it was, unless it was interrupted
		defer fmt.Fprintln(out)
		return await(ctx, func() (string, error) {
			text, err := term.ReadPassword(fd)
			return string(text), err
		})
	}
}

// await waits for a line or the end of ctx. The reader is left behind then: nothing
// ends it, and the program is about to end.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-got:
		text := strings.TrimSpace(l.text)
		if errors.Is(l.err, io.EOF) && text != "" { // the last line needs no end
			l.err = nil
		}
		return text, l.err
	}
}

// keyPrompt is by what the kernel knows which key was given, which it then keeps.
var keyPrompt = regexp.MustCompile(`^([A-Z][A-Z0-9_]*_API_KEY) \(not shown, never saved, forgotten when .* ends\): $`)

// KeyPrompt is the prompt for the key that the environment variable is to hold.
func KeyPrompt(variable string) string {
	holder := "the program"
	if gonbui.IsNotebook {
		holder = "the kernel"
	}
	return fmt.Sprintf("%s (not shown, never saved, forgotten when %s ends): ", variable, holder)
}

// KeyOf returns the variable that a prompt is for, "" where it is for no key.
func KeyOf(prompt string) string {
	if found := keyPrompt.FindStringSubmatch(prompt); found != nil {
		return found[1]
	}
	return ""
}

// Key is what can be a key: printable ASCII without spaces.
var Key = regexp.MustCompile(`^[!-~]+$`)
