// Package evaluate trains and measures networks in processes of their own.
//
// [Local] is the evaluator of this machine. It starts one worker (command
// lemonade-worker) per trial and one that parses programs, and turns whatever
// may happen to a worker, be it exhausted memory, a hang, a crash or a NaN, into
// a result with a reason. Four things bound a worker:
//
//   - its process group, which is killed as a whole, so that nothing it started
//     outlives it;
//   - its standard input: it ends when that closes, which the kernel sees to
//     when this process dies, however it dies;
//   - a deadline;
//   - a watchdog over the group's resident memory, so that the kernel never has
//     to choose a victim.
//
// Workers get no secret: variables that look like keys are not in their
// environment.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Evaluator trains and measures a network.
//
// A training that breaks a limit of the job's budget, or will, is stopped and its
// result is of state [trial.Infeasible], with what was measured until then. A returned error means that no trial can be evaluated here: there is no
// worker, or no XLA plugin. What befalls the one trial is in its result, of
// state [trial.Failed] with a reason such as "out-of-memory: …". When ctx is
// cancelled the error is ctx.Err(). The progress function may be nil; it is
// called from Evaluate's goroutine.
type Evaluator interface {
	Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error)
	Describe() Description
}

// Parser runs an architecture program with symbolic tensors. An error in the
// program is a [*ProgramError]; any other error is not the program's.
type Parser interface {
	Parse(ctx context.Context, source string, input arch.Input, classes int) (*arch.Program, error)
}

// Description says on what an evaluator trains.
type Description struct {
	Engine    string // "gomlx v0.28.2"; part of every trial key
	Precision string // what a job of no precision is trained in; part of every trial key
	Device    string // "cpu", "cuda" with the device's own name
	Machine   string // the processor, and how many of its threads there are to use
	Backend   string // value of GOMLX_BACKEND in the workers
	Meter     string // method by which energy is measured, as in trial.Measurement

	Profile time.Duration // that measuring a network may take whatever a job says; 0 where the job decides
}

// Options of [Open]. The zero value is right for most.
type Options struct {
	Worker      string        // the worker binary; default [home.Worker], which builds it once
	Deadline    time.Duration // of a trial whose budget has none; default 6 h
	MemoryLimit int64         // bytes a worker may use; default three quarters of what is available when it starts
	ParseTime   time.Duration // processor time one program may take; default 2 s
	ParseMemory int64         // bytes the parsing of a program may use; default 512 MiB
	Meter       string        // that is asked for, as in LEMONADE_METER; default the best that there is
	ParseOnly   bool          // only [Local.Parse] is needed: no XLA plugin is looked for or installed
	Log         func(string)  // told about long steps: building the worker, installing the plugin
}

func (o *Options) ensureDefaults() {
	if o.Deadline == 0 {
		o.Deadline = 6 * time.Hour
	}
	if o.ParseTime == 0 {
		o.ParseTime = 2 * time.Second
	}
	if o.ParseMemory == 0 {
		o.ParseMemory = 512 << 20
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
}

func (o Options) validate() error {
	var faults []error
	if o.Deadline < 0 {
		faults = append(faults, fmt.Errorf("evaluate: deadline %v is negative: leave it out for the default", o.Deadline))
	}
	if o.MemoryLimit < 0 {
		faults = append(faults, fmt.Errorf("evaluate: memory limit of %d bytes is negative: leave it out for the default", o.MemoryLimit))
	}
	if o.ParseTime < 0 {
		faults = append(faults, fmt.Errorf("evaluate: parse time %v is negative: leave it out for the default", o.ParseTime))
	}
	if o.ParseMemory < 0 || o.ParseMemory > 0 && o.ParseMemory < 128<<20 {
		faults = append(faults, fmt.Errorf("evaluate: parse memory of %d bytes is under 128 MiB, which the worker itself needs", o.ParseMemory))
	}
	return errors.Join(faults...)
}

// Local evaluates on this machine. Its methods may be called concurrently, but
// workers that train at the same time disturb each other's measurements.
type Local struct {
	options Options
	about   Description
	parser  parser

	ctx    context.Context // ends with Close, and every worker with it
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed, so that no call joins work once Close waits
	closed bool
	work   sync.WaitGroup // calls of Evaluate
}

var (
	errClosed    = errors.New("evaluate: the evaluator is closed")
	errParseOnly = errors.New("evaluate: it was opened to parse programs alone: open it without Options.ParseOnly")
)

// Open makes this machine ready to evaluate: it finds or builds the worker,
// checks that both speak the same protocol, finds or installs the XLA plugin and
// opens it once, all told to Options.Log. The first time takes minutes, later
// ones about a second. Call Close when done.
func Open(ctx context.Context, o Options) (_ *Local, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.ensureDefaults()
	if o.Worker == "" {
		if o.Worker, err = home.Worker(ctx, o.Log); err != nil {
			return nil, err
		}
	}
	dir, err := home.Dir()
	if err != nil {
		return nil, err
	}
	l := &Local{options: o}
	l.parser = parser{options: o}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.parser.warm(ctx); err != nil { // the cheapest worker is the first to shake hands
		_ = l.Close()
		return nil, err
	}
	if o.ParseOnly {
		return l, nil
	}
	if l.about, err = openBackend(ctx, o, filepath.Join(dir, "plugins")); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Describe says on what this machine trains; with Options.ParseOnly, nothing.
func (l *Local) Describe() Description { return l.about }

// Parse runs the program in a worker under the options' limits of time and
// memory. The worker stays warm, so a program takes milliseconds.
func (l *Local) Parse(ctx context.Context, source string, input arch.Input, classes int) (*arch.Program, error) {
	return l.parser.parse(ctx, source, input, classes)
}

// Close ends every worker and waits until they are gone. Its error is always nil.
func (l *Local) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.work.Wait()
	l.parser.close()
	return nil
}

// openBackend runs a worker in mode plugin.
func openBackend(ctx context.Context, o Options, dir string) (Description, error) {
	env := workerEnv(os.Environ(), nil)
	c, err := start(o.Worker, []string{"plugin", "-dir", dir, "-meter", o.Meter}, env, o.Log)
	if err != nil {
		return Description{}, err
	}
	defer c.stop()
	hello, err := c.handshake(ctx)
	if err != nil {
		return Description{}, err
	}
	m, err := c.next(ctx)
	switch {
	case ctx.Err() != nil:
		return Description{}, ctx.Err()
	case errors.As(err, new(*unusableError)):
		return Description{}, err
	case err != nil:
		c.bury(err)
		return Description{}, fmt.Errorf("evaluate: the worker ended while it opened XLA: %s", c.reason(false, 0))
	case m.Backend == nil:
		return Description{}, fmt.Errorf("evaluate: the worker %s answered something other than its backend: %s", o.Worker, mendVersions)
	}
	return Description{Engine: hello.Engine, Precision: m.Backend.Precision, Device: m.Backend.Device, Machine: m.Backend.Machine, Backend: m.Backend.Name, Meter: m.Backend.Meter}, nil
}

// Evaluate trains and measures the job's network in a worker of its own.
func (l *Local) Evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	if l.options.ParseOnly {
		return trial.Result{}, errParseOnly
	}
	if job.Network == nil {
		return trial.Result{}, errors.New("evaluate: the job has no network")
	}
	if err := job.Network.Validate(); err != nil {
		return trial.Result{}, fmt.Errorf("evaluate: the job's network: %w", err)
	}
	if !l.enter() {
		return trial.Result{}, errClosed
	}
	defer l.work.Done()
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	result, err := l.evaluate(both, job, progress)
	switch {
	case err == nil || both.Err() == nil:
		return result, err
	case ctx.Err() != nil:
		return trial.Result{}, ctx.Err()
	default:
		return trial.Result{}, errClosed
	}
}

