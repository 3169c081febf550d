package datasets

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// register puts a set in the place of that of the same name, and returns the name.
func register(t *testing.T, s source) string {
	t.Helper()
	info, err := s.describe()
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.Clone(sets)
	t.Cleanup(func() { sets = kept })
	sets = slices.Clone(sets)
	for i, known := range sets {
		if k, err := known.describe(); err == nil && k.Name == info.Name {
			sets[i] = s
			return info.Name
		}
	}
	t.Fatalf("there is no set %s", info.Name)
	return ""
}

// of is the set with so many pictures of each class.
func (s published) of(counts ...int) published {
	s.counts = counts
	all := 0
	for _, n := range counts {
		all += n
	}
	i := &s.info
	i.Test, i.Validation = all/5, all/5
	i.Train = all - i.Test
	return s
}

// littleEuroSAT is EuroSAT in the published layout, but of few pictures, under
// LEMONADE_DATA.
func littleEuroSAT(t *testing.T, zipped bool) published {
	t.Helper()
	s := euroSAT.of(20, 20, 20, 15, 15, 10, 15, 20, 15, 20)
	files := map[string][]byte{}
	for class, folder := range s.folders {
		for i := range s.counts[class] {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, tinted(64, 64, class*1000+i), nil); err != nil {
				t.Fatal(err)
			}
			files[fmt.Sprintf("2750/%s/%[1]s_%d.jpg", folder, i+1)] = b.Bytes()
		}
	}
	s.place(t, files, zipped)
	return s
}

// littleMalaria is Malaria in the published layout, but of few cells. Slides with
// parasites have uninfected cells too.
func littleMalaria(t *testing.T, zipped bool) published {
	t.Helper()
	s := malaria.of(60, 60)
	files := map[string][]byte{"cell_images/Parasitized/Thumbs.db": {1}, "cell_images/Uninfected/Thumbs.db": {1}}
	number := 0
	for class, folder := range s.folders {
		for i := range s.counts[class] {
			number++
			slide := i % 17 * (class + 1)
			name := fmt.Sprintf("cell_images/%s/C%dP%dThinF_IMG_20150918_%06d_cell_%d.png", folder, slide, slide, number, i)
			files[name] = encoded(t, tinted(40+number%90, 40+number%70, number))
		}
	}
	s.place(t, files, zipped)
	return s
}

// tinted is a picture with a colour of its own.
func tinted(width, height, number int) image.Image {
	v := mix(uint64(number), 9)
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = byte(v>>(8*(i%4))) ^ byte(i/4%32)
	}
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

// place writes the files of a set, or the zip of them, and makes their folder
// LEMONADE_DATA.
func (s *published) place(t *testing.T, files map[string][]byte, zipped bool) {
	t.Helper()
	data := t.TempDir()
	t.Setenv(Env, data)
	if zipped {
		var members []member
		for name, content := range files {
			members = append(members, member{name: name, content: content})
		}
		raw := zipOf(t, members)
		save(t, filepath.Join(data, s.zip()), raw)
		return
	}
	for name, content := range files {
		save(t, filepath.Join(data, name), content)
	}
}

// redrawn has Pillow write the pictures again.
func (s published) redrawn(t *testing.T, least, most int) {
	t.Helper()
	dir := filepath.Join(os.Getenv(Env), s.folder)
	names, err := filepath.Glob(filepath.Join(dir, "*", "*"+s.ending))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{dir, s.ending, fmt.Sprint(least), fmt.Sprint(most)}
	for _, name := range names {
		rel, err := filepath.Rel(dir, strings.TrimSuffix(name, s.ending))
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, rel)
	}
	python(t, "pictures.py", args...)
}

