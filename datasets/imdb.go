package datasets

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var imdbInfo = Info{
	Name:       "imdb",
	Title:      "IMDb film reviews (Large Movie Review Dataset)",
	Licence:    "none stated by the publisher, who asks to cite Maas et al., Learning Word Vectors for Sentiment Analysis, 2011",
	Source:     "https://ai.stanford.edu/~amaas/data/sentiment/",
	Task:       TextClassification,
	DType:      Int32,
	Shape:      []int{usualTokens},
	Vocabulary: firstWord + usualWords,
	ClassNames: []string{"negative", "positive"},
	Train:      25000,
	Test:       25000,
	Validation: 2500,
	Download:   84125825,
	Size:       50000 * (tokenBytes*usualTokens + 5),
}

var imdbArchive = archive{
	url:    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
	sha256: "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
	size:   imdbInfo.Download,
}

// imdbTree are the folders of the reviews. The rating of a review is in its name: 1 to
// 4 of a negative one, 7 to 10 of a positive one.
var imdbTree = []struct {
	split, folder string
	in            part
	class         string
	least, most   int // ratings
}{
	{"train", "neg", partTrain, "negative", 1, 4},
	{"train", "pos", partTrain, "positive", 7, 10},
	{"test", "neg", partTest, "negative", 1, 4},
	{"test", "pos", partTest, "positive", 7, 10},
}

const (
	imdbFolder = "aclImdb"
	imdbEach   = 12500 // reviews of a folder
	imdbMost   = 1 << 30
)

// imdb is the set of that name, with options of how its texts are cut. The zero value
// has the usual ones.
type imdb struct {
	cut     cut
	archive *archive // for tests; nil is the official one
	each    int      // for tests; 0 is the published number
}

// with is the set with the options of a spec.
func (m imdb) with(query string) (spec, error) {
	_, err := parseOptions("?"+query, func(key, value string) error {
		ok, err := m.cut.set(key, value)
		if !ok {
			return fmt.Errorf("there is no option %q: choose among tokens, words and keep", key)
		}
		return err
	})
	if err == nil {
		err = m.whole().check()
	}
	return m, err
}

// whole is the cut with the usual values where there are none.
func (m imdb) whole() cut {
	setUsual(&m.cut.tokens, usualTokens)
	setUsual(&m.cut.words, usualWords)
	setUsual(&m.cut.keep, keeps[0])
	return m.cut
}

func setUsual[T comparable](field *T, usual T) {
	if *field == *new(T) {
		*field = usual
	}
}

func (m imdb) name() string {
	var text optionText
	text.addCut(m.whole())
	return imdbInfo.Name + text.String()
}

func (imdb) short() string { return imdbInfo.Name }

func (m imdb) describe() (Info, error) {
	info, how := imdbInfo, m.whole()
	info.Name, info.Shape, info.Vocabulary = m.name(), []int{how.tokens}, firstWord+how.words
	info.Size = int64(info.Train+info.Test) * int64(tokenBytes*how.tokens+5)
	return info, nil
}

// own is the folder under LEMONADE_DATA, if there is one.
func (imdb) own() (dir string, err error) {
	return broughtFolder(imdbFolder, imdbArchive.unpacked())
}

// packed is where the packed file lies: another one for reviews of another place.
func (m imdb) packed(cache, from string) string { return packOf(cache, m.name()+":"+from) }

func (m imdb) find(cache string) (string, bool) {
	dir, err := m.own()
	if err != nil {
		return "", false
	}
	path, ok := findPack(m.packed(cache, dir))
	if !ok && dir == "" {
		if _, err := os.Stat(m.download(cache)); err != nil {
			return "", false
		}
	}
	return path, ok
}

// download is where the archive is kept.
func (m imdb) download(cache string) string {
	return filepath.Join(cache, path.Base(m.source().url))
}

func (m imdb) source() archive {
	if m.archive != nil {
		return *m.archive
	}
	return imdbArchive
}

func (imdb) load(ref Ref) (*Set, error) { return loadPacked(ref) }

