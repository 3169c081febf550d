package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// samples are what a job reads, on the host: training samples first, then
// validation samples.
type samples struct {
	shape      []int  // H W C, or T of texts
	values     []byte // pixels, or tokens as int32, as the device has them
	vocabulary int    // of tokens; 0 of images
	labels     []int32
	mean, std  []float32 // per channel, of pixels/255
	fit        int       // how many are for training
}

// reads returns the input that the samples are.
func (s *samples) reads() arch.Input { return arch.InputOf(s.shape, s.vocabulary) }

// count returns the number of samples, for training and validation together.
func (s *samples) count() int { return len(s.labels) }

// collect copies the samples that a job needs out of a set, so that a small
// study does not put a large set on the device.
func collect(set *datasets.Set, trainSamples int) (*samples, error) {
	fit, validate := set.Fit(trainSamples), set.Validate()
	if len(fit) == 0 || len(validate) == 0 {
		return nil, fmt.Errorf("data set %s has %d training and %d validation samples; both are needed", set.Name, len(fit), len(validate))
	}
	s := &samples{shape: set.Shape, vocabulary: set.Vocabulary, mean: set.Mean, std: set.Std, fit: len(fit)}
	rows := slices.Concat(fit, validate)
	for _, row := range rows {
		s.labels = append(s.labels, set.Train.Labels[row])
	}
	size := int(arch.Shape(set.Shape).Size())
	s.values = make([]byte, 0, len(rows)*size*s.dtype().Size())
	for _, row := range rows {
		from, to := int(row)*size, (int(row)+1)*size
		if s.vocabulary > 0 {
			s.values = appendTokens(s.values, set.Train.Tokens[from:to])
		} else {
			s.values = append(s.values, set.Train.Images[from:to]...)
		}
	}
	return s, nil
}

// dtype is the type of the values.
func (s *samples) dtype() dtypes.DType {
	if s.vocabulary > 0 {
		return dtypes.Int32
	}
	return dtypes.Uint8
}

func appendTokens(to []byte, tokens []int32) []byte {
	for _, id := range tokens {
		to = binary.NativeEndian.AppendUint32(to, uint32(id))
	}
	return to
}

// resident are samples on the device. A graph reads them as variables that it
// does not change, so they are never copied or donated.
type resident struct {
	*samples
	stored, classes *model.Variable // [samples*H*W C] uint8 or [samples T] int32; [samples] int32
}

// upload puts the samples on the device.
func (e *Engine) upload(store *model.Store, s *samples) (*resident, error) {
	r := &resident{samples: s}
	err := guard("put the samples on the device", func() error {
		c := s.shape[len(s.shape)-1]
		values, err := tensors.FromRaw(e.backend, 0, shapes.Make(s.dtype(), len(s.values)/c/s.dtype().Size(), c), s.values)
		if err != nil {
			return err
		}
		if r.stored, err = store.CreateVariable("/data/values", values); err != nil {
			return err
		}
		r.stored.SetTrainable(false)
		r.classes, err = store.CreateVariable("/data/classes", tensors.FromFlatDataAndDimensions(s.labels, s.count()))
		if err != nil {
			return err
		}
		r.classes.SetTrainable(false)
		return nil
	})
	s.values = nil // the device has them now
	return r, err
}

// labelsOf gathers the labels of the samples [B] int32.
func (r *resident) labelsOf(indices *Node) *Node {
	return Gather(r.classes.NodeValue(indices.Graph()), ExpandAxes(indices, -1))
}

// plain gathers the images of the samples, normalised: [B H W C] float32; or their
// tokens: [B T] int32.
func (r *resident) plain(indices *Node) *Node {
	values := r.stored.NodeValue(indices.Graph())
	if r.vocabulary > 0 {
		return Gather(values, ExpandAxes(indices, -1))
	}
	h, w, c := r.shape[0], r.shape[1], r.shape[2]
	images := Reshape(values, r.count(), h*w*c)
	x := Gather(images, ExpandAxes(indices, -1))
	return r.normalise(Reshape(x, -1, h, w, c))
}

// normalise turns pixels 0..255 [… C] into float32 of mean 0 and deviation 1.
func (r *resident) normalise(pixels *Node) *Node {
	g := pixels.Graph()
	gain, shift := make([]float32, len(r.mean)), make([]float32, len(r.mean))
	for k := range gain {
		gain[k] = 1 / (255 * r.std[k])
		shift[k] = -r.mean[k] / r.std[k]
	}
	x := ConvertDType(pixels, dtypes.Float32)
	return Add(Mul(x, lastAxis(Const(g, gain), x.Rank())), lastAxis(Const(g, shift), x.Rank()))
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

// augmented is plain with every image mirrored with probability 1/2 (flip) and
// moved by up to crop pixels each way, the uncovered border being 0, the mean
// colour. One gather of pixels does all of it.
func (r *resident) augmented(b *graphBuilder, indices *Node, flip bool, crop int) *Node {
	if !flip && crop == 0 {
		return r.plain(indices)
	}
	g, batch := indices.Graph(), indices.Shape().Dim(0)
	h, w := r.shape[0], r.shape[1]
	axis := func(size, at int) *Node { return Iota(g, shapes.Make(dtypes.Int32, 1, size), at) }
	rows, cols := BroadcastToDims(axis(h, 1), batch, h), BroadcastToDims(axis(w, 1), batch, w)
	if flip {
		mirror := LessThan(b.uniform(batch, 1), Scalar(g, dtypes.Float32, 0.5))
		cols = Where(BroadcastToDims(mirror, batch, w), AddScalar(Neg(cols), float64(w-1)), cols)
	}
	if crop > 0 {
		offset := func() *Node {
			steps := Floor(MulScalar(b.uniform(batch, 1), float64(2*crop+1)))
			return AddScalar(ConvertDType(steps, dtypes.Int32), float64(-crop))
		}
		rows, cols = Add(rows, offset()), Add(cols, offset())
	}
	inside := func(x *Node, size int) *Node {
		return LogicalAnd(GreaterOrEqual(x, Scalar(g, dtypes.Int32, 0)), LessThan(x, Scalar(g, dtypes.Int32, size)))
	}
	clip := func(x *Node, size int) *Node {
		return Min(Max(x, Scalar(g, dtypes.Int32, 0)), Scalar(g, dtypes.Int32, size-1))
	}
	grid := func(rows, cols *Node) (*Node, *Node) {
		return BroadcastToDims(ExpandAxes(rows, 2), batch, h, w), BroadcastToDims(ExpandAxes(cols, 1), batch, h, w)
	}
	y, x := grid(clip(rows, h), clip(cols, w))
	start := MulScalar(BroadcastToDims(Reshape(indices, batch, 1, 1), batch, h, w), float64(h*w))
	at := Add(start, Add(MulScalar(y, float64(w)), x))
	image := r.normalise(Gather(r.stored.NodeValue(g), ExpandAxes(at, -1)))
	seeRow, seeCol := grid(inside(rows, h), inside(cols, w))
	seen := BroadcastToDims(ExpandAxes(LogicalAnd(seeRow, seeCol), -1), image.Shape().Dimensions...)
	return Where(seen, image, ZerosLike(image))
}
