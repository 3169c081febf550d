package device

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var full = flag.Bool("full", false, "check on all held-out networks of NAS-Bench-201, not on a sample")

const (
	fitted = 300  // networks that a board is fitted to
	sample = 1000 // networks that it is checked on, unless -full
)

// The variants of a cell's network: what the measured runtime was given.
const (
	cifar10      = iota // 10 classes; none is nothing
	cifar100            // 100 classes; none is nothing
	cifar100zero        // 100 classes; none is a multiplication by zero
	variants
)

// row is a distinct cell of NAS-Bench-201 with its measurements.
type row struct {
	text   string
	cell   [3][]edge
	values map[string]float64 // by column
	once   [variants]sync.Once
	nets   [variants]*arch.Network
}

// network is the cell's network in one variant.
func (r *row) network(t testing.TB, variant int) *arch.Network {
	r.once[variant].Do(func() {
		classes := 100
		if variant == cifar10 {
			classes = 10
		}
		p, err := arch.Parse(nasbench201(r.cell, variant == cifar100zero), arch.Shape{32, 32, 3}, classes)
		if err != nil {
			t.Fatalf("%s: %v", r.text, err)
		}
		r.nets[variant] = p.Network
	})
	return r.nets[variant]
}

// measurements reads the distinct cells, in an order that is random but the same
// each time.
var measurements = sync.OnceValues(func() ([]*row, error) {
	f, err := os.Open(filepath.Join(os.Getenv("LEMONADE_DATA"), "nasbench201-costs.csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, record := range records[1:] {
		r := &row{values: map[string]float64{}}
		for i, name := range records[0] {
			if name == "arch" {
				r.text = record[i]
			} else if r.values[name], err = strconv.ParseFloat(record[i], 64); err != nil {
				return nil, err
			}
		}
		if r.values["index"] != r.values["iso_rep"] {
			continue // the same network as another, with the same measurements
		}
		if r.cell, err = parseCell(r.text); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	rand.New(rand.NewPCG(201, 5)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows, nil
})

// target is a measured metric of a board.
type target struct {
	board   string
	metric  trial.Metric
	column  string
	scale   float64 // to the metric's unit
	variant int
}

var targets = []target{
	{"raspberry-pi-5", trial.Latency, "pi5_litert_latency_ms", 1, cifar100},
	{"raspberry-pi-5", trial.InferenceEnergy, "pi5_litert_energy_mj", 1e-3, cifar100},
	{"raspberry-pi-5-torchmobile", trial.Latency, "pi5_torchmobile_latency_ms", 1, cifar100zero},
	{"raspberry-pi-5-torchmobile", trial.InferenceEnergy, "pi5_torchmobile_energy_mj", 1e-3, cifar100zero},
	{"pixel-6a", trial.Latency, "pixel_litert_latency_ms", 1, cifar100},
	{"raspberry-pi-4", trial.Latency, "help_raspi4_latency_ms", 1, cifar10},
	{"pixel-3", trial.Latency, "help_pixel3_latency_ms", 1, cifar10},
}

// split returns the networks that the target's board is fitted to, and those that
// it is checked on. Where none is nothing, cells are left out whose operations
// start from a node that nothing reaches: the runtime computes constants there,
// which is no part of our network.
func (g target) split(t testing.TB) (fit, held []*row) {
	t.Helper()
	if os.Getenv("LEMONADE_DATA") == "" {
		t.Skip("set LEMONADE_DATA to a folder with nasbench201-costs.csv, the measured latencies and energies of NAS-Bench-201")
	}
	rows, err := measurements()
	if os.IsNotExist(err) {
		t.Skipf("%v: put the measured latencies and energies of NAS-Bench-201 there", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var usable []*row
	for _, r := range rows {
		if g.variant == cifar100zero || !r.constants() {
			usable = append(usable, r)
		}
	}
	held = usable[fitted:]
	if !*full {
		held = held[:sample]
	}
	return usable[:fitted], held
}

// constants reports whether the output is a constant, or operations of the cell
// start from a node that nothing reaches.
func (r *row) constants() bool {
	reached := [4]bool{true}
	for i, edges := range r.cell {
		for _, e := range edges {
			switch {
			case e.op == "none":
			case !reached[e.source]:
				return true
			default:
				reached[i+1] = true
			}
		}
	}
	return !reached[3]
}

// TestNetworks compares parameters and FLOPs with those of the benchmark, which
// counts a multiply-accumulate as one and adds the bias of the last layer. It also
// counts operations that the output does not depend on; our networks have none.
func TestNetworks(t *testing.T) {
	_, held := target{variant: cifar10}.split(t)
	dead := 0
	for _, r := range held {
		c := r.network(t, cifar10).Costs()
		params, macs := unused(r.cell)
		if params > 0 {
			dead++
		}
		if got, want := c.Params+params, int64(r.values["params_cifar10"]); got != want {
			t.Errorf("%s: %d parameters, want %d", r.text, got, want)
		}
		if got, want := c.MACs+10+macs, int64(r.values["flops_cifar10"]); got != want {
			t.Errorf("%s: %d FLOPs, want %d", r.text, got, want)
		}
	}
	t.Logf("%d networks, %d of them with operations that the output does not depend on", len(held), dead)
}

// TestTemplate compares all cells of arch.NASBench201 with the benchmark's in the
// same way, those that are zero among them.
func TestTemplate(t *testing.T) {
	target{}.split(t) // skips without the measurements
	rows, err := measurements()
	if err != nil {
		t.Fatal(err)
	}
	if !*full {
		rows = rows[:sample]
	}
	hashes := map[string]bool{}
	for _, r := range rows {
		source, err := arch.Choose(arch.NASBench201, taken(r.cell))
		if err != nil {
			t.Fatal(err)
		}
		p, err := arch.Parse(source, arch.Shape{32, 32, 3}, 10)
		if err != nil {
			t.Fatalf("%s: %v", r.text, err)
		}
		if d := cmp.Diff(taken(r.cell), p.Taken()); d != "" {
			t.Errorf("%s: %s", r.text, d)
		}
		hashes[p.Network.Hash()] = true
		c := p.Network.Costs()
		params, macs := unused(r.cell)
		if got, want := c.Params+params, int64(r.values["params_cifar10"]); got != want {
			t.Errorf("%s: %d parameters, want %d", r.text, got, want)
		}
		if got, want := c.MACs+10+macs, int64(r.values["flops_cifar10"]); got != want {
			t.Errorf("%s: %d FLOPs, want %d", r.text, got, want)
		}
	}
	t.Logf("%d cells are %d networks", len(rows), len(hashes))
}

// taken returns the template's choices that make the cell.
func taken(cell [3][]edge) map[string]string {
	names := map[string]string{"none": `"none"`, "skip_connect": `"skip"`, "nor_conv_1x1": `"conv1x1"`, "nor_conv_3x3": `"conv3x3"`, "avg_pool_3x3": `"avg_pool"`}
	choices := map[string]string{}
	for _, edges := range cell {
		for _, e := range edges {
			choices[fmt.Sprintf("edge%d", len(choices))] = names[e.op]
		}
	}
	return choices
}

// unused counts the parameters and multiply-accumulates of a cell's operations that
// the output does not depend on, or that start from a node that nothing reaches, over
// the five cells of each stage.
func unused(cell [3][]edge) (params, macs int64) {
	reached := [4]bool{true}
	for i, edges := range cell {
		for _, e := range edges {
			reached[i+1] = reached[i+1] || e.op != "none" && reached[e.source]
		}
	}
	var needed [4]bool
	needed[3] = true
	for i := len(cell) - 1; i >= 0; i-- {
		for _, e := range cell[i] {
			kernel := map[string]int64{"nor_conv_1x1": 1, "nor_conv_3x3": 9}[e.op]
			switch {
			case e.op == "none":
			case needed[i+1] && reached[e.source]:
				needed[e.source] = true
			case kernel > 0:
				for _, c := range []int64{16, 32, 64} {
					side := 512 / c // 32, 16, 8
					params += 5 * (kernel*c*c + 2*c)
					macs += 5 * kernel * c * c * side * side
				}
			}
		}
	}
	return params, macs
}
