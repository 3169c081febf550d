package datasets

import (
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

// batches is a set that is published as a folder of files with the same number
// of records each, in one archive.
type batches struct {
	info    Info
	folder  string  // in the archive
	files   []batch // the last one is the test split
	records int     // in each file
	archive archive
}

// batch is one file and its MD5 in the official archive.
type batch struct{ name, md5 string }

// sumsFile is written beside the files that were unpacked from a verified
// archive, in the format of sha256sum.
const sumsFile = "SHA256SUMS"

func (b batches) describe() (Info, error) { return b.info, nil }

func (b batches) find(cache string) (string, bool) { return findFolder(b.folder, cache) }

// prepare finds the folder, or downloads and unpacks it, and checks every file.
func (b batches) prepare(p prep) (Ref, error) {
	if data := os.Getenv(Env); data != "" {
		dir := filepath.Join(data, b.folder)
		switch info, err := os.Stat(dir); {
		case err == nil && info.IsDir():
			return b.verifyOwn(p, dir)
		case err == nil:
			return Ref{}, fmt.Errorf("%s is a file, a folder belongs there: unpack the archive from %s in %s", dir, b.archive.url, data)
		case !errors.Is(err, fs.ErrNotExist):
			return Ref{}, fmt.Errorf("looking under %s: %w", Env, err)
		}
	}
	unlock, err := p.lock(filepath.Join(p.cache, b.info.Name))
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

// published is how many records each file has where none is missing.
func (b batches) published() []int { return slices.Repeat([]int{b.records}, len(b.files)) }

// counted is how many records each file of dir has; short says that there are fewer
// than were published, a file may be missing, and each ends with a record.
func (b batches) counted(dir string) (records []int, short bool) {
	record := int64(b.info.geometry().record())
	for _, f := range b.files {
		info, err := os.Stat(filepath.Join(dir, f.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			records, short = append(records, 0), true
			continue
		case err != nil, info.Size() == 0, info.Size()%record != 0, info.Size() > record*int64(b.records):
			return nil, false
		}
		records = append(records, int(info.Size()/record))
		short = short || info.Size() < record*int64(b.records)
	}
	return records, short && slices.Max(records[:len(records)-1]) > 0
}

// of is the description of a copy with so many records in its files.
func (b batches) of(records []int) Info {
	info, last := b.info, len(records)-1
	info.Train, info.Test = 0, records[last]
	for _, n := range records[:last] {
		info.Train += n
	}
	info.Validation, info.Published = validationOf(info.Train), b.records*len(records)
	return info
}

// verifyOwn checks a folder that the user brought.
func (b batches) verifyOwn(p prep, dir string) (Ref, error) {
	var ref Ref
	records := b.published()
	here, short := b.counted(dir)
	if short && p.partial {
		records, ref.Info = here, b.of(here)
		ref.Notes = append(ref.Notes, ref.Info.partialNote("images"))
	}
	sums, err := b.verify(p, dir, records, md5.New)
	if err != nil && short && !p.partial {
		err = fmt.Errorf("%w; %s", b.of(here).refused("images", err), partialMend)
	}
	if err != nil {
		return Ref{}, fmt.Errorf("%w; unpack %s into %s again, or unset %s to have it downloaded", err, b.archive.url, filepath.Dir(dir), Env)
	}
	ref.Dir, ref.Fingerprint = dir, b.content(sums.sha256)
	var differing []string
	for i, f := range b.files {
		if sums.other[i] != f.md5 && records[i] == b.records {
			differing = append(differing, f.name)
		}
	}
	if len(differing) > 0 {
		ref.Notes = append(ref.Notes, fmt.Sprintf("%s: not the official copy: the MD5 of %s differs; results are not comparable with published ones",
			dir, strings.Join(differing, ", ")))
	}
	return ref, nil
}

// verifyCached checks the folder in the cache against the sums that were
// written when it was unpacked.
func (b batches) verifyCached(p prep, dir string) (Ref, error) {
	mend := fmt.Sprintf("remove %s to have it downloaded again", dir)
	sums, err := b.verify(p, dir, b.published(), nil)
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

// sums are the digests of the files, in the order of batches.files.
type sums struct{ sha256, other []string }

// verify checks presence, size, labels and difference of all files, two at a
// time, and returns their SHA-256 and, where another hash is given, that one.
func (b batches) verify(p prep, dir string, records []int, other func() hash.Hash) (sums, error) {
	out := sums{make([]string, len(b.files)), make([]string, len(b.files))}
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
				return b.info.geometry().scan(r, records[i], func(int, []byte) {})
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

// each opens a file, checks its size, hands it to read and returns the SHA-256 of what
// was read. All that is read goes to w too. A file of no records need not be there.
func (b batches) each(dir, name string, records int, w io.Writer, read func(io.Reader) error) (string, error) {
	if records == 0 {
		return "", nil
	}
	path := filepath.Join(dir, name)
	want := int64(records) * int64(b.info.geometry().record())
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is missing, a file of %d bytes belongs there", path, want)
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	switch {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file, one of %d bytes belongs there", path, want)
	case info.Size() == 0:
		return "", fmt.Errorf("%s is empty, %d bytes belong there", path, want)
	case info.Size() < want:
		return "", fmt.Errorf("%s has %d bytes, %d belong there (truncated)", path, info.Size(), want)
	case info.Size() > want:
		return "", fmt.Errorf("%s has %d bytes, %d belong there (another file, or another layout)", path, info.Size(), want)
	}
	sum := sha256.New()
	if err := read(io.TeeReader(file, io.MultiWriter(sum, w))); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// content returns the fingerprint of the whole: the beginning of the SHA-256
// over the lines of the files' own.
func (b batches) content(sha []string) string {
	sum := sha256.Sum256([]byte(strings.Join(sha, "\n")))
	return b.info.Name + ":" + hex.EncodeToString(sum[:8])
}

// load reads all files, two at a time.
func (b batches) load(ref Ref) (*Set, error) {
	geo := b.info.geometry()
	last := len(b.files) - 1
	set, records := &Set{}, b.published()
	if here, short := b.counted(ref.Dir); short && ref.Fingerprint != "" { // which tells whether they are what was prepared
		records, set.Info = here, b.of(here)
	}
	have := b.of(records)
	set.Train, set.Test = geo.alloc(have.Train), geo.alloc(have.Test)
	from := make([]int, len(records)) // of each file, in its split
	for i := range last - 1 {
		from[i+1] = from[i] + records[i]
	}
	sha := make([]string, len(b.files))
	var g errgroup.Group
	g.SetLimit(2)
	for i, f := range b.files {
		g.Go(func() (err error) {
			into := set.Train
			if i == last {
				into = set.Test
			}
			sha[i], err = b.each(ref.Dir, f.name, records[i], io.Discard, func(r io.Reader) error {
				return geo.read(r, records[i], into, from[i])
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	set.content = b.content(sha)
	return set, nil
}
