package kernelext

import (
	"fmt"
	"html"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Rules displays the rule book of a study as [Show] does a book, and how often each of
// its rules had a part so far.
func Rules(s *lemonade.Study) error { return showRules(os.Stdout, s) }

func showRules(out io.Writer, s *lemonade.Study) error {
	book, err := s.RuleBook()
	if err != nil {
		return fmt.Errorf("study %s: %w", s.Name(), err)
	}
	t := tableOf(book, s.Trials())
	display(out, t.text(), t.html())
	return nil
}

func rulesCommand() *cobra.Command {
	var dir string
	c := inStudies(&cobra.Command{
		Use:   "rules [NAME | FILE.yaml]",
		Short: "Show a rule book: the built-in one, that of the study NAME with how often each rule fired, or your own",
		Example: `  lemonade rules
  lemonade rules first
  lemonade rules mine.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, &dir)
	names := c.ValidArgsFunction
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		found, directive := names(c, args, word)
		if len(args) == 0 {
			directive = cobra.ShellCompDirectiveDefault // files too
		}
		return found, directive
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		out := c.OutOrStdout()
		switch {
		case len(args) == 0:
			show(out, expert.Default())
			return nil
		case slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(args[0])):
			book, err := expert.Load(args[0])
			if err == nil {
				show(out, book)
			}
			return err
		}
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error { return showRules(out, s) })
	}
	return c
}

// ruleTable is a rule book to be shown, with what its rules did in a study.
type ruleTable struct {
	*expert.RuleBook
	used    map[string]expert.Use // by rule; nil where there is no study
	rounds  int                   // of the study that had advice
	strange []string              // rules of the record that the book has not
}

// tableOf takes the trials of a study that went by the book, or nil.
func tableOf(book *expert.RuleBook, trials trial.History) ruleTable {
	t := ruleTable{RuleBook: book}
	if trials == nil {
		return t
	}
	t.used = expert.Used(trials)
	for _, one := range trials {
		if len(one.Commands)+len(one.Dropped) > 0 {
			t.rounds++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.used)) {
		if !slices.ContainsFunc(book.Rules(), func(r expert.Rule) bool { return r.Name == name }) {
			t.strange = append(t.strange, clip(name, 60))
		}
	}
	return t
}

// head says what the book is in a line or two.
func (t ruleTable) head() string {
	text := fmt.Sprintf("rule book: %s, and at most %s in a round", several(len(t.Rules()), "rule"), several(t.Most(), "command"))
	if t.used != nil {
		n := 0
		for _, r := range t.Rules() {
			if t.used[r.Name].Rounds > 0 {
				n++
			}
		}
		text += fmt.Sprintf("; %d of them had a part in the %d rounds with advice so far", n, t.rounds)
	}
	return text + "."
}

// notes say how to read the table.
func (t ruleTable) notes() []string {
	notes := []string{"A rule fires where its condition holds and everything that it names is known; its commands go to the proposer unless a stronger rule is against them. Values stand in the reason in the place of the braces."}
	if t.used != nil {
		notes = append(notes, "Where several rules ask for the same command, the record has the one that came first.")
	}
	if len(t.strange) > 0 {
		notes = append(notes, "Not of this book, but in the record: "+strings.Join(t.strange, ", ")+".")
	}
	return notes
}

// fired says what a rule did: "3 rounds: asked 2, left out 1".
func (t ruleTable) fired(r expert.Rule) string {
	u := t.used[r.Name]
	if u.Rounds == 0 {
		return "never"
	}
	var parts []string
	for _, it := range []struct {
		n    int
		what string
	}{{u.Asked, "asked"}, {u.LeftOut, "left out"}, {u.KeptOut, "kept out"}} {
		if it.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", it.what, it.n))
		}
	}
	return several(u.Rounds, "round") + ": " + strings.Join(parts, ", ")
}

// meaning is what a command's code stands for.
func meaning(code string) string {
	for _, c := range expert.Commands() {
		if c.Code == code {
			return c.Text
		}
	}
	return ""
}

// orders are a rule's commands in words: "RK reduce number of kernels", and those that
// it is against.
func orders(r expert.Rule) (do, avoid []string) {
	for _, code := range r.Do {
		do = append(do, code+" "+meaning(code))
	}
	for _, code := range r.Avoid {
		avoid = append(avoid, code+" "+meaning(code))
	}
	return do, avoid
}

func (t ruleTable) text() string {
	var b strings.Builder
	b.WriteString(t.head() + "\n")
	for _, note := range t.notes() {
		b.WriteString(note + "\n")
	}
	for _, r := range t.Rules() {
		fmt.Fprintf(&b, "\n%s (%s, priority %d)\n", oneLine(r.Name), r.Aim, r.Priority)
		do, avoid := orders(r)
		for _, line := range [][2]string{{"when", r.When}, {"do", strings.Join(do, ", ")}, {"avoid", strings.Join(avoid, ", ")}, {"because", r.Because}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "  %-8s %s\n", line[0], oneLine(line[1]))
			}
		}
		if t.used != nil {
			fmt.Fprintf(&b, "  %-8s %s\n", "fired", t.fired(r))
		}
	}
	for _, list := range [][][]string{aimRows(), commandRows()} {
		b.WriteString("\n" + aligned(list, func(int) bool { return false }))
	}
	return printable(b.String())
}

func (t ruleTable) html() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:13px;margin:8px 0"><b>%s</b>`, html.EscapeString(t.head()))
	for _, note := range t.notes() {
		fmt.Fprintf(&b, `<div style="opacity:.7;max-width:1000px">%s</div>`, html.EscapeString(printable(note)))
	}
	heads := []string{"rule", "when", "commands", "because"}
	if t.used != nil {
		heads = append(heads, "fired")
	}
	const cell = `text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid #8884;white-space:normal;overflow-wrap:break-word`
	b.WriteString(`<table style="border-collapse:collapse;font-size:12px;margin:8px 0;max-width:1100px"><tr>`)
	for _, head := range heads {
		fmt.Fprintf(&b, `<th scope="col" style="text-align:left;padding:4px 8px;border-bottom:1px solid #8888">%s</th>`, head)
	}
	b.WriteString(`</tr>`)
	aims := map[string]string{}
	for _, a := range expert.Aims() {
		aims[a.Aim] = a.Text
	}
	for _, r := range t.Rules() {
		fmt.Fprintf(&b, `<tr><td style="%s"><b>%s</b><br><span%s style="opacity:.7">%s, priority %d</span></td><td style="%s"><code style="font-size:11px;background:none;color:inherit">%s</code></td><td style="%s">`,
			cell, html.EscapeString(oneLine(r.Name)), titled(aims[r.Aim]), r.Aim, r.Priority, cell, html.EscapeString(oneLine(r.When)), cell)
		for _, code := range r.Do {
			fmt.Fprintf(&b, `<div><b>%s</b> %s</div>`, code, meaning(code))
		}
		if len(r.Avoid) > 0 {
			fmt.Fprintf(&b, `<div style="color:%s">not:`, vermillion)
			for _, code := range r.Avoid {
				fmt.Fprintf(&b, ` <b%s>%s</b>`, titled(meaning(code)), code)
			}
			b.WriteString(`</div>`)
		}
		fmt.Fprintf(&b, `</td><td style="%s">%s</td>`, cell, html.EscapeString(oneLine(r.Because)))
		if t.used != nil {
			dim := ""
			if t.used[r.Name].Rounds == 0 {
				dim = ";opacity:.5"
			}
			fmt.Fprintf(&b, `<td style="%s%s">%s</td>`, cell, dim, t.fired(r))
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</table><details><summary>aims and commands</summary>` + listHTML(aimRows()) + listHTML(commandRows()))
	return b.String() + `</details></div>`
}

// aimRows and commandRows say what the words of a book mean.
func aimRows() [][]string {
	rows := [][]string{{"aim", "for"}}
	for _, a := range expert.Aims() {
		rows = append(rows, []string{a.Aim, a.Text})
	}
	return rows
}

func commandRows() [][]string {
	rows := [][]string{{"code", "command", "undoes"}}
	for _, c := range expert.Commands() {
		rows = append(rows, []string{c.Code, c.Text, c.Opposite})
	}
	return rows
}

// several counts things: "1 rule", "36 rules".
func several(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprint(n) + " " + thing
}

// oneLine is a foreign text in a line without control characters.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }
