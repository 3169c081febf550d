package benchmark

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var about = cmpopts.EquateApprox(0, 1e-9)

// program is a network of one convolution with that many filters, with more
// operations behind it.
func program(t *testing.T, filters int, more ...string) *arch.Program {
	t.Helper()
	source := fmt.Sprintf("def network(x, classes):\n    x = conv(x, %d)\n", filters)
	for _, line := range more {
		source += "    " + line + "\n"
	}
	p, err := arch.Parse(source+"    return dense(global_avg_pool(x), classes)\n", arch.Shape{8, 8, 1}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// round is a complete trial of that network.
func round(id, parent int, proposer string, p *arch.Program, accuracy float64, attempts ...trial.Attempt) trial.Trial {
	attempts = append(attempts, trial.Attempt{Turn: len(attempts), Proposer: proposer, State: trial.Complete, Program: p.Source, Hash: p.Network.Hash()})
	return trial.Trial{
		ID: id, Parent: parent, State: trial.Complete, Proposer: proposer, Program: p, Hash: p.Network.Hash(), Costs: p.Network.Costs(), Attempts: attempts,
		Metrics: trial.Metrics{trial.Accuracy: {Value: accuracy, Method: trial.MethodCounted}},
	}
}

// bad is an answer of a language model that was not accepted.
func bad(state trial.State) trial.Attempt {
	price := 0.01
	return trial.Attempt{Proposer: "openai", State: state, Program: "…", Exchange: &trial.Exchange{
		Answer: "…", PromptTokens: 100, AnswerTokens: 20, Cost: &price, Duration: 2 * time.Second,
	}}
}

// silence is a call without an answer.
func silence() trial.Attempt {
	return trial.Attempt{Proposer: "openai", State: trial.Invalid, Reason: "out of reach", Exchange: &trial.Exchange{Error: "out of reach"}}
}

func fixed(t *testing.T, first trial.Trial) objective.Objective {
	t.Helper()
	o, err := objective.New(wants, nil)
	if err == nil {
		o, err = o.On(axes...)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Fix(objective.MetricsOf(first))
	return o
}

func TestStatistics(t *testing.T) {
	small, wide := program(t, 8), program(t, 16)
	deep, other := program(t, 8, "x = relu(x)", "x = batch_norm(x)"), program(t, 4, "x = relu(x)")
	history := trial.History{
		round(1, 0, "openai", small, 0.5),
		round(2, 1, "openai", deep, 0.9, bad(trial.Invalid), bad(trial.Duplicate)),
		round(3, 2, "openai", wide, 0.5),
		round(4, 1, "rulebook", other, 0.5, bad(trial.Duplicate), bad(trial.Infeasible), bad(trial.Invalid), bad(trial.Invalid)),
		round(5, 1, "rulebook", other, 0.5, silence()),
		{ID: 6, State: trial.Invalid, Attempts: []trial.Attempt{bad(trial.Invalid), {Turn: 1, Proposer: "rulebook", State: trial.Invalid}}},
	}
	s := sample{arm: Arm{Proposer: "openai"}, trials: history, objective: fixed(t, history[0]), examples: examples{wide.Network}}
	got := map[string]float64{}
	for _, st := range statistics(6) {
		if v, ok := st.of(s); ok {
			got[st.name] = v
		}
	}
	want := map[string]float64{
		"valid_at_once": 2.0 / 6, "valid": 3.0 / 6,
		// 3 accepted and 7 not: the call without an answer is none
		"distinct_of_accepted": 1, "distinct_of_answers": 3.0 / 10,
		"duplicates": 2.0 / 10, "infeasible": 1.0 / 10, "invalid": 4.0 / 10, "unanswered": 1.0 / 11,
		"better_than_parent": 0.5, // 2 beats 1, 3 does not beat 2; 1 has no parent
		"example_copies":     1.0 / 3,
		"example_operations": 2.0 / 3, // small and wide have the same operations
		"edits":              2,       // + relu, + batch_norm; and back
		"calls":              8.0 / 6, "tokens": 7 * 120.0 / 6, "seconds": 14.0 / 6,
		// dollars are unknown: the silent call has no price
	}
	for _, n := range []int{2, 4, 6} {
		want[fmt.Sprintf("hypervolume_%d", n)] = s.objective.Hypervolume(history[:n])
		id, _ := s.objective.Best(history[:n])
		want[fmt.Sprintf("effectiveness_%d", n)], _ = s.objective.Score(objective.MetricsOf(history[id-1]))
	}
	if diff := cmp.Diff(want, got, about); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if want["hypervolume_2"] >= want["hypervolume_4"] { // the network of trial 4 is the cheapest
		t.Errorf("the history does not tell its checkpoints apart: %v", want)
	}
}

func TestStatisticsOfMechanicalArm(t *testing.T) {
	first := round(1, 0, "rulebook", program(t, 8), 0.5)
	for _, c := range []struct {
		name   string
		trials trial.History
		want   map[string]float64
	}{
		{"nothing yet", nil, map[string]float64{}},
		{"one round", trial.History{first}, map[string]float64{
			"valid_at_once": 1, "valid": 1, "distinct_of_accepted": 1, "distinct_of_answers": 1, "duplicates": 0, "infeasible": 0, "invalid": 0, "unanswered": 0,
			"example_copies": 0, "example_operations": 0, "effectiveness_1": 0.5, "calls": 0, "tokens": 0, "dollars": 0, "seconds": 0,
			// half the accuracy, at a tenth of the reference's multiply-accumulates
			"hypervolume_1": 0.45,
		}},
	} {
		got := map[string]float64{}
		for _, st := range statistics(3) {
			if v, ok := st.of(sample{arm: Arm{Proposer: "rulebook"}, trials: c.trials, objective: fixed(t, first)}); ok {
				got[st.name] = v
			}
		}
		if diff := cmp.Diff(c.want, got, about); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	for trials, want := range map[int][]int{12: {4, 8, 12}, 10: {3, 6, 10}, 2: {1, 2}, 1: {1}} {
		if got := checkpoints(trials); !cmp.Equal(got, want) {
			t.Errorf("checkpoints(%d) = %v, want %v", trials, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	base := program(t, 8)
	for _, c := range []struct {
		name string
		to   *arch.Program
		want int
	}{
		{"itself", base, 0},
		{"another width", program(t, 64), 0},
		{"two more", program(t, 8, "x = relu(x)", "x = conv(x, 8)"), 2},
		{"three more", program(t, 8, "x = relu(x)", "x = relu(conv(x, 8))"), 3},
	} {
		if got := distance(base.Network, c.to.Network); got != c.want {
			t.Errorf("%s: distance %d, want %d", c.name, got, c.want)
		}
		if got := distance(c.to.Network, base.Network); got != c.want {
			t.Errorf("%s: distance back %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSummarise(t *testing.T) {
	of := func(values ...float64) []*float64 {
		var out []*float64
		for _, v := range values {
			if math.IsNaN(v) {
				out = append(out, nil)
			} else {
				out = append(out, &v)
			}
		}
		return out
	}
	nan := math.NaN()
	for _, c := range []struct {
		name           string
		values         []*float64
		mean           *float64
		lowest, lowEnd float64 // bounds of the interval's lower end; 0, 0 where there is none
		highEnd, most  float64 // and of its upper end
	}{
		{"nothing", of(nan, nan), nil, 0, 0, 0, 0},
		{"one", of(nan, 3), ptr(3.0), 0, 0, 0, 0},
		{"all alike", of(2, 2, nan, 2), ptr(2.0), 2, 2, 2, 2},
		{"spread", of(1, 2, 3, 4, 5), ptr(3.0), 1.4, 2.2, 3.8, 4.6},
	} {
		got := summarise(c.values)
		if diff := cmp.Diff(c.mean, got.Mean, about); diff != "" {
			t.Errorf("%s: mean (-want +got):\n%s", c.name, diff)
		}
		if c.most == 0 {
			if got.Low != nil || got.High != nil {
				t.Errorf("%s: an interval of fewer than two values: %v", c.name, got)
			}
			continue
		}
		if *got.Low < c.lowest || *got.Low > c.lowEnd || *got.High < c.highEnd || *got.High > c.most {
			t.Errorf("%s: interval [%v, %v], want its ends in [%v, %v] and [%v, %v]", c.name, *got.Low, *got.High, c.lowest, c.lowEnd, c.highEnd, c.most)
		}
		if again := summarise(c.values); *again.Low != *got.Low || *again.High != *got.High {
			t.Errorf("%s: another interval of the same values: %v, then %v", c.name, got, again)
		}
	}
}
