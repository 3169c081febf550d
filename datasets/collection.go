package datasets

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// collection is a set that lies there as many files of pictures.
type collection struct {
	info Info // what is known without looking at the pictures
	*listing
	form      form // what is zero is chosen from the pictures
	skipBad   bool
	published bool   // it has the classes and the pictures that it should, copies included, in their order
	mend      string // what to do about files that cannot be used
}

// picture is one of a collection that can be used, as far as is known.
type picture struct {
	imageFile
	look
	label int32
}

// look is what was seen of a file. It is kept beside the packed file, so that files
// whose size and time are the same are not read again.
type look struct {
	Size  int64  `json:"size"`
	Time  int64  `json:"time"`            // ns
	Sum   string `json:"sum,omitempty"`   // SHA-256 of the content
	Other string `json:"other,omitempty"` // MD5, where that is published
	Wide  int    `json:"wide"`
	High  int    `json:"high"`
	Turn  int    `json:"turn"` // Exif's orientation
	Grey  bool   `json:"grey,omitempty"`
	Fault string `json:"fault,omitempty"`
}

func (l look) head() head { return head{l.Wide, l.High, l.Turn, l.Grey} }

// read returns the content of a picture, which has no more bytes than when it was
// listed: else one too many is returned.
func (f imageFile) read() ([]byte, error) {
	open := f.open
	if open == nil {
		open = func() (io.ReadCloser, error) { return os.Open(f.path) }
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, f.size+1))
}

// lookAt reads the header of a picture or, with whole, all of it for its sum.
func lookAt(f imageFile, whole bool) look {
	l := look{Size: f.size, Time: f.mtime}
	h, err := func() (head, error) {
		if whole && f.size <= mostBytes {
			data, err := f.read()
			if err != nil {
				return head{}, err
			}
			sum := sha256.Sum256(data)
			l.Sum = hex.EncodeToString(sum[:])
			return readHead(bytes.NewReader(data), int64(len(data)))
		}
		file, err := os.Open(f.path)
		if err != nil {
			return head{}, err
		}
		defer file.Close()
		return readHead(file, f.size)
	}()
	if err != nil {
		l.Fault = bare(err).Error()
	}
	l.Wide, l.High, l.Turn, l.Grey = h.width, h.height, h.orientation, h.grey
	return l
}

// survey looks at all files, two at a time, except at those that are known.
func (c *collection) survey(ctx context.Context, known map[string]look, whole bool, tell func(done, total int64)) ([]picture, error) {
	out := make([]picture, len(c.files))
	labels := map[string]int32{}
	for i, name := range c.info.ClassNames {
		labels[name] = int32(i)
	}
	var total, done int64
	var todo []int
	for i, f := range c.files {
		out[i] = picture{imageFile: f, label: labels[f.class]}
		if k, ok := known[f.rel]; ok && k.Size == f.size && k.Time == f.mtime {
			out[i].look = k
		} else {
			total += f.size
			todo = append(todo, i)
		}
	}
	var g errgroup.Group
	var telling sync.Mutex
	g.SetLimit(2)
	for _, i := range todo {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			out[i].look = lookAt(c.files[i], whole)
			telling.Lock()
			defer telling.Unlock()
			done += c.files[i].size
			tell(done, total)
			return nil
		})
	}
	return out, errors.Join(g.Wait(), ctx.Err())
}

// usable are the pictures that can be used, those that are there twice once. They
// are in the order of their contents, so that names and times do not matter.
func (c *collection) usable(all []picture) ([]picture, error) {
	var good []picture
	for _, p := range all {
		if p.Fault != "" {
			c.faults.add(p.rel, errors.New(p.Fault))
		} else {
			good = append(good, p)
		}
	}
	if !c.published {
		good = c.single(good)
	}
	if c.faults.count == 0 {
		return good, nil
	}
	if !c.skipBad {
		return nil, fmt.Errorf("%s; %s", c.faults.text(), c.mend)
	}
	return good, nil
}

