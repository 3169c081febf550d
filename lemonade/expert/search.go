package expert

import (
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// search is what there is to know of a search whichever trial is the parent. It is
// found out once a round: a search may have thousands of trials.
type search struct {
	in       Input
	past     trial.History // the finished rounds before this one
	complete trial.History
	ledger   *objective.Ledger // of the complete ones
	scores   []float64         // of the complete ones, as of score
	accuracy []float64         // likewise, as of accuracyOf

	plateau                    int
	bestAccuracy, lastAccuracy any // float64, nil where unknown

	uses     map[string]int // of each command, without the rounds that are blameless
	children map[int][]int  // by parent: the places in past of these rounds

	usualLatency func() (perMAC float64, ok bool) // of the median complete trial
}

func newSearch(in Input, past trial.History) *search {
	s := &search{in: in, past: past, complete: past.Complete(), uses: map[string]int{}, children: map[int][]int{}}
	if s.ledger = in.Ledger; s.ledger == nil {
		s.ledger = new(objective.Ledger)
	}
	s.ledger.Update(in.Objective, s.complete)
	s.scores, s.accuracy = make([]float64, len(s.complete)), make([]float64, len(s.complete))
	for i := range s.complete {
		s.scores[i], s.accuracy[i] = -1, -1
		if v := s.ledger.Accuracy(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.accuracy[i] = v
		}
		if v, ok := s.ledger.Score(i); ok {
			s.scores[i] = v
		}
	}
	s.progress()
	for i := range past {
		t := &past[i]
		if blameless(t) {
			continue
		}
		s.children[t.Parent] = append(s.children[t.Parent], i)
		for k, c := range t.Commands {
			if !has(t.Commands[:k], c.Code) {
				s.uses[c.Code]++
			}
		}
	}
	s.usualLatency = sync.OnceValues(s.medianLatency)
	return s
}

func has(commands []trial.Command, code string) bool {
	return slices.ContainsFunc(commands, func(c trial.Command) bool { return c.Code == code })
}

// progress fills in how the search has gone.
func (s *search) progress() {
	best, bestIsScore := math.Inf(-1), false
	for i := range s.complete {
		accuracy, known := s.accuracy[i], s.accuracy[i] >= 0
		if known {
			s.lastAccuracy = accuracy
			if b, ok := s.bestAccuracy.(float64); !ok || accuracy > b {
				s.bestAccuracy = accuracy
			}
		}
		value, isScore := s.scores[i], s.scores[i] >= 0
		if !isScore && !bestIsScore && known {
			value = accuracy
		} else if !isScore {
			value = math.Inf(-1)
		}
		if value > best || (isScore && !bestIsScore) {
			best, bestIsScore, s.plateau = value, isScore, 0
		} else {
			s.plateau++
		}
	}
}

// medianLatency returns the latency for each MAC of the median complete trial; not
// where fewer than three have one.
func (s *search) medianLatency() (float64, bool) {
	var all []float64
	for i := range s.complete {
		if v, ok := latencyPerMAC(&s.complete[i], s.ledger.Latency(i)); ok {
			all = append(all, v)
		}
	}
	if len(all) < 3 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

func latencyPerMAC(t *trial.Trial, latency float64) (float64, bool) {
	macs, known := macsOf(t)
	return latency / float64(max(macs, 1)), known && latency > 0 && !math.IsInf(latency, 0)
}

// latencyExcess returns how many times the latency for each MAC of a trial is that
// of the median complete trial; nil where that is unknown.
func (s *search) latencyExcess(t *trial.Trial) any {
	own, ok := latencyPerMAC(t, t.Metrics[trial.Latency].Value)
	usual, known := s.usualLatency()
	if !ok || !known {
		return nil
	}
	return own / usual
}

// scoreOf is score of a trial that may be among the complete ones.
func (s *search) scoreOf(t *trial.Trial) float64 {
	i := sort.Search(len(s.complete), func(i int) bool { return s.complete[i].ID >= t.ID })
	if i < len(s.complete) && s.complete[i].ID == t.ID {
		return s.scores[i]
	}
	return score(s.in.Objective, t)
}

// score returns a trial's effectiveness, below every score where it is unknown.
func score(o objective.Objective, t *trial.Trial) float64 {
	if v, ok := o.ScoreOf(t); ok {
		return v
	}
	return -1
}
