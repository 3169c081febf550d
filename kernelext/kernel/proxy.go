package kernel

import (
	"context"
	"encoding/json"
	"log"
	"strings"
	"time"

	"github.com/go-zeromq/zmq4"
)

// proxy passes messages between Jupyter, in front, and GoNB, behind. All of its
// state belongs to the goroutine of loop; whatever else runs leaves it tasks.
type proxy struct {
	session     string
	front, back *sockets
	child       *child
	tasks       chan func()

	asking    *question       // of GoNB, by the proxy itself
	queue     []*request      // cells that wait; GoNB has one at a time
	cell      *request        // that GoNB has, or nil
	get       autoGet         // whether GoNB looks for what a cell imports
	onControl map[string]bool // requests of the channel control that wait for their reply
	folder    string          // of the kernel
	keys      []string        // that were given in answer to a question, and are not to be seen again
	ending    bool            // GoNB has been asked to end
	end       chan struct{}   // closed when it has had its time
}

// question is a request of the proxy itself.
type question struct {
	typ    string
	stdout string
	done   func(stdout string)
}

// loop passes messages until the kernel is to end. It reports whether GoNB ended
// although nobody had asked for that.
func (p *proxy) loop() (crashed bool) {
	for {
		select {
		case task := <-p.tasks:
			task()
		case <-p.end:
			return false
		case <-p.child.ended:
			p.drain()
			return !p.ending
		}
	}
}

