package propose

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// fenced is a study of the cells of NAS-Bench-201, one a stage, with measurements as real ones hang on
// a network: more work pays ever less, and pools lose detail.
func fenced(t *testing.T, seed int64) *study {
	return &study{t: t, task: cifar, template: strings.Replace(arch.NASBench201, "range(5)", "range(1)", 1), objective: balanced(t), seed: seed}
}

func (s *study) measureCell(h *trial.Trial) {
	taken := h.Program.Taken()
	pools := 0.0
	for _, v := range taken {
		if v == `"avg_pool"` {
			pools++
		}
	}
	macs := float64(h.Costs.MACs) / 1e6
	e := min(0.9, 0.4*math.Pow(macs, -0.35)+0.03*pools)
	if taken["edge3"] == `"skip"` {
		e *= 0.8
	}
	h.Metrics[trial.Accuracy] = trial.Measurement{Value: 1 - e}
	h.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: 1e-5 * (3 + macs), Unit: "J"}
	s.objective.Fix(h.Metrics)
}

// search plays rounds and returns the hypervolume.
func (s *study) search(rounds int, noLearning bool) float64 {
	for range rounds {
		r := s.request()
		r.NoLearning = noLearning
		if _, err := s.ask(context.Background(), rulebook{}, r); err != nil {
			s.t.Fatal(err)
		}
		s.measureCell(&s.history[len(s.history)-1])
	}
	return s.objective.Hypervolume(s.history)
}

// TestRulebookLearns: with what it measured the rule book finds a better front of a
// template than with what it knows before.
func TestRulebookLearns(t *testing.T) {
	var learned, known float64
	for seed := range int64(1) {
		a, b := fenced(t, seed), fenced(t, seed)
		learned += a.search(26, false)
		known += b.search(26, true)
		for i := range designed { // the first rounds are the same
			if a.history[i].Hash != b.history[i].Hash {
				t.Errorf("seed %d: round %d differs", seed, i+1)
			}
		}
		for _, s := range []*study{a, b} {
			seen := map[string]bool{}
			for _, h := range s.history {
				if seen[h.Hash] {
					t.Errorf("seed %d: trial %d is a network that was tried", seed, h.ID)
				}
				seen[h.Hash] = true
				if !forecast.Describe(h.Program, h.Hash).Learns() {
					t.Errorf("seed %d: trial %d cannot learn: %v", seed, h.ID, h.Program.Taken())
				}
			}
		}
		notes := 0
		for _, h := range a.history {
			if strings.Contains(h.Attempts[0].Reason, "expected to enlarge the front the most: accuracy ") {
				notes++
			}
		}
		if notes < 12 {
			t.Errorf("seed %d: %d of 26 rounds tell of a forecast", seed, notes)
		}
	}
	t.Logf("hypervolume %.4f with learning, %.4f without", learned, known)
	if learned <= known+0.001 {
		t.Errorf("hypervolume %.4f with learning, %.4f without", learned, known)
	}
}

// TestRulebookRemembersOnlyToBeQuick: what was parsed before changes no proposal.
func TestRulebookRemembersOnlyToBeQuick(t *testing.T) {
	s := fenced(t, 3)
	s.search(9, false)
	first, err := rulebook{}.Propose(context.Background(), s.request())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Lock()
	clear(parsed.samples)
	parsed.Unlock()
	again, err := rulebook{}.Propose(context.Background(), s.request())
	if d := cmp.Diff(first, again); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
}

func TestPlainest(t *testing.T) {
	r := fenced(t, 1).request()
	space, err := r.space()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ taken, want []string }{
		// What leads to node 1 leads on to nowhere.
		{[]string{"conv3x3", "none", "none", "conv1x1", "none", "none"}, []string{"none", "none", "none", "conv1x1", "none", "none"}},
		{[]string{"none", "none", "conv3x3", "skip", "avg_pool", "conv1x1"}, []string{"none", "none", "none", "skip", "none", "none"}},
		{[]string{"conv3x3", "none", "none", "skip", "conv3x3", "none"}, []string{"conv3x3", "none", "none", "skip", "conv3x3", "none"}},
	} {
		taken, want := map[string]string{}, map[string]string{}
		for i := range tt.taken {
			name := space.start.Choices[i].Name
			taken[name], want[name] = `"`+tt.taken[i]+`"`, `"`+tt.want[i]+`"`
		}
		k, ok := space.look(taken)
		if !ok {
			t.Fatalf("%v does not run", taken)
		}
		if d := cmp.Diff(want, space.plainest(k).taken); d != "" {
			t.Errorf("%v: %s", tt.taken, d)
		}
	}
}

func TestLevels(t *testing.T) {
	var got []float64
	for k := 1; k <= 8; k++ {
		got = append(got, levelOf(k))
	}
	if d := cmp.Diff([]float64{0, 1, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375}, got); d != "" {
		t.Error(d)
	}
}

// TestRulebookChoosesAmongEdits: of a free program, the commands are carried out in
// several ways once there is a forecast, and in the first way without.
func TestRulebookChoosesAmongEdits(t *testing.T) {
	s := &study{t: t, task: cifar, objective: balanced(t), seed: 1}
	play(t, s, rulebook{}, 8)
	r := s.request("AMK")
	learned, err := rulebook{}.Propose(context.Background(), r)
	if err != nil || !strings.Contains(learned.Note, "carried out AMK, in the one of ") {
		t.Errorf("%q, %v", learned.Note, err)
	}
	if again, _ := (rulebook{}).Propose(context.Background(), r); again.Source != learned.Source {
		t.Error("the same request is answered otherwise")
	}
	r.NoLearning = true
	if plain, err := (rulebook{}).Propose(context.Background(), r); err != nil || plain.Note != "carried out AMK" {
		t.Errorf("without learning: %q, %v", plain.Note, err)
	}
}

func BenchmarkProposeCell(b *testing.B) {
	s := &study{t: b, task: cifar, template: arch.NASBench201, objective: balanced(b), seed: 1}
	s.search(60, false)
	for b.Loop() {
		if _, err := (rulebook{}).Propose(context.Background(), s.request()); err != nil {
			b.Fatal(err)
		}
	}
}
