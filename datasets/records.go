package datasets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// geometry is the form of a record: some label bytes, then one plane of height ×
// width bytes for each channel. CIFAR is published so, and Digits is kept so.
type geometry struct {
	height, width, channels, classes int
	labels                           int // label bytes; the last one counts
}

// geometry is that of records with one label byte.
func (i Info) geometry() geometry {
	return geometry{i.Shape[0], i.Shape[1], i.Shape[2], len(i.ClassNames), 1}
}

// size returns the bytes of one record's pixels.
func (g geometry) size() int { return g.height * g.width * g.channels }

// record returns the bytes of one record.
func (g geometry) record() int { return g.labels + g.size() }

// label returns the label of a record.
func (g geometry) label(record []byte) int { return int(record[g.labels-1]) }

// scan reads exactly count records and calls each with every one of them; the
// slice is valid during the call only. It is an error when there are fewer
// bytes, or more, or when a label is none of the classes.
func (g geometry) scan(r io.Reader, count int, each func(i int, record []byte)) error {
	in := bufio.NewReaderSize(r, 1<<18)
	record := make([]byte, g.record())
	for i := range count {
		n, err := io.ReadFull(in, record)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("ends after %d bytes, %d records of %d belong there (truncated)", i*len(record)+n, count, len(record))
		}
		if err != nil {
			return err
		}
		if label := g.label(record); label >= g.classes {
			return fmt.Errorf("record %d has the label %d, labels are 0 to %d (another file, or another layout)", i, label, g.classes-1)
		}
		each(i, record)
	}
	switch _, err := in.ReadByte(); {
	case err == nil:
		return fmt.Errorf("goes on after %d records of %d bytes (another file, or another layout)", count, len(record))
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// read fills a split's samples from count records, starting at sample at, and
// turns planes into NHWC.
func (g geometry) read(r io.Reader, count int, into Split, at int) error {
	size := g.size()
	return g.scan(r, count, func(i int, record []byte) {
		into.Labels[at+i] = int32(g.label(record))
		g.interleave(record[g.labels:], into.Images[(at+i)*size:])
	})
}

// interleave turns the planes of one image into NHWC.
func (g geometry) interleave(planes, image []byte) {
	plane := g.height * g.width
	image = image[:g.size()]
	for c := range g.channels {
		to := c
		for _, v := range planes[c*plane:][:plane] {
			image[to] = v
			to += g.channels
		}
	}
}

// alloc returns a split of n samples.
func (g geometry) alloc(n int) Split { return alloc(n, g.size()) }

// alloc returns a split of n samples of so many bytes.
func alloc(n, size int) Split {
	return Split{Images: make([]byte, n*size), Labels: make([]int32, n)}
}
