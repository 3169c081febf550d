package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

var fashionInfo = Info{
	Name:       "fashion-mnist",
	Title:      "Fashion-MNIST",
	Licence:    "MIT, Zalando SE",
	Source:     "https://github.com/zalandoresearch/fashion-mnist",
	Task:       ImageClassification,
	DType:      Uint8,
	Shape:      []int{28, 28, 1},
	ClassNames: []string{"T-shirt or top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
	Train:      60000,
	Test:       10000,
	Validation: 6000,
	Mean:       []float32{0.2860},
	Std:        []float32{0.3530},
	Augment:    Augment{Flip: true, Crop: 2},
	Download:   26421880 + 29515 + 4422102 + 5148,
	Size:       26421880 + 29515 + 4422102 + 5148,
}

// fashion is the set as its publisher has it: four files, gzipped.
var fashion = idxSet{
	info:    fashionInfo,
	folders: []string{"fashion-mnist", filepath.Join("FashionMNIST", "raw"), filepath.Join("fashion-mnist", "data", "fashion")},
	system:  "/usr/share/datasets/fashion-mnist",
	files: [4]idxFile{
		fashionFile("train-images-idx3-ubyte", 60000, []int{28, 28}, 26421880,
			"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
		fashionFile("train-labels-idx1-ubyte", 60000, nil, 29515,
			"a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
		fashionFile("t10k-images-idx3-ubyte", 10000, []int{28, 28}, 4422102,
			"346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
		fashionFile("t10k-labels-idx1-ubyte", 10000, nil, 5148,
			"67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
	},
}

// fashionFile has the publisher's address, and that of the publisher's repository.
func fashionFile(name string, samples int, shape []int, size int64, sum, content string) idxFile {
	f := idxFile{name: name, samples: samples, shape: shape, content: content, archive: archive{
		url:    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/" + name + ".gz",
		also:   "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/" + name + ".gz",
		sha256: sum, size: size,
	}}
	if shape == nil {
		f.classes = len(fashionInfo.ClassNames)
	}
	return f
}

// idxSet is a set in the format of MNIST.
type idxSet struct {
	info    Info
	folders []string   // where it may lie under LEMONADE_DATA; the first is that of the cache
	system  string     // where a package of the system puts it
	files   [4]idxFile // images and labels of Train, then of the test split
}

func (s idxSet) describe() (Info, error) { return s.info, nil }

func (s idxSet) find(cache string) (string, bool) {
	if dir, err := s.own(); err == nil && dir != "" {
		return dir, true
	}
	if dir := filepath.Join(cache, s.folders[0]); s.any(dir) {
		return dir, true
	}
	return "", false
}

// any says whether one of the files is in a folder.
func (s idxSet) any(dir string) bool {
	return slices.ContainsFunc(s.files[:], func(f idxFile) bool { _, ok := f.path(dir); return ok })
}

// own returns the folder that the user or the system has brought, if any.
func (s idxSet) own() (string, error) {
	if data := os.Getenv(Env); data != "" {
		empty := ""
		for _, folder := range s.folders {
			dir := filepath.Join(data, folder)
			if s.any(dir) {
				return dir, nil
			}
			if _, err := os.Stat(dir); err == nil && empty == "" {
				empty = dir
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("looking under %s: %w", Env, err)
			}
		}
		if empty != "" {
			return "", fmt.Errorf("%s has none of the files", empty)
		}
	}
	if s.any(s.system) {
		return s.system, nil
	}
	return "", nil
}

func (s idxSet) names() []string {
	names := make([]string, len(s.files))
	for i, f := range s.files {
		names[i] = f.name + ".gz"
	}
	return names
}

// prepare finds the files, or downloads them, and checks every one.
func (s idxSet) prepare(p prep) (Ref, error) {
	dir, err := s.own()
	var ref Ref
	if err == nil && dir != "" {
		ref, err = s.verify(p, dir)
	}
	if err != nil {
		return Ref{}, fmt.Errorf("%w; put good copies of %s there, or unset %s to have them downloaded", err, strings.Join(s.names(), ", "), Env)
	}
	if dir != "" {
		return ref, nil
	}
	unlock, err := p.lock(filepath.Join(p.cache, s.info.Name))
	if err != nil {
		return Ref{}, err
	}
	defer unlock()
	dir = filepath.Join(p.cache, s.folders[0])
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := s.obtain(p, dir); err != nil {
			return Ref{}, fmt.Errorf("%w; try again, or put the four files in %s/ in a folder and set %s to that", err, s.folders[0], Env)
		}
	}
	return s.verifyCached(p, dir)
}

// verify checks all files of a folder.
func (s idxSet) verify(p prep, dir string) (Ref, error) {
	var samples [4]int
	sums := make([]string, len(s.files))
	var g errgroup.Group
	g.SetLimit(2)
	for i, f := range s.files {
		g.Go(func() (err error) {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			sums[i], err = f.read(dir, func(n int) { samples[i] = n }, func(int, []byte) {})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Ref{}, err
	}
	short, err := s.shortfall(dir, samples)
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Dir: dir, Fingerprint: contentOf(s.info.Name, sums), Info: s.info.scaled(samples[0], samples[2])}
	if ref.Notes, err = p.accept(short); err != nil {
		return Ref{}, fmt.Errorf("%s: %w", dir, err)
	}
	if differing := s.differing(sums); len(differing) > 0 {
		ref.Notes = append(ref.Notes, fmt.Sprintf("%s: not the official copy: the content of %s differs; results are not comparable with published ones",
			dir, strings.Join(differing, ", ")))
	}
	return ref, nil
}

// differing names the files whose content is another one than was published.
func (s idxSet) differing(sums []string) (names []string) {
	for i, f := range s.files {
		if sums[i] != f.content {
			names = append(names, f.name)
		}
	}
	return names
}

// shortfall compares the numbers of samples with one another, and with what was
// published.
func (s idxSet) shortfall(dir string, samples [4]int) (*shortfall, error) {
	short := &shortfall{noun: "images"}
	for i := 0; i < len(s.files); i += 2 {
		images, labels := s.files[i], s.files[i+1]
		if samples[i] != samples[i+1] {
			return nil, fmt.Errorf("%s has %d samples in %s and %d in %s: they belong to different copies", dir, samples[i], images.name, samples[i+1], labels.name)
		}
		short.lacks(images.name, samples[i], images.samples)
	}
	return short, nil
}

// verifyCached checks the folder in the cache, which must be the official copy.
func (s idxSet) verifyCached(p prep, dir string) (Ref, error) {
	p.whole = true
	ref, err := s.verify(p, dir)
	if err == nil && len(ref.Notes) > 0 {
		err = errors.New(ref.Notes[0])
	}
	if err != nil {
		return Ref{}, fmt.Errorf("%w; remove %s to have it downloaded again", err, dir)
	}
	return ref, nil
}

// obtain downloads the files into a folder beside dir, which it becomes once they are
// all there and right. What an interrupted call has left there is gone on from.
func (s idxSet) obtain(p prep, dir string) error {
	temp := dir + ".part"
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return err
	}
	for _, f := range s.files {
		to := filepath.Join(temp, f.name+".gz")
		if _, err := os.Stat(to); err == nil {
			continue
		}
		q := p
		q.cache = temp
		if p.url != "" {
			q.url = strings.TrimSuffix(p.url, "/") + "/" + f.name + ".gz"
		}
		file, err := f.archive.obtain(q)
		if err != nil {
			return err
		}
		if err := os.Rename(file, to); err != nil {
			return err
		}
	}
	if _, err := s.verifyCached(p, temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return os.Rename(temp, dir)
}

// load reads all files, two at a time.
func (s idxSet) load(ref Ref) (*Set, error) {
	set := &Set{}
	var samples [4]int
	sums := make([]string, len(s.files))
	size := s.files[0].size()
	var g errgroup.Group
	g.SetLimit(2)
	for i, f := range s.files {
		into := &set.Train
		if i >= 2 {
			into = &set.Test
		}
		g.Go(func() (err error) {
			images := i%2 == 0
			sums[i], err = f.read(ref.Dir, func(n int) {
				if samples[i] = n; images {
					into.Images = make([]byte, n*size)
				} else {
					into.Labels = make([]int32, n)
				}
			}, func(k int, sample []byte) {
				if images {
					copy(into.Images[k*size:], sample)
				} else {
					into.Labels[k] = int32(sample[0])
				}
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	switch short, err := s.shortfall(ref.Dir, samples); {
	case err != nil:
		return nil, err
	case short.partial() && ref.Fingerprint == "": // nobody accepted it
		return nil, fmt.Errorf("%s: %w", ref.Dir, prep{}.refuse(short))
	}
	set.Info, set.content = s.info.scaled(samples[0], samples[2]), contentOf(s.info.Name, sums)
	return set, nil
}
