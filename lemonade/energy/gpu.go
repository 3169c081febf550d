package energy

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpu is one GPU.
type gpu struct {
	nvml.Device
	index   int // as NVML counts
	uuid    string
	name    string
	counter bool   // it has a total-energy counter
	last    uint64 // the counter's millijoules, else the power's milliwatts
}

func (g *gpu) String() string { return fmt.Sprintf("GPU %d (%s)", g.index, g.name) }

// visible returns the GPUs that CUDA_VISIBLE_DEVICES leaves visible, each once, and
// what is unsure about them. NVML itself knows nothing of that variable. Its numbers
// follow the PCI bus, CUDA's do only with CUDA_DEVICE_ORDER=PCI_BUS_ID or GPUs that
// are all alike.
func visible(lib nvml.Interface) (seen []*gpu, unsure string, err error) {
	count, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, "", fmt.Errorf("NVIDIA's management library: counting the GPUs: %w", ret)
	}
	all := make([]*gpu, count)
	for i := range all {
		device, ret := lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			return nil, "", fmt.Errorf("GPU %d: %w", i, ret)
		}
		uuid, ret := device.GetUUID()
		if ret != nvml.SUCCESS {
			return nil, "", fmt.Errorf("GPU %d: its UUID: %w", i, ret)
		}
		all[i] = &gpu{Device: device, index: i, uuid: uuid, name: "GPU"}
		if name, ret := device.GetName(); ret == nvml.SUCCESS {
			all[i].name = name
		}
	}
	names, set := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	if !set {
		return all, "", nil
	}
	chosen := make([]bool, count)
	for _, name := range strings.Split(names, ",") {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "MIG-") { // a slice has no counter of its own: its GPU's is read
			uuid, ok := parent(lib, name)
			if !ok {
				return all, "which GPU " + name + " is a slice of is unknown: all are counted", nil
			}
			name = uuid
		}
		number, err := strconv.Atoi(name)
		if err != nil {
			number = slices.IndexFunc(all, func(g *gpu) bool { return name != "" && strings.HasPrefix(g.uuid, name) })
		}
		if number < 0 || number >= count {
			break // as CUDA: what follows a wrong entry is invisible
		}
		chosen[number] = true
	}
	for i, g := range all {
		if chosen[i] {
			seen = append(seen, g)
		}
	}
	return seen, "", nil
}

// parent returns the UUID of the GPU that a slice under MIG is of.
func parent(lib nvml.Interface, slice string) (uuid string, ok bool) {
	device, ret := lib.DeviceGetHandleByUUID(slice)
	if ret != nvml.SUCCESS {
		return "", false
	}
	whole, ret := device.GetDeviceHandleFromMigDeviceHandle()
	if ret != nvml.SUCCESS {
		return "", false
	}
	uuid, ret = whole.GetUUID()
	return uuid, ret == nvml.SUCCESS
}

// open finds out how the energy can be read.
func (g *gpu) open() error {
	_, ret := g.GetTotalEnergyConsumption()
	g.counter = ret != nvml.ERROR_NOT_SUPPORTED
	if g.counter {
		return nil
	}
	if _, ret := g.GetPowerUsage(); ret != nvml.SUCCESS {
		return fmt.Errorf("%v: no energy counter (it needs Volta or newer), and its power cannot be read: %w", g, ret)
	}
	return nil
}

// read returns the counter in millijoules, else the power in milliwatts.
func (g *gpu) read() (uint64, error) {
	if g.counter {
		mJ, ret := g.GetTotalEnergyConsumption()
		if ret != nvml.SUCCESS {
			return 0, fmt.Errorf("%v: energy counter: %w", g, ret)
		}
		return mJ, nil
	}
	mW, ret := g.GetPowerUsage()
	if ret != nvml.SUCCESS {
		return 0, fmt.Errorf("%v: power: %w", g, ret)
	}
	return uint64(mW), nil
}

// shared says with whom the GPU is shared, "" where with nobody that is known.
func (g *gpu) shared() string {
	var said []string
	if mode, _, ret := g.GetMigMode(); ret == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE {
		said = append(said, "split by MIG (the other slices are counted too)")
	}
	others, unsure := map[uint32]bool{}, " unless that is this one by another number, as in a container"
	for _, list := range []func() ([]nvml.ProcessInfo, nvml.Return){g.GetComputeRunningProcesses, g.GetGraphicsRunningProcesses} {
		processes, ret := list()
		if ret != nvml.SUCCESS {
			continue
		}
		for _, p := range processes {
			if int(p.Pid) == os.Getpid() {
				unsure = ""
			} else {
				others[p.Pid] = true
			}
		}
	}
	switch len(others) {
	case 0:
	case 1:
		said = append(said, "shared with another process (counted too)"+unsure)
	default:
		said = append(said, fmt.Sprintf("shared with %d other processes (counted too)", len(others)))
	}
	if len(said) == 0 {
		return ""
	}
	return fmt.Sprintf("GPU %d is %s", g.index, strings.Join(said, " and "))
}

// memory returns the bytes that this process holds, and whether it is there at all.
func (g *gpu) memory() (bytes uint64, found bool, err error) {
	processes, ret := g.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return 0, false, fmt.Errorf("%v: its processes: %w", g, ret)
	}
	for _, p := range processes {
		if int(p.Pid) != os.Getpid() {
			continue
		}
		if p.UsedGpuMemory == ^uint64(0) { // NVML_VALUE_NOT_AVAILABLE
			return 0, false, fmt.Errorf("%v: the driver does not tell the memory of a process", g)
		}
		bytes += p.UsedGpuMemory
		found = true
	}
	return bytes, found, nil
}

// throttles are the reasons of NVML for a clock below what was asked for. That a GPU
// is idle, has its clocks set, or is at its highest safe voltage is none.
var throttles = []struct {
	bit  uint64
	name string
}{
	{nvml.ClocksEventReasonSwPowerCap, "power cap"},
	{nvml.ClocksEventReasonSwThermalSlowdown, "heat"},
	{nvml.ClocksThrottleReasonHwSlowdown, "hardware slowdown"},
	{nvml.ClocksThrottleReasonHwThermalSlowdown, "heat, by hardware"},
	{nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, "power brake"},
	{nvml.ClocksEventReasonSyncBoost, "the slowest of a group of GPUs"},
	{nvml.ClocksEventReasonBoardLimit, "limit of the board"},
}

// clock returns the clock of the multiprocessors.
func (g *gpu) clock(lib nvml.Interface) (Clock, bool) {
	mhz, ret := g.GetClockInfo(nvml.CLOCK_SM)
	if ret != nvml.SUCCESS {
		return Clock{}, false
	}
	// Drivers before R535 know the reasons by their old name alone, and a call of what
	// the library does not have would end the process.
	reasons, ret := uint64(0), nvml.ERROR_FUNCTION_NOT_FOUND
	if lib.Extensions().LookupSymbol("nvmlDeviceGetCurrentClocksEventReasons") == nil {
		reasons, ret = g.GetCurrentClocksEventReasons()
	} else if lib.Extensions().LookupSymbol("nvmlDeviceGetCurrentClocksThrottleReasons") == nil {
		reasons, ret = g.GetCurrentClocksThrottleReasons() //nolint:staticcheck // see above
	}
	var why []string
	for _, t := range throttles {
		if ret == nvml.SUCCESS && reasons&t.bit != 0 {
			why = append(why, t.name)
		}
	}
	return Clock{Name: fmt.Sprintf("GPU %d", g.index), MHz: float64(mhz), Throttled: strings.Join(why, ", ")}, true
}
