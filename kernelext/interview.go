package kernelext

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/lemo-nade/lemonade/kernelext/internal/ask"
)

// interview puts the questions of [Begin] one by one, shows what the answers come to,
// and begins where that is wished. Whoever interrupts it leaves, and nothing is begun.
func interview(ctx context.Context, out io.Writer, put ask.Func, w Wishes, begin func(Start) error) error {
	usual := w
	if err := new(screen).fill(&usual); err != nil { // in a flag that no question is about
		return err
	}
	s, err := putQuestions(ctx, out, put, w)
	if err != nil {
		return left(out, err)
	}
	display(out, s.forecastText(), `<div style="font-size:14px;max-width:960px">`+s.forecastHTML()+`</div>`)
	for {
		said, err := put(ctx, "Begin now? [y/N]: ", false)
		if err != nil {
			return left(out, err)
		}
		switch strings.ToLower(said) {
		case "y", "yes":
			return begin(s.start)
		case "", "n", "no":
			tellLine(out, "Nothing is begun. The line above begins it whenever you like.")
			return nil
		}
		tellLine(out, fmt.Sprintf("%q is neither yes nor no: y begins the search, Enter leaves it.", said))
	}
}

// left ends an interview that somebody has left.
func left(out io.Writer, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		tellLine(out, "\nNothing is begun.")
		return nil
	}
	return err
}

// putQuestions puts the four questions.
func putQuestions(ctx context.Context, out io.Writer, put ask.Func, w Wishes) (screen, error) {
	tellLine(out, "Four questions. Enter takes the answer in brackets; "+leave()+" leaves.")
	for i, q := range questionsWith(w) {
		display(out, q.numbered(i+1), q.numberedHTML(i+1))
		for {
			said, err := put(ctx, fmt.Sprintf("Your answer, %s [%s]: ", q.which(), q.chosen), false)
			if err != nil {
				return screen{}, err
			}
			with := w
			if err = q.answer(&with, said); err == nil && with.Recognise == folderAnswer {
				with.Recognise, err = put(ctx, "The folder, which has a folder of pictures for each class: ", false)
				if err != nil {
					return screen{}, err
				}
				with.Recognise = "folder:" + with.Recognise
			}
			if err == nil && with.Recognise == textAnswer {
				with.Recognise, err = put(ctx, "The CSV file with the columns text and label, or the folder which has a folder of .txt files for each class: ", false)
				if err != nil {
					return screen{}, err
				}
				with.Recognise = "text:" + with.Recognise
			}
			if err == nil {
				err = new(screen).fill(&with)
			}
			if err == nil {
				w = with
				break
			}
			tellLine(out, plainFault(q.flag, err)+"; or Enter for "+q.chosen+".")
		}
	}
	return screenOf(ctx, w)
}

// questionsWith are the questions with the answers of w and, where it has none, the
// usual ones.
func questionsWith(w Wishes) []question {
	var s screen
	_ = s.fill(&w) // what is wrong with an answer is told when it is given
	return s.questions
}

// leave is what one presses to leave.
func leave() string {
	if gonbui.IsNotebook {
		return "an interrupt (■)"
	}
	return "Ctrl-C"
}

// which says what may be answered.
func (q question) which() string {
	text := fmt.Sprintf("1 to %d", len(q.answers))
	switch q.flag {
	case "recognise":
		text += ", or folder: and the path of your pictures, or text: and that of your texts"
	case "time":
		text += ", or a time such as 30m"
	}
	return text
}

// answer sets the wish that the question is about: by the number of an answer, or by
// its word.
func (q question) answer(w *Wishes, said string) error {
	if n, err := strconv.Atoi(said); err == nil {
		if n < 1 || n > len(q.answers) {
			return fmt.Errorf("there is no answer %d: give a number, %s", n, q.which())
		}
		said = q.answers[n-1][0]
	}
	if said == "" {
		said = q.chosen
	}
	switch q.flag {
	case "recognise":
		w.Recognise = said
	case "where":
		w.Where = said
	case "matters":
		w.Matters = said
	case "time":
		d, err := time.ParseDuration(strings.ReplaceAll(said, " ", ""))
		if err != nil {
			return fmt.Errorf("%q is no time: give a number, %s, 2h or 1h30m", said, q.which())
		}
		w.Time = d
	}
	return nil
}

// plainFault is an error without the name of a flag that nobody has given.
func plainFault(flag string, err error) string {
	return printable(strings.TrimPrefix(err.Error(), flag+": "))
}

// numbered is the question with its numbered answers.
func (q question) numbered(number int) string {
	var rows [][]string
	for i, a := range q.answers {
		mark := " "
		if a[0] == q.chosen {
			mark = "›"
		}
		rows = append(rows, []string{mark, strconv.Itoa(i + 1), a[0], a[1]})
	}
	return printable(fmt.Sprintf("\n%d. %s\n%s", number, q.text, aligned(rows, func(i int) bool { return i == 1 })))
}

// numberedHTML is numbered for a notebook.
func (q question) numberedHTML(number int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:14px;margin:8px 0"><b>%d. %s</b>`, number, html.EscapeString(q.text))
	for i, a := range q.answers {
		style := ""
		if a[0] == q.chosen {
			style = "background:rgba(0,114,178,.16);"
		}
		fmt.Fprintf(&b, `<div style="%sfont-size:12px;padding:2px 6px;border-radius:4px">%d <b>%s</b> %s</div>`, style, i+1, html.EscapeString(a[0]), html.EscapeString(a[1]))
	}
	return b.String() + `</div>`
}

func tellLine(out io.Writer, text string) { fmt.Fprintln(out, printable(text)) }
