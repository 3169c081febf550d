package energy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	gpuStep = 100 * time.Millisecond // of the energy counters; and two polls of the power

	// Power is polled that often, a choice of ours between what is missed between two
	// polls and what polling costs. After powerGap without a poll nothing is known of
	// the time in between.
	powerPoll = 50 * time.Millisecond
	powerGap  = time.Second
)

// errCounts is the reason against polling the power of GPUs that count.
var errCounts = errors.New("not needed: the GPUs have energy counters, which miss nothing; take nvml-counter")

// gpuMeter sums the energy of GPUs: what their counters show, and the power of
// those that have none, integrated by the trapezoidal rule.
type gpuMeter struct {
	lib    nvml.Interface
	gpus   []*gpu
	method string
	note   string     // what does not change
	stop   func()     // ends the polling; nil where nothing is polled
	once   sync.Once  // closes
	mu     sync.Mutex // of what follows, and of every call of the library but the first ones
	mJ     uint64     // by counters
	joules float64    // by power
	at     time.Time  // of the last readings
	lost   bool       // a poll failed since
	breaks int
	closed bool
}

// openNVML opens the GPUs that CUDA_VISIBLE_DEVICES leaves visible, for method or,
// where that is "", for the better one.
func (m machine) openNVML(method string) (Meter, error) {
	if m.cpuOnly {
		return nil, fmt.Errorf("%w: the work is on the CPU, and the GPUs are left out", errAbsent)
	}
	switch ret := m.nvml.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND, nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_GPU_NOT_FOUND:
		return nil, fmt.Errorf("%w: NVIDIA's management library: %w", errAbsent, ret)
	default:
		return nil, fmt.Errorf("NVIDIA's management library: %w", ret)
	}
	g, err := newGPUMeter(m.nvml, method)
	if err != nil {
		_ = m.nvml.Shutdown() // there is a better error to tell
		return nil, err
	}
	return g, nil
}

func newGPUMeter(lib nvml.Interface, method string) (*gpuMeter, error) {
	gpus, unsure, err := visible(lib)
	if err != nil {
		return nil, err
	}
	if len(gpus) == 0 {
		return nil, fmt.Errorf("%w: no visible NVIDIA GPU", errAbsent)
	}
	g := &gpuMeter{lib: lib, gpus: gpus, method: trial.MethodNVML}
	var names, polled []string
	for _, gpu := range gpus {
		if err := gpu.open(); err != nil {
			return nil, err
		}
		names = append(names, gpu.name)
		if !gpu.counter {
			polled = append(polled, gpu.String())
		}
	}
	g.note = join("GPU: whole device, "+strings.Join(names, ", "), unsure)
	switch {
	case len(polled) == 0 && method == trial.MethodNVMLPower:
		return nil, errCounts
	case len(polled) > 0 && method == trial.MethodNVML:
		return nil, fmt.Errorf("%s: no energy counter (it needs Volta or newer); take nvml-power, or leave the GPU out of CUDA_VISIBLE_DEVICES", strings.Join(polled, ", "))
	case len(polled) > 0:
		g.method = trial.MethodNVMLPower
		g.note = join(g.note, fmt.Sprintf("no energy counter in %s: its power is polled every %v and integrated", strings.Join(polled, ", "), powerPoll))
	}
	g.lost = true // so that the first update only takes the powers down
	if err := g.update(); err != nil {
		return nil, err
	}
	g.breaks = 0
	if len(polled) > 0 {
		g.stop = poll(powerPoll, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			_ = g.update() // a failure is remembered as a break
		})
	}
	return g, nil
}

func (g *gpuMeter) Method() string { return g.method }

// About tells in its note with whom the GPUs are shared at this moment; a window
// asks at its end.
func (g *gpuMeter) About() About {
	g.mu.Lock()
	defer g.mu.Unlock()
	note := g.note
	for _, gpu := range g.gpus {
		if !g.closed {
			note = join(note, gpu.shared())
		}
	}
	return About{Note: note, Step: gpuStep}
}

// Read returns the joules since the drivers were loaded, or since the meter was
// opened where power is polled.
func (g *gpuMeter) Read() (Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return Reading{}, errClosed
	}
	if err := g.update(); err != nil {
		return Reading{}, err
	}
	return Reading{GPU: float64(g.mJ)/1000 + g.joules, Breaks: g.breaks}, nil
}

// update reads every GPU and adds what it has used. The count is lost by a counter
// that goes back, as when the driver is loaded anew, and by a poll of the power that
// fails or comes late: one that fails is counted once the GPU can be read again.
func (g *gpuMeter) update() error {
	now := make([]uint64, len(g.gpus))
	for i, gpu := range g.gpus {
		var err error
		if now[i], err = gpu.read(); err != nil {
			g.lost = true
			return err
		}
	}
	at := time.Now()
	passed := at.Sub(g.at)
	gap := g.lost || passed > powerGap
	lost := false
	for i, gpu := range g.gpus {
		switch {
		case gpu.counter && now[i] >= gpu.last:
			g.mJ += now[i] - gpu.last
		case gpu.counter, gap:
			lost = true
		default:
			g.joules += float64(gpu.last+now[i]) / 2 / 1000 * passed.Seconds()
		}
		gpu.last = now[i]
	}
	if lost {
		g.breaks++
	}
	g.at, g.lost = at, false
	return nil
}

// Close ends the polling and shuts the library down.
func (g *gpuMeter) Close() error {
	var err error
	g.once.Do(func() {
		if g.stop != nil {
			g.stop()
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.closed = true
		if ret := g.lib.Shutdown(); ret != nvml.SUCCESS {
			err = fmt.Errorf("NVIDIA's management library: shutting down: %w", ret)
		}
	})
	return err
}

// Clocks returns the clock of each GPU that tells it.
func (g *gpuMeter) Clocks() []Clock {
	g.mu.Lock()
	defer g.mu.Unlock()
	var clocks []Clock
	for _, gpu := range g.gpus {
		if g.closed {
			break
		}
		if clock, ok := gpu.clock(g.lib); ok {
			clocks = append(clocks, clock)
		}
	}
	return clocks
}

// Utilization is the mean of what NVML tells of each GPU.
func (g *gpuMeter) Utilization() (share float64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, false
	}
	for _, gpu := range g.gpus {
		rates, ret := gpu.GetUtilizationRates()
		if ret != nvml.SUCCESS {
			return 0, false
		}
		share += float64(rates.Gpu) / 100 / float64(len(g.gpus))
	}
	return share, true
}

// DeviceMemory sums what NVML lists for this process.
func (g *gpuMeter) DeviceMemory() (bytes uint64, note string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, errClosed.Error(), false
	}
	for _, gpu := range g.gpus {
		b, found, err := gpu.memory()
		if err != nil {
			return 0, err.Error(), false
		}
		bytes += b
		ok = ok || found
	}
	if !ok {
		return 0, "NVML does not list this process among those on the GPU; a container with process numbers of its own hides it", false
	}
	return bytes, "held by this process by NVML's list; what it has reserved ahead is in it", true
}
