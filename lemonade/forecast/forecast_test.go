package forecast

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestForecastRanksWhatItHasNotSeen(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	f := New(history(all[:25]), o)
	var forecast, real [2][]float64
	within := 0
	for _, p := range all[25:] {
		accuracy, latency := truth(p)
		for i, e := range f.Estimates(Describe(p, "")) {
			v := []float64{accuracy, latency}[i]
			forecast[i], real[i] = append(forecast[i], e.Value), append(real[i], v)
			if e.Low > e.Value || e.Value > e.High {
				t.Errorf("%s: %g is not within %g and %g", e.Metric, e.Value, e.Low, e.High)
			}
			if e.Low-0.02*v <= v && v <= e.High+0.02*v {
				within++
			}
		}
	}
	for i, m := range o.Axes {
		if rho := Spearman(forecast[i], real[i]); rho < 0.9 {
			t.Errorf("%s is ranked with a correlation of %.2f, want 0.9", m, rho)
		}
	}
	if share := float64(within) / float64(2*len(all[25:])); share < 0.5 {
		t.Errorf("%.0f %% of the values are in their band", 100*share)
	}
}

func TestForecastIsTheSameEachTime(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	h := history(all[:20])
	first := New(h, o).Estimates(Describe(all[30], ""))
	seen.Lock()
	clear(seen.networks) // what is remembered must not matter
	seen.Unlock()
	if d := cmp.Diff(first, New(h, o).Estimates(Describe(all[30], all[30].Network.Hash()))); d != "" {
		t.Error(d)
	}
}

func TestForecastTakesEnough(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	h := history(all[:Enough+3])
	h[0].State = trial.Failed
	delete(h[1].Metrics, trial.Latency)
	h[2].Metrics[trial.Accuracy] = trial.Measurement{Value: math.NaN()}
	if New(h[:len(h)-1], o) != nil {
		t.Errorf("a forecast from %d trials", Enough-1)
	}
	if New(h, o) == nil {
		t.Errorf("no forecast from %d trials", Enough)
	}
}

// TestStaticAxis: what follows from the network alone needs no forecast, unless it was
// measured otherwise.
func TestStaticAxis(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.MACs)
	h := history(all[:12])
	for i := range h {
		h[i].Metrics[trial.MACs] = trial.Measurement{Value: float64(h[i].Costs.MACs)}
	}
	want := float64(all[40].Network.Costs().MACs)
	e := New(h, o).Estimates(Describe(all[40], ""))[1]
	if math.Abs(e.Value-want) > 1e-6*want || e.High-e.Low > 1e-6*want {
		t.Errorf("%+v, want %g exactly", e, want)
	}
	for i := range h {
		h[i].Metrics[trial.MACs] = trial.Measurement{Value: 3 * float64(h[i].Costs.MACs)}
	}
	if e := New(h, o).Estimates(Describe(all[40], ""))[1]; e.Value < 2*want || e.Value > 4*want {
		t.Errorf("measured three times as large, forecast %g, want about %g", e.Value, 3*want)
	}
}

