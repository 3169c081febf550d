package datasets

import (
	"cmp"
	"crypto/md5" //nolint:gosec // published sums, for a note only
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// batches is a set that is published as a folder of files of records, in one
// archive.
type batches struct {
	info    Info
	folder  string  // in the archive
	labels  int     // label bytes of a record; the last one counts
	files   []batch // the last one is the test split
	archive archive
	other   *benchmark // that the set may be asked for
	divided *benchmark // as it was asked for, in place of a validation split that is drawn
}

// batch is one file, and its MD5 in the official archive where that is known.
type batch struct {
	name    string
	records int
	md5     string
}

// sumsFile is written beside the files that were unpacked from a verified
// archive, in the format of sha256sum.
const sumsFile = "SHA256SUMS"

func (b batches) describe() (Info, error) { return b.info, nil }

func (b batches) find(cache string) (string, bool) { return findFolder(b.folder, cache) }

func (b batches) geometry() geometry {
	g := b.info.geometry()
	g.labels = b.labels
	return g
}

// prepare finds the folder, or downloads and unpacks it, and checks every file.
func (b batches) prepare(p prep) (Ref, error) {
	own, err := broughtFolder(b.folder, b.archive.unpacked())
	if err != nil {
		return Ref{}, err
	}
	if own != "" {
		return b.verifyOwn(p, own)
	}
	unlock, err := p.lock(filepath.Join(p.cache, kindOf(b.info.Name)))
	if err != nil {
		return Ref{}, err
	}
	defer unlock()

	dir := filepath.Join(p.cache, b.folder)
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := b.obtain(p, dir); err != nil {
			return Ref{}, err
		}
	case err != nil:
		return Ref{}, err
	}
	return b.verifyCached(p, dir)
}

// verifyOwn checks a folder that the user brought.
func (b batches) verifyOwn(p prep, dir string) (Ref, error) {
	sums, err := b.verify(p, dir, md5.New)
	if err != nil {
		return Ref{}, fmt.Errorf("%w; unpack %s into %s again, or unset %s to have it downloaded", err, b.archive.url, filepath.Dir(dir), Env)
	}
	ref := Ref{Dir: dir, Fingerprint: b.content(sums.sha256), Notes: sums.notes, Info: b.infoOf(sums.records)}
	var differing []string
	unknown := false
	for i, f := range b.files {
		unknown = unknown || f.md5 == ""
		if f.md5 != "" && sums.other[i] != f.md5 && sums.records[i] == f.records {
			differing = append(differing, f.name)
		}
	}
	if len(differing) > 0 {
		ref.Notes = append(ref.Notes, fmt.Sprintf("%s: not the official copy: the MD5 of %s differs; results are not comparable with published ones",
			dir, strings.Join(differing, ", ")))
	} else if unknown {
		ref.Notes = append(ref.Notes, fmt.Sprintf("%s: not compared with the official copy: the publisher names the checksum of the archive alone; unset %s to have it downloaded",
			dir, Env))
	}
	return ref, nil
}

// verifyCached checks the folder in the cache against the sums that were
// written when it was unpacked.
func (b batches) verifyCached(p prep, dir string) (Ref, error) {
	mend := fmt.Sprintf("remove %s to have it downloaded again", dir)
	p.whole = true
	sums, err := b.verify(p, dir, nil)
	if err != nil {
		return Ref{}, fmt.Errorf("%w; %s", err, mend)
	}
	recorded, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil {
		return Ref{}, fmt.Errorf("%w; %s", err, mend)
	}
	for i, f := range b.files {
		if !strings.Contains(string(recorded), sums.sha256[i]+"  "+f.name+"\n") {
			return Ref{}, fmt.Errorf("%s has the SHA-256 %s, another one than when it was unpacked (damaged or changed since); %s",
				filepath.Join(dir, f.name), sums.sha256[i], mend)
		}
	}
	return Ref{Dir: dir, Fingerprint: b.content(sums.sha256)}, nil
}

// sums are what verify finds, in the order of batches.files.
type sums struct {
	records       []int
	sha256, other []string
	notes         []string
}

