package expert

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// variable is a name that conditions and reasons may use. Its value is a bool,
// an int, a float64 or a string, or nil where it is unknown: a rule that names
// an unknown value does not fire.
type variable struct {
	name   string
	doc    string
	sample any // a value of its type, on which conditions are tried when they are loaded
	value  func(*situation) any
	text   func(v any) string // as it stands in a reason; nil for the default
}

// variables is the one table of them: what a rule may use, and what the
// reference says about it.
var variables = append([]variable{
	{name: "trials", doc: "rounds so far", sample: 1, value: func(s *situation) any { return len(s.past) }},
	{name: "complete", doc: "trials so far that were trained and measured", sample: 1, value: func(s *situation) any { return len(s.complete) }},
	{name: "parent", doc: "id of the trial whose network is to be changed; everything below that is not about the search is about it", sample: 1, value: func(s *situation) any { return s.parent.ID }},
	{name: "plateau", doc: "complete trials since the best effectiveness last rose (accuracy, where no trial has an effectiveness)", sample: 1, value: func(s *situation) any { return s.plateau }},
	{name: "best_accuracy", doc: "highest validation accuracy of all complete trials", sample: 1.0, value: func(s *situation) any { return s.bestAccuracy }},
	{name: "last_accuracy", doc: "validation accuracy of the latest complete trial", sample: 1.0, value: func(s *situation) any { return s.lastAccuracy }},
	{name: "chance", doc: "accuracy of guessing: one over the number of classes", sample: 1.0, value: func(s *situation) any {
		if s.in.Task.Classes <= 0 {
			return nil
		}
		return 1 / float64(s.in.Task.Classes)
	}},
	{name: "classes", doc: "number of classes of the task", sample: 1, value: func(s *situation) any { return s.in.Task.Classes }},
	{name: "late_failures", doc: "of the last three rounds, those whose evaluation failed, whatever the reason", sample: 1, value: func(s *situation) any { return s.late("") }},
	{name: "late_memory_failures", doc: "of the last three rounds, those that ran out of memory", sample: 1, value: func(s *situation) any { return s.late(trial.OutOfMemory) }},
	{name: "late_timeouts", doc: "of the last three rounds, those that ran out of time", sample: 1, value: func(s *situation) any { return s.late(trial.Timeout) }},
	{name: "late_nans", doc: "of the last three rounds, those whose loss was not a number", sample: 1, value: func(s *situation) any { return s.late(trial.NaN) }},
	{name: "late_infeasible", doc: "of the last three rounds, those that broke a hard limit, in training or in a proposal", sample: 1, value: func(s *situation) any { n, _ := s.broken(); return n }},
	{name: "infeasible_reason", doc: "the latest limit that was broken in the last three rounds, in words", sample: "", value: func(s *situation) any {
		if n, reason := s.broken(); n > 0 && reason != "" {
			return reason
		}
		return nil
	}},

	{name: "gap", doc: "train_accuracy minus accuracy: large where the network overfits", sample: 1.0, value: func(s *situation) any {
		train, accuracy := s.metric(trial.TrainAccuracy), s.metric(trial.Accuracy)
		if train == nil || accuracy == nil {
			return nil
		}
		return train.(float64) - accuracy.(float64)
	}},
	{name: "accuracy_target", doc: "the target for accuracy; unknown where none is set", sample: 1.0, value: func(s *situation) any {
		for _, w := range s.in.Objective.Wants {
			if w.Metric == trial.Accuracy && w.Target != nil {
				return *w.Target
			}
		}
		return nil
	}},
	{name: "accuracy_met", doc: "whether accuracy has a target and has reached it", sample: true, value: func(s *situation) any { return s.accuracyMet() }},
	{name: "start_loss", doc: "training loss of the first epoch over that of guessing: above 1 the network began worse than a guess", sample: 1.0, value: func(s *situation) any {
		if len(s.parent.Curve) == 0 || s.in.Task.Classes < 2 {
			return nil
		}
		return s.parent.Curve[0].Loss / math.Log(float64(s.in.Task.Classes))
	}},
	{name: "late_gain", doc: "validation accuracy gained in the last epoch", sample: 1.0, value: func(s *situation) any {
		c := s.parent.Curve
		if len(c) < 2 {
			return nil
		}
		return c[len(c)-1].Accuracy - c[len(c)-2].Accuracy
	}},

	{name: "cost", doc: "name of the wanted cost that is furthest from met, by its weight; unknown where every one is met or none is wanted. Costs are all wants but accuracy, train_accuracy and loss", sample: "", value: costOf(func(c cost) any { return string(c.metric) })},
	{name: "cost_value", doc: "its value, with the unit", sample: "", value: costOf(func(c cost) any { return objective.Format(c.metric, c.value) })},
	{name: "cost_over", doc: "how many times its target it is, or the first trial's measurement where it has none; above 1 is worse", sample: 1.0, value: costOf(func(c cost) any { return c.over })},
	{name: "cost_compared", doc: "the same in words, such as: 1.3 times the target of 4.0 mJ", sample: "", value: costOf(func(c cost) any { return c.compared() })},
	{name: "cost_weight", doc: "weight of all wanted costs together", sample: 1.0, value: func(s *situation) any { return s.costWeight }},

	feature("convs", "convolutions, depthwise ones included", func(f features) any { return f.convs }),
	feature("depthwise", "depthwise convolutions", func(f features) any { return f.depthwise }),
	feature("denses", "dense layers, the last included", func(f features) any { return f.denses }),
	feature("hidden_denses", "dense layers but the one that tells the classes apart", func(f features) any { return f.hidden }),
	feature("dropouts", "dropout and drop_path layers", func(f features) any { return f.dropouts }),
	feature("dropout_rate", "largest dropout rate", func(f features) any { return f.dropoutRate }),
	feature("skips", "skip connections: additions and concatenations of two paths", func(f features) any { return f.skips }),
	feature("norms", "normalisation layers of any kind", func(f features) any { return f.norms }),
	feature("has_batch_norm", "whether one of them is a batch_norm", func(f features) any { return f.batchNorm }),
	feature("filters", "filters of the widest convolution", func(f features) any { return f.filters }),
	feature("units", "units of the widest hidden dense layer, 0 where there is none", func(f features) any { return f.units }),
	feature("dense_share", "share of the kernel weights that is in dense layers, 0 to 1", func(f features) any { return f.denseShare }),
	feature("initializers", "names of the weight initializers in use, such as he_normal", func(f features) any { return strings.Join(f.initializers, ", ") }),
	feature("depth", "operations on the longest path from input to output", func(f features) any { return f.depth }),

	fromRecipe("optimizer", "sgd or adamw", func(r arch.Recipe) any { return r.Optimizer }),
	fromRecipe("learning_rate", "peak of the learning rate", func(r arch.Recipe) any { return r.LearningRate }),
	fromRecipe("weight_decay", "weight decay", func(r arch.Recipe) any { return r.WeightDecay }),
	fromRecipe("label_smoothing", "label smoothing", func(r arch.Recipe) any { return r.LabelSmoothing }),
	fromRecipe("batch_size", "batch size", func(r arch.Recipe) any { return r.BatchSize }),
	fromRecipe("flip", "whether images are mirrored at random", func(r arch.Recipe) any { return r.Flip }),
	fromRecipe("crop", "pixels of padding before a random crop, 0 where it is off", func(r arch.Recipe) any { return r.Crop }),
}, metricVariables()...)

