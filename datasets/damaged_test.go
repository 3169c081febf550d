package datasets

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// harm does something to the files of a set.
type harm func(t *testing.T, dir string)

// change is the harm of another content.
func change(name string, to func(content []byte) []byte) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, name), to(content))
	}
}

func emptied(name string) harm { return change(name, func([]byte) []byte { return nil }) }

// shortened keeps so many bytes, or leaves so many out.
func shortened(name string, n int) harm {
	return change(name, func(c []byte) []byte {
		if n < 0 {
			return c[:len(c)+n]
		}
		return c[:n]
	})
}

// damaged changes a byte, from the end where at is less than 0.
func damaged(name string, at int, to byte) harm {
	return change(name, func(c []byte) []byte {
		if at < 0 {
			at += len(c)
		}
		c[at] = to
		return c
	})
}

func longer(name string) harm { return change(name, func(c []byte) []byte { return append(c, 0) }) }

func removed(names ...string) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, name := range names {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func moved(from, to string) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
}

func swapped(a, b string) harm { return together(moved(a, "x"), moved(b, a), moved("x", b)) }

func copiedOver(from, to string) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, to), content)
	}
}

func together(harms ...harm) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, h := range harms {
			h(t, dir)
		}
	}
}

// TestDamaged harms a copy under LEMONADE_DATA of every set, in every way in which it
// may be wrong. Each is a clear error, and nothing is used.
func TestDamaged(t *testing.T) {
	type cases map[string]struct {
		harm harm
		want []string // in the error
	}
	const partial = ": the rest is missing"
	for title, set := range map[string]struct {
		make  func(t *testing.T) (s source, dir string)
		mend  string // in every error
		cases cases
	}{
		"cifar10": {func(t *testing.T) (source, string) { return ownBatches(t, little(20)) }, "again, or unset LEMONADE_DATA", cases{
			"missing":     {removed("data_batch_4.bin"), []string{"100 of 120 images" + partial, "data_batch_4.bin is missing"}},
			"empty":       {emptied("test_batch.bin"), []string{"test_batch.bin is empty"}},
			"truncated":   {shortened("data_batch_2.bin", -1), []string{"data_batch_2.bin", "61459", "truncated"}},
			"partial":     {shortened("data_batch_2.bin", 3073*5), []string{"105 of 120 images" + partial, "data_batch_2.bin has 5 of 20"}},
			"too long":    {longer("data_batch_2.bin"), []string{"data_batch_2.bin", "61461", "another file"}},
			"label":       {damaged("data_batch_5.bin", 3073*7, 10), []string{"data_batch_5.bin", "record 7 has the label 10"}},
			"copied over": {copiedOver("test_batch.bin", "data_batch_3.bin"), []string{"test_batch.bin", "the same content as data_batch_3.bin"}},
			"a folder":    {together(removed("test_batch.bin"), moved("data_batch_1.bin", "y"), makeFolder("test_batch.bin"), moved("y", "data_batch_1.bin")), []string{"test_batch.bin is not a regular file"}},
		}},
		"cifar100": {func(t *testing.T) (source, string) {
			b := fewer(cifar100, 200)
			b.files[1].records = 50
			b.info.Test = 50
			return ownBatches(t, b)
		}, "again, or unset LEMONADE_DATA", cases{
			"missing":           {removed("train.bin"), []string{"train.bin is missing"}},
			"empty":             {emptied("test.bin"), []string{"test.bin is empty"}},
			"truncated":         {shortened("train.bin", -1), []string{"train.bin", "truncated"}},
			"partial":           {shortened("train.bin", 3074*150), []string{"200 of 250 images" + partial, "train.bin has 150 of 200"}},
			"too long":          {longer("test.bin"), []string{"test.bin", "another file"}},
			"label":             {damaged("train.bin", 3074*7+1, 100), []string{"train.bin", "record 7 has the label 100"}},
			"swapped":           {swapped("train.bin", "test.bin"), []string{"test.bin has 614800 bytes, 153700 belong there (another file"}},
			"files of CIFAR-10": {copyOf("train.bin", little(200).contents()["data_batch_1.bin"]), []string{"train.bin", "truncated"}},
		}},
		"fashion-mnist": {func(t *testing.T) (source, string) { return ownFashion(t, true) }, "put good copies of train-images-idx3-ubyte.gz", cases{
			"missing":           {removed("t10k-labels-idx1-ubyte.gz"), []string{"t10k-labels-idx1-ubyte.gz is missing"}},
			"all missing":       {removed(fashion.names()...), []string{"has none of the files"}},
			"empty":             {emptied("train-labels-idx1-ubyte.gz"), []string{"train-labels-idx1-ubyte.gz is empty"}},
			"truncated":         {shortened("train-images-idx3-ubyte.gz", -9), []string{"train-images-idx3-ubyte.gz", "truncated"}},
			"damaged":           {damaged("train-images-idx3-ubyte.gz", -6, 0xaa), []string{"train-images-idx3-ubyte.gz", "damaged"}},
			"not gzipped":       {copyOf("train-labels-idx1-ubyte.gz", []byte("labels of clothes")), []string{"train-labels-idx1-ubyte.gz: is not gzipped"}},
			"images for labels": {swapped("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"), []string{"begins with 00000", "images for labels"}},
			"splits swapped": {together(swapped("t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"), swapped("t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz")),
				[]string{"has 90 samples, 30 belong there", "the other split"}},
			"another copy": {copyOf("train-labels-idx1-ubyte.gz", zipped(idxOf(60, nil, 0))), []string{"has 90 samples in train-images-idx3-ubyte and 60 in train-labels-idx1-ubyte"}},
			"partial": {together(copyOf("train-labels-idx1-ubyte.gz", zipped(idxOf(60, nil, 0))), copyOf("train-images-idx3-ubyte.gz", zipped(idxOf(60, []int{28, 28}, 1)))),
				[]string{"90 of 120 images" + partial, "train-images-idx3-ubyte has 60 of 90"}},
		}},
		"fashion-mnist, unpacked": {func(t *testing.T) (source, string) { return ownFashion(t, false) }, "put good copies of train-images-idx3-ubyte.gz", cases{
			"truncated":       {shortened("train-images-idx3-ubyte", 5000), []string{"train-images-idx3-ubyte", "truncated"}},
			"without header":  {shortened("train-images-idx3-ubyte", 7), []string{"train-images-idx3-ubyte", "truncated"}},
			"too long":        {longer("t10k-images-idx3-ubyte"), []string{"t10k-images-idx3-ubyte", "goes on after 30 samples"}},
			"label":           {damaged("t10k-labels-idx1-ubyte", 8+3, 10), []string{"sample 3 has the label 10"}},
			"other sides":     {copyOf("train-images-idx3-ubyte", idxOf(90, []int{28, 27}, 1)), []string{"axis 2 is 27 long, 28 belong there"}},
			"no samples":      {copyOf("train-labels-idx1-ubyte", idxOf(0, nil, 1)), []string{"has 0 samples, 90 belong there"}},
			"numbers of four": {damaged("train-labels-idx1-ubyte", 2, 0x0c), []string{"begins with 00000c01"}},
		}},
		"imagenet16-120": {ownImageNet, "fetch the published files again from https://image-net.org", cases{
			"missing":           {removed("train_data_batch_2"), []string{"train_data_batch_2 is missing"}},
			"empty":             {emptied("val_data"), []string{"val_data is empty"}},
			"truncated":         {shortened("train_data_batch_3", -5), []string{"train_data_batch_3", "truncated"}},
			"cut in the middle": {shortened("train_data_batch_1", 50_000), []string{"train_data_batch_1", "truncated"}},
			"damaged":           {damaged("val_data", 2, 'X'), []string{"val_data", "truncated"}},
			"not a pickle":      {copyOf("val_data", []byte("nothing")), []string{"val_data is no pickle"}},
			"splits swapped":    {swapped("val_data", "train_data_batch_1"), []string{"val_data has 130 images of the labels 1 to 120, 120 belong there"}},
			"copied over":       {copiedOver("train_data_batch_1", "train_data_batch_2"), []string{"train_data_batch_2", "the same content as train_data_batch_1"}},
			"partial":           {copyOf("train_data_batch_2", imageNetBatch(100, 9)), []string{"480 of 510 images" + partial, "training split has 360 of 390"}},
			"too many":          {copyOf("train_data_batch_2", imageNetBatch(140, 9)), []string{"has 400 training images", "390 belong there"}},
			"none is kept":      {copyOf("train_data_batch_2", python2([]int{999}, make([]byte, 768))), []string{"train_data_batch_2 has no image of the labels"}},
			"images of 8×8":     {copyOf("train_data_batch_2", python2([]int{1, 2}, make([]byte, 2*192))), []string{"train_data_batch_2", "images of 192 bytes"}},
		}},
		"eurosat": {func(t *testing.T) (source, string) {
			s := littleEuroSAT(t, false)
			return s, filepath.Join(os.Getenv(Env), s.folder)
		}, "put a good copy of EuroSAT.zip there", cases{
			"a class is missing": {removed("River"), []string{"has no folder River"}},
			"a class is empty":   {together(removed("River"), makeFolder("River")), []string{"has no pictures in 2750/River, 15 belong there"}},
			"empty":              {emptied("Forest/Forest_3.jpg"), []string{"Forest_3.jpg: is empty"}},
			"truncated":          {shortened("Forest/Forest_3.jpg", 690), []string{"Forest_3.jpg: is damaged"}},
			"without header":     {shortened("Forest/Forest_3.jpg", 9), []string{"Forest_3.jpg: ", "truncated"}},
			"damaged":            {damaged("Forest/Forest_3.jpg", 1, 0), []string{"Forest_3.jpg: is no picture"}},
			"no picture":         {copyOf("Forest/Forest_3.jpg", []byte("a forest")), []string{"Forest_3.jpg: is no picture"}},
			"swapped":            {swapped("Forest", "River"), []string{"Forest/River_1.jpg", "moved from another folder", "more files"}},
			"moved":              {moved("Forest/Forest_3.jpg", "River/Forest_3.jpg"), []string{"River/Forest_3.jpg", "moved from another folder"}},
			"partial":            {removed("Forest/Forest_3.jpg", "River/River_1.jpg"), []string{"168 of 170 images" + partial, "Forest has 19 of 20, River has 14 of 15"}},
			"added":              {copiedOver("Forest/Forest_3.jpg", "Forest/Forest_99.jpg"), []string{"has 21 pictures in Forest, 20 belong there"}},
			"another kind":       {moved("Forest/Forest_3.jpg", "Forest/Forest_3.txt"), []string{"Forest_3.txt: is no .jpg file"}},
		}},
		"malaria": {func(t *testing.T) (source, string) {
			s := littleMalaria(t, false)
			dir := filepath.Join(os.Getenv(Env), s.folder)
			names, err := filepath.Glob(filepath.Join(dir, "*", "*_cell_5.png"))
			if err != nil || len(names) != 2 {
				t.Fatal(names, err)
			}
			moved(strings.TrimPrefix(names[0], dir), "Parasitized/C5_cell_5.png")(t, dir)
			moved(strings.TrimPrefix(names[1], dir), "Uninfected/C10_cell_5.png")(t, dir)
			return s, dir
		}, "put a good copy of cell_images.zip there", cases{
			"a class is missing": {removed("Uninfected"), []string{"has no folder Uninfected"}},
			"empty":              {emptied("Parasitized/C5_cell_5.png"), []string{"C5_cell_5.png: is empty"}},
			"truncated":          {shortened("Parasitized/C5_cell_5.png", -40), []string{"C5_cell_5.png: is damaged"}},
			"damaged":            {damaged("Parasitized/C5_cell_5.png", -20, 0x55), []string{"C5_cell_5.png: is damaged"}},
			"no picture":         {copyOf("Parasitized/C5_cell_5.png", []byte("a cell")), []string{"C5_cell_5.png: is no picture"}},
			"moved":              {moved("Parasitized/C5_cell_5.png", "Uninfected/C5_cell_5.png"), []string{"has 61 pictures in Uninfected, 60 belong there"}},
			"no slide":           {moved("Parasitized/C5_cell_5.png", "Parasitized/cell_5.png"), []string{"cell_5.png: does not begin with the number of its slide"}},
			"partial":            {removed("Parasitized/C5_cell_5.png"), []string{"119 of 120 images" + partial, "Parasitized has 59 of 60"}},
		}},
	} {
		for name, c := range set.cases {
			t.Run(title+"/"+name, func(t *testing.T) {
				s, dir := set.make(t)
				c.harm(t, dir)
				p := testPrep(t)
				_, err := s.prepare(p)
				for _, want := range append(c.want, set.mend) {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v does not say %q", err, want)
					}
				}
				if strings.Contains(c.want[0], partial) {
					accepted(t, s, p)
					return
				}
				info, _ := s.describe()
				if dir, ok := s.find(p.cache); ok && strings.HasPrefix(dir, p.cache) {
					t.Errorf("%s was made all the same", dir)
				}
				left, _ := filepath.Glob(filepath.Join(p.cache, "packed", info.Name+"*"))
				if left = slices.DeleteFunc(left, func(f string) bool { return strings.HasSuffix(f, ".lock") }); len(left) > 0 {
					t.Errorf("%q were left behind", left)
				}
				if _, err := s.load(Ref{Dir: dir}); err == nil && name != "copied over" {
					t.Error("but it can be loaded")
				}
			})
		}
	}
}

