package engine

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// trainer is the device's side of one training: a compiled step with its state.
type trainer struct {
	model  *Model
	data   *resident
	batch  int
	recipe arch.Recipe
	images augmentation
	opt    *optimizer
	random *model.Variable // state of the random generator
	sums   *model.Variable // [2]: sums over the epoch's steps of mean loss and of accuracy
	exec   *model.Exec
}

// averageFloor is the least share of a batch in batch norm's running averages:
// they remember about the last twenty steps. Until then they are plain means, so
// they are right after trainings of a few steps too.
const averageFloor = 0.05

// newTrainer puts samples, weights and state on the device.
func (e *Engine) newTrainer(job Job, s *samples) (*trainer, error) {
	m, err := e.newModel(job.Network, s, job.Precision, job.Seed, min(job.Recipe.BatchSize, s.fit))
	if err != nil {
		return nil, err
	}
	t := &trainer{model: m, data: m.data, recipe: job.Recipe, images: job.augmentation(s)}
	t.batch = min(job.Recipe.BatchSize, s.fit)
	if t.batch < 1 {
		return nil, fmt.Errorf("batch_size is %d; it must be at least 1", job.Recipe.BatchSize)
	}
	if _, err := learningRate(job.Recipe, 0, 1); err != nil {
		return nil, err
	}
	if t.opt, err = newOptimizer(job.Recipe, m.weights); err != nil {
		return nil, err
	}
	err = guard("create the state of the training", func() error {
		state, err := RNGStateFromSeed(job.Seed)
		if err != nil {
			return err
		}
		if t.random, err = m.weights.store.CreateVariable("/training/random", state); err != nil {
			return err
		}
		t.sums, err = m.weights.store.CreateVariable("/training/sums", tensors.FromShape(shapes.Make(dtypes.Float32, 2)))
		if err != nil {
			return err
		}
		t.exec, err = model.NewExec(e.backend, m.weights.store, t.graph)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// graph is one step on the samples of the given indices [batch] int32.
func (t *trainer) graph(_ *model.Scope, indices, vector *Node) *Node {
	g := indices.Graph()
	b := &graphBuilder{
		net: t.model.net, weights: t.model.weights, compute: t.model.compute, g: g,
		training: true, random: t.random.NodeValue(g), rate: element(vector, atAverageRate),
	}
	if !t.model.engine.gpu {
		b.apart = GreaterOrEqual(b.rate, ScalarZero(g, b.rate.DType()))
	}
	x := t.samples(b, indices)
	labels := t.data.labelsOf(indices)
	mix := t.images.mixing(b, t.batch)
	logits := ConvertDType(b.forward(mix.images(x)), dtypes.Float32)
	loss := ReduceAllMean(mix.mean(labels, func(labels *Node) *Node { return crossEntropy(logits, labels, t.recipe.LabelSmoothing) }))
	accuracy := ReduceAllMean(mix.mean(labels, func(labels *Node) *Node { return right(logits, labels) }))
	t.opt.apply(t.model.weights, loss, vector)
	t.random.SetNodeValue(b.random)
	t.sums.SetNodeValue(Add(t.sums.NodeValue(g), Stack([]*Node{loss, accuracy}, 0)))
	return loss
}

// samples gathers a batch with the augmentation that the recipe asks for.
func (t *trainer) samples(b *graphBuilder, indices *Node) *Node {
	if t.data.vocabulary > 0 {
		return t.data.forgetful(b, indices, t.recipe.TokenDropout)
	}
	return t.data.augmented(b, indices, t.images)
}

// crossEntropy returns -log p of each sample's target [B]: its label, mixed with
// the uniform distribution by the share smoothing (Szegedy et al. 2016).
func crossEntropy(logits, labels *Node, smoothing float64) *Node {
	classes := logits.Shape().Dim(-1)
	logp := LogSoftmax(logits, -1)
	target := OneHot(labels, classes, logits.DType())
	target = AddScalar(MulScalar(target, 1-smoothing), smoothing/float64(classes))
	return Neg(ReduceSum(Mul(logp, target), -1))
}

// right returns 1 for every sample whose largest logit is its label's, else 0: [B].
func right(logits, labels *Node) *Node {
	return ConvertDType(Equal(ArgMax(logits, -1, dtypes.Int32), labels), dtypes.Float32)
}

// compile compiles the step and the evaluation, and runs the evaluation once: the
// first run in a process starts the backend's threads, which takes many times as
// long as a step of a small network and is no part of training it.
func (t *trainer) compile(ctx context.Context) error {
	err := guardCompile("build the training step", func() error {
		_, err := t.exec.Compile(shapes.Make(dtypes.Int32, t.batch), shapes.Make(dtypes.Float32, numbersCount))
		return err
	})
	if err != nil {
		return err
	}
	if err := t.model.compile(); err != nil {
		return err
	}
	_, err = t.model.evaluate(ctx, 1, func(int) int32 { return 0 })
	return err
}

// step trains on one batch.
func (t *trainer) step(indices []int32, step, steps int) error {
	rate, err := learningRate(t.recipe, step, steps)
	if err != nil {
		return err
	}
	n := numbers{learningRate: rate, averageRate: max(averageFloor, 1/float64(step+1)), step: step + 1}
	return guard(fmt.Sprintf("training step %d", step+1), func() error {
		rows, err := t.data.batch(indices)
		if err != nil {
			return err
		}
		outputs, err := t.exec.Call(rows, n.tensor())
		if err != nil {
			return err
		}
		return outputs[0].FinalizeAll()
	})
}

// resetSums begins the sums of an epoch.
func (t *trainer) resetSums() error {
	return guard("begin an epoch", func() error {
		return t.sums.SetValue(tensors.FromShape(shapes.Make(dtypes.Float32, 2)))
	})
}

// means reads the mean loss and accuracy of the epoch's first steps.
func (t *trainer) means(steps int) (loss, accuracy float64, err error) {
	err = guard("read the loss", func() error {
		value, err := t.sums.Value()
		if err != nil {
			return err
		}
		sums, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return err
		}
		loss, accuracy = float64(sums[0])/float64(steps), float64(sums[1])/float64(steps)
		return nil
	})
	return loss, accuracy, err
}

// release frees what only training needs.
func (t *trainer) release() {
	_ = guard("free the training's state", func() error {
		t.exec.Finalize()
		for _, scope := range []string{"/optimizer", "/training"} {
			if err := t.model.weights.store.DeleteVariablesInScope(scope); err != nil {
				return err
			}
		}
		return nil
	})
}
