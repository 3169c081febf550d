package datasets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// TextOptions say how texts become a set. The zero value takes everything from the
// file or the folder.
type TextOptions struct {
	// Text, Label and Split are columns of a CSV file, by their names or, from 1 on, their
	// places; the defaults are "text", "label" and "split". The column of splits may be
	// absent. Header says that the first line has names, though columns are given by
	// their places.
	Text, Label, Split string
	Header             bool

	// Tokens is how many of a text's words and signs a network reads; default 256.
	Tokens int
	// Words is the most that the vocabulary has; default 10,000.
	Words int
	// Keep is which end of a text that has more tokens: "head" (default) or "tail".
	Keep string

	// SkipBad leaves out what cannot be used, such as lines without a label, and counts it
	// in [Ref.Notes]. The default is an error that names the first of them.
	SkipBad bool
}

// FromText returns the name of a set of one's own texts: the spec that stands for
// them wherever the name of a data set does, such as
//
//	text:/home/ann/reviews.csv?text=review&label=sentiment
//	text:/home/ann/letters?tokens=128
//
// The options of a spec are text, label, split, header=1, tokens, words, keep and
// skip=bad, as in [TextOptions]. In a path the characters ? and % are written %3F
// and %25, in a value & and % are %26 and %25; ~/ is the home folder.
//
// # The file, or the folder
//
// A CSV file in UTF-8 has a text and its label in each line, and perhaps the split: train,
// valid or test. Commas, semicolons or tabs separate the columns; a text with one of
// them or with line breaks in it stands in quotes. A folder has a folder of .txt files
// for each class, or such folders in folders of splits, as one of pictures does; see
// [FromFolder].
//
// Texts of the same content count once; it is an error where they are of two classes,
// or in two splits. Splits that are not given are drawn as those of pictures are: they
// depend on the texts and the labels alone.
//
// # Words
//
// A text is brought into lower case, its HTML line breaks become spaces, and it is
// split into words and signs. The vocabulary are the most frequent of them, of those
// that occur twice or more, in the texts that can be trained on: what validates or
// tests has no say. [Ref.Notes] tells how many texts are longer than what is read of
// them, and which share of the words is known. [Set.Text] turns ids into words again.
//
// Prepare packs the ids into one file in the cache. Where the texts are gone, the
// packed file goes on serving.
func FromText(path string, o TextOptions) (name string, err error) {
	t, err := newTexts(path, o)
	if err != nil {
		return "", fmt.Errorf("datasets: %s: %w", path, err)
	}
	if _, err := t.isFolder(); err != nil {
		return "", fmt.Errorf("datasets: the texts: %w", err)
	}
	return t.name(), nil
}

const textScheme = "text"

// texts are a set of one's own.
type texts struct {
	path    string // absolute
	options TextOptions
}

func newTexts(path string, o TextOptions) (texts, error) {
	if path == "" {
		return texts{}, errors.New("no file is named: write text:PATH")
	}
	path, err := absolute(path)
	if err != nil {
		return texts{}, err
	}
	o.Text, o.Label, o.Split = cmp.Or(o.Text, "text"), cmp.Or(o.Label, "label"), cmp.Or(o.Split, "split")
	o.Tokens, o.Words, o.Keep = cmp.Or(o.Tokens, usualTokens), cmp.Or(o.Words, usualWords), cmp.Or(o.Keep, keeps[0])
	return texts{path, o}, o.cut().check()
}

func (o TextOptions) cut() cut { return cut{o.Tokens, o.Words, o.Keep} }

// parseText reads what follows the scheme in a spec.
func parseText(rest string) (texts, error) {
	o := TextOptions{}
	var how cut
	path, err := parseOptions(rest, func(key, value string) error {
		if ok, err := how.set(key, value); ok {
			return err
		}
		switch key {
		case "text":
			o.Text = value
		case "label":
			o.Label = value
		case "split":
			o.Split = value
		case "header":
			if value != "1" && value != "0" {
				return fmt.Errorf("header: %q is neither 1 nor 0", value)
			}
			o.Header = value == "1"
		case "skip":
			if value != "bad" {
				return fmt.Errorf("skip: %q is unknown: write skip=bad to leave out texts that cannot be used", value)
			}
			o.SkipBad = true
		default:
			return fmt.Errorf("there is no option %q: choose among text, label, split, header, tokens, words, keep and skip", key)
		}
		return nil
	})
	if err != nil {
		return texts{}, err
	}
	o.Tokens, o.Words, o.Keep = how.tokens, how.words, how.keep
	return newTexts(path, o)
}

// name is the spec with the options in order and without those of their default.
func (t texts) name() string {
	o, text := t.options, optionText{}
	text.add("text", o.Text, "text")
	text.add("label", o.Label, "label")
	text.add("split", o.Split, "split")
	if o.Header {
		text.add("header", "1", "")
	}
	text.addCut(o.cut())
	if o.SkipBad {
		text.add("skip", "bad", "")
	}
	return textScheme + ":" + escape(t.path, "%?") + text.String()
}

func (t *optionText) addCut(c cut) {
	t.add("tokens", strconv.Itoa(c.tokens), strconv.Itoa(usualTokens))
	t.add("words", strconv.Itoa(c.words), strconv.Itoa(usualWords))
	t.add("keep", c.keep, keeps[0])
}

