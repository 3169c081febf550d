package trial

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Extra is a training for a study that is no round of its search: a baseline, or the
// network of one of its trials trained anew. No proposer hears of it, it counts for
// no number of trials, and it is on no front. Its ID is below 0, so that it is never
// taken for a trial.
type Extra struct {
	Purpose Purpose `json:"purpose"`
	Name    string  `json:"name,omitempty"` // of a baseline, such as "resnet20"
	Of      int     `json:"of,omitempty"`   // id of the trial whose network is trained anew
	Epochs  int     `json:"epochs"`
	Seed    int64   `json:"seed"`
	Trial
}

// Purpose says what an [Extra] is for.
type Purpose string

// The purposes.
const (
	Baseline Purpose = "baseline" // a hand-written network under the study's budget and recipe
	Final    Purpose = "final"    // a long training after which the test split is read
	Ranking  Purpose = "ranking"  // a long training that says how well short ones rank; it reads no test split
)

// TestRead is one access to a test split.
type TestRead struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"` // user and machine
	Purpose Purpose   `json:"purpose"`
	Trial   int       `json:"trial"` // whose network was trained anew
	Hash    string    `json:"hash"`  // network_hash
	Epochs  int       `json:"epochs"`
	Seed    int64     `json:"seed"`
}

// Extras are a study's trainings outside its search, the oldest first.
type Extras []Extra

// For returns those of a purpose.
func (x Extras) For(p Purpose) Extras {
	var out Extras
	for _, e := range x {
		if e.Purpose == p {
			out = append(out, e)
		}
	}
	return out
}

// Tested returns the test_accuracy of a trial's network: of its longest finals, the
// mean over their seeds with the standard deviation as its spread.
func (x Extras) Tested(id int) (Measurement, bool) {
	epochs := 0
	for _, e := range x {
		if _, ok := e.Metrics[TestAccuracy]; ok && e.Of == id && e.State == Complete {
			epochs = max(epochs, e.Epochs)
		}
	}
	return x.Over(TestAccuracy, id, epochs)
}

// With returns the trial with the test_accuracy of its network among its metrics, where
// it is known. It is for people to look at: no search is to see it.
func (x Extras) With(t Trial) Trial {
	if m, ok := x.Tested(t.ID); ok {
		if t.Metrics = maps.Clone(t.Metrics); t.Metrics == nil {
			t.Metrics = Metrics{}
		}
		t.Metrics[TestAccuracy] = m
	}
	return t
}

// Over returns a metric of a trial's network after trainings of so many epochs outside
// the search: the mean over their seeds, with the standard deviation as its spread. A
// seed that was trained for two purposes counts once.
func (x Extras) Over(m Metric, id, epochs int) (Measurement, bool) {
	var seeds []int64
	var values []float64
	var one Measurement
	for _, e := range x {
		got, ok := e.Metrics[m]
		if !ok || id < 1 || e.Of != id || e.Epochs != epochs || e.State != Complete || slices.Contains(seeds, e.Seed) {
			continue
		}
		one = got
		seeds, values = append(seeds, e.Seed), append(values, got.Value)
	}
	switch len(values) {
	case 0:
		return Measurement{}, false
	case 1:
		one.Note = fmt.Sprintf("one seed, %d epochs on all training samples; %s", epochs, one.Note)
		return one, true
	}
	mean, square := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		square += (v - mean) * (v - mean)
	}
	spread := math.Sqrt(square / float64(len(values)-1))
	return Measurement{
		Value: mean, Unit: one.Unit, Method: one.Method, Spread: &spread,
		Note: fmt.Sprintf("mean of %d seeds, the spread is their standard deviation; %d epochs on all training samples", len(values), epochs),
	}, true
}