// accepted holds that a partial copy can be used where that is wished, says so, and is
// not taken for the whole.
func accepted(t *testing.T, s source, p prep) {
	t.Helper()
	info, err := s.describe()
	if err != nil {
		t.Fatal(err)
	}
	p.partial = true
	ref, err := s.prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(ref.Notes) == 0 || !strings.HasPrefix(ref.Notes[0], "partial: ") || ref.Info.Published != info.Train+info.Test || ref.Info.Partial() == "" {
		t.Errorf("neither the notes nor the info say that it is partial: %q, %+v", ref.Notes, ref.Info)
	}
	set, err := s.load(ref)
	if err != nil {
		t.Fatal(err)
	}
	set.divide()
	i := set.Info
	if i.Train+i.Test >= info.Train+info.Test || set.Train.Len() != i.Train || set.Test.Len() != i.Test || len(set.Validate()) != i.Validation {
		t.Errorf("%d and %d samples, of which %d validate, are described as %d, %d and %d", set.Train.Len(), set.Test.Len(), len(set.Validate()), i.Train, i.Test, i.Validation)
	}
	if set.content != ref.Fingerprint {
		t.Errorf("the fingerprint is %s, and %s when it is loaded", ref.Fingerprint, set.content)
	}
	p.partial = false
	if _, err := s.prepare(p); err == nil {
		t.Error("once accepted it is taken for the whole")
	}
	t.Setenv(Env, t.TempDir())
	if _, ok := findPack(packOf(p.cache, info.Name)); ok {
		if _, err := s.prepare(p); err == nil || !strings.Contains(err.Error(), "partial copy") {
			t.Errorf("its packed file is taken for the whole: %v", err)
		}
	}
}

