package forecast

import (
	"cmp"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/objective"
)

// Improvement is by how much the sample can be expected to enlarge the hypervolume of the
// front, as a share of the box up to the reference (Emmerich, Giannakoglou and Naujoks
// 2006). It is exact up to a quadrature of two axes, and a mean over a fixed set of
// possible outcomes of more.
func (f *Forecast) Improvement(s Sample) float64 {
	o := f.look(s)
	o.sharpen()
	return f.improvement(o)
}

// Best returns the n samples of the largest expected improvement, the largest first.
func (f *Forecast) Best(samples []Sample, n int) []int {
	type candidate struct {
		index   int
		outlook outlook
		value   float64 // of the bound first
	}
	all := make([]candidate, len(samples))
	for i, s := range samples {
		o := f.look(s)
		all[i] = candidate{i, o, f.improvement(o)}
	}
	better := func(a, b candidate) int { return cmp.Compare(b.value, a.value) }
	slices.SortStableFunc(all, better)
	var best []candidate
	for _, c := range all {
		// The less that is known of a sample the more can be expected of it, so that the
		// bounds say when no other can be among the best.
		if len(best) >= n && c.value < best[n-1].value {
			break
		}
		c.outlook.sharpen()
		c.value = f.improvement(c.outlook)
		best = append(best, c)
		slices.SortStableFunc(best, better)
	}
	var out []int
	for _, c := range best[:min(n, len(best))] {
		out = append(out, c.index)
	}
	return out
}

func (f *Forecast) improvement(o outlook) float64 {
	box := 1.0
	for _, r := range f.reference {
		box *= r
	}
	if len(f.axes) == 2 {
		return f.improvement2(o) / box
	}
	return f.improvementOf(o) / box
}

// hermite are the nodes and weights of the Gauss–Hermite quadrature of a standard normal
// distribution.
var hermite = []struct{ at, weight float64 }{
	{-2.8569700138728056, 0.011257411327720693}, {-1.3556261799742659, 0.22207592200561266},
	{0, 0.53333333333333333}, {1.3556261799742659, 0.22207592200561266}, {2.8569700138728056, 0.011257411327720693},
}

// improvement2 integrates over the second axis by quadrature. At one place there the
// front is a staircase in the first, and what a loss enlarges under each of its steps is
// the value of a put option.
func (f *Forecast) improvement2(o outlook) float64 {
	total := 0.0
	for _, node := range hermite {
		from := math.Exp(o[1].mean + o[1].deviation*node.at)
		height := f.reference[0]
		for _, p := range f.front {
			if to := min(p[1], f.reference[1]); to > from {
				total += node.weight * (to - from) * put(height, o[0])
				from = to
			}
			height = min(height, p[0])
		}
		if from < f.reference[1] {
			total += node.weight * (f.reference[1] - from) * put(height, o[0])
		}
	}
	return total
}

// put is the expectation of max(height − loss, 0).
func put(height float64, b belief) float64 {
	s := max(b.deviation, 1e-6)
	d := (math.Log(height) - b.mean) / s
	return height*normal(d) - math.Exp(b.mean+s*s/2)*normal(d-s)
}

func normal(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// improvementOf is the mean over outcomes.
func (f *Forecast) improvementOf(o outlook) float64 {
	gains := func(loss []float64) []float64 {
		g := make([]float64, len(loss))
		for i, v := range loss {
			g[i] = f.reference[i] - v
		}
		return g
	}
	total := 0.0
	for k := range outcomes {
		loss := o.outcome(k)
		own := gains(loss)
		if slices.Min(own) <= 0 {
			continue
		}
		volume := 1.0
		for _, v := range own {
			volume *= v
		}
		var covered [][]float64
		for _, p := range f.front {
			both := make([]float64, len(p))
			for i := range p {
				both[i] = max(p[i], loss[i])
			}
			if g := gains(both); slices.Min(g) > 0 {
				covered = append(covered, g)
			}
		}
		total += volume - objective.Volume(covered)
	}
	return total / outcomes
}

// outcomes is how many outcomes stand for all.
const outcomes = 16

// primes are the bases of the outcomes' digits, by axis.
var primes = []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}

// outcome is the k-th of the possible losses: points of a Halton sequence, which fill the
// space more evenly than random ones.
func (o outlook) outcome(k int) []float64 {
	loss := make([]float64, len(o))
	for i, b := range o {
		u := radical(k+1, primes[i%len(primes)])
		loss[i] = math.Exp(b.mean + b.deviation*math.Sqrt2*math.Erfinv(2*u-1))
	}
	return loss
}

// radical mirrors the digits of k at the point.
func radical(k, base int) float64 {
	x, digit := 0.0, 1.0
	for ; k > 0; k /= base {
		digit /= float64(base)
		x += digit * float64(k%base)
	}
	return x
}
