package benchmark

import (
	"math"

	"github.com/lemo-nade/lemonade/lemonade/forecast"
)

// Correlation is Kendall's tau-b with its 95 % bootstrap interval over the items.
type Correlation struct {
	Items int      `json:"items"`
	Tau   *float64 `json:"tau"` // null where one side does not differ at all
	Low   *float64 `json:"low"` // null with fewer than three items
	High  *float64 `json:"high"`
}

// LeastItems is from how many items on a correlation tells something; ours.
const LeastItems = 15

// Kendall says how well x and y rank the same items alike: 1 where they do in all,
// 0 where they do by chance, -1 where one is the reverse of the other. Ties are
// counted as Kendall (1945) does in tau-b. With few items the interval is rather too
// narrow than too wide.
func Kendall(x, y []float64) Correlation {
	c := Correlation{Items: len(x)}
	all := make([]int, len(x))
	for i := range all {
		all[i] = i
	}
	if tau, ok := tauB(x, y, all); ok {
		c.Tau = &tau
	}
	if c.Tau != nil && len(x) > 2 {
		c.Low, c.High = bootstrap(len(x), func(draw []int) (float64, bool) { return tauB(x, y, draw) })
	}
	return c
}

// tauB is tau-b of the items at these places; it is unknown where x or y is the same
// in all of them.
func tauB(x, y []float64, at []int) (float64, bool) {
	a, b := make([]float64, len(at)), make([]float64, len(at))
	for i, k := range at {
		a[i], b[i] = x[k], y[k]
	}
	tau := forecast.Kendall(a, b)
	return tau, !math.IsNaN(tau)
}
