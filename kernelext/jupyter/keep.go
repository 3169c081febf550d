package jupyter

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Keep returns a notebook with the outputs of its executed copy, as they are kept in
// a repository: what is shown where scripts are not run, on GitHub, in nbviewer and
// in a JupyterLab that does not trust the notebook. Pictures, tables and plain texts
// stay; scripts, what only they need, and data that only programs read are left out.
// The notebook is as it was in all else, and remembers which sources the outputs
// are of, for [Fresh].
//
// names are paths, and what stands in their place in the outputs.
func Keep(notebook, executed []byte, names map[string]string) ([]byte, error) {
	var into map[string]any
	d := json.NewDecoder(bytes.NewReader(notebook))
	d.UseNumber()
	if err := d.Decode(&into); err != nil {
		return nil, fmt.Errorf("the notebook: %w", err)
	}
	var kept, from book
	if err := errors.Join(json.Unmarshal(notebook, &kept), json.Unmarshal(executed, &from)); err != nil {
		return nil, err
	}
	if sources(kept) != sources(from) || len(kept.Cells) != len(from.Cells) {
		return nil, errors.New("the executed notebook is not a copy of this one: execute it again")
	}
	rename := renamer(names)
	cells, _ := into["cells"].([]any)
	for i, c := range from.Cells {
		to, ok := cells[i].(map[string]any)
		if !ok || c.Type != "code" {
			continue
		}
		if slices.ContainsFunc(c.Outputs, func(o output) bool { return o.Type == "error" }) {
			return nil, fmt.Errorf("cell %d of the executed notebook went wrong", i+1)
		}
		to["execution_count"] = c.Count
		to["outputs"] = still(c.Outputs, rename)
	}
	metadata, ok := into["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		into["metadata"] = metadata
	}
	metadata[keptKey] = map[string]any{"sources": sources(kept)}
	var out bytes.Buffer
	e := json.NewEncoder(&out) // sorts keys, as nbformat does
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(into)
	return out.Bytes(), err
}

// keptKey is ours in a notebook's metadata.
const keptKey = "lemonade"

// Fresh returns an error where a notebook's outputs are not of its present sources,
// or not of one execution from the first cell to the last.
func Fresh(notebook []byte) error {
	var b book
	if err := json.Unmarshal(notebook, &b); err != nil {
		return err
	}
	count := 0
	for _, c := range b.Cells {
		if c.Type != "code" || strings.TrimSpace(string(c.Source)) == "" {
			continue
		}
		count++
		if c.Count == nil {
			return fmt.Errorf("code cell %d has not been executed", count)
		}
		if *c.Count != count {
			return fmt.Errorf("code cell %d was executed as number %d, out of order", count, *c.Count)
		}
	}
	ours, _ := b.Metadata[keptKey].(map[string]any)
	if of, _ := ours["sources"].(string); of != sources(b) {
		return errors.New("a code cell has changed since the outputs were made")
	}
	return nil
}

// sources tells one state of a notebook's code from another.
func sources(b book) string {
	sum := sha256.New()
	for _, c := range b.Cells {
		if c.Type == "code" {
			fmt.Fprintf(sum, "%d %s", len(c.Source), c.Source)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// renamer replaces paths, the longest first, since one may begin with another.
func renamer(names map[string]string) *strings.Replacer {
	var pairs []string
	for _, path := range slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) }) {
		pairs = append(pairs, path, names[path])
	}
	return strings.NewReplacer(pairs...)
}

// readable are the types of a display that people read, beside pictures.
var readable = []string{"text/html", "text/plain", "text/markdown", "text/latex", "text/vnd.mermaid"}

// still returns outputs as they are without scripts. Those of which nothing is left
// are left out.
func still(outputs []output, rename *strings.Replacer) []any {
	kept := []any{}
	for i := 0; i < len(outputs); i++ {
		o := outputs[i]
		if o.Type == "stream" {
			said := string(o.Text)
			for i+1 < len(outputs) && outputs[i+1].Type == "stream" && outputs[i+1].Name == o.Name {
				i++
				said += string(outputs[i].Text)
			}
			if said = overwritten(rename.Replace(said)); strings.TrimSpace(said) != "" {
				kept = append(kept, map[string]any{"output_type": "stream", "name": o.Name, "text": lines(said)})
			}
			continue
		}
		data := map[string]any{}
		for mime, t := range o.Data {
			said := rename.Replace(string(t))
			if mime == "text/html" {
				said = stillHTML(said)
			}
			if strings.TrimSpace(said) != "" && (slices.Contains(readable, mime) || strings.HasPrefix(mime, "image/")) {
				data[mime] = lines(said)
			}
		}
		if len(data) > 0 {
			kept = append(kept, map[string]any{"output_type": "display_data", "metadata": map[string]any{}, "data": data})
		}
	}
	return kept
}

// lines is a text as nbformat writes it.
func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

var (
	lineEnd = regexp.MustCompile(`\r+(\n|$)`)
	// back is a carriage return with what it goes back over, or a character with the
	// backspace that takes it away.
	back = regexp.MustCompile(`[^\n]*\r|[^\n\x08]\x08`)
)

// overwritten is what is left of a text in the end, such as the last state of a
// progress bar.
func overwritten(text string) string {
	text = lineEnd.ReplaceAllString(text, "$1")
	for before := ""; before != text; {
		before, text = text, back.ReplaceAllString(text, "")
	}
	return strings.ReplaceAll(text, "\x08", "")
}

// live are elements that do something, or bring it from elsewhere.
var live = []atom.Atom{
	atom.Script, atom.Iframe, atom.Object, atom.Embed, atom.Canvas, atom.Link, atom.Base, atom.Template,
	atom.Button, atom.Input, atom.Select, atom.Textarea,
}

// ourIDs begins the ids that kernelext gives to what its scripts look for.
const ourIDs = "lemonade-"

// stillHTML is a piece of HTML without what is live, or "" where that says nothing.
func stillHTML(page string) string {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(page), body)
	if err != nil {
		return "" // a string can always be read
	}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	quiet(body)
	if !says(body) {
		return ""
	}
	var b strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return ""
		}
	}
	return b.String()
}

// quiet takes what is live out of a node, and boxes that scripts would fill.
func quiet(n *html.Node) {
	for _, c := range slices.Collect(n.ChildNodes()) {
		if c.Type == html.CommentNode || slices.Contains(live, c.DataAtom) {
			n.RemoveChild(c)
			continue
		}
		filled := false // by a script
		c.Attr = slices.DeleteFunc(c.Attr, func(a html.Attribute) bool {
			ours := a.Key == "id" && strings.HasPrefix(a.Val, ourIDs)
			filled = filled || ours
			return ours || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:")
		})
		quiet(c)
		if filled && !says(c) {
			n.RemoveChild(c)
		}
	}
}

// says reports whether there is anything to see in a node.
func says(n *html.Node) bool {
	switch {
	case n.Type == html.TextNode:
		return strings.TrimSpace(n.Data) != ""
	case n.DataAtom == atom.Style:
		return false
	case slices.Contains([]atom.Atom{atom.Img, atom.Svg, atom.Hr, atom.Video, atom.Audio, atom.Math}, n.DataAtom):
		return true
	}
	return slices.ContainsFunc(slices.Collect(n.ChildNodes()), says)
}
