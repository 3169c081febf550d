package benchmark

import "math"

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
	agree, inX, inY := 0.0, 0.0, 0.0 // pairs: alike less unlike, that differ in x, and in y
	for i, a := range at {
		for _, b := range at[:i] {
			dx, dy := sign(x[a]-x[b]), sign(y[a]-y[b])
			agree += dx * dy
			inX += dx * dx
			inY += dy * dy
		}
	}
	if inX == 0 || inY == 0 {
		return 0, false
	}
	return agree / math.Sqrt(inX*inY), true
}

func sign(d float64) float64 {
	switch {
	case d > 0:
		return 1
	case d < 0:
		return -1
	}
	return 0
}
