package datasets

import (
	"fmt"
	"path/filepath"
	"strings"
)

var euroSATInfo = Info{
	Name:    "eurosat",
	Title:   "EuroSAT",
	Licence: "MIT; contains Copernicus Sentinel data",
	Source:  "https://github.com/phelber/EuroSAT",
	Task:    ImageClassification,
	DType:   Uint8,
	Shape:   []int{64, 64, 3},
	ClassNames: []string{
		"annual crop", "forest", "herbaceous vegetation", "highway", "industrial",
		"pasture", "permanent crop", "residential", "river", "sea or lake",
	},
	Train:      21600,
	Test:       5400,
	Validation: 5400,
	Augment:    Augment{Flip: true, Turn: true},
	Download:   94280567,
	Size:       27000 * (64*64*3 + 5),
}

// euroSAT is the set of Helber and others (2019), in its RGB version.
var euroSAT = published{
	info:   euroSATInfo,
	folder: "2750",
	also:   []string{filepath.Join("EuroSAT", "2750"), filepath.Join("eurosat", "2750")},
	folders: []string{
		"AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial",
		"Pasture", "PermanentCrop", "Residential", "River", "SeaLake",
	},
	counts: []int{3000, 3000, 3000, 2500, 2500, 2000, 2500, 3000, 2500, 3000},
	ending: ".jpg",
	check: func(folder, name string) error {
		if !strings.HasPrefix(name, folder+"_") {
			return fmt.Errorf("is no picture of %s by its name (moved from another folder)", folder)
		}
		return nil
	},
	archive: archive{
		url:    "https://madm.dfki.de/files/sentinel/EuroSAT.zip",
		sha256: "8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd",
		size:   euroSATInfo.Download,
	},
	fit: "crop",
}
