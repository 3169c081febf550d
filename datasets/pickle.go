package datasets

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// A pickle is a program for Python's unpickler, which may call anything. Here it is
// read twice. The first pass knows the instructions that arrays, lists and
// dictionaries are written with, holds every length against the size of the file, and
// bounds how many instructions there are, so that the second one, which builds the
// values, cannot be made to take more memory than the file justifies. No class is
// known but numpy's array and its parts.

// Limits of a pickle.
const (
	mostPickle       = 512 << 20 // bytes
	mostInstructions = 1_000_000 // of about 300 bytes each in memory; a published file has 130,000
	mostName         = 256       // bytes of a module or class
)

// operands say how many bytes follow an instruction: so many or, where it is less
// than 0, as many as a length says that has so many bytes itself.
var operands = map[byte]int{
	'(': 0, '.': 0, '0': 0, '1': 0, '2': 0, 'N': 0, 'R': 0, 'a': 0, 'b': 0, 'd': 0, 'e': 0, 'l': 0, 's': 0, 't': 0, 'u': 0,
	')': 0, ']': 0, '}': 0, 0x85: 0, 0x86: 0, 0x87: 0, 0x88: 0, 0x89: 0, 0x93: 0, 0x94: 0, // stack, tuples, lists, dictionaries
	'K': 1, 'M': 2, 'J': 4, 'G': 8, // numbers
	'h': 1, 'j': 4, 'q': 1, 'r': 4, // memo
	'U': -1, 'T': -4, 'C': -1, 'B': -4, 0x8c: -1, 'X': -4, 0x8d: -8, 0x8e: -8, 0x96: -8, // texts and bytes
	0x80: 1, 0x95: 8, // protocol, frame
}

// scanPickle reads a pickle of so many bytes to its end and refuses what the arrays
// that are looked for do not need.
func scanPickle(r io.Reader, size int64) error {
	if size > mostPickle {
		return fmt.Errorf("has %d bytes, %d are the most", size, mostPickle)
	}
	in := bufio.NewReaderSize(r, 1<<16)
	left := size
	take := func(n int64) error { // passes over n bytes
		if n > left {
			return io.ErrUnexpectedEOF
		}
		left -= n
		_, err := in.Discard(int(n))
		return cutOff(err)
	}
	number := func(n int) (uint64, error) {
		raw := make([]byte, 8)
		if _, err := io.ReadFull(in, raw[:n]); err != nil {
			return 0, cutOff(err)
		}
		left -= int64(n)
		return binary.LittleEndian.Uint64(raw), nil
	}
	for count := 0; ; count++ {
		if count == mostInstructions {
			return fmt.Errorf("has more than %d instructions", mostInstructions)
		}
		op, err := in.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		left--
		if count == 0 && op != 0x80 {
			return errors.New("is no pickle of the protocols 2 to 5")
		}
		n, known := operands[op]
		switch {
		case op == '.':
			_, err := io.Copy(io.Discard, in)
			return err
		case op == 0x80:
			protocol, err := number(1)
			if err != nil {
				return err
			}
			if protocol < 2 || protocol > 5 {
				return fmt.Errorf("is a pickle of protocol %d, 2 to 5 can be read", protocol)
			}
		case op == 0x95:
			frame, err := number(8)
			if err != nil {
				return err
			}
			if frame > uint64(left) {
				return io.ErrUnexpectedEOF
			}
		case op == 'c':
			for range 2 {
				n, err := lineOf(in)
				if err != nil {
					return err
				}
				left -= n
			}
		case op == 0x8a: // a number of so many bytes
			length, err := number(1)
			if err != nil {
				return err
			}
			if length < 1 || length > 8 {
				return fmt.Errorf("has a number of %d bytes", length)
			}
			if err := take(int64(length)); err != nil {
				return err
			}
		case !known:
			return fmt.Errorf("has the instruction %#x, which none of these files needs: another file", op)
		case n < 0:
			length, err := number(-n)
			if err != nil {
				return err
			}
			if length > uint64(left) {
				return io.ErrUnexpectedEOF
			}
			if err := take(int64(length)); err != nil {
				return err
			}
		default:
			if err := take(int64(n)); err != nil {
				return err
			}
		}
	}
}

// lineOf passes over a line, and returns how many bytes it has.
func lineOf(in *bufio.Reader) (int64, error) {
	for n := int64(1); n <= mostName; n++ {
		b, err := in.ReadByte()
		if err != nil {
			return 0, cutOff(err)
		}
		if b == '\n' {
			return n, nil
		}
	}
	return 0, fmt.Errorf("has a name of more than %d characters", mostName)
}

