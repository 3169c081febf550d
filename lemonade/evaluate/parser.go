package evaluate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ProgramError is an error in an architecture program, worded for whoever wrote
// the program.
type ProgramError struct{ Text string }

func (e *ProgramError) Error() string { return e.Text }

// parser keeps one worker in mode parse, and replaces it when a program has
// exceeded a limit in it.
type parser struct {
	options Options

	mu     sync.Mutex
	child  *child // nil before the first program and after one that had to be killed
	closed bool
}

// warm starts the worker unless there is one.
func (p *parser) warm(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready(ctx)
}

func (p *parser) ready(ctx context.Context) error {
	if p.closed {
		return errClosed
	}
	if p.child != nil {
		select {
		case <-p.child.ended: // killed from outside while it was idle: no program's fault
			p.child.stop()
			p.child = nil
		default:
			return nil
		}
	}
	limit := strconv.FormatInt(p.options.ParseMemory, 10)
	c, err := start(p.options.Worker, []string{"parse", "-memory", limit}, parseEnv(), nil)
	if err != nil {
		return err
	}
	go c.watch(p.options.ParseMemory, 10*time.Millisecond, "the program")
	if _, err := c.handshake(ctx); err != nil {
		c.stop()
		return err
	}
	p.child = c
	return nil
}

func (p *parser) parse(ctx context.Context, source string, input arch.Input, classes int) (*arch.Program, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	c := p.child
	timed, cancel := c.busy(ctx, p.options.ParseTime)
	defer cancel()
	request := trial.Parse{Source: source, Classes: classes}
	switch in := input.(type) {
	case arch.Shape:
		request.Input = in
	case arch.Tokens:
		request.Input, request.Vocabulary = arch.Shape{in.Length}, in.Vocabulary
	}
	c.send(trial.Envelope{Parse: &request})
	m, err := c.next(timed)
	switch {
	case err == nil && m.Parsed != nil && m.Parsed.Error != "":
		return nil, &ProgramError{m.Parsed.Error}
	case err == nil && m.Parsed != nil && m.Parsed.Program != nil:
		return m.Parsed.Program, nil
	}

	// The worker is of no more use: it is dead, or busy for who knows how long.
	if err != nil && timed.Err() == nil {
		c.bury(err)
	}
	c.stop()
	p.child = nil
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case timed.Err() != nil:
		return nil, &ProgramError{fmt.Sprintf("the program ran longer than %v: build the network with fewer steps, and check that every loop ends", p.options.ParseTime)}
	case errors.As(err, new(*unusableError)):
		return nil, err
	case err == nil:
		return nil, fmt.Errorf("evaluate: the worker %s answered something other than a program: %s", c.path, mendVersions)
	}
	reason := c.reason(false, p.options.ParseMemory)
	if strings.HasPrefix(reason, trial.OutOfMemory) {
		return nil, &ProgramError{fmt.Sprintf("the program used more than %s of memory: build no long strings or lists; the network's own tensors cost nothing here", humanize.IBytes(uint64(p.options.ParseMemory)))}
	}
	return nil, &ProgramError{"the program could not be run: " + reason}
}

func (p *parser) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.child != nil {
		p.child.stop()
		p.child = nil
	}
}
