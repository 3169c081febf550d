package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
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

// BenchmarkAugmentation times a training step that takes images as they are beside
// one that changes them in every way. The two alternate, so that what else the
// machine does falls on both.
func BenchmarkAugmentation(b *testing.B) {
	plain, _ := benchmarkStepper(b, strings.Replace(benchmarkProgram, "batch_size = 128", "batch_size = 128, flip = False", 1))
	moved, _ := benchmarkStepper(b, strings.Replace(benchmarkProgram, "batch_size = 128", "batch_size = 128, crop = 4", 1))
	all, _ := benchmarkStepper(b, strings.Replace(benchmarkProgram, "batch_size = 128", "batch_size = 128, crop = 4, turn = True, cutout = 16, mixup = 0.2", 1))
	steps := []func() error{plain, moved, all}
	spent := make([]time.Duration, len(steps))
	for b.Loop() {
		for k, step := range steps {
			before := processorTime(b)
			if err := step(); err != nil {
				b.Fatal(err)
			}
			spent[k] += processorTime(b) - before
		}
	}
	for k, name := range []string{"plain", "flip+crop", "all"} {
		b.ReportMetric(float64(spent[k].Microseconds())/1000/float64(b.N), name+"-cpu-ms")
	}
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

// BenchmarkRecurrent compares an LSTM of 64 units over texts as a loop with the
// same cell written out for every token: the seconds of building and compiling
// training, evaluation and inference, and a training step of 32 texts. On two
// cores of an EPYC that others used too:
//
//	go test ./lemonade/engine -run XXX -bench Recurrent -benchtime 10x -timeout 30m
//
//	                 compile-s  cpu-ms/op
//	loop of 256            3.6         46
//	loop of 32             4.1          5
//	unrolled of 32          26         81
//	unrolled of 64          67        131
//
// Unrolled over 256 tokens it was still compiling after 26 minutes, in 20 GB.
func BenchmarkRecurrent(b *testing.B) {
	for _, c := range []struct {
		name   string
		states func(cell) *Node
		steps  int
	}{{"loop", lstmStates, 256}, {"loop", lstmStates, 32}, {"unrolled", unrolled, 32}, {"unrolled", unrolled, 64}} {
		b.Run(fmt.Sprintf("%s of %d", c.name, c.steps), func(b *testing.B) {
			builders["lstm"] = recurrentLayer(c.states)
			defer func() { builders["lstm"] = recurrentLayer(lstmStates) }()
			program := parse(b, `
def network(x, classes):
    mask = token_mask(x)
    return dense(lstm(embedding(x, 64), 64, sequences = False, mask = mask), classes)

def recipe():
    return training(batch_size = 32)
`, arch.Tokens{Length: c.steps, Vocabulary: 1000}, 2)
			began := time.Now()
			step, _, close, err := testEngine(b).Stepper(Job{Network: program.Network, Recipe: program.Recipe, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(close)
			if err := step(); err != nil {
				b.Fatal(err)
			}
			compiled := time.Since(began).Seconds()
			timed(b, step)
			b.ReportMetric(compiled, "compile-s")
		})
	}
}

// unrolled is lstmStates with a copy of the cell for every step, and the gradient
// that GoMLX makes of it.
func unrolled(c cell) *Node {
	t, n, u := c.dims(4)
	h, memory := c.zeros(n, u), c.zeros(n, u)
	var all []*Node
	for k := range t {
		at := func(x *Node) *Node { return Squeeze(Slice(x, AxisElem(k)), 0) }
		gates := Split(Add(at(c.inputs), Dot(h, c.recurrent).Product()), -1, 4)
		next := Add(Mul(Sigmoid(gates[1]), memory), Mul(Sigmoid(gates[0]), Tanh(gates[2])))
		var mask []*Node
		if c.mask != nil {
			mask = []*Node{at(c.mask)}
		}
		held := c.hold(mask, []*Node{h, memory}, []*Node{Mul(Sigmoid(gates[3]), Tanh(next)), next})
		h, memory = held[0], held[1]
		all = append(all, ExpandAxes(h, 0))
	}
	return Concatenate(all, 0)
}
