package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Model is a trained network on the device, with the samples it was trained
// and validated on.
type Model struct {
	Curve         []trial.Epoch
	Accuracy      float64 // share of the validation samples that are classified right
	Loss          float64 // cross-entropy on the validation samples, nats
	TrainAccuracy float64 // the same share of the training samples, without augmentation
	Validated     int     // validation samples counted
	Trained       int     // training samples counted; at most 5,000, spread evenly

	engine  *Engine
	net     *arch.Network
	weights *weightSet
	data    *resident
	compute dtypes.DType  // of activations
	batch   int           // of evaluation
	exec    *model.Exec   // of evaluation
	others  []*model.Exec // of predictors

	answers []trial.Answer // to the validation samples
}

// evaluationBatch keeps activations small enough for caches and memory.
const evaluationBatch = 256

// gpuBatch is the largest batch that [Model.MaxBatch] allows on a GPU.
const gpuBatch = 4096

// newModel puts an untrained network and its samples on the device. Where the
// samples are streamed, batches of up to the larger of batch and that of evaluation
// can be read.
func (e *Engine) newModel(net *arch.Network, s *samples, precision string, seed int64, batch int) (*Model, error) {
	if data := s.reads(); net.Reads().String() != data.String() {
		return nil, fmt.Errorf("the network takes samples of shape %s, the data has %s", net.Reads(), data)
	}
	compute, err := e.precision(precision)
	if err != nil {
		return nil, err
	}
	weights, err := newWeights(net, seed, dtypes.Float32)
	if err != nil {
		return nil, err
	}
	data, err := e.upload(weights.store, s, max(batch, evaluationBatch))
	if err != nil {
		return nil, err
	}
	m := &Model{engine: e, net: net, weights: weights, data: data, compute: compute, batch: min(evaluationBatch, s.count())}
	err = guard("create the evaluation", func() (err error) {
		m.exec, err = model.NewExec(e.backend, weights.store, m.evaluation)
		return err
	})
	return m, err
}

// logits builds the network in inference on the samples of the given indices:
// [B classes] float32.
func (m *Model) logits(indices *Node) *Node {
	b := &graphBuilder{net: m.net, weights: m.weights, compute: m.compute}
	return ConvertDType(b.forward(m.data.plain(indices)), dtypes.Float32)
}

// evaluation returns in one vector, since each output is a transfer, the sum of
// losses and the count of hits over the first valid samples of a batch, then the
// answer to each sample, then the probability of each answer.
func (m *Model) evaluation(_ *model.Scope, indices, valid *Node) *Node {
	logits, labels := m.logits(indices), m.data.labelsOf(indices)
	position := Iota(indices.Graph(), indices.Shape(), 0)
	counts := LessThan(position, valid)
	masked := func(x *Node) *Node { return ReduceAllSum(Where(counts, x, ZerosLike(x))) }
	sums := Stack([]*Node{masked(crossEntropy(logits, labels, 0)), masked(right(logits, labels))}, 0)
	classes := ConvertDType(ArgMax(logits, -1, dtypes.Int32), dtypes.Float32)
	confidence := Exp(ReduceMax(LogSoftmax(logits, -1), -1))
	return Concatenate([]*Node{sums, classes, confidence}, 0)
}

func (m *Model) compile() error {
	return guardCompile("build the evaluation", func() error {
		_, err := m.exec.Compile(shapes.Make(dtypes.Int32, m.batch), shapes.Make(dtypes.Int32))
		return err
	})
}

// evaluated is what an evaluation counts over samples.
type evaluated struct {
	loss, accuracy float64 // the mean, and the share of hits
	answers        []trial.Answer
}

// evaluate classifies samples [0, count), where index names the k-th of them.
func (m *Model) evaluate(ctx context.Context, count int, index func(k int) int32) (evaluated, error) {
	var out evaluated
	indices := make([]int32, m.batch)
	for from := 0; from < count; from += m.batch {
		if err := ctx.Err(); err != nil {
			return evaluated{}, err
		}
		valid := min(m.batch, count-from)
		for k := range indices {
			indices[k] = index(from + min(k, valid-1))
		}
		err := guard("evaluate", func() error {
			rows, err := m.data.batch(indices)
			if err != nil {
				return err
			}
			outputs, err := m.exec.Call(rows, tensors.FromScalar(int32(valid)))
			if err != nil {
				return err
			}
			values, err := tensors.CopyFlatData[float32](outputs[0])
			if err != nil {
				return err
			}
			out.loss += float64(values[0])
			out.accuracy += float64(values[1])
			classes, confidence := values[2:2+m.batch], values[2+m.batch:]
			for k := range valid {
				out.answers = append(out.answers, trial.Answer{
					Index: from + k, True: int(m.data.labels[indices[k]]), Predicted: int(classes[k]), Confidence: float64(confidence[k]),
				})
			}
			return outputs[0].FinalizeAll()
		})
		if err != nil {
			return evaluated{}, err
		}
	}
	out.loss /= float64(count)
	out.accuracy /= float64(count)
	return out, nil
}

