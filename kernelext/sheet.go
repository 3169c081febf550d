package kernelext

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"strings"

	"github.com/lemo-nade/lemonade/datasets"
)

// How much a sample sheet shows.
const (
	sheetEach    = 6       // pictures of a class, where they are small enough
	sheetTexts   = 3       // texts of a class
	sheetText    = 400     // characters of a text
	sheetClasses = 120     // classes
	sheetSide    = 64      // pixels of the page that a picture is wide, or about
	sheetBytes   = 110_000 // of the page, or about
)

// sheet is some samples of each class of a data set. They are the first ones that a
// study of few samples is trained on, so that they are the same each time, and none of
// those that validate or are kept for a final.
type sheet struct {
	*datasets.Set
	shown  [][]int32  // by class, indices into Train
	down   int        // so many pixels of a row become one
	images [][]string // of the same, as they stand in a page
	texts  [][]string // of the same, where the samples are texts

	train, test []int // samples of each class
}

func sheetOf(set *datasets.Set) sheet {
	s := sheet{Set: set, train: counted(set.Train, len(set.ClassNames)), test: counted(set.Test, len(set.ClassNames))}
	all := make([][]int32, min(len(set.ClassNames), sheetClasses))
	for _, i := range set.Fit(0) {
		if class := int(set.Train.Labels[i]); class < len(all) && len(all[class]) < sheetEach {
			all[class] = append(all[class], i)
		}
	}
	if set.Task == datasets.TextClassification {
		s.read(all)
		return s
	}
	largest := max(set.Shape[0], set.Shape[1])
	for s.down = max(1, (largest+sheetSide-1)/sheetSide); !s.draw(all) && s.down <= largest; {
		s.down++
	}
	return s
}

// read takes the beginnings of some texts of each class.
func (s *sheet) read(all [][]int32) {
	s.shown, s.texts = make([][]int32, len(all)), make([][]string, len(all))
	each := max(1, min(sheetTexts, sheetBytes/(sheetText+200)/max(1, len(all))))
	for class, indices := range all {
		s.shown[class] = indices[:min(len(indices), each)]
		for _, i := range s.shown[class] {
			s.texts[class] = append(s.texts[class], clip(printable(s.Text(s.Train, int(i))), sheetText))
		}
	}
}

// draw draws the first picture of each class, then the second, as long as there is
// room. It reports whether there was for the first ones.
func (s *sheet) draw(all [][]int32) bool {
	s.shown, s.images = make([][]int32, len(all)), make([][]string, len(all))
	size := 0
	for n := range sheetEach {
		pictures := make([]string, len(all))
		for class, indices := range all {
			if n < len(indices) {
				pictures[class] = dataURI(reduced{tileOf(s.Shape, s.Train, int(indices[n])), s.down})
				size += len(pictures[class]) + 220 // with what stands around it
			}
		}
		if n > 0 && size > sheetBytes {
			return true
		}
		for class, picture := range pictures {
			if picture != "" {
				s.shown[class] = append(s.shown[class], all[class][n])
				s.images[class] = append(s.images[class], picture)
			}
		}
		if size > sheetBytes {
			return false
		}
	}
	return true
}

// counted is how many samples there are of each class.
func counted(s datasets.Split, classes int) []int {
	n := make([]int, classes)
	for _, label := range s.Labels {
		if int(label) < classes {
			n[label]++
		}
	}
	return n
}

// reduced is a picture with one pixel for every few, their mean.
type reduced struct {
	tile
	down int
}

func (r reduced) ColorModel() color.Model {
	if r.channels < 3 {
		return color.GrayModel
	}
	return color.NRGBAModel
}

func (r reduced) Bounds() image.Rectangle {
	return image.Rect(0, 0, (r.width+r.down-1)/r.down, (r.height+r.down-1)/r.down)
}

func (r reduced) At(x, y int) color.Color {
	var sum [3]int
	n := 0
	for i := y * r.down; i < min((y+1)*r.down, r.height); i++ {
		for j := x * r.down; j < min((x+1)*r.down, r.width); j++ {
			red, green, blue := r.pixel(j, i)
			sum[0], sum[1], sum[2] = sum[0]+int(red), sum[1]+int(green), sum[2]+int(blue)
			n++
		}
	}
	mean := func(c int) byte { return byte((sum[c] + n/2) / n) }
	if r.channels < 3 {
		return color.Gray{Y: mean(0)}
	}
	return color.NRGBA{mean(0), mean(1), mean(2), 255}
}

