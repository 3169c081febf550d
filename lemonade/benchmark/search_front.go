package benchmark

import (
	"cmp"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/tabular"
)

// point is the error and the cost of an architecture, as shares of the largest in
// the table. Both are to be small.
type point struct{ Error, Cost float64 }

// insert adds a point to a front, which is in the order of the costs, unless one of
// its points is as good, and takes away those that it dominates.
func insert(front []point, p point) []point {
	for _, q := range front {
		if q.Error <= p.Error && q.Cost <= p.Cost {
			return front
		}
	}
	front = slices.DeleteFunc(front, func(q point) bool { return p.Error <= q.Error && p.Cost <= q.Cost })
	i, _ := slices.BinarySearchFunc(front, p, func(a, b point) int { return cmp.Compare(a.Cost, b.Cost) })
	return slices.Insert(front, i, p)
}

// hypervolumeBelow is the share of the box between the origin and the reference that a
// front dominates.
func hypervolumeBelow(front []point, reference point) float64 {
	sum, bound := 0.0, reference.Error
	for _, p := range front {
		if p.Cost < reference.Cost && p.Error < bound {
			sum += (bound - p.Error) * (reference.Cost - p.Cost)
			bound = p.Error
		}
	}
	return sum / (reference.Error * reference.Cost)
}

// igdPlus is how far a front is from the true one: for each point of the true front
// the distance to the nearest that was found, counting only by how much that is worse;
// the mean of them (Ishibuchi and others 2015).
func igdPlus(front, true []point) float64 {
	sum := 0.0
	for _, z := range true {
		least := math.Inf(1)
		for _, a := range front {
			least = min(least, math.Hypot(max(a.Error-z.Error, 0), max(a.Cost-z.Cost, 0)))
		}
		sum += least
	}
	return sum / float64(len(true))
}

// The second reference point is close to where a person would choose: the first
// one is so far away that the corner of the cheapest networks decides.
const (
	nearError = 15.0 // per cent
	nearAbove = 10.0 // per cent above the best, where that is beyond nearError itself
	nearCost  = 1.1  // times the largest cost of the true front
)

// scale turns rows of a table into points, and knows what they are held against.
type scale struct {
	worst  point   // per cent, and in the unit of the costs
	front  []point // the true one
	second point   // reference
}

func scaleOf(t *tabular.Table) scale {
	worst := t.Worst()
	s := scale{worst: point{100 - worst.Accuracy, worst.Cost}}
	for _, r := range t.Rows {
		s.front = insert(s.front, s.point(r))
	}
	last := s.front[len(s.front)-1] // of the largest cost and the least error
	near := nearError
	if best := last.Error * s.worst.Error; best >= near {
		near = best + nearAbove
	}
	s.second = point{min(near/s.worst.Error, 1), nearCost * last.Cost}
	return s
}

func (s scale) point(r tabular.Row) point {
	return point{(100 - r.Accuracy) / s.worst.Error, r.Cost / s.worst.Cost}
}

// quality is what is told of a front.
type quality struct {
	Hypervolume  float64 // share of the table's box
	BestAccuracy float64 // per cent
	IGDPlus      float64
	Second       float64 // hypervolume at the second reference
}

func (s scale) quality(front []point) quality {
	return quality{
		Hypervolume:  hypervolumeBelow(front, point{1, 1}),
		BestAccuracy: 100 - front[len(front)-1].Error*s.worst.Error,
		IGDPlus:      igdPlus(front, s.front),
		Second:       hypervolumeBelow(front, s.second),
	}
}

// follow is the quality after each of the architectures that were evaluated in turn.
func (s scale) follow(rows []tabular.Row) (all []quality) {
	var front []point
	for _, r := range rows {
		front = insert(front, s.point(r))
		all = append(all, s.quality(front))
	}
	return all
}
