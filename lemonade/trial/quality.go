package trial

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// Quality is how a trained network does on each class, counted over the validation
// samples as its accuracy is.
type Quality struct {
	Data      string     `json:"data"`      // fingerprint of the samples, as in [Data]
	Classes   int        `json:"classes"`   // their number; labels are 0 to Classes-1
	Confusion []Confused `json:"confusion"` // the confusion matrix without its zeros, row by row
	Mistakes  []Answer   `json:"mistakes"`  // some of them, the most confident ones first: see [NewQuality]
}

// Confused is a cell of a confusion matrix: so many samples of a class got that
// answer. In JSON it is [true, predicted, count].
type Confused struct{ True, Predicted, Count int }

// MarshalJSON keeps matrices of many classes short.
func (c Confused) MarshalJSON() ([]byte, error) {
	return json.Marshal([]int{c.True, c.Predicted, c.Count})
}

// UnmarshalJSON is the way back.
func (c *Confused) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&c.True, &c.Predicted, &c.Count})
}

// Answer is what a network says of a validation sample.
type Answer struct {
	Index      int     `json:"index"` // in the validation split
	True       int     `json:"true"`
	Predicted  int     `json:"predicted"`
	Confidence float64 `json:"confidence"` // probability of the class that it predicts
}

// mistakesKept is how many mistakes are kept of a network.
const mistakesKept = 40

// NewQuality counts the answers to all validation samples. Of the mistakes it keeps
// forty, the most confident ones, dealt over the classes: a second one of a class
// only after the first of every other.
func NewQuality(classes int, answers []Answer) *Quality {
	q := &Quality{Classes: classes, Confusion: []Confused{}, Mistakes: []Answer{}}
	count := map[Confused]int{} // by cells without a count
	for _, a := range answers {
		count[Confused{True: a.True, Predicted: a.Predicted}]++
		if a.True != a.Predicted {
			a.Confidence = math.Round(a.Confidence*1e4) / 1e4
			q.Mistakes = append(q.Mistakes, a)
		}
	}
	for cell, n := range count {
		cell.Count = n
		q.Confusion = append(q.Confusion, cell)
	}
	slices.SortFunc(q.Confusion, func(a, b Confused) int {
		return cmp.Or(cmp.Compare(a.True, b.True), cmp.Compare(a.Predicted, b.Predicted))
	})

	confident := func(a, b Answer) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Index, b.Index))
	}
	slices.SortFunc(q.Mistakes, confident)
	turn, dealt := map[int]int{}, map[int]int{}
	for _, m := range q.Mistakes {
		turn[m.Index] = dealt[m.True]
		dealt[m.True]++
	}
	slices.SortStableFunc(q.Mistakes, func(a, b Answer) int { return cmp.Compare(turn[a.Index], turn[b.Index]) })
	q.Mistakes = slices.Clone(q.Mistakes[:min(len(q.Mistakes), mistakesKept)])
	slices.SortFunc(q.Mistakes, confident)
	return q
}

// Recall is how many samples of a class are classified right.
type Recall struct{ Class, Right, Samples int }

// Share is the recall as a fraction.
func (r Recall) Share() float64 { return float64(r.Right) / float64(r.Samples) }

// Recalls returns the recall of each class that has samples, in the order of their
// labels.
func (q *Quality) Recalls() []Recall {
	byClass := map[int]Recall{}
	for _, c := range q.Confusion {
		r := byClass[c.True]
		r.Class = c.True
		r.Samples += c.Count
		if c.True == c.Predicted {
			r.Right += c.Count
		}
		byClass[c.True] = r
	}
	return slices.SortedFunc(maps.Values(byClass), func(a, b Recall) int { return cmp.Compare(a.Class, b.Class) })
}

// Confusions returns the cells of the confusion matrix that are mistakes, the most
// frequent ones first.
func (q *Quality) Confusions() []Confused {
	var all []Confused
	for _, c := range q.Confusion {
		if c.True != c.Predicted {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Confused) int { return cmp.Compare(b.Count, a.Count) })
	return all
}
