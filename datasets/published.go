package datasets

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// published is a set that is published as pictures in folders of classes, in a zip.
// The pictures are read from where they lie, the zip included, and packed.
type published struct {
	info    Info     // its classes are in the order of folders
	folder  string   // of the classes, in the zip and under LEMONADE_DATA
	also    []string // other places of that folder under LEMONADE_DATA
	folders []string // of the classes
	counts  []int    // pictures in each
	ending  string   // of their names
	archive archive
	fit     string // how a picture is brought into the shape
	// group returns what a picture was cut from, whose pictures stay in one split.
	// It is nil where each stands for itself.
	group func(name string) (string, error)
	// check finds fault with the name of a picture of that class folder. It may be nil.
	check func(folder, name string) error
}

func (s published) describe() (Info, error) { return s.info, nil }

func (s published) find(cache string) (string, bool) { return findPackOf(s, cache, s.info.Name) }

func (s published) load(ref Ref) (*Set, error) { return loadPacked(ref) }

// zip is the name of the archive.
func (s published) zip() string { return path.Base(s.archive.url) }

// own returns the folder or the zip under LEMONADE_DATA, if there is one.
func (s published) own() (string, error) {
	path, _, err := brought(append([]string{s.folder, s.zip()}, s.also...)...)
	return path, err
}

// prepare packs the pictures of the folder or the zip, or of the zip that it downloads.
func (s published) prepare(p prep) (Ref, error) {
	packed := packOf(p.cache, s.info.Name)
	unlock, err := p.lock(packed)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	own, err := s.own()
	if err != nil {
		return Ref{}, err
	}
	if own != "" {
		ref, err := s.pack(p, own, packed)
		if err != nil {
			return Ref{}, fmt.Errorf("%w; put a good copy of %s there, or unset %s to have it downloaded", err, s.zip(), Env)
		}
		return ref, nil
	}
	switch ref, err := p.kept(packed); {
	case err == nil:
		return ref, nil
	case !errors.Is(err, fs.ErrNotExist):
		return Ref{}, fmt.Errorf("%w; or remove it, to have it made again", err)
	}
	file, err := s.archive.obtain(p)
	if err != nil {
		return Ref{}, fmt.Errorf("%w; try again, or put a good copy of %s in a folder and set %s to it", err, s.zip(), Env)
	}
	p.whole = true
	ref, err := s.pack(p, file, packed)
	if err != nil {
		return Ref{}, fmt.Errorf("the archive from %s: %w; put a good copy of %s in a folder and set %s to it", s.archive.url, err, s.zip(), Env)
	}
	return ref, os.Remove(file)
}

// pack packs the pictures of a folder or a zip.
func (s published) pack(p prep, from, to string) (Ref, error) {
	info, err := os.Stat(from)
	if err != nil {
		return Ref{}, err
	}
	c := &collection{
		info: s.info, listing: &listing{tests: true, checks: true}, published: true, mend: "all of them are needed",
		form: form{width: s.info.Shape[1], height: s.info.Shape[0], channels: s.info.Shape[2], fit: s.fit},
	}
	if info.IsDir() {
		err = s.listFolder(c.listing, from)
	} else {
		var file *os.File
		if file, err = os.Open(from); err != nil {
			return Ref{}, err
		}
		defer file.Close()
		if err = s.official(c.listing, file, from); err == nil {
			err = s.listZip(c.listing, file, info.Size(), info.ModTime().UnixNano())
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", from, err)
		}
	}
	if err != nil {
		return Ref{}, err
	}
	if c.faults.count > 0 {
		return Ref{}, fmt.Errorf("%s; %s", c.faults.text(), c.mend)
	}
	short, err := s.shortfall(c.listing, from)
	if err != nil {
		return Ref{}, err
	}
	notes, err := p.accept(short)
	if err != nil {
		return Ref{}, fmt.Errorf("%s: %w", from, err)
	}
	c.info.Published, c.notes = short.published(), append(notes, c.notes...)
	if err := s.split(c); err != nil {
		return Ref{}, err
	}
	return c.pack(p, to)
}

// official notes where a zip is not the published one.
func (s published) official(l *listing, file io.Reader, name string) error {
	sum := sha256.New()
	if n, err := io.Copy(sum, file); err != nil {
		return err
	} else if n == 0 {
		return errors.New("is empty")
	}
	if hex.EncodeToString(sum.Sum(nil)) != s.archive.sha256 {
		l.notes = append(l.notes, fmt.Sprintf("%s: not the official copy: its SHA-256 is another one; results are not comparable with published ones", name))
	}
	return nil
}

// Limits of a zip of pictures.
const (
	mostEntries   = 200_000
	mostEntry     = 4 << 20 // bytes of a picture, unpacked
	mostEntryName = 512
)

