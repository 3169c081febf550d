package benchmark

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestKendall(t *testing.T) {
	for name, c := range map[string]struct {
		x, y []float64
		want float64 // NaN is unknown
	}{
		"same order":     {[]float64{1, 2, 3, 4}, []float64{10, 20, 21, 40}, 1},
		"reversed":       {[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		"one pair swaps": {[]float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 4.0 / 6},
		// Two items tie in x and two others in y: 8 of 10 pairs agree, one differs in neither order.
		"ties":  {[]float64{1, 2, 2, 3, 4}, []float64{1, 2, 3, 3, 5}, 8.0 / 9},
		"flat":  {[]float64{1, 2, 3}, []float64{5, 5, 5}, math.NaN()},
		"alone": {[]float64{1}, []float64{1}, math.NaN()},
	} {
		got := Kendall(c.x, c.y)
		if math.IsNaN(c.want) != (got.Tau == nil) || got.Tau != nil && math.Abs(*got.Tau-c.want) > 1e-12 {
			t.Errorf("%s: %+v, want tau %v", name, got, c.want)
		}
		if got.Items != len(c.x) || got.Low != nil && (*got.Low > *got.Tau || *got.High < *got.Tau) {
			t.Errorf("%s: %d items, interval %v to %v", name, got.Items, *got.Low, *got.High)
		}
	}
}

// TestKendallInterval holds that the interval covers the truth about as often as it
// says: of two normal variables of correlation r, tau is 2/π·asin r (Kendall 1949).
func TestKendallInterval(t *testing.T) {
	const r, items, studies = 0.7, 20, 60
	truth := 2 / math.Pi * math.Asin(r)
	rng := rand.New(rand.NewPCG(3, 4))
	covered := 0
	for range studies {
		x, y := make([]float64, items), make([]float64, items)
		for i := range x {
			x[i] = rng.NormFloat64()
			y[i] = r*x[i] + math.Sqrt(1-r*r)*rng.NormFloat64()
		}
		if c := Kendall(x, y); *c.Low <= truth && truth <= *c.High {
			covered++
		}
	}
	if covered < studies*80/100 || covered == studies {
		t.Errorf("%d of %d intervals cover the truth", covered, studies)
	}
}