// Validate classifies every validation sample and sets Accuracy, Loss and Validated.
func (m *Model) Validate(ctx context.Context) error {
	count := m.data.count() - m.data.fit
	got, err := m.evaluate(ctx, count, func(k int) int32 { return int32(m.data.fit + k) })
	if err != nil {
		return err
	}
	m.Loss, m.Accuracy, m.Validated, m.answers = got.loss, got.accuracy, count, got.answers
	if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
		return fmt.Errorf("%w on the validation samples", ErrNaN)
	}
	return nil
}

// Test classifies every sample of another split, such as the one for tests, and
// returns the share that is classified right. It can be done once; the model stays as
// it is.
func (m *Model) Test(ctx context.Context, split datasets.Split) (accuracy float64, err error) {
	s := &samples{shape: m.data.shape, vocabulary: m.data.vocabulary, mean: m.data.mean, std: m.data.std, scope: "/test"}
	rows := make([]int32, split.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	s.take(split, rows)
	other := *m
	other.batch = min(evaluationBatch, s.count())
	if other.data, err = m.engine.upload(m.weights.store, s, other.batch); err != nil {
		return 0, err
	}
	err = guard("create the test", func() (err error) {
		other.exec, err = model.NewExec(m.engine.backend, m.weights.store, other.evaluation)
		return err
	})
	if err != nil {
		return 0, err
	}
	m.others = append(m.others, other.exec) // freed with the model
	if err := other.compile(); err != nil {
		return 0, err
	}
	got, err := other.evaluate(ctx, s.count(), func(k int) int32 { return int32(k) })
	return got.accuracy, err
}

// countTraining sets TrainAccuracy and Trained.
func (m *Model) countTraining(ctx context.Context) error {
	m.Trained = min(m.data.fit, trainAccuracySamples)
	got, err := m.evaluate(ctx, m.Trained, func(k int) int32 {
		return int32(k * m.data.fit / m.Trained)
	})
	m.TrainAccuracy = got.accuracy
	return err
}

// Quality tells what the last Validate has counted class by class. Which data it was
// is left to the caller to say.
func (m *Model) Quality() *trial.Quality {
	return trial.NewQuality(m.net.Classes, m.answers)
}

// Predictor compiles inference for a batch size. Each call of run classifies the
// next validation samples, which lie on the device, and returns when the device
// has finished; after the last sample it begins again. Where samples are streamed,
// it is those in the window again and again: transfer is no part of inference.
func (m *Model) Predictor(batch int) (run func() error, err error) {
	first, count := m.data.fit, m.data.count()-m.data.fit
	if m.data.streamed() {
		first, count = 0, m.data.rows
	}
	if batch < 1 {
		return nil, fmt.Errorf("batch is %d; it must be at least 1", batch)
	}
	var exec *model.Exec
	err = guardCompile("build the prediction", func() error {
		exec, err = model.NewExec(m.engine.backend, m.weights.store, func(_ *model.Scope, indices *Node) *Node {
			return m.logits(indices)
		})
		if err != nil {
			return err
		}
		m.others = append(m.others, exec)
		_, err = exec.Compile(shapes.Make(dtypes.Int32, batch))
		return err
	})
	if err != nil {
		return nil, err
	}
	next := 0
	indices := make([]int32, batch)
	return func() error {
		for k := range indices {
			indices[k] = int32(first + (next+k)%count)
		}
		next = (next + batch) % count
		return guard("predict", func() error {
			outputs, err := exec.Call(indexTensor(indices))
			if err != nil {
				return err
			}
			return outputs[0].FinalizeAll()
		})
	}, nil
}

// MaxBatch is the largest batch that may be tried with [Model.Predictor]. A GPU
// that runs out of memory says so with an error; on a CPU that is the end of the
// process, so there it is the batch that evaluation has already run.
func (m *Model) MaxBatch() int {
	if m.engine.gpu {
		return gpuBatch
	}
	return m.batch
}

// Close frees the device's memory. The model cannot be used after that.
func (m *Model) Close() {
	_ = guard("free the model", func() error {
		for _, exec := range append(m.others, m.exec) {
			exec.Finalize()
		}
		m.weights.store.Finalize()
		return nil
	})
}

// Load restores a model that [Model.Save] wrote, with the set's validation
// samples to classify. Validate sets its accuracy.
func (e *Engine) Load(path string, net *arch.Network, set *datasets.Set, precision string) (*Model, error) {
	s, err := collect(set, 1)
	if err != nil {
		return nil, err
	}
	m, err := e.newModel(net, s, precision, 0, 0)
	if err != nil {
		return nil, err
	}
	if err := m.weights.read(path); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Save writes the weights in the safetensors format, under the names of
// [arch.Network.Weights] after their node's index, as in "3.kernel". The file
// appears whole or not at all.
func (m *Model) Save(path string) error { return m.weights.write(path) }