// prepare packs the reviews of the folder under LEMONADE_DATA, or of the archive, which it
// downloads. The archive is read as it is: nothing is unpacked.
func (m imdb) prepare(p prep) (Ref, error) {
	dir, err := m.own()
	if err != nil {
		return Ref{}, err
	}
	pack := m.packed(p.cache, dir)
	unlock, err := p.lock(pack)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	c := m.corpus()
	if dir != "" {
		ref, err := m.packTree(p, c, dir, pack)
		if err != nil {
			return Ref{}, fmt.Errorf("%w; or unpack %s into %s again, or unset %s to have it downloaded", err, m.source().url, filepath.Dir(dir), Env)
		}
		return ref, nil
	}
	if ref, err := refMade(pack, c.made([]byte(m.source().sha256))); err == nil {
		return ref, nil
	}
	return m.packArchive(p, c, pack)
}

func (m imdb) corpus() *corpus {
	info, _ := m.describe() // it has no error
	return &corpus{
		info: info, cut: m.whole(), tests: true, copies: true,
	}
}

// packTree packs the reviews of a folder as the archive unpacks.
func (m imdb) packTree(p prep, c *corpus, dir, pack string) (Ref, error) {
	files, err := m.list(c, dir)
	if err != nil {
		return Ref{}, err
	}
	c.skipBad = p.partial
	tell := func(done, total int64) { p.tell(done, total, "reading the reviews") }
	content, err := readFiles(p.ctx, files, tell, func(imageFile, []byte, error) error { return nil })
	if err != nil {
		return Ref{}, err
	}
	if ref, err := refMade(pack, c.made(content)); err == nil {
		return ref, nil // of the same reviews, which need not be split into words again
	}
	if content, err = readFiles(p.ctx, files, tell, c.addFile); err != nil {
		return Ref{}, err
	}
	if err := m.complete(p, c); err != nil {
		return Ref{}, fmt.Errorf("%s: %w", dir, err)
	}
	return c.pack(p, pack, content)
}

// complete holds that all reviews are there, or marks the set.
func (m imdb) complete(p prep, c *corpus) error {
	if c.faults.count > 0 {
		if err := p.refuse(errors.New(c.faults.text())); err != nil {
			return err
		}
	}
	each := m.perFolder()
	count := map[string]int{}
	for _, t := range c.texts {
		count[fmt.Sprint(t.part, t.class)]++
	}
	short := &shortfall{noun: "reviews"}
	for _, f := range imdbTree {
		n := count[fmt.Sprint(f.in, f.class)]
		if n > each {
			return fmt.Errorf("%s/%s has %s reviews, %s were published (another set?)", f.split, f.folder, thousands(n), thousands(each))
		}
		short.lacks(f.split+"/"+f.folder, n, each)
	}
	notes, err := p.accept(short)
	c.info.Published, c.notes = short.published(), append(c.notes, notes...)
	return err
}

func (m imdb) perFolder() int {
	if m.each > 0 {
		return m.each
	}
	return imdbEach
}

// reviewName is the name of a review's file: number and rating.
var reviewName = regexp.MustCompile(`^\d+_(\d+)\.txt$`)

// list finds the reviews below dir.
func (m imdb) list(c *corpus, dir string) (files []imageFile, err error) {
	others := 0
	for _, f := range imdbTree {
		entries, err := os.ReadDir(filepath.Join(dir, f.split, f.folder))
		if errors.Is(err, fs.ErrNotExist) {
			c.faults.add(path.Join(f.split, f.folder), errors.New("is missing, a folder of reviews belongs there"))
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			info, err := e.Info()
			rel := path.Join(f.split, f.folder, e.Name())
			switch {
			case err != nil:
				c.faults.add(rel, err)
				continue
			case !e.Type().IsRegular() || !reviewName.MatchString(e.Name()):
				others++
				continue
			}
			if err := rated(e.Name(), rel, f.least, f.most); err != nil {
				return nil, err
			}
			files = append(files, imageFile{path: filepath.Join(dir, filepath.FromSlash(rel)), rel: rel, class: f.class, part: f.in, size: info.Size()})
		}
	}
	if others > 0 {
		c.note("%s files that are no reviews by their names are left out", thousands(others))
	}
	return files, nil
}

