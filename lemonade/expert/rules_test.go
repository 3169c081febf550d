package expert

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Every rule of the default book fires where it should, with a reason that names
// the measurement, and does not fire in a calm search.
func TestDefaultRules(t *testing.T) {
	deep := newNet().conv(16).conv(32).conv(32).conv(64).pool().dense(10).done()
	hidden := newNet().conv(16).pool().dense(512).dense(10).done()
	limit := calm()
	limit.more = trial.History{
		{State: trial.Infeasible, Reason: "accuracy 41.2 % is under the limit of 45 %"},
		{State: trial.Complete, Attempts: []trial.Attempt{{State: trial.Infeasible, Reason: "model_size 1.3 MB is over the limit of 1 MB"}}},
	}
	limit.limited(trial.ModelSize, 1e6).value(trial.ModelSize, 0.6e6)
	floor := calm().limited(trial.Accuracy, 0.92)
	floor.more = trial.History{{State: trial.Infeasible, Reason: "accuracy 91.2 % is under the limit of 92 %"}, {State: trial.Infeasible, Reason: "accuracy 90.9 % is under the limit of 92 %"}}
	near := calm().limited(trial.ModelSize, 1e6).value(trial.ModelSize, 0.95e6)
	nearDense := calm().network(hidden).limited(trial.ModelSize, 1e6).value(trial.ModelSize, 0.95e6)
	small, large := &trial.Niche{Name: "small", Max: 1_000_000}, &trial.Niche{Name: "large", Min: 4_000_000}
	jumpy := calm()
	jumpy.first.Curve = []trial.Epoch{{Loss: 1.5, Accuracy: 0.5}, {Loss: 1.7, Accuracy: 0.6}, {Loss: 1.2, Accuracy: 0.7}, {Loss: 1.1, Accuracy: 0.55}}
	many := calm().network(deep).want(t, "accuracy", "latency").macs(1_000_000).then(1, 0.9, 1).macs(8_000_000).then(1, 0.9, 1).macs(4_000_000)
	compiles := calm().network(deep)
	compiles.first.Seconds = map[string]float64{trial.PhaseData: 1, trial.PhaseCompile: 90, trial.PhaseTrain: 29}
	slow := calm()
	slow.first.Curve[0].Loss = 4.0

	larger, smaller := []string{"ACL", "ADL", "AMK", "AMN"}, []string{"RCL", "RK"}
	for _, c := range []struct {
		rule   string
		scene  *scene
		codes  []string
		reason string
		always bool     // whether it fires in a calm search too
		avoid  []string // commands it is against
		niche  *trial.Niche
	}{
		{"out-of-memory", calm().failed("out-of-memory: 3.1 GB").failed("crash"), []string{"RK"},
			"1 of the last rounds ran out of memory: narrower layers need less", false, nil, nil},
		{"out-of-time", calm().network(deep).failed("timeout"), []string{"RCL"},
			"1 of the last rounds ran out of time: a network with fewer than the 4 convolutions here is done sooner", false, nil, nil},
		{"not-a-number", calm().failed("nan: in epoch 1").failed("nan"), []string{"AWI"},
			"the loss of 2 of the last rounds was not a number: other initial weights (he_normal now) may keep it finite", false, nil, nil},
		{"over-a-limit", limit, []string{"RK"},
			"2 of the last rounds broke a hard limit: model_size 1.3 MB is over the limit of 1 MB", false, larger, nil},
		{"near-a-limit", near, nil,
			"model_size of 950 kB is 95 % of the limit of 1.0 MB: a larger network would break it", false, larger, nil},
		{"make-room", near, []string{"RK"},
			"model_size of 950 kB is 95 % of the limit of 1.0 MB: narrower layers make room for other changes", false, nil, nil},
		{"make-room-in-dense-layers", nearDense, []string{"RN"},
			"model_size of 950 kB is 95 % of the limit of 1.0 MB, and 0.969 of the weights are in dense layers", false, nil, nil},
		{"near-the-accuracy-limit", calm().limited(trial.Accuracy, 0.945), nil,
			"accuracy 0.95 is hardly above the limit of 0.945: a smaller network would fall under it", false, smaller, nil},
		{"under-the-accuracy-limit", floor, nil,
			"2 of the last rounds broke a hard limit: accuracy 90.9 % is under the limit of 92 %", false, smaller, nil},
		{"below-the-niche", calm().macs(2_000_000), []string{"AMK"},
			"this round asks for a large network, above 4.0 M MACs, and this one has 2.0 M", false, nil, large},
		{"above-the-niche", calm().macs(2_000_000), []string{"RK"},
			"this round asks for a small network, up to 1.0 M MACs, and this one has 2.0 M", false, nil, small},
		{"unstable", jumpy, []string{"AWI", "ASC"},
			"training was unstable (jumps of the loss: 1, largest late fall of the accuracy: 0.15): other initial weights than he_normal or shorter ways for the gradient may calm it", false, nil, nil},
		{"latency-of-many-operations", many, []string{"RCL"},
			"latency of 2.0 ms is 4 times what 1.0 M MACs take in the median network of this search: the many operations take the time, and narrower ones are as many (4 convolutions)", false, []string{"RK"}, nil},
		{"slow-compile", compiles, []string{"RCL"},
			"compiling took 90 s, 75 % of the whole evaluation: a network with fewer than the 4 convolutions here compiles sooner", false, nil, nil},
		{"overfits", calm().accuracy(0.91, 0.73), []string{"AD"},
			"train accuracy 0.91 is 0.18 above validation accuracy 0.73: the network overfits", false, nil, nil},
		{"overfits-unregularized", calm().accuracy(0.91, 0.73).recipe(0.0005, 0.1), []string{"AR"},
			"train accuracy 0.91 is 0.18 above validation accuracy 0.73, with weight decay 0.0005 and label smoothing 0.1: the network overfits", false, nil, nil},
		{"overfits-dense", calm().accuracy(0.95, 0.7).network(hidden), []string{"RDL"},
			"train accuracy 0.95 is 0.25 above validation accuracy 0.7, and dense layers overfit first (before the last one: 1)", false, nil, nil},
		{"overfits-neurons", calm().accuracy(0.91, 0.73).network(hidden), []string{"RN"},
			"train accuracy 0.91 is 0.18 above validation accuracy 0.73, and 0.969 of the weights are in dense layers", false, nil, nil},
		{"below-target", calm().want(t, "accuracy=97%"), []string{"ACL"},
			"accuracy 0.95 is below the target of 0.97, and the network does not overfit (gap 0.04)", false, nil, nil},
		{"underfits-narrow", calm().accuracy(0.7, 0.65), []string{"AMK"},
			"train accuracy 0.7 is low and only 0.05 above validation accuracy 0.65: 32 filters at most may be too few", false, nil, nil},
		{"underfits-shallow", calm().accuracy(0.7, 0.65), []string{"ACL"},
			"train accuracy 0.7 is low and only 0.05 above validation accuracy 0.65: 2 convolutions may be too few", false, nil, nil},
		{"deep-without-skips", calm().network(deep), []string{"ASC"},
			"accuracy is 0.95 with 4 convolutions and 0 skip connections: gradients reach the first layers more easily through more of them", false, nil, nil},
		{"underfits-dense", calm().accuracy(0.7, 0.68), []string{"ADL"},
			"train accuracy 0.7 is low and only 0.02 above validation accuracy 0.68, and no dense layer stands before the last", false, nil, nil},
		{"underfits-neurons", calm().accuracy(0.7, 0.68).network(hidden), []string{"AMN"},
			"train accuracy 0.7 is low and only 0.02 above validation accuracy 0.68: 512 neurons at most may be too few", false, nil, nil},
		{"dropout-holds-back", calm().accuracy(0.7, 0.69).network(newNet().conv(16).dropout(0.3).pool().dense(10).done()), []string{"RD"},
			"train accuracy 0.7 is only 0.01 above validation accuracy 0.69: dropout (layers: 1) holds back a network that does not overfit", false, nil, nil},
		{"regularization-holds-back", calm().accuracy(0.7, 0.69), []string{"RR"},
			"train accuracy 0.7 is only 0.01 above validation accuracy 0.69: weight decay 0.001 and label smoothing 0.1 hold back a network that does not overfit", false, nil, nil},
		{"augmentation-holds-back", calm().accuracy(0.7, 0.69).augmented(8, 0.2), []string{"RR"},
			"train accuracy 0.7 is only 0.01 above validation accuracy 0.69: cutout 8, mixup 0.2 and token dropout 0 hold back a network that does not overfit", false, nil, nil},
		{"bad-start", slow, []string{"AWI"},
			"the loss of the first epoch was 1.74 times that of guessing: better initial weights than he_normal may help", false, nil, nil},
		{"at-chance", calm().accuracy(0.11, 0.1), []string{"AWI"},
			"accuracy 0.1 is hardly above guessing (0.1): the network does not begin to learn", false, nil, nil},
		{"plateau", calm().then(1, 0.5, 0.004).then(1, 0.5, 0.004).then(1, 0.5, 0.004), []string{"AWI", "ASC", "AMK"},
			"the best effectiveness has not risen for 3 trials, with accuracy 0.95 here: something else is worth a try", false, nil, nil},
		{"cost-of-width", calm().want(t, "accuracy", "inference_energy=2mJ"), []string{"RK"},
			"inference_energy of 4.0 mJ is 2 times the target of 2.0 mJ, and the widest layer has 32 filters", true, nil, nil},
		{"cost-of-depth", calm().network(deep), []string{"RCL"},
			"inference_energy of 4.0 mJ is still the first trial's 4.0 mJ, with 4 convolutions", false, nil, nil},
		{"cost-of-dense-layers", calm().network(hidden), []string{"RDL"},
			"inference_energy of 4.0 mJ is still the first trial's 4.0 mJ; dense layers before the last one: 1", false, nil, nil},
		{"cost-of-neurons", calm().network(hidden).want(t, "accuracy", "latency=1ms"), []string{"RN"},
			"latency of 2.0 ms is 2 times the target of 1.0 ms, and the widest dense layer has 512 neurons", false, nil, nil},
		{"cost-of-skips", calm().network(newNet().conv(16).skip().pool().dense(10).done()), []string{"RSC"},
			"inference_energy of 4.0 mJ is still the first trial's 4.0 mJ; skip connections keep tensors in memory and read them again: 1 here", false, nil, nil},
		{"accurate-enough", calm(), []string{"AR", "ACL", "AMK"},
			"train accuracy 0.99 leaves little to fit, and validation accuracy is 0.95: try what generalises differently", true, nil, nil},
		{"keep-moving", calm(), []string{"AMK", "ACL"}, "accuracy 0.95 leaves something to gain", true, nil, nil},
	} {
		fired := func(s *scene, niche *trial.Niche) (codes, avoid []string, reason string) {
			in := s.input(t)
			parent, _ := in.History.ByID(1)
			all, against, err := Default().fire(newSituation(newSearch(in, in.History), parent, niche))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range all {
				if f.Rule == c.rule {
					codes, reason = append(codes, f.Code), f.Reason
				}
			}
			for _, o := range against {
				if o.rule == c.rule {
					avoid, reason = append(avoid, o.code), o.reason
				}
			}
			return codes, avoid, reason
		}
		codes, avoid, reason := fired(c.scene, c.niche)
		if diff := cmp.Diff(c.codes, codes); diff != "" {
			t.Errorf("%s: commands: %s", c.rule, diff)
		}
		if diff := cmp.Diff(c.avoid, avoid); diff != "" {
			t.Errorf("%s: avoids: %s", c.rule, diff)
		}
		if reason != c.reason {
			t.Errorf("%s:\n got %s\nwant %s", c.rule, reason, c.reason)
		}
		if codes, avoid, _ := fired(calm(), nil); (codes != nil || avoid != nil) != c.always {
			t.Errorf("%s: in a calm search it gives %v, against %v", c.rule, codes, avoid)
		}
		tested[c.rule] = true
	}
	for _, r := range Default().rules {
		if !tested[r.name] {
			t.Errorf("rule %s has no test", r.name)
		}
	}
}

