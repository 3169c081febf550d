package energy

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs/sysfs"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// raplPower is more than any processor package draws, in watts. A counter of
// 262,143 J, the usual range, is thus read often enough never to go round unseen
// when it is read every 65 s.
const raplPower = 1000

// raplMeter sums the counters of the processor's packages and their memory.
//
// The counters go round at max_energy_range_uj, after some minutes of full load,
// so a goroutine reads them now and then for as long as the process lives. See
// https://www.kernel.org/doc/html/latest/power/powercap/powercap.html.
type raplMeter struct {
	mu     sync.Mutex
	zones  []raplZone
	joules float64       // counted since the meter was opened
	read   time.Time     // when the counters were last read
	unseen time.Duration // after which a counter may have gone round twice
	now    func() time.Time
}

type raplZone struct {
	sysfs.RaplZone
	last uint64 // µJ
}

// openRAPL opens the zones named package and dram of the intel-rapl driver, which
// serves AMD too. The zones core and uncore are parts of package; psys is the
// whole board with package in it; intel-rapl-mmio shows package a second time.
func (m machine) openRAPL() (Meter, error) {
	r, err := newRAPL(m.sys)
	if err != nil {
		return nil, err
	}
	go func() {
		for range time.Tick(r.unseen / 4) {
			_ = r.update() // a failure shows at the next Joules, or was made good before it
		}
	}()
	return r, nil
}

func newRAPL(sys string) (*raplMeter, error) {
	root, err := sysfs.NewFS(sys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	all, err := sysfs.GetRaplZones(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no %s/class/powercap (a virtual machine or container, as a rule)", errAbsent, sys)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the zones: %w", err)
	}
	r := &raplMeter{now: time.Now}
	for _, zone := range all {
		if !strings.HasPrefix(filepath.Base(zone.Path), "intel-rapl:") || zone.Name != "package" && zone.Name != "dram" {
			continue
		}
		if zone.MaxMicrojoules == 0 {
			return nil, fmt.Errorf("%s/max_energy_range_uj is 0: the counter's wrap is unknown", zone.Path)
		}
		last, err := readZone(zone)
		if err != nil {
			return nil, err
		}
		r.zones = append(r.zones, raplZone{zone, last})
		round := time.Duration(float64(zone.MaxMicrojoules) / 1e6 / raplPower * float64(time.Second))
		if r.unseen == 0 || round < r.unseen {
			r.unseen = round
		}
	}
	if len(r.zones) == 0 {
		return nil, fmt.Errorf("%w: no package zone in %s/class/powercap", errAbsent, sys)
	}
	r.read = r.now()
	return r, nil
}

func readZone(zone sysfs.RaplZone) (uint64, error) {
	uj, err := zone.GetEnergyMicrojoules()
	if errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("only root may read the energy counters; to let everyone: sudo chmod a+r %s/intel-rapl:*/energy_uj %s/intel-rapl:*/intel-rapl:*/energy_uj (until the next start of the machine)",
			filepath.Dir(zone.Path), filepath.Dir(zone.Path))
	}
	if err != nil {
		return 0, fmt.Errorf("energy counter: %w", err)
	}
	return uj, nil
}

func (r *raplMeter) Method() string { return trial.MethodRAPL }

func (r *raplMeter) Note() string {
	return "CPU: whole processor and its memory where counted, other programs included"
}

func (r *raplMeter) Joules() (Reading, error) {
	if err := r.update(); err != nil {
		return Reading{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return Reading{Total: r.joules, CPU: r.joules}, nil
}

// update reads every counter and adds what it has moved.
func (r *raplMeter) update() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if gap := r.now().Sub(r.read); gap > r.unseen {
		return fmt.Errorf("energy counters were not read for %v and may have gone round unseen", gap.Round(time.Second))
	}
	next := make([]uint64, len(r.zones))
	for i, zone := range r.zones {
		var err error
		if next[i], err = readZone(zone.RaplZone); err != nil {
			return err
		}
	}
	for i := range r.zones {
		zone := &r.zones[i]
		moved := next[i] - zone.last
		if next[i] < zone.last {
			moved = zone.MaxMicrojoules - zone.last + next[i]
		}
		zone.last = next[i]
		r.joules += float64(moved) / 1e6
	}
	r.read = r.now()
	return nil
}
