package datasets

import (
	"crypto/md5" //nolint:gosec // published sums, for a note only
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nlpodyssey/gopickle/types"
)

// imageNet16Info has the classes in the order of the downsampled images' labels, which
// is that of ImageNet's own numbers and not that of its synsets. Mean and Std are the
// published ones; those of the samples that are here come from Prepare.
var imageNet16Info = Info{
	Name:    "imagenet16-120",
	Title:   "ImageNet16-120",
	Licence: "ImageNet's terms of access: for research and education that are not commercial, and not to be passed on",
	Source:  "https://image-net.org/download-images",
	Task:    ImageClassification,
	DType:   Uint8,
	Shape:   []int{16, 16, 3},
	ClassNames: []string{
		"kit fox", "English setter", "Siberian husky", "Australian terrier", "English springer", "grey whale", "lesser panda", "Egyptian cat",
		"ibex", "Persian cat", "cougar", "gazelle", "porcupine", "sea lion", "malamute", "badger",
		"Great Dane", "Walker hound", "Welsh springer spaniel", "whippet", "Scottish deerhound", "killer whale", "mink", "African elephant",
		"Weimaraner", "soft-coated wheaten terrier", "Dandie Dinmont", "red wolf", "Old English sheepdog", "jaguar", "otterhound", "bloodhound",
		"Airedale", "hyena", "meerkat", "giant schnauzer", "titi", "three-toed sloth", "sorrel", "black-footed ferret",
		"dalmatian", "black-and-tan coonhound", "papillon", "skunk", "Staffordshire bullterrier", "Mexican hairless", "Bouvier des Flandres", "weasel",
		"miniature poodle", "Cardigan", "malinois", "bighorn", "fox squirrel", "colobus", "tiger cat", "Lhasa",
		"impala", "coyote", "Yorkshire terrier", "Newfoundland", "brown bear", "red fox", "Norwegian elkhound", "Rottweiler",
		"hartebeest", "Saluki", "grey fox", "schipperke", "Pekinese", "Brabancon griffon", "West Highland white terrier", "Sealyham terrier",
		"guenon", "mongoose", "indri", "tiger", "Irish wolfhound", "wild boar", "EntleBucher", "zebra",
		"ram", "French bulldog", "orangutan", "basenji", "leopard", "Bernese mountain dog", "Maltese dog", "Norfolk terrier",
		"toy terrier", "vizsla", "cairn", "squirrel monkey", "groenendael", "clumber", "Siamese cat", "chimpanzee",
		"komondor", "Afghan hound", "Japanese spaniel", "proboscis monkey", "guinea pig", "white wolf", "ice bear", "gorilla",
		"borzoi", "toy poodle", "Kerry blue terrier", "ox", "Scotch terrier", "Tibetan mastiff", "spider monkey", "Doberman",
		"Boston bull", "Greater Swiss Mountain dog", "Appenzeller", "Shih-Tzu", "Irish water spaniel", "Pomeranian", "Bedlington terrier", "warthog",
	},
	Train:      151700 + 3000,
	Test:       3000,
	Validation: 3000,
	Mean:       []float32{122.68 / 255, 116.66 / 255, 104.01 / 255},
	Std:        []float32{63.22 / 255, 61.26 / 255, 65.09 / 255},
	Augment:    Augment{Flip: true, Crop: 2},
	Size:       157700 * (16*16*3 + 5),
}

// imageNet16 are the downsampled images of Chrabaszcz, Loshchilov and Hutter (2017), of
// which the set has the first 120 classes, as NAS-Bench-201 does.
var imageNet16 = downsampled{
	info:   imageNet16Info,
	folder: "ImageNet16",
	train: []batch{
		{name: "train_data_batch_1", md5: "27846dcaa50de8e21a7d1a35f30f0e91"},
		{name: "train_data_batch_2", md5: "c7254a054e0e795c69120a5727050e3f"},
		{name: "train_data_batch_3", md5: "4333d3df2e5ffb114b05d2ffc19b1e87"},
		{name: "train_data_batch_4", md5: "1620cdf193304f4a92677b695d70d10f"},
		{name: "train_data_batch_5", md5: "348b3c2fdbb3940c4e9e834affd3b18d"},
		{name: "train_data_batch_6", md5: "6e765307c242a1b3d7d5ef9139b48945"},
		{name: "train_data_batch_7", md5: "564926d8cbf8fc4818ba23d2faac7564"},
		{name: "train_data_batch_8", md5: "f4755871f718ccb653440b9dd0ebac66"},
		{name: "train_data_batch_9", md5: "bb6dd660c38c58552125b1a92f86b5d4"},
		{name: "train_data_batch_10", md5: "8f03f34ac4b42271a294f91bf480f29b"},
	},
	held:    batch{name: "val_data", md5: "3410e3017fdaefba8d5073aaa65e4bd6"},
	divided: nasBench201ImageNet,
}

