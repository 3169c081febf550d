package energy

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// gpuMeter sums the energy counters of GPUs.
type gpuMeter struct {
	devices []nvml.Device
	note    string
}

// openNVML opens the GPUs that CUDA_VISIBLE_DEVICES leaves visible. The library
// stays loaded: every read needs it.
func (m machine) openNVML() (Meter, error) {
	if !m.gpu {
		return nil, fmt.Errorf("%w: GPUs are left out", errAbsent)
	}
	switch ret := m.nvml.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND, nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_GPU_NOT_FOUND:
		return nil, fmt.Errorf("%w: NVIDIA's management library: %w", errAbsent, ret)
	default:
		return nil, fmt.Errorf("NVIDIA's management library: %w", ret)
	}
	devices, err := m.gpus()
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return nil, fmt.Errorf("%w: no visible NVIDIA GPU", errAbsent)
	}
	g := &gpuMeter{devices: devices}
	if _, err := g.Joules(); err != nil { // GPUs before Volta have no counter
		return nil, err
	}
	var names []string
	shared := false
	for _, d := range devices {
		name, ret := d.GetName()
		if ret != nvml.SUCCESS {
			name = "GPU"
		}
		names = append(names, name)
		mode, _, ret := d.GetMigMode()
		shared = shared || ret == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE
	}
	g.note = "GPU: whole device, " + strings.Join(names, ", ")
	if shared {
		g.note += " (split by MIG: the other slices are counted too)"
	}
	return g, nil
}

// gpus returns the visible GPUs, each once. NVML itself knows nothing of
// CUDA_VISIBLE_DEVICES. Its numbers follow the PCI bus, CUDA's do only with
// CUDA_DEVICE_ORDER=PCI_BUS_ID or GPUs that are all alike.
func (m machine) gpus() ([]nvml.Device, error) {
	count, ret := m.nvml.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, fmt.Errorf("NVIDIA's management library: counting the GPUs: %w", ret)
	}
	type gpu struct {
		device nvml.Device
		uuid   string
	}
	all := make([]gpu, count)
	for i := range all {
		device, ret := m.nvml.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("GPU %d: %w", i, ret)
		}
		uuid, ret := device.GetUUID()
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("GPU %d: %w", i, ret)
		}
		all[i] = gpu{device, uuid}
	}
	chosen := make([]bool, count)
	names, set := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	for _, name := range strings.Split(names, ",") {
		name = strings.TrimSpace(name)
		number, err := strconv.Atoi(name)
		switch {
		case !set, strings.HasPrefix(name, "MIG-"): // a slice has no counter of its own
			for i := range chosen {
				chosen[i] = true
			}
			continue
		case err == nil && number >= 0 && number < count:
			chosen[number] = true
			continue
		}
		i := slices.IndexFunc(all, func(g gpu) bool { return name != "" && strings.HasPrefix(g.uuid, name) })
		if i < 0 {
			break // as CUDA: what follows a wrong entry is invisible
		}
		chosen[i] = true
	}
	var visible []nvml.Device
	for i, g := range all {
		if chosen[i] {
			visible = append(visible, g.device)
		}
	}
	return visible, nil
}

func (g *gpuMeter) Method() string { return trial.MethodNVML }

func (g *gpuMeter) Note() string { return g.note }

// Joules sums the counters, which are in millijoules since the driver was loaded.
func (g *gpuMeter) Joules() (Reading, error) {
	var total float64
	for i, d := range g.devices {
		mJ, ret := d.GetTotalEnergyConsumption()
		if ret == nvml.ERROR_NOT_SUPPORTED {
			return Reading{}, errors.New("the GPU has no energy counter (it needs Volta or newer)")
		}
		if ret != nvml.SUCCESS {
			return Reading{}, fmt.Errorf("energy counter of GPU %d: %w", i, ret)
		}
		total += float64(mJ) / 1000
	}
	return Reading{Total: total, GPU: total}, nil
}
