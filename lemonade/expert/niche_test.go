package expert

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// spread is a search with a small, a medium and a large network on the front, and
// a fourth that is dominated.
func spread() *scene {
	s := calm().macs(1_000_000).accuracy(0.9, 0.8).value(trial.InferenceEnergy, 0.004)
	s.then(1, 0.7, 0.001).macs(300_000)
	s.then(1, 0.9, 0.016).macs(4_000_000)
	return s.then(1, 0.6, 0.010).macs(1_200_000)
}

func TestNicheEdges(t *testing.T) {
	for name, c := range map[string]struct {
		scene *scene
		want  []trial.Niche
	}{
		"first trial": {spread(), []trial.Niche{{Name: "small", Max: 500_000}, {Name: "medium", Min: 500_000, Max: 2_000_000}, {Name: "large", Min: 2_000_000}}},
		"hard limit":  {spread().limited(trial.MACs, 9e6), []trial.Niche{{Name: "small", Max: 1_000_000}, {Name: "medium", Min: 1_000_000, Max: 3_000_000}, {Name: "large", Min: 3_000_000, Max: 9_000_000}}},
		"no MACs":     {calm(), nil},
		"limit of 5":  {spread().limited(trial.MACs, 5), nil},
	} {
		in := c.scene.input(t)
		if diff := cmp.Diff(c.want, niches(in.Objective, in.History.Complete())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNicheSides(t *testing.T) {
	medium, large := trial.Niche{Min: 500, Max: 2000}, trial.Niche{Min: 2000}
	for _, c := range []struct {
		niche    trial.Niche
		macs     int64
		side     string
		distance float64
	}{
		{trial.Niche{Max: 500}, 1, insideNiche, 0},
		{trial.Niche{Max: 500}, 500, insideNiche, 0},
		{medium, 501, insideNiche, 0},
		{medium, 500, belowNiche, math.Log(501.0 / 500)},
		{medium, 4000, aboveNiche, math.Log(2)},
		{large, 1e9, insideNiche, 0},
		{large, 200, belowNiche, math.Log(2001.0 / 200)},
	} {
		if got := side(c.niche, c.macs); got != c.side {
			t.Errorf("%+v, %d MACs: %s, want %s", c.niche, c.macs, got, c.side)
		}
		if got := distance(c.niche, c.macs); math.Abs(got-c.distance) > 1e-12 {
			t.Errorf("%+v, %d MACs: distance %g, want %g", c.niche, c.macs, got, c.distance)
		}
	}
}

// Odd rounds take turns over the niches, from the third complete trial on.
func TestNicheRotation(t *testing.T) {
	few := spread()
	few.more = few.more[:1]
	for name, c := range map[string]struct {
		scene *scene
		set   func(*Input)
		want  []string // of the rounds 5 to 10
	}{
		"all":                {spread(), nil, []string{"large", "", "small", "", "medium", ""}},
		"off":                {spread(), func(in *Input) { in.NoNiches = true }, []string{"", "", "", "", "", ""}},
		"two complete":       {few, nil, []string{"", "", "", "", "", ""}},
		"accurate enough":    {spread().want(t, "accuracy=85%", "inference_energy"), nil, []string{"small", "", "medium", "", "small", ""}},
		"no cost is wanted":  {spread().want(t, "accuracy"), nil, []string{"medium", "", "large", "", "medium", ""}},
		"size of the limit":  {spread().limited(trial.ModelSize, 1.1e6), nil, []string{"small", "", "medium", "", "small", ""}},
		"limit is far":       {spread().limited(trial.ModelSize, 1.3e6), nil, []string{"large", "", "small", "", "medium", ""}},
		"least throughput":   {spread().limited(trial.Throughput, 600).value(trial.Throughput, 1000), nil, []string{"small", "", "medium", "", "small", ""}},
		"accuracy limit":     {spread().limited(trial.Accuracy, 0.5), nil, []string{"large", "", "small", "", "medium", ""}},
		"MACs not known":     {calm().then(1, 0.9, 1).then(1, 0.9, 1), nil, []string{"", "", "", "", "", ""}},
		"everything reached": {spread().want(t, "accuracy=85%").limited(trial.ModelSize, 250e3), nil, []string{"", "", "", "", "", ""}},
	} {
		in := c.scene.input(t)
		if c.set != nil {
			c.set(&in)
		}
		var got []string
		for in.Trial = 5; in.Trial <= 10; in.Trial++ {
			name := ""
			if n := advise(t, Default(), in).Niche; n != nil {
				name = n.Name
			}
			got = append(got, name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The parent is inside the niche, and of those the one that was changed least, or
// the nearest; the round brings it nearer.
func TestParentOfANiche(t *testing.T) {
	near := spread()
	near.more[1].Costs.MACs = 1_900_000 // trial 3: none is large now
	crowded := spread().then(2, 0.75, 0.002).macs(400_000).then(2, 0.745, 0.0011).macs(310_000)
	useless := spread().then(1, 0.39, 1e-6).macs(1_000)
	for name, c := range map[string]struct {
		scene  *scene
		round  int
		parent int
		focus  string
		first  string // rule of the first command, "" for any
	}{
		"large":              {spread(), 5, 3, "", ""},
		"small":              {spread(), 7, 2, "", ""},
		"medium":             {spread(), 9, 1, "", ""},
		"below the large":    {near, 5, 3, "accuracy", "below-the-niche"},
		"seldom changed":     {crowded, 7, 6, "", ""}, // as seldom as 5, and more effective
		"nearest is no use":  {useless, 7, 2, "", ""},
		"above the small":    {spread().limited(trial.MACs, 900_000), 7, 2, "cost", "above-the-niche"},
		"even rounds: best":  {spread(), 6, 2, "", ""},
		"dominated is never": {spread(), 9, 1, "", ""},
	} {
		in := c.scene.input(t)
		in.Trial = c.round
		a := advise(t, Default(), in)
		if a.Parent != c.parent || (c.focus != "" && a.Focus != c.focus) {
			t.Errorf("%s: parent %d, focus %s; want %d, %s", name, a.Parent, a.Focus, c.parent, c.focus)
		}
		if c.first != "" && (len(a.Commands) == 0 || a.Commands[0].Rule != c.first) {
			t.Errorf("%s: commands %+v, want rule %s first", name, a.Commands, c.first)
		}
	}
}

// A made-up landscape: accuracy saturates with the MACs, energy grows with them.
func landscape(macs int64) (accuracy, joules float64) {
	return 0.9 - 0.6*math.Exp(-math.Log10(float64(macs)/1e4)), 1e-4 + 1e-9*float64(macs)
}

// growth is what a command does to the MACs in the landscape.
var growth = map[string]float64{"AMK": 1.6, "RK": 1 / 1.6, "ACL": 1.4, "RCL": 1 / 1.4, "ADL": 1.1, "RDL": 1 / 1.1}

func simulate(t *testing.T, rounds int, set func(*Input)) (trial.History, []Advice) {
	first := calm().macs(1_000_000).network(newNet().conv(16).conv(32).conv(64).pool().dense(10).done())
	accuracy, joules := landscape(1_000_000)
	first.accuracy(accuracy+0.05, accuracy).value(trial.InferenceEnergy, joules)
	in := first.input(t)
	in.Objective.Fix(objective.MetricsOf(in.History[0]))
	if set != nil {
		set(&in)
	}
	var advices []Advice
	for in.Trial = 2; in.Trial <= rounds; in.Trial++ {
		a := advise(t, Default(), in)
		advices = append(advices, a)
		parent, _ := in.History.ByID(a.Parent)
		macs := float64(parent.Costs.MACs)
		for _, c := range a.Commands {
			if f, ok := growth[c.Code]; ok {
				macs *= f
			}
		}
		next := parent
		next.ID, next.Parent, next.Commands = in.Trial, a.Parent, a.Commands
		next.Costs.MACs = int64(macs) + int64(in.Trial) // no two are the same
		accuracy, joules := landscape(next.Costs.MACs)
		next.Metrics = trial.Metrics{trial.Accuracy: {Value: accuracy}, trial.TrainAccuracy: {Value: accuracy + 0.05}, trial.InferenceEnergy: {Value: joules, Unit: "J"}}
		in.History = append(in.History, next)
	}
	return in.History, advices
}

// Sixteen rounds reach along the front, and the parents come from all over it.
func TestASearchSpreadsOverTheFront(t *testing.T) {
	history, advices := simulate(t, 16, nil)
	if again, _ := simulate(t, 16, nil); cmp.Diff(history, again) != "" {
		t.Error("another search came of the same history")
	}
	parents := map[string]map[int]bool{"": {}, "small": {}, "medium": {}, "large": {}}
	all := map[int]bool{}
	for _, a := range advices {
		name := ""
		if a.Niche != nil {
			name = a.Niche.Name
		}
		parents[name][a.Parent], all[a.Parent] = true, true
	}
	for name, of := range parents {
		if len(of) == 0 {
			t.Errorf("no round asked for %q", name)
		}
	}
	if len(all) < 6 {
		t.Errorf("the parents of 16 rounds are only %v", all)
	}
	least, most := history[0].Costs.MACs, history[0].Costs.MACs
	for _, tr := range history {
		least, most = min(least, tr.Costs.MACs), max(most, tr.Costs.MACs)
	}
	if least > 500_000 || most < 2_000_000 {
		t.Errorf("the search reached from %d to %d MACs, not into every niche", least, most)
	}
}

// With a fixed recipe no round is spent on regularization.
func TestFixedRecipe(t *testing.T) {
	b := book(t, `
rules:
  - {name: more, aim: accuracy, priority: 9, when: weight_decay > 0.5, do: [AR, AD, RR], because: "{weight_decay}"}
`)
	in := calm().want(t, "accuracy").input(t)
	in.Recipe = &arch.Recipe{WeightDecay: 0.75}
	a := advise(t, b, in)
	if diff := cmp.Diff([]string{"AD"}, codesOf(a.Commands)); diff != "" {
		t.Error(diff)
	}
	why := "it changes only how a network is trained, and here every network is trained in the same way"
	if diff := cmp.Diff(map[string]string{"AR": why, "RR": why}, droppedOf(a)); diff != "" {
		t.Error(diff)
	}
	_, advices := simulate(t, 12, func(in *Input) { in.Recipe = &arch.Recipe{Optimizer: "sgd"} })
	for _, a := range advices {
		if slices.ContainsFunc(a.Commands, func(c trial.Command) bool { return c.Code == "AR" || c.Code == "RR" }) {
			t.Errorf("commands %v", codesOf(a.Commands))
		}
	}
}

// A parent on which every command failed twice is passed over, also as the best.
func TestDeadEndParent(t *testing.T) {
	b := book(t, `
rules:
  - {name: only, aim: accuracy, when: accuracy > 0, do: [ACL], because: a}
`)
	s := calm().want(t, "accuracy").then(0, 0.9, 1)
	s.more = append(s.more,
		trial.Trial{State: trial.Duplicate, Parent: 1, Commands: []trial.Command{{Code: "ACL"}}},
		trial.Trial{State: trial.Failed, Reason: "crash: the worker was killed", Parent: 1, Commands: []trial.Command{{Code: "ACL"}}})
	in := s.input(t)
	for in.Trial = 6; in.Trial <= 7; in.Trial++ {
		if a := advise(t, b, in); a.Parent != 2 {
			t.Errorf("round %d: parent %d, want 2, as trial 1 is a dead end", in.Trial, a.Parent)
		}
	}
	parent, _ := in.History.ByID(1)
	_, _, stale := newSituation(newSearch(in, in.History), parent, nil).experience("ACL")
	if want := "the last two uses of ACL on trial 1 did not help: trial 3 gave only known networks, trial 4 failed (crash)"; stale != want {
		t.Errorf("got  %s\nwant %s", stale, want)
	}
	// An interruption says nothing about the network.
	in.History[3].Reason = trial.Interrupted
	in.Trial = 6
	if a := advise(t, b, in); a.Parent != 1 {
		t.Errorf("parent %d, want 1", a.Parent)
	}
	// Where all are dead ends, the best is as good as any.
	in.History[3].Reason = trial.NaN
	for _, id := range []int{5, 6} {
		in.History = append(in.History, trial.Trial{ID: id, State: trial.Infeasible, Parent: 2, Commands: []trial.Command{{Code: "ACL"}}})
	}
	in.Trial = 8
	if a := advise(t, b, in); a.Parent != 1 || fmt.Sprint(codesOf(a.Commands)) != "[ACL]" {
		t.Errorf("parent %d, commands %v", a.Parent, codesOf(a.Commands))
	}
}

// A rule may be against commands; a stronger one may ask for them all the same.
func TestAvoid(t *testing.T) {
	for _, c := range []struct {
		against string // aim and priority
		want    []string
	}{
		{"training, priority: 1", []string{"RD"}},
		{"accuracy, priority: 5", []string{"RD"}},
		{"accuracy, priority: 4", []string{"AMK", "RD"}},
		{"cost, priority: 9", []string{"AMK", "RD"}},
	} {
		b := book(t, `
rules:
  - {name: wider, aim: accuracy, priority: 5, when: "True", do: [AMK], because: a}
  - {name: freer, aim: accuracy, priority: 1, when: "True", do: RD, because: a}
  - {name: full, aim: `+c.against+`, when: accuracy > 0.5, avoid: [AMK, ACL], because: "no room at {accuracy}"}
`)
		a := advise(t, b, calm().want(t, "accuracy").input(t))
		if diff := cmp.Diff(c.want, codesOf(a.Commands)); diff != "" {
			t.Errorf("%s: %s", c.against, diff)
		}
		if len(c.want) == 1 && droppedOf(a)["AMK"] != "rule full is against it: no room at 0.95" {
			t.Errorf("%s: dropped %v", c.against, droppedOf(a))
		}
	}
}
