// Package datasets holds the data sets that Lemonade trains on, each brought
// into one form: images as bytes in NHWC order (image, row, column, channel),
// texts as the ids of their words, labels as integers, and splits that never change.
//
//	ref, err := datasets.Prepare(ctx, "cifar10", datasets.Options{Cache: dir})
//	set, err := datasets.Load(ref)
//	fit, validation := set.Fit(5000), set.Validate() // indices into set.Train
//
// # Where the files come from
//
// Digits is embedded in the program. The others are looked for under the folder
// that the environment variable LEMONADE_DATA names, as the official archives
// unpack there, then in the cache, and are otherwise downloaded from their
// official addresses:
//
//	cifar10          cifar-10-batches-bin/data_batch_1.bin … test_batch.bin     162 MiB
//	cifar100         cifar-100-binary/train.bin, test.bin                       161 MiB
//	imagenet16-120   ImageNet16/train_data_batch_1 … 10, val_data               needs a login
//	eurosat          2750/AnnualCrop/AnnualCrop_1.jpg …, or EuroSAT.zip         90 MiB
//	malaria          cell_images/Parasitized/*.png …, or cell_images.zip        337 MiB
//	fashion-mnist    fashion-mnist/ or FashionMNIST/raw/, with four files       29 MiB
//	                 train-images-idx3-ubyte …, gzipped or not
//	imdb             aclImdb/train/neg/*.txt …                                  80 MiB
//
// Fashion-MNIST is found as well where Debian's dataset-fashion-mnist puts it. Files
// under LEMONADE_DATA may be a converted copy: the right sizes and labels are
// enough, and another checksum than the official one is only noted in
// [Ref.Notes]. A download must have the official checksum.
//
// ImageNet16-120, EuroSAT and Malaria are packed into one file in the cache (122 MB,
// 332 MB and 1.4 GB). Of ImageNet16, the classes 1 to 120 are kept, a file at a
// time. Pictures are read from where they lie, a zip included; cells are stretched to
// 128×128.
//
// IMDb's reviews are looked for as $LEMONADE_DATA/aclImdb/, with the folders train and
// test, pos and neg; else their archive is downloaded (80 MiB) and read as it is. They
// are packed into one file in the cache (26 MB), as ids of words.
//
// A copy under LEMONADE_DATA that has fewer samples than were published is refused,
// unless [Options.Partial] asks for it; [Info.Published] and [Info.Partial] then mark it.
//
// Pictures of one's own are a set by a spec in place of a name, as in
// folder:/home/ann/leaves?size=32; see [FromFolder]. They are decoded once into
// one packed file in the cache. Texts of one's own are
// text:/home/ann/reviews.csv?text=review&label=sentiment; see [FromText].
//
// # Splits
//
// Train is what a search may see, Test is for a final. Where the publisher
// names a test split, that is it; Digits has none, so 360 of its images are set
// aside, and of EuroSAT and Malaria a fifth tests and a fifth validates. The cells of
// one slide of Malaria are in one split, so that no network is tested on a patient
// whom it knows; whole slides come near a fifth.
//
// In place of what is drawn here, cifar10?split=nasbench201 and
// cifar100?split=nasbench201 are split as NAS-Bench-201 does it (Dong and Yang,
// 2020): half of CIFAR-10's training images validate, and half of CIFAR-100's test
// images. ImageNet16-120 is always split so: of its 6,000 validation images half
// validate and half test. The indices mean the published order.
//
// [Set.Validate] is a tenth of Train unless the set brings a validation
// split of its own, and [Set.Fit] draws from the rest. All of them are stratified (each class has its share) and depend
// on nothing but the labels and the version of the splits: not on a study's
// seed, nor on the number of samples. The order within a class comes from a
// hash of the image's index, and the classes are then merged in proportion, so
// every prefix is stratified and a smaller Fit is contained in a larger one.
//
// # Memory
//
// A loaded set takes Train+Test times height × width × channels bytes, and 4
// more for each label: 0.1 MB for Digits, 184 MB for CIFAR, 121 MB for
// ImageNet16-120, 332 MB for EuroSAT, 1.35 GB for Malaria and 55 MB for
// Fashion-MNIST. Loading needs about 20 MB more than that. Packing holds a few pictures
// at a time: it took 85 MB in all for EuroSAT and 121 MB for Malaria. Of ImageNet16, a
// file of 98 MB is in memory at a time: 320 MB in all, and 670 MB where it was pickled with
// protocol 2. TestFull measures this. A
// training keeps no more than it needs, see [LoadFor]: with all of Malaria its process took
// 1.6 GB on two cores, and 1.1 GB with 1,000 samples and those that validate. Of texts it is
// Train+Test times tokens times 4: 51 MB for IMDb; packing 50,000 reviews takes about
// 125 MB in all and 5 seconds.
package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
)

