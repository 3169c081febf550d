// Command peers compares the engine with JAX and PyTorch on this machine: the
// time of a training step and of an inference batch of one fixed network.
//
//	go run ./lemonade/cmd/peers [-batch 128] [-rounds 10] [-jax PYTHON] [-torch PYTHON]
//
// PYTHON is an interpreter that has the library; an empty one leaves that peer
// out. The network is a plain CNN for 32×32 images, convolutions of 3×3 with batch
// norm and relu: 32, 32, pool, 64, 64, pool, 128, global average pool, dense 10.
// Every peer is one process that lives through the whole comparison with as many
// threads as there are cores; all compute in float32 with Nesterov
// momentum. A round gives each peer in turn a few steps, so that a machine whose
// speed drifts drifts for all; the ratio is taken round by round, and its
// median and quartiles are printed. The engine's step also gathers, normalises and
// augments its batch from the whole set on the device, which the peers' do not.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

//go:embed peer_jax.py
var jaxPeer string

//go:embed peer_torch.py
var torchPeer string

const program = `
def network(x, classes):
    for i, group in enumerate([[32, 32], [64, 64], [128]]):
        if i > 0:
            x = max_pool(x, 2)
        for filters in group:
            x = relu(batch_norm(conv(x, filters, kernel = 3, bias = False)))
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(batch_size = %d, learning_rate = 0.01, schedule = "constant", warmup = 0.0, weight_decay = 0.0)
`

func main() {
	log.SetFlags(0)
	batch := flag.Int("batch", 128, "samples in a batch")
	rounds := flag.Int("rounds", 10, "rounds; each gives every peer a few steps")
	jax := flag.String("jax", "", "Python interpreter that has jax")
	torch := flag.String("torch", "", "Python interpreter that has torch")
	self := flag.Bool("engine", false, "be the engine's own process (used by this program itself)")
	flag.Parse()
	if *self {
		if err := serve(*batch); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := compare(*batch, *rounds, *jax, *torch); err != nil {
		log.Fatal(err)
	}
}

// serve is the engine's side of the line protocol: "train N" or "infer N" is
// answered by the wall and CPU seconds of N steps.
func serve(batch int) error {
	p, err := arch.Parse(fmt.Sprintf(program, batch), arch.Shape{32, 32, 3}, 10)
	if err != nil {
		return err
	}
	e, err := engine.Open(os.Getenv("GOMLX_BACKEND"))
	if err != nil {
		return err
	}
	defer e.Close()
	train, infer, release, err := e.Stepper(engine.Job{Network: p.Network, Recipe: p.Recipe, Epochs: 1})
	if err != nil {
		return err
	}
	defer release()
	steps := map[string]func() error{"train": train, "infer": infer}
	fmt.Println("ready", e.Version())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var kind string
		var n int
		if _, err := fmt.Sscan(in.Text(), &kind, &n); err != nil {
			return err
		}
		wall, cpu := time.Now(), cpuSeconds()
		for range n {
			if err := steps[kind](); err != nil {
				return err
			}
		}
		fmt.Println(time.Since(wall).Seconds(), cpuSeconds()-cpu)
	}
	return in.Err()
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peer is one running process of the comparison.
type peer struct {
	name string
	in   io.WriteCloser
	out  *bufio.Scanner
	cmd  *exec.Cmd
}

func start(cmd *exec.Cmd) (*peer, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{in: in, out: bufio.NewScanner(out), cmd: cmd}
	for p.out.Scan() {
		if name, ok := strings.CutPrefix(p.out.Text(), "ready "); ok {
			p.name = name
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s ended before it was ready: %w", cmd, cmd.Wait())
}

func (p *peer) run(kind string, n int) (wall, cpu float64, err error) {
	if _, err := fmt.Fprintln(p.in, kind, n); err != nil {
		return 0, 0, err
	}
	if !p.out.Scan() {
		return 0, 0, fmt.Errorf("%s ended: %w", p.name, p.cmd.Wait())
	}
	_, err = fmt.Sscan(p.out.Text(), &wall, &cpu)
	return wall / float64(n), cpu / float64(n), err
}

func compare(batch, rounds int, jax, torch string) error {
	ctx := context.Background()
	dir, err := home.Dir()
	if err != nil {
		return err
	}
	backend, err := plugin.Ensure(ctx, filepath.Join(dir, "plugins"), func(text string) { log.Print(text) })
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	size := fmt.Sprint(batch)
	cmd := exec.Command(self, "-engine", "-batch", size)
	cmd.Env = append(os.Environ(), "GOMLX_BACKEND="+backend)
	cmd.Env = append(cmd.Env, evaluate.Tuning()...)
	commands := []*exec.Cmd{cmd}
	if jax != "" {
		commands = append(commands, exec.Command(jax, "-c", jaxPeer, size))
	}
	if torch != "" {
		commands = append(commands, exec.Command(torch, "-c", torchPeer, size))
	}
	var peers []*peer
	for _, c := range commands {
		p, err := start(c)
		if err != nil {
			return err
		}
		defer p.in.Close()
		log.Print("ready: ", p.name)
		peers = append(peers, p)
	}

	fmt.Printf("batch %d, %d rounds, medians; ratios are %s over the peer, with quartiles\n\n", batch, rounds, peers[0].name)
	fmt.Println("| step | peer | wall ms | cpu ms | wall ratio | cpu ratio |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, kind := range []struct {
		name  string
		steps int
	}{{"train", 3}, {"infer", 10}} {
		walls, cpus := make([][]float64, len(peers)), make([][]float64, len(peers))
		for round := range rounds {
			for i := range peers {
				k := (i + round) % len(peers) // nobody always goes first
				wall, cpu, err := peers[k].run(kind.name, kind.steps)
				if err != nil {
					return err
				}
				walls[k], cpus[k] = append(walls[k], 1e3*wall), append(cpus[k], 1e3*cpu)
			}
		}
		for i, p := range peers {
			fmt.Printf("| %s | %s | %.1f | %.1f | %s | %s |\n", kind.name, p.name, quantile(walls[i], 0.5), quantile(cpus[i], 0.5), ratio(walls[0], walls[i]), ratio(cpus[0], cpus[i]))
		}
	}
	return nil
}

func ratio(a, b []float64) string {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", quantile(r, 0.5), quantile(r, 0.25), quantile(r, 0.75))
}

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
