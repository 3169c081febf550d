package kernelext

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"path"
	"strings"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// The layout of the gallery in pixels.
const (
	galleryColumns = 4
	gallerySide    = 64  // a small picture's longer side, at most
	galleryWords   = 108 // room for the words beside a picture
	galleryLeast   = 64  // height of a cell
	galleryTexts   = 12  // texts, which take more room
)

// gallery shows the mistakes that are kept: one picture with all of them in it, and
// the words over it. Where the pictures cannot be had there are the words alone.
func (q quality) gallery() string {
	var b strings.Builder
	set, rows, err := q.loaded()
	shown := len(q.Mistakes)
	if err == nil && set.Task == datasets.TextClassification {
		shown = min(shown, galleryTexts)
	}
	fmt.Fprintf(&b, `<div style="font-weight:bold;margin:8px 0">%s</div>`, html.EscapeString(q.ofMistakes(shown)))
	if err != nil {
		fmt.Fprintf(&b, `<div style="opacity:.7">The %s are not shown: %s</div><ul style="margin:4px 0">`, q.noun, html.EscapeString(printable(err.Error())))
		for _, a := range q.Mistakes {
			fmt.Fprintf(&b, `<li>%s</li>`, q.captionHTML(a))
		}
		return b.String() + `</ul>`
	}
	if set.Task == datasets.TextClassification {
		return b.String() + q.textsHTML(set, rows[:shown])
	}
	tiles := make([]image.Image, len(rows))
	for i, row := range rows {
		tiles[i] = tileOf(set.Shape, set.Train, row)
	}
	tile := tiles[0].Bounds()
	cellWidth, cellHeight := tile.Dx()+galleryWords+16, max(tile.Dy(), galleryLeast)+8
	columns := min(len(tiles), galleryColumns)
	board := image.NewNRGBA(image.Rect(0, 0, columns*cellWidth, (len(tiles)+columns-1)/columns*cellHeight))
	place := func(i int) image.Point { return image.Pt(i%columns*cellWidth, i/columns*cellHeight) }
	for i, picture := range tiles {
		at := place(i)
		for y := range tile.Dy() {
			for x := range tile.Dx() {
				board.Set(at.X+x, at.Y+y, picture.At(x, y))
			}
		}
	}
	size := board.Bounds()
	fmt.Fprintf(&b, `<div style="overflow-x:auto"><div style="position:relative;width:%dpx;height:%dpx">`+
		`<img src="%s" alt="the pictures of these mistakes" width="%d" height="%d" style="max-width:none;margin:0;image-rendering:pixelated">`,
		size.Dx(), size.Dy(), dataURI(board), size.Dx(), size.Dy())
	for i, a := range q.Mistakes {
		at := place(i)
		fmt.Fprintf(&b, `<div style="position:absolute;left:%dpx;top:%dpx;width:%dpx;height:%dpx;overflow:hidden;font-size:12px;line-height:1.25;overflow-wrap:anywhere">%s</div>`,
			at.X+tile.Dx()+6, at.Y, galleryWords, cellHeight-4, q.captionHTML(a))
	}
	return b.String() + `</div></div>`
}

func (q quality) captionHTML(a trial.Answer) string {
	return fmt.Sprintf(`is <b>%s</b>, read as <b>%s</b> (%s)`, html.EscapeString(q.name(a.True)), html.EscapeString(q.name(a.Predicted)), sure(a))
}

// textsHTML are the beginnings of the mistakes of a set of texts, as the network reads
// them.
func (q quality) textsHTML(set *datasets.Set, rows []int) string {
	var b strings.Builder
	b.WriteString(`<div style="max-width:1000px">`)
	for i, row := range rows {
		fmt.Fprintf(&b, `<div style="margin:6px 0">%s%s</div>`, q.captionHTML(q.Mistakes[i]), textHTML(set.Text(set.Train, row)))
	}
	return b.String() + `</div>`
}

// loaded reads the data set on this machine, and returns where in its training split
// the mistakes are. It must be the one that the mistakes were counted on.
func (q quality) loaded() (*datasets.Set, []int, error) {
	content, _, _ := strings.Cut(q.Data, "/")
	name, _, _ := strings.Cut(content, ":")
	if strings.HasPrefix(q.set, name+":") || strings.HasPrefix(q.set, name+"?") { // a spec, of which a fingerprint has the beginning alone
		name = q.set
	}
	cache, err := dataCache()
	if err != nil {
		return nil, nil, err
	}
	dir, ok := datasets.Find(name, cache)
	if !ok {
		return nil, nil, fmt.Errorf("the data set %s is not on this machine: set %s to the folder that has it", name, datasets.Env)
	}
	ref := datasets.Ref{Name: name, Dir: dir, Fingerprint: content}
	if now := path.Dir(datasets.Fingerprint(ref, 0)); now != path.Dir(q.Data) {
		return nil, nil, fmt.Errorf("they are numbered in %s, and here that is %s", path.Dir(q.Data), now)
	}
	set, err := datasets.Load(ref)
	if err != nil {
		return nil, nil, err
	}
	validate := set.Validate()
	var rows []int
	for _, a := range q.Mistakes {
		if a.Index < 0 || a.Index >= len(validate) || int(set.Train.Labels[validate[a.Index]]) != a.True {
			return nil, nil, fmt.Errorf("%s %d of the set's validation split is not a mistake of class %d", strings.TrimSuffix(q.noun, "s"), a.Index, a.True)
		}
		rows = append(rows, int(validate[a.Index]))
	}
	return set, rows, nil
}

// tile is a picture of a data set at the gallery's size: each pixel as a square of
// them, or every few pixels one.
type tile struct {
	pixels                  []byte // height × width × channels
	height, width, channels int
}

// scale is how many pixels each becomes, or how many become one.
func (t tile) scale() (up, down int) {
	side := max(t.height, t.width)
	return max(1, gallerySide/side), max(1, (side+gallerySide-1)/gallerySide)
}

func (t tile) ColorModel() color.Model { return color.NRGBAModel }

func (t tile) Bounds() image.Rectangle {
	up, down := t.scale()
	return image.Rect(0, 0, (t.width*up+down-1)/down, (t.height*up+down-1)/down)
}

func (t tile) At(x, y int) color.Color {
	up, down := t.scale()
	r, g, b := t.pixel(x*down/up, y*down/up)
	return color.NRGBA{r, g, b, 255}
}

// pixel is the colour of a pixel of the picture itself.
func (t tile) pixel(x, y int) (r, g, b byte) {
	p := t.pixels[(y*t.width+x)*t.channels:][:t.channels]
	if t.channels < 3 {
		return p[0], p[0], p[0]
	}
	return p[0], p[1], p[2]
}

// tileOf is a picture of a split.
func tileOf(shape []int, split datasets.Split, i int) tile {
	height, width, channels := shape[0], shape[1], shape[2]
	size := height * width * channels
	return tile{split.Images[i*size:][:size], height, width, channels}
}

// dataURI is a picture in a page.
func dataURI(picture image.Image) string {
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, picture); err != nil {
		panic(err) // a buffer takes everything
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(packed.Bytes())
}