// Task is what a set is for.
type Task string

// The tasks.
const (
	ImageClassification Task = "image classification" // tells pictures apart
	TextClassification  Task = "text classification"  // tells texts apart, by their tokens
)

// DType is the type of a sample's values.
type DType string

// The types of values.
const (
	Uint8 DType = "uint8" // pixels
	Int32 DType = "int32" // ids of tokens
)

// Info describes a data set. Its slices are shared: do not change them.
type Info struct {
	Name       string   `json:"name"`  // as in [Lookup]
	Title      string   `json:"title"` // in words; never a path
	Licence    string   `json:"licence,omitempty"`
	Source     string   `json:"source,omitempty"` // address of the publisher's page
	Task       Task     `json:"task"`
	DType      DType    `json:"dtype"`
	Shape      []int    `json:"shape"`                // of one image: height, width, channels; of a text: tokens
	Vocabulary int      `json:"vocabulary,omitempty"` // token ids of a text: 0 is padding, 1 an unknown word
	ClassNames []string `json:"class_names"`          // by label
	Train      int      `json:"train"`                // samples to fit and validate on
	Test       int      `json:"test"`                 // samples for a final
	Validation int      `json:"validation"`           // samples of Train that validate; the rest is what can be fitted on

	// Mean and Std are each channel's mean and standard deviation over Train,
	// of pixels divided by 255. They are nil where only [Prepare] can measure them.
	Mean []float32 `json:"mean,omitempty"`
	Std  []float32 `json:"std,omitempty"`

	Augment Augment `json:"augment"`

	// Published is how many samples the publisher has, where this copy has fewer and was
	// taken all the same; else 0. See [Info.Partial].
	Published int `json:"published,omitempty"`

	Download int64 `json:"download,omitempty"` // bytes; 0 where nothing is downloaded
	Size     int64 `json:"size,omitempty"`     // bytes of its files on disk; 0 where it is embedded
}

// Augment says which changes of a sample leave it in its class. A recipe chooses
// among them.
type Augment struct {
	Flip bool `json:"flip,omitempty"` // mirroring, left for right
	Crop int  `json:"crop,omitempty"` // pixels of padding before a random crop; 0 is none
	Turn bool `json:"turn,omitempty"` // turning by 90, 180 and 270 degrees, where no side is up
}

// thousands writes a number with commas.
func thousands(n int) string { return humanize.Comma(int64(n)) }

// Available returns how many samples can be fitted on: Train without Validation.
func (i Info) Available() int { return i.Train - i.Validation }

// source is how a set is found and read. Prepare and Load complete what its
// methods leave out of their results.
type source interface {
	// describe returns the set as it is published or, of a folder, as it lies there.
	describe() (Info, error)
	// find returns the Ref.Dir of a set that was prepared or brought before.
	find(cache string) (dir string, ok bool)
	// prepare fills Dir, Fingerprint and Notes, and Info where it differs from describe's.
	prepare(prep) (Ref, error)
	// load fills Train, Test and content, Info where it differs from describe's,
	// and validation where the set has such a split of its own.
	load(Ref) (*Set, error)
}

// sets are those that have a name, in the order in which they are shown.
var sets = []source{
	digits{},
	cifar10,
	cifar100,
	imageNet16,
	euroSAT,
	malaria,
	fashion,
	imdb{},
}

