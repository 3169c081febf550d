package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/profile"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// watch measures a training while it runs: the epochs with the validation after
// each, but neither the loading and compiling before nor the counting after. It
// forecasts the whole and stops what breaks a limit of the budget, or will.
//
// Where the meter fails the energy is unknown, which costs the trial its energy
// metrics and nothing else; of the limits, that of the time is then watched alone.
type watch struct {
	budget   trial.Budget
	account  trial.Accounting
	meter    energy.Meter
	options  []energy.WindowOption
	window   *energy.Window // nil before the training and where the meter failed
	began    time.Time
	used     energy.Energy // as last read; Joules is 0 where the energy is unknown
	unread   error         // why
	forecast *trial.Forecast
}

// brokenLimit ends a training at a limit.
type brokenLimit struct{ text string }

func (b brokenLimit) Error() string { return b.text }

func (w *watch) begin() {
	w.began = time.Now()
	w.window, w.unread = energy.Start(w.meter, w.options...)
}

// read brings used up to date.
func (w *watch) read() {
	if w.window != nil {
		if w.used, w.unread = w.window.Stop(); w.unread == nil {
			return
		}
	}
	w.used = energy.Energy{Seconds: time.Since(w.began).Seconds()}
}

// check is engine's Job.Check.
func (w *watch) check(epoch int, ended bool) error {
	first, last := epoch == 1 && ended, epoch == w.budget.Epochs && ended
	if len(w.budget.Limits) == 0 && !first && !last {
		return nil
	}
	w.read()
	if last { // too late to save anything
		if w.unread != nil {
			fmt.Fprintln(os.Stderr, "the training's energy is unknown:", w.unread)
		}
		return nil
	}
	if first {
		w.forecast = profile.Forecast(w.used, w.budget.Epochs, w.account)
		w.complain()
	}
	return w.broken(epoch, ended)
}

// complain says which limits cannot be watched where the energy is unknown.
func (w *watch) complain() {
	for _, m := range []trial.Metric{trial.TrainingEnergy, trial.CO2e} {
		if limit, ok := w.budget.Limits[m]; ok && w.used.Joules == 0 {
			fmt.Fprintf(os.Stderr, "the limit of %s for %s cannot be watched, the energy being unknown: %v\n", objective.Format(m, limit), m, w.unread)
		}
	}
}

// broken returns an error where a limit is broken by what was used, or at an
// epoch's end will be if each of the remaining epochs takes the mean of those so
// far.
func (w *watch) broken(epoch int, ended bool) error {
	whole, how := 1.0, "used in"
	if ended {
		whole, how = float64(w.budget.Epochs)/float64(epoch), "forecast after"
	}
	used := profile.Training(w.used, w.account)
	var reasons []string
	for _, info := range trial.MetricInfos {
		limit, ok := w.budget.Limits[info.Metric]
		value := used[info.Metric].Value * whole // 0 where it is unknown
		if !ok || value <= limit {
			continue
		}
		shown, bound := objective.Format(info.Metric, value), objective.Format(info.Metric, limit)
		if shown == bound { // as close as that: show every digit
			shown, bound = fmt.Sprint(value, " ", info.Unit), fmt.Sprint(limit, " ", info.Unit)
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s %s epoch %d of %d break the limit of %s", info.Metric, shown, how, epoch, w.budget.Epochs, bound))
	}
	if reasons == nil {
		return nil
	}
	return brokenLimit{strings.Join(reasons, "; ")}
}

// judged returns the forecast with its error against what the whole training used.
func (w *watch) judged() *trial.Forecast {
	if w.forecast == nil {
		return nil
	}
	f, used := *w.forecast, profile.Training(w.used, w.account)
	off := f.Seconds/used[trial.TrainingTime].Value - 1
	if e, ok := used[trial.TrainingEnergy]; ok && f.Energy > 0 {
		off = f.Energy/e.Value - 1
	}
	f.Error = &off
	return &f
}