func TestDegenerateHistories(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	for name, of := range map[string]func(i int) (accuracy, latency float64){
		"all alike":         func(int) (float64, float64) { return 0.1, 2 },
		"all right":         func(i int) (float64, float64) { return 1, float64(i + 1) },
		"far apart":         func(i int) (float64, float64) { return 0.5, math.Pow(10, float64(i%9-4)) },
		"noise of no sense": func(i int) (float64, float64) { return float64(i*7%11) / 11, float64(i*5%7 + 1) },
	} {
		var h trial.History
		for i := range 14 {
			accuracy, latency := of(i)
			p := all[i]
			if name == "all alike" {
				p = all[0]
			}
			h = append(h, measured(i+1, p, accuracy, latency))
		}
		f := New(h, o)
		if f == nil {
			t.Errorf("%s: no forecast", name)
			continue
		}
		s := Describe(all[50], "")
		if v := f.Improvement(s); math.IsNaN(v) || v < 0 || v > 1 {
			t.Errorf("%s: improvement %g", name, v)
		}
		if p := f.Dominated(s); !(p >= 0 && p <= 1) {
			t.Errorf("%s: dominated with %g", name, p)
		}
		for _, e := range f.Estimates(s) {
			if math.IsNaN(e.Value) || math.IsInf(e.Value, 0) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

// TestLongHistory: what a forecast is made from is bounded, the front is not.
func TestLongHistory(t *testing.T) {
	all := world(t)
	o := over(t, trial.Accuracy, trial.Latency)
	var h trial.History
	for i := range most + 100 {
		accuracy, latency := truth(all[i%len(all)])
		h = append(h, measured(i+1, all[i%len(all)], accuracy-0.01, latency))
	}
	h[3].Metrics[trial.Accuracy] = trial.Measurement{Value: 0.9999}
	f := New(h, o)
	if n := len(f.points.x); n != most {
		t.Errorf("made from %d trials, want %d", n, most)
	}
	if best := f.front[len(f.front)-1][0]; best > 0.0011 {
		t.Errorf("the least error of the front is %g", best)
	}
}

func TestFeatures(t *testing.T) {
	residual := build(t, 8, 4, 3, true)
	a := examine(residual.Network).out
	want := walk{
		reached: true, paths: 16, variance: a.variance, receptive: 1 + 2*5, stride: 1,
		layers: tally{6, 2, 4, a.layers.signal}, spatial: tally{5, 1, 3, a.spatial.signal}, square: 17,
	}
	if d := cmp.Diff(want, a, cmp.AllowUnexported(walk{}, tally{})); d != "" {
		t.Errorf("four residual blocks between two layers: %s", d)
	}
	for _, tt := range []struct {
		name, body string
		part       part
		count      float64
		learns     bool
		smoothing  float64
	}{
		{"zeros", "x = x * 0.0", gate, 1, false, 0},
		{"blurred", `x = avg_pool(x, 3, stride = 1, padding = "same")`, pool, 1, true, 1},
		{"halved", "x = max_pool(x, 2)", pool, 1, true, 0},
		{"depthwise", "x = depthwise_conv(conv(x, 4), 3)", depthwise, 1, true, 0},
		{"gated", "y = conv(x, 4)\n    x = y * sigmoid(y)", gate, 1, true, 0},
		{"both ways", "x = concat([conv(x, 4), conv(x, 4, kernel = 1)])", concat, 1, true, 0},
	} {
		a := examine(parse(t, "def network(x, classes):\n    "+tt.body+"\n    return dense(global_avg_pool(x), classes)\n").Network)
		if a.count[tt.part] != tt.count || a.out.reached != tt.learns || a.out.smoothing.most != tt.smoothing {
			t.Errorf("%s: %g of the kind, learns %t, smoothing %g", tt.name, a.count[tt.part], a.out.reached, a.out.smoothing.most)
		}
	}
}

// TestFeaturesOfAny describes the networks of every kind of task.
func TestFeaturesOfAny(t *testing.T) {
	for _, in := range []arch.Input{arch.Shape{64, 64, 3}, arch.Shape{30}, arch.Shape{20, 5}, arch.Tokens{Length: 40, Vocabulary: 100}} {
		p, err := arch.Parse(arch.Seed(in, 5), in, 5)
		if err != nil {
			t.Fatal(err)
		}
		s := Describe(p, "")
		for i, v := range s.network {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%v: %s is %g", in, features[i].name, v)
			}
		}
		if !s.Learns() || s.network[atLongest] == 0 {
			t.Errorf("%v: learns %t, longest path %g", in, s.Learns(), s.network[atLongest])
		}
	}
}

func TestPromise(t *testing.T) {
	deep, plain, shallow := Describe(build(t, 8, 6, 3, true), ""), Describe(build(t, 8, 6, 3, false), ""), Describe(build(t, 8, 1, 3, true), "")
	if !(deep.Promise() > plain.Promise()) || !(deep.Promise() > shallow.Promise()) {
		t.Errorf("a deep residual network promises %g, a plain one %g, a shallow one %g", deep.Promise(), plain.Promise(), shallow.Promise())
	}
}

func BenchmarkNew(b *testing.B) {
	all := world(b)
	o := over(b, trial.Accuracy, trial.Latency)
	var h trial.History
	for i := range 200 {
		accuracy, latency := truth(all[i%len(all)])
		h = append(h, measured(i+1, all[i%len(all)], accuracy, latency))
	}
	for b.Loop() {
		New(h, o)
	}
}
