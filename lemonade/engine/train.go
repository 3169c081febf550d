package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Job is one training.
type Job struct {
	Network      *arch.Network
	Recipe       arch.Recipe
	Set          *datasets.Set
	TrainSamples int // stratified from the training split; 0 is all
	Epochs       int
	Seed         int64
	Precision    string // [Float32] or [BFloat16]; "" lets the device decide

	// OnPhase is called at the beginning of each phase; it may be nil. The training
	// goes from "train" to "evaluate" and back for the validation after each epoch.
	OnPhase func(phase string)

	// Check is called about every 0.4 s of the training with the epoch under way,
	// and with ended after the validation of each epoch. An error from it stops the
	// training and comes back wrapped. It may be nil.
	Check func(epoch int, ended bool) error
}

// trainAccuracySamples bounds how many training samples the final count reads.
const trainAccuracySamples = 5000

// reportEvery is how often progress is told and the loss looked at.
const reportEvery = 400 * time.Millisecond

// The shares of a whole job, as progress tells them: the profile of the trained
// network takes the rest.
const doneData, doneCompile, doneTrain = 0.02, 0.08, 0.9

// Train trains a network and returns the model with its learning curve. Its
// errors: [ErrNaN], [ErrCompile], [ErrOutOfMemory] and that of job.Check, wrapped
// with details, and ctx.Err(). The loss of the curve is the one that was trained
// on, with label smoothing and mixup; Model.Loss is the validation cross-entropy
// without.
func (e *Engine) Train(ctx context.Context, job Job, progress func(trial.Progress)) (m *Model, err error) {
	return e.train(ctx, job, func() (*samples, error) { return collect(job.Set, job.TrainSamples) }, progress)
}

func (e *Engine) train(ctx context.Context, job Job, collect func() (*samples, error), progress func(trial.Progress)) (m *Model, err error) {
	if job.Epochs < 1 {
		return nil, fmt.Errorf("epochs is %d; it must be at least 1", job.Epochs)
	}
	r := &run{Job: job, progress: progress}
	if r.progress == nil {
		r.progress = func(trial.Progress) {}
	}
	if r.OnPhase == nil {
		r.OnPhase = func(string) {}
	}
	if r.Check == nil {
		r.Check = func(int, bool) error { return nil }
	}

	r.begin(trial.PhaseData, 0)
	samples, err := collect()
	if err != nil {
		return nil, err
	}
	t, err := e.newTrainer(job, samples)
	if err != nil {
		return nil, err
	}
	defer func() {
		t.release()
		if err != nil {
			t.model.Close()
		}
	}()

	r.begin(trial.PhaseCompile, doneData)
	if err := t.compile(ctx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	r.begin(trial.PhaseTrain, doneCompile)
	if err := r.train(ctx, t); err != nil {
		return nil, err
	}

	r.OnPhase(trial.PhaseEvaluate)
	m = t.model
	if err := m.countTraining(ctx); err != nil {
		return nil, err
	}
	m.Curve = r.curve
	return m, nil
}

// run is the host's side of one training: its progress and its curve.
type run struct {
	Job
	progress func(trial.Progress)
	curve    []trial.Epoch
	accuracy float64 // of the last validation
}

// begin tells that a phase begins.
func (r *run) begin(phase string, done float64) {
	r.OnPhase(phase)
	r.progress(trial.Progress{Phase: phase, Epochs: r.Epochs, Done: done})
}

// train takes all steps of all epochs.
func (r *run) train(ctx context.Context, t *trainer) error {
	began := time.Now()
	perEpoch := t.data.fit / t.batch
	steps := r.Epochs * perEpoch
	for epoch := 1; epoch <= r.Epochs; epoch++ {
		order := permutation(t.data.fit, r.Seed, epoch)
		if err := t.resetSums(); err != nil {
			return err
		}
		told := time.Now()
		for k := range perEpoch {
			if err := ctx.Err(); err != nil {
				return err
			}
			step := (epoch-1)*perEpoch + k
			if err := t.step(order[k*t.batch:(k+1)*t.batch], step, steps); err != nil {
				return err
			}
			if k+1 < perEpoch && time.Since(told) < reportEvery {
				continue
			}
			told = time.Now()
			loss, _, err := t.means(k + 1)
			if err != nil {
				return err
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return fmt.Errorf("%w by step %d of %d in epoch %d of %d", ErrNaN, k+1, perEpoch, epoch, r.Epochs)
			}
			share := float64(step+1) / float64(steps)
			r.progress(trial.Progress{
				Phase: trial.PhaseTrain, Epoch: epoch, Epochs: r.Epochs,
				Done: doneCompile + share*(doneTrain-doneCompile), Loss: loss, Accuracy: r.accuracy,
			})
			if err := r.Check(epoch, false); err != nil {
				return fmt.Errorf("stopped at step %d of %d in epoch %d of %d: %w", k+1, perEpoch, epoch, r.Epochs, err)
			}
		}
		if err := r.endEpoch(ctx, t, epoch, perEpoch, began); err != nil {
			return err
		}
	}
	return nil
}

// endEpoch validates and adds a row to the curve.
func (r *run) endEpoch(ctx context.Context, t *trainer, epoch, perEpoch int, began time.Time) error {
	loss, trainAccuracy, err := t.means(perEpoch)
	if err != nil {
		return err
	}
	r.OnPhase(trial.PhaseEvaluate)
	if err := t.model.Validate(ctx); err != nil {
		return err
	}
	r.OnPhase(trial.PhaseTrain)
	r.accuracy = t.model.Accuracy
	row := trial.Epoch{
		Epoch: epoch, Loss: loss, TrainAccuracy: trainAccuracy,
		Accuracy: r.accuracy, Seconds: time.Since(began).Seconds(),
	}
	r.curve = append(r.curve, row)
	stop := r.Check(epoch, true)
	share := float64(epoch) / float64(r.Epochs)
	r.progress(trial.Progress{ // also where the training stops here, as the epoch was trained
		Phase: trial.PhaseTrain, Epoch: epoch, Epochs: r.Epochs,
		Done: doneCompile + share*(doneTrain-doneCompile), Loss: loss, Accuracy: r.accuracy, Report: &row,
	})
	if stop != nil {
		return fmt.Errorf("stopped after epoch %d of %d: %w", epoch, r.Epochs, stop)
	}
	return nil
}

// permutation deals the training samples for an epoch.
func permutation(n int, seed int64, epoch int) []int32 {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(epoch)))
	order := make([]int32, n)
	for k := range order {
		order[k] = int32(k)
	}
	rng.Shuffle(n, func(a, b int) { order[a], order[b] = order[b], order[a] })
	return order
}

// indexTensor carries sample indices to the device.
func indexTensor(indices []int32) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(indices, len(indices))
}
