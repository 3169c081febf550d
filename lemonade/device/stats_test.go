package device

import (
	"cmp"
	"math"
	"slices"
)

// quantile returns the q-quantile of the values, by linear interpolation.
func quantile(values []float64, q float64) float64 {
	v := slices.Sorted(slices.Values(values))
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 == len(v) {
		return v[i]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

// medianError is the median of |predicted/measured - 1|.
func medianError(predicted, measured []float64) float64 {
	e := make([]float64, len(predicted))
	for i := range e {
		e[i] = math.Abs(predicted[i]/measured[i] - 1)
	}
	return quantile(e, 0.5)
}

// bestError is the median error of predictions that are scaled by the constant
// that makes it least.
func bestError(predicted, measured []float64) float64 {
	ratios := make([]float64, len(predicted))
	for i := range ratios {
		ratios[i] = measured[i] / predicted[i]
	}
	least := math.Inf(1)
	scaled := make([]float64, len(predicted))
	for q := 0.0; q <= 1; q += 0.005 {
		s := quantile(ratios, q)
		for i, p := range predicted {
			scaled[i] = s * p
		}
		least = min(least, medianError(scaled, measured))
	}
	return least
}

// spearman is the rank correlation, ties sharing their mean rank.
func spearman(a, b []float64) float64 {
	x, y := ranks(a), ranks(b)
	mean := float64(len(x)+1) / 2
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mean) * (y[i] - mean)
		xx += (x[i] - mean) * (x[i] - mean)
		yy += (y[i] - mean) * (y[i] - mean)
	}
	return xy / math.Sqrt(xx*yy)
}

func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	r := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			r[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return r
}

// leastSquares returns the x >= 0 for which the relative errors of rows·x to y have
// the least sum of squares, by coordinate descent.
func leastSquares(rows [][]float64, y []float64) []float64 {
	n := len(rows[0])
	gram, right := make([][]float64, n), make([]float64, n)
	for j := range n {
		gram[j] = make([]float64, n)
		for i, row := range rows {
			right[j] += row[j] / y[i]
			for k := range n {
				gram[j][k] += row[j] * row[k] / (y[i] * y[i])
			}
		}
	}
	x := make([]float64, n)
	for range 100_000 {
		for j := range n {
			rest := right[j]
			for k := range n {
				if k != j {
					rest -= gram[j][k] * x[k]
				}
			}
			if gram[j][j] > 0 {
				x[j] = max(0, rest/gram[j][j])
			}
		}
	}
	return x
}