// listZip lists the pictures of a zip, which are read from there when their turn comes.
// Other files are passed over. Names that lead out of it, links, and whatever is larger
// than a picture can be are errors.
func (s published) listZip(l *listing, file io.ReaderAt, size, mtime int64) error {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return fmt.Errorf("cannot be read as a zip (truncated, or damaged): %w", err)
	}
	if len(z.File) > mostEntries {
		return fmt.Errorf("has %d files, %d are the most", len(z.File), mostEntries)
	}
	seen := map[string]bool{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case len(name) > mostEntryName || strings.Contains(name, `\`) || !filepath.IsLocal(name) || path.Clean(name) != name:
			return fmt.Errorf("has a file %.100q, whose name leads out of its folder or is no name", f.Name)
		case f.FileInfo().IsDir():
			continue
		case !f.Mode().IsRegular():
			return fmt.Errorf("has a file %q that is neither a file nor a folder", f.Name)
		case seen[name]:
			return fmt.Errorf("has two files %q", f.Name)
		}
		seen[name] = true
		class, base, ok := s.class(name)
		if !ok || ignored(base) {
			continue
		}
		if f.UncompressedSize64 > mostEntry {
			return fmt.Errorf("has a file %q of %d bytes, %d are the most", f.Name, f.UncompressedSize64, mostEntry)
		}
		s.add(l, class, imageFile{open: f.Open, rel: name, size: int64(f.UncompressedSize64), mtime: mtime})
	}
	return nil
}

// class parts the name of a picture, FOLDER/CLASS/NAME, into the class and the rest.
func (s published) class(name string) (class int, base string, ok bool) {
	rest, ok := strings.CutPrefix(name, s.folder+"/")
	if !ok {
		return 0, "", false
	}
	folder, base, ok := strings.Cut(rest, "/")
	class = slices.Index(s.folders, folder)
	return class, base, ok && class >= 0 && !strings.Contains(base, "/")
}

// listFolder lists the pictures of a folder.
func (s published) listFolder(l *listing, dir string) error {
	for class, folder := range s.folders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s has no folder %s", dir, folder)
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if ignored(e.Name()) {
				continue
			}
			file := imageFile{path: filepath.Join(dir, folder, e.Name()), rel: path.Join(s.folder, folder, e.Name())}
			info, err := os.Stat(file.path)
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return fmt.Errorf("%s is not a regular file", file.path)
			}
			file.size, file.mtime = info.Size(), info.ModTime().UnixNano()
			s.add(l, class, file)
		}
	}
	return nil
}

// add adds a picture of that class, or finds fault with it.
func (s published) add(l *listing, class int, file imageFile) {
	base := path.Base(file.rel)
	if !strings.EqualFold(path.Ext(base), s.ending) {
		l.faults.add(file.rel, fmt.Errorf("is no %s file", s.ending))
		return
	}
	if s.check != nil {
		if err := s.check(s.folders[class], base); err != nil {
			l.faults.add(file.rel, err)
			return
		}
	}
	file.class = s.info.ClassNames[class]
	l.files = append(l.files, file)
}

// shortfall compares the numbers of pictures with those that were published.
func (s published) shortfall(l *listing, where string) (*shortfall, error) {
	found := map[string]int{}
	for _, f := range l.files {
		found[f.class]++
	}
	short := &shortfall{noun: "images"}
	for class, name := range s.info.ClassNames {
		if found[name] > s.counts[class] {
			return nil, fmt.Errorf("%s has %d pictures in %s, %d belong there (some were added)", where, found[name], s.folders[class], s.counts[class])
		}
		if found[name] == 0 {
			return nil, fmt.Errorf("%s has no pictures in %s/%s, %d belong there", where, s.folder, s.folders[class], s.counts[class])
		}
		short.lacks(s.folders[class], found[name], s.counts[class])
	}
	return short, nil
}

// split sets the splits of the pictures: three fifths train, a fifth validates and a
// fifth tests. Their names alone decide.
func (s published) split(c *collection) error {
	slices.SortFunc(c.files, func(a, b imageFile) int { return cmp.Compare(a.rel, b.rel) })
	labels := make([]int32, len(c.files))
	for i, f := range c.files {
		labels[i] = int32(slices.Index(s.info.ClassNames, f.class))
	}
	if s.group == nil {
		fifth := len(labels) / 5
		order := stratify(labels, nil, saltTest)
		for _, i := range order[:fifth] {
			c.files[i].part = partTest
		}
		for _, i := range stratify(labels, order[fifth:], saltValidation)[:fifth] {
			c.files[i].part = partValidation
		}
		return nil
	}
	groups := make([]string, len(c.files))
	for i, f := range c.files {
		var err error
		if groups[i], err = s.group(path.Base(f.rel)); err != nil {
			return fmt.Errorf("%s: %w", f.rel, err)
		}
	}
	for i, p := range splitGroups(groups, labels, len(s.info.ClassNames)) {
		c.files[i].part = p
	}
	return nil
}