var tested = map[string]bool{}

// Every command of Table 3 is the advice in some search.
func TestEveryCommandIsReachable(t *testing.T) {
	hidden := newNet().conv(16).pool().dense(512).dense(10).done()
	deep := newNet().conv(16).conv(16).conv(16).conv(16).skip().pool().dense(10).done()
	dropout := newNet().conv(16).dropout(0.3).pool().dense(10).done()
	got := map[string]bool{}
	for _, s := range []*scene{
		calm(),
		calm().accuracy(0.91, 0.73),
		calm().accuracy(0.7, 0.65),
		calm().accuracy(0.7, 0.68).network(hidden),
		calm().accuracy(0.7, 0.69).network(dropout),
		calm().accuracy(0.7, 0.69).network(deep),
		calm().accuracy(0.7, 0.69).network(newNet().conv(600).pool().dense(10).done()),
		calm().accuracy(0.98, 0.7).network(hidden),
		calm().network(deep).want(t, "accuracy:low", "latency:high"),
		calm().network(newNet().conv(8).skip().pool().dense(10).done()).want(t, "latency"),
		calm().network(hidden).want(t, "latency"),
		calm().failed("nan"),
	} {
		for range 6 {
			a := advise(t, Default(), s.input(t))
			for _, c := range a.Commands {
				info, ok := lookup(c.Code)
				if !ok || info.Text != c.Text || c.Rule == "" || c.Reason == "" {
					t.Errorf("command %+v", c)
				}
				got[c.Code] = true
			}
			s.then(a.Parent, 0.05, 1, codesOf(a.Commands)...) // of no use
		}
	}
	for _, c := range Commands() {
		if !got[c.Code] {
			t.Errorf("%s (%s) was never advised", c.Code, c.Text)
		}
	}
}

func TestCommandsOpposeInPairs(t *testing.T) {
	if len(commands) != 15 {
		t.Fatalf("%d commands", len(commands))
	}
	alone := []string{}
	for _, c := range commands {
		if c.Opposite == "" {
			alone = append(alone, c.Code)
			continue
		}
		if other, ok := lookup(c.Opposite); !ok || other.Opposite != c.Code {
			t.Errorf("%s opposes %s, which opposes %s", c.Code, c.Opposite, other.Opposite)
		}
	}
	if !slices.Equal(alone, []string{"AWI"}) {
		t.Errorf("without opposite: %v", alone)
	}
}
