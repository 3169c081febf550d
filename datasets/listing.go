package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// part is the split that a sample belongs to.
type part byte

const (
	partTrain      part = 0
	partValidation part = 1
	partTest       part = 2
)

// partNames are what people call the splits, in folders and in columns.
var partNames = map[string]part{
	"train": partTrain, "training": partTrain,
	"val": partValidation, "valid": partValidation, "validation": partValidation, "dev": partValidation,
	"test": partTest, "testing": partTest,
}

// imageFile is a file that should be a sample: a picture or a text.
type imageFile struct {
	path  string                        // to open it
	open  func() (io.ReadCloser, error) // in place of path, of one in an archive
	rel   string                        // in the set's folder, with slashes
	class string
	part  part
	size  int64
	mtime int64 // ns
}

// listing is what the names of files tell of a set.
type listing struct {
	files  []imageFile
	faults faults
	notes  []string
	tests  bool // a test split is given
	checks bool // a validation split is given
}

// classes returns the names of the classes: as numbers where all are, else by bytes.
func (l *listing) classes() []string {
	seen := map[string]bool{}
	for _, f := range l.files {
		seen[f.class] = true
	}
	names := make([]string, 0, len(seen))
	numbers := true
	for name := range seen {
		_, err := strconv.Atoi(name)
		names, numbers = append(names, name), numbers && err == nil
	}
	slices.SortFunc(names, func(a, b string) int {
		if numbers {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
	return names
}

// Limits of what is listed.
const (
	mostFiles = 2_000_000
	mostDepth = 32
)

// kind is what files of samples are called, by their endings.
type kind struct {
	noun       string
	readable   []string // endings of files that are samples
	unreadable []string // of those that people take for samples too, though they cannot be read
	convert    string   // what to do about the latter
}

var pictureFiles = kind{
	noun:       "picture",
	readable:   []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp"},
	unreadable: []string{".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".raw", ".dng", ".cr2", ".nef", ".arw", ".dcm"},
	convert:    "convert it to PNG or JPEG",
}

func hasSuffix(name string, suffixes []string) bool {
	return slices.Contains(suffixes, strings.ToLower(path.Ext(name)))
}

// ignored are files and folders that are no part of a set: hidden ones, and what
// systems leave behind.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"thumbs.db", "desktop.ini", "__macosx", "@eadir"}, strings.ToLower(name))
}

// list finds the pictures of the folder.
func (f folder) list() (*listing, error) {
	if f.options.Labels != "" {
		return f.listLabels()
	}
	list, loose, err := pictureFiles.list(f.root)
	if err == nil && len(list.files) == 0 {
		err = f.nothing(loose)
	}
	return list, err
}

// list finds the samples in the folders of classes below root, and those that lie in none.
func (k kind) list(root string) (l *listing, loose []string, err error) {
	dirs, loose, err := k.top(root)
	if err != nil {
		return nil, nil, err
	}
	l = &listing{}
	w := &walker{kind: k, list: l, other: map[string]int{}}
	split := slices.ContainsFunc(dirs, func(d string) bool { p, ok := partNames[strings.ToLower(d)]; return ok && p == partTrain }) &&
		!slices.ContainsFunc(dirs, func(d string) bool { _, ok := partNames[strings.ToLower(d)]; return !ok })
	for _, dir := range dirs {
		if !split {
			err = w.walk(filepath.Join(root, dir), dir, dir, partTrain, 0)
		} else {
			err = w.splitFolder(filepath.Join(root, dir), dir, partNames[strings.ToLower(dir)])
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for _, name := range loose {
		l.faults.add(name, errors.New("lies in no folder of a class"))
	}
	if classes := l.classes(); len(classes) == 1 {
		return nil, nil, fmt.Errorf("all %d %ss are of one class, %q: two or more folders of classes are needed%s", len(l.files), k.noun, classes[0], k.hint(root, dirs))
	}
	l.notes = append(l.notes, w.notes()...)
	return l, loose, nil
}

// top returns the names of the folders and of the samples that lie at the top.
func (k kind) top(root string) (dirs, loose []string, err error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if ignored(e.Name()) {
			continue
		}
		info, err := os.Stat(filepath.Join(root, e.Name())) // through a link
		switch {
		case err == nil && info.IsDir():
			dirs = append(dirs, e.Name())
		case err == nil && hasSuffix(e.Name(), k.readable):
			loose = append(loose, e.Name())
		}
	}
	return dirs, loose, nil
}

// nothing says what to do about a folder without pictures in folders of classes.
func (f folder) nothing(loose []string) error {
	if len(loose) > 0 {
		sheets, _ := filepath.Glob(filepath.Join(escapeGlob(f.root), "*.csv")) // the pattern is valid
		if len(sheets) > 0 {
			return fmt.Errorf("its %d pictures lie in no folders of classes: where %s says what each is, add ?labels=%[2]s to the name", len(loose), filepath.Base(sheets[0]))
		}
		return fmt.Errorf("its %d pictures lie in no folders of classes: make a folder for each class and move them there, or write a CSV file with the columns file and label and name it with ?labels=FILE", len(loose))
	}
	return fmt.Errorf("there are no pictures in folders of classes (of the kinds %s)", strings.Join(pictureFiles.readable, " "))
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// hint suggests the folder below where an archive has put one around the classes.
func (k kind) hint(root string, dirs []string) string {
	if len(dirs) != 1 {
		return ""
	}
	below := filepath.Join(root, dirs[0])
	if inner, _, err := k.top(below); err == nil && len(inner) > 1 {
		return fmt.Sprintf("; did you mean %s?", below)
	}
	return ""
}

// walker collects samples from folders.
type walker struct {
	kind
	list  *listing
	other map[string]int // files that are no samples by their name, by ending
}

// splitFolder collects a folder that holds the classes of one split.
func (w *walker) splitFolder(dir, rel string, p part) error {
	w.list.tests = w.list.tests || p == partTest
	w.list.checks = w.list.checks || p == partValidation
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if ignored(name) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name))
		switch {
		case err != nil:
			w.list.faults.add(path.Join(rel, name), err)
		case info.IsDir():
			if err := w.walk(filepath.Join(dir, name), path.Join(rel, name), name, p, 1); err != nil {
				return err
			}
		case hasSuffix(name, w.readable):
			w.list.faults.add(path.Join(rel, name), errors.New("lies in no folder of a class"))
		}
	}
	return nil
}

// walk collects all samples below dir.
func (w *walker) walk(dir, rel, class string, p part, depth int) error {
	if depth > mostDepth {
		return fmt.Errorf("%s: folders are nested more than %d deep (a link that leads back?)", rel, mostDepth)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if ignored(name) {
			continue
		}
		file := imageFile{path: filepath.Join(dir, name), rel: path.Join(rel, name), class: class, part: p}
		info, err := os.Stat(file.path)
		switch {
		case err != nil:
			w.list.faults.add(file.rel, err)
			continue
		case info.IsDir():
			if err := w.walk(file.path, file.rel, class, p, depth+1); err != nil {
				return err
			}
			continue
		case hasSuffix(name, w.unreadable):
			w.list.faults.add(file.rel, fmt.Errorf("the kind %s cannot be read: %s", path.Ext(name), w.convert))
			continue
		case !hasSuffix(name, w.readable):
			w.other[strings.ToLower(path.Ext(name))]++
			continue
		}
		file.size, file.mtime = info.Size(), info.ModTime().UnixNano()
		if w.list.files = append(w.list.files, file); len(w.list.files) > mostFiles {
			return fmt.Errorf("there are more than %d files", mostFiles)
		}
	}
	return nil
}

// notes count what was left out because of its name.
func (w *walker) notes() []string {
	if len(w.other) == 0 {
		return nil
	}
	n := 0
	var kinds []string
	for kind, count := range w.other {
		n += count
		kinds = append(kinds, cmp.Or(kind, "no ending"))
	}
	slices.Sort(kinds)
	if len(kinds) > 5 {
		kinds = append(kinds[:5], "…")
	}
	return []string{fmt.Sprintf("%d files that are no %ss by their names (%s) are left out", n, w.noun, strings.Join(kinds, ", "))}
}

// faults are files that cannot be used.
type faults struct {
	count int
	first string
}

func (f *faults) add(rel string, err error) {
	if f.count++; f.count == 1 {
		f.first = fmt.Sprintf("%s: %v", rel, bare(err))
	}
}

// bare leaves the path out of an error of a file that is named anyway.
func bare(err error) error {
	if perr := (*os.PathError)(nil); errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// text names the first file, and says how many more there are.
func (f faults) text() string {
	switch f.count {
	case 1:
		return f.first
	case 2:
		return f.first + " (and at least 1 more file cannot be used)"
	}
	return fmt.Sprintf("%s (and at least %d more files cannot be used)", f.first, f.count-1)
}
