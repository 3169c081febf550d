package benchmark

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// made is a study of two networks: one of that accuracy, and one that is worse.
type made struct {
	name      string
	seed      int64
	data      string
	trials    trial.History
	objective objective.Objective
}

func (m made) Name() string                   { return m.name }
func (m made) Seed() int64                    { return m.seed }
func (m made) Fingerprint() string            { return m.data }
func (m made) Trials() trial.History          { return m.trials }
func (m made) Objective() objective.Objective { return m.objective }

func madeStudy(t *testing.T, name string, seed int64, accuracy, kWh float64) made {
	t.Helper()
	o, err := objective.New(wants, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.On(axes...); err != nil {
		t.Fatal(err)
	}
	m := made{name: name, seed: seed, data: "digits:0123/split1/whole"}
	for i, a := range []float64{accuracy / 2, accuracy} {
		metrics := trial.Metrics{
			trial.Accuracy:       {Value: a, Method: trial.MethodCounted},
			trial.MACs:           {Value: 1000 * float64(i+1), Method: trial.MethodStatic},
			trial.TrainingEnergy: {Value: kWh / 2, Method: trial.MethodEstimate},
			trial.TrainingTime:   {Value: 10, Method: trial.MethodTimed},
		}
		o.Fix(metrics)
		m.trials = append(m.trials, trial.Trial{ID: i + 1, State: trial.Complete, Metrics: metrics, Seconds: map[string]float64{trial.PhaseTrain: 10, trial.PhaseData: 1}})
	}
	m.objective = o
	return m
}

func TestCompareStudies(t *testing.T) {
	var a, b []Study
	for seed := int64(1); seed <= 6; seed++ {
		noise := 0.01 * float64(seed%3)
		a = append(a, madeStudy(t, fmt.Sprint("a.", seed), seed, 0.5+noise, 0.010))
		b = append(b, madeStudy(t, fmt.Sprint("b.", seed), seed, 0.6+noise/2, 0.004+noise/100))
	}
	b[0], b[5] = b[5], b[0] // it is the seed that pairs
	c, err := CompareStudies(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b.1", "b.2", "b.3", "b.4", "b.5", "b.6"}, c.Second); diff != "" || c.Remarks != nil {
		t.Errorf("paired with (-want +got):\n%s and remarks %q", diff, c.Remarks)
	}
	rows := map[string]Row{}
	for _, r := range c.Rows {
		rows[r.Name] = r
	}
	for name, want := range map[string]struct {
		change  float64
		more    int
		differs bool
	}{
		"hypervolume":     {math.NaN(), 6, true},
		"best_accuracy":   {0.095, 6, true},
		"training_energy": {0.41, 0, true},
		"trial_time":      {1, 0, false},
	} {
		r := rows[name]
		differs, known := r.Differs()
		if r.Unknown != "" || !known || differs != want.differs || r.More != want.more || !math.IsNaN(want.change) && math.Abs(*r.Change.Mean-want.change) > 0.001 {
			t.Errorf("%s: %+v of mean %v [%v, %v], want %+v", name, r, *r.Change.Mean, *r.Change.Low, *r.Change.High, want)
		}
	}

	// Fewer pairs give no interval, and one of each needs no common seed.
	few, err := CompareStudies(a[:5], b[:5])
	if err != nil {
		t.Fatal(err)
	}
	if r := few.Rows[2]; r.Pairs() != 4 || r.Change.Low != nil || r.First.Low != nil || r.Change.Mean == nil {
		t.Errorf("four pairs: %+v", r)
	}
	if len(few.Remarks) != 1 || !strings.Contains(few.Remarks[0], "b.6, a.1") {
		t.Errorf("remarks %q", few.Remarks)
	}
	single, err := CompareStudies(a[:1], b[1:2])
	if err != nil || len(single.Remarks) != 1 || !strings.Contains(single.Remarks[0], "(1 and 2)") {
		t.Errorf("%v, remarks %q", err, single.Remarks)
	}
}

// TestStudiesInRungs counts what every training took, and says which were taken over.
func TestStudiesInRungs(t *testing.T) {
	a, b := madeStudy(t, "a", 1, 0.5, 0.01), madeStudy(t, "b", 1, 0.5, 0.01)
	for i := range b.trials {
		x := &b.trials[i]
		short := trial.Rung{Rung: 1, Of: 2, State: trial.Complete, Metrics: trial.Metrics{trial.TrainingEnergy: {Value: 0.001}, trial.TrainingTime: {Value: 2}}, Seconds: trial.Times{trial.PhaseTrain: 2}}
		whole := trial.Rung{Rung: 2, Of: 2, State: trial.Complete, Metrics: x.Metrics, Seconds: x.Seconds, Reused: &trial.Source{Study: "a", Trial: x.ID}}
		x.Rungs, x.Reused = []trial.Rung{short, whole}, whole.Reused
	}
	c, err := CompareStudies([]Study{a}, []Study{b})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, r := range c.Rows {
		got[r.Name] = *r.Second.Values[0]
	}
	if !near(got["training_energy"], 0.012) || !near(got["training_time"], 24) || !near(got["trial_time"], 26) {
		t.Errorf("in all %v", got)
	}
	if len(c.Remarks) != 1 || !strings.Contains(c.Remarks[0], "taken over") || !strings.HasSuffix(c.Remarks[0], "2 of b") {
		t.Errorf("remarks %q", c.Remarks)
	}
}

func TestStudiesApart(t *testing.T) {
	a := madeStudy(t, "a", 1, 0.5, 0.01)
	for name, c := range map[string]struct {
		change  func(*made)
		unknown map[string]string // by quantity
	}{
		"nothing":                   {func(*made) {}, nil},
		"fewer samples of the same": {func(m *made) { m.data = "digits:0123/split1/300-of-1438" }, nil},
		"data": {func(m *made) { m.data = "cifar10:0123/split1/whole" }, map[string]string{
			"hypervolume": "other samples", "best_effectiveness": "other samples", "best_accuracy": "other samples"}},
		"axes":  {func(m *made) { m.objective.Axes = objective.DefaultAxes }, map[string]string{"hypervolume": "other axes"}},
		"wants": {func(m *made) { m.objective.Wants = m.objective.Wants[:1] }, map[string]string{"best_effectiveness": "different things"}},
		"meter": {func(m *made) {
			m.objective.Methods = map[trial.Metric]string{trial.TrainingEnergy: trial.MethodRAPL}
		}, map[string]string{"training_energy": "estimate and rapl"}},
	} {
		b := madeStudy(t, "b", 1, 0.5, 0.01)
		c.change(&b)
		got, err := CompareStudies([]Study{a}, []Study{b})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Rows {
			want := c.unknown[r.Name]
			if (r.Unknown == "") != (want == "") || !strings.Contains(r.Unknown, want) || r.Unknown != "" && r.Change.Mean != nil {
				t.Errorf("%s: %s is %q, want %q", name, r.Name, r.Unknown, want)
			}
		}
	}
	for want, groups := range map[string][2][]Study{
		"both have the seed 1":         {{a, a}, {a}},
		"no seed is on both sides":     {{a, madeStudy(t, "c", 3, 1, 1)}, {madeStudy(t, "d", 7, 1, 1)}},
		"there is no study to compare": {{a}, nil},
	} {
		if _, err := CompareStudies(groups[0], groups[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
