package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Stepper compiles a job's training step and its inference at the same batch
// size, for benchmarks that time single steps. Without a Set it makes random
// images, or texts, of the network's input shape. Each call of step trains on a batch and
// each call of infer classifies one; both return when the device has finished.
// close frees the device's memory.
func (e *Engine) Stepper(job Job) (step, infer func() error, close func(), err error) {
	var s *samples
	if job.Set != nil {
		s, err = collect(job.Set, job.TrainSamples)
	} else {
		s, err = synthetic(job)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := e.newTrainer(job, s)
	if err != nil {
		return nil, nil, nil, err
	}
	close = func() { t.release(); t.model.Close() }
	if err := t.compile(context.Background()); err != nil {
		close()
		return nil, nil, nil, err
	}
	if infer, err = t.model.Predictor(t.batch); err != nil {
		close()
		return nil, nil, nil, err
	}
	order := permutation(s.fit, job.Seed, 1)
	perEpoch := s.fit / t.batch
	taken := 0
	step = func() error {
		k := taken % perEpoch
		taken++
		return t.step(order[k*t.batch:(k+1)*t.batch], taken-1, 1_000_000)
	}
	return step, infer, close, nil
}

// synthetic makes random images and labels: eight batches to train on and one
// to classify.
func synthetic(job Job) (*samples, error) {
	input, vocabulary := job.Network.Input, job.Network.Vocabulary
	s := &samples{shape: input, vocabulary: vocabulary, fit: 8 * job.Recipe.BatchSize}
	rng := rand.New(rand.NewPCG(uint64(job.Seed), 0))
	size := int64(s.fit+job.Recipe.BatchSize) * input.Size()
	switch {
	case vocabulary > 0:
		for range size {
			s.values = appendTokens(s.values, []int32{int32(rng.IntN(vocabulary))})
		}
	case len(input) == 3:
		s.mean, s.std = slices.Repeat([]float32{0.5}, input[2]), slices.Repeat([]float32{0.25}, input[2])
		s.values = make([]byte, size)
		for k := range s.values {
			s.values[k] = byte(rng.Uint32())
		}
	default:
		return nil, fmt.Errorf("%s: input %s is neither an image [height width channels] nor a text", trial.BadData, input)
	}
	s.labels = make([]int32, s.fit+job.Recipe.BatchSize)
	for k := range s.labels {
		s.labels[k] = int32(rng.IntN(job.Network.Classes))
	}
	return s, nil
}
