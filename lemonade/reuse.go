package lemonade

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// reuse returns what a study of the folder has measured for the same trial key, and
// where, or nil where the network has to be trained.
//
// Measured figures are taken over only where they hold here too: on the same kind of
// machine with the same device, meter and settings. Elsewhere a study that is after
// none of them takes over what follows from the key alone, such as the accuracy, and
// any other one trains anew: weights are kept of a front alone, and with them a network
// could be profiled, but what its training takes would stay unknown.
//
// Two processes that have the same network at the same time both train it.
func (r *runner) reuse(ctx context.Context, job trial.Job, key string) (trial.Result, *trial.Source, error) {
	if r.options.NoReuse || r.settings.Replay != "" {
		return trial.Result{}, nil, nil
	}
	here := r.conditions(job)
	study, found, ok, err := r.store.Find(ctx, key, here)
	if err != nil || !ok {
		return trial.Result{}, nil, err
	}
	holds := here.Known() && found.Conditions != nil && *found.Conditions == here
	if !holds && (r.options.ReuseMeasured || slices.ContainsFunc(r.objective.Concerns(), func(m trial.Metric) bool { return !m.Follows() })) {
		return trial.Result{}, nil, nil
	}
	result := trial.Result{State: trial.Complete, Metrics: trial.Metrics{}, Curve: found.Curve, Quality: found.Quality}
	if holds {
		result.Seconds, result.Forecast = found.Seconds, found.Forecast
	}
	for name, m := range found.Metrics {
		info, _ := name.Info()
		wanted := holds && (!job.Budget.NoProfile || ofTraining(name)) || name.Follows()
		if !info.Static && wanted {
			result.Metrics[name] = m
		}
	}
	for _, m := range r.objective.Concerns() { // it may have been trained where nobody profiled it
		if _, ok := result.Metrics[m]; !ok && !m.Follows() && (!job.Budget.NoProfile || ofTraining(m)) {
			return trial.Result{}, nil, nil
		}
	}
	if job.Weights != "" {
		err = keepToo(found.Weights, job.Weights)
	}
	return result, &trial.Source{Study: study, Trial: found.ID}, err
}

// ofTraining reports whether a metric is measured while a network is trained, and not
// when it is profiled.
func ofTraining(m trial.Metric) bool {
	return slices.Contains([]trial.Metric{trial.TrainingEnergy, trial.CO2e, trial.TrainingTime}, m)
}

// conditions are those that a job is measured under here.
func (r *runner) conditions(job trial.Job) trial.Conditions {
	about := r.evaluator.Describe()
	c := trial.Conditions{
		Machine: about.Machine, Device: about.Device, Meter: about.Meter,
		Profile: job.Budget.Profile, PUE: job.Account.PUE, Intensity: job.Account.Intensity,
	}
	if about.Profile != 0 {
		c.Profile = about.Profile
	}
	if about.Backend != "" {
		c.Plugin = filepath.Base(about.Backend)
	}
	return c
}

// keepToo gives a file of weights a second name, or copies it where that cannot be.
// That there is none, or that it has gone meanwhile, is no error. What another training
// has left under that name goes.
func keepToo(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if from == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
