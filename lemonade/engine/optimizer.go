package engine

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// optimizer updates the trainable weights of a set within the graph of a step.
type optimizer struct {
	recipe arch.Recipe
	slots  map[string][]*model.Variable // state per weight: momentum; or first and second moment
}

// slotsOf says how many state tensors a weight needs.
var slotsOf = map[string]int{"sgd": 1, "adamw": 2}

// AdamW's constants, as its paper and every framework have them.
const beta1, beta2, adamEpsilon = 0.9, 0.999, 1e-8

// newOptimizer creates the state, all zeros.
func newOptimizer(recipe arch.Recipe, w *weightSet) (*optimizer, error) {
	count, ok := slotsOf[recipe.Optimizer]
	if !ok {
		return nil, fmt.Errorf("optimizer %q is unknown; use \"sgd\" or \"adamw\"", recipe.Optimizer)
	}
	o := &optimizer{recipe: recipe, slots: map[string][]*model.Variable{}}
	for _, weight := range w.list {
		for k := 0; k < count && weight.Trainable; k++ {
			slot, err := w.store.CreateVariable(fmt.Sprintf("/optimizer/%d/%s", k, weight.name), tensors.FromShape(weight.variable.Shape()))
			if err != nil {
				return nil, fmt.Errorf("create optimizer state of %s: %w", weight.name, err)
			}
			o.slots[weight.name] = append(o.slots[weight.name], slot.SetTrainable(false))
		}
	}
	return o, nil
}

// numbers are what changes from step to step; they go to the device as a vector.
type numbers struct {
	learningRate float64
	averageRate  float64 // share of the batch in batch norm's running averages
	step         int     // from 1
}

func (n numbers) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions([]float32{
		float32(n.learningRate),
		float32(n.averageRate),
		float32(1 - math.Pow(beta1, float64(n.step))),
		float32(1 - math.Pow(beta2, float64(n.step))),
	}, numbersCount)
}

// The positions in the vector.
const (
	atLearningRate = iota
	atAverageRate
	atCorrection1
	atCorrection2
	numbersCount
)

// element returns a scalar of the vector.
func element(vector *Node, at int) *Node { return Reshape(Slice(vector, AxisElem(at))) }

// apply adds to the graph the update of every trainable weight by the gradient of loss.
func (o *optimizer) apply(w *weightSet, loss, vector *Node) {
	g := loss.Graph()
	var trained []weight
	var values []*Node
	for _, weight := range w.list {
		if weight.Trainable {
			trained = append(trained, weight)
			values = append(values, weight.variable.NodeValue(g))
		}
	}
	for k, gradient := range Gradient(loss, values...) {
		decay := 0.0
		if trained[k].Decay {
			decay = o.recipe.WeightDecay
		}
		slots := o.slots[trained[k].name]
		update := o.nesterov
		if o.recipe.Optimizer == "adamw" {
			update = o.adamW
		}
		trained[k].variable.SetNodeValue(update(values[k], gradient, decay, slots, vector))
	}
}

// nesterov is stochastic gradient descent with Nesterov momentum in the form of
// Sutskever et al. 2013 that frameworks use; weight decay is an L2 gradient.
func (o *optimizer) nesterov(value, gradient *Node, decay float64, slots []*model.Variable, vector *Node) *Node {
	if decay > 0 {
		gradient = Add(gradient, MulScalar(value, decay))
	}
	velocity := Add(MulScalar(slots[0].NodeValue(value), o.recipe.Momentum), gradient)
	slots[0].SetNodeValue(velocity)
	ahead := Add(gradient, MulScalar(velocity, o.recipe.Momentum))
	return Sub(value, Mul(ahead, element(vector, atLearningRate)))
}

// adamW is Adam with decoupled weight decay (Loshchilov & Hutter 2019).
func (o *optimizer) adamW(value, gradient *Node, decay float64, slots []*model.Variable, vector *Node) *Node {
	first := Add(MulScalar(slots[0].NodeValue(value), beta1), MulScalar(gradient, 1-beta1))
	second := Add(MulScalar(slots[1].NodeValue(value), beta2), MulScalar(Square(gradient), 1-beta2))
	slots[0].SetNodeValue(first)
	slots[1].SetNodeValue(second)
	direction := Div(
		Div(first, element(vector, atCorrection1)),
		AddScalar(Sqrt(Div(second, element(vector, atCorrection2))), adamEpsilon))
	if decay > 0 {
		direction = Add(direction, MulScalar(value, decay))
	}
	return Sub(value, Mul(direction, element(vector, atLearningRate)))
}

// learningRate returns the rate of a step, 0 ≤ step < steps.
//
//   - one_cycle (Smith & Topin 2018): by half a cosine from a 25th of the peak up
//     to it during the warm-up, then down to a 10,000th of where it began.
//   - cosine (Loshchilov & Hutter 2017): up linearly, then down to 0.
//   - constant: up linearly, then at the peak.
func learningRate(r arch.Recipe, step, steps int) (float64, error) {
	const start, end = 1.0 / 25, 1.0 / 250_000
	warmup := r.Warmup * float64(steps)
	rising := float64(step) < warmup
	up := (float64(step) + 1) / (warmup + 1) // never 0, so that the first step is not lost
	down := (float64(step) - warmup) / max(float64(steps)-warmup-1, 1)
	between := func(from, to, share float64) float64 {
		return r.LearningRate * (to + (from-to)*(1+math.Cos(math.Pi*min(max(share, 0), 1)))/2)
	}
	switch {
	case r.Schedule == "one_cycle" && rising:
		return between(start, 1, float64(step)/warmup), nil
	case r.Schedule == "one_cycle":
		return between(1, end, down), nil
	case (r.Schedule == "cosine" || r.Schedule == "constant") && rising:
		return r.LearningRate * up, nil
	case r.Schedule == "cosine":
		return between(1, 0, down), nil
	case r.Schedule == "constant":
		return r.LearningRate, nil
	}
	return 0, fmt.Errorf("schedule %q is unknown; use \"one_cycle\", \"cosine\" or \"constant\"", r.Schedule)
}
