package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/engine"
)

// of is the network in the set whose peers a row has: "augmented" is the plain one
// whose step mirrors and moves its images.
func of(name string) string {
	if name == "augmented" {
		return "plain"
	}
	return name
}

func programOf(name string) (*arch.Program, error) {
	n, err := networks.Find(of(name))
	if err != nil {
		return nil, err
	}
	p, err := n.Program()
	if err == nil && name != n.Name {
		p.Recipe.Flip, p.Recipe.Crop = true, 4
	}
	return p, err
}

// serve is the engine's side of the line protocol: once it has said "ready", its
// parameters and its name, "train N" or "infer N" is answered by the wall and CPU
// seconds of N steps.
func serve(name string) error {
	p, err := programOf(name)
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
	fmt.Println("ready", p.Network.Costs().Params, "Lemonade", e.Version())
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
	name   string
	params int64
	in     io.WriteCloser
	out    *bufio.Scanner
	cmd    *exec.Cmd
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
		if _, err := fmt.Sscanf(p.out.Text(), "ready %d", &p.params); err == nil {
			p.name = strings.Join(strings.Fields(p.out.Text())[2:], " ")
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s ended before it was ready: %w", cmd.Args[:1], cmd.Wait())
}

// run has the peer take n steps and returns the seconds of one.
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

// end lets the peer end, which its closed input tells it.
func (p *peer) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
