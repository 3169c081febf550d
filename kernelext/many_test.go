package kernelext

import (
	"flag"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record/recordtest"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var trials = flag.Int("trials", 10_000, "trials of the study that benchmarks are made on")

// TestMany draws a study of more trials than one can tell apart.
func TestMany(t *testing.T) {
	const n = many + 100
	h, o, err := recordtest.History(n, false)
	if err != nil {
		t.Fatal(err)
	}
	v := View{Name: "large", Data: "digits", Trials: h, Objective: o}
	front := o.Front(h)
	best, _ := o.Best(h)

	c := v.tradeOff()
	i := slices.IndexFunc(c.Series, func(s series) bool { return s.Name == "Pareto front" })
	if got := len(c.Series[i].Points); got != len(front) {
		t.Errorf("%d members of the front are drawn, want all %d", got, len(front))
	}
	i = slices.IndexFunc(c.Series, func(s series) bool { return strings.HasPrefix(s.Name, "dominated") })
	s := c.Series[i]
	if len(s.Points) > marksMost || !strings.HasPrefix(s.Name, "dominated (") || !strings.Contains(s.Name, " of ") {
		t.Errorf("%q with %d marks, want %d at most and to be told", s.Name, len(s.Points), marksMost)
	}
	for a, p := range s.Points {
		ax, ay := c.place(p)
		if p.Label != "" || p.DX != 0 || p.DY != 0 {
			t.Fatalf("trial %d has a label or a spread", p.Trial)
		}
		for _, q := range s.Points[:a] {
			if bx, by := c.place(q); math.Floor(ax/cellPixels) == math.Floor(bx/cellPixels) && math.Floor(ay/cellPixels) == math.Floor(by/cellPixels) {
				t.Fatalf("trials %d and %d lie on each other", p.Trial, q.Trial)
			}
		}
	}

	// A line that is thinned has every change of the whole.
	line := v.hypervolume().Series[0].Points
	volumes := o.Hypervolumes(h)
	for i, want := range volumes {
		at := 0.0
		for _, p := range line {
			if p.X <= float64(i+1) {
				at = p.Y
			}
		}
		if at != want {
			t.Fatalf("the hypervolume after trial %d is drawn as %v, want %v", i+1, at, want)
		}
	}

	noted := v.noted().Trials
	for _, id := range append(front, best, 1, n, n-rowsMost+1) {
		if !slices.ContainsFunc(noted, func(t trial.Trial) bool { return t.ID == id }) {
			t.Errorf("trial %d is not noted", id)
		}
	}
	page, err := Page(v)
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(page), "<details><summary>trial "); rows != len(noted) {
		t.Errorf("%d trials are told of in full, want %d", rows, len(noted))
	}
	if !strings.Contains(string(page), v.remark()) || !strings.Contains(v.remark(), "of 1,100 trials") {
		t.Errorf("the page does not say %q", v.remark())
	}
}

// BenchmarkLarge shows a study of many trials, from opening it on.
func BenchmarkLarge(b *testing.B) {
	dir := b.TempDir()
	makeLarge(b, dir)
	open := func() *lemonade.Study {
		s, err := lemonade.Open(b.Context(), "large", lemonade.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name string
		show func(b *testing.B, v View)
	}{
		{"List", func(_ *testing.B, v View) { _ = v.summary() }},
		{"Show", func(_ *testing.B, v View) { show(io.Discard, v) }},
		{"Page", func(b *testing.B, v View) {
			page, err := Page(v)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(page))/1e6, "page-MB")
		}},
		{"Live", func(b *testing.B, v View) { // the chart and the table, once
			l := newLive(func(string, string, string) {})
			if _, err := l.update(v.tradeOff()); err != nil {
				b.Fatal(err)
			}
			_ = v.tablesHTML()
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := open()
			defer s.Close()
			v := ViewOf(s)
			before := processorTime()
			for b.Loop() {
				c.show(b, v)
			}
			b.ReportMetric(float64(processorTime()-before)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}

// processorTime is what the process has used, in nanoseconds.
func processorTime() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// makeLarge makes the study of many trials.
func makeLarge(b *testing.B, dir string) {
	b.Helper()
	s, err := lemonade.Open(b.Context(), "large", lemonade.Options{Dir: dir, Data: "digits"})
	if err != nil {
		b.Fatal(err)
	}
	s.Close()
	h, o, err := recordtest.History(*trials, false)
	if err != nil {
		b.Fatal(err)
	}
	if err := recordtest.Adopt(b.Context(), dir, "large", h, o); err != nil {
		b.Fatal(err)
	}
}
