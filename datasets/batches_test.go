package datasets

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// little is CIFAR-10 in the published layout, but with few records in a file.
func little(records int) batches { return fewer(cifar10, records) }

// fewer is a set in the published layout, but with few records in a file.
func fewer(b batches, records int) batches {
	b.files = slices.Clone(b.files)
	for i := range b.files {
		b.files[i].records = records
	}
	last := len(b.files) - 1
	b.info.Train, b.info.Test, b.info.Validation = last*records, records, last*records/10
	return b
}

// contents makes the files of b: random pixels, labels in turn.
func (b batches) contents() map[string][]byte {
	rng := rand.NewChaCha8([32]byte{1})
	out := map[string][]byte{}
	for _, f := range b.files {
		var file []byte
		for i := range f.records {
			record := make([]byte, b.geometry().record())
			rng.Read(record) // never fails
			record[b.labels-1] = byte(i % len(b.info.ClassNames))
			file = append(file, record...)
		}
		out[f.name] = file
	}
	return out
}

func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// member is one entry of a test's archive.
type member struct {
	name    string
	kind    byte // tar.TypeReg where 0
	content []byte
}

// pack makes a gzipped tar and the archive that describes it.
func pack(t *testing.T, members []member) ([]byte, archive) {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(tapeOf(t, members)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	return buf.Bytes(), archive{sha256: hex.EncodeToString(sum[:]), size: int64(buf.Len())}
}

// tapeOf makes a tar.
func tapeOf(t testing.TB, members []member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.content)), Typeflag: m.kind}
		switch m.kind {
		case 0:
			h.Typeflag = tar.TypeReg
		case tar.TypeSymlink, tar.TypeLink:
			h.Linkname, h.Size = "/etc/passwd", 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.content[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// members lists the files of b as the official archive has them.
func (b batches) members() []member {
	files := b.contents()
	out := []member{{name: b.folder + "/", kind: tar.TypeDir}, {name: b.folder + "/readme.html", content: []byte("<p>")}}
	for _, f := range b.files {
		out = append(out, member{name: b.folder + "/" + f.name, content: files[f.name]})
	}
	return out
}

func testPrep(t *testing.T) prep {
	return prep{ctx: context.Background(), cache: t.TempDir(), tell: func(int64, int64, string) {}}
}

// TestFullSize checks the real count of records, with generated files.
func TestFullSize(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 184 MB")
	}
	data := t.TempDir()
	t.Setenv(Env, data)
	files := cifar10.contents()
	put(t, filepath.Join(data, cifar10.folder), files)
	if n := len(files["test_batch.bin"]); n != 30730000 {
		t.Fatalf("a file has %d bytes", n)
	}
	_, s := open(t, "cifar10")
	checkSplits(t, s, true)
	if err := os.Truncate(filepath.Join(data, cifar10.folder, "data_batch_1.bin"), 30000000); err != nil {
		t.Fatal(err)
	}
	_, err := Prepare(context.Background(), "cifar10", Options{Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "data_batch_1.bin has 30000000 bytes, 30730000 belong there (truncated)") {
		t.Errorf("unhelpful: %v", err)
	}
}

// TestOwnIsNotAFolder: a file where the folder belongs is not passed over.
func TestOwnIsNotAFolder(t *testing.T) {
	data := t.TempDir()
	t.Setenv(Env, data)
	put(t, data, map[string][]byte{cifar10.folder: nil})
	if _, err := cifar10.prepare(testPrep(t)); err == nil || !strings.Contains(err.Error(), "is a file, a folder belongs there") {
		t.Errorf("unhelpful: %v", err)
	}
}

// TestUnpackRefuses feeds archives that are out to do harm, or are just wrong.
func TestUnpackRefuses(t *testing.T) {
	b := little(2)
	good := b.members()
	limit := int64(2 * 3073)
	with := func(m ...member) []member { return append(m, good...) }
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"good":           {good, ""},
		"parent":         {with(member{name: "../evil", content: []byte("x")}), "outside"},
		"inner parent":   {with(member{name: b.folder + "/../../evil", content: []byte("x")}), "outside"},
		"absolute":       {with(member{name: "/evil", content: []byte("x")}), "outside"},
		"symbolic link":  {with(member{name: b.folder + "/test_batch.bin", kind: tar.TypeSymlink}), "neither a file nor a folder"},
		"hard link":      {with(member{name: b.folder + "/test_batch.bin", kind: tar.TypeLink}), "neither a file nor a folder"},
		"device":         {with(member{name: b.folder + "/zero", kind: tar.TypeChar}), "neither a file nor a folder"},
		"twice":          {with(good[len(good)-1]), "two members"},
		"too large":      {with(member{name: b.folder + "/test_batch.bin", content: make([]byte, limit+1)}), "bytes, "},
		"bomb":           {with(member{name: "zeros", content: make([]byte, 16<<20)}), "unpacks to more than"},
		"missing":        {good[:len(good)-1], "no member cifar-10-batches-bin/test_batch.bin"},
		"another folder": {[]member{{name: "cifar-100-binary/train.bin", content: []byte("x")}}, "no member"},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPrep(t)
			raw, _ := pack(t, c.members)
			put(t, p.cache, map[string][]byte{"a.tar.gz": raw})
			limits := map[string]int64{}
			for _, f := range b.files {
				limits[f.name] = limit
			}
			dir := t.TempDir()
			err := unpack(p, filepath.Join(p.cache, "a.tar.gz"), dir, b.folder, limits)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(dir), "evil")); err == nil {
				t.Error("it wrote outside its folder")
			}
		})
	}
}

