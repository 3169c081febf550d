package datasets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// drawing is a picture that is like no other: its pixels follow from its number.
func drawing(width, height, number int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			v := mix(uint64(number*1000003+y*width+x), 7)
			m.SetNRGBA(x, y, color.NRGBA{byte(v), byte(v >> 8), byte(v >> 16), 255})
		}
	}
	return m
}

func encoded(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// drawings makes as many pictures in each folder as are asked for.
func drawings(t testing.TB, width, height int, folders map[string]int) string {
	t.Helper()
	root, number := t.TempDir(), 0
	for folder, n := range folders {
		for i := range n {
			save(t, filepath.Join(root, folder, fmt.Sprintf("%03d.png", i)), encoded(t, drawing(width, height, number)))
			number++
		}
	}
	return root
}

func folderOf(t testing.TB, path string, o FolderOptions) string {
	t.Helper()
	name, err := FromFolder(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func prepare(t testing.TB, name, cache string) (Ref, error) {
	t.Helper()
	return Prepare(context.Background(), name, Options{Cache: cache})
}

func TestFolderSpec(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"folder:/a/b/":                          "folder:/a/b",
		"folder:x":                              "folder:" + here + "/x",
		"folder:~/x":                            "folder:" + home + "/x",
		"folder:/a%3F%25b?grey=1&size=32":       "folder:/a%3F%25b?size=32&grey=1",
		"folder:/a?size=32x48&fit=pad&skip=bad": "folder:/a?size=32x48&fit=pad&skip=bad",
		"folder:/a?fit=crop&label=label&labels=l%26.cs": "folder:/a?labels=l%26.cs",
		"folder:/a?gray=0&flip=1&flip":                  "flip is given twice",
		"folder:/a?flip":                                "flip has no value",
		"folder:":                                       "no folder is named",
		"folder:/a?size=0":                              "size: \"0\" is neither",
		"folder:/a?size=3":                              "is not between 4 and 512",
		"folder:/a?size=32x":                            "size: \"32x\" is neither",
		"folder:/a?colour=1":                            "there is no option \"colour\"",
		"folder:/a?grey=yes":                            "grey: \"yes\" is neither",
		"folder:/a?skip=all":                            "skip: \"all\" is unknown",
		"folder:/a?fit=zoom":                            "fit: \"zoom\" is none of crop, pad, stretch",
		"folder:/a?label=class":                         "name it with labels=FILE",
		"folder:/100%":                                  "a % itself is written %25",
		"folder:/a%zz":                                  "a % itself is written %25",
	} {
		got, err := Clean(spec)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", spec, err, want)
			}
			continue
		}
		if again, err := Clean(got); got != want || again != got || err != nil {
			t.Errorf("%s: %s, then %s, %v; want %s", spec, got, again, err, want)
		}
	}
	for name, want := range map[string]string{"digits": "digits", "folder:/home/ann/leaves?size=32": "leaves", "folder:/": "pictures", "folder:": "folder:", "x:y": "x:y"} {
		if got := Short(name); got != want {
			t.Errorf("%s is %q in short, want %q", name, got, want)
		}
	}
	if _, err := FromFolder("folder_test.go", FolderOptions{}); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file is taken for a folder: %v", err)
	}
	if _, err := FromFolder("/nowhere", FolderOptions{Width: 3, Height: 3}); err == nil || !strings.Contains(err.Error(), "size:") {
		t.Errorf("a size of 3 is accepted: %v", err)
	}
}

