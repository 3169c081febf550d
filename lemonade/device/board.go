package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Board is an edge board with the runtime that runs the network on one core of its
// processor, in float32 and at batch size 1.
type Board struct {
	Name      string   // of the metrics, such as "raspberry-pi-5"
	Title     string   // such as "Raspberry Pi 5"
	Runtime   string   // such as "LiteRT"
	Peak      float64  // GFLOP/s of one core in float32
	Bandwidth float64  // GB/s of its memory, nominal
	Cache     int64    // bytes of the last cache before the memory
	Memory    int64    // bytes, of the smallest variant
	Power     float64  // W while it multiplies; 0 where it is not known and energy is not predicted
	Sources   []string // of the measurements, where there are any, and of the figures
	Checked   string   // on what, with which result, by metric; "" where it was not

	model
	otherPower float64 // W while it does anything else
	checks     []check
}

// model is how a runtime uses a core. The shares of the peak are fitted to
// measured networks, but for grouped.
type model struct {
	activations bool           // an activation is fused into the operation before it
	share       [kinds]float64 // of the peak, by kind
	overhead    float64        // µs for each operation; 0 of a runtime that runs the network as a whole
}

// check is how well the predictions of a metric fit measurements of networks that
// the board was not fitted to, beside what multiply-accumulates alone tell, scaled
// by the constant that suits those networks best.
type check struct {
	metric     trial.Metric
	networks   int
	prediction fit
	macs       fit
	band       [2]float64 // of measured / predicted: 5 % and 95 % quantile
}

// fit is Spearman's rank correlation with the measurements, and the median of the
// absolute errors as a fraction of them.
type fit struct{ spearman, error float64 }

// Boards returns all boards.
func Boards() []Board { return slices.Clone(boards) }

// Lookup returns the board of that name. The error names all of them and suggests
// the nearest.
func Lookup(name string) (Board, error) {
	nearest, least := "", len(name)/2
	names := make([]string, len(boards))
	for i, b := range boards {
		if b.Name == name {
			return b, nil
		}
		names[i] = b.Name
		if d := levenshtein.ComputeDistance(strings.ToLower(name), b.Name); d < least {
			nearest, least = b.Name, d
		}
	}
	mend := ""
	if nearest != "" {
		mend = fmt.Sprintf("did you mean %s? ", nearest)
	}
	return Board{}, fmt.Errorf("board %q is not known; %sthe boards are %s", name, mend, strings.Join(names, ", "))
}

// check returns the check of a metric, and whether there was one.
func (b Board) check(m trial.Metric) (check, bool) {
	for _, c := range b.checks {
		if c.metric == m {
			return c, true
		}
	}
	return check{}, false
}

// note says what predicts a metric, how well and by which measurements or figures.
func (b Board) note(m trial.Metric) string {
	result := "unchecked, figures of"
	if c, ok := b.check(m); ok {
		result = c.result() + " measured by"
	}
	return fmt.Sprintf("%s, %s, one core: %s %s", b.Title, b.Runtime, result, b.Sources[0])
}

func (c check) result() string {
	return fmt.Sprintf("Spearman %.3f and median error %.1f %% on %d networks of NAS-Bench-201", c.prediction.spearman, 100*c.prediction.error, c.networks)
}

// describe fills in Checked.
func describe(boards []Board) []Board {
	for i := range boards {
		var results []string
		for _, c := range boards[i].checks {
			results = append(results, fmt.Sprintf("%s: %s", c.metric, c.result()))
		}
		boards[i].Checked = strings.Join(results, "; ")
	}
	return boards
}
