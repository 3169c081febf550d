package energy

import (
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/gpus"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"
)

// fakeGPUs makes n H100s; the counter of GPU i stands at 1000·10^i mJ.
func fakeGPUs(t *testing.T, n int) *server.Server {
	t.Helper()
	config := dgxh100.NewDevice(0).Config
	configs := make([]gpus.Config, n)
	for i := range configs {
		configs[i] = config
	}
	gpu := dgxh100.NewWithGPUs(configs...)
	mJ := uint64(1000)
	for _, d := range gpu.Devices {
		stand := mJ
		d.(*server.Device).GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return stand, nvml.SUCCESS }
		mJ *= 10
	}
	return gpu
}

func TestVisibleGPUs(t *testing.T) {
	gpu := fakeGPUs(t, 3)
	uuid := gpu.Devices[1].(*server.Device).UUID
	for _, test := range []struct {
		name    string
		visible string // "-" leaves it unset
		want    float64
	}{
		{"all", "-", 111},
		{"one", "1", 10},
		{"two", "2, 0", 101},
		{"one twice", "1,1", 10},
		{"by UUID", uuid, 10},
		{"by the beginning of a UUID", uuid[:12], 10},
		{"wrong number ends the list", "0,7,1", 1},
		{"MIG slice counts its device", "MIG-1234", 111},
		{"hidden", "", 0},
		{"hidden by -1", "-1,0", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			if test.visible != "-" {
				t.Setenv("CUDA_VISIBLE_DEVICES", test.visible)
			}
			meter, err := machine{gpu: true, nvml: gpu}.openNVML()
			if test.want == 0 {
				if err == nil || !strings.Contains(err.Error(), errAbsent.Error()) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, err := meter.Joules(); err != nil || r != (Reading{Total: test.want, GPU: test.want}) {
				t.Errorf("Joules = %+v, %v; want %g", r, err, test.want)
			}
		})
	}
}

func TestGPUReadFailureIsAnError(t *testing.T) {
	clean(t)
	gpu := fakeGPUs(t, 2)
	meter, err := machine{gpu: true, nvml: gpu}.openNVML()
	if err != nil {
		t.Fatal(err)
	}
	if note := noteOf(meter); !strings.Contains(note, "H100") || strings.Contains(note, "MIG") {
		t.Errorf("note %q", note)
	}
	gpu.Devices[1].(*server.Device).GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return 0, nvml.ERROR_GPU_IS_LOST }
	if r, err := meter.Joules(); err == nil || r != (Reading{}) {
		t.Errorf("Joules = %+v, %v", r, err)
	}
	gpu.Devices[1].SetMigMode(nvml.DEVICE_MIG_ENABLE)
	gpu.Devices[1].(*server.Device).GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return 1, nvml.SUCCESS }
	meter, err = machine{gpu: true, nvml: gpu}.openNVML()
	if err != nil || !strings.Contains(noteOf(meter), "MIG") {
		t.Errorf("note %q, %v", noteOf(meter), err)
	}
}
