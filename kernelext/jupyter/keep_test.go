package jupyter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// display is an output of some forms, and said one of text.
func display(forms map[string]string) map[string]any {
	return map[string]any{"output_type": "display_data", "metadata": map[string]any{"of": "no use"}, "data": forms}
}

func said(stream, text string) map[string]any {
	return map[string]any{"output_type": "stream", "name": stream, "text": text}
}

// notebookOf is a notebook of a cell of text and one of code; counts of 0 are none.
func notebookOf(t *testing.T, source string, count int, outputs ...any) []byte {
	t.Helper()
	code := map[string]any{"cell_type": "code", "id": "b", "metadata": map[string]any{"tags": []string{"kept"}}, "source": source, "execution_count": nil, "outputs": append([]any{}, outputs...)}
	if count > 0 {
		code["execution_count"] = count
	}
	text, err := json.Marshal(map[string]any{
		"nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{"title": "A <test>"},
		"cells": []any{map[string]any{"cell_type": "markdown", "id": "a", "metadata": map[string]any{}, "source": []string{"# A\n", "test"}}, code},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeep(t *testing.T) {
	const picture = `<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="a chart"/>`
	names := map[string]string{"/home/ann": "~", "/home/ann/studies": "$LEMONADE_STUDIES"}
	type forms = map[string]string
	for _, test := range []struct {
		name    string
		outputs []any
		want    []any // forms of a display, or the text of a stream
	}{
		{"nothing", nil, nil},
		{"text", []any{said("stdout", "a "), said("stdout", "b\n"), said("stderr", "c\n"), said("stdout", "d")}, []any{"a b\n", "c\n", "d"}},
		{"progress", []any{said("stdout", "10 %\r20 %\r"), said("stdout", "100 %\r\ndonee\b!\nend\r"), said("stderr", " \r\n")}, []any{"100 %\ndone!\nend"}},
		{"paths", []any{said("stdout", "/home/ann/studies/a.db and /home/ann/b"), display(forms{"text/html": "<p>/home/ann</p>"})},
			[]any{"$LEMONADE_STUDIES/a.db and ~/b", forms{"text/html": "<p>~</p>"}}},
		{"chart", []any{display(forms{
			"text/html":  `<div id="lemonade-abc" style="max-width:860px">` + picture + `</div><div id="lemonade-abc-card"></div><script>waiting.push({"Option": "<\/script>"})</script>`,
			"text/plain": "a chart",
		})}, []any{forms{"text/html": `<div style="max-width:860px">` + picture + `</div>`, "text/plain": "a chart"}}},
		{"script alone", []any{display(forms{"text/html": `<script>1</script><div id="lemonade-abc"> </div><style>p{color:red}</style>`, "text/plain": ""}), said("stdout", "after")}, []any{"after"}},
		{"script with a text", []any{display(forms{"text/html": "<script>1</script>", "text/plain": "in words", "application/javascript": "1", "application/json": "{}"})},
			[]any{forms{"text/plain": "in words"}}},
		{"displays", []any{display(forms{"text/html": "<b>1</b><script></script>"}), display(forms{"text/plain": ""}), display(forms{"text/html": "<i>2</i>"}), display(forms{"image/png": "iVBO", "text/plain": "3"})},
			[]any{forms{"text/html": "<b>1</b>"}, forms{"text/html": "<i>2</i>"}, forms{"image/png": "iVBO", "text/plain": "3"}}},
		{"hostile program", []any{display(forms{
			"text/html": `<pre># &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; "🍋"</pre><script>let a = "\u003c/script>"; let b = "<b>"</script><script>c</script ><p>left</p>`,
		})}, []any{forms{"text/html": `<pre># &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; &#34;🍋&#34;</pre><p>left</p>`}}},
		{"script that is not closed", []any{display(forms{"text/html": "<p>before</p><script>let a = '<p>after</p>'"})}, []any{forms{"text/html": "<p>before</p>"}}},
		{"live", []any{display(forms{
			"text/html": `<!-- remark --><p onclick="a()">text</p><iframe src="http://a"></iframe><a href=" javascript:a()">link</a><canvas></canvas><button>save</button>` +
				`<svg><script>a()</script><rect onload="a()" width="1"></rect></svg>`,
		})}, []any{forms{"text/html": `<p>text</p><a>link</a><svg><rect width="1"></rect></svg>`}}},
		{"bar", []any{display(forms{"text/html": `<div style="height:8px"></div>text`})}, []any{forms{"text/html": `<div style="height:8px"></div>text`}}},
		{"table", []any{display(forms{"text/html": "<table><tr><th>a</th><td>1 &lt; 2</td></tr></table>"})}, []any{forms{"text/html": "<table><tbody><tr><th>a</th><td>1 &lt; 2</td></tr></tbody></table>"}}},
		{"pre", []any{display(forms{"text/html": "<pre>\n\n  a\n</pre>", "text/plain": "two\nlines"})}, []any{forms{"text/html": "<pre>\n\n  a\n</pre>", "text/plain": "two\nlines"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept, err := Keep(notebookOf(t, "1", 0, said("stdout", "old")), notebookOf(t, "1", 1, test.outputs...), names)
			if err != nil {
				t.Fatal(err)
			}
			if err := Fresh(kept); err != nil {
				t.Errorf("what was just kept: %v", err)
			}
			var b book
			if err := json.Unmarshal(kept, &b); err != nil {
				t.Fatal(err)
			}
			var got []any
			for _, o := range b.Cells[1].Outputs {
				if o.Type == "stream" {
					got = append(got, string(o.Text))
					continue
				}
				f := forms{}
				for mime, t := range o.Data {
					f[mime] = string(t)
				}
				got = append(got, f)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			again, err := Keep(kept, kept, names)
			if err != nil || string(again) != string(kept) {
				t.Errorf("kept again it is another (%v): %s", err, cmp.Diff(string(kept), string(again)))
			}
		})
	}
}

// TestKeepLeavesTheRest holds that a notebook's file is as nbformat writes it, and
// changes in nothing but what is kept.
func TestKeepLeavesTheRest(t *testing.T) {
	kept, err := Keep(notebookOf(t, "1", 0), notebookOf(t, "1", 1, said("stdout", "one\ntwo & <three>")), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "a",
   "metadata": {},
   "source": [
    "# A\n",
    "test"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 1,
   "id": "b",
   "metadata": {
    "tags": [
     "kept"
    ]
   },
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "one\n",
      "two & <three>"
     ]
    }
   ],
   "source": "1"
  }
 ],
 "metadata": {
  "lemonade": {
   "sources": "SUM"
  },
  "title": "A <test>"
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`
	var b book
	if err := json.Unmarshal(kept, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Replace(want, "SUM", sources(b), 1), string(kept)); diff != "" {
		t.Error(diff)
	}
}

func TestFresh(t *testing.T) {
	kept, err := Keep(notebookOf(t, "1", 0), notebookOf(t, "1", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new, want string }{
		{"another text", `"# A\n"`, `"# B\n"`, ""},
		{"another code", `"source": "1"`, `"source": "2"`, "has changed"},
		{"not executed", `"execution_count": 1`, `"execution_count": null`, "has not been executed"},
		{"out of order", `"execution_count": 1`, `"execution_count": 2`, "out of order"},
		{"never kept", `"lemonade"`, `"lime"`, "has changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(string(kept), test.old, test.new, 1)
			if text == string(kept) {
				t.Fatalf("there is no %s", test.old)
			}
			err := Fresh([]byte(text))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestKeepRefuses(t *testing.T) {
	if _, err := Keep(notebookOf(t, "1", 0), notebookOf(t, "2", 1), nil); err == nil || !strings.Contains(err.Error(), "not a copy") {
		t.Errorf("of another notebook: error %v", err)
	}
	wrong := map[string]any{"output_type": "error", "ename": "a", "evalue": "b", "traceback": []string{}}
	if _, err := Keep(notebookOf(t, "1", 0), notebookOf(t, "1", 1, wrong), nil); err == nil || !strings.Contains(err.Error(), "cell 2 of") {
		t.Errorf("of one that went wrong: error %v", err)
	}
}
