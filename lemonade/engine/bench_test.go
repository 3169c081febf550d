package engine

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// benchmarkProgram is a plain network of about 140 thousand parameters and 29 million MACs.
const benchmarkProgram = `
def block(x, filters):
    return relu(batch_norm(conv(x, filters, bias = False)))

def network(x, classes):
    x = block(block(x, 32), 32)
    x = block(block(max_pool(x), 64), 64)
    x = block(max_pool(x), 128)
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(batch_size = 128)
`

func benchmarkStepper(b *testing.B, source string) (step, infer func() error) {
	program := parse(b, source, arch.Shape{32, 32, 3}, 10)
	step, infer, close, err := testEngine(b).Stepper(Job{Network: program.Network, Recipe: program.Recipe, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(close)
	for range 2 { // the first step initialises
		if err := step(); err != nil {
			b.Fatal(err)
		}
		if err := infer(); err != nil {
			b.Fatal(err)
		}
	}
	return step, infer
}

// BenchmarkTrainStep times one training step on 128 images of 32×32×3.
func BenchmarkTrainStep(b *testing.B) {
	step, _ := benchmarkStepper(b, benchmarkProgram)
	timed(b, step)
}

// BenchmarkInference times the classification of 128 images of 32×32×3.
func BenchmarkInference(b *testing.B) {
	_, infer := benchmarkStepper(b, benchmarkProgram)
	timed(b, infer)
}

// timed reports the processor time of a call beside its wall time, which other
// processes disturb.
func timed(b *testing.B, call func() error) {
	before := processorTime(b)
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func processorTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
