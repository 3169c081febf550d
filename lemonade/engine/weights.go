package engine

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// weightSet holds the variables of a network. A weight is named by the index of
// its node in the canonical network and its own name, as in "3.kernel"; nodes
// that share weights use those of the first of them.
type weightSet struct {
	store *model.Store
	owner []int // for each node, the node that owns its weights
	list  []weight
	at    map[string]int // index in list by name
}

// weight is one tensor with its declaration.
type weight struct {
	arch.Weight
	name     string // in the file: "3.kernel"
	variable *model.Variable
}

// newWeights creates and initialises the weights of a network. A value depends
// on the seed, the node's index and the weight's name alone.
func newWeights(net *arch.Network, seed int64, dtype dtypes.DType) (*weightSet, error) {
	w := &weightSet{store: model.NewStore(), owner: make([]int, len(net.Nodes)), at: map[string]int{}}
	first := map[string]int{}
	for i, n := range net.Nodes {
		w.owner[i] = i
		if n.Share != "" {
			if j, ok := first[n.Share]; ok {
				w.owner[i] = j
				continue
			}
			first[n.Share] = i
		}
		for _, decl := range net.Weights(i) {
			name := weightName(i, decl.Name)
			values, err := initial(decl, source(seed, name))
			if err != nil {
				return nil, fmt.Errorf("node %d (%s): %w", i, n.Op, err)
			}
			variable, err := w.store.CreateVariable("/weights/"+name, hostTensor(dtype, values, decl.Shape))
			if err != nil {
				return nil, fmt.Errorf("create weight %s: %w", name, err)
			}
			w.at[name] = len(w.list)
			w.list = append(w.list, weight{decl, name, variable.SetTrainable(decl.Trainable)})
		}
	}
	return w, nil
}

func weightName(node int, name string) string { return fmt.Sprintf("%d.%s", node, name) }

// variable returns a weight of node i; it panics, as graph-building code does,
// when there is none.
func (w *weightSet) variable(i int, name string) *model.Variable {
	full := weightName(w.owner[i], name)
	at, ok := w.at[full]
	if !ok {
		panic(fmt.Errorf("weight %s is not declared", full))
	}
	return w.list[at].variable
}

// source is a generator of its own for every weight, so that editing one node
// leaves the others' values alone.
func source(seed int64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// initializers gives for each name the standard deviation of a normal
// distribution or the limit of a uniform one: He et al. 2015, Glorot & Bengio
// 2010, LeCun et al. 1998.
var initializers = map[string]func(in, out float64) (std, limit float64){
	"he_normal":      func(in, _ float64) (float64, float64) { return math.Sqrt(2 / in), 0 },
	"he_uniform":     func(in, _ float64) (float64, float64) { return 0, math.Sqrt(6 / in) },
	"glorot_normal":  func(in, out float64) (float64, float64) { return math.Sqrt(2 / (in + out)), 0 },
	"glorot_uniform": func(in, out float64) (float64, float64) { return 0, math.Sqrt(6 / (in + out)) },
	"lecun_normal":   func(in, _ float64) (float64, float64) { return math.Sqrt(1 / in), 0 },
	"normal":         func(_, _ float64) (float64, float64) { return 0.02, 0 },
	"zeros":          func(_, _ float64) (float64, float64) { return 0, 0 },
	"ones":           nil, // the one that is not random
}

// initial draws a weight's first values.
func initial(w arch.Weight, rng *rand.Rand) ([]float64, error) {
	scale, ok := initializers[w.Init]
	if !ok {
		return nil, fmt.Errorf("weight %s: initializer %q is unknown", w.Name, w.Init)
	}
	values := make([]float64, w.Shape.Size())
	first := 0
	if w.Padded {
		first = len(values) / w.Shape[0]
	}
	if w.Init == "ones" {
		for k := first; k < len(values); k++ {
			values[k] = 1
		}
		return values, nil
	}
	std, limit := scale(float64(max(w.FanIn, 1)), float64(max(w.FanOut, 1)))
	for k := first; k < len(values); k++ {
		switch {
		case std > 0:
			values[k] = std * rng.NormFloat64()
		case limit > 0:
			values[k] = limit * (2*rng.Float64() - 1)
		}
	}
	return values, nil
}

// hostTensor converts values to a tensor of float32, or of float64 for tests of gradients.
func hostTensor(dtype dtypes.DType, values []float64, shape []int) *tensors.Tensor {
	if dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(values, shape...)
	}
	narrow := make([]float32, len(values))
	for k, v := range values {
		narrow[k] = float32(v)
	}
	return tensors.FromFlatDataAndDimensions(narrow, shape...)
}
