package energy

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs/sysfs"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	// raplPower is more than any processor package draws, in watts. A counter of
	// 262,143 J, the usual range, thus goes round in 262 s at the soonest and is read
	// every 65 s; one of 65,713 J, usual for memory, every 16 s.
	raplPower = 1000

	raplStep = time.Millisecond // how often the counters move
)

// raplMeter sums the counters of the processor's packages and their memory.
//
// The counters go round at max_energy_range_uj, after some minutes of full load,
// so that they are read now and then in the background. See
// https://www.kernel.org/doc/html/latest/power/powercap/powercap.html.
type raplMeter struct {
	cpuClock
	note   string
	unseen time.Duration // after which a counter may have gone round twice
	stop   func()        // ends the polling
	once   sync.Once     // closes

	mu       sync.Mutex // of what follows
	zones    []raplZone
	uj       uint64    // µJ counted since the meter was opened
	read     time.Time // just before the counters were last read
	vanished bool      // a zone was not there since
	breaks   int
	closed   bool
}

type raplZone struct {
	sysfs.RaplZone
	last uint64 // µJ
}

// openRAPL opens the zones named package and dram of the intel-rapl driver, which
// serves AMD too. The zones core and uncore are parts of package; psys is the
// whole board with package in it; intel-rapl-mmio shows package a second time.
func (m machine) openRAPL() (Meter, error) {
	root, err := sysfs.NewFS(m.sys)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(m.sys, "class/powercap")
	all, err := sysfs.GetRaplZones(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: no %s (a virtual machine or container, as a rule)", errAbsent, dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, forbidden(dir)
	case err != nil:
		return nil, fmt.Errorf("the processor's energy counters: %w", err)
	}
	r := &raplMeter{cpuClock: cpuClock(m.sys), read: time.Now()}
	packages, memories := 0, 0
	for _, zone := range all {
		switch {
		case !strings.HasPrefix(filepath.Base(zone.Path), "intel-rapl:"):
			continue
		case strings.HasPrefix(zone.Name, "package"): // package-0, or package-0-die-1 where a package has several
			packages++
		case zone.Name == "dram":
			memories++
		default:
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
	if packages == 0 {
		return nil, fmt.Errorf("%w: no package zone in %s", errAbsent, dir)
	}
	r.note = fmt.Sprintf("CPU: whole processor, packages %d, without its memory; other programs are counted too", packages)
	if memories > 0 {
		r.note = fmt.Sprintf("CPU: whole processor, packages %d, and its memory; other programs are counted too", packages)
	}
	r.stop = poll(max(r.unseen/4, raplStep), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = r.update() // a failure shows at the next Read, or was made good before it
	})
	return r, nil
}

func readZone(zone sysfs.RaplZone) (uint64, error) {
	uj, err := zone.GetEnergyMicrojoules()
	if errors.Is(err, fs.ErrPermission) {
		return 0, forbidden(filepath.Dir(zone.Path))
	}
	if err != nil {
		return 0, fmt.Errorf("the processor's energy counter: %w", err)
	}
	return uj, nil
}

// forbidden is the error where the counters cannot be read, with the mend.
func forbidden(dir string) error {
	return fmt.Errorf("only root may read the processor's energy counters; to let everyone: sudo chmod a+r %s/intel-rapl:*/*energy*_uj (until the next start of the machine; a rule for udev lasts, see go doc lemonade/energy)", dir)
}

func (r *raplMeter) Method() string { return trial.MethodRAPL }

func (r *raplMeter) About() About { return About{Note: r.note, Step: raplStep} }

func (r *raplMeter) Read() (Reading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Reading{}, errClosed
	}
	if err := r.update(); err != nil {
		return Reading{}, err
	}
	return Reading{CPU: float64(r.uj) / 1e6, Breaks: r.breaks}, nil
}

// update reads every counter and adds what it has moved. The count is lost where a
// zone had vanished, where a counter may have gone round unseen and where one was
// reset: nothing is then added, and it goes on from where the counters are now. A
// read that only failed loses nothing, since the counters went on.
func (r *raplMeter) update() error {
	before := time.Now()
	next := make([]uint64, len(r.zones))
	for i, zone := range r.zones {
		var err error
		if next[i], err = readZone(zone.RaplZone); err != nil {
			r.vanished = r.vanished || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
			return err
		}
	}
	passed := time.Since(r.read) // from before the last reading until after this one: at least the counters' time
	lost := r.vanished || passed > r.unseen
	added := uint64(0)
	for i := range r.zones {
		moved, ok := r.zones[i].move(next[i], passed)
		added += moved
		lost = lost || !ok
	}
	if lost {
		r.breaks++
	} else {
		r.uj += added
	}
	r.read, r.vanished = before, false
	return nil
}

// move sets the zone's counter and returns by how many microjoules it went on. It is
// not ok where that would be more power than a package can draw: a counter that is
// lower than before has gone round, or was reset, as by a sleep of the machine.
func (z *raplZone) move(next uint64, passed time.Duration) (uj uint64, ok bool) {
	uj = next - z.last
	if next < z.last {
		uj = z.MaxMicrojoules - z.last + next
	}
	z.last = next
	return uj, float64(uj)/1e6 <= raplPower*(passed+10*raplStep).Seconds()
}

// Close ends the polling.
func (r *raplMeter) Close() error {
	r.once.Do(func() {
		r.stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closed = true
	})
	return nil
}
