// Command peers compares the engine with JAX and PyTorch on this machine: the time
// of a training step and of an inference batch of the networks in
// lemonade/benchmark/networks.
//
//	python3 -m venv peers && peers/bin/pip install -r lemonade/cmd/peers/requirements.txt
//	go run ./lemonade/cmd/peers -python peers/bin/python [-rounds 15] [-networks plain,lstm] [-write]
//	go run ./lemonade/cmd/peers -python peers/bin/python -profile residual [-write]
//
// Every peer is one process that lives through the comparison of a network with as
// many threads as there are cores, in float32, with the same layers, shapes, loss and
// optimiser; that it has as many parameters is checked. A round gives each peer in
// turn a few steps, so that a machine whose speed drifts drifts for all, and ratios are
// taken round by round. The engine's step also gathers and normalises its batch from
// the whole set on the device, which the peers' do not; the row "plain, augmented"
// mirrors and moves the images too.
//
// -write keeps the figures of each network beside this program and makes the table of
// its README.md anew, which has those of the networks that were left out too.
//
// -profile tells where XLA spends a training step, and what its convolutions take beside
// oneDNN's; -write puts that into the README.md.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

//go:embed peer_jax.py
var jaxPeer string

//go:embed peer_torch.py
var torchPeer string

func main() {
	log.SetFlags(0)
	log.SetPrefix("peers: ")
	var o options
	names := flag.String("networks", strings.Join(compared(), ","), "what is compared, with commas between; "+strings.Join(networks.Names(), ", "))
	flag.IntVar(&o.rounds, "rounds", 15, "rounds; each gives every peer a few steps")
	flag.StringVar(&o.python, "python", "", "Python interpreter that has jax and torch")
	flag.BoolVar(&o.compiled, "compiled", true, "have PyTorch with torch.compile as a peer too")
	flag.BoolVar(&o.tuned, "tuned", true, "start the peers, too, with the settings of the C library's allocator that the engine's processes get")
	profiled := flag.String("profile", "", "in place of a comparison, take a training step of this network apart, as XLA has it")
	flag.BoolVar(&o.write, "write", false, "keep the figures, and write the table of the README")
	flag.StringVar(&o.dir, "dir", "lemonade/cmd/peers", "folder of the README and the figures")
	self := flag.String("engine", "", "be the engine's own process for this network (used by this program itself)")
	flag.Parse()
	if *self != "" {
		if err := serve(*self); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *profiled != "" {
		text, err := o.profile(context.Background(), *profiled)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(text)
		if o.write {
			if err := profileMarks.rewrite(o.dir, text); err != nil {
				log.Fatal(err)
			}
		}
		return
	}
	for _, name := range strings.Split(*names, ",") {
		if err := o.run(context.Background(), name); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
	if o.write {
		if err := rewriteTable(o.dir); err != nil {
			log.Fatal(err)
		}
	}
}

// compared are the networks of the table.
func compared() []string {
	list := []string{"plain", "augmented"}
	for _, n := range networks.All[1:] {
		if !n.Large {
			list = append(list, n.Name)
		}
	}
	return list
}

type options struct {
	rounds          int
	python, dir     string
	compiled, write bool
	tuned           bool
}

// run compares one network and shows its rows.
func (o options) run(ctx context.Context, name string) error {
	f, err := o.compare(ctx, name)
	if err != nil {
		return err
	}
	fmt.Print(head, f.rows())
	if !o.write {
		return nil
	}
	return f.keep(o.dir)
}

// commands are those that start the peers of a network, ours first.
func (o options) commands(ctx context.Context, name string, batch int) ([]*exec.Cmd, error) {
	dir, err := home.Dir()
	if err != nil {
		return nil, err
	}
	backend, err := plugin.Ensure(ctx, filepath.Join(dir, "plugins"), func(text string) { log.Print(text) })
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ours := exec.Command(self, "-engine", name)
	ours.Env = append(append(os.Environ(), "GOMLX_BACKEND="+backend), evaluate.Tuning()...)
	list := []*exec.Cmd{ours}
	peer := func(args ...string) {
		c := exec.Command(o.python, append([]string{"-c"}, args...)...)
		if o.tuned {
			c.Env = append(os.Environ(), evaluate.Tuning()...)
		}
		list = append(list, c)
	}
	if o.python != "" {
		size, name := fmt.Sprint(batch), of(name)
		peer(jaxPeer, name, size)
		peer(torchPeer, name, size)
		if o.compiled {
			peer(torchPeer, name, size, "compile")
		}
	}
	return list, nil
}

// compare takes the figures of a network.
func (o options) compare(ctx context.Context, name string) (*figures, error) {
	program, err := programOf(name)
	if err != nil {
		return nil, err
	}
	f := &figures{
		Network: name, Batch: program.Recipe.BatchSize, Params: program.Network.Costs().Params,
		Machine: machine(), Date: time.Now().UTC().Format(time.DateOnly), Load: [2]float64{load()},
	}
	commands, err := o.commands(ctx, name, f.Batch)
	if err != nil {
		return nil, err
	}
	var peers []*peer
	for _, c := range commands {
		p, err := start(c)
		if err != nil {
			return nil, err
		}
		defer p.end()
		if p.params != f.Params {
			return nil, fmt.Errorf("%s has %d parameters, the program %d: they are not the same network", p.name, p.params, f.Params)
		}
		log.Printf("%s: %s is ready, %d parameters", name, p.name, p.params)
		peers = append(peers, p)
		f.Peers = append(f.Peers, p.name)
	}
	for _, kind := range []string{"train", "infer"} {
		rounds, err := o.interleave(peers, kind)
		if err != nil {
			return nil, err
		}
		f.Steps = append(f.Steps, rounds)
	}
	f.Load[1] = load()
	return f, nil
}

// turn is how long a peer computes in a round, about.
const turn = 400 * time.Millisecond

// interleave gives all peers rounds of as many steps.
func (o options) interleave(peers []*peer, kind string) (steps, error) {
	s := steps{Kind: kind, Wall: make([][]float64, len(peers)), CPU: make([][]float64, len(peers))}
	slowest := 0.0
	for _, p := range peers {
		wall, _, err := p.run(kind, 2)
		if err != nil {
			return s, err
		}
		slowest = max(slowest, wall)
	}
	n := min(max(int(math.Ceil(turn.Seconds()/slowest)), 2), 50)
	for round := range o.rounds {
		for i := range peers {
			k := (i + round) % len(peers) // nobody always goes first, nor after the same one
			if round%2 > 0 {
				k = len(peers) - 1 - k
			}
			wall, cpu, err := peers[k].run(kind, n)
			if err != nil {
				return s, err
			}
			s.Wall[k], s.CPU[k] = append(s.Wall[k], milli(wall)), append(s.CPU[k], milli(cpu))
		}
	}
	return s, nil
}

// milli is seconds in milliseconds, to a microsecond.
func milli(seconds float64) float64 { return math.Round(1e6*seconds) / 1e3 }

// quantile interpolates linearly between the order statistics.
func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
