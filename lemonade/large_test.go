package lemonade_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/record/recordtest"
)

// TestLarge opens a study of so many trials that they are held in outline, and goes on
// with it.
func TestLarge(t *testing.T) {
	const n = 1003
	o := lemonade.Options{Dir: t.TempDir(), Data: "digits", Evaluator: noTraining{rand.New(rand.NewPCG(1, 1))}}
	open(t, "large", o)
	h, fixed, err := recordtest.History(n, true)
	if err != nil {
		t.Fatal(err)
	}
	h[fixed.Front(h)[0]-1].Weights = "there/before.safetensors"
	if err := recordtest.Adopt(t.Context(), o.Dir, "large", h, fixed); err != nil {
		t.Fatal(err)
	}
	s := open(t, "large", o)
	outlines := s.Outlines()
	for i := range h {
		if diff := cmp.Diff(h[i].Outline(false), outlines[i]); diff != "" {
			t.Fatalf("outline of trial %d (-want +got):\n%s", i+1, diff)
		}
	}
	best, ok := s.Best()
	if id, _ := fixed.Best(h); !ok || best.ID != id || best.Program == nil || best.Quality == nil {
		t.Errorf("the best is trial %d with program %v and quality %v, want trial %d whole", best.ID, best.Program, best.Quality, id)
	}
	if got, ok, err := s.Trial(t.Context(), 7); err != nil || !ok {
		t.Error(ok, err)
	} else if diff := cmp.Diff(h[6], got); diff != "" {
		t.Errorf("trial 7 (-want +got):\n%s", diff)
	}

	// What a run knows has programs, and what it saves of earlier trials takes nothing away.
	run(t, s, n+2, func(e lemonade.Event) {
		if all := s.Trials(); len(all) < n || all[6].Program == nil || !all[6].Brief {
			t.Errorf("during the run there are %d trials, the seventh %+v", len(all), all[6])
		}
	})
	store, err := record.Open(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	after, err := store.Trials(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != n+2 || len(after[n].Attempts) == 0 || after[n].Quality == nil {
		t.Fatalf("%d trials after the run, trial %d is %+v", len(after), n+1, after[n])
	}
	if diff := cmp.Diff(after, s.Trials()); diff != "" {
		t.Errorf("after the run (-want +got):\n%s", diff)
	}
	for i := range h {
		h[i].Weights, after[i].Weights = "", "" // those of the front alone are kept
	}
	if diff := cmp.Diff(h, after[:n]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
