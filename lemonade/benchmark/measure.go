package benchmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// MeasureOptions say what [Measure] measures. Zero values take their defaults.
type MeasureOptions struct {
	Data    string        // name of the data set; needed
	Partial bool          // take a copy of Data that has fewer samples than were published, and mark the report
	Times   int           // runs of each network; default 10
	Profile time.Duration // budget of the measurement of inference in each run; default the profiler's own
	Log     func(string)  // told about each run that ended, and about long steps
}

func (o MeasureOptions) complete() (MeasureOptions, error) {
	var faults []error
	if o.Data == "" {
		faults = append(faults, errors.New("data: none is named"))
	}
	if o.Times < 0 {
		faults = append(faults, fmt.Errorf("times: %d is not a positive number", o.Times))
	} else if o.Times == 0 {
		o.Times = 10
	}
	if o.Profile < 0 {
		faults = append(faults, fmt.Errorf("profile: %v is not a positive duration", o.Profile))
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o, errors.Join(faults...)
}

// How each run trains: enough for the training's energy to be read.
const (
	measureSamples = 1000
	measureEpochs  = 1
)

// chain is a network of the given number of equal blocks, as an architecture
// program. Large images are halved, so that a run takes seconds on a processor.
const chain = `def network(x, classes):
    x = relu(conv(x, 64, stride = 2 if x.shape[0] > 16 else 1))
    for i in range(%d):
        x = relu(batch_norm(conv(x, 64)))
    return dense(global_avg_pool(x), classes)
`

// textChain is chain for texts.
const textChain = `def network(x, classes):
    x = embedding(x, 64)
    for i in range(%d):
        x = relu(batch_norm(conv1d(x, 64, kernel = 3)))
    return dense(global_avg_pool(x), classes)
`

// pair returns the two networks that [Measure] holds against each other, for
// samples of that data set: a chain of convolutions and one of twice as many. The
// first and the last layer, which both have once, are less than two per cent of the work.
func pair(info datasets.Info) (single, double MeasuredNetwork, err error) {
	for _, n := range []struct {
		is     *MeasuredNetwork
		name   string
		blocks int
	}{{&single, "single", 4}, {&double, "double", 8}} {
		source := fmt.Sprintf(chain, n.blocks)
		if info.Vocabulary > 0 {
			source = fmt.Sprintf(textChain, n.blocks)
		}
		p, err := arch.Parse(source, arch.InputOf(info.Shape, info.Vocabulary), len(info.ClassNames))
		if err != nil {
			return single, double, fmt.Errorf("the %s network: %w", n.name, err)
		}
		costs := p.Network.Costs()
		*n.is = MeasuredNetwork{Name: n.name, Program: source, Params: costs.Params, MACs: costs.MACs, Runs: []trial.Metrics{}, program: p}
	}
	if times := float64(double.MACs) / float64(single.MACs); times < 1.98 || times > 2.02 {
		return single, double, fmt.Errorf("the double network has %.2f times the multiply-accumulates of the single one on samples of %v, which is not twice", times, info.Shape)
	}
	return single, double, nil
}

// Measure tells how repeatable the measurements of this machine are. A network and
// one of twice the work are trained briefly and profiled in turn, each run with the
// same seed in a process of its own, as a study does it. Where ctx is cancelled, the
// report is of the runs up to there and the error is ctx.Err().
func Measure(ctx context.Context, o MeasureOptions) (_ MeasureReport, err error) {
	o, err = o.complete()
	if err != nil {
		return MeasureReport{}, err
	}
	account, err := carbon.Account(carbon.Options{})
	if err != nil {
		return MeasureReport{}, err
	}
	load := loadAverage("/proc/loadavg")
	ref, err := prepare(ctx, o)
	if err != nil {
		return MeasureReport{}, err
	}
	worker, err := evaluate.Open(ctx, evaluate.Options{Log: o.Log})
	if err != nil {
		return MeasureReport{}, err
	}
	defer func() { err = errors.Join(err, worker.Close()) }()

	r, err := measure(ctx, o, ref.Info, worker, trial.Job{
		Data:    trial.Data{Name: ref.Name, Dir: ref.Dir, TrainSamples: measureSamples, Fingerprint: datasets.Fingerprint(ref, measureSamples)},
		Budget:  trial.Budget{Epochs: measureEpochs, Profile: o.Profile},
		Account: account,
		Seed:    1,
	})
	r.Load = load
	return r, err
}

// prepare finds or downloads the data where studies have it.
func prepare(ctx context.Context, o MeasureOptions) (datasets.Ref, error) {
	dir, err := home.Dir()
	if err != nil {
		return datasets.Ref{}, err
	}
	told := time.Time{}
	ref, err := datasets.Prepare(ctx, o.Data, datasets.Options{Cache: filepath.Join(dir, "data"), Partial: o.Partial, Progress: func(done, total int64, what string) {
		if time.Since(told) > time.Second {
			told = time.Now()
			o.Log(fmt.Sprintf("%s: %d of %d MB", what, done/1e6, total/1e6))
		}
	}})
	for _, note := range ref.Notes {
		o.Log(note)
	}
	return ref, err
}

// measure runs the two networks in turn, each as that job.
func measure(ctx context.Context, o MeasureOptions, info datasets.Info, e evaluate.Evaluator, job trial.Job) (MeasureReport, error) {
	single, double, err := pair(info)
	if err != nil {
		return MeasureReport{}, err
	}
	about := e.Describe()
	r := MeasureReport{Data: o.Data, Partial: info.Partial(), Times: o.Times, Profile: o.Profile.Seconds(), Device: about.Device, Engine: about.Engine}
	run := func(n *MeasuredNetwork) error {
		job.Network, job.Recipe = n.program.Network, n.program.Recipe
		result, err := e.Evaluate(ctx, job, nil)
		if err != nil {
			return err
		}
		at := fmt.Sprintf("%s, run %d of %d", n.Name, len(n.Runs)+1, o.Times)
		if result.State != trial.Complete {
			return fmt.Errorf("%s: %s: %s", at, result.State, result.Reason)
		}
		n.Runs = append(n.Runs, result.Metrics)
		o.Log(fmt.Sprintf("%s: latency %s, inference energy %s", at, written(result.Metrics, trial.Latency), written(result.Metrics, trial.InferenceEnergy)))
		return nil
	}
	for range o.Times {
		if err = run(&single); err != nil {
			break
		}
		if err = run(&double); err != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		return MeasureReport{}, err
	}
	r.judge(single, double)
	return r, err
}

// written is a metric's value as text.
func written(metrics trial.Metrics, m trial.Metric) string {
	if v, ok := metrics[m]; ok {
		return objective.Format(m, v.Value)
	}
	return "unknown"
}

// loadAverage returns how many processes wanted to run on average over the last
// minute, or nil where the system does not tell: see proc_loadavg(5).
func loadAverage(path string) *float64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return nil
	}
	return &load
}
