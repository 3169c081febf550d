package profile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	minWindows = 3
	maxWindows = 10
	minSteps   = 5  // of the meter in a window, at least
	goodSteps  = 50 // in a window where there is time for more than minWindows
)

// throughput runs the fastest batch through windows, and adds throughput,
// inference_energy, inference_power and device_memory.
func (p *protocol) throughput(ctx context.Context) error {
	best, tried, err := p.fastest(ctx)
	if err != nil {
		return err
	}
	count := p.windows(best)
	var samples, seconds, rates []float64 // of each window
	var used []energy.Energy              // of each window, where it could be read
	var unread error                      // why the energy is unknown
	var speeds clocks
	for k := range count {
		least := minSteps * p.step
		length := max(time.Until(p.end)/time.Duration(count-k), least)
		var window *energy.Window
		if p.meter != nil && unread == nil {
			window, unread = energy.Start(p.meter, energy.Synced(p.Sync), energy.Over(p.Idle))
		}
		n, s, err := busy(ctx, best, length, least)
		if err != nil {
			return err
		}
		samples, seconds, rates = append(samples, n), append(seconds, s), append(rates, n/s)
		if window != nil {
			var e energy.Energy
			if e, unread = window.Stop(); unread == nil {
				used = append(used, e)
			}
		}
		speeds.add(energy.Clocks(p.meter))
	}

	how := joined(fmt.Sprintf("batch %d, %d windows of %.2g s", best.batch, count, mean(seconds)), speeds.String())
	rate := trial.Measurement{Value: mean(rates), Unit: "samples/s", Method: trial.MethodTimed, Spread: deviation(rates), Note: how + "; " + tried}
	switch {
	case unread != nil:
		rate.Note += "; inference energy unknown: " + unread.Error()
	case p.meter != nil:
		p.metrics[trial.InferenceEnergy] = quotient(used, samples, "J", how)
		for k, e := range used {
			seconds[k] = e.Seconds // the meter's own, which ends when the device has
		}
		p.metrics[trial.InferencePower] = quotient(used, seconds, "W", how)
	}
	p.metrics[trial.Throughput] = rate
	for _, name := range []trial.Metric{trial.Throughput, trial.InferenceEnergy, trial.InferencePower} {
		if m, ok := p.metrics[name]; ok {
			m.Quality = joined(m.Quality, speeds.throttled())
			p.metrics[name] = m
		}
	}
	if bytes, note, ok := energy.DeviceMemory(p.meter); ok {
		p.metrics[trial.DeviceMemory] = trial.Measurement{Value: float64(bytes), Unit: "B", Method: trial.MethodProcess, Note: note}
	}
	return nil
}

// windows is how many windows the rest of the budget is divided into.
func (p *protocol) windows(c *choice) int {
	good := max(goodSteps*p.step, 4*c.each, time.Millisecond)
	return min(max(int(time.Until(p.end)/good), minWindows), maxWindows)
}

// busy runs batches for about that long, and returns how many samples that was and
// how many seconds it took. A run that would end after length, taking the mean of
// those before it, is not begun, unless it is the first or least is not over.
func busy(ctx context.Context, c *choice, length, least time.Duration) (samples, seconds float64, err error) {
	start := time.Now()
	var past time.Duration
	runs := 0
	for runs == 0 || past < least || past+past/time.Duration(runs) <= length {
		if _, err := timed(ctx, c.run); err != nil {
			return 0, 0, err
		}
		past = time.Since(start)
		runs++
	}
	return float64(runs * c.batch), past.Seconds(), nil
}

// quotient returns the energy of windows, each divided by its own number, as one
// measurement: the means over the windows.
func quotient(used []energy.Energy, by []float64, unit, how string) trial.Measurement {
	quotients := func(part func(energy.Energy) *float64) (all []float64) {
		for k, e := range used {
			if joules := part(e); joules != nil {
				all = append(all, *joules/by[k])
			}
		}
		return all
	}
	average := func(part func(energy.Energy) *float64) *float64 {
		all := quotients(part)
		if len(all) == 0 {
			return nil
		}
		m := mean(all)
		return &m
	}
	values := quotients(func(e energy.Energy) *float64 { return &e.Joules })
	m := trial.Measurement{
		Value: mean(values), Unit: unit, Method: used[0].Method, Spread: deviation(values),
		Low:  average(func(e energy.Energy) *float64 { return e.Low }),
		High: average(func(e energy.Energy) *float64 { return e.High }),
		Idle: average(func(e energy.Energy) *float64 { return e.Idle }),
		Note: joined(how, used[0].Note),
	}
	for _, e := range used {
		if !strings.Contains(m.Quality, e.Quality) {
			m.Quality = joined(m.Quality, e.Quality)
		}
	}
	return m
}

// joined puts two texts after each other, either of which may be empty.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