// schemes read the specs that stand in place of a name: SCHEME:REST.
var schemes = map[string]func(rest string) (spec, error){
	folderScheme: func(rest string) (spec, error) { return parseFolder(rest) },
	textScheme:   func(rest string) (spec, error) { return parseText(rest) },
}

// spec is a set that its name describes.
type spec interface {
	source
	name() string  // in the one form that a study keeps
	short() string // for people
}

// optional is a set with a name that takes options: NAME?KEY=VALUE.
type optional interface {
	source
	with(query string) (spec, error)
}

// Names returns the names of all sets that have one.
func Names() []string {
	var names []string
	for _, s := range sets {
		info, _ := s.describe() // of a set with a name it is known
		names = append(names, info.Name)
	}
	return names
}

// Lookup returns the description of the set of that name or spec. Of texts of one's own it
// reads all but the words; of a folder
// it reads the names of the files and the pictures' headers: damaged or repeated
// pictures are found by [Prepare] alone, whose [Ref.Info] counts without them.
// The error of an unknown name lists those that there are.
func Lookup(name string) (Info, error) {
	s, clean, err := lookup(name)
	if err != nil {
		return Info{}, err
	}
	info, err := s.describe()
	if err != nil {
		return Info{}, fmt.Errorf("datasets: %s: %w", clean, err)
	}
	return info, nil
}

// Clean returns a name as it is, and a spec in the form that means the same
// everywhere on this machine: its path absolute, its options in order.
func Clean(name string) (string, error) {
	_, clean, err := lookup(name)
	return clean, err
}

// Short returns a name as it is, and of a spec a word for people, such as the
// name of the folder without the way to it.
func Short(name string) string {
	if s, ok, err := parseSpec(name); ok && err == nil {
		return s.short()
	}
	if s, _, err := lookup(name); err == nil {
		if s, ok := s.(spec); ok {
			return s.short()
		}
	}
	return name
}

// Find says where a set lies, without checking its files or downloading any:
// "embedded", or what [Prepare] would return as [Ref.Dir]. Where Prepare has yet to make
// that, of files that are here, ok is false; where they are not, there is no place either.
func Find(name, cache string) (where string, ok bool) {
	s, _, err := lookup(name)
	if err != nil {
		return "", false
	}
	return s.find(cache)
}

// findFolder is find for a set whose archive unpacks to a folder of that name.
func findFolder(folder, cache string) (dir string, ok bool) {
	for _, parent := range []string{os.Getenv(Env), cache} {
		dir := filepath.Join(parent, folder)
		if info, err := os.Stat(dir); parent != "" && err == nil && info.IsDir() {
			return dir, true
		}
	}
	return "", false
}

// lookup returns the set and its name in the form of [Clean].
func lookup(name string) (s source, clean string, err error) {
	if s, ok, err := parseSpec(name); ok {
		if err != nil {
			return nil, "", fmt.Errorf("datasets: %s: %w", name, err)
		}
		return s, s.name(), nil
	}
	base, query, asked := strings.Cut(name, "?")
	for _, s := range sets {
		info, err := s.describe()
		if err != nil || info.Name != base {
			continue
		}
		if !asked {
			return s, name, nil
		}
		if s, ok := s.(optional); ok {
			with, err := s.with(query)
			if err != nil {
				return nil, "", fmt.Errorf("datasets: %s: %w", name, err)
			}
			return with, with.name(), nil
		}
		return nil, "", fmt.Errorf("datasets: %s takes no options", base)
	}
	return nil, "", fmt.Errorf("datasets: there is no set %q; choose one of %s, folder:PATH for pictures of your own, or text:PATH for texts", name, strings.Join(Names(), ", "))
}

// parseSpec reads a spec; ok says whether name begins as one.
func parseSpec(name string) (s spec, ok bool, err error) {
	scheme, rest, _ := strings.Cut(name, ":")
	parse, ok := schemes[scheme]
	if !ok {
		return nil, false, nil
	}
	s, err = parse(rest)
	return s, true, err
}
