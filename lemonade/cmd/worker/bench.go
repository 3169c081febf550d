package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	networks  string // names of package networks or files with a program, with commas between; or all
	batch     int
	precision string
	length    time.Duration // of each measurement
	asJSON    bool
	markdown  bool
}

// bench times the steps of networks and prints a table, or JSON.
func bench(ctx context.Context, o benchOptions, out io.Writer) error {
	if err := tuned(); err != nil {
		return err
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
	var list []benched
	for _, name := range benchNames(o.networks, gpus != nil) {
		r, err := benchOne(ctx, e, gpus, name, o)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: uploaded and compiled in %.1f s; a training step takes %.3g ms\n", name, r.Compile, r.Training.Median)
		list = append(list, r)
	}
	if o.asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	return writeBenched(out, list, o.markdown)
}

// benchNames are the networks of a list with commas, or all that such a device is for.
func benchNames(list string, gpu bool) []string {
	if list != "all" {
		return strings.Split(list, ",")
	}
	var names []string
	for _, n := range networks.All {
		if gpu || !n.Large {
			names = append(names, n.Name)
		}
	}
	return names
}

// benchOne times one network; gpus is nil on a CPU.
func benchOne(ctx context.Context, e *engine.Engine, gpus energy.Meter, name string, o benchOptions) (r benched, err error) {
	p, err := benchProgram(name)
	if err != nil {
		return r, err
	}
	if o.batch > 0 {
		p.Recipe.BatchSize = o.batch
	}
	costs := p.Network.Costs()
	r = benched{
		Network: name, Params: costs.Params, MACs: costs.MACs, Batch: p.Recipe.BatchSize,
		Precision: o.precision, Device: e.Device(), Engine: e.Version(), Date: time.Now().UTC().Format(time.DateOnly),
	}
	began := time.Now()
	train, infer, release, err := e.Stepper(engine.Job{Network: p.Network, Recipe: p.Recipe, Epochs: 1, Precision: o.precision})
	if err != nil {
		return r, err
	}
	defer release()
	for _, step := range []func() error{train, infer} { // the first ones initialise
		if err := step(); err != nil {
			return r, err
		}
	}
	r.Compile = time.Since(began).Seconds()
	if r.Training, err = timeSteps(ctx, train, o.length, r.Batch, &busyness{meter: gpus}); err != nil {
		return r, err
	}
	r.Inference, err = timeSteps(ctx, infer, o.length, r.Batch, &busyness{meter: gpus})
	return r, err
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
