package device

import (
	"math"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestCalibration fits the boards anew, prints what belongs into boards.go and
// compares it with what is there.
func TestCalibration(t *testing.T) {
	for _, g := range targets {
		t.Run(g.board+"/"+string(g.metric), func(t *testing.T) {
			fit, _ := g.split(t)
			b, err := Lookup(g.board)
			if err != nil {
				t.Fatal(err)
			}
			var features [][]float64
			var y []float64
			for _, r := range fit {
				y = append(y, r.values[g.column]*g.scale)
				if g.metric == trial.InferenceEnergy {
					s := b.time(r.network(t, g.variant))
					features = append(features, []float64{s.multiply, s.rest})
					continue
				}
				f := make([]float64, kinds+1) // ms at the full peak, by kind; ms of 1 µs for each operation
				fused(r.network(t, g.variant), b.activations, func(w work) {
					f[w.kind] += 1e3 * w.ops / (b.Peak * 1e9)
					f[kinds] += 1e-3
				})
				if b.overhead == 0 {
					f = f[:kinds]
				}
				features = append(features, f)
			}
			x := leastSquares(features, y)
			if g.metric == trial.InferenceEnergy {
				near(t, "Power", b.Power, x[0])
				near(t, "otherPower", b.otherPower, x[1])
				return
			}
			for k, name := range map[kind]string{spatial: "spatial", pointwise: "pointwise", pooling: "pooling", elementwise: "elementwise"} {
				near(t, "share of "+name, b.share[k], 1/x[k])
			}
			if b.overhead > 0 {
				near(t, "overhead", b.overhead, x[kinds])
			}
		})
	}
}

// near compares a figure in the code with the fitted one, of which it has three digits.
func near(t *testing.T, name string, got, fitted float64) {
	t.Helper()
	t.Logf("%s: %.3g", name, fitted)
	if math.Abs(got-fitted) > 0.006*math.Abs(fitted)+1e-9 {
		t.Errorf("%s is %g in the code; the fit gives %.3g", name, got, fitted)
	}
}
