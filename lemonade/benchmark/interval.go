package benchmark

import (
	"math/rand/v2"
	"slices"
)

// resamples is how often the seeds are drawn anew for an interval.
const resamples = 2000

// Summary tells a statistic over the seeds.
type Summary struct {
	Values []*float64 `json:"values"` // in the order of the report's seeds; null where it is unknown
	Mean   *float64   `json:"mean"`   // of the known ones; null where there is none
	Low    *float64   `json:"low"`    // of the 95 % interval; null with fewer than two values
	High   *float64   `json:"high"`
}

// summarise takes the mean with a 95 % percentile bootstrap interval over the
// seeds. With as few seeds as are usual here such an interval is rather too narrow
// than too wide. The same values always give the same interval.
func summarise(values []*float64) Summary {
	s := Summary{Values: values}
	var known []float64
	for _, v := range values {
		if v != nil {
			known = append(known, *v)
		}
	}
	if len(known) == 0 {
		return s
	}
	s.Mean = ptr(mean(known))
	if len(known) < 2 {
		return s
	}
	drawn := make([]float64, len(known))
	s.Low, s.High = bootstrap(len(known), func(draw []int) (float64, bool) {
		for j, k := range draw {
			drawn[j] = known[k]
		}
		return mean(drawn), true
	})
	return s
}

// bootstrap is the 95 % percentile interval of a statistic of n items, over draws of
// them with replacement. A draw of which it is unknown (false) is left out; nil where
// all are.
func bootstrap(n int, statistic func(draw []int) (float64, bool)) (low, high *float64) {
	rng := rand.New(rand.NewPCG(1, resamples))
	var values []float64
	draw := make([]int, n)
	for range resamples {
		for j := range draw {
			draw[j] = rng.IntN(n)
		}
		if v, ok := statistic(draw); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	slices.Sort(values)
	return ptr(quantile(values, 0.025)), ptr(quantile(values, 0.975))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// quantile interpolates linearly between the sorted values, of which there must be one.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func ptr[T any](v T) *T { return &v }
