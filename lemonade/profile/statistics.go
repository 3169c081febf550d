package profile

import (
	"math"
	"slices"
)

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// blocks is how many stretches of the latency's runs are held against each other.
const blocks = 10

// blockMedians returns the medians of that many consecutive parts of x, as equal
// as they can be. How they differ says how well the median of x repeats, which the
// deviation of single runs does not: a few that had to wait make that many times
// the value.
func blockMedians(x []float64) []float64 {
	n := min(blocks, len(x))
	medians := make([]float64, n)
	for i := range medians {
		part := slices.Clone(x[i*len(x)/n : (i+1)*len(x)/n])
		slices.Sort(part)
		medians[i] = median(part)
	}
	return medians
}

// deviation returns the sample standard deviation, or nil for fewer than two values.
func deviation(x []float64) *float64 {
	if len(x) < 2 {
		return nil
	}
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	d := math.Sqrt(sum / float64(len(x)-1))
	return &d
}

// median returns the median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile returns the p-th percentile of sorted values, by nearest rank: the
// smallest value that at least p % do not exceed.
func percentile(sorted []float64, p int) float64 {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}