// words say what is shown.
func (s sheet) words() string {
	each := 0
	for _, indices := range s.shown {
		each = max(each, len(indices))
	}
	noun := samplesOf(s.Info)
	pictures := fmt.Sprintf("%d %s", each, noun)
	if each == 1 {
		pictures = "One " + strings.TrimSuffix(noun, "s")
	}
	text := fmt.Sprintf("%s of each class", pictures)
	if more := len(s.ClassNames) - len(s.shown); more > 0 {
		text = fmt.Sprintf("%s of each of the first %d classes, of %s", pictures, len(s.shown), thousands(len(s.ClassNames)))
	}
	if s.down > 1 {
		text += fmt.Sprintf(", made smaller by %d", s.down)
	}
	if s.texts != nil {
		text += " (their beginnings, as a network reads them; ▢ is a word that it does not know)"
	}
	return text + ": the first that a network is trained on, the same each time. None validates or is kept for a final."
}

// text is the set with how many samples each class has, and which a notebook shows.
func (s sheet) text() string {
	rows := [][]string{{"class", "to train and validate", "for a final", "pictures that a notebook shows"}}
	if s.texts != nil {
		rows[0][3] = "the texts below"
	}
	for class := range s.shown {
		rows = append(rows, []string{className(s.ClassNames, class), thousands(s.train[class]), thousands(s.test[class]), strings.Trim(fmt.Sprint(s.shown[class]), "[]")})
	}
	return infoText(s.Info) + "\n" + aligned(rows, func(i int) bool { return i == 1 || i == 2 }) + s.words() + "\n" + s.textsBelow()
}

// textsBelow are the texts that are shown, by class.
func (s sheet) textsBelow() string {
	var b strings.Builder
	for class, texts := range s.texts {
		for i, text := range texts {
			fmt.Fprintf(&b, "\n%s, training text %d:\n  %s\n", className(s.ClassNames, class), s.shown[class][i], text)
		}
	}
	return b.String()
}

// textHTML is a text of a data set in a page, down to some characters.
func textHTML(text string) string {
	return `<div style="margin:2px 0 2px 12px;padding:2px 0 2px 8px;border-left:3px solid rgba(128,128,128,.4);white-space:normal;overflow-wrap:anywhere">` +
		html.EscapeString(clip(printable(text), sheetText)) + `</div>`
}

func (s sheet) html() string {
	var b strings.Builder
	b.WriteString(infoHTML(s.Info))
	fmt.Fprintf(&b, `<div style="font-size:12px;opacity:.7;max-width:1000px">%s</div><div style="display:flex;flex-wrap:wrap;gap:8px 24px;margin:8px 0">`, html.EscapeString(s.words()))
	for class, pictures := range s.images {
		name := className(s.ClassNames, class)
		fmt.Fprintf(&b, `<figure style="margin:0"><figcaption style="font-size:12px"><b>%s</b> <span style="opacity:.7">%s</span></figcaption>`, html.EscapeString(name), thousands(s.train[class]+s.test[class]))
		for i, picture := range pictures {
			index := int(s.shown[class][i])
			size := reduced{tileOf(s.Shape, s.Train, index), s.down}.Bounds().Size()
			up := max(1, sheetSide/max(size.X, size.Y))
			fmt.Fprintf(&b, `<img src="%s" alt="%s" title="%s" width="%d" height="%d" style="display:inline-block;max-width:none;margin:1px;image-rendering:pixelated">`,
				picture, html.EscapeString(name), html.EscapeString(fmt.Sprintf("%s, training picture %d", name, index)), size.X*up, size.Y*up)
		}
		b.WriteString(`</figure>`)
	}
	for class, texts := range s.texts {
		fmt.Fprintf(&b, `<div style="flex:1 1 380px;max-width:480px;font-size:12px"><b>%s</b> <span style="opacity:.7">%s</span>`,
			html.EscapeString(className(s.ClassNames, class)), thousands(s.train[class]+s.test[class]))
		for _, text := range texts {
			b.WriteString(textHTML(text))
		}
		b.WriteString(`</div>`)
	}
	return b.String() + `</div>`
}
