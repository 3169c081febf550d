package forecast

import (
	"fmt"
	"math"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// plain is a template of plain and residual networks of several depths and widths.
const plain = `
def network(x, classes):
    width = choice("width", [4, 8, 16, 32])
    x = conv(x, width)
    for _ in range(choice("depth", [1, 2, 3, 4, 6])):
        y = relu(batch_norm(conv(x, width, kernel = choice("kernel", [1, 3]))))
        x = x + y if choice("skip", [False, True]) else y
    return dense(global_avg_pool(x), classes)
`

func parse(t testing.TB, source string) *arch.Program {
	t.Helper()
	p, err := arch.Parse(source, arch.Shape{8, 8, 1}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func build(t testing.TB, width, depth, kernel int, skip bool) *arch.Program {
	t.Helper()
	word := map[bool]string{false: "False", true: "True"}[skip]
	source, err := arch.Choose(plain, map[string]string{
		"width": fmt.Sprint(width), "depth": fmt.Sprint(depth), "kernel": fmt.Sprint(kernel), "skip": word,
	})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, source)
}

// world are all programs of plain in an order that mixes them.
func world(t testing.TB) (all []*arch.Program) {
	for _, width := range []int{4, 8, 16, 32} {
		for _, depth := range []int{1, 2, 3, 4, 6} {
			for _, kernel := range []int{1, 3} {
				for _, skip := range []bool{false, true} {
					all = append(all, build(t, width, depth, kernel, skip))
				}
			}
		}
	}
	mixed := make([]*arch.Program, len(all))
	for i := range all {
		mixed[i] = all[i*37%len(all)] // 37 and 80 have no factor in common
	}
	return mixed
}

// truth is an accuracy and a latency that hang on a network as real ones do: more work
// pays ever less, and depth only with a skip.
func truth(p *arch.Program) (accuracy, latency float64) {
	a := examine(p.Network)
	macs := float64(a.costs.MACs)
	e := 0.9*math.Pow(macs/1e3, -0.25) + 0.02*a.out.layers.least
	return 1 - min(e, 0.9), 0.1 + macs/1e6 + 0.01*a.nodes
}

func measured(id int, p *arch.Program, accuracy, latency float64) trial.Trial {
	return trial.Trial{
		ID: id, State: trial.Complete, Program: p, Hash: p.Network.Hash(), Costs: p.Network.Costs(),
		Metrics: trial.Metrics{trial.Accuracy: {Value: accuracy}, trial.Latency: {Value: latency, Unit: "ms"}},
	}
}

func history(programs []*arch.Program) (h trial.History) {
	for i, p := range programs {
		accuracy, latency := truth(p)
		h = append(h, measured(i+1, p, accuracy, latency))
	}
	return h
}

func over(t testing.TB, axes ...trial.Metric) objective.Objective {
	t.Helper()
	o, err := objective.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.On(axes...); err != nil {
		t.Fatal(err)
	}
	return o
}