// TestFolderLayouts holds what becomes of the ways in which people keep pictures.
func TestFolderLayouts(t *testing.T) {
	type counts struct {
		Classes                 []string
		Train, Validation, Test int
		Notes                   []string
	}
	for name, test := range map[string]struct {
		folders map[string]int
		more    map[string]string
		options FolderOptions
		want    counts
	}{
		"classes": {
			folders: map[string]int{"dog": 20, "cat/old": 12, "cat/new/er": 8, ".hidden": 3, "__MACOSX": 2, "dog/@eaDir": 1},
			more:    map[string]string{"cat/Thumbs.db": "x", "notes.txt": "x", "dog/notes.txt": "x", "dog/.DS_Store": "x", "dog/README": "x"},
			want:    counts{[]string{"cat", "dog"}, 32, 8, 8, []string{"2 files that are no pictures by their names (.txt, no ending) are left out"}},
		},
		"numbers":        {folders: map[string]int{"10": 10, "9": 10, "0": 10}, want: counts{[]string{"0", "9", "10"}, 24, 6, 6, nil}},
		"many":           {folders: map[string]int{"a": 600, "b": 600}, want: counts{[]string{"a", "b"}, 960, 200, 240, nil}},
		"train and test": {folders: map[string]int{"train/a": 20, "train/b": 20, "test/a": 3, "test/b": 4}, want: counts{[]string{"a", "b"}, 40, 10, 7, nil}},
		"train and val":  {folders: map[string]int{"Train/a": 20, "Train/b": 20, "val/a": 3, "val/b": 4}, want: counts{[]string{"a", "b"}, 39, 7, 8, nil}},
		"all three":      {folders: map[string]int{"train/a": 9, "train/b": 9, "valid/a": 3, "valid/b": 4, "test/a": 1}, want: counts{[]string{"a", "b"}, 25, 7, 1, []string{"the test split has no picture of b"}}},
		"class train":    {folders: map[string]int{"train": 20, "bus": 20}, want: counts{[]string{"bus", "train"}, 32, 8, 8, nil}},
		"labels": {
			folders: map[string]int{"x": 30}, options: FolderOptions{Labels: "l.csv"},
			more: map[string]string{"l.csv": rows("file,label\n", 0, 30, func(i int) string { return fmt.Sprintf("x/%03d.png,%c\n", i, 'a'+i%2) })},
			want: counts{[]string{"a", "b"}, 24, 6, 6, nil},
		},
		"labels as they come": {
			folders: map[string]int{"x": 30}, options: FolderOptions{Labels: "sub/l.csv"},
			more: map[string]string{"sub/l.csv": "\ufeff" + rows("", 0, 30, func(i int) string {
				return fmt.Sprintf(`x\%03d;"%c";%s`+"\r\n", i, 'a'+i%2, []string{"train", "TEST", "", "valid", "train"}[i%5])
			})},
			want: counts{[]string{"a", "b"}, 24, 6, 6, nil},
		},
		"other columns": {
			folders: map[string]int{"x": 24}, options: FolderOptions{Labels: "l.csv", File: "ID", Label: "kind", Split: "fold"},
			more: map[string]string{"l.csv": rows("kind\tnoise\tid\n", 0, 24, func(i int) string { return fmt.Sprintf("%c\t1\tx/%03d.png\n", 'a'+i%2, i) })},
			want: counts{[]string{"a", "b"}, 20, 5, 4, nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := drawings(t, 8, 8, test.folders)
			for name, content := range test.more {
				save(t, filepath.Join(root, name), []byte(content))
			}
			spec := folderOf(t, root, test.options)
			looked, err := Lookup(spec)
			if err != nil {
				t.Fatal(err)
			}
			ref, set := open(t, spec)
			i := set.Info
			got := counts{i.ClassNames, i.Train, i.Validation, i.Test, ref.Notes}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			looked.Mean, looked.Std, looked.Size = i.Mean, i.Std, i.Size
			if diff := cmp.Diff(i, looked); diff != "" {
				t.Errorf("Lookup says otherwise:\n%s", diff)
			}
			checkSet(t, set, !strings.Contains(name, "val") && name != "all three" && name != "labels as they come")
		})
	}
}

// rows are lines of a file, after a head.
func rows(head string, from, to int, line func(i int) string) string {
	for i := from; i < to; i++ {
		head += line(i)
	}
	return head
}

