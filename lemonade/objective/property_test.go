package objective

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const rounds = 300

// random returns an objective over some metrics, and a generator of
// measurements of them.
func random(t *testing.T, rng *rand.Rand) (Objective, func() trial.Metrics) {
	t.Helper()
	var names []trial.Metric
	for _, info := range trial.MetricInfos {
		if info.Metric != trial.TestAccuracy {
			names = append(names, info.Metric)
		}
	}
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+rng.IntN(6)]
	var wants []Want
	for _, m := range names {
		wants = append(wants, Want{Metric: m, Priority: Priority(1 + rng.IntN(3))})
	}
	return mustNew(t, wants, nil), func() trial.Metrics {
		m := trial.Metrics{}
		for _, name := range names {
			m[name] = trial.Measurement{Value: sample(rng, name)}
		}
		return m
	}
}

// sample draws a value over several orders of magnitude.
func sample(rng *rand.Rand, m trial.Metric) float64 {
	if fraction(m) {
		return rng.Float64()
	}
	return math.Exp(rng.NormFloat64() * 3)
}

func TestWeightsSumToOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range rounds {
		o, _ := random(t, rng)
		sum := 0.0
		for _, w := range o.Weights() {
			if w <= 0 {
				t.Fatalf("weight %v of %v", w, o.Wants)
			}
			sum += w
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("the weights of %v sum to %v", o.Wants, sum)
		}
	}
}

func TestScoreIsMonotoneAndBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range rounds {
		o, draw := random(t, rng)
		o.Fix(draw())
		m := draw()
		before, ok := o.Score(m)
		if !ok || before < 0 || before > 1 {
			t.Fatalf("score %v (%v)", before, ok)
		}
		name := o.Wants[rng.IntN(len(o.Wants))].Metric
		improved := m[name]
		info, _ := name.Info()
		switch {
		case fraction(name):
			improved.Value += (1 - improved.Value) * (0.01 + rng.Float64()/2)
		case info.Higher:
			improved.Value *= 1.01 + rng.Float64()
		default:
			improved.Value /= 1.01 + rng.Float64()
		}
		m[name] = improved
		if after, ok := o.Score(m); !ok || after <= before {
			t.Fatalf("%s improved to %v, the score went from %v to %v", name, improved.Value, before, after)
		}
	}
}

// With measured anchors, a change of a metric's unit changes no score, no front
// and no hypervolume. Fractions have no unit to change.
func TestScaleFree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range rounds {
		o, draw := random(t, rng)
		scaled := o
		name := o.Wants[rng.IntN(len(o.Wants))].Metric
		factor := math.Exp(rng.NormFloat64() * 4)
		if fraction(name) {
			factor = 1
		}
		var h, hScaled trial.History
		for id := range 12 {
			m := draw()
			other := trial.Metrics{}
			for k, v := range m {
				if k == name {
					v.Value *= factor
				}
				other[k] = v
			}
			h, hScaled = append(h, complete(id+1, m)), append(hScaled, complete(id+1, other))
		}
		o.Fix(h[0].Metrics)
		scaled.Fix(hScaled[0].Metrics)
		for i := range h {
			a, _ := o.Score(h[i].Metrics)
			b, _ := scaled.Score(hScaled[i].Metrics)
			if math.Abs(a-b) > 1e-9 {
				t.Fatalf("%s × %v: the score went from %v to %v", name, factor, a, b)
			}
		}
		if len(o.Wants) < 2 {
			continue
		}
		axes := []trial.Metric{o.Wants[0].Metric, o.Wants[1].Metric}
		o.Axes, scaled.Axes = axes, axes
		if diff := cmp.Diff(o.Front(h), scaled.Front(hScaled)); diff != "" {
			t.Fatalf("%s × %v changed the front: %s", name, factor, diff)
		}
		if a, b := o.Hypervolume(h), scaled.Hypervolume(hScaled); math.Abs(a-b) > 1e-9 {
			t.Fatalf("%s × %v: the hypervolume went from %v to %v", name, factor, a, b)
		}
	}
}

func TestScoreNeverChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range rounds {
		o, draw := random(t, rng)
		scores := map[int]float64{}
		var trials []trial.Metrics
		for range 8 {
			m := draw()
			for name := range m {
				if rng.IntN(4) == 0 {
					delete(m, name) // unknown in this trial
				}
			}
			o.Fix(m)
			trials = append(trials, m)
			for i, m := range trials {
				score, ok := o.Score(m)
				if before, had := scores[i]; had && (!ok || score != before) {
					t.Fatalf("the score of trial %d went from %v to %v", i, before, score)
				}
				if ok {
					scores[i] = score
				}
			}
		}
	}
}

// Even an anchor at the end of accuracy's scale leaves scores apart.
func TestFractionAnchorsAtTheEnds(t *testing.T) {
	for _, anchor := range []float64{0, 1e-9, 0.5, 1} {
		last := -1.0
		for v := 0.0; v <= 1; v += 1.0 / 64 {
			n := normalise(trial.Accuracy, v, anchor)
			if !(n > last && n >= 0 && n <= 1) {
				t.Fatalf("anchor %v: n(%v) = %v after %v", anchor, v, n, last)
			}
			last = n
		}
	}
}

var manyAxes = []trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Throughput, trial.Latency, trial.Params}

// history draws trials with values around the first, some of them repeated and
// some with an unknown axis.
func history(rng *rand.Rand, axes []trial.Metric, n int) trial.History {
	var h trial.History
	for id := 1; id <= n; id++ {
		m := trial.Metrics{}
		for _, axis := range axes {
			v := 10 * math.Exp(rng.NormFloat64())
			if fraction(axis) {
				v = rng.Float64()
			}
			if rng.IntN(2) == 0 { // a coarse grid makes ties
				v = math.Ceil(v*4) / 4
			}
			m[axis] = trial.Measurement{Value: v}
		}
		if id > 1 && rng.IntN(8) == 0 {
			delete(m, axes[rng.IntN(len(axes))])
		}
		if id > 2 && rng.IntN(8) == 0 {
			m = h[rng.IntN(len(h))].Metrics
		}
		h = append(h, complete(id, m))
		if rng.IntN(10) == 0 && id > 1 {
			h[id-1].State = trial.Infeasible
		}
	}
	return h
}

func TestFrontMembersAreNonDominatedAndAllOthersDominated(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range rounds {
		axes := manyAxes[:2+rng.IntN(4)]
		o, err := mustNew(t, nil, nil).On(axes...)
		if err != nil {
			t.Fatal(err)
		}
		h := history(rng, axes, 1+rng.IntN(25))
		front := o.Front(h)
		if !slices.IsSorted(front) {
			t.Fatalf("front %v is not in the order of the history", front)
		}
		dominated := func(a trial.Trial) bool { // written out, not by the code under test
			for _, id := range front {
				b, _ := h.ByID(id)
				asGood, strictly := true, false
				for _, axis := range axes {
					x, y := a.Metrics[axis].Value, b.Metrics[axis].Value
					if info, _ := axis.Info(); info.Higher {
						x, y = -x, -y
					}
					asGood, strictly = asGood && y <= x, strictly || y < x
				}
				if asGood && strictly {
					return true
				}
			}
			return false
		}
		for _, a := range h {
			unknown := false
			for _, axis := range axes {
				if _, ok := a.Metrics[axis]; !ok {
					unknown = true
				}
			}
			member := slices.Contains(front, a.ID)
			switch eligible := a.State == trial.Complete && !unknown; {
			case !eligible && member:
				t.Fatalf("trial %d is %s with unknown axes %v, but on the front", a.ID, a.State, unknown)
			case eligible && member == dominated(a):
				t.Fatalf("trial %d: on the front %v, dominated %v", a.ID, member, dominated(a))
			}
		}
	}
}

func TestHypervolumeGrowsAndIgnoresOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for range rounds {
		axes := manyAxes[:2+rng.IntN(3)]
		o, err := mustNew(t, nil, nil).On(axes...)
		if err != nil {
			t.Fatal(err)
		}
		h := history(rng, axes, 15)
		if v := o.Hypervolume(h); v != 0 {
			t.Fatalf("hypervolume %v before the reference is fixed", v)
		}
		o.Fix(h[0].Metrics)
		last := 0.0
		for n := 1; n <= len(h); n++ {
			v := o.Hypervolume(h[:n])
			if v < last-1e-12 || v < 0 || v > 1+1e-12 {
				t.Fatalf("%d trials: hypervolume %v after %v", n, v, last)
			}
			last = v
		}
		var front trial.History
		for _, id := range o.Front(h) {
			member, _ := h.ByID(id)
			front = append(front, member)
		}
		if v := o.Hypervolume(front); math.Abs(v-last) > 1e-12 {
			t.Fatalf("the front alone has %v, all trials %v", v, last)
		}
		shuffled := slices.Clone(h)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if v := o.Hypervolume(shuffled); math.Abs(v-last) > 1e-12 {
			t.Fatalf("in another order %v, before %v", v, last)
		}
		reversed := o
		reversed.Axes = slices.Clone(axes)
		slices.Reverse(reversed.Axes)
		if v := reversed.Hypervolume(h); math.Abs(v-last) > 1e-12 {
			t.Fatalf("with the axes reversed %v, before %v", v, last)
		}
	}
}

// A point that is strictly better than the whole front makes the volume grow.
func TestHypervolumeGrowsStrictly(t *testing.T) {
	o := mustNew(t, nil, nil)
	h := trial.History{
		complete(1, measured(map[trial.Metric]float64{trial.Accuracy: 0.5, trial.InferenceEnergy: 1})),
		complete(2, measured(map[trial.Metric]float64{trial.Accuracy: 0.6, trial.InferenceEnergy: 2})),
		complete(3, measured(map[trial.Metric]float64{trial.Accuracy: 0.4, trial.InferenceEnergy: 0.5})),
	}
	o.Fix(h[0].Metrics)
	// Reference: accuracy 0, energy 10. Widths 0.8, 0.9, 0.95 at heights 0.6, 0.5, 0.4.
	want := 0.6*0.8 + 0.5*0.1 + 0.4*0.05
	if got := o.Hypervolume(h); math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v, want %v", got, want)
	}
	beyond := complete(4, measured(map[trial.Metric]float64{trial.Accuracy: 0.99, trial.InferenceEnergy: 10}))
	if got := o.Hypervolume(append(h, beyond)); math.Abs(got-want) > 1e-12 {
		t.Errorf("a trial at the reference changed the volume to %v", got)
	}
	better := complete(4, measured(map[trial.Metric]float64{trial.Accuracy: 0.7, trial.InferenceEnergy: 0.25}))
	if got := o.Hypervolume(append(h, better)); got <= want {
		t.Errorf("a better trial left the volume at %v", got)
	}
}

func TestVolumeAgreesWithMonteCarlo(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for dims := 1; dims <= 5; dims++ {
		for range 6 {
			points := make([][]float64, 1+rng.IntN(12))
			for i := range points {
				points[i] = make([]float64, dims)
				for j := range points[i] {
					points[i][j] = 1 - rng.Float64()*rng.Float64() // in (0, 1]
				}
			}
			before := slices.Clone(points)
			const samples = 40000
			hits := 0
			at := make([]float64, dims)
			for range samples {
				for j := range at {
					at[j] = rng.Float64()
				}
				if slices.ContainsFunc(points, func(p []float64) bool { return covers(p, at) }) {
					hits++
				}
			}
			exact, estimate := Volume(points), float64(hits)/samples
			if math.Abs(exact-estimate) > 0.0125 { // five standard errors
				t.Errorf("%d dimensions, %d points: exact %v, Monte Carlo %v", dims, len(points), exact, estimate)
			}
			if diff := cmp.Diff(before, points); diff != "" {
				t.Error("volume changed its argument:", diff)
			}
		}
	}
}
