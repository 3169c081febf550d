package forecast

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// points are where something was measured, standardised: the process is the same in
// every direction.
type points struct {
	x            [][]float64
	shift, scale []float64
}

// standardise brings every feature that varies to mean 0 and deviation 1, over the root
// of their number, so that a distance does not grow with it. What does not vary among
// the trials says nothing.
func standardise(x [][]float64) *points {
	width := len(x[0])
	p := &points{shift: make([]float64, width), scale: make([]float64, width)}
	column := make([]float64, len(x))
	varying := 0.0
	for j := range width {
		for i := range x {
			column[i] = x[i][j]
		}
		mean, deviation := moments(column)
		p.shift[j] = mean
		if deviation > 1e-6 {
			p.scale[j] = 1 / deviation
			varying++
		}
	}
	floats.Scale(1/math.Sqrt(max(varying, 1)), p.scale)
	for _, row := range x {
		p.x = append(p.x, p.place(row))
	}
	return p
}

func (p *points) place(x []float64) []float64 {
	z := make([]float64, len(x))
	for j := range x {
		z[j] = (x[j] - p.shift[j]) * p.scale[j]
	}
	return z
}

func moments(v []float64) (mean, deviation float64) {
	mean = floats.Sum(v) / float64(len(v))
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)))
}

// kernel says how alike the process is at two places. Its parameters are in shares of
// the process's variance.
type kernel struct {
	length float64 // of the Matérn part, in deviations of a feature
	linear float64 // weight of the linear part
	noise  float64 // of a measurement
}

// The grid that [choose] takes the kernel's parameters from. Ours.
var (
	lengths = []float64{1, 2, 4, 8}
	linears = []float64{0, 0.3}
	noises  = []float64{1e-5, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 1}
)

// at returns the kernel of two places whose squared distance and product are known.
func (k kernel) at(distance, product float64) float64 {
	s := math.Sqrt(5*distance) / k.length
	return (1+s+s*s/3)*math.Exp(-s) + k.linear*product
}

// gram is the kernel of all pairs, without noise.
func (k kernel) gram(x [][]float64) *mat.SymDense {
	g := mat.NewSymDense(len(x), nil)
	for i, a := range x {
		for j, b := range x[:i+1] {
			g.SetSym(i, j, k.at(squareDistance(a, b), floats.Dot(a, b)))
		}
	}
	return g
}

func squareDistance(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}

func addNoise(g *mat.SymDense, noise float64) {
	for i := range g.SymmetricDim() {
		g.SetSym(i, i, g.At(i, i)+noise)
	}
}

// process is a Gaussian process of one metric, conditioned on what was measured.
type process struct {
	*points
	kernel
	mean, spread float64   // of what was measured
	variance     float64   // of the process, once that is brought to mean 0 and deviation 1
	weights      []float64 // of the points in a mean
	lower        []float64 // the Cholesky factor, row by row
}

// condition returns the process given the values at the points. It is nil where they are
// no numbers.
func condition(p *points, y []float64) *process {
	n := len(y)
	q := &process{points: p}
	q.mean, q.spread = moments(y)
	q.spread = max(q.spread, 1e-9)
	t := make([]float64, n)
	for i, v := range y {
		t[i] = (v - q.mean) / q.spread
	}
	q.kernel = choose(p.x, t)
	g := q.gram(p.x)
	addNoise(g, q.noise)
	var chol mat.Cholesky
	if !chol.Factorize(g) {
		return nil
	}
	w := mat.NewVecDense(n, nil)
	if chol.SolveVecTo(w, mat.NewVecDense(n, t)) != nil {
		return nil
	}
	q.weights = w.RawVector().Data
	q.variance = max(floats.Dot(q.weights, t)/float64(n), 1e-9)
	var lower mat.TriDense
	chol.LTo(&lower)
	q.lower = make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			q.lower[i*n+j] = lower.At(i, j)
		}
	}
	return q
}

// choosers bounds by how many trials the kernel is chosen, spread over all: that takes
// most of the time, and more of them hardly change it.
const choosers = 48

// choose returns the kernel of the grid under which the values are the most likely, with
// the process's variance that suits them best. Long lengths and little linearity are
// believed a little more beforehand.
func choose(x [][]float64, t []float64) kernel {
	n := min(len(t), choosers)
	xs, y := make([][]float64, n), make([]float64, n)
	for i := range n {
		xs[i], y[i] = x[i*len(t)/n], t[i*len(t)/n]
	}
	distances, products := pairs(xs)
	g := mat.NewSymDense(n, nil)
	target, w := mat.NewVecDense(n, y), mat.NewVecDense(n, nil)
	best, most := kernel{length: 2, noise: 0.1}, math.Inf(-1)
	var chol mat.Cholesky
	for _, length := range lengths {
		for _, linear := range linears {
			k := kernel{length: length, linear: linear}
			for i := range n {
				for j := range i + 1 {
					g.SetSym(i, j, k.at(distances[i*n+j], products[i*n+j]))
				}
			}
			added := 0.0
			for _, noise := range noises {
				addNoise(g, noise-added)
				added = noise
				if !chol.Factorize(g) || chol.SolveVecTo(w, target) != nil {
					continue
				}
				variance := max(mat.Dot(w, target)/float64(n), 1e-12)
				likelihood := -0.5 * (float64(n)*math.Log(variance) + chol.LogDet())
				likelihood -= 0.5*math.Log(length/2)*math.Log(length/2) + 0.5*linear
				if likelihood > most {
					best, most = kernel{length, linear, noise}, likelihood
				}
			}
		}
	}
	return best
}

// pairs returns the squared distances and the products of all pairs.
func pairs(x [][]float64) (distances, products []float64) {
	n := len(x)
	distances, products = make([]float64, n*n), make([]float64, n*n)
	for i, a := range x {
		for j, b := range x[:i+1] {
			distances[i*n+j], products[i*n+j] = squareDistance(a, b), floats.Dot(a, b)
		}
	}
	return distances, products
}

// view is the process seen from one place.
type view struct {
	q     *process
	k     []float64 // kernel with each point
	self  float64
	mean  float64
	bound float64 // of the deviation: what the nearest point alone leaves of it
}

func (q *process) see(z, distances []float64) view {
	v := view{q: q, k: make([]float64, len(q.x)), self: 1 + q.linear*floats.Dot(z, z)}
	v.bound = v.self
	for i, x := range q.x {
		product, own := 0.0, 1.0
		if q.linear > 0 {
			product, own = floats.Dot(z, x), 1+q.linear*floats.Dot(x, x)
		}
		k := q.at(distances[i], product)
		v.k[i] = k
		v.mean += k * q.weights[i]
		v.bound = min(v.bound, v.self-k*k/(own+q.noise))
	}
	v.mean = q.mean + q.spread*v.mean
	v.bound = q.spread * math.Sqrt(max(v.bound, 1e-9)*q.variance)
	return v
}

// deviation is that of what is behind the measurements there.
func (v view) deviation() float64 {
	n := len(v.k)
	solved := make([]float64, n) // the factor's solution of k
	left := v.self
	for i := range n {
		row := v.q.lower[i*n : i*n+i]
		solved[i] = (v.k[i] - floats.Dot(row, solved[:i])) / v.q.lower[i*n+i]
		left -= solved[i] * solved[i]
	}
	return v.q.spread * math.Sqrt(max(left, 1e-9)*v.q.variance)
}

// noiseDeviation is that of one measurement.
func (q *process) noiseDeviation() float64 { return q.spread * math.Sqrt(q.noise*q.variance) }
