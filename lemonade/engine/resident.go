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
// study does not put a large set on the device. Those of a set that has no others
// are not copied.
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
	if s.vocabulary == 0 && len(set.Train.Images) == len(rows)*size && inOrder(rows) { // it was loaded for just this
		s.values = set.Train.Images
		return s, nil
	}
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