// drain passes on what GoNB said last.
func (p *proxy) drain() {
	for {
		select {
		case task := <-p.tasks:
			task()
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

// receive leaves handle a task for each message that arrives.
func (p *proxy) receive(ctx context.Context, from zmq4.Socket, key []byte, handle func(message)) {
	for {
		raw, err := from.Recv()
		if err != nil {
			return // closed, or GoNB is gone
		}
		m, err := decode(raw.Frames, key)
		if err != nil {
			log.Printf("dropped %v", err)
			continue
		}
		select {
		case p.tasks <- func() { handle(m) }:
		case <-ctx.Done():
			return
		}
	}
}

// prepare waits until GoNB hears and is heard, learns where it keeps its files,
// and then lets Jupyter in.
func (p *proxy) prepare(ctx context.Context, source string) {
	go p.receive(ctx, p.back.shell, p.back.key, p.fromShell)
	go p.receive(ctx, p.back.stdin, p.back.key, p.fromStdin)
	go p.receive(ctx, p.back.iopub, p.back.key, p.fromIOPub)
	open := func(said string) {
		folder := strings.TrimSpace(said)
		p.child.folder(folder)
		if err := prepareModule(folder, source); err != nil {
			log.Printf("cells that import what Lemonade imports may want the network: %v", err)
		}
		go p.receive(ctx, p.front.shell, p.front.key, p.toShell)
		go p.receive(ctx, p.front.control, p.front.key, p.toControl)
		go p.receive(ctx, p.front.stdin, p.front.key, p.toStdin)
	}
	// Asked again and again, for what GoNB publishes before the subscription has
	// arrived is lost.
	heard := false
	var greet func()
	greet = func() {
		if heard {
			return
		}
		p.ask("kernel_info_request", map[string]any{}, func(string) {
			heard = true
			p.ask("execute_request", map[string]any{"code": "!*pwd", "silent": true, "store_history": false, "allow_stdin": false}, open)
		})
		p.after(50*time.Millisecond, greet)
	}
	p.tasks <- greet
}

// ask asks GoNB; done is told what that writes to its standard output.
func (p *proxy) ask(typ string, content any, done func(stdout string)) {
	p.asking = &question{typ: typ, done: done}
	p.send(compose(p.session, typ, message{}, content), p.back.shell, p.back.key)
}

// after leaves a task for later.
func (p *proxy) after(d time.Duration, task func()) {
	time.AfterFunc(d, func() {
		select {
		case p.tasks <- task:
		case <-p.end:
		}
	})
}

func (p *proxy) send(m message, to zmq4.Socket, key []byte) {
	if err := m.send(to, key); err != nil {
		log.Printf("could not send a message of type %s: %v", m.head.Type, err)
	}
}

// publish tells every front end, on account of parent.
func (p *proxy) publish(typ string, parent message, content any) {
	p.pass(compose(p.session, typ, parent, content))
}

func (p *proxy) publishStatus(parent message, state string) {
	p.publish("status", parent, map[string]any{"execution_state": state})
}

// pass passes a message on to every front end, under its type as the topic. A key
// that a front end has given is taken out: what is shown is saved.
func (p *proxy) pass(m message) {
	m = m.without(p.keys)
	m.route = [][]byte{[]byte(m.head.Type)}
	p.send(m, p.front.iopub, p.front.key)
}

func (p *proxy) reply(typ string, to message, content any) {
	p.send(compose(p.session, typ, to, content), p.front.shell, p.front.key)
}

// toShell takes what a front end asks.
func (p *proxy) toShell(m message) {
	switch m.head.Type {
	case "execute_request":
		p.queue = append(p.queue, newRequest(m, p.child.self))
		p.next()
	case "complete_request", "inspect_request":
		var content struct {
			Code   string `json:"code"`
			Cursor int    `json:"cursor_pos"`
		}
		_ = json.Unmarshal(m.parts[partContent], &content) // GoNB answers what makes no sense
		if line, ok := magicLine(content.Code, content.Cursor); ok {
			go func() {
				typ, answer := line.answer(m.head.Type)
				p.tasks <- func() { p.answer(typ, m, answer) }
			}()
			return
		}
		p.send(m, p.back.shell, p.back.key)
	case "history_request":
		// GoNB leaves it without an answer. It is what JupyterLab learns the kernel's state
		// from when a notebook is opened.
		p.answer("history_reply", m, map[string]any{"status": "ok", "history": []any{}})
	case "shutdown_request":
		p.shutDown()
		p.send(shutdownReply(p.session, m), p.front.shell, p.front.key)
	default:
		p.send(m, p.back.shell, p.back.key)
	}
}

// answer answers in GoNB's place. A front end takes each status for the whole
// kernel's, so that it is told of a cell that runs once more.
func (p *proxy) answer(typ string, to message, content any) {
	p.publishStatus(to, "busy")
	p.reply(typ, to, content)
	p.publishStatus(to, "idle")
	if p.cell != nil {
		p.publishStatus(p.cell.msg, "busy")
	}
}

func (p *proxy) toControl(m message) {
	switch m.head.Type {
	case "interrupt_request":
		p.interrupt()
		p.send(compose(p.session, "interrupt_reply", m, map[string]any{"status": "ok"}), p.front.control, p.front.key)
	case "shutdown_request":
		p.shutDown()
		p.send(shutdownReply(p.session, m), p.front.control, p.front.key)
	default:
		p.onControl[m.head.ID] = true
		p.send(m, p.back.control, p.back.key)
	}
}

// fromShell takes GoNB's replies, which all come on the channel shell, also those
// to requests of the channel control.
func (p *proxy) fromShell(m message) {
	switch {
	case m.parent.Session == p.session:
	case p.onControl[m.parent.ID]:
		delete(p.onControl, m.parent.ID)
		p.send(m, p.front.control, p.front.key)
	case p.cell != nil && m.parent.ID == p.cell.msg.head.ID:
		p.cell.reply = &m
		p.finish()
	default:
		p.send(m, p.front.shell, p.front.key)
	}
}

func (p *proxy) fromIOPub(m message) {
	switch {
	case m.parent.Session == p.session:
		p.hear(m)
	case p.cell != nil && m.parent.ID == p.cell.msg.head.ID:
		if p.cell.watch(&m) {
			p.pass(m)
		}
		p.finish()
	default:
		p.pass(m)
	}
}

// hear takes what is published on account of a question of the proxy itself.
func (p *proxy) hear(m message) {
	q := p.asking
	if q == nil || m.parent.Type != q.typ {
		return
	}
	switch m.head.Type {
	case "stream":
		_, text := m.stream()
		q.stdout += text
	case "status":
		if m.state() == "idle" {
			p.asking = nil
			q.done(q.stdout)
		}
	}
}

// fromStdin passes on that a cell asks the user, unless nobody could answer:
// then the cell would wait for ever.
func (p *proxy) fromStdin(m message) {
	if r := p.cell; r != nil && m.parent.ID == r.msg.head.ID && !r.AllowStdin {
		r.fault = &fault{
			name:  "NobodyToAsk",
			text:  "the cell asks for input, and nobody is there to answer: set what it asks for in the environment, or run the notebook in JupyterLab",
			first: true,
		}
		p.interrupt()
		return
	}
	p.hearQuestion(m)
	p.send(m, p.front.stdin, p.front.key)
}

// next gives GoNB the next cell.
func (p *proxy) next() {
	if p.cell != nil || p.asking != nil || len(p.queue) == 0 || p.ending {
		return
	}
	if line := p.get.before(p.queue[0].Code); line != "" {
		p.ask("execute_request", map[string]any{"code": line, "silent": true, "store_history": false, "allow_stdin": false}, func(string) { p.next() })
		return
	}
	p.cell, p.queue = p.queue[0], p.queue[1:]
	p.letAsk(p.cell.AllowStdin)
	p.send(p.cell.forward(), p.back.shell, p.back.key)
}

// finish ends the cell that runs when GoNB has replied and everything that the
// cell said has been passed on. These come on two channels, in either order.
func (p *proxy) finish() {
	r := p.cell
	if r == nil || r.reply == nil || r.idle == nil {
		return
	}
	reply, wrong := r.verdict()
	reply = reply.without(p.keys)
	if wrong != nil && !r.Silent {
		p.publish("error", r.msg, wrong.content())
	}
	p.send(reply, p.front.shell, p.front.key)
	p.pass(*r.idle)
	p.cell = nil
	if reply.status() == "error" && r.StopOnError {
		p.abort()
	}
	if reply.status() == "ok" || r.interrupted { // else a key may be what was wrong
		p.keep(r.keys)
	}
	p.next()
}

// abort ends the cells that wait without running them.
func (p *proxy) abort() {
	for _, r := range p.queue {
		p.publishStatus(r.msg, "busy")
		p.reply("execute_reply", r.msg, map[string]any{"status": "aborted"})
		p.publishStatus(r.msg, "idle")
	}
	p.queue = nil
}

// patience is how long an interrupted cell has. GoNB kills its program after five
// seconds; what the program has started goes then.
const patience = 6 * time.Second

func (p *proxy) interrupt() {
	r, told, until := p.cell, map[int]bool{}, time.Now().Add(patience)
	if r == nil {
		return
	}
	r.interrupted = true
	var press func()
	press = func() {
		switch {
		case p.cell != r: // it has ended
		case time.Now().After(until):
			p.child.killCell()
		default:
			p.child.interrupt(told)
			p.after(100*time.Millisecond, press)
		}
	}
	press()
}

// shutDown asks GoNB to end, and gives it some time: Jupyter waits five seconds
// for the kernel before it kills it.
func (p *proxy) shutDown() {
	if p.ending {
		return
	}
	p.ending = true
	p.send(compose(p.session, "shutdown_request", message{}, map[string]any{"restart": false}), p.back.control, p.back.key)
	p.after(2*time.Second, func() { close(p.end) })
}

func shutdownReply(session string, to message) message {
	var content struct {
		Restart bool `json:"restart"`
	}
	_ = json.Unmarshal(to.parts[partContent], &content)
	return compose(session, "shutdown_reply", to, map[string]any{"status": "ok", "restart": content.Restart})
}