// single keeps one picture of each content. Where the sums are unknown it keeps all.
func (c *collection) single(pictures []picture) []picture {
	slices.SortFunc(pictures, func(a, b picture) int {
		return cmp.Or(cmp.Compare(a.Sum, b.Sum), -cmp.Compare(a.part, b.part), cmp.Compare(a.rel, b.rel))
	})
	alike := func(rest []picture) (n int) {
		for n = 1; rest[0].Sum != "" && n < len(rest) && rest[n].Sum == rest[0].Sum; n++ {
		}
		return n
	}
	out, copies := single(pictures, "content", alike, func(p picture) sameness { return sameness{p.rel, p.class, p.label, p.part} }, &c.faults)
	if copies > 0 {
		c.note("%d pictures are exact copies of others and are used once", copies)
	}
	return out
}

func (c *collection) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// usualSides are those that are chosen among where none is asked for.
var usualSides = []int{8, 12, 16, 24, 32, 48, 64}

// choose completes the form.
func (c *collection) choose(pictures []picture) {
	if c.form.channels == 0 {
		c.form.channels = 3
		if !slices.ContainsFunc(pictures, func(p picture) bool { return !p.Grey }) {
			c.form.channels = 1
		}
	}
	if c.form.width > 0 {
		return
	}
	most, alike := usualSides[len(usualSides)-1], true
	shorter := make([]int, len(pictures))
	var first [2]int
	for i, p := range pictures {
		size := [2]int{p.Wide, p.High}
		if p.Turn >= 5 {
			size[0], size[1] = p.High, p.Wide
		}
		if i == 0 {
			first = size
		}
		alike = alike && size == first
		shorter[i] = min(p.Wide, p.High)
	}
	if alike && max(first[0], first[1]) <= most && min(first[0], first[1]) >= leastSide {
		c.form.width, c.form.height = first[0], first[1]
		return
	}
	slices.Sort(shorter)
	side := usualSides[0]
	for _, s := range usualSides {
		if s <= shorter[len(shorter)/2] {
			side = s
		}
	}
	c.form.width, c.form.height = side, side
}

// divide sets the split of each picture, where it is not given, and counts.
func (c *collection) divide(pictures []picture) error {
	labels, parts := make([]int32, len(pictures)), make([]part, len(pictures))
	for i, p := range pictures {
		labels[i], parts[i] = p.label, p.part
	}
	c.info.Shape = []int{c.form.height, c.form.width, c.form.channels}
	if bytes := int64(len(pictures)) * int64(c.form.size()); bytes > mostPixelBytes {
		return fmt.Errorf("%d pictures of %d×%d take %d GB in memory, %d are the most: choose a smaller size", len(pictures), c.form.width, c.form.height, bytes>>30, mostPixelBytes>>30)
	}
	note, err := division{info: &c.info, tests: c.tests, checks: c.checks, noun: "picture"}.draw(labels, parts)
	if err != nil {
		return err
	}
	for i, p := range parts {
		pictures[i].part = p
	}
	if note != "" {
		c.note("%s", note)
	}
	return nil
}

// mostPixelBytes bounds what a set takes in memory.
const mostPixelBytes = 8 << 30

// describe is what the names and the headers of the files tell.
func (c *collection) describe() (Info, error) {
	pictures, err := c.settle(context.Background(), nil, false, func(int64, int64) {})
	if err != nil {
		return Info{}, err
	}
	return c.info, c.divide(pictures)
}

// settle looks at the files, and returns the pictures that can be used, in order.
func (c *collection) settle(ctx context.Context, known map[string]look, whole bool, tell func(done, total int64)) ([]picture, error) {
	if !c.published {
		c.info.ClassNames = c.classes()
	}
	all, err := c.survey(ctx, known, whole, tell)
	if err != nil {
		return nil, err
	}
	if known != nil {
		clear(known)
		for _, p := range all {
			known[p.rel] = p.look
		}
	}
	pictures, err := c.usable(all)
	if err != nil {
		return nil, err
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("none of the pictures can be used; the first: %s", c.faults.text())
	}
	c.choose(pictures)
	return pictures, nil
}
