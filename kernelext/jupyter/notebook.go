package jupyter

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Notebook is what a notebook says of itself.
type Notebook struct {
	Title      string    // its first heading
	About      string    // the first sentence after that
	Settings   []Setting // environment variables, as the table Settings of its first cell has them
	HasOutputs bool      // it was saved with some
}

// Setting is an environment variable that a notebook reads.
type Setting struct {
	Name, What, Default string
}

// book is a notebook file, as far as it is read here.
type book struct {
	Cells    []cell         `json:"cells"`
	Metadata map[string]any `json:"metadata"`
}

type cell struct {
	Type    string   `json:"cell_type"`
	Source  text     `json:"source"`
	Count   *int     `json:"execution_count"`
	Outputs []output `json:"outputs"`
}

type output struct {
	Type string          `json:"output_type"`
	Name string          `json:"name"`
	Text text            `json:"text"`
	Data map[string]text `json:"data"`
}

// text is a text of a notebook file, which is kept as one string or as its lines.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var lines []string
	if err := json.Unmarshal(b, &lines); err == nil {
		*t = text(strings.Join(lines, ""))
		return nil
	}
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*t = text(one)
		return nil
	}
	*t = text(b) // data in JSON, of a type that is no text
	return nil
}

func readBook(path string) (b book, err error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(file, &b); err != nil {
		return b, fmt.Errorf("%s is no notebook: %w", path, err)
	}
	return b, nil
}

// ReadNotebook reads what a notebook says of itself.
func ReadNotebook(path string) (n Notebook, err error) {
	b, err := readBook(path)
	if err != nil {
		return n, err
	}
	for _, c := range b.Cells {
		n.HasOutputs = n.HasOutputs || len(c.Outputs) > 0
	}
	if len(b.Cells) == 0 || b.Cells[0].Type != "markdown" {
		return n, nil
	}
	first := string(b.Cells[0].Source)
	n.Title, n.About = head(first)
	n.Settings = settings(first)
	return n, nil
}

var (
	marks = strings.NewReplacer("**", "", "*", "", "`", "")
	link  = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// plain takes Markdown's marks out of a text, and leaves the texts of its links.
func plain(markdown string) string { return marks.Replace(link.ReplaceAllString(markdown, "$1")) }

// sentence is the end of one.
var sentence = regexp.MustCompile(`[.?!](?:\s|$)`)

// head returns the first heading of a text in Markdown, and the first sentence
// after it.
func head(markdown string) (title, about string) {
	for part := range strings.SplitSeq(markdown, "\n\n") {
		part = strings.TrimSpace(part)
		if heading, rest, _ := strings.Cut(part, "\n"); strings.HasPrefix(heading, "# ") && title == "" {
			title, part = plain(strings.TrimSpace(heading[2:])), strings.TrimSpace(rest)
		}
		if part == "" || strings.HasPrefix(part, "#") || strings.HasPrefix(part, "|") {
			continue
		}
		about = plain(strings.Join(strings.Fields(part), " "))
		if end := sentence.FindStringIndex(about); end != nil {
			about = about[:end[0]+1]
		}
		return title, about
	}
	return title, about
}

var variable = regexp.MustCompile("`([A-Z][A-Z0-9_]*)`")

// settings reads the rows of the table that follows the word Settings.
func settings(markdown string) (all []Setting) {
	_, after, _ := strings.Cut(markdown, "Settings")
	inTable := false
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if inTable {
				return all
			}
			continue
		}
		inTable = true
		column := strings.Split(strings.Trim(line, "|"), "|")
		for len(column) < 3 {
			column = append(column, "")
		}
		for _, name := range variable.FindAllStringSubmatch(column[0], -1) {
			all = append(all, Setting{name[1], strings.TrimSpace(column[1]), strings.TrimSpace(column[2])})
		}
	}
	return all
}
