package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCell(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       [][]string
	}{
		{"no magic", "%%\nfmt.Println(\"%lemonade\")", nil},
		{"a longer word", "%lemonades show", nil},
		{"bare", "%lemonade", [][]string{{"help"}}},
		{"words", "%lemonade show  first\t--html ", [][]string{{"show", "first", "--html"}}},
		{"quotes", `%lemonade show 'my "study"' "it's \"mine\"" a\ b ''`, [][]string{{"show", `my "study"`, `it's "mine"`, "a b", ""}}},
		{"several", "\n  \n%lemonade show a\n\n%lemonade\n%lemonade front a\n", [][]string{{"show", "a"}, {"help"}, {"front", "a"}}},
		{"comments", "// What was found\n%lemonade show a\n// and no more", [][]string{{"show", "a"}}},
		{"as a comment of GoNB", "//gonb:%lemonade show a", [][]string{{"show", "a"}}},
		{"over two lines", "%lemonade show \\\n  a\r", [][]string{{"show", "a"}}},
		{"flag of the table", "%lemonade --help", [][]string{{"--help"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseCell(test.code)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, test := range []struct{ name, code, want string }{
		{"unknown word", "%lemonade shwo first", `the nearest is "show"`},
		{"unknown word, far off", "%lemonade frnt", `the nearest is "front"`},
		{"Go below", "%lemonade show a\n%%\nfmt.Println(1)", `line 2, "%%"`},
		{"Go above", "func f() {}\n%lemonade show a", `line 1, "func f() {}"`},
		{"open quote", "\n%lemonade show 'a", "line 2: the quote ' is not closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := parseCell(test.code); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q, error %v; want an error with %q", got, err, test.want)
			}
		})
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "a b", `"`, `\`, `'`, "a\\\"b '", "é\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			t.Skip("cells are valid UTF-8")
		}
		got, open := split(quote(s))
		if diff := cmp.Diff([]word{{s, 0}}, got, cmp.AllowUnexported(word{})); diff != "" || open != 0 {
			t.Errorf("split(%s): open %q\n%s", quote(s), open, diff)
		}
	})
}

func TestExpand(t *testing.T) {
	t.Setenv("LEMONADE_TRIALS", "4")
	t.Setenv("LEMONADE_EMPTY", "")
	t.Setenv("OPENAI_API_KEY", "secret")
	for text, want := range map[string]string{
		"plain $5":                       "plain $5",
		"${LEMONADE_TRIALS}":             "4",
		"${LEMONADE_TRIALS:-6}":          "4",
		"--stop=${LEMONADE_EMPTY:-10m}x": "--stop=10mx",
		"${LEMONADE_EMPTY}":              "",
		"${OPENAI_API_KEY}":              "${OPENAI_API_KEY}",
		"${OPENAI_API_KEY:-LEMONADE_}":   "${OPENAI_API_KEY:-LEMONADE_}",
	} {
		if got := expand(text); got != want {
			t.Errorf("%s gives %q, want %q", text, got, want)
		}
	}
}
