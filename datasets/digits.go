package datasets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
)

// digitsGZ holds 1,797 records of 65 bytes: label, then 8×8 pixels of 0..16.
// Its origin and licence are in digits/README.md.
//
//go:embed digits/digits.bin.gz
var digitsGZ []byte

const (
	digitsRecords = 1797
	digitsMax     = 16 // the brightest pixel
)

var digitsInfo = Info{
	Name:       "digits",
	Title:      "Digits (UCI Optical Recognition of Handwritten Digits)",
	Licence:    "CC BY 4.0, E. Alpaydin and C. Kaynak",
	Source:     "https://doi.org/10.24432/C50P49",
	Task:       ImageClassification,
	DType:      Uint8,
	Shape:      []int{8, 8, 1},
	ClassNames: []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
	Train:      1437,
	Test:       360,
	Validation: 143,
	Mean:       []float32{0.3051},
	Std:        []float32{0.3760},
}

// digits is the embedded set.
type digits struct{}

func (digits) describe() (Info, error) { return digitsInfo, nil }

func (digits) find(string) (string, bool) { return "embedded", true }

func (digits) prepare(prep) (Ref, error) {
	_, content, err := digitsRaw()
	return Ref{Fingerprint: content}, err
}

// digitsRaw returns the uncompressed records and their fingerprint.
func digitsRaw() (raw []byte, content string, err error) {
	z, err := gzip.NewReader(bytes.NewReader(digitsGZ))
	if err != nil {
		return nil, "", fmt.Errorf("the embedded copy is damaged: %w", err)
	}
	if raw, err = io.ReadAll(z); err != nil {
		return nil, "", fmt.Errorf("the embedded copy is damaged: %w", err)
	}
	sum := sha256.Sum256(raw)
	return raw, digitsInfo.Name + ":" + hex.EncodeToString(sum[:8]), nil
}

// load stretches the pixels to 0..255 and sets the first 360 of the
// stratified order aside as the test split. Within both splits the samples keep
// the published order.
func (digits) load(Ref) (*Set, error) {
	raw, content, err := digitsRaw()
	if err != nil {
		return nil, err
	}
	g := digitsInfo.geometry()
	all := g.alloc(digitsRecords)
	if err := g.read(bytes.NewReader(raw), digitsRecords, all, 0); err != nil {
		return nil, fmt.Errorf("the embedded copy %w", err)
	}
	for i, v := range all.Images {
		all.Images[i] = byte((int(v)*255 + digitsMax/2) / digitsMax)
	}
	order := stratify(all.Labels, nil, saltTest)
	test, train := order[:digitsInfo.Test], order[digitsInfo.Test:]
	slices.Sort(test)
	slices.Sort(train)
	return &Set{content: content, Train: g.pick(all, train), Test: g.pick(all, test)}, nil
}

// pick copies the samples of the given indices.
func (g geometry) pick(from Split, indices []int32) Split {
	size := g.size()
	to := g.alloc(len(indices))
	for k, i := range indices {
		to.Labels[k] = from.Labels[i]
		copy(to.Images[k*size:][:size], from.Images[int(i)*size:])
	}
	return to
}
