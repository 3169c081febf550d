package objective

import (
	"math"
	"reflect"
	"slices"
	"unsafe"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Ledger keeps what an objective makes of the trials of one search, for those who ask
// again whenever one is added: only what is new is worked out. The zero value is empty.
// It may not be used by two goroutines at once.
type Ledger struct {
	objective Objective
	entries   []entry
	members   []int // of the front, places in entries
}

// entry is what is known of a trial. Its metrics are known by their map, which is not
// written to once the trial has ended.
type entry struct {
	id      int
	state   trial.State
	metrics unsafe.Pointer
	score   float64
	scored  bool
	values  []float64 // on the axes; nil where one is unknown

	accuracy, latency float64 // not a number where unknown
}

// Update brings the ledger up to date with the trials.
func (l *Ledger) Update(o Objective, h trial.History) {
	if len(l.entries) > len(h) || !reflect.DeepEqual(l.objective, o) {
		*l = Ledger{objective: o}
	}
	known := 0
	for known < len(l.entries) && l.entries[known].is(&h[known]) {
		known++
	}
	if known < len(l.entries) { // a trial has changed, and with it what it dominates
		l.entries, l.members = l.entries[:known], nil
		for i := range l.entries {
			l.enter(i)
		}
	}
	for i := known; i < len(h); i++ {
		t := &h[i]
		e := entry{id: t.ID, state: t.State, metrics: reflect.ValueOf(t.Metrics).UnsafePointer()}
		e.accuracy, e.latency = plain(t, trial.Accuracy), plain(t, trial.Latency)
		if e.score, e.scored = o.ScoreOf(t); t.State == trial.Complete {
			if values, ok := o.Point(t); ok {
				e.values = values
			}
		}
		l.entries = append(l.entries, e)
		l.enter(i)
	}
}

func (e *entry) is(t *trial.Trial) bool {
	return e.id == t.ID && e.state == t.State && e.metrics == reflect.ValueOf(t.Metrics).UnsafePointer()
}

// enter adds a trial to the front where no member dominates it.
func (l *Ledger) enter(i int) {
	e := &l.entries[i]
	if e.values == nil || slices.ContainsFunc(l.members, func(m int) bool { return l.objective.dominates(l.entries[m].values, e.values) }) {
		return
	}
	l.members = append(slices.DeleteFunc(l.members, func(m int) bool { return l.objective.dominates(e.values, l.entries[m].values) }), i)
}

// Front returns the front as [Objective.Front] does.
func (l *Ledger) Front() []int {
	ids := make([]int, len(l.members))
	for i, m := range l.members {
		ids[i] = l.entries[m].id
	}
	return ids
}

// Accuracy returns the accuracy of the i-th trial as it is recorded, not a number where
// it is unknown.
func (l *Ledger) Accuracy(i int) float64 { return l.entries[i].accuracy }

// Latency is Accuracy for the latency.
func (l *Ledger) Latency(i int) float64 { return l.entries[i].latency }

func plain(t *trial.Trial, m trial.Metric) float64 {
	if v, ok := t.Metrics[m]; ok {
		return v.Value
	}
	return math.NaN()
}

// Score returns the score of the i-th trial, as [Objective.Score] does.
func (l *Ledger) Score(i int) (effectiveness float64, ok bool) {
	return l.entries[i].score, l.entries[i].scored
}
