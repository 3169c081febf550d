// Package engine trains and runs networks on GoMLX and XLA. It is the only
// package that touches GoMLX.
//
// [Open] starts a backend, [Engine.Train] trains one network and returns a
// [Model], which predicts, saves and loads. How a training runs:
//
//   - The samples it needs lie on the device, images as uint8 and tokens as int32.
//     A step sends a vector of indices and a handful of numbers; gathering,
//     normalising, mirroring, cropping and dropping tokens happen in the graph.
//     Samples that are too many for the device stay on the host, and a step sends
//     its own; the result is the same to the bit.
//   - Shapes are fixed, so each phase compiles once: the ragged remainder of an
//     epoch is dropped in training (every epoch deals a new permutation, so no
//     sample is left out for good), and padded and masked in evaluation, whose
//     counts are exact.
//   - GoMLX builds graphs in code that panics and runs them in code that returns
//     errors. Both become errors in one place, [guard].
//   - With the same seed, plugin and processor, training on a CPU gives the same
//     weights bit for bit.
package engine

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// The kinds of failure that a trial may end with. Test for them with [errors.Is].
var (
	ErrNaN         = errors.New("the loss is not finite")
	ErrCompile     = errors.New("the network does not compile")
	ErrOutOfMemory = errors.New("out of memory")
)

// The precisions of a job. Weights, batch-norm statistics, softmax and loss are
// float32 in both.
const (
	Float32  = "float32"
	BFloat16 = "bfloat16" // activations, and the kernels as they are used
)

// Engine is a started backend with its device.
type Engine struct {
	backend compute.Backend
	gpu     bool
	nudge   *graph.Exec // what Synchronize runs; nil before its first call

	residentMax int64 // bytes of samples that are kept on the device; 0 is no limit
}

// Open starts a backend named as in GOMLX_BACKEND: "xla:cpu", "xla:cuda" or
// "xla:/path/of/plugin.so"; package plugin finds one. A process opens one engine.
func Open(backend string) (*Engine, error) {
	xla.EnableAutoInstall(false) // package plugin installs; nothing is downloaded behind a user's back
	if err := tameCPUPlugin(backend); err != nil {
		return nil, err
	}
	e := &Engine{}
	err := guard("start backend "+backend, func() (err error) {
		e.backend, err = compute.NewWithConfig(backend)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w; set GOMLX_BACKEND to xla:/path/of/pjrt_plugin.so", err)
	}
	if b, ok := e.backend.(*xla.Backend); ok {
		e.gpu = !b.IsCPU() && !strings.Contains(strings.ToLower(e.backend.Description()), "cpu")
	}
	if e.residentMax, err = residentMax(e.gpu); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// residentVar names the bytes of samples, in GB, that are kept on the device.
const residentVar = "LEMONADE_RESIDENT"

// residentMax is what [residentVar] says; else half the memory of a GPU of 8 GB, and
// on a CPU no limit, since the device's memory is the host's there. The plugins do
// not tell how much memory a device has.
func residentMax(gpu bool) (bytes int64, err error) {
	set := os.Getenv(residentVar)
	if set == "" {
		if gpu {
			return 4e9, nil
		}
		return 0, nil
	}
	gb, err := strconv.ParseFloat(set, 64)
	if err != nil || !(gb > 0) || gb > 1e6 {
		return 0, fmt.Errorf("%s=%s: give the GB of samples that may lie on the device, such as 4; larger data sets are streamed", residentVar, set)
	}
	return max(1, int64(gb*1e9)), nil
}

// CPUFlags is what XLA is told on a processor, unless XLA_FLAGS says another: which
// operations recent plugins leave to a library of kernels that they have beside their
// own (YNNPACK). Products and reductions take half the time there. With all that the
// plugin would choose by itself bfloat16 networks evaluate to NaN.
const CPUFlags = cpuFlag + "INDIVIDUAL_DOT,REDUCE"

const cpuFlag = "--xla_cpu_experimental_ynn_fusion_type="

// tameCPUPlugin sets CPUFlags. XLA reads its flags from the environment when the plugin
// is loaded; flags that a user set win.
func tameCPUPlugin(backend string) error {
	flags := os.Getenv("XLA_FLAGS")
	if strings.Contains(backend, "cuda") || strings.Contains(flags, cpuFlag) {
		return nil
	}
	return os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" "+CPUFlags))
}

