package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

// benchOptions are those of mode bench.
type benchOptions struct {
	network   string // a name of package networks, or a file with a program
	batch     int
	precision string
	length    time.Duration // of each measurement
	asJSON    bool
}

// benched is what mode bench tells.
type benched struct {
	Network   string   `json:"network"`
	Params    int64    `json:"params"`
	MACs      int64    `json:"macs"`
	Batch     int      `json:"batch"`
	Precision string   `json:"precision"`
	Device    string   `json:"device"`
	Engine    string   `json:"engine"`
	Compile   float64  `json:"compile_s"` // upload and first steps included
	Training  stepTime `json:"training"`
	Inference stepTime `json:"inference"`
}

// stepTime is the time of one step or batch.
type stepTime struct {
	Steps  int     `json:"steps"`
	Median float64 `json:"median_ms"`
	Low    float64 `json:"q1_ms"`
	High   float64 `json:"q3_ms"`
	Rate   float64 `json:"samples_per_s"`
	Host   float64 `json:"cpu_ms"` // processor time of this process per step

	// Busy is the share of the time that the device computes: NVML's utilisation of
	// a GPU, the processor time over all cores of a CPU. It is nil where unknown.
	Busy *float64 `json:"busy"`
}

// bench times the steps of one network and prints a table, or JSON.
func bench(ctx context.Context, o benchOptions, out io.Writer) error {
	if err := tuned(); err != nil {
		return err
	}
	p, err := benchProgram(o.network)
	if err != nil {
		return err
	}
	if o.batch > 0 {
		p.Recipe.BatchSize = o.batch
	}
	dir, err := home.Dir()
	if err != nil {
		return err
	}
	backend, err := plugin.Ensure(ctx, filepath.Join(dir, "plugins"), func(text string) { fmt.Fprintln(os.Stderr, text) })
	if err != nil {
		return err
	}
	e, err := engine.Open(backend)
	if err != nil {
		return err
	}
	defer e.Close()
	if o.precision == "" {
		o.precision = precision(e.Device())
	}
	var gpus energy.Meter
	if !onCPU(e.Device()) {
		if gpus, err = openMeter(e.Device(), ""); err != nil {
			return err
		}
		defer func() { _ = gpus.Close() }() // nothing is left to lose
	}

	costs := p.Network.Costs()
	r := benched{
		Network: o.network, Params: costs.Params, MACs: costs.MACs, Batch: p.Recipe.BatchSize,
		Precision: o.precision, Device: e.Device(), Engine: e.Version(),
	}
	began := time.Now()
	train, infer, release, err := e.Stepper(engine.Job{Network: p.Network, Recipe: p.Recipe, Epochs: 1, Precision: o.precision})
	if err != nil {
		return err
	}
	defer release()
	for _, step := range []func() error{train, infer} { // the first ones initialise
		if err := step(); err != nil {
			return err
		}
	}
	r.Compile = time.Since(began).Seconds()
	for _, m := range []struct {
		to   *stepTime
		step func() error
	}{{&r.Training, train}, {&r.Inference, infer}} {
		if *m.to, err = timeSteps(ctx, m.step, o.length, r.Batch, &busyness{meter: gpus}); err != nil {
			return err
		}
	}
	if o.asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err = io.WriteString(out, r.String())
	return err
}

// tuned starts this program anew with the settings of the C library's allocator that
// a study's workers get: it reads them when a process starts.
func tuned() error {
	missing := slices.DeleteFunc(evaluate.Tuning(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		_, set := os.LookupEnv(name)
		return set
	})
	if len(missing) == 0 {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", self, unix.Exec(self, os.Args, append(os.Environ(), missing...)))
}

// benchProgram is the network of that name, or the program in that file for CIFAR's images.
func benchProgram(name string) (*arch.Program, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		n, unknown := networks.Find(name)
		if unknown != nil {
			return nil, fmt.Errorf("%w, or a file with a program: %w", unknown, err)
		}
		return n.Program()
	}
	return arch.Parse(string(text), arch.Shape{32, 32, 3}, 10)
}

// timeSteps takes steps for that long, at least five.
func timeSteps(ctx context.Context, step func() error, length time.Duration, batch int, busy *busyness) (stepTime, error) {
	var each []float64
	busy.begin()
	began, cpu := time.Now(), processorSeconds()
	for len(each) < 5 || time.Since(began) < length {
		if err := ctx.Err(); err != nil {
			return stepTime{}, err
		}
		at := time.Now()
		if err := step(); err != nil {
			return stepTime{}, err
		}
		each = append(each, 1e3*time.Since(at).Seconds())
	}
	wall, used := time.Since(began).Seconds(), processorSeconds()-cpu
	slices.Sort(each)
	n := len(each)
	return stepTime{
		Steps: n, Median: each[n/2], Low: each[n/4], High: each[n*3/4],
		Rate: float64(n*batch) / wall, Host: 1e3 * used / float64(n), Busy: busy.end(wall, used),
	}, nil
}

func processorSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// busyness tells how busy a device is.
type busyness struct {
	meter  energy.Meter // of the GPUs; nil for a CPU
	shares []float64
	quit   chan struct{}
	ended  chan struct{}
}

const (
	busyPoll = 100 * time.Millisecond
	busyLag  = time.Second // NVML tells of up to so long ago
)

// begin watches until end.
func (b *busyness) begin() {
	if b.meter == nil {
		return
	}
	b.quit, b.ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(b.ended)
		began := time.Now()
		for {
			select {
			case <-b.quit:
				return
			case <-time.After(busyPoll):
			}
			if share, ok := energy.Utilization(b.meter); ok && time.Since(began) > busyLag {
				b.shares = append(b.shares, share)
			}
		}
	}()
}

// end returns the share of that time in which the device was busy, nil where that is
// unknown: a GPU's by NVML, a CPU's from the processor time.
func (b *busyness) end(wall, cpu float64) *float64 {
	share := cpu / wall / float64(runtime.NumCPU())
	if b.meter == nil {
		return &share
	}
	close(b.quit)
	<-b.ended
	if len(b.shares) == 0 {
		return nil
	}
	share = 0
	for _, s := range b.shares {
		share += s / float64(len(b.shares))
	}
	return &share
}

func (r benched) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s parameters, %s multiply-accumulates a sample, batch %d, %s\n%s, %s; uploaded and compiled in %.1f s\n\n",
		r.Network, grouped(r.Params), grouped(r.MACs), r.Batch, r.Precision, r.Device, r.Engine, r.Compile)
	fmt.Fprintf(&b, "%-10s %12s %19s %12s %14s %6s\n", "", "step, ms", "quartiles", "samples/s", "host cpu, ms", "busy")
	for _, row := range []struct {
		name string
		stepTime
	}{{"training", r.Training}, {"inference", r.Inference}} {
		busy := "unknown"
		if row.Busy != nil {
			busy = fmt.Sprintf("%.0f %%", 100*(*row.Busy))
		}
		fmt.Fprintf(&b, "%-10s %12.3f %19s %12.0f %14.3f %6s\n",
			row.name, row.Median, fmt.Sprintf("%.3f–%.3f", row.Low, row.High), row.Rate, row.Host, busy)
	}
	return b.String()
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
