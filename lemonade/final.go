package lemonade

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// FinalTimes is how many times the study's epochs a long training has where nothing
// is said. Ours.
const FinalTimes = 4

// finalSeeds is over how many seeds a final goes where nothing is said; seedStep is
// how far they lie apart, so that studies of the seeds 1, 2, … do not share any.
const (
	finalSeeds = 3
	seedStep   = 1000
	seedsMost  = 100
)

// FinalOptions say which networks a final trains, and for how long.
type FinalOptions struct {
	Trials []int       // whose networks are trained; default those of the front
	Epochs int         // at least the study's; default [FinalTimes] times those
	Seeds  int         // trainings of each network; default 3
	On     func(Event) // told what happens; the trial's ID is below 0, and Text names the training; may be nil
}

// Final trains the networks of the front anew, on all training samples, for longer,
// and from seeds that the search has not used; and counts, once for each trained
// network and when all else is done, how much of the test split it classifies right.
// The validation split is still not trained on. It returns the trainings, whose
// metrics have test_accuracy; [trial.Extras.Tested] has the mean over the seeds.
//
// Nothing else reads the test split, and no search sees what a final found. Every
// access is recorded: [Study.TestReads]. Trainings that are through are kept, so that
// a final that was interrupted goes on, and one that is asked for again answers from
// the record. No limit stops a final.
func (s *Study) Final(ctx context.Context, o FinalOptions) (trial.Extras, error) {
	if err := s.long(&o.Epochs, &o.Seeds, finalSeeds); err != nil {
		return nil, fmt.Errorf("final: %w", err)
	}
	if s.info.Train > 0 && s.info.Test == 0 {
		return nil, fmt.Errorf("final: %s has no test split: split some samples off for it", s.info.Title)
	}
	if len(o.Trials) == 0 {
		if o.Trials = s.Front().IDs; len(o.Trials) == 0 {
			return nil, fmt.Errorf("final: study %q has no front yet: go on with the search, or name trials", s.name)
		}
	}
	plan, err := s.plan(trial.Final, o.Trials, o.Epochs, o.Seeds)
	if err != nil {
		return nil, fmt.Errorf("final: %w", err)
	}
	return s.carryOut(ctx, "final", plan, o.On)
}

// RankOptions say how the ranking of short trainings is held against long ones.
type RankOptions struct {
	Networks int         // how many, spread over the study's ranking; 15 or more for a claim
	Epochs   int         // as in [FinalOptions]
	Seeds    int         // trainings of each network; default 1
	On       func(Event) // as in [FinalOptions]
}

// Rank trains networks for long that are spread over the study's ranking by
// accuracy, from its best to its worst, so that it can be told how well short
// trainings rank long ones. Both are judged on the validation split; the test split is
// not touched. A network whose [Study.Final] has the same epochs and seeds is not
// trained again. See [trial.Extras.Over].
func (s *Study) Rank(ctx context.Context, o RankOptions) (trial.Extras, error) {
	if err := s.long(&o.Epochs, &o.Seeds, 1); err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	ids, err := s.spread(o.Networks)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	plan, err := s.plan(trial.Ranking, ids, o.Epochs, o.Seeds)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	for i, x := range plan {
		same := x
		same.Purpose = trial.Final
		if found, ok := s.extra(same); ok && kept(found) {
			plan[i] = found
		}
	}
	return s.carryOut(ctx, "rank", plan, o.On)
}

// spread chooses so many complete trials, evenly by their place in the ranking.
func (s *Study) spread(n int) ([]int, error) {
	ranked := slices.DeleteFunc(s.Trials().Complete(), func(t trial.Trial) bool {
		_, ok := t.Metrics[trial.Accuracy]
		return !ok || t.Program == nil
	})
	if n < 2 || n > len(ranked) {
		return nil, fmt.Errorf("networks: %d is not between 2 and the %d complete trials of study %q: 15 or more tell something", n, len(ranked), s.name)
	}
	slices.SortStableFunc(ranked, func(a, b trial.Trial) int {
		return cmp.Compare(b.Metrics[trial.Accuracy].Value, a.Metrics[trial.Accuracy].Value)
	})
	var ids []int
	for i := range n {
		ids = append(ids, ranked[int(math.Round(float64(i*(len(ranked)-1))/float64(n-1)))].ID)
	}
	return ids, nil
}

// long fills in the budget of long trainings and checks it.
func (s *Study) long(epochs, seeds *int, usual int) error {
	setDefault(epochs, FinalTimes*s.settings.Epochs)
	setDefault(seeds, usual)
	switch {
	case *epochs < s.settings.Epochs || *epochs > 10_000:
		return fmt.Errorf("epochs: %d is not between the %d of the study itself and 10000: leave it out for %d", *epochs, s.settings.Epochs, FinalTimes*s.settings.Epochs)
	case *seeds < 1 || *seeds > seedsMost:
		return fmt.Errorf("seeds: %d is not between 1 and %d: leave it out for %d", *seeds, seedsMost, usual)
	}
	return nil
}

// plan lists the trainings, seed by seed, so that one that is interrupted has all
// networks alike.
func (s *Study) plan(p trial.Purpose, ids []int, epochs, seeds int) (plan trial.Extras, err error) {
	trials := s.Trials()
	for k := range seeds {
		for i, id := range ids {
			t, ok := trials.ByID(id)
			switch {
			case !ok:
				return nil, fmt.Errorf("trials: study %q has none of the number %d: it has %d, counted from 1", s.name, id, len(trials))
			case t.Program == nil:
				return nil, fmt.Errorf("trials: trial %d has no network (%s): name another", id, t.State)
			case slices.Contains(ids[:i], id):
				return nil, fmt.Errorf("trials: %d is named twice: keep one", id)
			}
			plan = append(plan, trial.Extra{
				Purpose: p, Of: id, Epochs: epochs, Seed: s.settings.Seed + seedStep*int64(k+1),
				Trial: trial.Trial{Proposer: t.Proposer, Program: t.Program, Hash: t.Hash, Costs: t.Costs},
			})
		}
	}
	return plan, nil
}