// downsampled is a set of pickled batches of which the first classes are kept. It is
// packed once, so that nobody reads the others again.
type downsampled struct {
	info    Info
	folder  string
	train   []batch
	held    batch // the published validation images, of which half are the test split
	divided *benchmark
}

func (d downsampled) describe() (Info, error) { return d.info, nil }

// with knows the set's own splits by their name.
func (d downsampled) with(query string) (spec, error) {
	return d, d.divided.option(query)
}

func (d downsampled) name() string { return d.info.Name }

func (d downsampled) short() string { return d.info.Name }

func (d downsampled) find(cache string) (string, bool) { return findPackOf(d, cache, d.info.Name) }

func (d downsampled) load(ref Ref) (*Set, error) { return loadPacked(ref) }

// own returns the folder under LEMONADE_DATA, if there is one.
func (d downsampled) own() (string, error) {
	return broughtFolder(d.folder, fmt.Sprintf(", with %s to %s and %s", d.train[0].name, d.train[len(d.train)-1].name, d.held.name))
}

// prepare packs the classes that are kept, where that is not done yet.
func (d downsampled) prepare(p prep) (Ref, error) {
	path := packOf(p.cache, d.info.Name)
	unlock, err := p.lock(path)
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	dir, err := d.own()
	if err != nil {
		return Ref{}, err
	}
	if dir == "" {
		ref, err := p.kept(path)
		if errors.Is(err, fs.ErrNotExist) {
			return Ref{}, fmt.Errorf("it is not on this machine, and has no address to download it from: log in at %s, fetch the downsampled images of 16×16 for training and validation, "+
				"unpack %s to %s and %s into a folder %s, and set %s to the folder that it is in", d.info.Source, d.train[0].name, d.train[len(d.train)-1].name, d.held.name, d.folder, Env)
		}
		return ref, err
	}
	began, sheet := time.Now(), path+".files"
	known := readLooks(sheet)
	if made, ok := d.made(p, dir, known); ok {
		if ref, err := refMade(path, made); err == nil {
			return ref, nil
		}
	}
	if err := d.pack(p, dir, path, known); err != nil {
		return Ref{}, fmt.Errorf("%w; fetch the published files again from %s, where a login is needed", err, d.info.Source)
	}
	ref, err := refOf(path)
	return ref, errors.Join(err, writeLooks(sheet, known, began))
}

// files are all batches, the one that is held out last.
func (d downsampled) files() []batch { return append(d.train[:len(d.train):len(d.train)], d.held) }