// enter announces a call of Evaluate, and reports whether it may go on.
func (l *Local) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.work.Add(1)
	}
	return !l.closed
}

func (l *Local) evaluate(ctx context.Context, job trial.Job, progress func(trial.Progress)) (trial.Result, error) {
	if job.Precision == "" {
		job.Precision = l.about.Precision
	}
	if job.Account.Meter == "" {
		job.Account.Meter = l.options.Meter
	}
	deadline := job.Budget.Deadline
	if deadline <= 0 {
		deadline = l.options.Deadline
	}
	limit := l.options.MemoryLimit
	if limit == 0 {
		limit = available("/") / 4 * 3
	}
	if progress == nil {
		progress = func(trial.Progress) {}
	}

	began, ooms := time.Now(), oomKills()
	env := workerEnv(os.Environ(), trainEnv(l.about.Backend))
	c, err := start(l.options.Worker, []string{"train"}, env, nil)
	if err != nil {
		return trial.Result{}, err
	}
	defer c.stop()
	go c.watch(limit, 50*time.Millisecond, "the training")
	if _, err := c.handshake(ctx); err != nil {
		return trial.Result{}, err
	}
	started := time.Since(began)
	late := time.AfterFunc(deadline, func() { c.kill(fmt.Sprintf("%s: the trial ran longer than %v", trial.Timeout, deadline)) })
	defer late.Stop()
	c.send(trial.Envelope{Job: &job})

	var last trial.Progress
	var curve []trial.Epoch
	for {
		m, err := c.next(ctx)
		switch {
		case ctx.Err() != nil:
			return trial.Result{}, ctx.Err()
		case errors.As(err, new(*unusableError)):
			return trial.Result{}, err
		case err != nil:
			c.bury(err)
			reason := c.reason(oomKills() > ooms, limit) + where(last)
			return trial.Result{State: trial.Failed, Reason: reason, Curve: curve, Device: l.about.Device, Engine: l.about.Engine}, nil
		case m.Progress != nil:
			last = *m.Progress
			if last.Report != nil {
				curve = append(curve, *last.Report)
			}
			progress(last)
		case m.Result != nil:
			if s := m.Result.State; s != trial.Complete && s != trial.Failed && s != trial.Infeasible {
				return trial.Result{}, &unusableError{fmt.Sprintf("the worker %s ended a trial in state %q: %s", c.path, m.Result.State, mendVersions)}
			}
			if len(m.Result.Curve) == 0 {
				m.Result.Curve = curve
			}
			ended := time.Now()
			c.stop()
			if m.Result.Seconds == nil {
				m.Result.Seconds = map[string]float64{}
			}
			m.Result.Seconds[trial.PhaseStart], m.Result.Seconds[trial.PhaseStop] = started.Seconds(), time.Since(ended).Seconds()
			return *m.Result, nil
		}
	}
}

// where tells how far a trial had come that ended without a result.
func where(p trial.Progress) string {
	switch {
	case p.Phase == "":
		return ""
	case p.Epoch > 0:
		return fmt.Sprintf(" (phase %s, epoch %d of %d)", p.Phase, p.Epoch, p.Epochs)
	default:
		return fmt.Sprintf(" (phase %s)", p.Phase)
	}
}
