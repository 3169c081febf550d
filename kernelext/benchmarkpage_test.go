package kernelext

import (
	"math"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

// studiesReport is a report on two arms, the second of which tells no energy.
func studiesReport() benchmark.Report {
	at := func(at, median float64) benchmark.Step {
		return benchmark.Step{At: at, Quartiles: benchmark.Quartiles{Median: median, Q1: median - 0.01, Q3: median + 0.02}}
	}
	trials := []benchmark.Step{{At: 1}, at(2, 0.3), at(3, 0.4)}
	return benchmark.Report{
		Data: "digits", Trials: 3, Seeds: []int64{1, 2}, Budget: benchmark.Budget{Epochs: 9, Recipe: "fixed"}, Template: "a <b>.star",
		Arms: []benchmark.ArmReport{
			{Arm: "rulebook", Course: benchmark.Course{Trials: trials, Energy: []benchmark.Step{at(0.5, 0.2), at(1, 0.4)}}},
			{Arm: "rulebook-rungs", Course: benchmark.Course{Trials: trials}},
		},
	}
}

func TestStudiesCharts(t *testing.T) {
	r := studiesReport()
	charts := studiesCharts(r)
	if len(charts) != 1 {
		t.Fatalf("%d charts, want that over the networks alone where an arm knows no energy", len(charts))
	}
	r.Arms[1].Course.Energy = r.Arms[0].Course.Energy
	if charts = studiesCharts(r); len(charts) != 2 {
		t.Fatalf("%d charts, want one over the networks and one over the energy", len(charts))
	}
	all := seriesOf(charts[0], "rulebook without rungs")
	if len(all) != 3 || len(all[0].Points) != 2 || all[0].Points[0].X != 2 || all[0].Points[0].Y != 0.3 { // nothing is drawn before something is measured
		t.Fatalf("an arm is %+v, want its medians and two quartiles", all)
	}
	if q1, q3 := all[1].Points[1].Y, all[2].Points[1].Y; math.Abs(q1-0.39) > 1e-9 || math.Abs(q3-0.42) > 1e-9 {
		t.Errorf("quartiles %v and %v", q1, q3)
	}
	if tip := seriesOf(charts[1], "rulebook")[0].Points[1].Tip; !strings.Contains(tip, "at 1 Wh<br>median 0.4, quartiles 0.39 to 0.42") {
		t.Errorf("the tip says %q", tip)
	}
	pictures := StudiesPictures(r)
	if len(pictures) != 2 || !strings.HasPrefix(pictures["digits-hypervolume-energy.svg"], "<svg") {
		t.Errorf("pictures %v", pictures)
	}
}

func TestStudiesPage(t *testing.T) {
	page, err := StudiesPage(studiesReport())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Proposers on digits", "3 trials of the template a &lt;b&gt;.star", "All arms", "rulebook without rungs"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q on the page", want)
		}
	}
}
