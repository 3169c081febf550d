package expert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestNoAdviceBeforeTheFirstCompleteTrial(t *testing.T) {
	in := calm().input(t)
	in.History = nil
	if diff := cmp.Diff(Advice{}, advise(t, Default(), in)); diff != "" {
		t.Error(diff)
	}
	in.History = trial.History{{ID: 1, State: trial.Failed, Reason: "nan"}, {ID: 2, State: trial.Running}}
	in.Trial = 3
	if diff := cmp.Diff(Advice{}, advise(t, Default(), in)); diff != "" {
		t.Error(diff)
	}
}

// Two rules that want opposite things, one for accuracy and one for cost.
const opposed = `
commands: 3
rules:
  - {name: wider, aim: accuracy, when: accuracy < 1, do: [AMK, ACL], because: "accuracy {accuracy}"}
  - {name: narrower, aim: cost, when: cost_over >= 1, do: [RK, RSC], because: "{cost} {cost_value}"}
`

func TestConflictsGoByWhatIsWanted(t *testing.T) {
	b := book(t, opposed)
	for _, c := range []struct {
		wants    []string
		focus    string
		commands []string
		dropped  map[string]string
	}{
		{[]string{"accuracy=99%", "inference_energy=1J:high"}, "accuracy", []string{"AMK", "ACL"}, map[string]string{}},
		{[]string{"accuracy=90%:high", "inference_energy=1mJ:low"}, "cost", []string{"RK", "RSC"}, map[string]string{
			"AMK": "it undoes RK (rule narrower), which serves this round's focus, cost",
			"ACL": "this round works on cost, and this command would serve accuracy",
		}},
		{[]string{"accuracy:high", "inference_energy:low"}, "accuracy", []string{"AMK", "ACL"}, map[string]string{
			"RK":  "it undoes AMK (rule wider), which serves this round's focus, accuracy",
			"RSC": "this round works on accuracy, and this command would serve cost",
		}},
	} {
		a := advise(t, b, calm().want(t, c.wants...).input(t))
		if a.Focus != c.focus {
			t.Errorf("%v: focus %s, want %s", c.wants, a.Focus, c.focus)
		}
		if diff := cmp.Diff(c.commands, codesOf(a.Commands)); diff != "" {
			t.Errorf("%v: %s", c.wants, diff)
		}
		if diff := cmp.Diff(c.dropped, droppedOf(a)); diff != "" {
			t.Errorf("%v: %s", c.wants, diff)
		}
	}
}

func droppedOf(a Advice) map[string]string {
	out := map[string]string{}
	for _, d := range a.Dropped {
		out[d.Command.Code] = d.Reason
	}
	return out
}

func TestConflictsWithinAnAimGoByPriority(t *testing.T) {
	b := book(t, `
commands: 2
rules:
  - {name: more, aim: accuracy, priority: 3, when: "True", do: [AD], because: a}
  - {name: less, aim: accuracy, priority: 7, when: "True", do: [RD], because: b}
  - {name: late, aim: accuracy, priority: 2, when: "True", do: [ACL, ASC], because: c}
  - {name: same, aim: accuracy, priority: 1, when: "True", do: [RD], because: d}
`)
	a := advise(t, b, calm().want(t, "accuracy").input(t))
	if diff := cmp.Diff([]string{"RD", "ACL"}, codesOf(a.Commands)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{
		"AD":  "it undoes RD (rule less), which has the higher priority (7, not 3)",
		"ASC": "a round has at most 2 commands, and others come first",
	}, droppedOf(a)); diff != "" {
		t.Error(diff)
	}
	if a.Commands[0].Rule != "less" {
		t.Errorf("the weaker rule %s speaks for RD", a.Commands[0].Rule)
	}
}