// made is the digest of all that decides on the samples, where the files are those
// that were looked at before.
func (d downsampled) made(p prep, dir string, known map[string]look) (string, bool) {
	sum := sha256.New()
	fmt.Fprintln(sum, packVersion, splitVersion, d.info.Shape, d.info.ClassNames, d.info.Augment, p.partial)
	for _, f := range d.files() {
		was, seen := known[f.name]
		info, err := os.Stat(filepath.Join(dir, f.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			was = look{}
		case err != nil || !seen || was.Size != info.Size() || was.Time != info.ModTime().UnixNano():
			return "", false
		}
		fmt.Fprintln(sum, f.name, was.Sum)
	}
	return hex.EncodeToString(sum.Sum(nil)), true
}

// pack reads all batches, one at a time, into a new packed file.
func (d downsampled) pack(p prep, dir, path string, known map[string]look) error {
	w, err := newPackWriter(path + ".part")
	if err != nil {
		return err
	}
	defer w.abort() // of what was not moved
	var labels []int32
	var parts []part
	var differing []string
	var train moments = make([][2]uint64, d.info.Shape[2])
	clear(known)
	twins := map[string]string{}
	held := 0
	var done, total int64
	for _, f := range d.files() {
		if info, err := os.Stat(filepath.Join(dir, f.name)); err == nil {
			total += info.Size()
		}
	}
	for i, f := range d.files() {
		p.tell(done, total, "reading "+f.name)
		in := partTrain
		before := len(labels)
		l, err := d.read(p, filepath.Join(dir, f.name), func(label int32, pixels []byte) error {
			if i == len(d.train) {
				if in = partTest; held < d.info.Validation+d.info.Test && d.divided.validates(held) {
					in = partValidation
				}
				held++
			}
			if in != partTest {
				train.add(momentsOf(pixels, d.info.Shape[2]))
			}
			labels, parts = append(labels, label), append(parts, in)
			return w.write(pixels)
		})
		if errors.Is(err, fs.ErrNotExist) && i < len(d.train) {
			if err = p.refuse(err); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if len(labels) == before {
			return fmt.Errorf("%s has no image of the labels 1 to %d", filepath.Join(dir, f.name), len(d.info.ClassNames))
		}
		if twin, ok := twins[l.Sum]; ok {
			return fmt.Errorf("%s in %s has the same content as %s (one was copied over the other)", f.name, dir, twin)
		}
		twins[l.Sum], known[f.name], done = f.name, l, done+l.Size
		if l.Other != f.md5 {
			differing = append(differing, f.name)
		}
	}
	info, notes, err := d.count(p, dir, len(labels)-held, held)
	if err != nil {
		return err
	}
	if len(differing) > 0 {
		notes = append(notes, fmt.Sprintf("%s: not the official copy: the MD5 of %s differs; results are not comparable with published ones", dir, few(differing)))
	}
	info.Mean, info.Std = train.normal(info.Train * info.Shape[0] * info.Shape[1])
	info.Size = int64(len(labels)) * int64(info.geometry().size()+5)
	made, _ := d.made(p, dir, known)
	if err := w.finish(labels, parts, packHeader{Made: made, Info: info, Checks: true, Notes: notes}); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// count holds the numbers of images against those that were published.
func (d downsampled) count(p prep, dir string, train, held int) (Info, []string, error) {
	wantTrain, wantHeld := d.info.Available(), d.info.Validation+d.info.Test
	if held != wantHeld {
		return Info{}, nil, fmt.Errorf("%s has %d images of the labels 1 to %d, %d belong there, which the published split counts", filepath.Join(dir, d.held.name), held, len(d.info.ClassNames), wantHeld)
	}
	if train > wantTrain {
		return Info{}, nil, fmt.Errorf("%s has %d training images of the labels 1 to %d, %d belong there (other files)", dir, train, len(d.info.ClassNames), wantTrain)
	}
	short := &shortfall{noun: "images"}
	short.lacks("the training split", train, wantTrain)
	short.lacks(d.held.name, held, wantHeld)
	notes, err := p.accept(short)
	if err != nil {
		return Info{}, nil, fmt.Errorf("%s: %w", dir, err)
	}
	info := d.info
	info.Train, info.Published = train+info.Validation, short.published()
	return info, notes, nil
}

// read reads one batch and hands the images of the classes that are kept to each, in
// NHWC order. The slice is valid during the call only.
func (d downsampled) read(p prep, path string, each func(label int32, pixels []byte) error) (look, error) {
	if err := p.ctx.Err(); err != nil {
		return look{}, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return look{}, fmt.Errorf("%s is missing: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return look{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return look{}, err
	}
	sum, other := sha256.New(), md5.New()
	err = d.readPickle(file, info, io.MultiWriter(sum, other), each)
	if err != nil {
		return look{}, fmt.Errorf("%s %w", path, err)
	}
	return look{Size: info.Size(), Time: info.ModTime().UnixNano(), Sum: hex.EncodeToString(sum.Sum(nil)), Other: hex.EncodeToString(other.Sum(nil))}, nil
}

func (d downsampled) readPickle(file io.ReadSeeker, info fs.FileInfo, to io.Writer, each func(label int32, pixels []byte) error) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	case info.Size() == 0:
		return errors.New("is empty")
	}
	if err := scanPickle(io.TeeReader(file, to), info.Size()); err != nil {
		return unzipped(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	value, err := unpickle(file, info.Size())
	if err != nil {
		return unzipped(err)
	}
	return d.keep(value, each)
}

// keep hands on the images of the classes that are kept.
func (d downsampled) keep(value any, each func(label int32, pixels []byte) error) error {
	dict, ok := value.(*types.Dict)
	if !ok {
		return errors.New("holds no dictionary: another file")
	}
	var data *numpyArray
	var labels *types.List
	for _, e := range *dict {
		switch keyOf(e.Key) {
		case "data":
			data, _ = e.Value.(*numpyArray)
		case "labels":
			labels, _ = e.Value.(*types.List)
		}
	}
	if data == nil || labels == nil {
		return errors.New("holds no array \"data\" beside a list \"labels\": another file")
	}
	rows, columns, err := data.matrix()
	if err != nil {
		return fmt.Errorf("has images that cannot be read: it %w", err)
	}
	g := d.info.geometry()
	if columns != g.size() {
		return fmt.Errorf("has images of %d bytes, %d belong there, %d×%d in three colours (images of another size)", columns, g.size(), g.width, g.height)
	}
	if rows != labels.Len() {
		return fmt.Errorf("has %d images and %d labels", rows, labels.Len())
	}
	pixels := make([]byte, columns)
	for i := range rows {
		label, ok := labels.Get(i).(int)
		if !ok {
			return fmt.Errorf("has a %T as the label of image %d, labels are whole numbers", labels.Get(i), i)
		}
		if label < 1 || label > 1000 {
			return fmt.Errorf("has the label %d for image %d, labels are 1 to 1000", label, i)
		}
		if label > g.classes {
			continue
		}
		g.interleave(data.raw[i*columns:], pixels)
		if err := each(int32(label-1), pixels); err != nil {
			return err
		}
	}
	return nil
}

// keyOf is a key as a text; files that were converted may have bytes in its place.
func keyOf(key any) string {
	if raw, ok := key.([]byte); ok {
		return string(raw)
	}
	text, _ := key.(string)
	return text
}