// TestFolderFaults holds what is said of folders that cannot be used, and that
// skip=bad goes on where that makes sense.
func TestFolderFaults(t *testing.T) {
	ok := map[string]int{"a": 20, "b": 20}
	bomb := encoded(t, drawing(2, 2, 0))
	binary.BigEndian.PutUint32(bomb[16:], 60_000)
	binary.BigEndian.PutUint32(bomb[29:], crc(bomb[12:29]))
	whole := encoded(t, drawing(8, 8, 5000))
	twin := encoded(t, drawing(8, 8, 6000))
	for name, test := range map[string]struct {
		folders map[string]int
		more    map[string][]byte
		labels  string
		want    string
		skip    string // the note of skip=bad; "" where it does not help
	}{
		"empty folder": {nil, nil, "", "there are no pictures in folders of classes", ""},
		"no classes":   {map[string]int{".": 12}, nil, "", "12 pictures lie in no folders of classes: make a folder for each", ""},
		"csv there":    {map[string]int{".": 12}, map[string][]byte{"my.csv": nil}, "", "add ?labels=my.csv", ""},
		"one class":    {map[string]int{"a": 12}, nil, "", `all 12 pictures are of one class, "a"`, ""},
		"wrapped":      {map[string]int{"all/a": 12, "all/b": 12}, nil, "", "did you mean ROOT/all?", ""},
		"few":          {map[string]int{"a": 12, "b": 9, "c": 3}, nil, "", `too few pictures (10 are the least): class "b" with 9, "c" with 3`, ""},
		"only tested":  {map[string]int{"train/a": 12, "test/a": 3, "test/b": 10}, nil, "", `no picture to train on: class "b" with 0`, ""},
		"loose":        {ok, map[string][]byte{"x.png": whole}, "", "x.png: lies in no folder of a class; mend", "files left out because they cannot be used: 1; the first: x.png: lies in no folder of a class"},
		"empty":        {ok, map[string][]byte{"a/x.png": nil, "b/x.png": nil, "b/y.png": nil}, "", "a/x.png: is empty (and at least 2 more files cannot be used); mend or remove them", "cannot be used: 3;"},
		"text":         {ok, map[string][]byte{"a/x.png": []byte("no picture")}, "", "a/x.png: is no picture of a kind that can be read", "cannot be used: 1;"},
		"head cut":     {ok, map[string][]byte{"a/x.png": whole[:20]}, "", "a/x.png: ends in the middle of the picture (truncated)", "cannot be used: 1;"},
		"cut":          {ok, map[string][]byte{"a/x.png": whole[:len(whole)-30], "b/x.png": whole[:80]}, "", "(and at least 1 more file cannot be used)", "cannot be used: 2;"},
		"damaged":      {ok, map[string][]byte{"a/x.png": slices.Replace(slices.Clone(whole), 60, 61, whole[60]^1)}, "", "a/x.png: is damaged: png: invalid format", "cannot be used: 1;"},
		"bomb":         {ok, map[string][]byte{"a/x.png": bomb}, "", "a/x.png: has 60000×2 pixels, 50 million in all and 20000 on a side are the most", "cannot be used: 1;"},
		"heic":         {ok, map[string][]byte{"a/x.HEIC": whole}, "", "a/x.HEIC: the kind .HEIC cannot be read: convert it to PNG or JPEG", "cannot be used: 1;"},
		"moving":       {ok, map[string][]byte{"a/x.webp": readTestdata(t, "animated.webp")}, "", "a/x.webp: is an animated WebP", "cannot be used: 1;"},
		"two classes":  {ok, map[string][]byte{"a/x.png": twin, "b/y.png": twin}, "", "has the same content as a/x.png, but another class (b and a)", "cannot be used: 2;"},
		"leak": {map[string]int{"train/a": 12, "train/b": 12, "test/a": 3, "test/b": 3}, map[string][]byte{"train/a/x.png": twin, "test/a/y.png": twin}, "",
			"train/a/x.png: has the same content as test/a/y.png of another split", "cannot be used: 1;"},
		"no labels file": {ok, nil, "l.csv", "labels: there is no file ROOT/l.csv", ""},
		"empty labels":   {ok, map[string][]byte{"l.csv": nil}, "l.csv", "labels: l.csv is empty", ""},
		"no column":      {ok, map[string][]byte{"l.csv": []byte("name,kind\na/000.png,x\n")}, "l.csv", `has no column "file": its first line is ["name" "kind"]; say which`, ""},
		"outside":        {ok, map[string][]byte{"l.csv": []byte("file,label\n../x.png,x\n/etc/passwd,y\n")}, "l.csv", "line 2: ../x.png: lies outside the folder", ""},
		"not UTF-8":      {ok, map[string][]byte{"l.csv": []byte("file,label\na/000.png,\xe4\n")}, "l.csv", "line 2 is not UTF-8", ""},
		"bad lines": {ok, map[string][]byte{"l.csv": []byte(rows("file,label,split\n", 0, 20, func(i int) string { return fmt.Sprintf("a/%03d.png,x,\nb/%03[1]d.png,y,\n", i) }) +
			"a/000.png,y,\na/999.png,x,\na/001.png,,\na/002.png,x,tset\n")}, "l.csv", "l.csv line 42: a/000.png: line 2 says otherwise: x  (and at least 3 more files cannot be used)", "cannot be used: 4;"},
	} {
		t.Run(name, func(t *testing.T) {
			root := drawings(t, 8, 8, test.folders)
			for name, content := range test.more {
				save(t, filepath.Join(root, name), content)
			}
			cache := t.TempDir()
			o := FolderOptions{Labels: test.labels}
			_, err := prepare(t, folderOf(t, root, o), cache)
			if want := strings.ReplaceAll(test.want, "ROOT", root); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "packed", "*.pa??")); len(left) > 0 {
				t.Errorf("it leaves %v", left)
			}
			o.SkipBad = true
			ref, err := prepare(t, folderOf(t, root, o), cache)
			if test.skip == "" {
				if err == nil {
					t.Error("skip=bad goes on")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(ref.Notes, "\n"); !strings.Contains(notes, test.skip) {
				t.Errorf("skip=bad notes %q, want %q", notes, test.skip)
			}
			set, err := Load(ref)
			if err != nil {
				t.Fatal(err)
			}
			checkSet(t, set, true)
		})
	}
}

