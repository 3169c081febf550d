package datasets

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// letter is a text that is like no other, of words that tell its class.
func letter(number int, class string) string {
	words := []string{class}
	for i := range 3 + number%15 {
		words = append(words, []string{"the", "a", "of", class + "s", "and", fmt.Sprint("no", number)}[mix(uint64(number*31+i), 3)%6])
	}
	return strings.Join(append(words, fmt.Sprint(number)), " ") + "."
}

// sheetOf writes a CSV file of so many texts of two classes, with that first line.
func sheetOf(t testing.TB, n int, head string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "letters.csv")
	save(t, path, []byte(rows(head, 0, n, func(i int) string {
		class := []string{"cat", "dog"}[i%2]
		return fmt.Sprintf("\"%s\",%s\n", letter(i, class), class)
	})))
	return path
}

// lettersOf makes as many files of texts in each folder as are asked for.
func lettersOf(t testing.TB, folders map[string]int) string {
	t.Helper()
	root, number := t.TempDir(), 0
	for folder, n := range folders {
		for i := range n {
			save(t, filepath.Join(root, folder, fmt.Sprintf("%03d.txt", i)), []byte(letter(number, filepath.Base(folder))))
			number++
		}
	}
	return root
}

func textsOf(t testing.TB, path string, o TextOptions) string {
	t.Helper()
	name, err := FromText(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// checkTexts holds what is true of every set of texts.
func checkTexts(t *testing.T, s *Set) {
	t.Helper()
	if len(s.Shape) != 1 || s.Vocabulary != len(s.Words) || s.Words[padding] != "" || s.Words[unknown] != "" || slices.Contains(s.Words[firstWord:], "") {
		t.Fatalf("the shape is %v, the vocabulary of %d has %d words", s.Shape, s.Vocabulary, len(s.Words))
	}
	tokens := s.Shape[0]
	seen := make([]int, s.Vocabulary)
	fit := s.Fit(0)
	for name, split := range map[string]struct {
		Split
		want int
	}{"train": {s.Train, s.Info.Train}, "test": {s.Test, s.Info.Test}} {
		if split.Len() != split.want || len(split.Tokens) != split.want*tokens || split.Images != nil {
			t.Fatalf("%s has %d labels and %d tokens, want %d and %d", name, split.Len(), len(split.Tokens), split.want, split.want*tokens)
		}
		for i := range split.Len() {
			text := split.Tokens[i*tokens:][:tokens]
			end := slices.Index(text, padding)
			if end < 0 {
				end = tokens
			}
			if end == 0 || slices.ContainsFunc(text[end:], func(id int32) bool { return id != padding }) || slices.Max(text) >= int32(s.Vocabulary) || slices.Min(text) < 0 {
				t.Fatalf("%s text %d is %v", name, i, text)
			}
			if s.Text(split.Split, i) == "" {
				t.Fatalf("%s text %d cannot be read", name, i)
			}
		}
	}
	for _, i := range fit {
		for _, id := range s.Train.Tokens[int(i)*tokens:][:tokens] {
			seen[id]++
		}
	}
	for id := firstWord + 1; id < s.Vocabulary; id++ {
		if seen[id] > seen[id-1] || seen[id] < leastSeen {
			t.Fatalf("%q occurs %d times in what there is to fit on, %q before it %d times", s.Words[id], seen[id], s.Words[id-1], seen[id-1])
		}
	}
}

func TestTextSpec(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"text:/a/b.csv": "text:/a/b.csv",
		"text:~/b.csv":  "text:" + home + "/b.csv",
		"text:/a.csv?words=500&label=sentiment&text=review": "text:/a.csv?text=review&label=sentiment&words=500",
		"text:/a.csv?text=text&tokens=256&keep=head":        "text:/a.csv",
		"text:/a.csv?text=1&label=2&header=1&skip=bad":      "text:/a.csv?text=1&label=2&header=1&skip=bad",
		"text:/a.csv?split=a%26b&keep=tail":                 "text:/a.csv?split=a%26b&keep=tail",
		"text:":                                             "no file is named",
		"text:/a.csv?tokens=0":                              "tokens: \"0\" is no positive number",
		"text:/a.csv?tokens=9999":                           "tokens: 9999 is not between 1 and 4096",
		"text:/a.csv?words=many":                            "words: \"many\" is no positive number",
		"text:/a.csv?words=70000":                           "words: 70000 is not between 1 and 65000",
		"text:/a.csv?keep=middle":                           "keep: \"middle\" is none of head, tail",
		"text:/a.csv?size=32":                               "there is no option \"size\"",
		"text:/a.csv?skip=all":                              "skip: \"all\" is unknown",
		"text:/a.csv?header=yes":                            "header: \"yes\" is neither",
		"imdb?words=500&tokens=64":                          "imdb?tokens=64&words=500",
		"imdb?tokens=256":                                   "imdb",
		"imdb?":                                             "imdb",
		"imdb?size=3":                                       "there is no option \"size\": choose among tokens, words and keep",
		"digits?size=3":                                     "digits takes no options",
	} {
		got, err := Clean(spec)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", spec, err, want)
			}
			continue
		}
		if again, err := Clean(got); got != want || again != got || err != nil {
			t.Errorf("%s: %s, then %s, %v; want %s", spec, got, again, err, want)
		}
	}
	for name, want := range map[string]string{"text:/home/ann/reviews.csv?tokens=32": "reviews", "text:/": "texts", "imdb?tokens=64": "imdb", "imdb?x=1": "imdb?x=1"} {
		if got := Short(name); got != want {
			t.Errorf("%s is %q in short, want %q", name, got, want)
		}
	}
	folder := lettersOf(t, map[string]int{"a": 1, "b": 1})
	if _, err := FromText(folder, TextOptions{Label: "x"}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("columns of a folder: %v", err)
	}
	if _, err := FromText("/nowhere.csv", TextOptions{}); err == nil {
		t.Error("a file that is not there is taken")
	}
}