// TestPartialCopy takes copies with fewer records than were published, where that is asked
// for.
func TestPartialCopy(t *testing.T) {
	b := little(100)
	want := 100 * 3073
	for _, c := range []struct {
		name   string
		damage func(files map[string][]byte)
		mark   string // "" where it is an error all the same
	}{
		{"whole", func(map[string][]byte) {}, "whole"},
		{"one file missing", func(f map[string][]byte) { delete(f, "data_batch_1.bin") }, "partial: 500 of 600"},
		{"no test", func(f map[string][]byte) { delete(f, "test_batch.bin") }, "partial: 500 of 600"},
		{"fewer records", func(f map[string][]byte) { f["data_batch_3.bin"] = f["data_batch_3.bin"][:70*3073] }, "partial: 570 of 600"},
		{"half a record", func(f map[string][]byte) { f["data_batch_3.bin"] = f["data_batch_3.bin"][:want-1] }, ""},
		{"nothing to train on", func(f map[string][]byte) {
			for i := range 5 {
				delete(f, fmt.Sprintf("data_batch_%d.bin", i+1))
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := t.TempDir()
			t.Setenv(Env, data)
			files := b.contents()
			c.damage(files)
			put(t, filepath.Join(data, b.folder), files)
			p := testPrep(t)
			_, err := b.prepare(p)
			if (err == nil) != (c.mark == "whole") || err != nil && strings.Contains(err.Error(), "--partial") != (c.mark != "") {
				t.Errorf("refused otherwise than it should be: %v", err)
			}
			p.partial = true
			ref, err := b.prepare(p)
			if c.mark == "" || c.mark == "whole" {
				if (err == nil) != (c.mark == "whole") || ref.Info.Published != 0 {
					t.Errorf("%+v, %v", ref, err)
				}
				return
			}
			if err != nil || ref.Info.Partial() != c.mark || !strings.Contains(ref.Notes[0], "not comparable") {
				t.Fatalf("%+v, %v", ref, err)
			}
			set, err := b.load(ref)
			if err != nil || set.Info.Published != 600 || set.Train.Len() != ref.Info.Train || set.Test.Len() != ref.Info.Test || set.content != ref.Fingerprint {
				t.Fatalf("%v, %+v", err, set)
			}
			set.divide()
			checkSplits(t, set, true)
			last := files["data_batch_5.bin"]
			if got := set.Train.Labels[set.Train.Len()-1]; got != int32(last[len(last)-3073]) {
				t.Errorf("the last label is %d", got)
			}
			if _, err := b.load(Ref{Dir: ref.Dir}); err == nil || !strings.Contains(err.Error(), "--partial") {
				t.Errorf("loaded without what was prepared: %v", err)
			}
		})
	}
}

// FuzzUnpack: whatever the tape, nothing but the wanted files is written, of no more bytes
// than they may have.
func FuzzUnpack(f *testing.F) {
	for _, m := range [][]member{
		{{name: "b/a.bin", content: []byte("12")}, {name: "b/readme", content: []byte("x")}},
		{{name: "b/../../evil", content: []byte("x")}},
		{{name: "b/a.bin", kind: tar.TypeSymlink}, {name: "b/a.bin", content: []byte("123456789")}},
	} {
		f.Add(tapeOf(f, m))
	}
	f.Fuzz(func(t *testing.T, tape []byte) {
		p := testPrep(t)
		dir := filepath.Join(p.cache, "to")
		put(t, p.cache, map[string][]byte{"a.tar.gz": zipped(tape)})
		put(t, dir, nil)
		err := unpack(p, filepath.Join(p.cache, "a.tar.gz"), dir, "b", map[string]int64{"a.bin": 8})
		written := 0
		walk := filepath.Walk(p.cache, func(name string, info os.FileInfo, err error) error {
			switch {
			case err != nil || info.IsDir() || name == filepath.Join(p.cache, "a.tar.gz"):
			case name != filepath.Join(dir, "a.bin") || !info.Mode().IsRegular() || info.Size() > 8:
				t.Errorf("it wrote %s of %d bytes", name, info.Size())
			default:
				written++
			}
			return err
		})
		if walk != nil || err == nil && written != 1 {
			t.Errorf("%d files, %v, %v", written, walk, err)
		}
	})
}
