package lemonade

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/datasets"
)

// Rungs is successive halving: every network is trained briefly first, the better
// ones again for longer, and the best in full. It is ASHA (Li et al. 2020) with
// promotion by Pareto rank: after each training, the networks among the best 1/η of
// their rung that have not been promoted yet go on, those of higher rungs first;
// only where there is none, a new one is proposed.
//
// Each rung trains anew, by a schedule of the learning rate that is fitted to its
// length: a network that is taken from the middle of a longer schedule has not
// settled yet and says little, and one that went on from it would not be the network
// that the same training gives at once.
//
// The first network goes through all rungs at once, since the objective's anchors are
// those of a whole training, and so does what a person wrote. Where a rung's trials are
// scored, the first network's measurements there are the anchors.
type Rungs struct {
	Count     int    `json:"count"`     // trainings from the shortest to the whole one; 0 and 1: every network is trained in full at once
	Reduction int    `json:"reduction"` // η, by how much a training is shorter than the next one, and which share is promoted; default 3
	Shrink    string `json:"shrink"`    // what is less in a short training: "epochs" (default), "samples" or "both", each by √η
	Least     int    `json:"least"`     // epochs of a training; default 1
}

// What Rungs.Shrink may be.
const (
	shrinkEpochs  = "epochs"
	shrinkSamples = "samples"
	shrinkBoth    = "both"
)

// rungsMost is more rungs than any training can be divided by.
const rungsMost = 10

// ParseRungs reads rungs as String writes them: their number, perhaps followed by
// reduction=η, shrink=epochs|samples|both and least=EPOCHS, with commas between.
func ParseRungs(text string) (Rungs, error) {
	var r Rungs
	for i, word := range strings.Split(text, ",") {
		name, value, named := strings.Cut(strings.TrimSpace(word), "=")
		if i == 0 && !named {
			name, value = "count", name
		}
		number := map[string]*int{"count": &r.Count, "reduction": &r.Reduction, "least": &r.Least}[name]
		switch n, err := strconv.Atoi(value); {
		case name == "shrink":
			r.Shrink = value
		case number == nil || err != nil || n < 0:
			return r, fmt.Errorf("rungs: %q of %q is none of a number of rungs, reduction=3, shrink=epochs, samples or both, and least=1", word, text)
		default:
			*number = n
		}
	}
	return r, nil
}

// String is the text that [ParseRungs] reads.
func (r Rungs) String() string {
	r = r.complete()
	return fmt.Sprintf("%d,reduction=%d,shrink=%s,least=%d", r.Count, r.Reduction, r.Shrink, r.Least)
}

func (r Rungs) complete() Rungs {
	setDefault(&r.Count, 1)
	setDefault(&r.Reduction, 3)
	setDefault(&r.Shrink, shrinkEpochs)
	setDefault(&r.Least, 1)
	return r
}

// budget is what the training of a rung gets.
type budget struct {
	Epochs      int     `json:"epochs"`
	Samples     int     `json:"samples"` // 0 is all
	Share       float64 `json:"share"`   // of the whole training's work
	Fingerprint string  `json:"fingerprint"`
}

// ladder divides the whole training, of so many epochs and samples out of all, into
// rungs, the shortest first. It is nil where there is but one.
func (r Rungs) ladder(epochs, samples int, info datasets.Info) ([]budget, error) {
	if r == (Rungs{}) {
		return nil, nil
	}
	r = r.complete()
	switch {
	case r.Count < 0 || r.Count > rungsMost:
		return nil, fmt.Errorf("rungs: %d is not between 1 and %d", r.Count, rungsMost)
	case r.Reduction < 2:
		return nil, fmt.Errorf("rungs: a reduction of %d is not 2 or more", r.Reduction)
	case r.Least < 1:
		return nil, fmt.Errorf("rungs: at least %d epochs is not 1 or more", r.Least)
	case !slices.Contains([]string{shrinkEpochs, shrinkSamples, shrinkBoth}, r.Shrink):
		return nil, fmt.Errorf("rungs: shrink %q is none of epochs, samples and both", r.Shrink)
	case r.Count == 1:
		return nil, nil
	}
	whole := samples
	if whole == 0 {
		whole = info.Available()
	}
	var ladder []budget
	for rung := 1; rung <= r.Count; rung++ {
		b, by := budget{Epochs: epochs, Samples: samples}, math.Pow(float64(r.Reduction), float64(r.Count-rung))
		if r.Shrink == shrinkBoth {
			by = math.Sqrt(by)
		}
		if rung < r.Count && r.Shrink != shrinkSamples {
			b.Epochs = min(max(int(math.Round(float64(epochs)/by)), r.Least), epochs)
		}
		if rung < r.Count && r.Shrink != shrinkEpochs {
			b.Samples = int(math.Round(float64(whole) / by))
		}
		b.Share = float64(b.Epochs) / float64(epochs)
		if b.Samples > 0 {
			b.Share *= float64(b.Samples) / float64(whole)
		}
		ladder = append(ladder, b)
	}
	if least := ladder[0].Samples; r.Shrink != shrinkEpochs && least < len(info.ClassNames) {
		return nil, fmt.Errorf("rungs: %d of %d samples in the shortest training are fewer than the %d classes: take fewer rungs or more samples", least, whole, len(info.ClassNames))
	}
	for i := range ladder[1:] {
		if ladder[i].Share >= ladder[i+1].Share {
			return nil, fmt.Errorf("rungs: %s divides %d epochs into trainings of which two are alike, of %d and %d epochs: take fewer rungs or more epochs",
				r, epochs, ladder[i].Epochs, ladder[i+1].Epochs)
		}
	}
	return ladder, nil
}

// chooseRungs stores the rungs. The fingerprints follow when the data is there.
func (s *settings) chooseRungs(r Rungs, info datasets.Info) error {
	if s.without(Halving) {
		r = Rungs{}
	}
	ladder, err := r.ladder(s.Epochs, s.TrainSamples, info)
	if err != nil || ladder == nil {
		return err
	}
	whole := r.complete()
	s.Rungs, s.Ladder = &whole, ladder
	return nil
}

// rungs are those of the study as options.
func (s settings) rungs() Rungs {
	if s.Rungs == nil {
		return Rungs{Count: 1}.complete()
	}
	return *s.Rungs
}