// rated holds that the rating in a review's name is one of its folder.
func rated(name, rel string, least, most int) error {
	rating, err := strconv.Atoi(reviewName.FindStringSubmatch(name)[1])
	if err != nil || rating < least || rating > most {
		return fmt.Errorf("%s has the rating %d, those of its folder are %d to %d (were folders swapped?)", rel, rating, least, most)
	}
	return nil
}

// packArchive packs the reviews of the archive, which it downloads where it is not in
// the cache.
func (m imdb) packArchive(p prep, c *corpus, pack string) (Ref, error) {
	a, kept := m.source(), m.download(p.cache)
	own := fmt.Sprintf("or unpack a good copy of %s in a folder and set %s to it", path.Base(a.url), Env)
	if p.url != "" {
		a.url = p.url
	}
	unlock, err := p.lock(kept)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	if _, err := os.Stat(kept); errors.Is(err, fs.ErrNotExist) {
		if err := fetch(p, a, kept+".part"); err != nil {
			return Ref{}, fmt.Errorf("%w; try again, %s", err, own)
		}
		if err := os.Rename(kept+".part", kept); err != nil {
			return Ref{}, err
		}
	}
	err = m.readArchive(p.ctx, c, kept, func(done int64) { p.tell(done, a.size, "reading the reviews") })
	if err == nil {
		p.whole = true
		err = m.complete(p, c)
	}
	if err != nil {
		return Ref{}, fmt.Errorf("%s: %w; remove it to have it downloaded again, %s", kept, err, own)
	}
	return c.pack(p, pack, []byte(m.source().sha256))
}

// readArchive adds the reviews of the archive, whose sum it checks. Other members are
// passed over.
func (m imdb) readArchive(ctx context.Context, c *corpus, name string, tell func(done int64)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	sum, count := sha256.New(), &counter{}
	all := io.TeeReader(file, io.MultiWriter(sum, count))
	z, err := gzip.NewReader(all)
	if err != nil {
		return err
	}
	bounded := &io.LimitedReader{R: z, N: imdbMost}
	tape := tar.NewReader(bounded)
	seen := map[string]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		head, err := tape.Next()
		if bounded.N == 0 {
			return fmt.Errorf("it unpacks to more than %d bytes", imdbMost)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		tell(count.n)
		if err := m.addMember(c, head, tape, seen); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != m.source().sha256 {
		return fmt.Errorf("it has the SHA-256 %s, %s belongs there (damaged, or changed since it was downloaded)", got, m.source().sha256)
	}
	return nil
}

// addMember adds a member of the archive, if it is a review.
func (m imdb) addMember(c *corpus, head *tar.Header, from io.Reader, seen map[string]bool) error {
	if !filepath.IsLocal(head.Name) {
		return fmt.Errorf("it has a member %q outside its folder", head.Name)
	}
	name := path.Clean(head.Name)
	for _, f := range imdbTree {
		folder, file := path.Split(name)
		if folder != path.Join(imdbFolder, f.split, f.folder)+"/" || !reviewName.MatchString(file) {
			continue
		}
		rel := strings.TrimPrefix(name, imdbFolder+"/")
		switch {
		case head.Typeflag != tar.TypeReg:
			return fmt.Errorf("its member %q is no file", head.Name)
		case head.Size > mostTextBytes:
			return fmt.Errorf("its member %q has %d bytes, %d are the most of a text", head.Name, head.Size, mostTextBytes)
		case seen[name]:
			return fmt.Errorf("it has two members %q", head.Name)
		}
		seen[name] = true
		if err := rated(file, rel, f.least, f.most); err != nil {
			return err
		}
		raw, err := io.ReadAll(from)
		if err != nil {
			return err
		}
		return c.add(rel, f.class, f.in, raw)
	}
	return nil
}
