package forecast

import (
	"math"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Sample is what a forecast looks at of a program.
type Sample struct {
	Hash    string // of the network
	Recipe  arch.Recipe
	Choices []arch.Choice
	Costs   arch.Costs

	network []float64 // the network's features
}

// Describe returns what is looked at. The hash is that of the network where it is known,
// such as from a trial, else "".
func Describe(p *arch.Program, hash string) Sample {
	if hash == "" {
		hash = p.Network.Hash()
	}
	seen.Lock()
	s, ok := seen.networks[hash]
	seen.Unlock()
	if !ok {
		a := examine(p.Network)
		s = Sample{Hash: hash, Costs: a.costs}
		for _, f := range features {
			s.network = append(s.network, f.of(a))
		}
		seen.Lock()
		if len(seen.networks) >= remembered {
			clear(seen.networks)
		}
		seen.networks[hash] = s
		seen.Unlock()
	}
	s.Recipe, s.Choices = p.Recipe, p.Choices
	return s
}

// seen remembers networks, since a study's are looked at in every round.
var seen = struct {
	sync.Mutex
	networks map[string]Sample // by hash
}{networks: map[string]Sample{}}

const remembered = 50_000

// The features that a prior knowledge of networks goes by.

// MACs is the logarithm of the multiply-accumulates.
func (s Sample) MACs() float64 { return s.network[atMACs] }

// Learns reports whether the output depends on the input at all.
func (s Sample) Learns() bool { return s.network[atLearns] > 0 }

// Promise ranks networks of about as many multiply-accumulates by what is known of
// networks in general: depth pays, as long as a short path carries the gradients past it,
// and pooling without getting smaller loses detail. Ours, and equally weighted.
func (s Sample) Promise() float64 {
	return s.network[atLongest] - s.network[atShortest] - s.network[atSmoothing]
}

// recipeFeatures are the numbers of a recipe.
func recipeFeatures(r arch.Recipe) []float64 {
	logarithm := func(v float64) float64 { return math.Log(max(v, 1e-6)) }
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return []float64{
		logarithm(r.LearningRate), logarithm(r.WeightDecay), logarithm(float64(r.BatchSize)), truth(r.Optimizer == "sgd"),
		r.Momentum, r.LabelSmoothing, truth(r.Schedule == "constant"), truth(r.Schedule == "cosine"), r.Warmup,
		truth(r.Flip), float64(r.Crop), truth(r.Turn), float64(r.Cutout), r.Mixup, r.TokenDropout,
	}
}

// encoder turns samples into rows of numbers: the network's features, the recipe's, and
// one for each option that some of the trials took.
type encoder struct{ options map[string]int }

func newEncoder(samples []Sample) encoder {
	e := encoder{map[string]int{}}
	for _, s := range samples {
		for _, c := range s.Choices {
			name := c.Name + " " + c.Value()
			if _, ok := e.options[name]; !ok {
				e.options[name] = len(e.options)
			}
		}
	}
	return e
}

func (e encoder) encode(s Sample) []float64 {
	row := append(append(make([]float64, 0, len(s.network)+15+len(e.options)), s.network...), recipeFeatures(s.Recipe)...)
	start := len(row)
	row = append(row, make([]float64, len(e.options))...)
	for _, c := range s.Choices {
		if i, ok := e.options[c.Name+" "+c.Value()]; ok {
			row[start+i] = 1
		}
	}
	return row
}
