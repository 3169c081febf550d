package kernelext

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

// searchReport is a report on two strategies after 50 evaluations of two seeds.
func searchReport() benchmark.SearchReport {
	at := func(median float64) benchmark.Checkpoint {
		q := benchmark.Quartiles{Median: median, Q1: median - 0.01, Q3: median + 0.02}
		return benchmark.Checkpoint{"hypervolume": q, "second_hypervolume": q, "igd_plus": q, "best_accuracy": {Median: 90, Q1: 89, Q3: 92}}
	}
	r := benchmark.SearchReport{
		Table: benchmark.SearchTable{Accuracy: "acc <b>", Cost: "cost", Architectures: 100}, Evaluations: 50, Seeds: []int64{1, 2},
		FrontHypervolume: 0.9, Front: benchmark.SearchFront{Points: 5, BestAccuracy: 94, SecondHypervolume: 0.6}, Second: benchmark.SecondReference{Error: 15, Cost: 7},
		Order: []string{"rulebook", "random"}, Strategies: map[string]map[string]benchmark.Checkpoint{}, Curves: map[string]benchmark.Curve{},
	}
	for i, name := range r.Order {
		better := 0.1 - 0.1*float64(i)
		r.Strategies[name] = map[string]benchmark.Checkpoint{"25": at(0.5 + better), "50": at(0.7 + better)}
		r.Curves[name] = benchmark.Curve{Evaluations: []int{5, 25, 50}, At: []benchmark.Checkpoint{at(0.1), at(0.5 + better), at(0.7 + better)}}
	}
	return r
}

func TestSearchCharts(t *testing.T) {
	charts := searchCharts(searchReport())
	if len(charts) != 8 {
		t.Fatalf("%d charts, want two of each of four measures", len(charts))
	}
	medians, quartiles := charts[0], charts[1]
	line := seriesOf(medians, "rulebook")[0].Points
	if len(line) != 2 || line[0].X != 25 || line[0].Y != 0.6 || !strings.Contains(line[0].Tip, "quartiles 0.59 to 0.62") { // the start is left out
		t.Errorf("the line of the rule book: %+v", line)
	}
	if truth := seriesOf(medians, "true front")[0].Points; truth[0].Y != 0.9 || truth[1].X < 50 || medians.Y.Max < 0.9 {
		t.Errorf("the line of the true front: %+v, on an axis up to %v", truth, medians.Y.Max)
	}
	bars := seriesOf(quartiles, "random")[0].Points
	if len(bars) != 2 || quartiles.Y.Rows[int(bars[1].Y)-1] != "50 random" || bars[1].X >= bars[1].X1 || bars[1].X1 != 0.72 {
		t.Errorf("the bars of random: %+v on the rows %q", bars, quartiles.Y.Rows)
	}
}

func TestSearchPictures(t *testing.T) {
	pictures := SearchPictures(searchReport())
	if len(pictures) != 8 {
		t.Errorf("%d pictures, want 8", len(pictures))
	}
	if svg := pictures["search-hypervolume-quartiles.svg"]; !strings.HasPrefix(svg, "<svg") || !strings.Contains(svg, "50 random") {
		t.Errorf("the quartiles: %.200q", svg)
	}
}

func TestSearchPage(t *testing.T) {
	page, err := SearchPage(searchReport())
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{"acc &lt;b&gt; against cost", "<td style", "true front", "0.8000 [0.7900, 0.8200]"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if found := regexp.MustCompile(`(src|href)="http`).FindString(text); found != "" {
		t.Errorf("the page asks the network: %s", found)
	}
}
