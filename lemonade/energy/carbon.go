package energy

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// grid is the carbon intensity of a country's electricity.
type grid struct {
	code  string // ISO 3166-1 alpha-2
	names string // as LEMONADE_LOCATION may have it; the first is shown
	grams float64
	year  int
}

// gridSource is where the table is from.
const gridSource = "Ember via Our World in Data"

// grids holds the carbon intensity of electricity by country, in gCO2e/kWh, from
// Ember's yearly electricity data through Our World in Data
// (https://ourworldindata.org/grapher/carbon-intensity-electricity). The first
// row, the world, stands in where no place is given, and is rounded.
var grids = []grid{
	{"", "world", 480, 2023},
	{"US", "United States|USA|United States of America", 369, 2023},
	{"CN", "China", 582, 2023},
	{"IN", "India", 713, 2023},
	{"DE", "Germany", 381, 2023},
	{"FR", "France", 56, 2023},
	{"GB", "United Kingdom|UK|Great Britain", 238, 2023},
	{"ES", "Spain", 174, 2023},
	{"IT", "Italy", 331, 2023},
	{"PL", "Poland", 662, 2023},
	{"SE", "Sweden", 41, 2023},
	{"NO", "Norway", 30, 2023},
	{"CH", "Switzerland", 35, 2023},
	{"NL", "Netherlands", 268, 2023},
	{"FI", "Finland", 79, 2023},
	{"DK", "Denmark", 152, 2023},
	{"IE", "Ireland", 291, 2023},
	{"JP", "Japan", 485, 2023},
	{"KR", "South Korea|Korea", 431, 2023},
	{"TW", "Taiwan", 642, 2023},
	{"SG", "Singapore", 471, 2023},
	{"AU", "Australia", 549, 2023},
	{"CA", "Canada", 170, 2023},
	{"BR", "Brazil", 98, 2023},
	{"MX", "Mexico", 507, 2023},
	{"ZA", "South Africa", 708, 2023},
	{"TR", "Türkiye|Turkey", 465, 2023},
	{"RU", "Russia", 441, 2023},
	{"ID", "Indonesia", 676, 2022},
	{"IS", "Iceland", 28, 2022},
}

// factor is a carbon intensity and where it is from.
type factor struct {
	grams  float64 // CO2e per kWh
	source string
}

// intensity returns LEMONADE_CARBON_INTENSITY (gCO2e/kWh) if set, else that of
// LEMONADE_LOCATION (a country's name or two-letter code), else the world's.
func intensity() (factor, error) {
	if set := os.Getenv("LEMONADE_CARBON_INTENSITY"); set != "" {
		grams, err := strconv.ParseFloat(set, 64)
		if err != nil || !(grams >= 0 && grams <= 5000) {
			return factor{}, fmt.Errorf("LEMONADE_CARBON_INTENSITY=%s: give grams of CO2e per kWh, such as 381", set)
		}
		return factor{grams, "set by LEMONADE_CARBON_INTENSITY"}, nil
	}
	place := strings.TrimSpace(os.Getenv("LEMONADE_LOCATION"))
	if place == "" {
		return grids[0].factor(), nil
	}
	var known []string
	for _, g := range grids {
		names := strings.Split(g.names, "|")
		for _, name := range append(names, g.code) {
			if strings.EqualFold(name, place) {
				return g.factor(), nil
			}
		}
		known = append(known, names[0])
	}
	return factor{}, fmt.Errorf("LEMONADE_LOCATION=%s: no carbon intensity is known; take one of %s, or set LEMONADE_CARBON_INTENSITY to grams of CO2e per kWh",
		place, strings.Join(known, ", "))
}

func (g grid) factor() factor {
	name, _, _ := strings.Cut(g.names, "|")
	return factor{g.grams, fmt.Sprintf("%s %d, %s", name, g.year, gridSource)}
}

// Carbon returns the greenhouse gas of that much electricity, in grams of CO2e,
// with the factor, its year and its source in the note. An environment that
// [Open] would refuse is met with the world's average, and the note says so.
func Carbon(kWh float64) trial.Measurement {
	f, err := intensity()
	if err != nil {
		f = grids[0].factor()
		f.source += "; " + err.Error()
	}
	return trial.Measurement{
		Value: kWh * f.grams, Unit: "g", Method: trial.MethodCalculation,
		Note: fmt.Sprintf("%g g CO2e/kWh (%s)", f.grams, f.source),
	}
}

// PUE returns the power usage effectiveness of the building, by which the
// energy of the computer is multiplied: LEMONADE_PUE, else 1.0, which counts the
// computer alone.
func PUE() (float64, error) {
	set := os.Getenv("LEMONADE_PUE")
	if set == "" {
		return 1, nil
	}
	pue, err := strconv.ParseFloat(set, 64)
	if err != nil || !(pue >= 1 && pue <= 10) {
		return 0, fmt.Errorf("LEMONADE_PUE=%s: give the power usage effectiveness, 1 or more, such as 1.2", set)
	}
	return pue, nil
}
