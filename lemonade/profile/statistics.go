package profile

import "math"

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
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