// verify checks presence, size, labels and difference of all files, two at a
// time, and returns their SHA-256 and, where another hash is given, that one.
func (b batches) verify(p prep, dir string, other func() hash.Hash) (sums, error) {
	records, err := b.counts(dir)
	if err != nil {
		return sums{}, err
	}
	out := sums{records: records, sha256: make([]string, len(b.files)), other: make([]string, len(b.files))}
	if out.notes, err = b.accept(p, records); err != nil {
		return sums{}, fmt.Errorf("%s: %w", dir, err)
	}
	var g errgroup.Group
	g.SetLimit(2)
	for i, f := range b.files {
		g.Go(func() error {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			var extra hash.Hash
			w := io.Discard
			if other != nil {
				extra = other()
				w = extra
			}
			var err error
			out.sha256[i], err = b.each(dir, f.name, records[i], w, func(r io.Reader) error {
				return b.geometry().scan(r, records[i], func(int, []byte) {})
			})
			if extra != nil {
				out.other[i] = hex.EncodeToString(extra.Sum(nil))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return sums{}, err
	}
	first := map[string]string{}
	for i, f := range b.files {
		if records[i] == 0 {
			continue
		}
		if twin, ok := first[out.sha256[i]]; ok {
			return sums{}, fmt.Errorf("%s in %s has the same content as %s (one was copied over the other)", f.name, dir, twin)
		}
		first[out.sha256[i]] = f.name
	}
	return out, nil
}

// counts returns how many records each file has, by its size. One may be missing, as
// long as there are others to train on.
func (b batches) counts(dir string) ([]int, error) {
	records, record := make([]int, len(b.files)), int64(b.geometry().record())
	var missing error
	for i, f := range b.files {
		path, want := filepath.Join(dir, f.name), int64(f.records)*record
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = cmp.Or(missing, fmt.Errorf("%s is missing, a file of %d bytes belongs there", path, want))
			continue
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file, one of %d bytes belongs there", path, want)
		case info.Size() == 0:
			return nil, fmt.Errorf("%s is empty, %d bytes belong there", path, want)
		case info.Size() > want:
			return nil, fmt.Errorf("%s has %d bytes, %d belong there (another file, or another layout)", path, info.Size(), want)
		case info.Size()%record != 0:
			return nil, fmt.Errorf("%s has %d bytes, %d belong there (truncated)", path, info.Size(), want)
		}
		records[i] = int(info.Size() / record)
	}
	if slices.Max(records[:len(records)-1]) == 0 {
		return nil, missing
	}
	return records, nil
}

// shortfall compares the records of the files with those that were published.
func (b batches) shortfall(records []int) *shortfall {
	s := &shortfall{noun: "images"}
	for i, f := range b.files {
		s.lacks(f.name, records[i], f.records)
	}
	return s
}

// accept is that of prep, for files of so many records.
func (b batches) accept(p prep, records []int) (notes []string, err error) {
	short := b.shortfall(records)
	if short.partial() && b.divided != nil {
		return nil, fmt.Errorf("%w; the %s counts all samples: use %s without it", short, b.divided.title, kindOf(b.info.Name))
	}
	return p.accept(short)
}

// infoOf describes a copy with so many records in its files.
func (b batches) infoOf(records []int) Info {
	if b.divided != nil { // then it is whole
		return b.info
	}
	last, train := len(records)-1, 0
	for _, n := range records[:last] {
		train += n
	}
	return b.info.scaled(train, records[last])
}

// each hands a file to read and returns the SHA-256 of what was read, which goes to w
// too. A file of no records need not be there.
func (b batches) each(dir, name string, records int, w io.Writer, read func(io.Reader) error) (string, error) {
	if records == 0 {
		return "", nil
	}
	return readThrough(filepath.Join(dir, name), w, read)
}

// readThrough opens a file, hands it to read and returns the SHA-256 of what was read. All
// that is read goes to w too.
func readThrough(path string, w io.Writer, read func(io.Reader) error) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if err := read(io.TeeReader(file, io.MultiWriter(sum, w))); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// content returns the fingerprint of the whole: the beginning of the SHA-256
// over the lines of the files' own.
func (b batches) content(sha []string) string { return contentOf(kindOf(b.info.Name), sha) }

func contentOf(kind string, sha []string) string {
	sum := sha256.Sum256([]byte(strings.Join(sha, "\n")))
	return kind + ":" + hex.EncodeToString(sum[:8])
}

// load reads all files, two at a time. That a copy is partial was accepted when it
// was prepared, and is known by its fingerprint.
func (b batches) load(ref Ref) (*Set, error) {
	records, err := b.counts(ref.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := b.accept(prep{partial: ref.Fingerprint != ""}, records); err != nil {
		return nil, fmt.Errorf("%s: %w", ref.Dir, err)
	}
	geo := b.geometry()
	last := len(b.files) - 1
	set := &Set{Info: b.infoOf(records), Test: geo.alloc(records[last])}
	set.Train = geo.alloc(set.Info.Train)
	sha := make([]string, len(b.files))
	var g errgroup.Group
	g.SetLimit(2)
	at := 0
	for i, f := range b.files {
		into, from := set.Train, at
		if i == last {
			into, from = set.Test, 0
		}
		at += records[i]
		g.Go(func() (err error) {
			sha[i], err = b.each(ref.Dir, f.name, records[i], io.Discard, func(r io.Reader) error {
				return geo.read(r, records[i], into, from)
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	set.content = b.content(sha)
	if b.divided != nil {
		b.divided.apply(set, geo)
	}
	return set, nil
}

// with is the set with the options of a spec.
func (b batches) with(query string) (spec, error) {
	if err := b.other.option(query); err != nil {
		return nil, err
	}
	b.divided, b.info = b.other, b.other.describe(b.info)
	return b, nil
}

func (b batches) name() string { return b.info.Name }

func (b batches) short() string {
	if b.divided != nil {
		return kindOf(b.info.Name) + "-" + b.divided.name
	}
	return b.info.Name
}
