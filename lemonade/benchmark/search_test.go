package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/tabular"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// cells are n architectures, spread over all, with made-up values: convolutions cost
// and help, pooling hurts.
func cells(n int) string {
	var b strings.Builder
	b.WriteString("arch,acc,energy_mj\n")
	const all = 15625
	for i := range n {
		code, cost, error := i*all/n, 1.0, 60.0
		var ops []any
		for range 6 {
			op := code % 5
			code /= 5
			ops = append(ops, []string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}[op])
			cost += []float64{0, 0.1, 1, 3, 0.5}[op]
			error *= []float64{1, 0.95, 0.8, 0.7, 1.05}[op]
		}
		fmt.Fprintf(&b, "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|", ops...)
		fmt.Fprintf(&b, ",%.3f,%.2f\n", 100-error, cost)
	}
	return b.String()
}

func madeUp(t *testing.T, text string) *tabular.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := tabular.Open(tabular.Options{Files: []string{path}, Accuracy: "acc", Cost: "energy_mj"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSearch: the report has what it should, and is the same however many searches go
// on at a time.
func TestSearch(t *testing.T) {
	table := madeUp(t, cells(8000)) // so some answers are refused
	var told []string
	o := SearchOptions{Table: table, Strategies: []Arm{{Proposer: "random"}, {Proposer: "evolution"}, {Proposer: "rulebook"}}, Evaluations: 26, Seeds: []int64{1, 5},
		Log: func(text string) { told = append(told, text) }}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	got, err := Search(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 || !slices.Contains(told, "evolution: 2 searches of 26 evaluations") {
		t.Errorf("told %q", told)
	}
	runtime.GOMAXPROCS(4)
	o.Log = nil
	again, err := Search(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("one at a time, and several (-one +several):\n%s", diff)
	}

	for _, a := range o.Strategies {
		for _, n := range []int{25, 26} {
			v := got.Values[a.String()][fmt.Sprint(n)]
			for _, m := range measures {
				if len(v[m.name]) != 2 {
					t.Errorf("%s has %d values of %s after %d evaluations", a, len(v[m.name]), m.name, n)
				}
			}
			for i := range v["hypervolume"] {
				if hv := v["hypervolume"][i]; !(hv > 0.3 && hv <= got.FrontHypervolume) {
					t.Errorf("%s, search %d: hypervolume %v after %d evaluations, of the true front %v", a, i, hv, n, got.FrontHypervolume)
				}
			}
		}
		early, late := got.Values[a.String()]["25"], got.Values[a.String()]["26"]
		for i := range 2 {
			if early["hypervolume"][i] > late["hypervolume"][i] || early["igd_plus"][i] < late["igd_plus"][i] || early["best_accuracy"][i] > late["best_accuracy"][i] {
				t.Errorf("%s, search %d got worse: %v, then %v", a, i, early, late)
			}
		}
	}
	var text strings.Builder
	if err := got.Write(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"acc against energy_mj: 8000 architectures, 2 seeds", "26           evolution", "all          true front", "evolution − random"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// TestSearchJSON holds the report to its published shape.
func TestSearchJSON(t *testing.T) {
	report, err := Search(t.Context(), SearchOptions{Table: madeUp(t, cells(15625)), Strategies: []Arm{{Proposer: "random"}}, Evaluations: 26, Seeds: []int64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	type spread struct{ Median, Q1, Q3 *float64 }
	var got struct {
		FrontHypervolume float64 `json:"front_hypervolume"`
		Strategies       map[string]map[string]struct {
			Hypervolume  spread
			BestAccuracy spread `json:"best_accuracy"`
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.FrontHypervolume != report.FrontHypervolume || len(got.Strategies) != 1 || len(got.Strategies["random"]) != 2 {
		t.Fatalf("%s", text)
	}
	for _, n := range []string{"25", "26"} {
		c := got.Strategies["random"][n]
		for _, s := range []spread{c.Hypervolume, c.BestAccuracy} {
			if s.Median == nil || s.Q1 == nil || s.Q3 == nil || *s.Q1 > *s.Median || *s.Median > *s.Q3 {
				t.Errorf("after %s evaluations: %s", n, text)
			}
		}
	}

	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if read, err := ReadSearch(file); err != nil || !cmp.Equal(report, read) {
		t.Errorf("read again (%v):\n%s", err, cmp.Diff(report, read))
	}
	for _, text := range []string{"{", "{}", "[]"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSearch(file); err == nil || !strings.Contains(err.Error(), "no report of a search") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestQuartiles(t *testing.T) {
	if got, want := quartiles([]float64{4, 1, 3, 2, 10}), (Quartiles{Median: 3, Q1: 2, Q3: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := quartiles([]float64{1, 2, 3, 4}), (Quartiles{Median: 2.5, Q1: 1.75, Q3: 3.25}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := quartiles([]float64{0.5}), (Quartiles{0.5, 0.5, 0.5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSearchCheckpoints(t *testing.T) {
	for evaluations, want := range map[int][]int{200: {25, 50, 100, 200}, 300: {25, 50, 100, 200, 300}, 100: {25, 50, 100}, 30: {25, 30}, 1: {1}} {
		if got := searchCheckpoints(evaluations); !slices.Equal(got, want) {
			t.Errorf("%d evaluations: %v, want %v", evaluations, got, want)
		}
	}
}

func TestPairs(t *testing.T) {
	a, b := []float64{0.5, 0.7, 0.4, 0.4}, []float64{0.4, 0.5, 0.4, 0.5}
	for fewer, want := range map[bool][3]int{false: {2, 1, 1}, true: {1, 1, 2}} {
		c := pairs(a, b, fewer)
		if got := [3]int{c.Wins, c.Ties, c.Losses}; got != want {
			t.Errorf("fewer is better %v: %v, want %v", fewer, got, want)
		}
		if c.Differences.Mean == nil || cmp.Diff(0.05, *c.Differences.Mean, about) != "" || !(*c.Differences.Low < 0.05 && *c.Differences.High > 0.05) {
			t.Errorf("differences %+v", c.Differences)
		}
	}
}

// dictated is a proposer of fixed answers, which looks at what it is told.
type dictated struct {
	answers []string
	look    func(propose.Request)
	next    int
}

func (s *dictated) Name() string { return "dictated" }

func (s *dictated) Propose(_ context.Context, r propose.Request) (propose.Proposal, error) {
	s.look(r)
	s.next++
	if s.next > len(s.answers) {
		return propose.Proposal{}, errors.New("nothing is left")
	}
	return propose.Proposal{Source: s.answers[s.next-1]}, nil
}

const (
	cellOne  = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
	cellTwin = "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|" // the same network
	cellPool = "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"
)

func programOf(t *testing.T, cell string) string {
	t.Helper()
	taken, err := tabular.Choices(cell)
	if err != nil {
		t.Fatal(err)
	}
	source, err := arch.Choose(arch.NASBench201, taken)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// TestSearchRound: what a search counts, what it refuses, and what it tells.
func TestSearchRound(t *testing.T) {
	table := madeUp(t, "arch,acc,energy_mj\n"+cellOne+",90,2\n"+cellTwin+",91,3\n")
	s, err := newSearcher(t.Context(), SearchOptions{Table: table, Strategies: []Arm{{Proposer: "random"}}, Evaluations: 2, Data: "cifar10", Log: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	run, err := s.begin(Arm{Proposer: "random"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	p := &dictated{answers: []string{
		programOf(t, cellOne),
		programOf(t, cellOne), programOf(t, cellPool), "def network(x, classes):\n    return dense(flatten(x), classes)\n", "nonsense(", programOf(t, cellTwin),
	}}
	var asked []propose.Request
	p.look = func(r propose.Request) { asked = append(asked, r) }
	run.proposer = p
	for range 2 {
		if err := run.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(table.Rows, run.rows); diff != "" { // the twin has a row of its own
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if run.history[0].Hash != run.history[1].Hash {
		t.Error("the two are no twins")
	}
	want := []string{"duplicate: the same choices were trial 1", "invalid: the table has no |none~0|+|none~0|none~1|+|avg_pool", "invalid: the program makes 0 choices", "invalid: model.star:1:10", "complete: "}
	for i, a := range run.history[1].Attempts {
		if got := fmt.Sprintf("%s: %s", a.State, a.Reason); i >= len(want) || !strings.HasPrefix(got, want[i]) {
			t.Errorf("attempt %d is %q, of %q", i, got, want)
		}
	}

	first, last := asked[0], asked[len(asked)-1]
	if len(first.History) != 0 || first.Seed != 7 || first.Template != arch.NASBench201 {
		t.Errorf("the first request: %+v", first)
	}
	if last.Trial != 2 || last.Turn != 4 || len(last.Attempts) != 4 || len(last.History) != 1 {
		t.Errorf("the last request: trial %d, turn %d, attempts %d, history %d", last.Trial, last.Turn, len(last.Attempts), len(last.History))
	}
	one := last.History[0]
	if one.State != trial.Complete || one.Metrics[trial.Accuracy].Value != 0.9 || one.Metrics[trial.InferenceEnergy].Value != 0.002 || one.Effectiveness == nil {
		t.Errorf("the trial that is told: %+v", one)
	}
	if id, ok := last.Known(one.Program); !ok || id != 1 || last.Broken(one.Program) != "" {
		t.Errorf("the trial is known as %d, %v; broken %q", id, ok, last.Broken(one.Program))
	}
	twin := run.history[1].Program
	if id, ok := first.Known(twin); !ok || id != 2 {
		t.Errorf("the twin is known as %d, %v", id, ok)
	}
	if err := run.round(t.Context()); err == nil || !strings.Contains(err.Error(), "round 3: none of 50 answers") || !strings.Contains(err.Error(), "nothing is left") {
		t.Errorf("without an answer: error %v", err)
	}
}

func TestSearchRefuses(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL"} {
		t.Setenv(name, "")
	}
	table := madeUp(t, cells(100))
	random := []Arm{{Proposer: "random"}}
	for want, o := range map[string]SearchOptions{
		"table: none is named":         {Strategies: random},
		"strategies: none is named":    {Table: table},
		"random is given twice":        {Table: table, Strategies: append(random, random...)},
		"OPENAI_API_KEY":               {Table: table, Strategies: []Arm{{Proposer: "openai"}}},
		"no part repair to switch off": {Table: table, Strategies: []Arm{{Proposer: "rulebook", Without: "repair"}}},
		"evaluations: -1":              {Table: table, Strategies: random, Evaluations: -1},
		"101 are more than the 100":    {Table: table, Strategies: random, Evaluations: 101},
		"seeds: 3 is given twice":      {Table: table, Strategies: random, Evaluations: 1, Seeds: []int64{3, 3}},
		`there is no set "mnist"`:      {Table: table, Strategies: random, Evaluations: 1, Data: "mnist"},
	} {
		if _, err := Search(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Search(ctx, SearchOptions{Table: table, Strategies: random, Evaluations: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestSearchAdd(t *testing.T) {
	report := func(name string) SearchReport {
		q := quality{Hypervolume: 0.5, BestAccuracy: 90}
		if name != "random" {
			q.Hypervolume = 0.6
		}
		s := scaleOf(&tabular.Table{Rows: someRows})
		o := SearchOptions{Strategies: []Arm{{Proposer: name}}, Evaluations: 2, Seeds: []int64{1, 2}}
		return s.report(&tabular.Table{Rows: someRows, Accuracy: "acc", Cost: "ms"}, o, map[string][][]quality{name: {{q, q}, {q, q}}})
	}
	got := report("random")
	if err := got.Add(report("tpe")); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Order, []string{"random", "tpe"}) || got.Strategies["tpe"]["2"]["hypervolume"].Median != 0.6 {
		t.Errorf("report %+v", got)
	}
	if i := slices.IndexFunc(got.Comparisons, func(c Comparison) bool { return c.Arm == "tpe" && c.Statistic == "hypervolume_2" }); i < 0 || got.Comparisons[i].Wins != 2 || *got.Comparisons[i].Differences.Mean != 0.1 {
		t.Errorf("comparisons %+v", got.Comparisons)
	}
	for want, change := range map[string]func(*SearchReport){
		"the same table":       func(r *SearchReport) { r.Table.Cost = "energy" },
		"true front":           func(r *SearchReport) { r.FrontHypervolume += 0.01 },
		"2 evaluations of 3":   func(r *SearchReport) { r.Seeds = append(r.Seeds, 3) },
		"tpe is there already": func(*SearchReport) {},
		"has 1 values of": func(r *SearchReport) {
			r.Order[0], r.Values = "nsga2", map[string]map[string]Values{"nsga2": {"2": {"hypervolume": {1}}}}
		},
	} {
		other := report("tpe")
		change(&other)
		if err := got.Add(other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// TestPublishedFront holds the measures against what is known of the published table.
func TestPublishedFront(t *testing.T) {
	dir := os.Getenv("LEMONADE_DATA")
	paths := []string{filepath.Join(dir, "nasbench201-cifar10.csv"), filepath.Join(dir, "nasbench201-costs.csv")}
	for _, path := range paths {
		if _, err := os.Stat(path); dir == "" || err != nil {
			t.Skipf("%s is not under LEMONADE_DATA", filepath.Base(path))
		}
	}
	table, err := tabular.Open(tabular.Options{Files: paths, Accuracy: "cifar10_test_accuracy_200_epochs", Cost: "pi5_litert_energy_mj"})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Search(t.Context(), SearchOptions{Table: table, Strategies: []Arm{{Proposer: "random"}}, Evaluations: 100, Seeds: []int64{1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%.4f", report.FrontHypervolume); got != "0.8892" {
		t.Errorf("hypervolume of the true front %s, want 0.8892", got)
	}
	// Over 50 seeds random has 0.8816 as its median.
	if got := report.Strategies["random"]["100"]["hypervolume"].Median; got < 0.876 || got > 0.886 {
		t.Errorf("hypervolume of random after 100 evaluations %v", got)
	}
}
