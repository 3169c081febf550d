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
	rng := rand.New(rand.NewPCG(1, resamples))
	means, drawn := make([]float64, resamples), make([]float64, len(known))
	for i := range means {
		for j := range drawn {
			drawn[j] = known[rng.IntN(len(known))]
		}
		means[i] = mean(drawn)
	}
	slices.Sort(means)
	s.Low, s.High = ptr(quantile(means, 0.025)), ptr(quantile(means, 0.975))
	return s
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
