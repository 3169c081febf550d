package datasets

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// needIMDb skips where no real reviews are at hand: a test downloads nothing.
func needIMDb(t testing.TB) {
	t.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		t.Skipf("%s is not set: no real reviews to test on", Env)
	}
	if _, err := os.Stat(filepath.Join(dir, imdbFolder)); err != nil {
		t.Skipf("no real reviews to test on: %v", err)
	}
}

// reviews are so many files of each folder, in the published layout.
func reviews(each int) map[string][]byte {
	files := map[string][]byte{}
	for k, f := range imdbTree {
		for i := range each {
			name := fmt.Sprintf("%s/%s/%d_%d.txt", f.split, f.folder, i, f.least+i%4)
			files[name] = []byte(letter(1000*k+i, f.class) + "<br /><br />The end")
		}
	}
	files["train/unsup/0_0.txt"] = []byte("of no class")
	files["train/urls_pos.txt"] = []byte("http://x")
	return files
}

func putReviews(t *testing.T, files map[string][]byte) (dir string) {
	t.Helper()
	data := t.TempDir()
	t.Setenv(Env, data)
	for name, content := range files {
		save(t, filepath.Join(data, imdbFolder, name), content)
	}
	return filepath.Join(data, imdbFolder)
}

// TestOwnReviews breaks the copy under LEMONADE_DATA in one way after another.
func TestOwnReviews(t *testing.T) {
	const each = 20
	for _, c := range []struct {
		name    string
		damage  func(files map[string][]byte)
		want    []string // in the error; none is success
		partial string   // mark or error of the copy that is taken as it is
	}{
		{"right", func(map[string][]byte) {}, nil, ""},
		{"one missing", func(f map[string][]byte) { delete(f, "test/pos/3_10.txt") }, []string{"79 of 80 reviews", "the rest is missing", "test/pos has 19 of 20", "--partial"}, "partial: 79 of 80"},
		{"empty", func(f map[string][]byte) { f["train/neg/0_1.txt"] = nil }, []string{"train/neg/0_1.txt: is empty", "--partial"}, "partial: 79 of 80"},
		{"not UTF-8", func(f map[string][]byte) { f["train/neg/0_1.txt"] = []byte("caf\xe9") }, []string{"train/neg/0_1.txt: is not UTF-8 from its byte 4 on"}, "partial: 79 of 80"},
		{"no folder", func(f map[string][]byte) {
			for name := range f {
				if strings.HasPrefix(name, "test/neg/") {
					delete(f, name)
				}
			}
		}, []string{"test/neg: is missing"}, "partial: 60 of 80"},
		{"one too many", func(f map[string][]byte) { f["train/pos/99_7.txt"] = []byte("one more") }, []string{"train/pos has 21 reviews, 20 were published"}, "train/pos has 21 reviews"},
		{"swapped", func(f map[string][]byte) {
			f["train/pos/0_1.txt"] = f["train/neg/0_1.txt"]
		}, []string{"train/pos/0_1.txt has the rating 1, those of its folder are 7 to 10 (were folders swapped?)"}, "were folders swapped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := reviews(each)
			c.damage(files)
			dir := putReviews(t, files)
			ref, err := imdb{each: each}.prepare(testPrep(t))
			if c.want == nil && (err != nil || ref.Info.Train != 2*each || ref.Info.Test != 2*each || ref.Info.Partial() != "") {
				t.Errorf("%+v, %v", ref, err)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "unset LEMONADE_DATA") {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			p := testPrep(t)
			p.partial = true
			ref, err = imdb{each: each}.prepare(p)
			if err != nil {
				if c.partial == "" || !strings.Contains(err.Error(), c.partial) {
					t.Errorf("taken as it is: %v, want %q", err, c.partial)
				}
				return
			}
			if got := ref.Info.Partial(); got != c.partial || (got != "") != strings.Contains(strings.Join(ref.Notes, " "), "not comparable") {
				t.Errorf("the mark is %q, want %q; notes %q", got, c.partial, ref.Notes)
			}
			set, err := imdb{}.load(ref)
			if err != nil {
				t.Fatal(err)
			}
			set.divide()
			checkTexts(t, set)
			if text := set.Text(set.Train, 0); strings.Contains(text, "br") || !strings.HasSuffix(text, "the end") {
				t.Errorf("a text is %q", text)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestReviewsAsPublished: what occurs twice stays, and is told.
func TestReviewsAsPublished(t *testing.T) {
	files := reviews(20)
	files["test/pos/0_7.txt"] = files["train/pos/0_7.txt"]
	files["train/neg/1_2.txt"] = files["train/neg/0_1.txt"]
	putReviews(t, files)
	ref, err := imdb{each: 20}.prepare(testPrep(t))
	if err != nil || ref.Info.Train+ref.Info.Test != 80 {
		t.Fatalf("%+v, %v", ref, err)
	}
	if want := "2 texts are exact copies of others, and 1 of the test are in the training split too"; !strings.Contains(ref.Notes[0], want) {
		t.Errorf("notes %q do not say %q", ref.Notes, want)
	}
}

// members are the reviews as the archive has them.
func members(files map[string][]byte) []member {
	out := []member{{name: "aclImdb/", kind: tar.TypeDir}, {name: "aclImdb/README", content: []byte("hello")}}
	for name, content := range files {
		out = append(out, member{name: "aclImdb/" + name, content: content})
	}
	return out
}

// TestReviewsDownload takes the reviews out of an archive, through breaks.
func TestReviewsDownload(t *testing.T) {
	impatient(t)
	raw, arch := pack(t, members(reviews(20)))
	arch.url = "https://example.invalid/aclImdb_v1.tar.gz"
	o := serve(t, breaking(raw, len(raw)/3, true))
	p := testPrep(t)
	p.url = o.URL + "/aclImdb_v1.tar.gz"
	m := imdb{archive: &arch, each: 20}
	if where, ok := m.find(p.cache); ok || where != "" {
		t.Errorf("found at %q before it is there", where)
	}
	ref, err := m.prepare(p)
	if err != nil || len(o.asked()) < 3 || ref.Info.Train != 40 {
		t.Fatalf("%+v after %q: %v", ref, o.asked(), err)
	}
	if where, ok := m.find(p.cache); !ok || where != ref.Dir {
		t.Errorf("found at %q %v, want %q", where, ok, ref.Dir)
	}
	kept := filepath.Join(p.cache, "aclImdb_v1.tar.gz")
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("the archive is not kept: %v", err)
	}
	p.url = "http://127.0.0.1:1/" // another download would fail
	less, err := imdb{archive: &arch, each: 20, cut: cut{tokens: 4}}.prepare(p)
	if err != nil || less.Fingerprint == ref.Fingerprint {
		t.Errorf("cut otherwise: %+v, %v", less, err)
	}
	if err := os.Remove(kept); err != nil {
		t.Fatal(err)
	}
	if again, err := m.prepare(p); err != nil || again.Fingerprint != ref.Fingerprint {
		t.Errorf("packed, and without the archive: %+v, %v", again, err)
	}
}

// TestReviewsArchiveRefused feeds archives that are out to do harm, or are just wrong.
func TestReviewsArchiveRefused(t *testing.T) {
	impatient(t)
	good := members(reviews(20))
	with := func(m ...member) []member { return append(m, good...) }
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"outside":     {with(member{name: "../evil", content: []byte("x")}), "outside"},
		"absolute":    {with(member{name: "/evil", content: []byte("x")}), "outside"},
		"link":        {with(member{name: "aclImdb/train/pos/7_7.txt", kind: tar.TypeSymlink}), "is no file"},
		"twice":       {with(member{name: "aclImdb/train/pos/0_7.txt", content: []byte("x")}), "two members"},
		"huge":        {with(member{name: "aclImdb/train/pos/99_7.txt", content: make([]byte, mostTextBytes+1)}), "bytes, "},
		"rating":      {with(member{name: "aclImdb/train/pos/99_1.txt", content: []byte("x")}), "were folders swapped?"},
		"too many":    {with(member{name: "aclImdb/train/pos/99_7.txt", content: []byte("x")}), "train/pos has 21 reviews"},
		"too few":     {good[:len(good)-30], "the rest is missing"},
		"not a tape":  {[]member{{name: "x", content: []byte("x")}}, "0 of 80 reviews"},
		"other words": {with(member{name: "aclImdb/train/pos/99_7.txt", content: []byte("\xff")}), "is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, arch := pack(t, c.members)
			arch.url = serve(t, whole(raw)).URL + "/aclImdb_v1.tar.gz"
			p := testPrep(t)
			p.partial = true // which is of one's own copies alone
			_, err := imdb{archive: &arch, each: 20}.prepare(p)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "remove it to have it downloaded again") {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(p.cache, "packed", "*.pack")); len(left) > 0 {
				t.Errorf("left in the cache: %q", left)
			}
		})
	}
	raw, arch := pack(t, good)
	p := testPrep(t)
	arch.url = "https://example.invalid/aclImdb_v1.tar.gz"
	put(t, p.cache, map[string][]byte{"aclImdb_v1.tar.gz": append(bytes.Clone(raw), 0)})
	if _, err := (imdb{archive: &arch, each: 20}).prepare(p); err == nil || !strings.Contains(err.Error(), "it has the SHA-256") {
		t.Errorf("a changed archive: %v", err)
	}
}

// TestIMDb holds the real reviews, of which a part is enough.
func TestIMDb(t *testing.T) {
	needIMDb(t)
	ref, err := Prepare(context.Background(), "imdb", Options{Cache: t.TempDir(), Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", ref)
	set, err := Load(ref)
	if err != nil {
		t.Fatal(err)
	}
	checkSet(t, set, true)
	if set.Vocabulary != firstWord+usualWords || set.Words[firstWord] != "the" {
		t.Errorf("the vocabulary has %d words, the first %q", set.Vocabulary, set.Words[firstWord])
	}
	if set.Published > 0 {
		if _, err := Prepare(context.Background(), "imdb", Options{Cache: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "of 50,000 reviews: the rest is missing") {
			t.Errorf("a part is taken for the whole: %v", err)
		}
	}
	// Single words tell much of a review: counted in the right texts they do so here too.
	good, bad := 0, 0
	for i, label := range set.Train.Labels {
		if strings.Contains(set.Text(set.Train, i), " worst ") {
			if label == 1 {
				good++
			} else {
				bad++
			}
		}
	}
	if bad < 5*good {
		t.Errorf("of the reviews with the word worst %d are positive and %d negative", good, bad)
	}
}

// FuzzReviews: whatever the tape, its reader returns an error or reviews of the four
// folders, no more than it has.
func FuzzReviews(f *testing.F) {
	for _, m := range [][]member{
		members(map[string][]byte{"train/pos/0_7.txt": []byte("good"), "test/neg/1_4.txt": []byte("bad")}),
		{{name: "../evil", content: []byte("x")}},
		{{name: "aclImdb/train/pos/7_7.txt", kind: tar.TypeSymlink}, {name: "aclImdb/train/pos/99_1.txt", content: []byte("x")}},
	} {
		f.Add(tapeOf(f, m))
	}
	f.Fuzz(func(t *testing.T, tape []byte) {
		raw := zipped(tape)
		name := filepath.Join(t.TempDir(), "a.tar.gz")
		save(t, name, raw)
		a := archiveOf("a.tar.gz", raw)
		m := imdb{archive: &a}
		c := m.corpus()
		if m.readArchive(t.Context(), c, name, func(int64) {}) != nil {
			return
		}
		words := 0
		for _, p := range c.texts {
			words += len(p.tokens)
			known := false
			for _, f := range imdbTree {
				known = known || f.in == p.part && f.class == p.class && strings.HasPrefix(p.where, f.split+"/"+f.folder+"/")
			}
			if !known {
				t.Errorf("%+v", p)
			}
		}
		if words > len(tape) {
			t.Errorf("%d words of %d bytes", words, len(tape))
		}
	})
}
