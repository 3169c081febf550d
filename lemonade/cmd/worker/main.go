// Command lemonade-worker is the process that package evaluate starts: it links
// GoMLX, so that nothing else has to.
//
//	lemonade-worker parse -memory BYTES   run programs with symbolic tensors
//	lemonade-worker train                 train and measure one network
//	lemonade-worker plugin -dir FOLDER    find or install the XLA plugin, and open it
//	lemonade-worker meters                say which energy meters there are, a line each
//	lemonade-worker bench                 time the steps of networks, as a table
//	lemonade-worker version               say hello
//
// In the modes plugin and meters, -meter NAME asks for an energy meter in place of
// LEMONADE_METER; in train, the job does.
//
// It speaks the protocol of package trial over standard input and output, one
// JSON object per line, and ends when its input closes, whatever it is doing.
// GOMLX_BACKEND names the backend to train on. Messages for people go to
// standard error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lemonade-worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lemonade-worker", flag.ContinueOnError)
	memory := flags.Int64("memory", 512<<20, "parse: bytes of memory that a program may use")
	dir := flags.String("dir", "", "plugin: folder to install the plugin in")
	meter := flags.String("meter", "", "plugin, meters: energy meter to open, as in LEMONADE_METER, which it wins over")
	var b benchOptions
	flags.StringVar(&b.networks, "network", "plain", "bench: "+strings.Join(networks.Names(), ", ")+", or files with an architecture program, with commas between; or all")
	flags.IntVar(&b.batch, "batch", 0, "bench: samples in a batch (default the recipe's)")
	flags.StringVar(&b.precision, "precision", "", "bench: float32 or bfloat16 (default as the device suggests)")
	flags.DurationVar(&b.length, "time", 5*time.Second, "bench: how long to train, and to infer")
	flags.BoolVar(&b.asJSON, "json", false, "bench: print JSON")
	flags.BoolVar(&b.markdown, "markdown", false, "bench: print the table as Markdown")
	mode := ""
	if len(args) > 0 {
		mode, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if mode == "parse" { // before anything can use memory
		if err := limitMemory(*memory); err != nil {
			return err
		}
	}
	if mode == "meters" { // for people, so no protocol
		for _, line := range energy.Describe(energy.Method(*meter)) {
			fmt.Println(line)
		}
		return nil
	}
	if mode == "bench" { // for people too
		return bench(ctx, b, os.Stdout)
	}
	out, err := claimStdout()
	if err != nil {
		return err
	}
	dispensable()
	if err := out.send(trial.Envelope{Hello: &trial.Hello{Protocol: trial.Protocol, Language: arch.Language, Engine: engine.Version}}); err != nil {
		return err
	}
	switch mode {
	case "parse":
		return parse(lines(os.Stdin), out)
	case "train":
		return train(ctx, lines(os.Stdin), out)
	case "plugin":
		lines(os.Stdin)
		return openPlugin(ctx, *dir, *meter, out)
	case "version":
		return nil
	}
	return fmt.Errorf("mode %q is none of parse, train, plugin, meters, bench and version", mode)
}

// wire writes messages to the searcher.
type wire struct {
	mu   sync.Mutex
	file *os.File
}

// claimStdout keeps standard output for the protocol and sends to standard error
// whatever a library prints.
func claimStdout() (*wire, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("standard output: %w", err)
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, fmt.Errorf("standard error: %w", err)
	}
	return &wire{file: os.NewFile(uintptr(fd), "protocol")}, nil
}

func (w *wire) send(e trial.Envelope) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

// lines passes on the lines of the searcher. When they end the process ends at
// once, even in the middle of a call of XLA: whoever wanted the answer is gone.
func lines(r io.Reader) <-chan []byte {
	out := make(chan []byte)
	go func() {
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				os.Exit(0)
			}
			out <- line
		}
	}()
	return out
}

// receive reads one message.
func receive(in <-chan []byte) (trial.Envelope, error) {
	var e trial.Envelope
	if err := json.Unmarshal(<-in, &e); err != nil {
		return e, fmt.Errorf("the searcher's message: %w", err)
	}
	return e, nil
}

// dispensable tells the kernel to kill this process before any other when memory
// runs out, and to write no core file of it. Both are a courtesy: where the
// kernel refuses, the searcher's watchdog remains.
func dispensable() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

var errUnexpected = errors.New("the searcher's message is not one for this mode")
