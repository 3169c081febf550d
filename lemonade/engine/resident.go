package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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
	scope      string    // in the store; "" is that of the job's own
}

// reads returns the input that the samples are.
func (s *samples) reads() arch.Input { return arch.InputOf(s.shape, s.vocabulary) }

// count returns the number of samples, for training and validation together.
func (s *samples) count() int { return len(s.labels) }

// collect copies the samples that a job needs out of a set, so that a small
// study does not put a large set on the device. Those of a set that has no others
// are not copied.
func collect(set *datasets.Set, trainSamples int) (*samples, error) {
	fit, validate := set.Fit(trainSamples), set.Validate()
	if len(fit) == 0 || len(validate) == 0 {
		return nil, fmt.Errorf("data set %s has %d training and %d validation samples; both are needed", set.Name, len(fit), len(validate))
	}
	s := &samples{shape: set.Shape, vocabulary: set.Vocabulary, mean: set.Mean, std: set.Std, fit: len(fit)}
	s.take(set.Train, slices.Concat(fit, validate))
	return s, nil
}

// take copies the samples of the given indices out of a split, or shares them where
// they are all that it has.
func (s *samples) take(split datasets.Split, rows []int32) {
	for _, row := range rows {
		s.labels = append(s.labels, split.Labels[row])
	}
	size := int(arch.Shape(s.shape).Size())
	if s.vocabulary == 0 && len(split.Images) == len(rows)*size && inOrder(rows) { // it was loaded for just this
		s.values = split.Images
		return
	}
	s.values = make([]byte, 0, len(rows)*size*s.dtype().Size())
	for _, row := range rows {
		from, to := int(row)*size, (int(row)+1)*size
		if s.vocabulary > 0 {
			s.values = appendTokens(s.values, split.Tokens[from:to])
		} else {
			s.values = append(s.values, split.Images[from:to]...)
		}
	}
}

// inOrder says whether each row is at its own place.
func inOrder(rows []int32) bool {
	for i, row := range rows {
		if int(row) != i {
			return false
		}
	}
	return true
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

// resident are samples on the device: all of them, or, where they are too many for
// it, a window of as many as a batch needs, which the host fills anew before each
// batch. A graph reads them as variables that it does not change, so they are never
// copied or donated.
type resident struct {
	*samples
	engine          *Engine
	rows            int             // on the device
	stored, classes *model.Variable // [rows*H*W C] uint8 or [rows T] int32; [rows] int32
}

// upload puts the samples on the device; where they are too many for it, a window of
// so many rows.
func (e *Engine) upload(store *model.Store, s *samples, window int) (*resident, error) {
	r := &resident{samples: s, engine: e, rows: s.count()}
	if e.streams(len(s.values), s.pixels()) {
		r.rows = min(window, s.count())
	}
	err := r.create(store)
	if errors.Is(err, ErrOutOfMemory) && r.rows > window {
		r.rows = window
		err = r.create(store)
	}
	if !r.streamed() {
		s.values = nil // the device has them now
	}
	return r, err
}

// create makes the variables, with the first samples in them.
func (r *resident) create(store *model.Store) error {
	scope := cmp.Or(r.scope, "/data")
	return guard("put the samples on the device", func() error {
		values, classes, err := r.tensors(r.values[:r.rows*r.size()], r.labels[:r.rows])
		if err != nil {
			return err
		}
		if r.stored, err = store.CreateVariable(scope+"/values", values); err != nil {
			return err
		}
		r.stored.SetTrainable(false)
		if r.classes, err = store.CreateVariable(scope+"/classes", classes); err != nil {
			return err
		}
		r.classes.SetTrainable(false)
		return nil
	})
}

// streams says whether samples of so many bytes and pixels are too many for the device:
// for its memory, or for the 32 bits in which [resident.augmented] counts pixels.
func (e *Engine) streams(bytes, pixels int) bool {
	return e.residentMax > 0 && int64(bytes) > e.residentMax || pixels > math.MaxInt32
}

// pixels counts those of all images, and the tokens of all texts.
func (s *samples) pixels() int {
	if s.vocabulary > 0 {
		return s.count() * s.shape[0]
	}
	return s.count() * s.shape[0] * s.shape[1]
}

func (r *resident) streamed() bool { return r.rows < r.count() }

// size is the number of bytes of a sample.
func (s *samples) size() int { return int(arch.Shape(s.shape).Size()) * s.dtype().Size() }

// tensors puts samples on the device.
func (r *resident) tensors(values []byte, labels []int32) (v, classes *tensors.Tensor, err error) {
	c := r.shape[len(r.shape)-1]
	v, err = tensors.FromRaw(r.engine.backend, 0, shapes.Make(r.dtype(), len(values)/c/r.dtype().Size(), c), values)
	return v, indexTensor(labels), err
}

// batch brings the samples of the given indices to the device, where they are not,
// and returns the rows [B] int32 that they have there.
func (r *resident) batch(indices []int32) (*tensors.Tensor, error) {
	if !r.streamed() {
		return indexTensor(indices), nil
	}
	if len(indices) > r.rows {
		return nil, fmt.Errorf("a batch of %d is larger than the window of %d samples on the device", len(indices), r.rows)
	}
	size := r.size()
	values, labels, rows := make([]byte, r.rows*size), make([]int32, r.rows), make([]int32, len(indices))
	for k, i := range indices {
		copy(values[k*size:], r.values[int(i)*size:(int(i)+1)*size])
		labels[k], rows[k] = r.labels[i], int32(k)
	}
	v, classes, err := r.tensors(values, labels)
	if err != nil {
		return nil, err
	}
	if err := r.stored.SetValue(v); err != nil {
		return nil, err
	}
	if err := r.classes.SetValue(classes); err != nil {
		return nil, err
	}
	return indexTensor(rows), nil
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
	images := Reshape(values, r.rows, h*w*c)
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
