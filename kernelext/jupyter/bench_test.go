package jupyter

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade"
)

// BenchmarkCell measures how long cells take in a warm kernel, from their start to
// the next one's, in the median of seven.
func BenchmarkCell(b *testing.B) {
	ctx := context.Background()
	e, err := Ensure(ctx, func(s string) { b.Log(s) })
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv("LEMONADE_STUDIES", b.TempDir())
	study, err := lemonade.Open(ctx, "shown", lemonade.Options{Data: "digits", TrainSamples: 300, Epochs: 1})
	if err != nil {
		b.Fatal(err)
	}
	if err := study.Run(ctx, lemonade.RunOptions{Trials: 3}); err != nil {
		b.Fatal(err)
	}
	if err := study.Close(); err != nil {
		b.Fatal(err)
	}
	cells := []struct{ name, source string }{
		{"hello", "%%\nfmt.Println(\"hello\")"},
		{"plot", `import (
	"context"
	"log"
	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade"
)
%%
study, err := lemonade.Open(context.Background(), "shown", lemonade.Options{})
if err != nil {
	log.Fatal(err)
}
defer study.Close()
kernelext.Show(study)`},
		{"magic", "%lemonade show shown"},
	}
	const repeats = 7
	var sources []string
	for range 1 + repeats { // the first warms up
		for _, c := range cells {
			sources = append(sources, c.source)
		}
	}
	sources = append(sources, "%%") // so that the last one's end is told
	notebook := write(b, "lemonade", sources...)
	for b.Loop() {
		var began []time.Time
		if _, err := e.Execute(ctx, notebook, b.TempDir(), func(s string) {
			if regexp.MustCompile(`^cell \d+ of `).MatchString(s) {
				began = append(began, time.Now())
			}
		}); err != nil {
			b.Fatal(err)
		}
		for i, c := range cells {
			var took []time.Duration
			for k := i + len(cells); k+1 < len(began); k += len(cells) {
				took = append(took, began[k+1].Sub(began[k]))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds(), c.name+"-s")
			b.Logf("%s: %v", c.name, took)
		}
	}
}
