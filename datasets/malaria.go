package datasets

import (
	"errors"
	"regexp"
)

// malariaInfo counts the splits as they are aimed at; Prepare counts what whole slides
// come to.
var malariaInfo = Info{
	Name:       "malaria",
	Title:      "Malaria cell images",
	Licence:    "none stated by the publisher, the U.S. National Library of Medicine; cite Rajaraman et al., PeerJ 6:e4568, 2018",
	Source:     "https://lhncbc.nlm.nih.gov/LHC-research/LHC-projects/image-processing/malaria-datasheet.html",
	Task:       ImageClassification,
	DType:      Uint8,
	Shape:      []int{128, 128, 3},
	ClassNames: []string{"parasitized", "uninfected"},
	Train:      27558 - 5512,
	Test:       5512,
	Validation: 5512,
	Augment:    Augment{Flip: true, Turn: true},
	Download:   353452851,
	Size:       27558 * (128*128*3 + 5),
}

// malaria is the set of Rajaraman and others (2018). Its cells vary in size, and are
// stretched to one, as the field does it.
var malaria = published{
	info:    malariaInfo,
	folder:  "cell_images",
	folders: []string{"Parasitized", "Uninfected"},
	counts:  []int{13779, 13779},
	ending:  ".png",
	archive: archive{
		url:    "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
		sha256: "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
		size:   malariaInfo.Download,
	},
	fit:   "stretch",
	group: slide,
}

// slidePattern is the beginning of a cell's name: C and the number of the slide. Photographs
// of a slide through other microscopes have the same number.
var slidePattern = regexp.MustCompile(`^(?:Parasitized|Uninfected)?(C\d+)`)

// slide is the one that a cell was cut from.
func slide(name string) (string, error) {
	found := slidePattern.FindStringSubmatch(name)
	if found == nil {
		return "", errors.New("does not begin with the number of its slide, as in C100P61ThinF_…")
	}
	return found[1], nil
}
