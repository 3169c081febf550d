package arch

import (
	"fmt"
	"slices"
)

// Kind is the type of an operation's argument, as programs write it.
type Kind string

// The kinds of arguments, and the Go type of the attribute.
const (
	KindInt   Kind = "int"         // int
	KindPair  Kind = "int or pair" // []int of two: rows and columns
	KindInts  Kind = "list of int" // []int
	KindFloat Kind = "float"       // float64
	KindBool  Kind = "bool"        // bool
	KindText  Kind = "string"      // string
)

// Derived is the default of an argument that follows from the operands; it says how.
type Derived string

// Arg declares an argument of an operation, and so an attribute of its node.
type Arg struct {
	Name    string
	Kind    Kind
	Default any // nil: must be given; a [Derived]: follows from the operands; else of the attribute's Go type
	Doc     string
	Implied bool     // never written in a program: the operands alone say it
	Choices []string // of a string; nil allows any
	Min     float64  // of a number, inclusive
	Max     float64
	Aliases []string // other names that programs may use
}

// Op declares an operation: everything that is known about it but how to run it.
type Op struct {
	Name        string
	Family      string   // heading in the reference
	Doc         string   // one sentence
	Inputs      []string // names of the tensor operands
	Optional    int      // how many of Inputs, from the end, may be left out
	Variadic    bool     // takes a list of two or more tensors
	Mask        bool     // may take one operand more, the last: mask [T], 0 where a position is padding
	Tokens      bool     // reads the token ids of a text, and is all that does
	Numbers     bool     // operands may be numbers too
	Args        []Arg
	HasWeights  bool   // takes share = "name"
	Random      bool   // differs from call to call in training
	Commutative bool   // its two operands may be exchanged
	Surface     bool   // written in programs only: lowered to other operations, never a Node.Op
	Internal    bool   // a Node.Op that programs do not write by this name
	Only        string // of samples that it is made for: [ForImages], [ForTexts], or "" for all

	// shape returns the output's shape. It may rewrite attrs to their canonical
	// values: derived defaults filled in, axes made negative. The operands are
	// as many as declared.
	shape func(in []Shape, a Attrs) (Shape, error)
	// weights lists the tensors that the node owns, after shape.
	weights func(in []Shape, a Attrs) []Weight
	// macs counts the multiply-accumulates per sample, saturating.
	macs func(in []Shape, out Shape, a Attrs) int64
	// scratch counts the elements that live while the node runs beside its output.
	scratch func(in []Shape, a Attrs) int64
}

// The samples that some operations are made for. They work on any tensor of the
// right shape; a prompt about others can do without them.
const (
	ForImages = "image"
	ForTexts  = "text"
)

// Families are the headings under which the operations are listed.
const (
	familyLayer      = "Layers"
	familySequence   = "Sequences"
	familyNorm       = "Normalisation"
	familyActivation = "Activations"
	familyPool       = "Pooling and resizing"
	familyNoise      = "Regularisation"
	familyShape      = "Shape"
	familyMath       = "Arithmetic"
)

// Initializers are the ways in which a weight may start.
var Initializers = []string{
	"he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "normal", "zeros", "ones",
}

// Activations are the names of the elementwise non-linearities.
var Activations = []string{
	"relu", "leaky_relu", "silu", "gelu", "hard_swish", "hard_sigmoid", "tanh", "sigmoid",
}

var (
	opTable = slices.Concat(layerOps, sequenceOps, normOps, activationOps, poolOps, noiseOps, shapeOps, mathOps, internalOps)
	opIndex = func() map[string]*Op {
		m := make(map[string]*Op, len(opTable))
		for i := range opTable {
			m[opTable[i].Name] = &opTable[i]
		}
		return m
	}()
)

// Ops returns the declarations of all operations, in the order of the reference.
func Ops() []Op { return slices.Clone(opTable) }

// LookupOp returns the declaration of an operation.
func LookupOp(name string) (Op, bool) {
	op, ok := opIndex[name]
	if !ok {
		return Op{}, false
	}
	return *op, true
}

// arg returns the declared argument of that name or alias.
func (o *Op) arg(name string) *Arg {
	for i := range o.Args {
		if o.Args[i].Name == name || slices.Contains(o.Args[i].Aliases, name) {
			return &o.Args[i]
		}
	}
	return nil
}

// merges reports whether two nodes of the operation with the same operands and
// attributes are the same value.
func (o *Op) merges(share string) bool { return !o.Random && (!o.HasWeights || share != "") }

// fill checks attributes against the declaration, converts them to their
// declared types and adds the defaults. Arguments with a [Derived] default may
// stay absent.
func (o *Op) fill(given Attrs) (Attrs, error) {
	for name := range given {
		if a := o.arg(name); a == nil || a.Name != name {
			return nil, fmt.Errorf("has no argument %q; write %s", name, o.Signature())
		}
	}
	out := make(Attrs, len(o.Args))
	for i := range o.Args {
		a := &o.Args[i]
		v, ok := given[a.Name]
		if !ok {
			switch d := a.Default.(type) {
			case nil:
				return nil, fmt.Errorf("%s is missing (%s); write %s", a.Name, a.Doc, o.Signature())
			case Derived:
				continue
			case []int:
				out[a.Name] = slices.Clone(d)
			default:
				out[a.Name] = d
			}
			continue
		}
		c, err := a.convert(v)
		if err != nil {
			return nil, err
		}
		out[a.Name] = c
	}
	return out, nil
}

// The constructors below keep the table of operations short.

func intArg(name string, def any, doc string, aliases ...string) Arg {
	return Arg{Name: name, Kind: KindInt, Default: def, Doc: doc, Min: 1, Max: MaxDim, Aliases: aliases}
}

func axisArg(def any, doc string) Arg {
	return Arg{Name: "axis", Kind: KindInt, Default: def, Doc: doc, Min: -MaxRank, Max: MaxRank - 1, Aliases: []string{"dim"}}
}

func pairArg(name string, def any, doc string, aliases ...string) Arg {
	if n, ok := def.(int); ok {
		def = []int{n, n}
	}
	return Arg{Name: name, Kind: KindPair, Default: def, Doc: doc, Min: 1, Max: MaxDim, Aliases: aliases}
}

func floatArg(name string, def any, lo, hi float64, doc string, aliases ...string) Arg {
	return Arg{Name: name, Kind: KindFloat, Default: def, Doc: doc, Min: lo, Max: hi, Aliases: aliases}
}

func boolArg(name string, def bool, doc string, aliases ...string) Arg {
	return Arg{Name: name, Kind: KindBool, Default: def, Doc: doc, Aliases: aliases}
}

func choiceArg(name, def, doc string, choices []string, aliases ...string) Arg {
	return Arg{Name: name, Kind: KindText, Default: def, Doc: doc, Choices: choices, Aliases: aliases}
}

func initArg(def string) Arg {
	return choiceArg("init", def, "how its weights start", Initializers, "initializer", "kernel_initializer")
}

func biasArg() Arg { return boolArg("bias", true, "add a learned offset", "use_bias") }
