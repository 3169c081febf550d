package arch

import "fmt"

// Input is what a network reads: values, a [Shape], or the ids of [Tokens].
type Input interface {
	// reads returns a sample's shape and the number of token ids, 0 where it
	// holds values.
	reads() (sample Shape, vocabulary int)
	String() string
}

// Tokens is a text as ids of its words or pieces of words: Length of them, each
// in [0, Vocabulary). Id 0 is padding.
type Tokens struct{ Length, Vocabulary int }

func (s Shape) reads() (Shape, int)  { return s, 0 }
func (t Tokens) reads() (Shape, int) { return Shape{t.Length}, t.Vocabulary }

// String prints the tokens as [256] of 20000 ids.
func (t Tokens) String() string { return fmt.Sprintf("%v of %d ids", Shape{t.Length}, t.Vocabulary) }

// InputOf returns the input of samples of that shape: [Tokens] where there is a
// vocabulary, else the shape itself.
func InputOf(shape []int, vocabulary int) Input {
	if vocabulary == 0 || len(shape) != 1 {
		return Shape(shape)
	}
	return Tokens{shape[0], vocabulary}
}

// Reads returns what the network reads.
func (n *Network) Reads() Input { return InputOf(n.Input, n.Vocabulary) }

// IsText reports whether an input is token ids.
func IsText(in Input) bool {
	_, ok := in.(Tokens)
	return ok
}

// tokensNeeded is the error of an operation that was given token ids as values.
const tokensNeeded = "x holds token ids: begin with embedding(x, 64)"
