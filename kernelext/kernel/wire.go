package kernel

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/go-zeromq/zmq4"
)

// connection is the connection file, by which Jupyter tells a kernel where to listen.
type connection struct {
	Transport string `json:"transport"`
	IP        string `json:"ip"`
	Scheme    string `json:"signature_scheme"`
	Key       string `json:"key"`
	Shell     int    `json:"shell_port"`
	Control   int    `json:"control_port"`
	Stdin     int    `json:"stdin_port"`
	IOPub     int    `json:"iopub_port"`
	Heartbeat int    `json:"hb_port"`
}

func readConnection(file string) (connection, error) {
	var c connection
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("connection file %s: %w", file, err)
	}
	if c.Key != "" && c.Scheme != "hmac-sha256" {
		return c, fmt.Errorf("connection file %s: signature_scheme %q: only hmac-sha256 is known", file, c.Scheme)
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return c, fmt.Errorf("connection file %s: transport %q: only tcp and ipc are known", file, c.Transport)
	}
	return c, nil
}

func (c connection) address(port int) string {
	if c.Transport == "ipc" {
		return fmt.Sprintf("ipc://%s-%d", c.IP, port)
	}
	return fmt.Sprintf("tcp://%s:%d", c.IP, port)
}

// sockets are one side's channels.
type sockets struct {
	shell, control, stdin, iopub, heartbeat zmq4.Socket
	key                                     []byte
}

func (s *sockets) all() []zmq4.Socket {
	return []zmq4.Socket{s.shell, s.control, s.stdin, s.iopub, s.heartbeat}
}

func (s *sockets) close() {
	for _, sock := range s.all() {
		if sock != nil {
			_ = sock.Close()
		}
	}
}

func (c connection) ports() []int {
	return []int{c.Shell, c.Control, c.Stdin, c.IOPub, c.Heartbeat}
}

// listen opens the kernel's side.
func (c connection) listen(ctx context.Context) (*sockets, error) {
	s := &sockets{
		shell: zmq4.NewRouter(ctx), control: zmq4.NewRouter(ctx), stdin: zmq4.NewRouter(ctx),
		iopub: zmq4.NewPub(ctx), heartbeat: zmq4.NewRouter(ctx),
		key: []byte(c.Key),
	}
	for i, sock := range s.all() {
		address := c.address(c.ports()[i])
		if c.Transport == "ipc" {
			_ = os.Remove(address[len("ipc://"):]) // of a kernel that was killed
		}
		if err := sock.Listen(address); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// dial opens Jupyter's side, as soon as the kernel listens. A kernel asks for
// input under the name that asked it to run the cell, so the channels share one.
func (c connection) dial(ctx context.Context) (*sockets, error) {
	dealer := func() zmq4.Socket {
		return zmq4.NewDealer(ctx, zmq4.WithID(zmq4.SocketIdentity("lemonade")), zmq4.WithDialerRetry(10*time.Millisecond), zmq4.WithDialerMaxRetries(-1))
	}
	s := &sockets{
		shell: dealer(), control: dealer(), stdin: dealer(),
		iopub: zmq4.NewSub(ctx, zmq4.WithDialerRetry(10*time.Millisecond), zmq4.WithDialerMaxRetries(-1)),
		key:   []byte(c.Key),
	}
	for i, sock := range s.all()[:4] {
		if err := sock.Dial(c.address(c.ports()[i])); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, s.iopub.SetOption(zmq4.OptionSubscribe, "")
}

// message is a message of Jupyter's protocol. Its parts are kept as they came, so
// that what passes through is not changed by the passage.
type message struct {
	route   [][]byte // to whoever sent it, or is to get it
	parts   [4]json.RawMessage
	buffers [][]byte

	head, parent header
}

// The parts of a message, in their order on the wire.
const (
	partHeader = iota
	partParent
	partMetadata
	partContent
)

type header struct {
	ID      string `json:"msg_id"`
	Type    string `json:"msg_type"`
	Session string `json:"session"`
}

// delimiter stands between the route and the signature.
const delimiter = "<IDS|MSG>"

func decode(frames [][]byte, key []byte) (message, error) {
	at := slices.IndexFunc(frames, func(f []byte) bool { return string(f) == delimiter })
	if at < 0 || len(frames) < at+6 {
		return message{}, fmt.Errorf("a message of %d frames is none of Jupyter's", len(frames))
	}
	m := message{route: frames[:at], buffers: frames[at+6:]}
	for i := range m.parts {
		m.parts[i] = frames[at+2+i]
	}
	if len(key) > 0 {
		if signature, err := hex.DecodeString(string(frames[at+1])); err != nil || !hmac.Equal(signature, m.sign(key)) {
			return message{}, errors.New("a message whose signature is wrong")
		}
	}
	if err := json.Unmarshal(m.parts[partHeader], &m.head); err != nil {
		return message{}, fmt.Errorf("a message's header: %w", err)
	}
	if err := json.Unmarshal(m.parts[partParent], &m.parent); err != nil {
		return message{}, fmt.Errorf("the parent header of a message of type %s: %w", m.head.Type, err)
	}
	return m, nil
}

func (m message) sign(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range m.parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func (m message) send(to zmq4.Socket, key []byte) error {
	return to.SendMulti(zmq4.NewMsgFrom(m.frames(key)...))
}

// frames is the message on the wire.
func (m message) frames(key []byte) [][]byte {
	frames := append(slices.Clone(m.route), []byte(delimiter), nil)
	if len(key) > 0 {
		frames[len(frames)-1] = []byte(hex.EncodeToString(m.sign(key)))
	}
	for _, part := range m.parts {
		frames = append(frames, part)
	}
	return append(frames, m.buffers...)
}

// compose makes a message of this kernel's own, on account of parent.
func compose(session, typ string, parent message, content any) message {
	m := message{
		route:  parent.route,
		head:   header{ID: rand.Text(), Type: typ, Session: session},
		parent: parent.head,
	}
	m.parts[partHeader] = encode(map[string]string{
		"msg_id": m.head.ID, "msg_type": typ, "session": session, "username": "lemonade",
		"date": time.Now().UTC().Format(time.RFC3339Nano), "version": "5.4",
	})
	m.parts[partParent] = parent.parts[partHeader]
	if m.parts[partParent] == nil {
		m.parts[partParent] = json.RawMessage("{}")
	}
	m.parts[partMetadata] = json.RawMessage("{}")
	m.parts[partContent] = encode(content)
	return m
}

// with returns the message with some fields of its content set.
func (m message) with(fields map[string]any) message {
	content := map[string]json.RawMessage{}
	_ = json.Unmarshal(m.parts[partContent], &content) // what is no object has no fields to keep
	for name, value := range fields {
		content[name] = encode(value)
	}
	m.parts[partContent] = encode(content)
	return m
}

// encode is for what always has a form in JSON, such as a map of strings.
func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
