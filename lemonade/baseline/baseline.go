// Package baseline has networks that were written by hand, for a search to be held
// against: programs without a recipe, so that a study trains them under its own.
package baseline

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Program is one of them.
type Program struct {
	Name   string // one word
	Title  string // for people
	Source string
}

var (
	//go:embed resnet20.star
	resnet20 string
	//go:embed mobilenet.star
	mobilenet string
	//go:embed cnn.star
	cnn string
	//go:embed bag.star
	bag string
	//go:embed textcnn.star
	textCNN string
)

var (
	forImages = []Program{
		{"resnet20", "ResNet-20 (He et al. 2016)", resnet20},
		{"mobilenet", "a small network like MobileNetV2 (Sandler et al. 2018)", mobilenet},
		{"cnn", "a plain convolutional network", cnn},
	}
	forTexts = []Program{
		{"bag", "the mean of the words' vectors", bag},
		{"textcnn", "a convolutional network over words (Kim 2014)", textCNN},
	}
)

// For returns the programs for an input: images of any size from 4×4 on, or texts.
func For(in arch.Input) ([]Program, error) {
	if arch.IsText(in) {
		return forTexts, nil
	}
	shape, ok := in.(arch.Shape)
	if !ok || len(shape) != 3 || min(shape[0], shape[1]) < 4 {
		return nil, fmt.Errorf("baselines: there are none for samples of shape %s, only for texts and for images from 4×4 on: try a program of your own", in)
	}
	return forImages, nil
}

// Named returns those of the programs that have these names, or all without one.
func Named(all []Program, names ...string) ([]Program, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	byName := map[string]Program{}
	for _, p := range all {
		known = append(known, p.Name)
		byName[p.Name] = p
	}
	var found []Program
	for _, name := range names {
		p, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("baselines: there is no %q for such data: choose among %s", name, strings.Join(known, ", "))
		}
		found = append(found, p)
	}
	return found, nil
}
