package kernelext

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Show displays x in the notebook, or prints it where there is none:
//
//   - a study, or a [View] of one: its charts, the table of its trials, its costs
//     and its lessons
//   - a [trial.Trial]: what was asked, answered and measured, and the program;
//     [Explain] also compares it with its parent
//   - a [lemonade.Front]: what each step up the front costs, and three networks to
//     choose from
//   - an [expert.Advice]: the commands of a round with the measurement behind each, and
//     what was left out; [expert.AdviceOf] has that of a trial
//   - an [expert.RuleBook]: its rules, and what its words mean; [Rules] also has how
//     often each fired in a study
//   - a [datasets.Info]: what the data set is, and where it lies; a [datasets.Set]: also
//     some pictures, or texts, of each class
//   - an [arch.Network]: its drawing and its summary
//   - an [arch.Program]: the same, with the program's text
//
// Anything else is printed as fmt does.
func Show(x any) { show(os.Stdout, x) }

func show(out io.Writer, x any) {
	switch x := x.(type) {
	case Study:
		show(out, ViewOf(x))
	case *trial.Trial:
		show(out, *x)
	case View:
		page := ""
		if gonbui.IsNotebook { // drawing takes a while
			var err error
			if page, err = x.html(); err != nil {
				page = ""
				fmt.Fprintln(os.Stderr, "kernelext:", err)
			} else if strings.Contains(page, "<script>") { // of its charts
				page = libraryOnce() + page
			}
		}
		display(out, Text(x), page)
	case trial.Trial:
		display(out, View{}.trialText(x), View{}.trialHTML(x))
	case lemonade.Front:
		v, place := View{Name: x.Study, Data: x.Data, Info: x.Info, Trials: x.Trials, Objective: x.Objective}, placeIn(x.Dir)
		page, err := v.frontHTML(place)
		if err != nil {
			page = ""
			fmt.Fprintln(os.Stderr, "kernelext:", err)
		}
		display(out, v.frontText(place), page)
	case expert.Advice:
		display(out, adviceText(x), adviceHTML(x))
	case *expert.RuleBook:
		t := tableOf(x, nil)
		display(out, t.text(), t.html())
	case datasets.Info:
		display(out, infoText(x), infoHTML(x))
	case *datasets.Set:
		s := sheetOf(x)
		display(out, s.text(), s.html())
	case *arch.Network:
		display(out, x.Summary(), networkHTML(x))
	case *arch.Program:
		display(out, programText(x), networkHTML(x.Network)+programHTML(x.Source))
	default:
		fmt.Fprintln(out, x)
	}
}

// display sends both forms to the notebook in one output, which then shows the
// one that it can, and waits until they have arrived.
func display(out io.Writer, text, page string) {
	if !gonbui.IsNotebook || page == "" {
		fmt.Fprint(out, text)
		return
	}
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{
		protocol.MIMETextHTML: page, protocol.MIMETextPlain: text,
	}})
	gonbui.Sync()
}

// libraryOnce is the script of ECharts in the first cell of a session that shows
// a chart, and nothing in the others, so that a notebook carries it once. That
// cell gets it again when it is run again, since its output is then replaced.
//
// A cell is a program of its own, so a file in the kernel's folder remembers
// which one it was, by the body of its main function and its arguments.
func libraryOnce() string {
	dir := os.Getenv(protocol.GONB_TMP_DIR_ENV)
	source, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if dir == "" || err != nil {
		return library()
	}
	if i := bytes.LastIndex(source, []byte("\nfunc main()")); i >= 0 {
		source = source[i:]
	}
	mark := filepath.Join(dir, "lemonade-echarts")
	cell := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(source, "%q", os.Args[1:])))
	if first, err := os.ReadFile(mark); err == nil && string(first) != cell {
		return ""
	}
	if err := os.WriteFile(mark, []byte(cell), 0o600); err != nil {
		return library()
	}
	return library()
}
