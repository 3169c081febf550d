package trial

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// climbed is a trial of these accuracies at the rungs of three, whose first training
// was of that step, and the others followed.
func climbed(id, step int, accuracies ...float64) Trial {
	t := Trial{ID: id, State: Pruned, Reason: "rung", Metrics: Metrics{MACs: {Value: 7, Method: MethodStatic}}}
	for i, a := range accuracies {
		share := []float64{1. / 9, 1. / 3, 1}[i]
		r := Rung{
			Rung: i + 1, Of: 3, Step: step + i, Epochs: []int{1, 3, 9}[i], Share: share, Key: "key", State: Complete,
			Metrics: Metrics{Accuracy: {Value: a}, TrainingEnergy: {Value: share, Method: MethodEstimate}},
			Seconds: map[string]float64{PhaseTrain: 90 * share, PhaseEvaluate: 9 * share, PhaseCompile: 2},
		}
		if i == 0 {
			r.Seconds[PhaseProfile] = 5
		}
		t.Rungs = append(t.Rungs, r)
		t.Metrics[Accuracy] = r.Metrics[Accuracy]
	}
	if len(accuracies) == 3 {
		score := 0.5
		t.State, t.Reason, t.Effectiveness = Complete, "", &score
	}
	return t
}

// rows are states and accuracies.
func rows(h History) (all [][2]any) {
	for _, t := range h {
		all = append(all, [2]any{string(t.State), t.Metrics[Accuracy].Value})
	}
	return all
}

func TestLevel(t *testing.T) {
	failed := climbed(4, 9, 0.2)
	failed.State = Failed
	h := History{climbed(1, 1, 0.3, 0.5, 0.7), climbed(2, 4, 0.4, 0.6), climbed(3, 6, 0.2), failed}
	for _, c := range []struct {
		least int
		want  [][2]any
	}{
		{1, [][2]any{{"complete", 0.7}, {"pruned", 0.6}, {"pruned", 0.2}, {"failed", 0.2}}},
		{2, [][2]any{{"complete", 0.5}, {"complete", 0.6}, {"pruned", 0.2}, {"failed", 0.2}}},
		{3, [][2]any{{"complete", 0.3}, {"complete", 0.4}, {"complete", 0.2}, {"failed", 0.2}}},
		{9, [][2]any{{"complete", 0.3}, {"complete", 0.4}, {"complete", 0.2}, {"failed", 0.2}}},
	} {
		if diff := cmp.Diff(c.want, rows(h.Level(c.least))); diff != "" {
			t.Errorf("least %d (-want +got):\n%s", c.least, diff)
		}
	}
	low := h.Level(3)[0]
	if low.Effectiveness != nil || low.Metrics[MACs].Value != 7 || len(low.Rungs) != 1 || len(h[0].Rungs) != 3 || h[0].Effectiveness == nil {
		t.Errorf("at the first rung: %+v", low)
	}
	plain := History{{ID: 1, State: Complete}, {ID: 2, State: Pruned}}
	if diff := cmp.Diff(plain, plain.Level(1)); diff != "" {
		t.Errorf("without rungs (-want +got):\n%s", diff)
	}
}

func TestBefore(t *testing.T) {
	h := History{climbed(1, 1, 0.3, 0.5, 0.7), climbed(2, 4, 0.4, 0.6)}
	for step, want := range map[int][][2]any{
		6: {{"complete", 0.7}, {"pruned", 0.6}},
		5: {{"complete", 0.7}, {"pruned", 0.4}},
		3: {{"pruned", 0.5}, {"pruned", 0.6}}, // the second has not begun: it is left as it is
	} {
		if diff := cmp.Diff(want, rows(h.Before(step))); diff != "" {
			t.Errorf("before step %d (-want +got):\n%s", step, diff)
		}
	}
}

func TestCommon(t *testing.T) {
	long, short := climbed(1, 1, 0.3, 0.5, 0.7), climbed(2, 4, 0.4, 0.6)
	for _, c := range []struct {
		name string
		a, b Trial
		want []float64 // accuracies; nil where they do not compare
	}{
		{"the second rung", long, short, []float64{0.5, 0.6}},
		{"either way", short, long, []float64{0.6, 0.5}},
		{"without rungs", Trial{Metrics: Metrics{Accuracy: {Value: 0.1}}}, Trial{}, []float64{0.1, 0}},
		{"one that was not trained", long, Trial{}, nil},
	} {
		a, b, ok := Common(c.a, c.b)
		if ok != (c.want != nil) || ok && !cmp.Equal(c.want, []float64{a.Metrics[Accuracy].Value, b.Metrics[Accuracy].Value}) {
			t.Errorf("%s: %v and %v, %v; want %v", c.name, a.Metrics[Accuracy].Value, b.Metrics[Accuracy].Value, ok, c.want)
		}
	}
}

func TestSaving(t *testing.T) {
	failed := climbed(3, 6, 0.2)
	failed.State, failed.Rungs[0].State = Failed, Failed
	untold := climbed(4, 7, 0.3, 0.5) // its second training was another machine's
	untold.Rungs[1].Reused, untold.Rungs[1].Seconds, untold.Rungs[1].Metrics = &Source{Study: "a", Trial: 1}, nil, Metrics{Accuracy: {Value: 0.5}}
	got, ok := History{climbed(1, 1, 0.3, 0.5, 0.7), climbed(2, 4, 0.4), failed, untold}.Saving()
	const epochs, rest = 90. + 9, 2.
	want := Saving{
		Programs: 2, Method: MethodEstimate,
		Energy: 1./9 + 1./3 + 1 + 1./9, WholeEnergy: 2,
		Seconds:      epochs*(1./9+1./3+1+1./9) + 4*rest + 2*5,
		WholeSeconds: 2 * (epochs + rest + 5),
	}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, got, near); diff != "" || !ok {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, ok := (History{{ID: 1, State: Complete}}).Saving(); ok {
		t.Error("a study without rungs saved something")
	}
}
