// Package datasets holds the data sets that Lemonade trains on, each brought
// into one form: images as bytes in NHWC order (image, row, column, channel),
// labels as integers, and splits that never change.
//
//	ref, err := datasets.Prepare(ctx, "cifar10", datasets.Options{Cache: dir})
//	set, err := datasets.Load(ref)
//	fit, validation := set.Fit(5000), set.Validate() // indices into set.Train
//
// # Where the files come from
//
// Digits is embedded in the program. CIFAR-10 is looked for under the folder
// that the environment variable LEMONADE_DATA names, as the official archive
// unpacks there ($LEMONADE_DATA/cifar-10-batches-bin/data_batch_1.bin …), then
// in the cache, and is otherwise downloaded from its official address (162 MiB;
// 176 MiB on disk). Files under LEMONADE_DATA may be a converted copy: the
// right sizes and labels are enough, and another checksum than the official one
// is only noted in [Ref.Notes]. A download must have the official checksum.
//
// # Splits
//
// Train is what a search may see, Test is for a final. Where the publisher
// names a test split, that is it; Digits has none, so 360 of its images are set
// aside. [Set.Validate] is a tenth of Train, and [Set.Fit] draws from the other
// nine tenths. All of them are stratified (each class has its share) and depend
// on nothing but the labels and the version of the splits: not on a study's
// seed, nor on the number of samples. The order within a class comes from a
// hash of the image's index, and the classes are then merged in proportion, so
// every prefix is stratified and a smaller Fit is contained in a larger one.
//
// # Memory
//
// A loaded set takes Train+Test times height × width × channels bytes, and 4
// more for each label: 0.1 MB for Digits, 184 MB for CIFAR-10. Loading CIFAR-10
// needs no more than that and takes about half a second on two cores.
package datasets

import (
	"fmt"
	"strings"
)

// Info describes a data set. Its slices are shared: do not change them.
type Info struct {
	Name       string // as in [Lookup]
	Title      string
	Licence    string
	Source     string   // address of the publisher's page
	Shape      []int    // of one image: height, width, channels
	ClassNames []string // by label
	Train      int      // samples to fit and validate on
	Test       int      // samples for a final
	Validation int      // samples of Train that validate; the rest is what can be fitted on

	// Mean and Std are each channel's mean and standard deviation over Train,
	// of pixels divided by 255.
	Mean, Std []float32

	Flip bool // whether a mirrored image is still of its class
	Crop int  // pixels of padding before a random crop that suit the set; 0 is none
}

// Available returns how many samples can be fitted on: Train without Validation.
func (i Info) Available() int { return i.Train - i.Validation }

// source is how a set is found and read.
type source struct {
	info    Info
	folder  string // that its archive unpacks to; empty for an embedded set
	prepare func(prep) (Ref, error)
	load    func(Ref) (*Set, error) // fills Train and Test, and content with the digest of what it read
}

// sources lists every set, in the order in which they are shown.
var sources = []source{
	{digitsInfo, "", prepareDigits, loadDigits},
	{cifar10Info, cifar10.folder, cifar10.prepare, cifar10.load},
}

// Names returns the names of all sets.
func Names() []string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.info.Name
	}
	return names
}

// Lookup returns the description of the set of that name. The error of an
// unknown name lists those that there are.
func Lookup(name string) (Info, error) {
	s, err := lookup(name)
	return s.info, err
}

func lookup(name string) (source, error) {
	for _, s := range sources {
		if s.info.Name == name {
			return s, nil
		}
	}
	return source{}, fmt.Errorf("datasets: there is no set %q; choose one of %s", name, strings.Join(Names(), ", "))
}
