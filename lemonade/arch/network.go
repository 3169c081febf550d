package arch

import (
	"fmt"
	"strings"
)

// Language is the version of the architecture language: it is stored with
// every program and part of every trial key, and grows when the meaning of a
// program changes.
const Language = 1

// Shape is the shape of one sample's tensor. The batch axis is never part of it:
// a 32×32 colour image is [32 32 3] (height, width, channels).
type Shape []int

// Size returns the number of elements, 1 for a scalar.
func (s Shape) Size() int64 {
	n := int64(1)
	for _, d := range s {
		n *= int64(d)
	}
	return n
}

// String prints the shape as [32 32 3].
func (s Shape) String() string {
	return "[" + strings.Trim(fmt.Sprint([]int(s)), "[]") + "]"
}

// Attrs are an operation's attributes, every default filled in. A value is a
// bool, an int, a float64, a string or an []int, as the operation declares it;
// [Network.UnmarshalJSON] restores those types. Networks share equal attributes, which
// take most of their memory: those of a network are not to be written to.
type Attrs map[string]any

// Int returns an int attribute; it panics when the operation declares none of that name.
func (a Attrs) Int(name string) int { return a[name].(int) }

// Ints returns a list attribute such as a kernel [3 3].
func (a Attrs) Ints(name string) []int { return a[name].([]int) }

// Float returns a float attribute.
func (a Attrs) Float(name string) float64 { return a[name].(float64) }

// Bool returns a bool attribute.
func (a Attrs) Bool(name string) bool { return a[name].(bool) }

// Text returns a string attribute.
func (a Attrs) Text(name string) string { return a[name].(string) }

// Node is one operation of a network.
type Node struct {
	Op     string `json:"op"`               // name of its declaration in [Ops]
	Inputs []int  `json:"inputs,omitempty"` // indices of earlier nodes
	Attrs  Attrs  `json:"attrs,omitempty"`
	Share  string `json:"share,omitempty"` // nodes of one name share their weights; canonical names are s0, s1 …
	Shape  Shape  `json:"shape"`           // of its output
}

// Network is a directed acyclic graph of operations in which every shape is
// known. Node 0 of the canonical form is the deepest operand first reached from
// the output; the last node is always the output, of shape [Classes] (logits).
// Exactly one node has Op "input".
type Network struct {
	Language   int    `json:"language"`
	Input      Shape  `json:"input"`
	Vocabulary int    `json:"vocabulary,omitempty"` // token ids of a text; 0 where the input holds values
	Classes    int    `json:"classes"`
	Nodes      []Node `json:"nodes"`
}

// Output returns the index of the output node: the last one.
func (n *Network) Output() int { return len(n.Nodes) - 1 }

// Weight is one tensor that a node owns.
type Weight struct {
	Name      string // "kernel", "bias", "scale", "offset", "mean", "variance", "query", "table" …
	Shape     Shape
	Init      string // an initializer of [Initializers]
	FanIn     int    // for the initializers that scale by it
	FanOut    int
	Trainable bool // false for the running averages of batch_norm
	Decay     bool // whether weight decay applies: kernels, not norms, biases and embeddings
	Padded    bool // its first row belongs to padding, and is 0
}

// Costs are what a network is known to cost before it runs.
type Costs struct {
	Params           int64 `json:"params"`            // trainable values, shared ones counted once
	MACs             int64 `json:"macs"`              // multiply-accumulates of convolutions, dense and recurrent layers, attention and matmul products, per sample
	ModelBytes       int64 `json:"model_bytes"`       // parameters and running averages at float32
	ActivationMemory int64 `json:"activation_memory"` // peak bytes of live activations at float32, inference, batch 1
	Depth            int   `json:"depth"`             // longest path from input to output, in nodes
}

// Program is an architecture program that was parsed: the text as written, the
// network it describes and how to train it.
type Program struct {
	Source  string   `json:"source"`
	Network *Network `json:"network"`
	Recipe  Recipe   `json:"recipe"`
	Choices []Choice `json:"choices,omitempty"` // of a template, in the order of their first use
}