func (t texts) short() string {
	base := filepath.Base(t.path)
	if base == string(filepath.Separator) {
		return "texts"
	}
	return strings.TrimSuffix(base, filepath.Ext(base))
}

func (t texts) isFolder() (bool, error) {
	info, err := os.Stat(t.path)
	if err != nil {
		return false, err
	}
	o := t.options
	if info.IsDir() && (o.Text != "text" || o.Label != "label" || o.Split != "split" || o.Header) {
		return false, fmt.Errorf("%s is a folder: text, label, split and header are of a CSV file", t.path)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is neither a file nor a folder", t.path)
	}
	return info.IsDir(), nil
}

func (t texts) corpus() *corpus {
	return &corpus{
		info: Info{
			Name: t.name(), Title: t.short(), Licence: "your own texts", Task: TextClassification, DType: Int32,
		},
		cut: t.options.cut(), skipBad: t.options.SkipBad,
		mend: "mend or remove them, or add skip=bad to the name to go on without them",
	}
}

// textFiles are the files of a folder of texts.
var textFiles = kind{
	noun:       "text",
	readable:   []string{".txt", ".text"},
	unreadable: []string{".pdf", ".doc", ".docx", ".odt", ".rtf", ".htm", ".html", ".epub"},
	convert:    "save it as plain text, .txt",
}

// read fills a corpus from the file or the folder, and returns a digest of the content.
func (t texts) read(ctx context.Context, c *corpus, tell func(done, total int64)) (content []byte, err error) {
	folder, err := t.isFolder()
	if err != nil {
		return nil, err
	}
	if folder {
		return t.readFolder(ctx, c, tell)
	}
	return t.readSheet(ctx, c, tell)
}

func (t texts) readSheet(ctx context.Context, c *corpus, tell func(done, total int64)) ([]byte, error) {
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	sum, count := sha256.New(), &counter{}
	from := io.TeeReader(file, io.MultiWriter(sum, count))
	o, told := t.options, int64(0)
	reader := sheetReader{[]string{o.Text, o.Label, o.Split}, o.Header}
	err = reader.read(from, func(line int, text, label, split string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if count.n > told { // many lines come in one piece
			told = count.n
			tell(told, info.Size())
		}
		where := fmt.Sprintf("line %d", line)
		in, ok := partNames[strings.ToLower(split)]
		switch {
		case label == "":
			c.faults.add(where, errors.New("has no label"))
			return nil
		case !ok && split != "":
			c.faults.add(where, fmt.Errorf("the split %q is none of train, valid and test", brief(split)))
			return nil
		}
		c.tests, c.checks = c.tests || in == partTest, c.checks || in == partValidation
		return c.add(where, strings.Clone(label), in, []byte(text))
	})
	if err != nil {
		return nil, fmt.Errorf("%s %w", filepath.Base(t.path), err)
	}
	if len(c.texts) == 0 && c.faults.count == 0 {
		return nil, fmt.Errorf("%s has no line with a text", filepath.Base(t.path))
	}
	return sum.Sum(nil), nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (t texts) readFolder(ctx context.Context, c *corpus, tell func(done, total int64)) ([]byte, error) {
	list, loose, err := textFiles.list(t.path)
	if err != nil {
		return nil, err
	}
	if len(list.files) == 0 {
		if len(loose) > 0 {
			return nil, fmt.Errorf("its %d texts lie in no folders of classes: make a folder for each class and move them there, or write a CSV file with the columns text and label", len(loose))
		}
		return nil, fmt.Errorf("there are no texts in folders of classes (of the kinds %s)", strings.Join(textFiles.readable, " "))
	}
	c.tests, c.checks, c.faults, c.notes = list.tests, list.checks, list.faults, list.notes
	return readFiles(ctx, list.files, tell, c.addFile)
}

func (t texts) describe() (Info, error) {
	c := t.corpus()
	c.count = true
	if _, err := t.read(context.Background(), c, func(int64, int64) {}); err != nil {
		return Info{}, err
	}
	return c.info, c.settle()
}

// packed is where the packed file lies in a cache.
func (t texts) packed(cache string) string { return packOf(cache, t.name()) }

func (t texts) find(cache string) (string, bool) { return findPack(t.packed(cache)) }

func (t texts) prepare(p prep) (Ref, error) {
	path := t.packed(p.cache)
	unlock, err := p.lock(path)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	if _, err := os.Stat(t.path); errors.Is(err, fs.ErrNotExist) {
		ref, perr := refOf(path)
		if errors.Is(perr, fs.ErrNotExist) {
			return Ref{}, fmt.Errorf("the texts are not on this machine, nor is a packed file of them: %w", err)
		}
		ref.Notes = append(ref.Notes, fmt.Sprintf("%s is gone; its packed file %s is used", t.path, path))
		return ref, perr
	}
	c := t.corpus()
	content, err := t.read(p.ctx, c, func(done, total int64) { p.tell(done, total, "reading the texts") })
	if err != nil {
		return Ref{}, err
	}
	return c.pack(p, path, append([]byte(t.name()), content...))
}

func (t texts) load(ref Ref) (*Set, error) {
	set, err := loadPacked(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: texts of one's own are not downloaded: bring them to this machine and prepare the set there", err)
	}
	return set, err
}

// packOf is where the packed file of that name lies in a cache.
func packOf(cache, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(cache, "packed", kindOf(name)+"-"+hex.EncodeToString(sum[:8])+packSuffix)
}
