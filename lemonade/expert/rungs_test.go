package expert

import (
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// inRungs is a trial with these accuracies at the rungs of three.
func inRungs(s *scene, id, parent int, commands string, accuracies ...float64) trial.Trial {
	t := s.first
	t.ID, t.Parent, t.State, t.Metrics, t.Rungs, t.Commands = id, parent, trial.Pruned, trial.Metrics{}, nil, nil
	for m, v := range s.first.Metrics {
		t.Metrics[m] = v
	}
	for _, code := range strings.Fields(commands) {
		t.Commands = append(t.Commands, trial.Command{Code: code})
	}
	for i, a := range accuracies {
		metrics := trial.Metrics{}
		for m, v := range s.first.Metrics {
			metrics[m] = v
		}
		metrics[trial.Accuracy] = trial.Measurement{Value: a}
		t.Rungs = append(t.Rungs, trial.Rung{Rung: i + 1, Of: 3, Share: 1, State: trial.Complete, Metrics: metrics})
		t.Metrics[trial.Accuracy] = trial.Measurement{Value: a}
	}
	if len(accuracies) == 3 {
		t.State = trial.Complete
	}
	return t
}

func TestRungsCompareAlike(t *testing.T) {
	s := calm()
	first := inRungs(s, 1, 0, "", 0.30, 0.60, 0.95)
	for _, c := range []struct {
		name     string
		history  trial.History
		parent   int  // of an even round, which takes the most effective
		stale    bool // whether ACL has failed twice on trial 1
		complete int
	}{
		{"better in a short training", trial.History{first, inRungs(s, 2, 1, "ACL", 0.40), inRungs(s, 3, 1, "ACL", 0.20)}, 2, false, 3},
		{"worse in short trainings", trial.History{first, inRungs(s, 2, 1, "ACL", 0.10), inRungs(s, 3, 1, "ACL", 0.20)}, 1, true, 3},
		{"the middle rung has enough", trial.History{first, inRungs(s, 2, 1, "ACL", 0.20, 0.70), inRungs(s, 3, 1, "ACL", 0.25, 0.65), inRungs(s, 4, 1, "ACL", 0.90)}, 2, false, 3},
	} {
		in := s.input(t)
		in.History, in.Trial = c.history, 6
		if advice := advise(t, Default(), in); advice.Parent != c.parent {
			t.Errorf("%s: the parent is trial %d, want %d", c.name, advice.Parent, c.parent)
		}
		past := c.history.Level(nicheFrom)
		one, _ := past.ByID(1)
		here := newSituation(newSearch(in, past), one, nil)
		if _, _, stale := here.experience("ACL"); (stale != "") != c.stale {
			t.Errorf("%s: ACL on trial 1 is %q, want stale %v", c.name, stale, c.stale)
		}
		if n := len(here.complete); n != c.complete {
			t.Errorf("%s: %d trials compare, want %d", c.name, n, c.complete)
		}
	}
}
