package energy

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestCarbon(t *testing.T) {
	for _, test := range []struct {
		location, factor string
		grams            float64 // of 2 kWh
		note             string
	}{
		{"", "", 960, "world 2023, Ember via Our World in Data"},
		{"DE", "", 762, "Germany 2023"},
		{"germany", "", 762, "Germany 2023"},
		{" Turkey ", "", 930, "Türkiye 2023"},
		{"UK", "", 476, "United Kingdom 2023"},
		{"is", "", 56, "Iceland 2022"},
		{"DE", "12.5", 25, "LEMONADE_CARBON_INTENSITY"},
		{"", "0", 0, "0 g CO2e/kWh"},
		{"Atlantis", "", 960, "LEMONADE_LOCATION=Atlantis"},
	} {
		clean(t)
		t.Setenv("LEMONADE_LOCATION", test.location)
		t.Setenv("LEMONADE_CARBON_INTENSITY", test.factor)
		got := Carbon(2)
		if math.Abs(got.Value-test.grams) > 1e-9 || got.Unit != "g" || got.Method != trial.MethodCalculation || !strings.Contains(got.Note, test.note) {
			t.Errorf("%q, %q: %+v; want %g g and %q", test.location, test.factor, got, test.grams, test.note)
		}
	}
}

func TestGrids(t *testing.T) {
	seen := map[string]bool{}
	for i, g := range grids {
		if i > 0 && !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(g.code) {
			t.Errorf("%s: code %q", g.names, g.code)
		}
		if g.grams < 10 || g.grams > 1000 || g.year < 2022 {
			t.Errorf("implausible row %+v", g)
		}
		for _, name := range append(strings.Split(g.names, "|"), g.code) {
			if seen[strings.ToLower(name)] {
				t.Errorf("%q is there twice", name)
			}
			seen[strings.ToLower(name)] = true
		}
	}
}

func TestPUE(t *testing.T) {
	for set, want := range map[string]float64{"": 1, "1.2": 1.2, "0.5": 0, "x": 0, "NaN": 0} {
		clean(t)
		t.Setenv("LEMONADE_PUE", set)
		got, err := PUE()
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("LEMONADE_PUE=%q: %v, %v", set, got, err)
		}
	}
}