// unpickle builds the values of a pickle of so many bytes that was scanned.
func unpickle(r io.Reader, size int64) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("is damaged: %v", p)
		}
	}()
	u := pickle.NewUnpickler(bufio.NewReaderSize(r, 1<<16))
	u.FindClass = (&copies{left: size}).class
	value, err = u.Load()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("is damaged: %.200s", cutOff(err).Error()) // which may quote all that it has read
	}
	return value, err
}

// copies bounds what is made of the texts and bytes of a pickle: they may be asked for
// again and again, but no honest file needs one twice.
type copies struct{ left int64 }

// take holds that so many bytes more may be made.
func (c *copies) take(n int) error {
	if c.left -= int64(n); c.left < 0 {
		return errors.New("makes more of its texts than it has bytes: a file that is out to do harm")
	}
	return nil
}

// class knows the names that numpy's arrays are pickled with. Of numpy 2 the modules
// begin with numpy._core.
func (c *copies) class(module, name string) (any, error) {
	switch module + " " + name {
	case "numpy ndarray":
		return arrayClass{}, nil
	case "numpy dtype":
		return dtypeClass{}, nil
	case "numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct":
		return reconstruct{c}, nil
	case "numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer":
		return fromBuffer{c}, nil
	case "_codecs encode":
		return encode{c}, nil
	}
	return nil, fmt.Errorf("asks for %.100q of %.100q, which is none of numpy's arrays: another file, or one that is out to do harm", name, module)
}

// numpyArray is an array whose values are in the order of its axes.
type numpyArray struct {
	dtype  string // such as u1
	shape  []int
	raw    []byte
	copies *copies
}

// matrix returns the rows and columns of an array of bytes.
func (a *numpyArray) matrix() (rows, columns int, err error) {
	if a.dtype != "u1" || len(a.shape) != 2 {
		return 0, 0, fmt.Errorf("is an array of %.20q with the shape %v, a table of uint8 belongs there", a.dtype, a.shape)
	}
	rows, columns = a.shape[0], a.shape[1]
	if rows < 0 || columns < 1 || len(a.raw)%columns != 0 || len(a.raw)/columns != rows {
		return 0, 0, fmt.Errorf("has the shape %v, but %d bytes", a.shape, len(a.raw))
	}
	return rows, columns, nil
}

var errArray = errors.New("has an array that is written in a way which cannot be read")

type (
	arrayClass  struct{} // the class itself
	dtypeClass  struct{}
	reconstruct struct{ copies *copies } // makes an empty array, which is filled by its state
	fromBuffer  struct{ copies *copies } // makes an array of protocol 5
	encode      struct{ copies *copies } // makes bytes of a text, in protocol 2 of Python 3
)

// numpyType is a dtype. Its state has the order of bytes and the like.
type numpyType struct{ name string }

func (*numpyType) PySetState(any) error { return nil }

func (dtypeClass) Call(args ...any) (any, error) {
	if len(args) == 0 {
		return nil, errArray
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, errArray
	}
	return &numpyType{name}, nil
}

func (r reconstruct) Call(...any) (any, error) { return &numpyArray{copies: r.copies}, nil }

// PySetState takes the version, the shape, the type, whether columns come first, and
// the bytes.
func (a *numpyArray) PySetState(state any) error {
	t, ok := state.(*types.Tuple)
	if !ok || t.Len() != 5 {
		return errArray
	}
	if columns, ok := t.Get(3).(bool); !ok || columns {
		return errArray
	}
	return a.fill(t.Get(4), t.Get(2), t.Get(1))
}

func (f fromBuffer) Call(args ...any) (any, error) {
	if len(args) != 4 || args[3] != "C" {
		return nil, errArray
	}
	a := &numpyArray{copies: f.copies}
	return a, a.fill(args[0], args[1], args[2])
}

func (a *numpyArray) fill(raw, dtype, shape any) error {
	t, ok := dtype.(*numpyType)
	sides, ok2 := shape.(*types.Tuple)
	if !ok || !ok2 {
		return errArray
	}
	a.dtype, a.shape = t.name, nil
	for i := range sides.Len() {
		side, ok := sides.Get(i).(int)
		if !ok {
			return errArray
		}
		a.shape = append(a.shape, side)
	}
	switch raw := raw.(type) {
	case []byte:
		a.raw = raw
	case string: // Python 2
		if err := a.copies.take(len(raw)); err != nil {
			return err
		}
		a.raw = []byte(raw)
	case *types.ByteArray:
		a.raw = *raw
	default:
		return errArray
	}
	return nil
}

func (e encode) Call(args ...any) (any, error) {
	if len(args) != 2 || args[1] != "latin1" {
		return nil, errArray
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, errArray
	}
	if err := e.copies.take(len(text)); err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, errArray
		}
		out = append(out, byte(r))
	}
	return slices.Clip(out), nil
}
