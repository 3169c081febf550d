package kernelext

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// inRungs is the fake study, had it been one of two rungs: the trials with a
// measurement were trained briefly, and the first and those of the front in full.
func inRungs(t *testing.T) View {
	v := fake(t)
	front := v.Objective.Front(v.Trials)
	step := 0
	for i := range v.Trials {
		tr := &v.Trials[i]
		if tr.State != trial.Complete {
			continue
		}
		short := trial.Rung{
			Rung: 1, Of: 2, Epochs: 2, Samples: 500, Share: 1. / 9, State: trial.Complete, Metrics: maps.Clone(tr.Metrics), Curve: tr.Curve[:2],
			Seconds: map[string]float64{trial.PhaseCompile: 3, trial.PhaseTrain: 4, trial.PhaseEvaluate: 2, trial.PhaseProfile: 6},
			Started: tr.Started.Add(5 * time.Second), Ended: tr.Started.Add(20 * time.Second),
		}
		for m, factor := range map[trial.Metric]float64{trial.Accuracy: 0.5, trial.TrainingEnergy: 1. / 9, trial.CO2e: 1. / 9, trial.TrainingTime: 1. / 9} {
			scaled := short.Metrics[m]
			scaled.Value *= factor
			for _, part := range []**float64{&scaled.Low, &scaled.High, &scaled.Idle} {
				if *part != nil {
					*part = of(**part * factor)
				}
			}
			short.Metrics[m] = scaled
		}
		step++
		short.Step, tr.Rungs = step, []trial.Rung{short}
		if on := i == 0; on || len(front) > 0 && tr.ID == front[0] || tr.ID == front[len(front)-1] {
			step++
			tr.Rungs[0].Through = on
			tr.Runs = 2
			tr.Rungs = append(tr.Rungs, trial.Rung{
				Rung: 2, Of: 2, Step: step, Epochs: 6, Share: 1, State: trial.Complete, Metrics: tr.Metrics, Curve: tr.Curve,
				Seconds: map[string]float64{trial.PhaseCompile: 3, trial.PhaseTrain: 36, trial.PhaseEvaluate: 6},
				Started: short.Ended.Add(time.Second), Ended: tr.Ended,
			})
			continue
		}
		tr.State, tr.Reason, tr.Effectiveness = trial.Pruned, "rung 1 of 2: Pareto rank 1, 4th of 7, of which the best 2 go on", nil
		tr.Metrics, tr.Curve, tr.Seconds, tr.Ended = short.Metrics, short.Curve, short.Seconds, short.Ended
	}
	return v
}

func TestRungsText(t *testing.T) {
	v := inRungs(t)
	golden(t, "rungs.txt", []byte(Text(v)+"\n"+v.trialText(v.Trials[0])))
	page, err := Page(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 2", "energy without rungs", "Its trainings, each anew"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	table := v.rungsTable()
	if len(table) < 8*8 || table[1][0] != "1" || table[1][8] != "accuracy" {
		t.Errorf("%d rows, the first of them %q", len(table), table[1])
	}
}

func TestRungsEvents(t *testing.T) {
	tr := inRungs(t).Trials[0]
	for _, c := range []struct {
		event lemonade.Event
		want  string
	}{
		{lemonade.Event{Kind: lemonade.Progress, Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.4, Epoch: 1, Epochs: 3, Rung: 2, Rungs: 3}}, "trial 1: rung 2 of 3, train, 40 %, epoch 1 of 3"},
		{lemonade.Event{Kind: lemonade.Promoted}, "trial 1: goes on from rung 2 of 2, accuracy 41.2 %, to a longer training"},
	} {
		c.event.Trial = tr
		if got := Describe(c.event); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestRungsPace(t *testing.T) {
	h := trial.History{
		{ID: 1, State: trial.Complete, Runs: 2, Started: time.Unix(0, 0), Ended: time.Unix(200, 0), Rungs: []trial.Rung{
			{Started: time.Unix(2, 0), Ended: time.Unix(10, 0)}, {Started: time.Unix(150, 0), Ended: time.Unix(200, 0)},
		}},
		{ID: 2, State: trial.Pruned, Runs: 1, Started: time.Unix(10, 0), Ended: time.Unix(30, 0), Rungs: []trial.Rung{{Started: time.Unix(12, 0), Ended: time.Unix(30, 0)}}},
	}
	if seconds, ok := pace(h, time.Unix(0, 0)); seconds != (10+50+20)/2. || !ok {
		t.Errorf("a network takes %v s, %v; want 40 s", seconds, ok)
	}
}

// TestRungsBundle holds that a bundle brings the rungs along, and the line that runs
// the study anew.
func TestRungsBundle(t *testing.T) {
	v, from, to := inRungs(t), t.TempDir(), t.TempDir()
	options := `{"data": "cifar10", "proposer": "rulebook", "prefer": "balanced", "epochs": 6, "seed": 1, "rungs": {"count": 2, "reduction": 3, "shrink": "both", "least": 1}}`
	state, err := json.Marshal(v.Objective)
	if err != nil {
		t.Fatal(err)
	}
	store, err := record.Open(from)
	if err == nil {
		err = store.Adopt(context.Background(), record.Study{Name: v.Name, Created: time.Unix(0, 0), Options: json.RawMessage(options), State: state}, record.Content{Trials: v.Trials})
	}
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rungs.zip")
	if _, err := run(t, "export", v.Name, "--bundle", file, "--studies", from); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "import", file, "--studies", to); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(storedIn(t, from).Trials, storedIn(t, to).Trials); diff != "" {
		t.Errorf("(-exported +imported):\n%s", diff)
	}
	if n := len(storedIn(t, to).Trials[0].Rungs); n != 2 {
		t.Errorf("trial 1 has %d rungs, want 2", n)
	}
	unpacked, names := unzipped(t, file)
	readme, err := os.ReadFile(filepath.Join(unpacked, "README.md"))
	if err != nil || !strings.Contains(string(readme), "--rungs 2,reduction=3,shrink=both,least=1") {
		t.Errorf("the bundle does not say how to run it anew: %v\n%s", err, readme)
	}
	if !slices.Contains(names, "tables/rungs.csv") {
		t.Errorf("the bundle has no table of the rungs among %q", names)
	}
}