// Version names the engine, as in the handshake and the trial key.
func (e *Engine) Version() string { return Version }

// Version names the engine; a test compares it with go.mod.
const Version = "gomlx v0.28.2"

// Device describes what the engine runs on: the GPU as its plugin names it, or
// the processor's model with the number of its threads.
func (e *Engine) Device() string {
	if e.gpu {
		return strings.TrimSpace(e.backend.DeviceDescription(0))
	}
	return "cpu " + Machine()
}

// Machine describes this machine: the processor's model with the number of its
// threads that there are to use.
func Machine() string {
	name := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := processorModel.FindSubmatch(info); m != nil {
			name = string(m[1])
		}
	}
	return fmt.Sprintf("%s, %d threads", name, runtime.NumCPU())
}

var processorModel = regexp.MustCompile(`(?m)^model name\s*:\s*(.+?)\s*$`)

// Synchronize returns once the device has finished what was given to it before:
// it runs a computation on one number and reads the value. The first call
// compiles that. It must not be called while another goroutine uses the engine.
func (e *Engine) Synchronize() error {
	return guard("wait for the device", func() (err error) {
		if e.nudge == nil {
			if e.nudge, err = graph.NewExec(e.backend, graph.Neg); err != nil {
				return err
			}
		}
		outputs, err := e.nudge.Call(float32(1))
		if err != nil {
			return err
		}
		if _, err := tensors.CopyFlatData[float32](outputs[0]); err != nil {
			return err
		}
		return outputs[0].FinalizeAll()
	})
}

// Close ends the backend. Its models cannot be used after that.
func (e *Engine) Close() { e.backend.Finalize() }

// precision returns the data type of activations for a job's precision; ""
// lets the device decide.
func (e *Engine) precision(name string) (dtypes.DType, error) {
	switch {
	case name == Float32, name == "" && !e.gpu:
		return dtypes.Float32, nil
	case name == BFloat16, name == "":
		return dtypes.BFloat16, nil
	}
	return dtypes.InvalidDType, fmt.Errorf("precision %q is unknown; use %q or %q, or leave it empty", name, Float32, BFloat16)
}

// guard runs code that calls GoMLX. A panic becomes an error, and an error
// becomes one line that says what was being done, wrapping [ErrOutOfMemory]
// where the device ran out of memory.
func guard(doing string, run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			cause, ok := p.(error)
			if !ok {
				cause = fmt.Errorf("%v", p)
			}
			err = explain(doing, cause)
		}
	}()
	if err := run(); err != nil {
		return explain(doing, err)
	}
	return nil
}

// guardCompile is guard for building and compiling a graph: what fails there,
// fails because of the network.
func guardCompile(doing string, run func() error) error {
	err := guard(doing, run)
	if err != nil && !errors.Is(err, ErrOutOfMemory) {
		return fmt.Errorf("%w: %w", ErrCompile, err)
	}
	return err
}

var outOfMemory = regexp.MustCompile(`(?i)RESOURCE_EXHAUSTED|out of memory|failed to allocate|bad_alloc`)

// explain keeps the first line of a GoMLX error, without the wrapping that only
// names its internals.
func explain(doing string, cause error) error {
	text, _, _ := strings.Cut(cause.Error(), "\n")
	text = internals.ReplaceAllString(text, "")
	if outOfMemory.MatchString(text) {
		return fmt.Errorf("%s: %w: %s", doing, ErrOutOfMemory, text)
	}
	return fmt.Errorf("%s: %s", doing, text)
}

var internals = regexp.MustCompile(`failed during graph construction/compilation: |(compilation failed for Exec|failed to execute graph) "[^"]*": |graphFn for "[^"]*" panicked: `)
