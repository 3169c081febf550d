package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FolderOptions say how the pictures of a folder become a set. The zero value
// takes everything from the folder.
type FolderOptions struct {
	// Labels is a CSV file, relative to the folder, that names the pictures and
	// their classes. Without it each folder in the folder is a class.
	Labels string
	// File, Label and Split are columns of Labels; the defaults are "file",
	// "label" and "split". The column of splits may be absent.
	File, Label, Split string

	// Width and Height are what pictures are resized to, in pixels. The default
	// is the pictures' own size where they have one in common of at most 64 on
	// each side; else a square of the largest of 8, 12, 16, 24, 32, 48 and 64
	// that the shorter side of half of them reaches.
	Width, Height int
	// Channels is 3 for colour and 1 for grey. The default is grey where all
	// pictures are stored so.
	Channels int
	// Fit is "crop" (default), which keeps the middle of a picture of another
	// shape; "pad", which adds grey borders; or "stretch".
	Fit string
	// Flip says that a mirrored picture is still of its class, so that a recipe may
	// train on both.
	Flip bool

	// SkipBad leaves out what cannot be used, such as damaged pictures, and counts it in
	// [Ref.Notes]. The default is an error that names the first of them.
	SkipBad bool
}

// FromFolder returns the name of a set of one's own: the spec that stands for
// the pictures below path wherever the name of a data set does, such as
//
//	folder:/home/ann/leaves
//	folder:/home/ann/leaves?labels=labels.csv&size=48x32&grey=1
//
// The options of a spec are labels, file, label, split, size (of a square, or
// WIDTHxHEIGHT), grey (1 or 0), fit, flip=1 and skip=bad, as in [FolderOptions]. In a
// path the characters ? and % are written %3F and %25, in a value & and % are
// %26 and %25; ~/ is the home folder.
//
// # The folder
//
// Each folder in it is a class, with all pictures in it and in the folders below
// it: PNG, JPEG, GIF (the first frame), BMP, TIFF and WebP, by their content. Where
// the folders are splits, train with test, val or both, each holds a folder for
// each class. Hidden files and what systems leave behind, such as Thumbs.db, are
// ignored.
//
// A picture is turned as its camera says, put on white where it is transparent,
// cropped to the set's shape and resized with a Catmull-Rom filter. Files of the
// same content count once; it is an error where they are of two classes, or in
// two splits.
//
// Splits that are not given are drawn, stratified: a fifth of all for the test, and
// of the rest a tenth, but at least 200 as long as that is no more than a
// quarter, to validate. They depend on the pictures' content alone: moving or
// renaming files changes nothing.
//
// # The packed file
//
// Prepare decodes all pictures once into one file in the cache, which holds them
// as Load needs them. Two are decoded at a time, of at most 50 megapixels
// together. As long as size and time of the files are the same, they are not
// read again. Where the folder is gone, the packed file goes on serving.
func FromFolder(path string, o FolderOptions) (name string, err error) {
	f, err := newFolder(path, o)
	if err != nil {
		return "", fmt.Errorf("datasets: %s: %w", path, err)
	}
	if info, err := os.Stat(f.root); err != nil {
		return "", fmt.Errorf("datasets: the folder of pictures: %w", err)
	} else if !info.IsDir() {
		return "", fmt.Errorf("datasets: %s is a file, a folder of pictures is needed", f.root)
	}
	return f.name(), nil
}

const folderScheme = "folder"

// folder is a set of one's own.
type folder struct {
	root    string // absolute
	options FolderOptions
}

// sides are the bounds of a picture's sides as it is trained on.
const (
	leastSide = 4
	mostSide  = 512
)

func newFolder(path string, o FolderOptions) (folder, error) {
	if path == "" {
		return folder{}, errors.New("no folder is named: write folder:PATH")
	}
	root, err := absolute(path)
	if err != nil {
		return folder{}, err
	}
	o.Fit, o.File = cmp.Or(o.Fit, "crop"), cmp.Or(o.File, "file")
	o.Label, o.Split = cmp.Or(o.Label, "label"), cmp.Or(o.Split, "split")
	for side, v := range map[string]int{"width": o.Width, "height": o.Height} {
		if v != 0 && (v < leastSide || v > mostSide) {
			return folder{}, fmt.Errorf("size: a %s of %d is not between %d and %d pixels", side, v, leastSide, mostSide)
		}
	}
	if (o.Width == 0) != (o.Height == 0) {
		return folder{}, errors.New("size: width and height are given together")
	}
	if o.Channels != 0 && o.Channels != 1 && o.Channels != 3 {
		return folder{}, fmt.Errorf("channels: %d is neither 1 (grey) nor 3 (colour)", o.Channels)
	}
	if !slices.Contains(fits, o.Fit) {
		return folder{}, fmt.Errorf("fit: %q is none of %s", o.Fit, strings.Join(fits, ", "))
	}
	if o.Labels == "" && (o.File != "file" || o.Label != "label" || o.Split != "split") {
		return folder{}, errors.New("file, label and split name columns of a CSV file: name it with labels=FILE")
	}
	return folder{root, o}, nil
}

