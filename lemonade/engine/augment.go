package engine

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// augmentation is how a training changes its images at random.
type augmentation struct {
	flip   bool    // mirror with probability 1/2
	turn   bool    // turn by 0, 90, 180 or 270 degrees; of square images
	crop   int     // move by up to so many pixels each way
	cutout int     // blank a square of that side (DeVries & Taylor 2017)
	mixup  float64 // mix by shares of Beta(mixup, mixup) (Zhang et al. 2018)
}

// augmentation is what the recipe asks for and suits the set.
func (job *Job) augmentation(s *samples) augmentation {
	r := job.Recipe
	a := augmentation{flip: r.Flip, turn: r.Turn, crop: r.Crop, cutout: r.Cutout, mixup: r.Mixup}
	if job.Set != nil {
		a.flip = a.flip && job.Set.Augment.Flip
		a.turn = a.turn && job.Set.Augment.Turn
	}
	if s.vocabulary > 0 {
		return augmentation{}
	}
	a.turn = a.turn && s.shape[0] == s.shape[1]
	return a
}

// augmented is plain with every image changed; what a move uncovers and what is
// cut out is 0, the mean colour. Mirroring and moving say which row each row of
// an image is taken from, and which column each column; turning, whose columns
// may be rows, how far apart in the sample their pixels lie. So one gather of
// pixels does all of it.
func (r *resident) augmented(b *graphBuilder, indices *Node, a augmentation) *Node {
	if !a.flip && !a.turn && a.crop == 0 && a.cutout == 0 {
		return r.plain(indices)
	}
	g, batch := indices.Graph(), indices.Shape().Dim(0)
	h, w := r.shape[0], r.shape[1]
	number := func(n int) *Node { return Scalar(g, dtypes.Int32, n) }
	axis := func(size int) *Node {
		return BroadcastToDims(Iota(g, shapes.Make(dtypes.Int32, 1, size), 1), batch, size)
	}
	// below draws a whole number in [0, n) for every image: [B 1].
	below := func(n int) *Node {
		return ConvertDType(Floor(MulScalar(b.uniform(batch, 1), float64(n))), dtypes.Int32)
	}
	reverse := func(when, x *Node) *Node {
		return Where(BroadcastToShape(when, x.Shape()), Sub(number(x.Shape().Dim(1)-1), x), x)
	}
	inside := func(x, from, to *Node) *Node { return LogicalAnd(GreaterOrEqual(x, from), LessThan(x, to)) }
	grid := func(rows, cols *Node) (*Node, *Node) {
		return BroadcastToDims(ExpandAxes(rows, 2), batch, h, w), BroadcastToDims(ExpandAxes(cols, 1), batch, h, w)
	}

	rows, cols := axis(h), axis(w)
	if a.flip {
		cols = reverse(LessThan(b.uniform(batch, 1), Scalar(g, dtypes.Float32, 0.5)), cols)
	}
	if a.crop > 0 {
		offset := func() *Node { return AddScalar(below(2*a.crop+1), float64(-a.crop)) }
		rows, cols = Add(rows, offset()), Add(cols, offset())
	}
	seen := LogicalAnd(grid(inside(rows, number(0), number(h)), inside(cols, number(0), number(w))))
	rows, cols = Min(Max(rows, number(0)), number(h-1)), Min(Max(cols, number(0)), number(w-1))
	rowStep, colStep := number(w), number(1)
	if a.turn {
		quarters := below(4)
		rows = reverse(inside(quarters, number(1), number(3)), rows)
		cols = reverse(GreaterOrEqual(quarters, number(2)), cols)
		aside := NotEqual(BitwiseAnd(quarters, number(1)), number(0))
		rowStep, colStep = Where(aside, number(1), number(w)), Where(aside, number(w), number(1))
	}
	if a.cutout > 0 {
		cut := func(size int) *Node {
			from := AddScalar(below(size), float64(-(a.cutout / 2))) // its centre is in the image
			return inside(axis(size), from, AddScalar(from, float64(a.cutout)))
		}
		seen = LogicalAnd(seen, LogicalNot(LogicalAnd(grid(cut(h), cut(w)))))
	}
	at := Add(grid(Mul(rows, rowStep), Mul(cols, colStep)))
	at = Add(at, MulScalar(BroadcastToDims(Reshape(indices, batch, 1, 1), batch, h, w), float64(h*w)))
	image := r.normalise(Gather(r.stored.NodeValue(g), ExpandAxes(at, -1)))
	return Where(BroadcastToShape(ExpandAxes(seen, -1), image.Shape()), image, ZerosLike(image))
}

// mixing mixes every sample of a batch with the next one, the last with the
// first: the batch is dealt at random, so these are random pairs.
type mixing struct {
	share *Node // of the sample itself, [B]; nil where nothing is mixed
}

// mixing draws the shares of a batch.
func (a augmentation) mixing(b *graphBuilder, batch int) mixing {
	if a.mixup == 0 || batch < 2 {
		return mixing{}
	}
	return mixing{b.symmetricBeta(a.mixup, batch)}
}

// images mixes the images [B H W C].
func (m mixing) images(x *Node) *Node {
	if m.share == nil {
		return x
	}
	share := Reshape(m.share, -1, 1, 1, 1)
	return Add(Mul(share, x), Mul(OneMinus(share), next(x)))
}

// mean mixes what f makes of labels: its values for a sample's own and for those
// that it is mixed with. Of the cross-entropy, which is linear in the target, that
// is the cross-entropy of the mixed target, smoothed or not.
func (m mixing) mean(labels *Node, f func(labels *Node) *Node) *Node {
	if m.share == nil {
		return f(labels)
	}
	return Add(Mul(m.share, f(labels)), Mul(OneMinus(m.share), f(next(labels))))
}

// next is x with its first sample at the end.
func next(x *Node) *Node {
	return Concatenate([]*Node{Slice(x, AxisRange(1)), Slice(x, AxisRange(0, 1))}, 0)
}

// symmetricBeta draws numbers from Beta(a, a): [n]. With u and v uniform and
// p = u^(1/a), c = cos 2πv, they are 1/2 + c √(1-p) / 2 √(p + (1-p) c²), by Bailey's
// generator of Student's t with 2a degrees of freedom (1994). Exact for every a,
// and nothing is drawn in vain, as a graph could not draw again.
func (b *graphBuilder) symmetricBeta(a float64, n int) *Node {
	p := PowScalar(b.uniform(n), 1/a)
	c := Cos(MulScalar(b.uniform(n), 2*math.Pi))
	q := OneMinus(p)
	scale := MaxScalar(Sqrt(Add(p, Mul(q, Square(c)))), 1e-12)
	return AddScalar(MulScalar(Div(Mul(c, Sqrt(q)), scale), 0.5), 0.5)
}

// unknown is the token that stands for all words without an id of their own.
const unknown = 1

// forgetful is plain with each token unknown with that probability: word dropout
// (Dai & Le 2015). Padding stays padding.
func (r *resident) forgetful(b *graphBuilder, indices *Node, rate float64) *Node {
	tokens := r.plain(indices)
	if rate == 0 {
		return tokens
	}
	g := tokens.Graph()
	lost := LessThan(b.uniform(tokens.Shape().Dimensions...), Scalar(g, dtypes.Float32, rate))
	lost = LogicalAnd(lost, NotEqual(tokens, ZerosLike(tokens)))
	return Where(lost, Scalar(g, dtypes.Int32, unknown), tokens)
}
