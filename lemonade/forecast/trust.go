package forecast

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Trust is how well a metric was forecast: the forecasts that could be made before each of
// the latest trials, of those before it alone, are held against what was then measured.
type Trust struct {
	Metric   trial.Metric `json:"metric"`
	Trials   int          `json:"trials"`   // that were forecast and measured
	Spearman *float64     `json:"spearman"` // rank correlation: 1 where the order was right; null where all are alike
	Kendall  *float64     `json:"kendall"`  // tau-b: the share of pairs in the right order less that of the others
}

// assessed is how many trials are looked back on: enough for a correlation, and no more
// than a study that is taken up again has time for.
const assessed = 50

// Tracker keeps what was forecast of a study's trials, and the forecasts that were last
// made, so that each is made once. It is safe for use by several goroutines. A nil one
// keeps nothing.
type Tracker struct {
	mu     sync.Mutex
	traced map[int]traced // by the trial's place in the history
	made   []made         // the latest last, lately at most
	losses [][]float64    // of the trials of the latest
}

// made is the forecast from the first trials of a study.
type made struct {
	trials, complete int    // how many, and how many of them were measured
	objective        string // as far as a forecast depends on it
	forecast         *Forecast
}

// lately is how many forecasts are kept: that from all trials, and that from those
// before the last one, which the last one is held against.
const lately = 2

// Forecast is [New] for a study's history as it grows.
func (t *Tracker) Forecast(h trial.History, o objective.Objective) *Forecast {
	if t == nil {
		return New(h, o)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.forecast(h, o)
}

func (t *Tracker) forecast(h trial.History, o objective.Objective) *Forecast {
	m := made{trials: len(h), complete: completeOf(h), objective: fmt.Sprint(o.Axes, o.Reference)}
	for _, known := range t.made {
		if known.trials == m.trials && known.complete == m.complete && known.objective == m.objective {
			return known.forecast
		}
	}
	if n := len(t.made); n > 0 && t.made[n-1].objective == m.objective && len(t.losses) <= len(h) && completeOf(h[:len(t.losses)]) == t.made[n-1].complete {
		t.losses = append(t.losses, lossesOf(h[len(t.losses):], o)...)
	} else {
		t.losses = lossesOf(h, o)
	}
	m.forecast = from(h, t.losses, o)
	t.made = append(t.made, m)
	t.made = t.made[max(0, len(t.made)-lately):]
	return m.forecast
}

// traced is what was forecast of a trial. The losses are by axis, and nil where there was
// no forecast or nothing was measured.
type traced struct {
	id                 int
	complete           bool
	forecast, measured []float64
}

func completeOf(h trial.History) (n int) {
	for i := range h {
		if h[i].State == trial.Complete {
			n++
		}
	}
	return n
}

// Assess returns the trust in the forecasts of the objective's axes. The history is to be
// that of the same study each time, as it grows.
func (t *Tracker) Assess(h trial.History, o objective.Objective) []Trust {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.traced == nil {
		t.traced = map[int]traced{}
	}
	forecasts, measured := make([][]float64, len(o.Axes)), make([][]float64, len(o.Axes))
	changed := false // an earlier trial, so that what was forecast after it is void
	for i := max(0, len(h)-assessed); i < len(h); i++ {
		r, ok := t.traced[i]
		if complete := h[i].State == trial.Complete; changed || !ok || r.id != h[i].ID || r.complete != complete {
			changed = changed || ok
			r = t.trace(h[:i], &h[i], o)
			t.traced[i] = r
		}
		if r.forecast == nil {
			continue
		}
		for k := range o.Axes {
			forecasts[k], measured[k] = append(forecasts[k], r.forecast[k]), append(measured[k], r.measured[k])
		}
	}
	out := make([]Trust, len(o.Axes))
	for k, m := range o.Axes {
		out[k] = Trust{m, len(forecasts[k]), known(Spearman(forecasts[k], measured[k])), known(Kendall(forecasts[k], measured[k]))}
	}
	return out
}

// Assess returns the trust in the forecasts of a history.
func Assess(h trial.History, o objective.Objective) []Trust { return new(Tracker).Assess(h, o) }

func (t *Tracker) trace(before trial.History, now *trial.Trial, o objective.Objective) traced {
	r := traced{id: now.ID, complete: now.State == trial.Complete}
	values, ok := o.Point(now)
	if !r.complete || !ok || now.Program == nil {
		return r
	}
	f := t.forecast(before, o)
	if f == nil {
		return r
	}
	for i, b := range f.look(Describe(now.Program, now.Hash)) {
		r.forecast, r.measured = append(r.forecast, math.Exp(b.mean)), append(r.measured, lossOf(o.Axes[i], values[i]))
	}
	return r
}

func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// Spearman is the correlation of the ranks, NaN where one side does not differ at all.
// Values that are alike share the mean of their ranks.
func Spearman(x, y []float64) float64 {
	a, b := ranks(x), ranks(y)
	if len(a) == 0 {
		return math.NaN()
	}
	mean := float64(len(a)-1) / 2
	var both, own, other float64
	for i := range a {
		both += (a[i] - mean) * (b[i] - mean)
		own += (a[i] - mean) * (a[i] - mean)
		other += (b[i] - mean) * (b[i] - mean)
	}
	if own == 0 || other == 0 {
		return math.NaN()
	}
	return both / math.Sqrt(own*other)
}

func ranks(x []float64) []float64 {
	sorted := slices.Sorted(slices.Values(x))
	out := make([]float64, len(x))
	for i, v := range x {
		first, _ := slices.BinarySearch(sorted, v)
		last := first
		for last < len(sorted) && sorted[last] == v {
			last++
		}
		out[i] = float64(first+last-1) / 2
	}
	return out
}

// Kendall is tau-b, NaN where one side does not differ at all.
func Kendall(x, y []float64) float64 {
	sign := func(d float64) float64 {
		switch {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	}
	var agree, inX, inY float64
	for i := range x {
		for j := range i {
			a, b := sign(x[i]-x[j]), sign(y[i]-y[j])
			agree += a * b
			inX += a * a
			inY += b * b
		}
	}
	if inX == 0 || inY == 0 {
		return math.NaN()
	}
	return agree / math.Sqrt(inX*inY)
}
