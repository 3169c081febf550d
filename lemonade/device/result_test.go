package device

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// outcome holds the predictions of networks beside what was measured.
type outcome struct{ predicted, macs, measured []float64 }

// predict predicts a metric of networks with a board.
func (g target) predict(t testing.TB, b Board, rows []*row) outcome {
	t.Helper()
	var o outcome
	for _, r := range rows {
		n := r.network(t, g.variant)
		m, err := b.Predict(n)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m[g.metric.On(b.Name)]
		if !ok {
			t.Fatalf("%s is not predicted for %s", g.metric, b.Name)
		}
		if _, checked := b.check(g.metric); checked && got.Quality != "" {
			t.Fatalf("%s on %s: %s", r.text, b.Name, got.Quality)
		}
		o.predicted = append(o.predicted, got.Value)
		o.macs = append(o.macs, float64(n.Costs().MACs))
		o.measured = append(o.measured, r.values[g.column]*g.scale)
	}
	return o
}

// check summarises the outcome.
func (o outcome) check(m trial.Metric) check {
	ratios := make([]float64, len(o.measured))
	for i := range ratios {
		ratios[i] = o.measured[i] / o.predicted[i]
	}
	return check{
		metric:     m,
		networks:   len(o.measured),
		prediction: fit{spearman(o.predicted, o.measured), medianError(o.predicted, o.measured)},
		macs:       fit{spearman(o.macs, o.measured), bestError(o.macs, o.measured)},
		band:       [2]float64{quantile(ratios, 0.05), quantile(ratios, 0.95)},
	}
}

func (c check) String() string {
	return fmt.Sprintf("%d networks: Spearman %.3f, median error %.1f %%, band %.2f to %.2f; MACs alone %.3f, %.1f %%", c.networks,
		c.prediction.spearman, 100*c.prediction.error, c.band[0], c.band[1], c.macs.spearman, 100*c.macs.error)
}

// TestCheck compares the predictions with measurements of networks that the boards
// were not fitted to. A board must beat what multiply-accumulates alone tell, and
// the results in the code must be those found.
func TestCheck(t *testing.T) {
	for _, g := range targets {
		t.Run(g.board+"/"+string(g.metric), func(t *testing.T) {
			_, held := g.split(t)
			b, err := Lookup(g.board)
			if err != nil {
				t.Fatal(err)
			}
			got := g.predict(t, b, held).check(g.metric)
			t.Log(got)
			if got.prediction.spearman <= got.macs.spearman || got.prediction.error >= got.macs.error {
				t.Error("multiply-accumulates alone are no worse: the board must not ship")
			}
			want, ok := b.check(g.metric)
			if !ok {
				t.Fatal("the board has no such check")
			}
			if *full {
				if got.String() != want.String() {
					t.Errorf("in the code: %s", want)
				}
				return
			}
			// A sample of 1,000 tells a correlation of 0.96 to about 0.005.
			close(t, "Spearman", got.prediction.spearman, want.prediction.spearman, 0.01)
			close(t, "median error", got.prediction.error, want.prediction.error, 0.15*want.prediction.error)
			close(t, "Spearman of MACs", got.macs.spearman, want.macs.spearman, 0.03)
			close(t, "median error of MACs", got.macs.error, want.macs.error, 0.15*want.macs.error)
			close(t, "low end of the band", got.band[0], want.band[0], 0.03)
			close(t, "high end of the band", got.band[1], want.band[1], 0.05)
		})
	}
}

func close(t *testing.T, name string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.4f on the sample and %.4f in the code", name, got, want)
	}
}

// TestTransfer predicts the measured boards by the model of the Raspberry Pi 5
// under LiteRT, taken to their peak: what the board that rests on it is worth. It
// must order networks better than multiply-accumulates alone, and what was
// measured must lie in the wide band.
func TestTransfer(t *testing.T) {
	for _, g := range targets {
		b, err := Lookup(g.board)
		if err != nil {
			t.Fatal(err)
		}
		if g.metric != trial.Latency || g.variant == cifar100zero || g.board == "raspberry-pi-5" {
			continue
		}
		t.Run(g.board, func(t *testing.T) {
			_, held := g.split(t)
			b.model, b.checks = onPi5, nil
			o := g.predict(t, b, held)
			got := o.check(g.metric)
			ratio := 0.0
			for i := range o.measured {
				ratio += o.measured[i] / o.predicted[i] / float64(len(held))
			}
			t.Logf("%s; measured/predicted %.2f", got, ratio)
			if got.prediction.spearman <= got.macs.spearman {
				t.Error("multiply-accumulates alone order the networks no worse: no board may rest on the transfer")
			}
			if got.band[0] < wide[0] || got.band[1] > wide[1] {
				t.Errorf("measured/predicted is %.2f to %.2f, which is outside the wide band %v", got.band[0], got.band[1], wide)
			}
		})
	}
}

// TestDocumentation compares the table in the package documentation with the boards.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if table := documentation(); !strings.Contains(string(doc), table) {
		t.Errorf("doc.go must have this table:\n%s", table)
	}
}

// documentation is the table of boards as doc.go has it.
func documentation() string {
	var b strings.Builder
	line := func(cells ...any) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("//\t%-27s%-24s%-17s%-16s%s", cells...), " ") + "\n")
	}
	line("board", "runtime", "metric", "prediction", "MACs alone")
	for _, board := range boards {
		if len(board.checks) == 0 {
			line(board.Name, board.Runtime, "latency", "unchecked", "")
		}
		for _, c := range board.checks {
			line(board.Name, board.Runtime, c.metric, c.prediction, c.macs)
		}
	}
	return b.String()
}

func (f fit) String() string { return fmt.Sprintf("%.3f  %4.1f %%", f.spearman, 100*f.error) }