// What decides between two opposed commands of one aim and priority.
func TestConflictsAreExplained(t *testing.T) {
	b := book(t, `
commands: 1
rules:
  - {name: more, aim: accuracy, when: "True", do: [AD], because: a}
  - {name: less, aim: accuracy, when: "True", do: [RD], because: b}
`)
	base := func() *scene { return calm().want(t, "accuracy") }
	for name, c := range map[string]struct {
		scene   *scene
		dropped map[string]string
	}{
		"order": {base(), map[string]string{"RD": "it undoes AD (rule more), which stands first in the rule book"}},
		"search": {base().then(9, 0.9, 1, "AD"), map[string]string{
			"AD": "it undoes RD (rule less), which was used less often in this search (0 times, not 1)"}},
		"parent": {base().then(1, 0.9, 1, "AD"), map[string]string{
			"AD": "it undoes RD (rule less), which was tried less often on this parent (0 times, not 1)"}},
		"failed": {base().then(1, 0.9, 1, "AD").failed("nan"), map[string]string{
			"AD": "it undoes RD (rule less), which comes first: the last two uses of AD on trial 1 did not help: trial 2 was no better, trial 3 failed (nan)"}},
	} {
		if name == "failed" {
			c.scene.more[1].Commands = []trial.Command{{Code: "AD"}}
		}
		in := c.scene.input(t)
		in.Trial += in.Trial % 2 // an even round: the best trial is the parent
		if diff := cmp.Diff(c.dropped, droppedOf(advise(t, b, in))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTrainingComesFirst(t *testing.T) {
	a := advise(t, Default(), calm().accuracy(0.7, 0.65).want(t, "accuracy").failed("out-of-memory: 3 GB").input(t))
	if len(a.Commands) == 0 || a.Commands[0].Code != "RK" || a.Commands[0].Rule != "out-of-memory" {
		t.Fatalf("commands %+v", a.Commands)
	}
	if why := droppedOf(a)["AMK"]; why != "it undoes RK (rule out-of-memory), which comes first: a network has to train at all, and within the limits" {
		t.Errorf("AMK was dropped because %q", why)
	}
}

// A command that did not help twice on the same parent goes last.
func TestRepeatedFailureGoesLast(t *testing.T) {
	b := book(t, `
commands: 1
rules:
  - {name: deeper, aim: accuracy, priority: 9, when: "True", do: [ACL], because: a}
  - {name: wider, aim: accuracy, priority: 1, when: "True", do: [AMK], because: b}
`)
	base := func() *scene { return calm().want(t, "accuracy") }
	for name, c := range map[string]struct {
		scene *scene
		want  string
	}{
		"untried":        {base(), "ACL"},
		"failed once":    {base().then(1, 0.9, 1, "ACL"), "ACL"},
		"failed twice":   {base().then(1, 0.9, 1, "ACL").then(1, 0.91, 1, "ACL"), "AMK"},
		"helped lately":  {base().then(1, 0.9, 1, "ACL").then(1, 0.951, 1, "ACL").then(2, 0.97, 1, "ASC"), "ACL"},
		"other parent":   {base().then(3, 0.9, 1, "ACL").then(3, 0.91, 1, "ACL"), "ACL"},
		"other commands": {base().then(1, 0.9, 1, "ASC").then(1, 0.91, 1, "ASC"), "ACL"},
	} {
		in := c.scene.input(t)
		in.Trial += in.Trial % 2 // an even round: the best trial is the parent
		if name == "helped lately" {
			parent, _ := in.History.ByID(1)
			if _, _, stale := newSituation(newSearch(in, in.History), parent, nil).experience("ACL"); stale != "" {
				t.Errorf("%s: %s", name, stale)
			}
			continue
		}
		a := advise(t, b, in)
		if a.Parent != 1 || len(a.Commands) != 1 || a.Commands[0].Code != c.want {
			t.Errorf("%s: parent %d, commands %v, want %s", name, a.Parent, codesOf(a.Commands), c.want)
		}
		if name == "failed twice" {
			if why := droppedOf(a)["ACL"]; why != "others come first: the last two uses of ACL on trial 1 did not help: trial 2 was no better, trial 3 was no better" {
				t.Errorf("ACL was dropped because %q", why)
			}
		}
	}
}

func TestParent(t *testing.T) {
	s := calm().
		then(1, 0.97, 0.020). // 2: on the front
		then(1, 0.90, 0.001). // 3: on the front, and the best effectiveness
		then(1, 0.80, 0.010). // 4: dominated
		then(3, 0.20, 1e-6)   // 5: on the front for costing nothing
	in := s.input(t)
	got := map[int]int{}
	for round := 6; round <= 9; round++ {
		in.Trial = round
		got[round] = advise(t, Default(), in).Parent
	}
	best, _ := in.Objective.Best(in.History)
	// Trial 1 was changed three times, 3 once, 2 never: the odd rounds go there.
	if diff := cmp.Diff(map[int]int{6: best, 7: 2, 8: best, 9: 2}, got); diff != "" {
		t.Error(diff)
	}
	// Without any energy there is neither score nor front: accuracy decides.
	for i := range in.History {
		delete(in.History[i].Metrics, trial.InferenceEnergy)
	}
	for round := 6; round <= 7; round++ {
		in.Trial = round
		if p := advise(t, Default(), in).Parent; p != 2 {
			t.Errorf("round %d: parent %d, want the most accurate, 2", round, p)
		}
	}
}

// The learning curve stands in for a train accuracy that was not measured.
func TestTrainAccuracyFromTheCurve(t *testing.T) {
	s := calm().accuracy(0, 0.6)
	delete(s.first.Metrics, trial.TrainAccuracy)
	s.first.Curve[1].TrainAccuracy = 0.9
	in := s.input(t)
	if got := variableByName["gap"].value(newSituation(newSearch(in, in.History), in.History[0], nil)); fmt.Sprintf("%.3f", got) != "0.300" {
		t.Errorf("gap %v", got)
	}
	if _, written := in.History[0].Metrics[trial.TrainAccuracy]; written {
		t.Error("the history was changed")
	}
}

// Neither unfinished rounds nor later ones are seen.
func TestOnlyFinishedEarlierRoundsCount(t *testing.T) {
	in := calm().then(1, 0.99, 0.001).input(t)
	in.History[1].State = trial.Running
	if a := advise(t, Default(), in); a.Parent != 1 {
		t.Errorf("parent %d is still running", a.Parent)
	}
	in.History[1].State = trial.Complete
	in.Trial = 2
	if a := advise(t, Default(), in); a.Parent != 1 {
		t.Errorf("parent %d comes after the round", a.Parent)
	}
}

// A rule that names something unknown does not fire, in condition or reason.
func TestUnknownValuesFireNothing(t *testing.T) {
	b := book(t, `
rules:
  - {name: a, aim: accuracy, when: accuracy_target > 0 or True, do: [ACL], because: x}
  - {name: b, aim: accuracy, when: "True", do: [AMK], because: "{peak_memory}"}
  - {name: c, aim: accuracy, when: convs >= 0, do: [ASC], because: "{convs}"}
  - {name: d, aim: accuracy, when: "True", do: [AD], because: x}
`)
	in := calm().input(t)
	in.History[0].Program = nil
	if diff := cmp.Diff([]string{"AD"}, codesOf(advise(t, b, in).Commands)); diff != "" {
		t.Error(diff)
	}
}

func TestConditionThatFailsNamesItsRule(t *testing.T) {
	b := book(t, `
rules:
  - {name: ratio, aim: accuracy, when: 1 / dropouts > 2, do: [ACL], because: x}
`)
	_, err := b.Advise(calm().input(t))
	if err == nil || !strings.Contains(err.Error(), `rule "ratio": when 1 / dropouts > 2: `) || !strings.Contains(err.Error(), "division by zero") {
		t.Errorf("error %v", err)
	}
}

// The same history gives the same advice, and over the rounds of a search that
// stands still the advice varies and works on both kinds of wants.
func TestAdviceIsDeterministicAndVaried(t *testing.T) {
	s := calm().accuracy(0.8, 0.75).network(newNet().conv(16).conv(32).conv(64).pool().dense(10).done())
	advices := map[string]bool{}
	focus := map[string]int{}
	for range 16 {
		in := s.input(t)
		a := advise(t, Default(), in)
		if diff := cmp.Diff(a, advise(t, Default(), in)); diff != "" {
			t.Fatal(diff)
		}
		codes := codesOf(a.Commands)
		if len(codes) == 0 || len(codes) > 2 {
			t.Fatalf("round %d: commands %v", in.Trial, codes)
		}
		advices[fmt.Sprint(codes)] = true
		focus[a.Focus]++
		s.then(a.Parent, 0.74, 0.0041, codes...) // a little worse each time
	}
	if len(advices) < 6 {
		t.Errorf("16 rounds gave only %d different advices: %v", len(advices), advices)
	}
	if focus[aimAccuracy] < 6 || focus[aimCost] < 4 {
		t.Errorf("rounds by focus: %v", focus)
	}
}

// A search whose every training was stopped at a limit makes the smallest of its
// networks smaller, rather than beginning anew.
func TestAdviseOverALimit(t *testing.T) {
	stopped := func(id int, macs int64, energy float64) trial.Trial {
		x := calm().first
		x.ID, x.State, x.Metrics, x.Curve = id, trial.Infeasible, trial.Metrics{trial.TrainingEnergy: {Value: energy / 10, Unit: "kWh"}}, nil
		x.Costs.MACs, x.Forecast = macs, &trial.Forecast{Energy: energy, Seconds: 60}
		x.Reason = "training_energy: 4 mWh forecast after epoch 1 of 10 break the limit of 1 mWh"
		return x
	}
	o, err := objective.New(nil, map[trial.Metric]float64{trial.TrainingEnergy: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Trial: 3, Objective: o, History: trial.History{stopped(1, 2000, 4e-6), stopped(2, 1000, 3e-6)}}
	got, err := Default().Advise(in)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, c := range got.Commands {
		codes = append(codes, c.Code)
	}
	if got.Parent != 2 || !slices.Contains(codes, "RK") || slices.Contains(codes, "AMK") || slices.Contains(codes, "ACL") {
		t.Errorf("parent %d, commands %v; want fewer kernels on trial 2", got.Parent, codes)
	}
	in.History[0].Program, in.History[1].Program = nil, nil
	if got, err := Default().Advise(in); err != nil || got.Parent != 0 || len(got.Commands) > 0 {
		t.Errorf("where nothing was trained: %+v, %v", got, err)
	}
}

// The rules see the layers of a text as those of an image.
func TestFeaturesOfATextNetwork(t *testing.T) {
	p, err := arch.Parse(`
def network(x, classes):
    mask = token_mask(x)
    x = embedding(x, 24)
    x = relu(layer_norm(conv1d(x, 16, kernel = 5)))
    h = lstm(x, 8, direction = "both", mask = mask)
    x = dropout(h + x, 0.2)
    x = concat([global_avg_pool(x, mask), gru(x, 40, sequences = False, mask = mask)])
    return dense(relu(dense(x, 12)), classes)
`, arch.Tokens{Length: 50, Vocabulary: 100}, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := examine(p.Network)
	recurrent, dense := 2*(16*32+8*32+32)+(16*120+40*120+120+40), 56*12+12*3
	conv := 5*24*16 + recurrent
	want := features{
		convs: 3, recurrent: 2, denses: 2, hidden: 1, dropouts: 1, skips: 1, norms: 1, filters: 40, units: 12, dropoutRate: 0.2,
		denseShare: float64(dense) / float64(dense+conv), initializers: got.initializers, depth: got.depth,
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(features{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	slices.Sort(got.initializers)
	if !slices.Equal(got.initializers, []string{"glorot_uniform", "he_normal", "normal"}) {
		t.Errorf("initializers %v", got.initializers)
	}
	if examine(newNet().conv(8).done()).convKind() != "convolutions" || got.convKind() == "convolutions" {
		t.Errorf("the layers are called %q", got.convKind())
	}
}