// crc is that of a PNG's chunk.
func crc(chunk []byte) uint32 {
	c := ^uint32(0)
	for _, b := range chunk {
		c ^= uint32(b)
		for range 8 {
			c = c>>1 ^ 0xedb88320*(c&1)
		}
	}
	return ^c
}

// TestFolderCopies holds that copies count once, so that none is in two splits.
func TestFolderCopies(t *testing.T) {
	root := drawings(t, 8, 8, map[string]int{"a": 20, "b": 20})
	for i := range 15 {
		save(t, filepath.Join(root, "a", fmt.Sprintf("copy %d.png", i)), encoded(t, drawing(8, 8, 999)))
	}
	ref, set := open(t, folderOf(t, root, FolderOptions{}))
	if want := []string{"14 pictures are exact copies of others and are used once"}; !slices.Equal(ref.Notes, want) || set.Info.Train+set.Info.Test != 41 {
		t.Errorf("%d pictures, notes %q", set.Info.Train+set.Info.Test, ref.Notes)
	}
}

// TestFolderContentDecides holds that names, places and times of files change
// nothing, that their content does, and that files are read again only when they
// must be.
func TestFolderContentDecides(t *testing.T) {
	root := drawings(t, 8, 8, map[string]int{"a": 20, "b": 20})
	cache := t.TempDir()
	read := func(name string) (ref Ref, read, packed int64) {
		t.Helper()
		var tally [2]atomic.Int64
		ref, err := Prepare(t.Context(), name, Options{Cache: cache, Progress: func(done, _ int64, what string) {
			tally[strings.Count(what, "packing")].Store(done)
		}})
		if err != nil {
			t.Fatal(err)
		}
		return ref, tally[0].Load(), tally[1].Load()
	}
	old := time.Now().Add(-time.Hour)
	age := func(root string) {
		paths, err := filepath.Glob(filepath.Join(root, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	age(root)
	name := folderOf(t, root, FolderOptions{})
	first, r, p := read(name)
	if r == 0 || p != r {
		t.Errorf("first %d bytes are read and %d packed", r, p)
	}
	again, r, p := read(name)
	if r != 0 || p != 0 || !cmp.Equal(first, again) {
		t.Errorf("unchanged, %d bytes are read and %d packed, and it is %v, not %v", r, p, again, first)
	}
	path := filepath.Join(root, "a", "000.png")
	if err := os.Chtimes(path, old, old.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "b", "003.png"), filepath.Join(root, "b", "zzz.png")); err != nil {
		t.Fatal(err)
	}
	again, r, p = read(name)
	if size := int64(len(encoded(t, drawing(8, 8, 0)))); r == 0 || r > 3*size || p != 0 || again.Fingerprint != first.Fingerprint {
		t.Errorf("touched and renamed, %d bytes are read and %d packed, and it is %v, not %v", r, p, again, first)
	}
	// Another folder of the same pictures has other names, but the same samples.
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	moved, _, _ := read(folderOf(t, other, FolderOptions{}))
	if moved.Fingerprint != first.Fingerprint || moved.Dir == first.Dir {
		t.Errorf("a copy of the folder is %v, not %v", moved, first)
	}
	one, err := Load(first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Load(moved)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(one.Train, two.Train) || !slices.Equal(one.Fit(0), two.Fit(0)) {
		t.Error("a copy of the folder has other samples")
	}
	save(t, path, encoded(t, drawing(8, 8, 12345)))
	changed, _, p := read(name)
	if p == 0 || changed.Fingerprint == first.Fingerprint {
		t.Errorf("changed, %d bytes are packed and it is still %v", p, changed.Fingerprint)
	}
	if _, err := Load(first); err == nil || !strings.Contains(err.Error(), "changed in between") {
		t.Errorf("the changed folder is loaded as what it was: %v", err)
	}
	for _, o := range []FolderOptions{{Width: 16, Height: 16}, {Channels: 1}, {Flip: true}} {
		if same, _, _ := read(folderOf(t, root, o)); same.Fingerprint == changed.Fingerprint {
			t.Errorf("%+v has the fingerprint of the default", o)
		}
	}
}

// TestFolderGone holds that the packed file serves without the folder, and that
// where neither is there the error says so.
func TestFolderGone(t *testing.T) {
	root, cache := drawings(t, 8, 8, map[string]int{"a": 20, "b": 20}), t.TempDir()
	name := folderOf(t, root, FolderOptions{})
	if _, ok := Find(name, cache); ok {
		t.Error("found before it was prepared")
	}
	ref, err := prepare(t, name, cache)
	if err != nil {
		t.Fatal(err)
	}
	if where, ok := Find(name, cache); !ok || where != ref.Dir {
		t.Errorf("found %q, want %q", where, ref.Dir)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	gone, err := prepare(t, name, cache)
	if err != nil || gone.Fingerprint != ref.Fingerprint || len(gone.Notes) != 1 || !strings.Contains(gone.Notes[0], "is gone; its packed file") {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := Lookup(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is described: %v", err)
	}
	if err := os.Remove(ref.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(t, name, cache); err == nil || !strings.Contains(err.Error(), "is not on this machine, nor is a packed file of it") {
		t.Errorf("without both: %v", err)
	}
	if _, err := Load(ref); err == nil || !strings.Contains(err.Error(), "bring the folder to this machine") {
		t.Errorf("without both: %v", err)
	}
	if _, err := Load(Ref{Name: name}); err == nil || !strings.Contains(err.Error(), "prepare the set first") {
		t.Errorf("without a packed file's name: %v", err)
	}
}

// TestPackedDamage holds that no damaged packed file is loaded, and that Prepare
// makes it anew.
func TestPackedDamage(t *testing.T) {
	root, cache := drawings(t, 8, 8, map[string]int{"a": 20, "b": 20}), t.TempDir()
	name := folderOf(t, root, FolderOptions{})
	ref, err := prepare(t, name, cache)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(ref.Dir)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := slices.Clone(whole)
		b[at] ^= 1
		return b
	}
	body := len(packMagic) + 40*8*8*3
	for what, content := range map[string][]byte{
		"empty": nil, "short": whole[:30], "cut": whole[:len(whole)-1], "half": whole[:len(whole)/2],
		"magic": flip(0), "pixel": flip(100), "label": flip(body), "part": flip(body + 4*40), "header": flip(len(whole) - 100),
		"sum": flip(len(whole) - 10), "length": flip(len(whole) - 4), "longer": append(slices.Clone(whole), 0),
	} {
		save(t, ref.Dir, content)
		if _, err := Load(ref); err == nil || !strings.Contains(err.Error(), ref.Dir) || !strings.Contains(err.Error(), "prepare the set again") {
			t.Errorf("%s: loaded: %v", what, err)
		}
		again, err := prepare(t, name, cache)
		if err != nil || again.Fingerprint != ref.Fingerprint {
			t.Errorf("%s: prepared again: %+v, %v", what, again, err)
		}
	}
	save(t, ref.Dir+".files", []byte("{"))
	if again, err := prepare(t, name, cache); err != nil || again.Fingerprint != ref.Fingerprint {
		t.Errorf("a damaged list of files: %+v, %v", again, err)
	}
}

func TestFolderCancel(t *testing.T) {
	root, cache := drawings(t, 8, 8, map[string]int{"a": 100, "b": 100}), t.TempDir()
	for _, stage := range []string{"reading", "packing"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Prepare(ctx, folderOf(t, root, FolderOptions{}), Options{Cache: cache, Progress: func(_, _ int64, what string) {
			if strings.HasPrefix(what, stage) {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", stage, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "packed", "*.pa??")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// TestFolderSize holds which size and how many channels are taken where none are
// asked for.
func TestFolderSize(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 9, 9))
	for name, test := range map[string]struct {
		pictures []image.Image // one of each class, over and over
		want     []int
	}{
		"alike":         {[]image.Image{drawing(20, 10, 1), drawing(20, 10, 2)}, []int{10, 20, 3}},
		"large":         {[]image.Image{drawing(100, 70, 1), drawing(100, 70, 2)}, []int{64, 64, 3}},
		"various":       {[]image.Image{drawing(30, 40, 1), drawing(25, 90, 2)}, []int{24, 24, 3}},
		"tiny":          {[]image.Image{drawing(3, 5, 1), drawing(5, 3, 2)}, []int{8, 8, 3}},
		"grey":          {[]image.Image{grey, image.NewGray16(grey.Rect)}, []int{9, 9, 1}},
		"partly colour": {[]image.Image{grey, drawing(9, 9, 1)}, []int{9, 9, 3}},
	} {
		var pictures []picture
		for range 10 {
			for _, m := range test.pictures {
				data := encoded(t, m)
				h, err := readHead(bytes.NewReader(data), int64(len(data)))
				if err != nil {
					t.Fatal(err)
				}
				pictures = append(pictures, picture{look: look{Wide: h.width, High: h.height, Turn: 1, Grey: h.grey}})
			}
		}
		c := collection{}
		c.choose(pictures)
		if got := []int{c.form.height, c.form.width, c.form.channels}; !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestPictureKinds holds that pictures of every kind become the same pixels.
func TestPictureKinds(t *testing.T) {
	plain := image.NewNRGBA(image.Rect(0, 0, 16, 16)) // four squares
	colours := []color.NRGBA{{255, 0, 0, 255}, {0, 128, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}
	each(plain, func(x, y int) { plain.SetNRGBA(x, y, colours[x/8+2*(y/8)]) })
	paletted := image.NewPaletted(plain.Rect, color.Palette{colours[0], colours[1], colours[2], colours[3]})
	deep, clear, cmyk := image.NewNRGBA64(plain.Rect), image.NewNRGBA(plain.Rect), image.NewCMYK(plain.Rect)
	each(plain, func(x, y int) {
		c := plain.NRGBAAt(x, y)
		paletted.Set(x, y, c)
		deep.Set(x, y, c)
		cmyk.Set(x, y, c)
		if c == colours[3] {
			c.A = 0 // nothing there
			c.R, c.G, c.B = 9, 9, 9
		}
		clear.SetNRGBA(x, y, c)
	})
	moving := &gif.GIF{Image: []*image.Paletted{paletted, image.NewPaletted(plain.Rect, paletted.Palette)}, Delay: []int{1, 1}}
	write := func(f func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, test := range map[string]struct {
		data  []byte
		worst int // difference of a pixel
	}{
		"png":         {encoded(t, plain), 0},
		"paletted":    {encoded(t, paletted), 0},
		"16 bits":     {encoded(t, deep), 0},
		"transparent": {encoded(t, clear), 0},
		"gif":         {write(func(b *bytes.Buffer) error { return gif.EncodeAll(b, moving) }), 0},
		"bmp":         {write(func(b *bytes.Buffer) error { return bmp.Encode(b, plain) }), 0},
		"tiff":        {write(func(b *bytes.Buffer) error { return tiff.Encode(b, plain, nil) }), 0},
		"jpeg":        {write(func(b *bytes.Buffer) error { return jpeg.Encode(b, plain, &jpeg.Options{Quality: 100}) }), 3},
		"cmyk jpeg":   {readTestdata(t, "cmyk.jpg"), 24},
		"webp":        {readTestdata(t, "squares.webp"), 0},
	} {
		h, err := readHead(bytes.NewReader(test.data), int64(len(test.data)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := form{16, 16, 3, "crop"}.pixels(test.data, h)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		each(plain, func(x, y int) {
			c := plain.NRGBAAt(x, y)
			for k, want := range []byte{c.R, c.G, c.B} {
				if d := int(got[(y*16+x)*3+k]) - int(want); max(d, -d) > test.worst && x%8 > 0 && y%8 > 0 && x%8 < 7 && y%8 < 7 {
					t.Fatalf("%s: pixel %d, %d is %v, want %v", name, x, y, got[(y*16+x)*3:][:3], c)
				}
			}
		})
		dim, err := form{16, 16, 1, "crop"}.pixels(test.data, h)
		if err != nil || len(dim) != 256 || max(int(dim[34])-76, 76-int(dim[34])) > test.worst {
			t.Errorf("%s: in grey the red square is %d, want 76; %v", name, dim[34], err)
		}
	}
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func each(m image.Image, f func(x, y int)) {
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			f(x, y)
		}
	}
}

// TestFit holds which part of a picture is kept.
func TestFit(t *testing.T) {
	wide := image.NewGray(image.Rect(0, 0, 16, 8)) // 0 in the left quarter, 80, 160, 240
	each(wide, func(x, y int) { wide.SetGray(x, y, color.Gray{byte(x / 4 * 80)}) })
	tall := image.NewGray(image.Rect(0, 0, 8, 16))
	each(tall, func(x, y int) { tall.SetGray(x, y, wide.GrayAt(y, x)) })
	for _, test := range []struct {
		name   string
		from   image.Image
		form   form
		row    []byte // of the middle
		column []byte
	}{
		{"crop", wide, form{8, 8, 1, "crop"}, []byte{80, 80, 80, 80, 160, 160, 160, 160}, []byte{160, 160, 160, 160, 160, 160, 160, 160}},
		{"crop", tall, form{8, 8, 1, "crop"}, []byte{160, 160, 160, 160, 160, 160, 160, 160}, []byte{80, 80, 80, 80, 160, 160, 160, 160}},
		{"pad", wide, form{16, 12, 1, "pad"}, []byte{0, 0, 0, 0, 80, 80, 80, 80, 160, 160, 160, 160, 240, 240, 240, 240}, []byte{128, 128, 160, 160, 160, 160, 160, 160, 160, 160, 128, 128}},
		{"pad", tall, form{16, 16, 1, "pad"}, []byte{128, 128, 128, 128, 160, 160, 160, 160, 160, 160, 160, 160, 128, 128, 128, 128}, nil},
		{"all", wide, form{16, 8, 1, "stretch"}, []byte{0, 0, 0, 0, 80, 80, 80, 80, 160, 160, 160, 160, 240, 240, 240, 240}, nil},
	} {
		out, err := test.form.pixels(encoded(t, test.from), head{orientation: 1})
		if err != nil {
			t.Fatal(err)
		}
		w, h := test.form.width, test.form.height
		var column []byte
		for y := range h {
			column = append(column, out[y*w+w/2])
		}
		if row := out[h/2*w:][:w]; !slices.Equal(row, test.row) || test.column != nil && !slices.Equal(column, test.column) {
			t.Errorf("%s %v in %+v: row %v column %v", test.name, test.from.Bounds(), test.form, row, column)
		}
	}
	// Resized, a picture of one colour stays so, to its edges.
	flat := image.NewNRGBA(image.Rect(0, 0, 301, 77))
	each(flat, func(x, y int) { flat.SetNRGBA(x, y, color.NRGBA{200, 100, 50, 255}) })
	for _, fit := range fits {
		out, err := form{32, 32, 3, fit}.pixels(encoded(t, flat), head{orientation: 1})
		if err != nil || !slices.Equal(out[16*32*3:][:3], []byte{200, 100, 50}) || !slices.Equal(out[(16*32+31)*3:][:3], []byte{200, 100, 50}) {
			t.Errorf("%s: %v %v", fit, out[16*32*3:][:3], err)
		}
	}
}

// TestOrientation turns a picture that is stored in each of the eight ways. The
// corners of what is seen are 1 2 above and 3 4 below.
func TestOrientation(t *testing.T) {
	for orientation, stored := range map[int][2]string{
		1: {"12", "34"}, 2: {"21", "43"}, 3: {"43", "21"}, 4: {"34", "12"},
		5: {"13", "24"}, 6: {"24", "13"}, 7: {"42", "31"}, 8: {"31", "42"},
	} {
		wide, high := 40, 24
		if orientation >= 5 {
			wide, high = high, wide
		}
		m := image.NewGray(image.Rect(0, 0, wide, high))
		each(m, func(x, y int) { m.SetGray(x, y, color.Gray{50 * (stored[y/(high/2)][x/(wide/2)] - '0')}) })
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
			t.Fatal(err)
		}
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			data := withExif(b.Bytes(), order, orientation)
			h, err := readHead(bytes.NewReader(data), int64(len(data)))
			if err != nil || h.orientation != orientation {
				t.Fatalf("orientation %d is read as %+v, %v", orientation, h, err)
			}
			out, err := form{20, 12, 1, "crop"}.pixels(data, h)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, at := range []int{2*20 + 4, 2*20 + 15, 9*20 + 4, 9*20 + 15} {
				got += fmt.Sprint((int(out[at]) + 10) / 50)
			}
			if got != "1234" {
				t.Errorf("orientation %d: the corners are %s", orientation, got)
			}
		}
	}
}

// withExif puts a segment with that orientation into a JPEG file.
func withExif(file []byte, order binary.AppendByteOrder, orientation int) []byte {
	tiff := []byte("II*\x00")
	if order.String() == "BigEndian" {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	for tag, value := range map[uint16]uint16{0x112: uint16(orientation), 0x128: 2} {
		tiff = order.AppendUint16(order.AppendUint16(tiff, tag), 3)
		tiff = order.AppendUint16(order.AppendUint32(tiff, 1), value)
		tiff = append(tiff, 0, 0)
	}
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append(slices.Clone(file[:2]), 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	return append(append(out, segment...), file[2:]...)
}

// TestPackingMemory holds that packing keeps few pictures in memory, and that
// loading allocates the one copy that the set keeps, and next to nothing else.
func TestPackingMemory(t *testing.T) {
	root := t.TempDir()
	blank := image.NewNRGBA(image.Rect(0, 0, 128, 128))
	const pictures = 600
	for i := range pictures {
		blank.SetNRGBA(i%128, i/128, color.NRGBA{byte(i), 1, byte(i % 7), 255})
		save(t, filepath.Join(root, string(rune('a'+i%2)), fmt.Sprint(i, ".png")), encoded(t, blank))
	}
	name, cache := folderOf(t, root, FolderOptions{Width: 128, Height: 128}), t.TempDir()
	var before, now, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ref, err := Prepare(t.Context(), name, Options{Cache: cache, Progress: func(done, _ int64, what string) {
		if strings.HasPrefix(what, "packing") && done%50 == 0 {
			runtime.GC() // what is left is held
			runtime.ReadMemStats(&now)
			if now.HeapAlloc > peak.HeapAlloc {
				peak = now
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	const size = 128 * 128 * 3
	held := int64(peak.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("packing %d MB holds %.1f MB", pictures*size/1_000_000, float64(held)/1e6)
	if held > pictures*size/10 { // the decoders' buffers vary with what runs beside them
		t.Errorf("packing holds %d bytes, more than a tenth of the pictures", held)
	}
	runtime.ReadMemStats(&before)
	set, err := Load(ref)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&now)
	all := int64(now.TotalAlloc - before.TotalAlloc)
	kept := int64(len(set.Train.Images) + len(set.Test.Images))
	t.Logf("loading %d bytes of pixels allocates %d", kept, all)
	if kept != pictures*size || all > kept+kept/20 {
		t.Errorf("loading %d bytes of pixels allocates %d", kept, all)
	}
}

func FuzzReadPack(f *testing.F) {
	root, cache := drawings(f, 4, 4, map[string]int{"a": 10, "b": 10}), f.TempDir()
	ref, err := prepare(f, folderOf(f, root, FolderOptions{}), cache)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(ref.Dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	words, err := prepare(f, textsOf(f, sheetOf(f, 40, "text,label\n"), TextOptions{Tokens: 4, Words: 9}), cache)
	if err != nil {
		f.Fatal(err)
	}
	if whole, err = os.ReadFile(words.Dir); err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(packMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPack(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		total := 0
		scratch := make([]byte, p.header.size())
		err = p.samples(func(_ int, from io.Reader) error {
			n, err := io.ReadFull(from, scratch)
			total += n
			return err
		})
		if err == nil && total > len(data) {
			t.Errorf("%d bytes of pixels come from %d", total, len(data))
		}
	})
}

func FuzzPackHeader(f *testing.F) {
	f.Add([]byte(`{"version":1,"info":{"dtype":"uint8","shape":[4,4,3],"train":16,"test":4}}`), []byte("pixels"))
	f.Fuzz(func(t *testing.T, header, body []byte) {
		data := sealed(append([]byte(packMagic), body...), header)
		p, err := readPack(bytes.NewReader(data), int64(len(data)))
		if err == nil && p.header.samples()*p.header.size() > len(data) {
			t.Errorf("%d samples of %d bytes come from %d", p.header.samples(), p.header.size(), len(data))
		}
	})
}

// sealed is a packed file with a header of that text.
func sealed(body, header []byte) []byte {
	sum := sha256.Sum256(header)
	return binary.LittleEndian.AppendUint32(append(append(body, header...), sum[:]...), uint32(len(header)))
}

func FuzzReadLabels(f *testing.F) {
	f.Add("file,label\na.png,cat\n", "file", "label")
	f.Add("\ufeffa.png;cat;test\r\n\"b\nc\";dog;", "file", "label")
	f.Add("x\ty\n1\t2", "y", "x")
	f.Fuzz(func(t *testing.T, text, file, label string) {
		rows, err := readLabels(strings.NewReader(text), columns{file, label, "split"}, func(s string) bool { return strings.HasSuffix(s, "png") })
		if err == nil && (len(rows) == 0 || len(rows) > 1+strings.Count(text, "\n")+strings.Count(text, "\r")) {
			t.Errorf("%d rows come from %q", len(rows), text)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(withExif([]byte{0xff, 0xd8, 0xff, 0xda}, binary.LittleEndian, 6))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientationOf(data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}

func FuzzFolderSpec(f *testing.F) {
	f.Add("folder:/a%3Fb?size=3x4&labels=a%26b.csv")
	f.Fuzz(func(t *testing.T, spec string) {
		clean, err := Clean(spec)
		if err != nil {
			return
		}
		if again, err := Clean(clean); err != nil || again != clean {
			t.Errorf("%q is %q, then %q, %v", spec, clean, again, err)
		}
	})
}
