package benchmark

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// slow is scripted, and learns more in more epochs, at an energy for each of them.
type slow struct{ scripted }

func (slow) Evaluate(_ context.Context, j trial.Job, _ func(trial.Progress)) (trial.Result, error) {
	p, epochs := float64(j.Network.Costs().Params), float64(j.Budget.Epochs)
	return trial.Result{State: trial.Complete, Seconds: map[string]float64{trial.PhaseTrain: 6 * epochs}, Metrics: trial.Metrics{
		trial.Accuracy:       {Value: p / (p + 1000 + p*p/(epochs*50_000)), Method: trial.MethodCounted},
		trial.TrainingEnergy: {Value: 0.001 * epochs, Unit: "kWh", Method: trial.MethodEstimate},
	}}, nil
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestRungsAgainstNone(t *testing.T) {
	o, err := Options{
		Data: "digits", Arms: []Arm{{"rulebook", lemonade.Halving}, {Proposer: "rulebook"}}, Seeds: []int64{1}, Trials: 8, Epochs: 4,
		Rungs: lemonade.Rungs{Count: 2, Reduction: 2}, Dir: t.TempDir(),
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	count := &counting{Evaluator: slow{}}
	stopped, cancel := context.WithCancel(t.Context())
	o.Log = func(text string) {
		if strings.HasPrefix(text, "rulebook seed 1 trial 3/8") {
			cancel()
		}
	}
	if err := run(stopped, o, brief{count}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a run that was stopped: %v", err)
	}
	if err := run(t.Context(), o, brief{count}); err != nil {
		t.Fatal(err)
	}
	for _, a := range o.Arms {
		trials, err := openStore(t, o.Dir).Trials(t.Context(), o.name(a, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range trials {
			if x.Conditions == nil || x.Conditions.Profile != profileTime {
				t.Errorf("%s trial %d was measured under %+v", a, x.ID, x.Conditions)
			}
		}
	}
	keys := map[string]bool{}
	for _, j := range count.jobs {
		key, err := trial.Key(j, "scripted")
		if err != nil || keys[key] {
			t.Errorf("a network is trained twice for %d epochs: %v", j.Budget.Epochs, err)
		}
		keys[key] = true
	}
	r, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	value := func(arm int, name string) float64 {
		v := r.Arms[arm].Values[name].Mean
		if v == nil {
			t.Fatalf("%s of %s is unknown", name, r.Arms[arm].Arm)
		}
		return *v
	}
	trainings, full := value(1, "trainings"), value(1, "trained_in_full")
	if value(0, "trainings") != 8 || value(0, "trained_in_full") != 8 || trainings != 8+full || full < 4 || full > 6 {
		t.Errorf("trainings: %v and %v, in full %v and %v", value(0, "trainings"), trainings, value(0, "trained_in_full"), full)
	}
	// Of two and of four epochs, each of 1 Wh and 6 s.
	if !near(value(0, "training_energy"), 32) || !near(value(1, "training_energy"), 16+4*full) || !near(value(1, "evaluation_minutes"), (16+4*full)/10) {
		t.Errorf("energy %v and %v Wh, time %v min", value(0, "training_energy"), value(1, "training_energy"), value(1, "evaluation_minutes"))
	}
	for arm := range r.Arms {
		equal, end := value(arm, "equal_energy_hypervolume"), value(arm, "hypervolume_8")
		if equal <= 0 || equal > end {
			t.Errorf("%s: hypervolume %v at equal energy, %v in the end", r.Arms[arm].Arm, equal, end)
		}
	}
	for arm, a := range r.Arms {
		end, trials, energy := value(arm, "hypervolume_8"), a.Course.Trials, a.Course.Energy
		if len(trials) != 8 || trials[7].At != 8 || !near(digits(end), trials[7].Median) || len(energy) != courseSteps ||
			!near(value(arm, "training_energy"), energy[courseSteps-1].At) || !near(digits(end), energy[courseSteps-1].Median) {
			t.Errorf("%s ends at %v, its course is\n%+v", a.Arm, end, a.Course)
		}
		for i := range energy[1:] {
			if energy[i+1].Median < energy[i].Median {
				t.Errorf("%s: with more energy the hypervolume falls from %v to %v", a.Arm, energy[i], energy[i+1])
			}
		}
	}
	if c := r.Comparisons[0]; c.Arm != "rulebook-rungs" || c.Baseline != "rulebook" || r.Rungs != o.Rungs.String() {
		t.Errorf("compared is %s with %s, in rungs %q", c.Arm, c.Baseline, r.Rungs)
	}
	var text strings.Builder
	if err := r.Write(&text, false); err != nil || !strings.Contains(text.String(), "in rungs (2,reduction=2,shrink=epochs,least=1) but where the arm is without") {
		t.Errorf("the report is %v\n%s", err, text.String())
	}
	if _, err := (Options{Data: "digits", Arms: o.Arms}).complete(); err == nil || !strings.Contains(err.Error(), "give the rungs") {
		t.Errorf("an arm without rungs where there are none: %v", err)
	}
}

// TestRungsAfterOlder goes on in a folder of studies that were begun before it was
// recorded under what conditions figures were measured.
func TestRungsAfterOlder(t *testing.T) {
	o, err := Options{
		Data: "digits", Arms: []Arm{{"rulebook", lemonade.Halving}, {Proposer: "rulebook"}}, Seeds: []int64{1}, Trials: 3, Epochs: 4,
		Rungs: lemonade.Rungs{Count: 2, Reduction: 2}, Dir: t.TempDir(),
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	arms := o.Arms
	o.Arms = arms[:1]
	if err := run(t.Context(), o, brief{slow{}}); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, o.Dir)
	older, err := store.Trials(t.Context(), o.name(arms[0], 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range older {
		x.Conditions = nil
		if err := store.SaveTrial(t.Context(), o.name(arms[0], 1), x); err != nil {
			t.Fatal(err)
		}
	}
	o.Arms = arms
	if err := run(t.Context(), o, brief{slow{}}); err != nil {
		t.Fatal(err)
	}
	r, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	values := r.Arms[1].Values
	full, energy, minutes := values["trained_in_full"].Mean, values["training_energy"].Mean, values["evaluation_minutes"].Mean
	if full == nil || *full < 1 || energy == nil || minutes == nil {
		t.Fatalf("trained in full %v, energy %v, minutes %v", full, energy, minutes)
	}
	if want := 6 + 4**full; !near(*energy, want) || !near(*minutes, want/10) { // of two and of four epochs, each of 1 Wh and 6 s
		t.Errorf("%v Wh and %v min, want %v and %v", *energy, *minutes, want, want/10)
	}
}

func TestUpTo(t *testing.T) {
	metrics := func(kWh float64) trial.Metrics {
		return trial.Metrics{trial.Accuracy: {Value: 0.5}, trial.TrainingEnergy: {Value: kWh}}
	}
	rung := func(rung, step int, kWh float64) trial.Rung {
		return trial.Rung{Rung: rung, Of: 2, Step: step, State: trial.Complete, Metrics: metrics(kWh)}
	}
	rungs := trial.History{
		{ID: 1, State: trial.Complete, Metrics: metrics(3), Rungs: []trial.Rung{rung(1, 1, 1), rung(2, 2, 3)}},
		{ID: 2, State: trial.Complete, Metrics: metrics(3), Rungs: []trial.Rung{rung(1, 3, 1), rung(2, 5, 3)}},
		{ID: 3, State: trial.Pruned, Metrics: metrics(1), Rungs: []trial.Rung{rung(1, 4, 1)}},
	}
	whole := trial.History{{ID: 1, State: trial.Complete, Metrics: metrics(3)}, {ID: 2, State: trial.Complete, Metrics: metrics(3)}}
	states := func(h trial.History) (all []string) {
		for _, tr := range h {
			all = append(all, string(tr.State))
		}
		return all
	}
	for _, c := range []struct {
		h    trial.History
		kWh  float64
		want []string
	}{
		{rungs, 9, []string{"complete", "complete", "pruned"}},
		{rungs, 8.5, []string{"complete", "pruned", "pruned"}},
		{rungs, 5, []string{"complete", "pruned"}},
		{rungs, 4, []string{"complete"}},
		{rungs, 1, []string{"pruned"}},
		{rungs, 0.5, nil},
		{whole, 6, []string{"complete", "complete"}},
		{whole, 5, []string{"complete"}},
		{whole, 1, nil},
	} {
		if diff := cmp.Diff(c.want, states(upTo(c.h, c.kWh))); diff != "" {
			t.Errorf("up to %v kWh (-want +got):\n%s", c.kWh, diff)
		}
	}
}
