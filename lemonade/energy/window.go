package energy

import (
	"context"
	"fmt"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Energy is what a window of time took.
type Energy struct {
	Joules, CPU, GPU float64 // J
	Seconds          float64
	Idle             *float64 // J that the idle machine would have used in that time; nil where no baseline was given
	Low, High        *float64 // J, the band of an estimate; nil where the machine counts
	Method           string   // of the meter
	Quality          string   // what weakens the value, such as a window too short for the counter's step
	Note             string   // what the meter counts and what it does not
}

// Baseline is the power of the idle machine.
type Baseline struct {
	CPU, GPU float64 // W
	Seconds  float64 // that it was measured for
}

// Window is a stretch of time that is being measured. Windows of one meter may
// nest and overlap.
type Window struct {
	meter Meter
	sync  func() error
	idle  *Baseline
	first Reading
	start time.Time
}

// WindowOption changes what a window does.
type WindowOption func(*Window)

// Synced has sync called before each end of the window is read: it returns once
// the device has finished what was given to it.
func Synced(sync func() error) WindowOption { return func(w *Window) { w.sync = sync } }

// Over reports the baseline's energy beside the window's; nothing is taken off.
func Over(idle *Baseline) WindowOption { return func(w *Window) { w.idle = idle } }

// Start begins a window.
func Start(meter Meter, options ...WindowOption) (*Window, error) {
	w := &Window{meter: meter}
	for _, option := range options {
		option(w)
	}
	var err error
	if w.first, w.start, err = w.read(); err != nil {
		return nil, err
	}
	return w, nil
}

// read returns what the meter shows, and when.
func (w *Window) read() (Reading, time.Time, error) {
	if w.sync != nil {
		if err := w.sync(); err != nil {
			return Reading{}, time.Time{}, fmt.Errorf("waiting for the device: %w", err)
		}
	}
	r, err := w.meter.Read()
	return r, time.Now(), err
}

// Stop returns the energy since Start. The window goes on, so that Stop may be
// called again. It is an error where the count was lost in between, and where none
// was counted, or none by a GPU, since the window was then shorter than the
// counter's step.
func (w *Window) Stop() (Energy, error) {
	last, end, err := w.read()
	if err != nil {
		return Energy{}, err
	}
	about, method := w.meter.About(), w.meter.Method()
	e := Energy{
		Joules: last.Total() - w.first.Total(), CPU: last.CPU - w.first.CPU, GPU: last.GPU - w.first.GPU,
		Seconds: end.Sub(w.start).Seconds(), Method: method, Note: about.Note,
	}
	switch {
	case last.Breaks != w.first.Breaks:
		return Energy{}, fmt.Errorf("energy (%s): the count was lost within the %.3g s, as when a counter is reset or cannot be read for a while", method, e.Seconds)
	case e.CPU < 0 || e.GPU < 0:
		return Energy{}, fmt.Errorf("energy (%s): the counter went back, by %g J (CPU) and %g J (GPU)", method, min(0, e.CPU), min(0, e.GPU))
	case e.Joules <= 0:
		return Energy{}, fmt.Errorf("energy (%s): nothing was counted in %.3f s: the time is shorter than the counter's step", method, e.Seconds)
	case e.GPU == 0 && w.first.GPU > 0:
		return Energy{}, fmt.Errorf("energy (%s): the GPU's counter did not move in %.3f s: the time is shorter than its step", method, e.Seconds)
	}
	if steps := e.Seconds / about.Step.Seconds(); about.Step > 0 && steps < goodSteps {
		e.Quality = fmt.Sprintf("%.2g s are %.2g steps of the counter: uncertain by up to %.0f %%", e.Seconds, steps, 100/steps)
	}
	if about.High > 0 {
		low, high := e.GPU+e.CPU*about.Low, e.GPU+e.CPU*about.High
		e.Low, e.High = &low, &high
	}
	if w.idle != nil {
		idle := (w.idle.CPU + w.idle.GPU) * e.Seconds
		e.Idle = &idle
	}
	return e, nil
}

// goodSteps is how many steps of its counter a window must have not to be called
// short: it then misses, or has too much of, at most a tenth.
const goodSteps = 10

// Idle measures the power of the machine for that long. The caller keeps its own
// process quiet. The processor's part is 0 W where it is an estimate: a process that
// waits takes no CPU time, whatever the machine draws; of the estimate alone that is
// returned at once.
func Idle(ctx context.Context, meter Meter, length time.Duration) (*Baseline, error) {
	method := meter.Method()
	if method == trial.MethodEstimate {
		return &Baseline{}, nil
	}
	w, err := Start(meter)
	if err != nil {
		return nil, fmt.Errorf("idle power: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(length):
	}
	e, err := w.Stop()
	if err != nil {
		return nil, fmt.Errorf("idle power: %w", err)
	}
	b := &Baseline{CPU: e.CPU / e.Seconds, GPU: e.GPU / e.Seconds, Seconds: e.Seconds}
	if !trial.Measured(method) {
		b.CPU = 0
	}
	return b, nil
}
