package datasets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// idxFile is a file in the format of MNIST, which is published gzipped.
type idxFile struct {
	name    string // unpacked; .gz follows where it is not
	samples int    // as published
	shape   []int  // of a sample; none of labels
	classes int    // of labels
	content string // SHA-256 of what was published, unpacked
	archive archive
}

// size returns the bytes of a sample.
func (f idxFile) size() int {
	size := 1
	for _, side := range f.shape {
		size *= side
	}
	return size
}

// path returns where the file lies in a folder, unpacked or not.
func (f idxFile) path(dir string) (string, bool) {
	for _, path := range []string{filepath.Join(dir, f.name), filepath.Join(dir, f.name+".gz")} {
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return filepath.Join(dir, f.name+".gz"), false
}

// read opens the file and hands every sample to each, after start got their number.
// It returns the SHA-256 of the whole, unpacked. The slice is valid during the call
// only.
func (f idxFile) read(dir string, start func(samples int), each func(i int, sample []byte)) (sum string, err error) {
	path, ok := f.path(dir)
	if !ok {
		return "", fmt.Errorf("%s is missing, and so is %s", path, f.name)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	case info.Size() == 0:
		return "", fmt.Errorf("%s is empty", path)
	}
	var in io.Reader = bufio.NewReaderSize(file, 1<<18)
	if filepath.Ext(path) == ".gz" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, unzipped(err))
		}
		in = z
	}
	hash := sha256.New()
	if err := f.scan(bufio.NewReaderSize(io.TeeReader(in, hash), 1<<16), start, each); err != nil {
		return "", fmt.Errorf("%s: %w", path, unzipped(err))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// unzipped says in plain words why a gzipped file cannot be read.
func unzipped(err error) error {
	switch {
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("is not gzipped (damaged, or unpacked without losing the ending .gz)")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("is damaged: its checksum is another one")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("ends in the middle (truncated)")
	}
	return err
}

// scan reads a file of samples, its header first: two noughts, 8 for unsigned bytes,
// the number of axes, and their lengths as 32 bits, the highest first.
func (f idxFile) scan(r io.Reader, start func(samples int), each func(i int, sample []byte)) error {
	axes := 1 + len(f.shape)
	header := make([]byte, 4+4*axes)
	if _, err := io.ReadFull(r, header[:4]); err != nil {
		return cutOff(err)
	}
	if want := []byte{0, 0, 8, byte(axes)}; !bytes.Equal(header[:4], want) {
		what := "labels"
		if axes > 1 {
			what = "images"
		}
		return fmt.Errorf("begins with %x, a file of %s with %x (another file, such as images for labels)", header[:4], what, want)
	}
	if _, err := io.ReadFull(r, header[4:]); err != nil {
		return cutOff(err)
	}
	length := func(axis int) int { return int(binary.BigEndian.Uint32(header[4+4*axis:])) }
	for i, side := range f.shape {
		if length(1+i) != side {
			return fmt.Errorf("has samples whose axis %d is %d long, %d belong there (another set)", 1+i, length(1+i), side)
		}
	}
	samples := length(0)
	if samples == 0 || samples > f.samples {
		return fmt.Errorf("has %d samples, %d belong there (another file, such as that of the other split)", samples, f.samples)
	}
	start(samples)
	sample := make([]byte, f.size())
	for i := range samples {
		if _, err := io.ReadFull(r, sample); err != nil {
			return cutOff(err)
		}
		if f.classes > 0 && int(sample[0]) >= f.classes {
			return fmt.Errorf("sample %d has the label %d, labels are 0 to %d", i, sample[0], f.classes-1)
		}
		each(i, sample)
	}
	switch _, err := io.ReadFull(r, sample[:1]); {
	case err == nil:
		return fmt.Errorf("goes on after %d samples", samples)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// cutOff makes any end an unexpected one.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
