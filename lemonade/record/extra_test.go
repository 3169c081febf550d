package record

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestExtras(t *testing.T) {
	s := open(t, t.TempDir())
	create(t, s, "a", "other")
	measured, _ := full(t, 1)
	measured.ID = -1
	final := trial.Extra{Purpose: trial.Final, Of: 3, Epochs: 40, Seed: 1001, Trial: measured}
	baseline := trial.Extra{Purpose: trial.Baseline, Name: "resnet20", Epochs: 10, Seed: 1, Trial: trial.Trial{ID: -2, State: trial.Running}}
	for _, x := range []trial.Extra{final, baseline} {
		if err := s.SaveExtra(ctx, "a", x); err != nil {
			t.Fatal(err)
		}
	}
	baseline.State, baseline.Runs = trial.Complete, 2
	if err := s.SaveExtra(ctx, "a", baseline); err != nil {
		t.Fatal(err)
	}
	reads := []trial.TestRead{
		{At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Who: "ann on desk", Purpose: trial.Final, Trial: 3, Hash: "abc", Epochs: 40, Seed: 1001},
		{At: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Who: "ann on desk", Purpose: trial.Final, Trial: 3, Hash: "abc", Epochs: 40, Seed: 2001},
	}
	for _, r := range reads {
		if err := s.AddTestRead(ctx, "a", r); err != nil {
			t.Fatal(err)
		}
	}
	want := Content{Extras: trial.Extras{final, baseline}, TestReads: reads}
	got, err := s.Content(ctx, "a")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := s.Content(ctx, "other"); err != nil || got.Extras != nil || got.TestReads != nil {
		t.Errorf("another study has %+v, %v", got, err)
	}
	if err := s.Adopt(ctx, Study{Name: "b"}, want); err != nil {
		t.Fatal(err)
	}
	got, err = s.Content(ctx, "b")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("adopted: %v (-want +got):\n%s", err, diff)
	}

	unknown := baseline
	unknown.Metrics = trial.Metrics{trial.Accuracy: {Value: math.NaN()}}
	for _, c := range []struct {
		study string
		x     trial.Extra
		want  string
	}{
		{"a", trial.Extra{Trial: trial.Trial{ID: 1}}, "begin with -1"},
		{"a", unknown, "metric accuracy is NaN"},
		{"none", baseline, ErrNoStudy.Error()},
	} {
		if err := s.SaveExtra(ctx, c.study, c.x); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, training %d: %v, want %q", c.study, c.x.ID, err, c.want)
		}
	}
}