// zipOf makes a zip; of a kind 'l' a member is a link.
func zipOf(t testing.TB, members []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.kind == 'l' {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sampleOf is the set as it is under LEMONADE_DATA, however many pictures there are.
func sampleOf(t *testing.T, s published) published {
	t.Helper()
	counts := make([]int, len(s.folders))
	for class, folder := range s.folders {
		found, err := filepath.Glob(filepath.Join(os.Getenv(Env), s.folder, folder, "*"+s.ending))
		if err != nil {
			t.Fatal(err)
		}
		counts[class] = len(found)
	}
	return s.of(counts...)
}

// TestSlides checks that no slide is in two splits, and that the splits have their share
// of each class.
func TestSlides(t *testing.T) {
	var names []string
	var labels []int32
	needs(t, malaria.folder)
	for class, folder := range malaria.folders {
		found, err := filepath.Glob(filepath.Join(os.Getenv(Env), malaria.folder, folder, "*.png"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names, labels = append(names, filepath.Base(f)), append(labels, int32(class))
		}
	}
	groups := make([]string, len(names))
	for i, name := range names {
		var err error
		if groups[i], err = slide(name); err != nil {
			t.Fatal(err)
		}
	}
	parts := splitGroups(groups, labels, 2)
	where := map[string]part{}
	var counts [3][2]float64
	var all [2]float64
	for i, g := range groups {
		if p, ok := where[g]; ok && p != parts[i] {
			t.Fatalf("slide %s is in two splits", g)
		}
		where[g] = parts[i]
		counts[parts[i]][labels[i]]++
		all[labels[i]]++
	}
	t.Logf("%d slides: %v", len(where), counts)
	for p, share := range shares {
		for class := range all {
			if got := counts[p][class] / all[class]; math.Abs(got-share) > 0.01 {
				t.Errorf("part %d has %.3f of class %d, its share is %.1f", p, got, class, share)
			}
		}
	}
	order := splitGroups(slices.Clone(groups), labels, 2)
	if !slices.Equal(order, parts) {
		t.Error("asked again it is split otherwise")
	}
}

func TestSlide(t *testing.T) {
	for name, want := range map[string]string{
		"C100P61ThinF_IMG_20150918_144104_cell_162.png":            "C100",
		"C47P8thin_Original_Motic_IMG_20150714_100619_cell_1.png":  "C47",
		"C47P8thinOriginalOlympusCX21_20150717_142217_cell_10.png": "C47",
		"C1_thinF_IMG_20150604_104722_cell_15.png":                 "C1",
		"ParasitizedC68P29N_ThinF_IMG_1_cell_2.png":                "C68",
		"cell_162.png": "",
		"XC1_cell.png": "",
		"Cell_1.png":   "",
	} {
		if got, err := slide(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestPublishedPixels checks what becomes of a picture: EuroSAT's are as they are,
// those of cells are stretched.
func TestPublishedPixels(t *testing.T) {
	name := register(t, littleMalaria(t, true))
	_, set := open(t, name)
	if len(set.Train.Images)/set.Train.Len() != 128*128*3 {
		t.Fatalf("%d bytes", len(set.Train.Images))
	}
	half := image.NewRGBA(image.Rect(0, 0, 30, 90))
	for y := range 90 {
		for x := range 30 {
			half.Set(x, y, color.RGBA{byte(255 * (x / 15)), 0, 0, 255})
		}
	}
	f := form{width: 128, height: 128, channels: 3, fit: malaria.fit}
	pixels, err := f.pixels(encoded(t, half), head{width: 30, height: 90, orientation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range []int{0, 64, 127} {
		if left, right := pixels[y*128*3], pixels[(y*128+127)*3]; left != 0 || right != 255 {
			t.Errorf("row %d goes from %d to %d, want 0 to 255", y, left, right)
		}
	}
}

// TestOfficialAfterwards: a zip that was not the official one is not said to be the one
// that takes its place, though its pictures are the same.
func TestOfficialAfterwards(t *testing.T) {
	s, p := littleEuroSAT(t, true), testPrep(t)
	other, err := s.prepare(p)
	if err != nil || len(other.Notes) != 1 {
		t.Fatalf("notes %q, %v", other.Notes, err)
	}
	raw, err := os.ReadFile(filepath.Join(os.Getenv(Env), s.zip()))
	if err != nil {
		t.Fatal(err)
	}
	s.archive = archiveOf(s.zip(), raw)
	official, err := s.prepare(p)
	if err != nil || len(official.Notes) > 0 || official.Fingerprint != other.Fingerprint {
		t.Errorf("notes %q, fingerprints %s and %s, %v", official.Notes, other.Fingerprint, official.Fingerprint, err)
	}
}

// TestInterrupted: nothing is left of a packing that is broken off, and no mend is named.
func TestInterrupted(t *testing.T) {
	name, cache := register(t, littleEuroSAT(t, true)), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Prepare(ctx, name, Options{Cache: cache, Progress: func(_, _ int64, what string) {
		if what == "packing the pictures" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "put a good copy") {
		t.Error(err)
	}
	for _, ending := range []string{packSuffix, ".part"} {
		if left, _ := filepath.Glob(filepath.Join(cache, "packed", "*"+ending)); len(left) > 0 {
			t.Errorf("left in the cache: %q", left)
		}
	}
}

// TestZipRefuses feeds zips that are out to do harm, or are just wrong.
func TestZipRefuses(t *testing.T) {
	s := euroSAT.of(10, 10, 10, 10, 10, 10, 10, 10, 10, 10)
	picture := encoded(t, tinted(64, 64, 1))
	var good []member
	for class, folder := range s.folders {
		for i := range s.counts[class] {
			good = append(good, member{name: fmt.Sprintf("2750/%s/%[1]s_%d.jpg", folder, i), content: picture})
		}
	}
	with := func(m ...member) []byte { return zipOf(t, append(m, good...)) }
	raw := with()
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"good":          {with(member{name: "2750/"}, member{name: "__MACOSX/2750/Forest/._Forest_1.jpg"}, member{name: "2750/Forest/Thumbs.db"}, member{name: "2750/notes.txt"}), ""},
		"parent":        {with(member{name: "../evil"}), "leads out of its folder"},
		"inner parent":  {with(member{name: "2750/../../evil"}), "leads out of its folder"},
		"absolute":      {with(member{name: "/evil"}), "leads out of its folder"},
		"of Windows":    {with(member{name: `2750\Forest\evil.jpg`}), "leads out of its folder"},
		"link":          {with(member{name: "2750/Forest/Forest_99.jpg", kind: 'l', content: []byte("/etc/passwd")}), "neither a file nor a folder"},
		"twice":         {with(member{name: good[0].name, content: picture}), "two files"},
		"too large":     {with(member{name: "2750/Forest/Forest_99.jpg", content: make([]byte, mostEntry+1)}), "bytes, "},
		"too many":      {with(member{name: "2750/Forest/Forest_99.jpg", content: picture}), "has 11 pictures in Forest, 10 belong there"},
		"another kind":  {with(member{name: "2750/Forest/Forest_99.png", content: picture}), "is no .jpg file"},
		"another class": {with(member{name: "2750/Forest/River_99.jpg", content: picture}), "is no picture of Forest by its name"},
		"empty":         {nil, "is empty"},
		"truncated":     {raw[:len(raw)/2], "cannot be read as a zip"},
		"no zip":        {[]byte("PK is what it begins with"), "cannot be read as a zip"},
		"another set":   {zipOf(t, []member{{name: "cell_images/Uninfected/C1.png", content: picture}}), "has no pictures in 2750/AnnualCrop"},
		"damaged":       {flipped(raw, bytes.Index(raw, []byte(good[0].name))+len(good[0].name)+100), "AnnualCrop_0.jpg: "},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			t.Setenv(Env, data)
			save(t, filepath.Join(data, s.zip()), c.raw)
			p := testPrep(t)
			ref, err := s.prepare(p)
			if c.want == "" {
				if err != nil || len(ref.Notes) != 1 || !strings.Contains(ref.Notes[0], "not the official copy") {
					t.Errorf("%v, notes %q", err, ref.Notes)
				}
				return
			}
			for _, want := range []string{c.want, s.zip(), "or unset LEMONADE_DATA"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if _, ok := s.find(p.cache); ok {
				t.Error("something was packed all the same")
			}
		})
	}
}

func flipped(raw []byte, at int) []byte {
	raw = bytes.Clone(raw)
	raw[at] ^= 0xff
	return raw
}

// FuzzZip: whatever the bytes, the listing returns an error or pictures of the classes.
func FuzzZip(f *testing.F) {
	s := euroSAT.of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	f.Add(zipOf(f, []member{{name: "2750/Forest/Forest_1.jpg", content: []byte("x")}}))
	f.Add(zipOf(f, []member{{name: "../2750/Forest/Forest_1.jpg"}, {name: "2750/River/Forest_1.jpg", kind: 'l'}}))
	f.Fuzz(func(t *testing.T, in []byte) {
		l := &listing{}
		if s.listZip(l, bytes.NewReader(in), int64(len(in)), 0) != nil {
			return
		}
		for _, file := range l.files {
			if class, _, ok := s.class(file.rel); !ok || s.info.ClassNames[class] != file.class || path.Ext(file.rel) == "" || file.size > mostEntry {
				t.Errorf("%+v", file)
			}
			if content, err := file.read(); err == nil && len(content) > int(file.size)+1 {
				t.Errorf("%s has %d bytes, %d were listed", file.rel, len(content), file.size)
			}
		}
	})
}
