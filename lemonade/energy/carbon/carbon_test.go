package carbon

import (
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// setenv sets the variables that this package reads; one that is "" is unset.
func setenv(t *testing.T, location, intensity, pue string) {
	t.Helper()
	for name, value := range map[string]string{"LEMONADE_LOCATION": location, "LEMONADE_CARBON_INTENSITY": intensity, "LEMONADE_PUE": pue} {
		t.Setenv(name, value) // so that its value comes back after the test
		if value == "" {
			os.Unsetenv(name)
		}
	}
}

func TestAccount(t *testing.T) {
	const (
		byOption = "set by option"
		byEnv    = "set by LEMONADE_CARBON_INTENSITY"
		world    = "world 2023, Ember via Our World in Data"
		germany  = "Germany 2023, Ember via Our World in Data"
		sweden   = "Sweden 2023, Ember via Our World in Data"
	)
	for _, test := range []struct {
		name                     string
		options                  Options
		location, intensity, pue string // in the environment
		want                     trial.Accounting
	}{
		{"nothing said", Options{}, "", "", "", trial.Accounting{PUE: 1, Intensity: 480, Source: world}},
		{"code", Options{}, "DE", "", "", trial.Accounting{PUE: 1, Intensity: 381, Source: germany}},
		{"name in small letters", Options{}, "germany", "", "", trial.Accounting{PUE: 1, Intensity: 381, Source: germany}},
		{"another name, with spaces", Options{}, " Turkey ", "", "", trial.Accounting{PUE: 1, Intensity: 465, Source: "Türkiye 2023, Ember via Our World in Data"}},
		{"abbreviation", Options{}, "UK", "", "", trial.Accounting{PUE: 1, Intensity: 238, Source: "United Kingdom 2023, Ember via Our World in Data"}},
		{"another year", Options{}, "is", "", "", trial.Accounting{PUE: 1, Intensity: 28, Source: "Iceland 2022, Ember via Our World in Data"}},
		{"world by name", Options{}, "World", "", "", trial.Accounting{PUE: 1, Intensity: 480, Source: world}},
		{"intensity over place", Options{}, "DE", "12.5", "", trial.Accounting{PUE: 1, Intensity: 12.5, Source: byEnv}},
		{"intensity over unknown place", Options{}, "Atlantis", "12.5", "", trial.Accounting{PUE: 1, Intensity: 12.5, Source: byEnv}},
		{"none at all", Options{}, "", "0", "", trial.Accounting{PUE: 1, Intensity: 0, Source: byEnv}},
		{"PUE", Options{}, "", "", "1.2", trial.Accounting{PUE: 1.2, Intensity: 480, Source: world}},

		{"place by option", Options{Location: "se"}, "", "", "", trial.Accounting{PUE: 1, Intensity: 41, Source: sweden}},
		{"place by option over place", Options{Location: "se"}, "DE", "", "", trial.Accounting{PUE: 1, Intensity: 41, Source: sweden}},
		{"place by option over intensity", Options{Location: "se"}, "", "12.5", "", trial.Accounting{PUE: 1, Intensity: 41, Source: sweden}},
		{"intensity by option over all", Options{Location: "se", Intensity: 7}, "DE", "12.5", "", trial.Accounting{PUE: 1, Intensity: 7, Source: byOption}},
		{"option over wrong environment", Options{Intensity: 7, PUE: 1.5}, "Atlantis", "x", "x", trial.Accounting{PUE: 1.5, Intensity: 7, Source: byOption}},
		{"PUE by option", Options{PUE: 1.5}, "DE", "", "1.2", trial.Accounting{PUE: 1.5, Intensity: 381, Source: germany}},
	} {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, test.location, test.intensity, test.pue)
			got, err := Account(test.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccountRefuses(t *testing.T) {
	for _, test := range []struct {
		name                     string
		options                  Options
		location, intensity, pue string
		want                     []string // each in the error
	}{
		{"place", Options{}, "Atlantis", "", "", []string{"LEMONADE_LOCATION=Atlantis: no carbon intensity is known; take one of world, United States, China", "or set LEMONADE_CARBON_INTENSITY"}},
		{"place by option", Options{Location: "Atlantis"}, "DE", "12", "", []string{"location: Atlantis: no carbon intensity is known"}},
		{"negative intensity", Options{}, "", "-5", "", []string{"LEMONADE_CARBON_INTENSITY=-5: give grams of CO2e per kWh"}},
		{"tons", Options{}, "", "381000", "", []string{"LEMONADE_CARBON_INTENSITY=381000"}},
		{"no number", Options{}, "", "NaN", "", []string{"LEMONADE_CARBON_INTENSITY=NaN"}},
		{"negative intensity by option", Options{Intensity: -5}, "", "", "", []string{"carbon intensity: -5 is not between 0 and 5000"}},
		{"no number by option", Options{Intensity: math.NaN()}, "", "", "", []string{"carbon intensity: NaN is not"}},
		{"PUE below 1", Options{}, "", "", "0.9", []string{"LEMONADE_PUE=0.9: give the power usage effectiveness, 1 or more"}},
		{"PUE in per cent", Options{}, "", "", "120", []string{"LEMONADE_PUE=120"}},
		{"PUE in words", Options{}, "", "", "x", []string{"LEMONADE_PUE=x"}},
		{"PUE by option", Options{PUE: 0.9}, "", "", "1.2", []string{"PUE: 0.9 is not between 1 and 10"}},
		{"both at once", Options{}, "Atlantis", "", "x", []string{"LEMONADE_LOCATION=Atlantis", "LEMONADE_PUE=x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, test.location, test.intensity, test.pue)
			got, err := Account(test.options)
			if err == nil || got != (trial.Accounting{}) {
				t.Fatalf("%+v, %v", got, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v; want %q in it", err, want)
				}
			}
		})
	}
}

func TestCO2e(t *testing.T) {
	a := trial.Accounting{PUE: 1.2, Intensity: 381, Source: "Germany 2023, Ember via Our World in Data"}
	want := trial.Measurement{Value: 762, Unit: "g", Method: trial.MethodCalculation, Note: "381 g CO2e/kWh (Germany 2023, Ember via Our World in Data)"}
	if diff := cmp.Diff(want, CO2e(2, a)); diff != "" { // PUE is in the 2 kWh already
		t.Error(diff)
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