func makeFolder(name string) harm {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func copyOf(name string, content []byte) harm {
	return change(name, func([]byte) []byte { return content })
}

// ownBatches puts the files of b under LEMONADE_DATA.
func ownBatches(t *testing.T, b batches) (source, string) {
	t.Helper()
	data := t.TempDir()
	t.Setenv(Env, data)
	dir := filepath.Join(data, b.folder)
	put(t, dir, b.contents())
	return b, dir
}

// idxOf is an IDX file.
func idxOf(samples int, shape []int, seed int) []byte {
	out := []byte{0, 0, 8, byte(1 + len(shape))}
	size := samples
	for _, n := range append([]int{samples}, shape...) {
		out = binary.BigEndian.AppendUint32(out, uint32(n))
	}
	for _, n := range shape {
		size *= n
	}
	for i := range size {
		if shape == nil {
			out = append(out, byte((i+seed)%10))
		} else {
			out = append(out, byte(mix(uint64(i+seed), 5)))
		}
	}
	return out
}

func zipped(raw []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(raw)
	z.Close()
	return b.Bytes()
}

// littleFashion is Fashion-MNIST in the published layout, but with few samples.
func littleFashion() (idxSet, map[string][]byte) {
	s := fashion
	s.system = ""
	s.info.Train, s.info.Test, s.info.Validation = 90, 30, 9
	files := map[string][]byte{}
	for i := range s.files {
		f := &s.files[i]
		f.samples = []int{90, 90, 30, 30}[i]
		files[f.name] = idxOf(f.samples, f.shape, i)
	}
	return s, files
}

// ownFashion puts the files under LEMONADE_DATA.
func ownFashion(t *testing.T, packed bool) (source, string) {
	t.Helper()
	s, files := littleFashion()
	data := t.TempDir()
	t.Setenv(Env, data)
	dir := filepath.Join(data, s.folders[1])
	for name, raw := range files {
		if packed {
			name, raw = name+".gz", zipped(raw)
		}
		save(t, filepath.Join(dir, name), raw)
	}
	return s, dir
}

// imageNetBatch has so many images of the labels 1 to 120, and as many others.
func imageNetBatch(kept, seed int) []byte {
	labels, data := make([]int, 2*kept), make([]byte, 2*kept*768)
	for i := range labels {
		labels[i] = i/2%120 + 1 + i%2*500
	}
	for i := range data {
		data[i] = byte(mix(uint64(i+seed*100), 5))
	}
	return python2(labels, data)
}

// ownImageNet puts the batches under LEMONADE_DATA.
func ownImageNet(t *testing.T) (source, string) {
	t.Helper()
	d := littleImageNet()
	d.info.Train = 3*130 + 60
	data := t.TempDir()
	t.Setenv(Env, data)
	dir := filepath.Join(data, d.folder)
	for i, f := range d.files() {
		kept := 130
		if f == d.held {
			kept = 120
		}
		save(t, filepath.Join(dir, f.name), imageNetBatch(kept, i))
	}
	return d, dir
}

// TestWhole holds that the copies which TestDamaged harms are fine before.
func TestWhole(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) (source, string){
		"cifar10":                 func(t *testing.T) (source, string) { return ownBatches(t, little(20)) },
		"cifar100":                func(t *testing.T) (source, string) { return ownBatches(t, fewer(cifar100, 200)) },
		"fashion-mnist":           func(t *testing.T) (source, string) { return ownFashion(t, true) },
		"fashion-mnist, unpacked": func(t *testing.T) (source, string) { return ownFashion(t, false) },
		"imagenet16-120":          ownImageNet,
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := make(t)
			ref, err := s.prepare(testPrep(t))
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(ref.Notes); !strings.Contains(text, "official copy") {
				t.Errorf("the notes %s do not say that the copy is not the official one", text)
			}
			if set, err := s.load(ref); err != nil || set.content != ref.Fingerprint {
				t.Errorf("%v, %+v", err, ref)
			}
			if name != "imagenet16-120" {
				if _, err := s.load(Ref{Dir: dir}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
