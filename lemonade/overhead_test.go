package lemonade_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/record/recordtest"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var many = flag.Int("trials", 10_000, "trials of the studies that benchmarks are made on")

// noTraining is an evaluator that makes its measurements up, so that what is left of
// a trial is the study's own work.
type noTraining struct{ rng *rand.Rand }

func (noTraining) Describe() evaluate.Description {
	return evaluate.Description{Engine: "none", Precision: "float32", Device: "none"}
}

func (e noTraining) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	r := recordtest.Result(e.rng, job.Network.Costs())
	for i := range r.Curve {
		progress(trial.Progress{Phase: trial.PhaseTrain, Epoch: r.Curve[i].Epoch, Epochs: len(r.Curve), Report: &r.Curve[i]})
	}
	return r, ctx.Err()
}

// BenchmarkLarge measures what a study of many trials costs beside its trainings.
func BenchmarkLarge(b *testing.B) {
	dir := b.TempDir()
	makeLarge(b, dir)
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		done := spent(b)
		for b.Loop() {
			openLarge(b, dir).Close()
		}
		done()
	})
	// Everything of a trial but its training, at the end of the study: advice,
	// proposal, parsing, the record, the score.
	b.Run("Trial", func(b *testing.B) {
		s := openLarge(b, dir)
		defer s.Close()
		n := len(s.Trials())
		report := func() {}
		err := s.Run(b.Context(), lemonade.RunOptions{Trials: n + 1 + b.N, On: func(e lemonade.Event) {
			if e.Kind == lemonade.Ended && e.Trial.ID == n+1 { // the trials after the first are what is measured
				b.ResetTimer()
				report = spent(b)
			}
		}})
		report()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(heapMB(), "heap-MB")
		runtime.KeepAlive(s)
	})
}

func openLarge(b *testing.B, dir string) *lemonade.Study {
	b.Helper()
	s, err := lemonade.Open(b.Context(), "large", lemonade.Options{Dir: dir, Evaluator: noTraining{rand.New(rand.NewPCG(1, 1))}})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// spent reports the processor's time of each operation beside the clock's, which
// is longer where the machine is busy.
func spent(b *testing.B) func() {
	before := processorTime()
	return func() {
		b.ReportMetric(float64((processorTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	}
}

func processorTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapMB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// makeLarge makes the study of many trials.
func makeLarge(b *testing.B, dir string) {
	b.Helper()
	s, err := lemonade.Open(b.Context(), "large", lemonade.Options{Dir: dir, Data: "digits"})
	if err != nil {
		b.Fatal(err)
	}
	s.Close()
	h, o, err := recordtest.History(*many, false)
	if err != nil {
		b.Fatal(err)
	}
	if err := recordtest.Adopt(b.Context(), dir, "large", h, o); err != nil {
		b.Fatal(err)
	}
}