// TestSheets holds what becomes of the ways in which people write CSV files.
func TestSheets(t *testing.T) {
	two := func(i int) string { return []string{"cat", "dog"}[i%2] }
	type counts struct {
		Classes                 []string
		Train, Validation, Test int
		Note                    string // the first
	}
	usual := counts{[]string{"cat", "dog"}, 32, 8, 8, ""}
	for name, test := range map[string]struct {
		head    string
		row     func(i int) string
		options TextOptions
		want    counts
	}{
		"commas":          {"text,label\n", func(i int) string { return letter(i, two(i)) + "," + two(i) + "\n" }, TextOptions{}, usual},
		"mark and CRLF":   {"\ufefflabel;TEXT \r\n", func(i int) string { return two(i) + ";" + letter(i, "x, y") + "\r\n" }, TextOptions{}, usual},
		"tabs, no quotes": {"id\ttext\tlabel\n", func(i int) string { return fmt.Sprintf("%d\t%s, well; so\t %s \n", i, letter(i, two(i)), two(i)) }, TextOptions{}, usual},
		"empty fields":    {"text\tnote\tlabel\n", func(i int) string { return letter(i, two(i)) + "\t\t" + two(i) + "\n" }, TextOptions{}, usual},
		"quoted breaks": {"text,label\n", func(i int) string {
			return fmt.Sprintf("\"%s\n\nHe said \"\"no\"\", twice\",%s\n", letter(i, two(i)), two(i))
		}, TextOptions{}, usual},
		"other columns": {"Review,Sentiment,Fold\n", func(i int) string {
			return fmt.Sprintf("%s,%s,%s\n", letter(i, two(i)), two(i), []string{"train", "TEST", "", "dev", "train"}[i%5])
		}, TextOptions{Text: "review", Label: "sentiment", Split: "fold"}, usual},
		"places":             {"", func(i int) string { return two(i) + "," + letter(i, two(i)) + "\n" }, TextOptions{Text: "2", Label: "1"}, usual},
		"places below names": {"a,b\n", func(i int) string { return two(i) + "," + letter(i, two(i)) + "\n" }, TextOptions{Text: "2", Label: "1", Header: true}, usual},
		"numbers": {"text,label\n", func(i int) string { return fmt.Sprintf("%s,%d\n", letter(i, two(i)), 10-i%2) }, TextOptions{},
			counts{[]string{"9", "10"}, 32, 8, 8, ""}},
		"copies": {"text,label\n", func(i int) string {
			return letter(i%40, two(i)) + "," + two(i) + "\n" + letter(i, two(i)) + "," + two(i) + "\n"
		}, TextOptions{},
			counts{[]string{"cat", "dog"}, 32, 8, 8, "40 texts are exact copies of others and are used once"}},
		"faults left out": {"text,label\n,cat\nx,\n\xff,cat\n...,\n\"\u200b\",dog\nsame,cat\nsame,dog\n", func(i int) string { return letter(i, two(i)) + "," + two(i) + "\n" }, TextOptions{SkipBad: true},
			counts{[]string{"cat", "dog"}, 32, 8, 8, "texts left out because they cannot be used: 7; the first: line 2: is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "l.csv")
			save(t, path, []byte(rows(test.head, 0, 40, test.row)))
			ref, set := open(t, textsOf(t, path, test.options))
			i := set.Info
			got := counts{i.ClassNames, i.Train, i.Validation, i.Test, ""}
			if len(ref.Notes) > 1 {
				got.Note = ref.Notes[0]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if last := ref.Notes[len(ref.Notes)-1]; !strings.Contains(last, "longer than 256 tokens") || !strings.Contains(last, "words of the vocabulary are") {
				t.Errorf("the last note is %q", last)
			}
		})
	}
}

func TestSheetFaults(t *testing.T) {
	good := rows("", 0, 40, func(i int) string { return letter(i, "x") + "," + []string{"cat", "dog"}[i%2] + "\n" })
	for name, test := range map[string]struct {
		text    string
		options TextOptions
		want    []string
	}{
		"empty":           {"", TextOptions{}, []string{"l.csv is empty"}},
		"names alone":     {"text,label\n", TextOptions{}, []string{"has no line with a text"}},
		"no such column":  {"review,label\n" + good, TextOptions{}, []string{`has no column "text"`, `["review" "label"]`, "text=COLUMN"}},
		"no such split":   {"text,label\n" + good, TextOptions{Split: "fold"}, []string{`has no column "fold"`, "split=COLUMN"}},
		"no such place":   {good, TextOptions{Text: "1", Label: "3"}, []string{"has no column 3", "has 2"}},
		"one column":      {"text,label\n" + good, TextOptions{Text: "label"}, []string{"the same column"}},
		"open quote":      {"text,label\n\"a,cat\n" + good, TextOptions{}, []string{"l.csv line ", "quote"}},
		"bare quote":      {"text,label\n" + good + "say \"no\" again,cat\n", TextOptions{}, []string{"line 42, column 5", "write a quote in it twice"}},
		"stray quote":     {"text,label\n" + good + "\"say \"no\" again\",cat\n", TextOptions{}, []string{"line 42", "neither at the end of its field nor written twice"}},
		"UTF-16":          {"\xff\xfet\x00e\x00", TextOptions{}, []string{"is UTF-16: save it as UTF-8"}},
		"Latin-1":         {"text,label\n" + good + "na\xefve,cat\n", TextOptions{}, []string{"line 42: is not UTF-8 from its byte 3 on", "add skip=bad"}},
		"Latin-1 label":   {"text,label\n" + good + "x,caf\xe9\n", TextOptions{}, []string{"line 42 is not UTF-8"}},
		"short line":      {"text,label\n" + good + "alone\n", TextOptions{}, []string{"line 42 has 1 columns, and the first line 2", "in quotes"}},
		"no label":        {"text,label\n" + good + "x,\n", TextOptions{}, []string{"line 42: has no label", "add skip=bad"}},
		"unknown split":   {"text,label,split\n" + "x,cat,later\n", TextOptions{}, []string{`line 2: the split "later" is none of train, valid and test`}},
		"two classes":     {"text,label\n" + good + letter(0, "x") + ",dog\n", TextOptions{}, []string{"has the same text as line", "(dog and cat)"}},
		"two splits":      {"text,label,split\n" + strings.ReplaceAll(good, "\n", ",train\n") + letter(0, "x") + ",cat,test\n", TextOptions{}, []string{"line 2: has the same text as line 42 of another split"}},
		"one class":       {"text,label\na,cat\nb,cat\n", TextOptions{}, []string{"all 2 texts are of one class", "cat"}},
		"few of a class":  {"text,label\n" + good + "rare,owl\n", TextOptions{}, []string{`too few texts (10 are the least): class "owl" with 1`}},
		"no common words": {"text,label\n" + rows("", 0, 40, func(i int) string { return fmt.Sprintf("w%d,%d\n", i, i%2) }), TextOptions{}, []string{"no word occurs twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "l.csv")
			save(t, path, []byte(test.text))
			cache := t.TempDir()
			_, err := prepare(t, textsOf(t, path, test.options), cache)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "packed", "*.pack*")); len(left) != 1 { // the lock
				t.Errorf("left in the cache: %q", left)
			}
		})
	}
}

