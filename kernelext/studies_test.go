package kernelext

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/record"
)

// TestStudiesWords holds what is said of each way in which studies differ or do not.
func TestStudiesWords(t *testing.T) {
	known := func(n int) (all []*float64) {
		for range n {
			all = append(all, of(1))
		}
		return all
	}
	summary := func(mean float64) benchmark.Summary { return benchmark.Summary{Mean: of(mean)} }
	change := func(n int, mean, low, high float64) benchmark.Summary {
		return benchmark.Summary{Values: known(n), Mean: of(mean), Low: of(low), High: of(high)}
	}
	six := benchmark.StudyComparison{Seeds: []int64{1, 2, 3, 4, 5, 6}, Remarks: []string{"not at their end yet: b.6"}, Rows: []benchmark.Row{
		{Name: "hypervolume", Title: "hypervolume of the front", Higher: true, First: summary(0.61), Second: summary(0.645), Change: change(6, 0.035, 0.012, 0.05), More: 6},
		{Name: "best_accuracy", Title: "best accuracy", Higher: true, First: summary(0.72), Second: summary(0.717), Change: change(6, -0.003, -0.02, 0.01), More: 3, Less: 3},
		{Name: "best_effectiveness", Title: "best effectiveness", Higher: true, Unknown: "they want different things"},
		{Name: "training_energy", Title: "energy of all trainings", Ratio: true, First: summary(0.020), Second: summary(0.008), Change: change(6, 0.4, 0.33, 0.47), Less: 6},
		{Name: "training_time", Title: "time of all trainings", Ratio: true, First: summary(60), Second: summary(1200), Change: change(6, 20, 15, 25), More: 6},
	}}
	golden(t, "studies.txt", []byte(studies{six, "a.*", "b.*"}.text()))
	for want, row := range map[string]benchmark.Row{
		"is the same":       {Title: "x", Change: benchmark.Summary{Values: known(1), Mean: of(0)}},
		"not known of both": {Title: "x"},
		"0.1 less (worse) here; it may be chance": {Name: "best_accuracy", Title: "x", Higher: true, Less: 1, Change: benchmark.Summary{Values: known(1), Mean: of(-0.001)}},
	} {
		if got := (studies{six, "a", "b"}).wordsOf(row); !strings.Contains(strings.Replace(got, "0.1 points", "0.1", 1), want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	hostileNames := studies{six, hostile, hostile}
	if page := hostileNames.html(); strings.Contains(page, "<img src=x") || strings.Contains(hostileNames.text(), "\x1b") {
		t.Error("a name is markup")
	}
}

func TestMatching(t *testing.T) {
	dir := t.TempDir()
	store, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i, name := range []string{"cifar.1", "cifar.2", "cifar-rungs.1", "other"} {
		if err := store.CreateStudy(t.Context(), record.Study{Name: name, Created: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string][]string{
		"other":            {"other"},
		"cifar.*":          {"cifar.1", "cifar.2"},
		"cifar*.1":         {"cifar.1", "cifar-rungs.1"},
		"cifar.[2],other":  {"cifar.2", "other"},
		"cifar.1, cifar.2": {"cifar.1", "cifar.2"},
		"cifar.*,cifar.?":  {"cifar.1", "cifar.2"},
		"cifar.[":          nil,
		"mnist.*":          nil,
	} {
		got, err := matching(t.Context(), dir, pattern)
		if (err != nil) != (want == nil) || err == nil && !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
		}
	}
}
