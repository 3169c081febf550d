// Package carbon turns electricity into greenhouse gas: energy × the power usage
// effectiveness of the building × the carbon intensity of the grid.
//
// Nothing is looked up on a network: the place is an option or in the
// environment, else the world's average stands in. Every figure carries its
// factor with place, year and source.
//
//	LEMONADE_LOCATION          a country, by name or ISO 3166-1 alpha-2 code
//	LEMONADE_CARBON_INTENSITY  g CO2e per kWh, in place of the table's
//	LEMONADE_PUE               power usage effectiveness, 1 or more; default 1
package carbon

import (
	"errors"
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

// Options of [Account]. A field at its zero value takes the environment's.
type Options struct {
	Location  string  // a country, by name or two-letter code
	Intensity float64 // g CO2e per kWh; wins over Location
	PUE       float64 // power usage effectiveness
}

// Account returns how energy is turned into carbon under the options and the
// environment. An option wins over the environment, an intensity over a place.
// Every fault is reported at once.
func Account(o Options) (trial.Accounting, error) {
	a := trial.Accounting{}
	pue, pueErr := pue(o.PUE)
	grams, source, err := intensity(o)
	if err := errors.Join(err, pueErr); err != nil {
		return a, err
	}
	a.PUE, a.Intensity, a.Source = pue, grams, source
	return a, nil
}

// CO2e returns the greenhouse gas of that much electricity, PUE included, in grams
// of CO2e, with the factor and its source in the note.
func CO2e(kWh float64, a trial.Accounting) trial.Measurement {
	return trial.Measurement{
		Value: kWh * a.Intensity, Unit: "g", Method: trial.MethodCalculation, Note: Factor(a),
	}
}

// Factor names the factor between energy and carbon, with its source.
func Factor(a trial.Accounting) string {
	return fmt.Sprintf("%g g CO2e/kWh (%s)", a.Intensity, a.Source)
}

func intensity(o Options) (grams float64, source string, err error) {
	set := os.Getenv("LEMONADE_CARBON_INTENSITY")
	switch {
	case o.Intensity != 0:
		if !(o.Intensity > 0 && o.Intensity <= 5000) {
			return 0, "", fmt.Errorf("carbon intensity: %g is not between 0 and 5000: give grams of CO2e per kWh, such as 381", o.Intensity)
		}
		return o.Intensity, "set by option", nil
	case o.Location != "":
		return at(o.Location, "location: "+o.Location)
	case set != "":
		grams, err := strconv.ParseFloat(set, 64)
		if err != nil || !(grams >= 0 && grams <= 5000) {
			return 0, "", fmt.Errorf("LEMONADE_CARBON_INTENSITY=%s: give grams of CO2e per kWh, such as 381", set)
		}
		return grams, "set by LEMONADE_CARBON_INTENSITY", nil
	}
	place := strings.TrimSpace(os.Getenv("LEMONADE_LOCATION"))
	if place == "" {
		return grids[0].grams, grids[0].source(), nil
	}
	return at(place, "LEMONADE_LOCATION="+place)
}

// at looks a place up; asked says who named it.
func at(place, asked string) (grams float64, source string, err error) {
	var known []string
	for _, g := range grids {
		names := strings.Split(g.names, "|")
		for _, name := range append(names, g.code) {
			if strings.EqualFold(name, place) {
				return g.grams, g.source(), nil
			}
		}
		known = append(known, names[0])
	}
	return 0, "", fmt.Errorf("%s: no carbon intensity is known; take one of %s, or set LEMONADE_CARBON_INTENSITY to grams of CO2e per kWh",
		asked, strings.Join(known, ", "))
}

func (g grid) source() string {
	name, _, _ := strings.Cut(g.names, "|")
	return fmt.Sprintf("%s %d, %s", name, g.year, gridSource)
}

// pue is the option, else LEMONADE_PUE, else 1.0, which counts the computer alone.
func pue(option float64) (float64, error) {
	if option != 0 {
		if !(option >= 1 && option <= 10) {
			return 0, fmt.Errorf("PUE: %g is not between 1 and 10: give the power usage effectiveness, such as 1.2", option)
		}
		return option, nil
	}
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