// TestTextFolders holds folders of texts, and what people have in them.
func TestTextFolders(t *testing.T) {
	root := lettersOf(t, map[string]int{"train/cat": 20, "train/dog": 20, "test/cat": 3, "test/dog": 4})
	save(t, filepath.Join(root, "train", "cat", "notes.json"), []byte("{}"))
	save(t, filepath.Join(root, "train", "cat", ".hidden.txt"), []byte("x"))
	ref, set := open(t, textsOf(t, root, TextOptions{}))
	if i := set.Info; i.Train != 40 || i.Validation != 10 || i.Test != 7 || ref.Notes[0] != "1 files that are no texts by their names (.json) are left out" {
		t.Errorf("%d %d %d %q", i.Train, i.Validation, i.Test, ref.Notes)
	}
	for name, test := range map[string]struct {
		path, content, want string
	}{
		"empty":     {"train/cat/x.txt", " \n", "train/cat/x.txt: is empty"},
		"PDF":       {"train/cat/x.pdf", "%PDF", "save it as plain text"},
		"no class":  {"train/x.txt", "x y", "lies in no folder of a class"},
		"not UTF-8": {"train/cat/x.txt", "a\xff", "train/cat/x.txt: is not UTF-8 from its byte 2 on"},
	} {
		t.Run(name, func(t *testing.T) {
			root := lettersOf(t, map[string]int{"train/cat": 20, "train/dog": 20})
			save(t, filepath.Join(root, test.path), []byte(test.content))
			if _, err := prepare(t, textsOf(t, root, TextOptions{}), t.TempDir()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if _, err := prepare(t, textsOf(t, root, TextOptions{SkipBad: true}), t.TempDir()); err != nil {
				t.Errorf("with skip=bad: %v", err)
			}
		})
	}
	loose := t.TempDir()
	save(t, filepath.Join(loose, "a.txt"), []byte("x"))
	if _, err := prepare(t, textsOf(t, loose, TextOptions{}), t.TempDir()); err == nil || !strings.Contains(err.Error(), "make a folder for each class") {
		t.Errorf("loose texts: %v", err)
	}
}

// TestTextSplitsDependOnTheTexts: not on the order of lines, nor on where they lie.
func TestTextSplitsDependOnTheTexts(t *testing.T) {
	path := sheetOf(t, 90, "text,label\n")
	ref, set := open(t, textsOf(t, path, TextOptions{}))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Reverse(lines[1:])
	other := filepath.Join(t.TempDir(), "other.csv")
	save(t, other, []byte(strings.Join(lines, "\r\n")))
	again, turned := open(t, textsOf(t, other, TextOptions{}))
	if again.Fingerprint != ref.Fingerprint || !slices.Equal(set.Train.Tokens, turned.Train.Tokens) || !slices.Equal(set.Words, turned.Words) {
		t.Errorf("other lines make another set: %s and %s", ref.Fingerprint, again.Fingerprint)
	}
	if less, _ := open(t, textsOf(t, path, TextOptions{Words: 20})); less.Fingerprint == ref.Fingerprint {
		t.Error("the vocabulary does not change the fingerprint")
	}
	if tail, last := open(t, textsOf(t, path, TextOptions{Tokens: 2, Keep: "tail"})); tail.Fingerprint == ref.Fingerprint || !strings.HasSuffix(last.Text(last.Train, 0), ".") {
		t.Errorf("the tail of a text is %q", last.Text(last.Train, 0))
	}
}

// TestPackedTextsGoOn: where the file is gone the packed one serves; where it changed it is
// packed anew.
func TestPackedTextsGoOn(t *testing.T) {
	path, cache := sheetOf(t, 60, "text,label\n"), t.TempDir()
	name := textsOf(t, path, TextOptions{})
	ref, err := prepare(t, name, cache)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	save(t, path, append(bytes.Clone(text), "one more text of a cat,cat\n"...))
	more, err := prepare(t, name, cache)
	if err != nil || more.Fingerprint == ref.Fingerprint || more.Info.Train+more.Info.Test != 61 {
		t.Errorf("a changed file: %+v, %v", more, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	gone, err := prepare(t, name, cache)
	if err != nil || gone.Fingerprint != more.Fingerprint || !strings.Contains(gone.Notes[len(gone.Notes)-1], "is gone; its packed file") {
		t.Errorf("a file that is gone: %+v, %v", gone, err)
	}
	if _, err := prepare(t, name, t.TempDir()); err == nil || !strings.Contains(err.Error(), "nor is a packed file") {
		t.Errorf("unhelpful: %v", err)
	}
	whole, err := os.ReadFile(ref.Dir)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(packMagic)+1] = 0xff // the high byte of an id
	save(t, ref.Dir, whole)
	if _, err := Load(gone); err == nil || !strings.Contains(err.Error(), "has the token") {
		t.Errorf("a damaged packed file is loaded: %v", err)
	}
}

// TestEndlessQuote: a file whose quote is never closed is not read into memory.
func TestEndlessQuote(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	path := filepath.Join(t.TempDir(), "l.csv")
	line := []byte(strings.Repeat("many words, and more ", 50) + "\n")
	save(t, path, append([]byte("text,label\n\""), bytes.Repeat(line, 100<<20/len(line))...))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := prepare(t, textsOf(t, path, TextOptions{}), t.TempDir())
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "is a closing quote missing?") {
		t.Errorf("unhelpful: %v", err)
	}
	if all := after.TotalAlloc - before.TotalAlloc; all > 200<<20 {
		t.Errorf("%d MB are allocated", all>>20)
	}
}

func FuzzSheet(f *testing.F) {
	f.Add([]byte("text,label\n\"a\nb\",cat\n"), "text", "label", false)
	f.Add([]byte("\ufeffa;b;test\r\nx;y"), "1", "2", true)
	f.Add([]byte("a\t\"\n"), "a", "b", false)
	f.Fuzz(func(t *testing.T, data []byte, text, label string, header bool) {
		lines := 0
		err := sheetReader{[]string{text, label, "split"}, header}.read(bytes.NewReader(data), func(line int, _, label, _ string) error {
			if line < 1 || label != strings.TrimSpace(label) {
				t.Errorf("line %d has the label %q", line, label)
			}
			lines++
			return nil
		})
		if err == nil && lines > 1+bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r")) {
			t.Errorf("%d lines come from %q", lines, data)
		}
	})
}

func FuzzTextSpec(f *testing.F) {
	f.Add("text:/a%3Fb.csv?text=a%26b&tokens=12&keep=tail&header=1")
	f.Add("imdb?words=12&tokens=0012")
	f.Fuzz(func(t *testing.T, spec string) {
		clean, err := Clean(spec)
		if err != nil {
			return
		}
		if again, err := Clean(clean); err != nil || again != clean {
			t.Errorf("%q is %q, then %q, %v", spec, clean, again, err)
		}
	})
}

// TestTextProgress: many lines that are read in one piece are told of once.
func TestTextProgress(t *testing.T) {
	name, told := textsOf(t, sheetOf(t, 400, "text,label\n"), TextOptions{}), []int64{}
	_, err := Prepare(t.Context(), name, Options{Cache: t.TempDir(), Progress: func(done, _ int64, _ string) { told = append(told, done) }})
	if err != nil || len(told) == 0 || len(told) > 3 {
		t.Errorf("told of %d, %v", told, err)
	}
}
