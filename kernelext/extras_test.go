package kernelext

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// withExtras is the fake study with three baselines, the finals of two of its trials,
// and trainings for the ranking.
func withExtras(t *testing.T) View {
	t.Helper()
	v := fake(t)
	add := func(x trial.Extra) {
		x.ID = -1 - len(v.Extras)
		x.Runs, x.Started, x.Ended = 1, v.Trials[0].Started, v.Trials[0].Ended
		v.Extras = append(v.Extras, x)
	}
	for i, b := range []struct {
		name             string
		state            trial.State
		accuracy, energy float64
		reason           string
	}{
		{"resnet20", trial.Complete, 0.452, 0.0071, ""},
		{"mobilenet", trial.Complete, 0.401, 0.0029, ""},
		{"cnn", trial.Infeasible, 0.463, 0.0081, "model_size 1.15 MB is over the limit of 1 MB"},
	} {
		p := program(t, []string{plain, squeezeExcite}[i%2])
		x := trial.Trial{State: b.state, Reason: b.reason, Proposer: "baseline", Program: p, Hash: p.Network.Hash(), Costs: p.Network.Costs(), Metrics: measurements(b.accuracy, b.energy)}
		if e, ok := v.Objective.Score(objective.MetricsOf(x)); ok && b.state == trial.Complete {
			x.Effectiveness = &e
		}
		for e := 1; e <= 6; e++ {
			x.Curve = append(x.Curve, trial.Epoch{Epoch: e, Loss: 2 - b.accuracy, Accuracy: b.accuracy * float64(e) / 6, TrainAccuracy: b.accuracy, Seconds: float64(e)})
		}
		add(trial.Extra{Purpose: trial.Baseline, Name: b.name, Epochs: 6, Seed: 1, Trial: x})
	}
	long := func(p trial.Purpose, id int, seed int64, accuracy float64) {
		of, _ := v.Trials.ByID(id)
		x := trial.Extra{Purpose: p, Of: id, Epochs: 24, Seed: seed, Trial: trial.Trial{State: trial.Complete, Proposer: of.Proposer, Program: of.Program, Hash: of.Hash, Costs: of.Costs, Metrics: measurements(accuracy, 0.005)}}
		if p == trial.Final {
			x.Metrics[trial.TestAccuracy] = trial.Measurement{Value: accuracy - 0.02, Method: trial.MethodCounted, Spread: new(float64)}
			v.TestReads = append(v.TestReads, trial.TestRead{At: time.Date(2026, 1, 3, 0, len(v.TestReads), 0, 0, time.UTC), Who: "ann on desk", Purpose: p, Trial: id, Hash: of.Hash, Epochs: 24, Seed: seed})
		}
		add(x)
	}
	for k, seed := range []int64{1001, 2001, 3001} {
		long(trial.Final, 7, seed, 0.602+0.004*float64(k))
		long(trial.Final, 9, seed, 0.711-0.003*float64(k))
	}
	for _, r := range []struct {
		id       int
		accuracy float64
	}{{1, 0.633}, {2, 0.661}, {4, 0.655}, {6, 0.715}, {10, 0.652}} {
		long(trial.Ranking, r.id, 1001, r.accuracy)
	}
	return v
}

// shownWith is the view that a study of such a record gives.
func shownWith(t *testing.T) View {
	v := withExtras(t)
	for i, tr := range v.Trials {
		v.Trials[i] = v.Extras.With(tr)
	}
	return v
}

// TestExtrasGolden holds what is shown of a study with trainings outside its search.
func TestExtrasGolden(t *testing.T) {
	dir := recorded(t, withExtras(t))
	for name, args := range map[string][]string{
		"extras":         {"show", "cifar-first"},
		"extras-trial":   {"show", "cifar-first", "--trial", "9"},
		"extras-compare": {"compare", "cifar-first", "9", "resnet20"},
	} {
		out, err := run(t, append(args, "--studies", dir)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name+".txt", []byte(out))
	}
	v := shownWith(t)
	for _, c := range v.plots() {
		if slices.Contains([]string{"tradeoff", "parallel", "history", "ranking"}, c.Name) {
			golden(t, "extras-"+c.Name+".svg", []byte(c.svg()+"\n"))
		}
	}
}