// parseFolder reads what follows the scheme in a spec.
func parseFolder(rest string) (folder, error) {
	var o FolderOptions
	path, err := parseOptions(rest, o.set)
	if err != nil {
		return folder{}, err
	}
	return newFolder(path, o)
}

// set is one option of a spec.
func (o *FolderOptions) set(key, value string) error {
	switch key {
	case "labels":
		o.Labels = value
	case "file":
		o.File = value
	case "label":
		o.Label = value
	case "split":
		o.Split = value
	case "fit":
		o.Fit = value
	case "size":
		width, height, ok := strings.Cut(value, "x")
		if !ok {
			height = width
		}
		w, errW := strconv.Atoi(width)
		h, errH := strconv.Atoi(height)
		if errW != nil || errH != nil || w < 1 || h < 1 {
			return fmt.Errorf("size: %q is neither a number of pixels such as 32 nor WIDTHxHEIGHT such as 48x32", value)
		}
		o.Width, o.Height = w, h
	case "grey", "gray":
		switch value {
		case "1":
			o.Channels = 1
		case "0":
			o.Channels = 3
		default:
			return fmt.Errorf("grey: %q is neither 1 nor 0", value)
		}
	case "flip":
		if value != "1" && value != "0" {
			return fmt.Errorf("flip: %q is neither 1 nor 0", value)
		}
		o.Flip = value == "1"
	case "skip":
		if value != "bad" {
			return fmt.Errorf("skip: %q is unknown: write skip=bad to leave out pictures that cannot be used", value)
		}
		o.SkipBad = true
	default:
		return fmt.Errorf("there is no option %q: choose among labels, file, label, split, size, grey, fit, flip and skip", key)
	}
	return nil
}

// name is the spec with the options in order and without those of their default.
func (f folder) name() string {
	o, text := f.options, optionText{}
	text.add("labels", o.Labels, "")
	text.add("file", o.File, "file")
	text.add("label", o.Label, "label")
	text.add("split", o.Split, "split")
	if o.Width > 0 && o.Width == o.Height {
		text.add("size", strconv.Itoa(o.Width), "")
	} else if o.Width > 0 {
		text.add("size", fmt.Sprintf("%dx%d", o.Width, o.Height), "")
	}
	text.add("grey", map[int]string{0: "", 1: "1", 3: "0"}[o.Channels], "")
	text.add("fit", o.Fit, "crop")
	if o.Flip {
		text.add("flip", "1", "")
	}
	if o.SkipBad {
		text.add("skip", "bad", "")
	}
	return folderScheme + ":" + escape(f.root, "%?") + text.String()
}

func (f folder) short() string {
	if base := filepath.Base(f.root); base != string(filepath.Separator) {
		return base
	}
	return "pictures"
}

// collection is the folder as it lies there.
func (f folder) collection() (*collection, error) {
	list, err := f.list()
	if err != nil {
		return nil, err
	}
	o := f.options
	return &collection{
		info: Info{
			Name: f.name(), Title: f.short(), Licence: "your own pictures", Task: ImageClassification, DType: Uint8,
			Augment: Augment{Flip: o.Flip},
		},
		listing: list,
		form:    form{width: o.Width, height: o.Height, channels: o.Channels, fit: o.Fit},
		skipBad: o.SkipBad,
		mend:    "mend or remove them, or add skip=bad to the name to go on without them",
	}, nil
}

func (f folder) describe() (Info, error) {
	c, err := f.collection()
	if err != nil {
		return Info{}, err
	}
	return c.describe()
}

// packed is where the packed file lies in a cache.
func (f folder) packed(cache string) string { return packOf(cache, f.name()) }

func (f folder) find(cache string) (string, bool) { return findPack(f.packed(cache)) }

func (f folder) prepare(p prep) (Ref, error) {
	path := f.packed(p.cache)
	unlock, err := p.lock(path)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	if _, err := os.Stat(f.root); errors.Is(err, fs.ErrNotExist) {
		ref, perr := refOf(path)
		if errors.Is(perr, fs.ErrNotExist) {
			return Ref{}, fmt.Errorf("the folder is not on this machine, nor is a packed file of it: %w", err)
		}
		ref.Notes = append(ref.Notes, fmt.Sprintf("the folder %s is gone; its packed file %s is used", f.root, path))
		return ref, perr
	}
	c, err := f.collection()
	if err != nil {
		return Ref{}, err
	}
	return c.pack(p, path)
}

func (f folder) load(ref Ref) (*Set, error) {
	set, err := loadPacked(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: pictures of one's own are not downloaded: bring the folder to this machine and prepare the set there", err)
	}
	return set, err
}
