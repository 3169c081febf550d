package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // the kinds of pictures that are read
	_ "image/jpeg"
	_ "image/png"
	"io"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// Limits of a picture. A header of few bytes may promise any number of pixels, so
// they are looked at before a picture is decoded.
const (
	mostPixels = 50_000_000
	mostLength = 20_000 // of a side
	mostBytes  = 256 << 20
)

// head is what the header of a picture says.
type head struct {
	width, height int // as the file stores it
	orientation   int // Exif's, 1 to 8
	grey          bool
}

// readHead reads the header of a picture.
func readHead(file io.ReaderAt, size int64) (h head, err error) {
	defer recovered(&err)
	if size == 0 {
		return h, errors.New("is empty")
	}
	if size > mostBytes {
		return h, fmt.Errorf("has %d bytes, %d are the most", size, mostBytes)
	}
	config, format, err := image.DecodeConfig(io.NewSectionReader(file, 0, size))
	if err != nil {
		return h, unusable(err)
	}
	h = head{config.Width, config.Height, 1, isGrey(config.ColorModel)}
	if h.width < 1 || h.height < 1 {
		return h, fmt.Errorf("has %d×%d pixels", h.width, h.height)
	}
	if h.width > mostLength || h.height > mostLength || h.width*h.height > mostPixels {
		return h, fmt.Errorf("has %d×%d pixels, %d million in all and %d on a side are the most: make it smaller", h.width, h.height, mostPixels/1_000_000, mostLength)
	}
	start := make([]byte, min(size, exifReach))
	if _, err := file.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	switch format {
	case "jpeg", "tiff":
		h.orientation = orientationOf(start)
	case "webp":
		if len(start) > 40 && string(start[12:16]) == "VP8X" && start[20]&(1<<1) != 0 {
			return h, errors.New("is an animated WebP, which cannot be read: save one of its pictures as PNG")
		}
	}
	return h, nil
}

func isGrey(model color.Model) bool {
	if palette, ok := model.(color.Palette); ok {
		for _, c := range palette {
			r, g, b, a := c.RGBA()
			if r != g || g != b || a != 0xffff {
				return false
			}
		}
		return len(palette) > 0
	}
	return model == color.GrayModel || model == color.Gray16Model
}

// unusable says in plain words why a picture cannot be decoded.
func unusable(err error) error {
	switch {
	case errors.Is(err, image.ErrFormat):
		return errors.New("is no picture of a kind that can be read")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("ends in the middle of the picture (truncated)")
	}
	return fmt.Errorf("is damaged: %w", err)
}

// recovered turns a panic of a decoder into an error: what it reads is foreign.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("is damaged: the decoder panics: %v", p)
	}
}

// form is what pictures are brought into.
type form struct {
	width, height, channels int
	fit                     string
}

var fits = []string{"crop", "pad", "stretch"}

func (f form) size() int { return f.width * f.height * f.channels }

// border is the colour around a padded picture, in the middle of what pixels can be.
var border = image.NewUniform(color.Gray{128})

// pixels decodes a picture and brings it into the form, row by row.
func (f form) pixels(data []byte, h head) (out []byte, err error) {
	defer recovered(&err)
	from, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, unusable(err)
	}
	width, height := f.width, f.height
	if h.orientation >= 5 { // on its side
		width, height = height, width
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	src, dst := f.place(from.Bounds(), to.Bounds())
	if dst != to.Bounds() {
		draw.Draw(to, to.Bounds(), border, image.Point{}, draw.Src)
	}
	draw.Draw(to, dst, image.White, image.Point{}, draw.Src)
	if src.Size() == dst.Size() {
		draw.Draw(to, dst, from, src.Min, draw.Over)
	} else {
		draw.CatmullRom.Scale(to, dst, from, src, draw.Over, nil)
	}
	return f.pack(to, h.orientation), nil
}

// place says which part of a picture goes where.
func (f form) place(from, to image.Rectangle) (src, dst image.Rectangle) {
	wide := from.Dx()*to.Dy() - from.Dy()*to.Dx() // more than 0 where from is the wider one
	switch {
	case f.fit == "stretch" || wide == 0:
		return from, to
	case f.fit == "pad" && wide > 0:
		return from, middle(to, to.Dx(), scaled(from.Dy(), to.Dx(), from.Dx()))
	case f.fit == "pad":
		return from, middle(to, scaled(from.Dx(), to.Dy(), from.Dy()), to.Dy())
	case wide > 0:
		return middle(from, scaled(from.Dy(), to.Dx(), to.Dy()), from.Dy()), to
	}
	return middle(from, from.Dx(), scaled(from.Dx(), to.Dy(), to.Dx())), to
}

// scaled is length·by/of, rounded, and at least 1.
func scaled(length, by, of int) int { return max(1, (length*by+of/2)/of) }

// middle is the rectangle of that size in the middle of r.
func middle(r image.Rectangle, width, height int) image.Rectangle {
	x, y := r.Min.X+(r.Dx()-width)/2, r.Min.Y+(r.Dy()-height)/2
	return image.Rect(x, y, x+width, y+height)
}

// pack turns the picture as Exif says, and takes the channels.
func (f form) pack(from *image.RGBA, orientation int) []byte {
	right, bottom := from.Bounds().Dx()-1, from.Bounds().Dy()-1
	out := make([]byte, 0, f.size())
	for y := range f.height {
		for x := range f.width {
			u, v := x, y
			if orientation >= 5 {
				u, v = y, x
			}
			if orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8 {
				u = right - u
			}
			if orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7 {
				v = bottom - v
			}
			c := from.RGBAAt(u, v)
			if f.channels == 1 {
				out = append(out, color.GrayModel.Convert(c).(color.Gray).Y)
			} else {
				out = append(out, c.R, c.G, c.B)
			}
		}
	}
	return out
}
