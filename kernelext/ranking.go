package kernelext

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ranking is how well the search's trainings rank what long ones would: both by the
// accuracy on the validation split.
type ranking struct {
	view   View
	epochs int // of the long trainings
	trials []int
	short  []trial.Measurement
	long   []trial.Measurement
	result benchmark.Correlation
}

// ranking takes all networks that have both accuracies. Of several numbers of epochs it
// is the one with the most networks. Without a training for it there is none: the front
// alone, which finals train, is no fair choice.
func (v View) ranking() ranking {
	best := ranking{view: v}
	for _, x := range v.Extras.For(trial.Ranking) {
		if x.State != trial.Complete || x.Epochs == best.epochs {
			continue
		}
		r := ranking{view: v, epochs: x.Epochs}
		for _, t := range v.Trials.Complete() {
			short, known := t.Metrics[trial.Accuracy]
			if long, ok := v.Extras.Over(trial.Accuracy, t.ID, x.Epochs); ok && known {
				r.trials, r.short, r.long = append(r.trials, t.ID), append(r.short, short), append(r.long, long)
			}
		}
		if len(r.trials) > len(best.trials) {
			best = r
		}
	}
	if len(best.trials) > 1 {
		best.result = benchmark.Kendall(values(best.short), values(best.long))
	}
	return best
}

func values(all []trial.Measurement) []float64 {
	var out []float64
	for _, m := range all {
		out = append(out, m.Value)
	}
	return out
}

// words say what came out.
func (r ranking) words() string {
	n := len(r.trials)
	if n < 2 {
		return ""
	}
	text := "How well short trainings rank long ones: "
	if r.result.Tau == nil {
		text += "unknown, as all networks are equally accurate on one side,"
	} else {
		text += r.tau()
	}
	text += fmt.Sprintf(" over %d networks, by their accuracy on the validation split in the search and after %d epochs on all training samples.", n, r.epochs)
	if n < benchmark.LeastItems {
		text += fmt.Sprintf(" These are too few for a claim: %d or more are needed.", benchmark.LeastItems)
	}
	return text
}

// tau is the figure with its interval, where that is known.
func (r ranking) tau() string {
	text := fmt.Sprintf("Kendall's tau-b %.2f", *r.result.Tau)
	if r.result.Low != nil {
		text += fmt.Sprintf(", 95 %% interval %.2f to %.2f,", *r.result.Low, *r.result.High)
	}
	return text
}

// chart is a mark for each network: its accuracy in the search to the right, after the
// long training upwards.
func (r ranking) chart() chart {
	c := chart{Name: "ranking", view: r.view, Title: "short trainings against long ones"}
	if len(r.trials) < 2 {
		return c
	}
	if r.result.Tau != nil {
		c.Note = fmt.Sprintf("%s over %d networks: 1 is the same order, 0 is chance.", r.tau(), len(r.trials))
		if len(r.trials) < benchmark.LeastItems {
			c.Note += fmt.Sprintf(" %d or more networks are needed for a claim.", benchmark.LeastItems)
		}
	}
	var fx, fy float64
	c.X, fx = metricAxis(trial.Accuracy, values(r.short))
	c.Y, fy = metricAxis(trial.Accuracy, values(r.long))
	c.X.Name = "validation accuracy in the search [%]"
	c.Y.Name = fmt.Sprintf("validation accuracy after %d epochs on all samples [%%]", r.epochs)
	s := series{Name: "network", Color: blue, Symbol: "circle", Size: 12}
	for i, id := range r.trials {
		s.Points = append(s.Points, point{
			X: r.short[i].Value * fx, Y: r.long[i].Value * fy, DX: spread(r.short[i]) * fx, DY: spread(r.long[i]) * fy, Label: strconv.Itoa(id), Trial: id,
		})
	}
	c.add(s)
	return c
}

// rows is the same for people, the best network of the search first.
func (r ranking) rows() [][]string {
	rows := [][]string{{"trial", "accuracy in the search", fmt.Sprintf("after %d epochs", r.epochs)}}
	order := make([]int, len(r.trials))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.short[b].Value, r.short[a].Value) })
	for _, i := range order {
		write := func(m trial.Measurement) string { return measured(trial.Accuracy, trial.Metrics{trial.Accuracy: m}) }
		rows = append(rows, []string{strconv.Itoa(r.trials[i]), write(r.short[i]), write(r.long[i])})
	}
	return rows
}

// table has a row for each network.
func (r ranking) table() [][]string {
	if len(r.trials) < 2 {
		return nil
	}
	rows := [][]string{{"trial", "accuracy", "epochs", "accuracy_after_them", "spread"}}
	for i, id := range r.trials {
		rows = append(rows, []string{strconv.Itoa(id), cellNumber(r.short[i].Value), strconv.Itoa(r.epochs), cellNumber(r.long[i].Value), cellOptional(r.long[i].Spread)})
	}
	return rows
}