// metricVariables are three for each metric: its value, how far over its mark it
// is, and the weight of the want for it.
func metricVariables() []variable {
	var all []variable
	for _, info := range trial.MetricInfos {
		m := info.Metric
		if m == trial.TestAccuracy {
			continue // the search must not see it
		}
		unit := ""
		if info.Unit != "" {
			unit = " (" + info.Unit + ")"
		}
		value := variable{name: string(m), doc: info.Doc + unit, sample: 1.0, value: func(s *situation) any { return s.metric(m) }}
		if !quality(m) {
			value.text = func(v any) string { return objective.Format(m, v.(float64)) }
			all = append(all, value, variable{
				name: string(m) + "_over", sample: 1.0,
				doc: "how many times its target " + string(m) + " is, or the first trial's measurement where it has none; above 1 is worse",
				value: func(s *situation) any {
					if v, ok := s.metric(m).(float64); ok {
						if over, _, ok := s.over(m, v); ok {
							return over
						}
					}
					return nil
				},
			})
		} else {
			all = append(all, value)
		}
		all = append(all, variable{
			name: string(m) + "_weight", doc: "weight of the want for " + string(m) + ", 0 to 1; 0 where it is not wanted", sample: 1.0,
			value: func(s *situation) any { return s.weights[m] },
		})
	}
	return all
}

func feature(name, doc string, get func(features) any) variable {
	return variable{name: name, doc: doc, sample: get(features{}), value: func(s *situation) any {
		if s.features == nil {
			return nil
		}
		return get(*s.features)
	}}
}

func fromRecipe(name, doc string, get func(arch.Recipe) any) variable {
	return variable{name: name, doc: "of its recipe: " + doc, sample: get(arch.Recipe{}), value: func(s *situation) any {
		if s.parent.Program == nil {
			return nil
		}
		return get(s.parent.Program.Recipe)
	}}
}

func costOf(get func(cost) any) func(*situation) any {
	return func(s *situation) any {
		if s.cost == nil {
			return nil
		}
		return get(*s.cost)
	}
}

// write is how a value stands in a reason: numbers with three digits.
func (v variable) write(value any) string {
	if v.text != nil {
		return v.text(value)
	}
	f, ok := value.(float64)
	if !ok {
		return fmt.Sprint(value)
	}
	if math.Abs(f) >= 1000 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

var variableByName = func() map[string]variable {
	byName := make(map[string]variable, len(variables))
	for _, v := range variables {
		byName[v.name] = v
	}
	return byName
}()
