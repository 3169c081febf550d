package forecast

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// stairs is a forecast with that front and reference, of which no process is asked.
func stairs(front [][]float64, reference ...float64) *Forecast {
	return &Forecast{axes: make([]trial.Metric, len(reference)), front: front, reference: reference}
}

// TestImprovement holds the expected improvement against outcomes that are drawn.
func TestImprovement(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		name      string
		f         *Forecast
		o         outlook
		tolerance float64 // share
	}{
		{"first", stairs(nil, 1, 4), outlook{{mean: math.Log(0.3), deviation: 0.4}, {mean: 0, deviation: 0.3}}, 0.02},
		{"between", stairs([][]float64{{0.5, 1}, {0.2, 2}, {0.1, 3}}, 1, 4), outlook{{mean: math.Log(0.25), deviation: 0.3}, {mean: math.Log(1.5), deviation: 0.05}}, 0.03},
		{"hardly", stairs([][]float64{{0.5, 1}, {0.2, 2}, {0.1, 3}}, 1, 4), outlook{{mean: math.Log(0.25), deviation: 0.3}, {mean: math.Log(2.5), deviation: 0.1}}, 0.05},
		{"certain cost", stairs([][]float64{{0.5, 1}, {0.1, 3}}, 1, 4), outlook{{mean: math.Log(0.3), deviation: 0.2}, {mean: math.Log(2)}}, 0.02},
		{"three axes", stairs([][]float64{{0.5, 1, 1}, {0.2, 2, 0.5}}, 1, 4, 2), outlook{{mean: math.Log(0.2), deviation: 0.3}, {mean: 0, deviation: 0.2}, {mean: 0, deviation: 0.1}}, 0.1},
	} {
		const draws = 20_000
		sum := 0.0
		for range draws {
			var certain outlook
			for _, b := range tt.o {
				certain = append(certain, belief{mean: b.mean + b.deviation*rng.NormFloat64()})
			}
			sum += tt.f.improvement(certain)
		}
		got, want := tt.f.improvement(tt.o), sum/draws
		if math.Abs(got-want) > tt.tolerance*want {
			t.Errorf("%s: %.5f, drawn %.5f", tt.name, got, want)
		}
	}
}

// TestCertainImprovement holds two ways to compute it against each other, and both
// against an area counted by hand.
func TestCertainImprovement(t *testing.T) {
	f := stairs([][]float64{{0.5, 1}, {0.2, 2}, {0.1, 3}}, 1, 4)
	for _, tt := range []struct{ error, cost, area float64 }{
		{0.3, 1.5, 0.5 * 0.2}, // up to the next step
		{0.15, 1.5, 0.5*0.35 + 1*0.05},
		{0.6, 0.5, 0.5 * 0.4},
		{0.6, 1.5, 0},
		{0.05, 4.5, 0},
	} {
		o := outlook{{mean: math.Log(tt.error)}, {mean: math.Log(tt.cost)}}
		if a, b := f.improvement2(o), f.improvementOf(o); math.Abs(a-tt.area) > 1e-6 || math.Abs(b-tt.area) > 1e-6 {
			t.Errorf("error %g at a cost of %g: %g and %g, want %g", tt.error, tt.cost, a, b, tt.area)
		}
	}
}

// TestBest holds the search that stops early against one that does not.
func TestBest(t *testing.T) {
	all := world(t)
	f := New(history(all[:15]), over(t, trial.Accuracy, trial.Latency))
	var samples []Sample
	for _, p := range all[15:] {
		samples = append(samples, Describe(p, ""))
	}
	best := f.Best(samples, 4)
	rest := map[int]bool{}
	for i := range samples {
		rest[i] = true
	}
	last := math.Inf(1)
	for _, i := range best {
		v := f.Improvement(samples[i])
		if v > last {
			t.Errorf("%v: %d is better than the one before it", best, i)
		}
		last = v
		delete(rest, i)
	}
	for i := range rest {
		if v := f.Improvement(samples[i]); v > last {
			t.Errorf("%d is expected to improve by %g, more than the last of the best by %g", i, v, last)
		}
	}
	if got := f.Best(samples[:2], 9); len(got) != 2 {
		t.Errorf("of two: %v", got)
	}
	if got := f.Best(nil, 3); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
}

// TestSearchByImprovement: choosing by it finds the front sooner than the order of the
// list does.
func TestSearchByImprovement(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	everything := history(all)
	o.Fix(everything[0].Metrics)
	left := map[int]bool{}
	for i := range all {
		left[i] = i >= 8
	}
	h := history(all[:8])
	for len(h) < 24 {
		var samples []Sample
		var at []int
		for i, p := range all {
			if left[i] {
				samples, at = append(samples, Describe(p, "")), append(at, i)
			}
		}
		i := at[New(h, o).Best(samples, 1)[0]]
		left[i] = false
		h = append(h, everything[i])
	}
	front := map[int]bool{}
	for _, id := range o.Front(everything) {
		front[id] = true
	}
	count := func(h trial.History) (n int) {
		for _, t := range h {
			if front[t.ID] {
				n++
			}
		}
		return n
	}
	if got, plain := count(h), count(everything[:24]); got < plain+4 {
		t.Errorf("%d of the front's %d networks were found, by the order of the list %d", got, len(front), plain)
	}
	if got, plain := o.Hypervolume(h), o.Hypervolume(everything[:24]); got <= plain {
		t.Errorf("hypervolume %.4f, by the order of the list %.4f", got, plain)
	}
}