// TestBaselinesApart holds that baselines are in the charts with a mark of their own,
// and nowhere where the search's trials are counted or chosen from.
func TestBaselinesApart(t *testing.T) {
	v, without := shownWith(t), fake(t)
	for _, c := range v.plots() {
		marks := map[string]int{}
		for _, s := range c.Series {
			for _, p := range s.Points {
				if p.Trial < 0 {
					marks[s.Name]++
				}
			}
		}
		want := map[string]int{}
		switch c.Name {
		case "tradeoff":
			want = map[string]int{"baseline": 3}
		case "history":
			want = map[string]int{"baseline resnet20": 2, "baseline mobilenet": 2}
		case "parallel":
			want = map[string]int{"baseline resnet20": 1, "baseline mobilenet": 1, "baseline cnn": 1}
		case "curves":
			want = map[string]int{"baseline resnet20": 6, "baseline mobilenet": 6, "baseline cnn": 6}
		}
		if diff := cmp.Diff(want, marks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
	if !slices.Equal(v.Objective.Front(v.Trials), without.Objective.Front(without.Trials)) || v.summary() != without.summary() {
		t.Errorf("the front is %v, without baselines %v", v.Objective.Front(v.Trials), without.Objective.Front(without.Trials))
	}
	for _, s := range v.suggestions() {
		if s.trial.ID < 0 {
			t.Errorf("%s is suggested", v.title(s.trial))
		}
	}
	if ids, err := v.numbers([]string{"9", "cnn"}); err != nil || !slices.Equal(ids, []int{9, -3}) {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := v.numbers([]string{"vgg"}); err == nil || !strings.Contains(err.Error(), "resnet20, mobilenet, cnn") {
		t.Errorf("an unknown baseline: %v", err)
	}
}

func TestRanking(t *testing.T) {
	v := shownWith(t)
	r := v.ranking()
	if diff := cmp.Diff([]int{1, 2, 4, 6, 7, 9, 10}, r.trials); diff != "" || r.epochs != 24 || r.result.Tau == nil {
		t.Fatalf("%d epochs, tau %v, trials (-want +got):\n%s", r.epochs, r.result.Tau, diff)
	}
	// Of 21 pairs two are the other way round.
	if got := *r.result.Tau; got < 17.0/21-1e-9 || got > 17.0/21+1e-9 {
		t.Errorf("tau %v", got)
	}
	if text := r.words(); !strings.Contains(text, "over 7 networks") || !strings.Contains(text, "too few for a claim: 15") || !strings.Contains(text, "validation split") {
		t.Errorf("it says %q", text)
	}
	v.Extras = v.Extras.For(trial.Final)
	if r := v.ranking(); len(r.trials) > 0 || r.words() != "" || len(r.chart().Series) > 0 {
		t.Errorf("finals alone are a ranking of %v", r.trials)
	}
}

// TestExtrasTravel holds that a bundle has what was trained outside the search, and
// that the trials that are brought back know nothing of the test split.
func TestExtrasTravel(t *testing.T) {
	v := withExtras(t)
	weights := filepath.Join(t.TempDir(), "final.safetensors")
	if err := os.WriteFile(weights, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range v.Extras {
		if v.Extras[i].Purpose == trial.Final {
			v.Extras[i].Weights = weights
		}
	}
	dir, file := recorded(t, v), filepath.Join(t.TempDir(), "whole.zip")
	if _, err := run(t, "export", v.Name, "--bundle", file, "--studies", dir); err != nil {
		t.Fatal(err)
	}
	_, names := unzipped(t, file)
	for _, want := range []string{"tables/extras.csv", "tables/test_reads.csv", "tables/ranking.csv", "charts/short-trainings-against-long-ones.svg"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s in the bundle", want)
		}
	}
	to := t.TempDir()
	if _, err := Import(t.Context(), file, ImportOptions{Dir: to}); err != nil {
		t.Fatal(err)
	}
	store, err := record.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	got, err := store.Content(t.Context(), v.Name)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Extras) != len(v.Extras) || !cmp.Equal(v.TestReads, got.TestReads) {
		t.Errorf("%d extras of %d, reads %+v", len(got.Extras), len(v.Extras), got.TestReads)
	}
	for i, x := range got.Extras {
		if want := v.Extras[i]; x.Weights != "" || x.ID != want.ID || x.Seed != want.Seed || !cmp.Equal(x.Metrics, want.Metrics) {
			t.Errorf("training %d came as %+v", want.ID, x)
		}
	}
	for _, tr := range got.Trials {
		if _, ok := tr.Metrics[trial.TestAccuracy]; ok {
			t.Errorf("the record's trial %d has a test accuracy, which its search would see", tr.ID)
		}
	}

	out := t.TempDir()
	if _, err := run(t, "export", v.Name, "--trial", "9", "--out", out, "--studies", dir); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(out, "trial-9-final-24-epochs-seed-*.safetensors")); len(files) != 3 {
		t.Errorf("weights of finals: %q", files)
	}
}

// TestHostileExtras holds that names and reasons of trainings are texts wherever they go.
func TestHostileExtras(t *testing.T) {
	v := shownWith(t)
	for i := range v.Extras {
		x := &v.Extras[i]
		x.Name, x.Reason = hostile, hostile
		if x.Purpose == trial.Final {
			x.State = trial.Failed
		}
	}
	for i := range v.TestReads {
		v.TestReads[i].Who = hostile
	}
	page, err := Page(v)
	if err != nil {
		t.Fatal(err)
	}
	c, err := comparisonOf(v, []int{9, v.baselines()[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"page": string(page), "compare": c.html()} {
		for _, bad := range []string{"<img src=x", "<script>alert", "onerror=alert(1)>\""} {
			if strings.Contains(page, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
	for name, text := range map[string]string{"study": Text(v), "compare": c.text()} {
		if strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s: the text holds a control character", name)
		}
	}
}
