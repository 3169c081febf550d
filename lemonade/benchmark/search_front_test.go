package benchmark

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/tabular"
)

func TestInsert(t *testing.T) {
	var front []point
	for _, step := range []struct {
		add  point
		want []point
	}{
		{point{0.5, 0.5}, []point{{0.5, 0.5}}},
		{point{0.5, 0.5}, []point{{0.5, 0.5}}},                         // the same again
		{point{0.5, 0.6}, []point{{0.5, 0.5}}},                         // dominated
		{point{0.2, 0.8}, []point{{0.5, 0.5}, {0.2, 0.8}}},             // in the order of the costs
		{point{0.9, 0.1}, []point{{0.9, 0.1}, {0.5, 0.5}, {0.2, 0.8}}}, // before
		{point{0.2, 0.5}, []point{{0.9, 0.1}, {0.2, 0.5}}},             // dominates two of them, each in one respect alone
		{point{0, 0}, []point{{0, 0}}},
	} {
		front = insert(front, step.add)
		if diff := cmp.Diff(step.want, front); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.add, diff)
		}
	}
}

func TestHypervolumeBelow(t *testing.T) {
	for name, c := range map[string]struct {
		front     []point
		reference point
		want      float64
	}{
		"one point":              {[]point{{0.25, 0.5}}, point{1, 1}, 0.75 * 0.5},
		"two points":             {[]point{{0.5, 0.25}, {0.25, 0.5}}, point{1, 1}, 0.5*0.75 + 0.25*0.5},
		"beyond the reference":   {[]point{{0.9, 0.1}, {0.25, 0.25}, {0.1, 0.6}}, point{0.5, 0.5}, 0.25 * 0.25 / 0.25},
		"on the reference":       {[]point{{0.5, 0.1}, {0.1, 0.5}}, point{0.5, 0.5}, 0},
		"nothing":                {nil, point{1, 1}, 0},
		"everything":             {[]point{{0, 0}}, point{0.3, 0.7}, 1},
		"of a box that is small": {[]point{{0.1, 0.2}}, point{0.2, 0.4}, 0.25},
	} {
		if got := hypervolumeBelow(c.front, c.reference); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestHypervolumeByChance holds the formula against points thrown at the box.
func TestHypervolumeByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		var front, all []point
		for range 8 {
			p := point{rng.Float64(), rng.Float64()}
			front, all = insert(front, p), append(all, p)
		}
		reference := point{0.4 + rng.Float64()/2, 0.4 + rng.Float64()/2}
		const throws = 100_000
		hits := 0
		for range throws {
			q := point{rng.Float64() * reference.Error, rng.Float64() * reference.Cost}
			if slices.ContainsFunc(all, func(p point) bool { return p.Error <= q.Error && p.Cost <= q.Cost }) {
				hits++
			}
		}
		if got, about := hypervolumeBelow(front, reference), float64(hits)/throws; math.Abs(got-about) > 0.01 {
			t.Errorf("%v of %v below %v, and %v of the throws hit", got, all, reference, about)
		}
	}
}

func TestIGDPlus(t *testing.T) {
	truth := []point{{0.5, 0}, {0, 0.5}}
	for name, c := range map[string]struct {
		front []point
		want  float64
	}{
		"the true front":      {truth, 0},
		"better than it":      {[]point{{0, 0}}, 0},
		"one of its points":   {truth[:1], 0.25}, // half of 0 and of the 0.5 by which its error is too large at the other
		"worse in one":        {[]point{{0.5, 0.3}, {0.1, 0.5}}, (0.3 + 0.1) / 2},
		"worse in both":       {[]point{{0.8, 0.9}}, (math.Hypot(0.3, 0.9) + math.Hypot(0.8, 0.4)) / 2},
		"a point in between":  {[]point{{0.25, 0.25}}, 0.25},
		"the nearest of them": {[]point{{0.9, 0.9}, {0.25, 0.25}}, 0.25},
	} {
		if got := igdPlus(c.front, truth); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A table whose front is its first, second and fourth row.
var someRows = []tabular.Row{{Accuracy: 20, Cost: 0}, {Accuracy: 90, Cost: 2}, {Accuracy: 85, Cost: 3}, {Accuracy: 95, Cost: 5}, {Accuracy: 94, Cost: 10}}

func TestScale(t *testing.T) {
	s := scaleOf(&tabular.Table{Rows: someRows})
	if want := (point{80, 10}); s.worst != want {
		t.Errorf("worst %v, want %v", s.worst, want)
	}
	if diff := cmp.Diff([]point{{1, 0}, {0.125, 0.2}, {0.0625, 0.5}}, s.front); diff != "" {
		t.Errorf("front (-want +got):\n%s", diff)
	}
	if want := (point{15. / 80, 1.1 * 0.5}); cmp.Diff(want, s.second, about) != "" {
		t.Errorf("second reference %v, want %v", s.second, want)
	}
	// Of the box up to 15 % error and a cost of 5.5 the second row has 5 × 3.5, and the fourth 5 × 0.5 more.
	truth := quality{Hypervolume: 0.875*0.8 + 0.0625*0.5, BestAccuracy: 95, Second: (5*3.5 + 5*0.5) / (15 * 5.5)}
	if diff := cmp.Diff(truth, s.quality(s.front), about); diff != "" {
		t.Errorf("quality of the true front (-want +got):\n%s", diff)
	}
	got := s.follow([]tabular.Row{someRows[2], someRows[1], someRows[1], someRows[0], someRows[3]})
	if diff := cmp.Diff(truth, got[4], about); diff != "" {
		t.Errorf("quality once the front is found (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got[1], got[2]); diff != "" {
		t.Errorf("the same architecture again (-before +after):\n%s", diff)
	}
	first := quality{Hypervolume: 0.8125 * 0.7, BestAccuracy: 85, IGDPlus: (0.3 + math.Hypot(0.0625, 0.1) + 0.125) / 3}
	if diff := cmp.Diff(first, got[0], about); diff != "" { // its 15 % error are on the second reference
		t.Errorf("quality of one architecture (-want +got):\n%s", diff)
	}
}

// TestSecondReference: where no architecture has less than 15 % error, nor ten points
// more than the least.
func TestSecondReference(t *testing.T) {
	for best, want := range map[float64]float64{85.1: 15, 85: 25, 73.5: 36.5, 21: 80} {
		s := scaleOf(&tabular.Table{Rows: []tabular.Row{{Accuracy: 20, Cost: 1}, {Accuracy: best, Cost: 2}}})
		if got := s.second.Error * s.worst.Error; math.Abs(got-want) > 1e-9 {
			t.Errorf("best accuracy %v: second reference at %v %% error, want %v", best, got, want)
		}
	}
}
