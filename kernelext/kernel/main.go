package kernel

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Main is the command lemonade-kernel: it runs a kernel for the Jupyter that wrote
// the connection file, until that Jupyter has it end.
func Main(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case guardWord:
			return guard(args[1:])
		case cellWord:
			return runCell(args[1:])
		}
	}
	flags := flag.NewFlagSet("lemonade-kernel", flag.ContinueOnError)
	gonb := flags.String("gonb", "", "the gonb binary, with goimports beside it")
	source := flags.String("source", "", "folder of Lemonade's source, which cells import")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *gonb == "" || *source == "" || flags.NArg() != 1 {
		return errors.New("usage: lemonade-kernel -gonb FILE -source FOLDER CONNECTION_FILE; Jupyter starts it so")
	}
	return run(*gonb, *source, flags.Arg(0))
}

func run(gonb, source, file string) error {
	parent := os.Getppid()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	outer, err := readConnection(file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	front, err := outer.listen(ctx)
	if err != nil {
		return err
	}
	defer front.close()
	go beat(front)

	inner, innerFile, folder, err := private(filepath.Base(file))
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c, err := startChild(gonb, source, innerFile, folder)
	if err != nil {
		return err
	}
	dialing, stop := context.WithCancel(ctx)
	go func() {
		<-c.ended // it will never listen, or is gone
		stop()
	}()
	back, err := inner.dial(dialing)
	if err != nil {
		return errors.Join(fmt.Errorf("gonb: %w", err), c.end(0))
	}
	p := &proxy{
		session: rand.Text(), front: front, back: back, child: c, folder: folder,
		tasks: make(chan func()), get: newAutoGet(source), onControl: map[string]bool{}, end: make(chan struct{}),
	}
	go p.prepare(ctx, source)
	go p.obey(signals, parent)
	crashed := p.loop()
	err = c.end(2 * time.Second)
	if crashed {
		err = errors.Join(errors.New("gonb has ended"), err)
	}
	return err
}

// obey takes signals, and ends the kernel when the Jupyter that started it is gone.
func (p *proxy) obey(signals <-chan os.Signal, parent int) {
	alone := os.Getenv("JPY_PARENT_PID") != strconv.Itoa(parent) // or started by something else in between
	tick := time.NewTicker(time.Second)
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGINT {
				p.tasks <- p.interrupt
			} else {
				p.tasks <- p.shutDown
			}
		case <-tick.C:
			if !alone && os.Getppid() != parent {
				p.tasks <- p.shutDown
				return
			}
		}
	}
}

// beat sends back what comes on the channel heartbeat.
func beat(front *sockets) {
	for {
		m, err := front.heartbeat.Recv()
		if err != nil {
			return
		}
		_ = front.heartbeat.SendMulti(m)
	}
}

// folderPrefix begins the name of a kernel's folder.
const folderPrefix = "lemonade-kernel-"

// private makes a connection of GoNB's own, by sockets in a folder that nobody
// else may enter. The file keeps its name, from which GoNB reads the kernel's ID.
func private(name string) (c connection, file, folder string, err error) {
	temp := os.TempDir()
	if len(temp) > 60 {
		temp = "/tmp" // a socket's path has at most 107 bytes
	}
	if folder, err = os.MkdirTemp(temp, folderPrefix); err != nil {
		return c, "", "", err
	}
	c = connection{
		Transport: "ipc", IP: filepath.Join(folder, "socket"), Scheme: "hmac-sha256", Key: rand.Text(),
		Shell: 1, Control: 2, Stdin: 3, IOPub: 4, Heartbeat: 5,
	}
	file = filepath.Join(folder, name)
	return c, file, folder, os.WriteFile(file, encode(c), 0o600)
}

// prepareModule lets cells import what Lemonade itself imports, in the versions
// and with the checksums that it has, without asking the network: the go get that
// GoNB runs for each cell knows nothing of its go.work.
func prepareModule(folder, source string) error {
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return err
	}
	mod, err := os.OpenFile(filepath.Join(folder, "go.mod"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer mod.Close()
	_, err = fmt.Fprintln(mod, "\nrequire github.com/lemo-nade/lemonade v0.0.0")
	return errors.Join(err, os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600))
}
