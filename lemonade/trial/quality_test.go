package trial

import (
	compare "cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewQuality(t *testing.T) {
	q := NewQuality(4, []Answer{
		{0, 1, 1, 0.5}, {1, 1, 3, 0.6}, {2, 3, 3, 0.9}, {3, 1, 3, 0.912349}, {4, 0, 1, 0.25}, {5, 1, 1, 1},
	})
	want := &Quality{
		Classes:   4,
		Confusion: []Confused{{0, 1, 1}, {1, 1, 2}, {1, 3, 2}, {3, 3, 1}},
		Mistakes:  []Answer{{3, 1, 3, 0.9123}, {1, 1, 3, 0.6}, {4, 0, 1, 0.25}},
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Recall{{0, 0, 1}, {1, 2, 4}, {3, 1, 1}}, q.Recalls()); diff != "" {
		t.Errorf("recalls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Confused{{1, 3, 2}, {0, 1, 1}}, q.Confusions()); diff != "" {
		t.Errorf("confusions (-want +got):\n%s", diff)
	}
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	const written = `{"data":"","classes":4,"confusion":[[0,1,1],[1,1,2],[1,3,2],[3,3,1]],"mistakes":[` +
		`{"index":3,"true":1,"predicted":3,"confidence":0.9123},{"index":1,"true":1,"predicted":3,"confidence":0.6},{"index":4,"true":0,"predicted":1,"confidence":0.25}]}`
	if string(text) != written {
		t.Errorf("JSON is %s", text)
	}
	var read Quality
	if err := json.Unmarshal(text, &read); err != nil || !cmp.Equal(*want, read) {
		t.Errorf("read back: %v, %+v", err, read)
	}
}

// TestMistakesAreDealt holds that the mistakes kept are the most confident ones of
// each class, that no class is short of one while another has two more, and that a
// network without a fault has an empty list.
func TestMistakesAreDealt(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, classes := range []int{2, 7, 10, 39, 100} {
		var answers []Answer
		wrong := map[int][]float64{}
		for i := range 120 * classes {
			a := Answer{Index: i, True: i % classes, Predicted: rng.IntN(classes), Confidence: float64(rng.IntN(1000)) / 1000}
			if a.True%3 == 1 && i >= 2*classes { // has few
				a.Predicted = a.True
			}
			answers = append(answers, a)
			if a.Predicted != a.True {
				wrong[a.True] = append(wrong[a.True], a.Confidence)
			}
		}
		before := slices.Clone(answers)
		got := NewQuality(classes, answers).Mistakes
		if !cmp.Equal(before, answers) {
			t.Errorf("%d classes: the answers were changed", classes)
		}
		if len(got) != mistakesKept || !slices.IsSortedFunc(got, func(a, b Answer) int { return compare.Compare(b.Confidence, a.Confidence) }) {
			t.Errorf("%d classes: %d mistakes, or not the most confident ones first: %+v", classes, len(got), got)
		}
		kept := map[int][]float64{}
		most := 0
		for _, m := range got {
			kept[m.True] = append(kept[m.True], m.Confidence)
			most = max(most, len(kept[m.True]))
		}
		for class, all := range wrong {
			slices.SortFunc(all, func(a, b float64) int { return compare.Compare(b, a) })
			if n := len(kept[class]); !slices.Equal(kept[class], all[:n]) || n < most-1 && n < len(all) {
				t.Errorf("%d classes: of class %d %v are kept of %v; of another %d", classes, class, kept[class], all, most)
			}
		}
	}
	if q := NewQuality(2, []Answer{{0, 1, 1, 1}}); q.Mistakes == nil || len(q.Mistakes) != 0 {
		t.Errorf("without a mistake: %+v", q)
	}
}
