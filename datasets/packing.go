package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// pack makes sure that the packed file of that path is made of the collection as it
// is now, whose lock the caller holds. Files that are unchanged since are not read, and
// where the content is the same nothing is decoded.
func (c *collection) pack(p prep, path string) (Ref, error) {
	began, sheet := time.Now(), path+".files"
	known := readLooks(sheet)
	pictures, err := c.settle(p.ctx, known, true, func(done, total int64) { p.tell(done, total, "reading the pictures") })
	if err != nil {
		return Ref{}, err
	}
	made := c.made(pictures)
	ref, err := refMade(path, made)
	if err != nil { // there is none, or an older or a damaged one
		if ref, err = c.write(p, path, made, pictures); err != nil {
			return Ref{}, err
		}
	}
	return ref, writeLooks(sheet, known, began)
}

// made is the digest of all that decides on the samples.
func (c *collection) made(pictures []picture) string {
	sum := sha256.New()
	fmt.Fprintln(sum, packVersion, splitVersion, c.form, c.tests, c.checks, c.info.Published, c.info.Augment)
	fmt.Fprintf(sum, "%q\n", c.info.ClassNames)
	if c.published { // which copy it is of is kept in the file
		fmt.Fprintf(sum, "%q\n", c.notes)
	}
	for _, p := range pictures {
		fmt.Fprintln(sum, p.Sum, p.label, p.part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// refMade is refOf for a file that was made of just that.
func refMade(path, made string) (Ref, error) {
	err := withPack(path, func(p *packed) error {
		if p.header.Made != made {
			return errors.New("was made of other files")
		}
		return nil
	})
	if err != nil {
		return Ref{}, err
	}
	return refOf(path)
}

// write decodes the pictures into a new packed file, and moves it to path once it is
// whole.
func (c *collection) write(p prep, path, made string, pictures []picture) (_ Ref, err error) {
	w, err := newPackWriter(path + ".part")
	if err != nil {
		return Ref{}, err
	}
	defer w.abort() // of what was not moved
	var good []picture
	var sums []moments
	var done, total int64
	for _, picture := range pictures {
		total += picture.size
	}
	err = c.decode(p.ctx, pictures, func(picture picture, pixels []byte, fault error) error {
		done += picture.size
		p.tell(done, total, "packing the pictures")
		if fault != nil {
			c.faults.add(picture.rel, fault)
			return nil
		}
		good, sums = append(good, picture), append(sums, momentsOf(pixels, c.form.channels))
		return w.write(pixels)
	})
	if err != nil {
		return Ref{}, err
	}
	if c.faults.count > 0 && !c.skipBad {
		return Ref{}, fmt.Errorf("%s; %s", c.faults.text(), c.mend)
	}
	if c.faults.count > 0 {
		c.note("files left out because they cannot be used: %d; the first: %s", c.faults.count, c.faults.first)
	}
	if err := c.divide(good); err != nil {
		return Ref{}, err
	}
	labels, parts := make([]int32, len(good)), make([]part, len(good))
	train := make(moments, c.form.channels)
	for i, picture := range good {
		labels[i], parts[i] = picture.label, picture.part
		if picture.part != partTest {
			train.add(sums[i])
		}
	}
	c.info.Mean, c.info.Std = train.normal(c.info.Train * c.form.width * c.form.height)
	c.info.Size = int64(len(good)) * int64(c.form.size()+5)
	if err := w.finish(labels, parts, packHeader{Made: made, Info: c.info, Checks: c.checks, Notes: c.notes}); err != nil {
		return Ref{}, err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return Ref{}, err
	}
	return refOf(path)
}

// decode decodes the pictures, two at a time and of no more than mostPixels together,
// and hands them to each in their order.
func (c *collection) decode(ctx context.Context, pictures []picture, each func(p picture, pixels []byte, fault error) error) error {
	type decoded struct {
		pixels []byte
		fault  error
	}
	const ahead = 8 // decoded before their turn
	g, ctx := errgroup.WithContext(ctx)
	room := semaphore.NewWeighted(mostPixels)
	queue := make(chan chan decoded, ahead)
	g.Go(func() error {
		defer close(queue)
		var workers errgroup.Group
		workers.SetLimit(2)
		defer workers.Wait() //nolint:errcheck // none fails: faults are handed on
		for _, p := range pictures {
			weight := min(int64(p.Wide)*int64(p.High), mostPixels)
			if err := room.Acquire(ctx, weight); err != nil {
				return err
			}
			result := make(chan decoded, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			workers.Go(func() error {
				defer room.Release(weight)
				pixels, err := c.form.open(p)
				result <- decoded{pixels, err}
				return nil
			})
		}
		return nil
	})
	g.Go(func() error {
		next := 0
		for result := range queue {
			d := <-result
			if err := each(pictures[next], d.pixels, d.fault); err != nil {
				return err
			}
			next++
		}
		return nil
	})
	return g.Wait()
}

// open reads and decodes a picture, which must still be the one that was looked at.
func (f form) open(p picture) ([]byte, error) {
	data, err := p.read()
	if err != nil {
		return nil, bare(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.Sum {
		return nil, errors.New("changed while it was read: try again")
	}
	return f.pixels(data, p.head())
}

// moments are the sum and the sum of squares of each channel's pixels.
type moments [][2]uint64

func momentsOf(pixels []byte, channels int) moments {
	m := make(moments, channels)
	for i, v := range pixels {
		at := &m[i%channels]
		at[0] += uint64(v)
		at[1] += uint64(v) * uint64(v)
	}
	return m
}

func (m moments) add(o moments) {
	for c := range m {
		m[c][0] += o[c][0]
		m[c][1] += o[c][1]
	}
}

// normal returns mean and standard deviation of so many pixels divided by 255. The
// deviation is never 0, which nothing can be divided by.
func (m moments) normal(pixels int) (mean, std []float32) {
	n := float64(pixels)
	for _, sums := range m {
		a := float64(sums[0]) / n
		variance := float64(sums[1])/n - a*a
		mean = append(mean, float32(a/255))
		std = append(std, float32(max(math.Sqrt(max(variance, 0)), 1)/255))
	}
	return mean, std
}

// settled is how old a file must be for its size and time to tell it from a later one.
const settled = 2 * time.Second

// readLooks returns what was seen of files before, by their names in the set's
// folder; it is empty where that is unknown.
func readLooks(sheet string) map[string]look {
	looks := map[string]look{}
	if text, err := os.ReadFile(sheet); err == nil && json.Unmarshal(text, &looks) != nil {
		return map[string]look{} // they are looked at again
	}
	return looks
}

// writeLooks keeps what was seen of files, except of those that changed so shortly
// before that they may change again within the clock's step.
func writeLooks(sheet string, looks map[string]look, began time.Time) error {
	for rel, l := range looks {
		if l.Time > began.Add(-settled).UnixNano() {
			delete(looks, rel)
		}
	}
	text, err := json.Marshal(looks)
	if err != nil {
		return err
	}
	if err := os.WriteFile(sheet+".part", text, 0o600); err != nil {
		return err
	}
	return os.Rename(sheet+".part", sheet)
}
