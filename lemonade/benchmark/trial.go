package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TrialOptions say what [Trial] runs. Zero values take their defaults.
type TrialOptions struct {
	Data         string        // name of the data set; needed
	Partial      bool          // take a copy of Data that has fewer samples than were published, and mark the report
	TrainSamples int           // default all
	Time         time.Duration // that a trial should take, or about; default a minute
	Times        int           // trials; default 1
	Log          func(string)  // told about each trial that ended, and about long steps
}

// TrialReport says where the time of trials goes.
type TrialReport struct {
	Data    string        `json:"data"`
	Partial string        `json:"partial"`
	Samples int           `json:"train_samples"` // 0 is all
	Epochs  int           `json:"epochs"`
	Device  string        `json:"device"`
	Engine  string        `json:"engine"`
	Trials  []trial.Times `json:"trials"`  // seconds by phase
	Seconds []float64     `json:"seconds"` // of each trial on the clock
	Around  []float64     `json:"around"`  // of each, the share that is not training
}

// Trial tells where the time of a trial goes: the network that the rule book begins
// with is trained and measured as in a study, for as many epochs as fill the time. How
// many those are a first trial of two epochs tells, which is not reported.
func Trial(ctx context.Context, o TrialOptions) (_ TrialReport, err error) {
	if o.Time <= 0 {
		o.Time = time.Minute
	}
	o.Times = max(o.Times, 1)
	if o.Log == nil {
		o.Log = func(string) {}
	}
	ref, err := prepare(ctx, MeasureOptions{Data: o.Data, Partial: o.Partial, Log: o.Log})
	if err != nil {
		return TrialReport{}, err
	}
	account, err := carbon.Account(carbon.Options{})
	if err != nil {
		return TrialReport{}, err
	}
	input, classes := arch.InputOf(ref.Info.Shape, ref.Info.Vocabulary), len(ref.Info.ClassNames)
	program, err := arch.Parse(arch.Seed(input, classes), input, classes)
	if err != nil {
		return TrialReport{}, err
	}
	worker, err := evaluate.Open(ctx, evaluate.Options{Log: o.Log})
	if err != nil {
		return TrialReport{}, err
	}
	defer func() { err = errors.Join(err, worker.Close()) }()
	folder, err := os.MkdirTemp("", "lemonade-trial-")
	if err != nil {
		return TrialReport{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	job := trial.Job{
		Network: program.Network, Recipe: program.Recipe, Account: account, Seed: 1, Weights: filepath.Join(folder, "weights.safetensors"),
		Data:   trial.Data{Name: ref.Name, Dir: ref.Dir, TrainSamples: o.TrainSamples, Fingerprint: datasets.Fingerprint(ref, o.TrainSamples)},
		Budget: trial.Budget{Epochs: 2},
	}
	r, err := times(ctx, worker, job, o)
	r.Data, r.Partial, r.Samples = ref.Info.Name, ref.Info.Partial(), o.TrainSamples
	return r, err
}

// times runs the trials.
func times(ctx context.Context, e evaluate.Evaluator, job trial.Job, o TrialOptions) (TrialReport, error) {
	about := e.Describe()
	r := TrialReport{Device: about.Device, Engine: about.Engine}
	first, took, err := timed(ctx, e, job)
	if err != nil {
		return r, err
	}
	// An epoch is validated, and the training samples are counted once in the end.
	n := float64(job.Budget.Epochs)
	epoch := first[trial.PhaseTrain]/n + first[trial.PhaseEvaluate]/(n+1)
	around := took.Seconds() - n*epoch
	r.Epochs = max(1, int(math.Round((o.Time.Seconds()-around)/epoch)))
	job.Budget.Epochs = r.Epochs
	for i := range o.Times {
		phases, took, err := timed(ctx, e, job)
		if err != nil {
			return r, err
		}
		r.Trials, r.Seconds, r.Around = append(r.Trials, phases), append(r.Seconds, took.Seconds()), append(r.Around, phases.Around())
		o.Log(fmt.Sprintf("trial %d of %d: %.1f s, of it %.1f %% not training", i+1, o.Times, took.Seconds(), 100*phases.Around()))
	}
	return r, nil
}

func timed(ctx context.Context, e evaluate.Evaluator, job trial.Job) (trial.Times, time.Duration, error) {
	began := time.Now()
	result, err := e.Evaluate(ctx, job, nil)
	if err == nil && result.State != trial.Complete {
		err = fmt.Errorf("%s: %s", result.State, result.Reason)
	}
	return result.Seconds, time.Since(began), err
}

// phaseWords say what a phase is.
var phaseWords = map[string]string{
	trial.PhaseStart: "the worker's process is started", trial.PhasePlugin: "XLA and the energy meter are opened", trial.PhaseIdle: "the idle machine's power is measured",
	trial.PhaseData: "the samples are read and put on the device", trial.PhaseCompile: "the training step and the evaluation are compiled", trial.PhaseTrain: "training steps",
	trial.PhaseEvaluate: "validation after each epoch, and the count of training samples at the end", trial.PhaseSave: "the weights are written",
	trial.PhaseProfile: "inference is compiled and measured", trial.PhaseStop: "the process is ended",
}

// Write prints the report as aligned text, or as Markdown: the means over the trials.
func (r TrialReport) Write(w io.Writer, markdown bool) error {
	samples := "all training samples"
	if r.Samples > 0 {
		samples = fmt.Sprintf("%d training samples", r.Samples)
	}
	if _, err := fmt.Fprintf(w, "The time of a trial on %s, %s, epochs %d: mean of %d on %s, %s.\n\n", marked(r.Data, r.Partial), samples, r.Epochs, len(r.Trials), r.Device, r.Engine); err != nil {
		return err
	}
	n, whole := float64(len(r.Trials)), mean(r.Seconds)
	grid := [][]string{{"phase", "seconds", "share", ""}}
	row := func(name string, seconds float64, words string) {
		grid = append(grid, []string{name, fmt.Sprintf("%.2f", seconds), fmt.Sprintf("%.1f %%", 100*seconds/whole), words})
	}
	sum := 0.0
	for _, phase := range trial.Phases {
		total := 0.0
		for _, t := range r.Trials {
			total += t[phase]
		}
		sum += total / n
		row(phase, total/n, phaseWords[phase])
	}
	row("in no phase", whole-sum, "")
	row("whole", whole, "on the clock")
	if err := writeGrid(w, grid, markdown); err != nil {
		return err
	}
	steps := 0.0
	for _, t := range r.Trials {
		steps += t[trial.PhaseTrain] / n
	}
	_, err := fmt.Fprintf(w, "\nNot spent in training: %.1f %%, where validation is part of it as in training_time; %.1f %% are no training steps.\n", 100*mean(r.Around), 100*(1-steps/whole))
	return err
}
