package expert

import (
	"math"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// section is a group of variables in the reference.
type section struct {
	title, text string
	variables   []variable
}

// sections is the one table of the variables: what a rule may use, and what the
// reference says about it.
var sections = []section{
	{"The search so far", "For rules about the search as a whole.", []variable{
		{name: "trials", doc: "rounds so far", sample: 1, value: func(s *situation) any { return len(s.past) }},
		{name: "complete", doc: "trials so far that were trained and measured", sample: 1, value: func(s *situation) any { return len(s.complete) }},
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
	}},
	{"What went wrong in the last three rounds", "For rules that get the search going again.", []variable{
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
		{name: "broken_limit", doc: "the metric of that limit, such as model_size", sample: "", value: func(s *situation) any { return s.brokenLimit() }},
	}},
	{"How the parent learned", "From here on, every value is about the parent: the trial whose network is to be changed.", []variable{
		{name: "parent", doc: "id of the trial whose network is to be changed", sample: 1, value: func(s *situation) any { return s.parent.ID }},
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
		{name: "accuracy_met", doc: "whether accuracy has a target and has reached it", sample: true, value: func(s *situation) any { return accuracyMet(s.in.Objective, s.metrics) }},
		{name: "accuracy_limit", doc: "the hard limit under which accuracy must not fall; unknown where none is set", sample: 1.0, value: func(s *situation) any {
			if v, ok := s.in.Objective.Limits[trial.Accuracy]; ok {
				return v
			}
			return nil
		}},
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
		{name: "loss_jumps", doc: "epochs in which the training loss rose by more than 10 % over the epoch before", sample: 1, value: func(s *situation) any { return lossJumps(s.parent.Curve) }},
		{name: "accuracy_swing", doc: "largest fall of the validation accuracy from one epoch to the next, in the second half of the training", sample: 1.0, value: func(s *situation) any { return accuracySwing(s.parent.Curve) }},
	}},
	{"What the parent costs", "For rules that spend less. Costs are all metrics but accuracy, train_accuracy and loss.", []variable{
		{name: "cost", doc: "name of the wanted cost that is furthest from met, by its weight; unknown where every one is met or none is wanted", sample: "", value: costOf(func(c cost) any { return string(c.metric) })},
		{name: "cost_value", doc: "its value, with the unit", sample: "", value: costOf(func(c cost) any { return objective.Format(c.metric, c.value) })},
		{name: "cost_over", doc: "how many times its target it is, or the first trial's measurement where it has none; above 1 is worse", sample: 1.0, value: costOf(func(c cost) any { return c.over })},
		{name: "cost_compared", doc: "the same in words, such as: 1.3 times the target of 4.0 mJ", sample: "", value: costOf(func(c cost) any { return c.compared() })},
		{name: "cost_weight", doc: "weight of all wanted costs together", sample: 1.0, value: func(s *situation) any { return s.costWeight }},
		{name: "limit", doc: "the metric whose hard limit is nearest to being broken; unknown where no cost has one. A limit for accuracy is accuracy_limit", sample: "", value: limitOf(func(l limit) any { return string(l.metric) })},
		{name: "limit_value", doc: "the parent's value of it, with the unit", sample: "", value: limitOf(func(l limit) any { return objective.Format(l.metric, l.value) })},
		{name: "limit_bound", doc: "the limit itself, with the unit", sample: "", value: limitOf(func(l limit) any { return objective.Format(l.metric, l.bound) })},
		{name: "limit_share", doc: "how much of that limit is used: at 1 it is reached", sample: 1.0, value: limitOf(func(l limit) any { return l.share }), text: percent},
		{name: "latency_excess", doc: "latency for each MAC over that of the median complete trial; unknown before three were measured. Large where many small operations take time and compute little", sample: 1.0, value: func(s *situation) any { return s.latencyExcess(&s.parent) }},
		{name: "compile_seconds", doc: "seconds that compiling the network took", sample: 1.0, value: func(s *situation) any {
			if v, ok := s.parent.Seconds[trial.PhaseCompile]; ok {
				return v
			}
			return nil
		}},
		{name: "compile_share", doc: "share of the whole evaluation that compiling took, 0 to 1", sample: 1.0, value: func(s *situation) any { return compileShare(s.parent.Seconds) }, text: percent},
	}},
	{"The niche of the round", "A round may ask for networks of some complexity. Where it does not, these are unknown.", []variable{
		{name: "niche", doc: "small, medium or large", sample: "", value: nicheOf(func(s *situation) any { return s.niche.Name })},
		{name: "niche_range", doc: "its range of MACs in words, such as: above 1.2 M and up to 3.6 M", sample: "", value: nicheOf(func(s *situation) any { return nicheText(*s.niche) })},
		{name: "niche_side", doc: "where the parent stands to it: below, inside or above", sample: "", value: nicheOf(func(s *situation) any { return s.nicheSide() })},
	}},
	{"What the parent is made of", "For rules that name the part to change.", []variable{
		feature("convs", "convolutions, depthwise ones included; recurrent layers count too", func(f features) any { return f.convs }),
		feature("recurrent", "recurrent layers, lstm and gru", func(f features) any { return f.recurrent }),
		feature("conv_kind", "what convs counts: convolutions, or convolutional and recurrent layers", func(f features) any { return f.convKind() }),
		feature("depthwise", "depthwise convolutions", func(f features) any { return f.depthwise }),
		feature("denses", "dense layers, the last included", func(f features) any { return f.denses }),
		feature("hidden_denses", "dense layers but the one that tells the classes apart", func(f features) any { return f.hidden }),
		feature("dropouts", "dropout and drop_path layers", func(f features) any { return f.dropouts }),
		feature("dropout_rate", "largest dropout rate", func(f features) any { return f.dropoutRate }),
		feature("skips", "skip connections: additions and concatenations of two paths", func(f features) any { return f.skips }),
		feature("norms", "normalisation layers of any kind", func(f features) any { return f.norms }),
		feature("has_batch_norm", "whether one of them is a batch_norm", func(f features) any { return f.batchNorm }),
		feature("filters", "filters of the widest convolution; of a text the units of a recurrent layer and the size of an embedding count too", func(f features) any { return f.filters }),
		feature("filter_kind", "what filters counts: filters, or filters or units", func(f features) any { return f.filterKind() }),
		feature("units", "units of the widest hidden dense layer, 0 where there is none", func(f features) any { return f.units }),
		feature("dense_share", "share of the kernel weights that is in dense layers, 0 to 1", func(f features) any { return f.denseShare }),
		feature("initializers", "names of the weight initializers in use, such as he_normal", func(f features) any { return strings.Join(f.initializers, ", ") }),
		feature("depth", "operations on the longest path from input to output", func(f features) any { return f.depth }),
	}},
	{"How the parent was trained", "Its recipe: of its own program, or the one that every network is trained with.", []variable{
		fromRecipe("optimizer", "sgd or adamw", func(r arch.Recipe) any { return r.Optimizer }),
		fromRecipe("learning_rate", "peak of the learning rate", func(r arch.Recipe) any { return r.LearningRate }),
		fromRecipe("weight_decay", "weight decay", func(r arch.Recipe) any { return r.WeightDecay }),
		fromRecipe("label_smoothing", "label smoothing", func(r arch.Recipe) any { return r.LabelSmoothing }),
		fromRecipe("batch_size", "batch size", func(r arch.Recipe) any { return r.BatchSize }),
		fromRecipe("flip", "whether images are mirrored at random", func(r arch.Recipe) any { return r.Flip }),
		fromRecipe("crop", "pixels of padding before a random crop, 0 where it is off", func(r arch.Recipe) any { return r.Crop }),
		fromRecipe("turn", "whether images are turned by quarters at random", func(r arch.Recipe) any { return r.Turn }),
		fromRecipe("cutout", "side of the square that is blanked at random, 0 where it is off", func(r arch.Recipe) any { return r.Cutout }),
		fromRecipe("mixup", "alpha by which images are mixed, 0 where it is off", func(r arch.Recipe) any { return r.Mixup }),
		fromRecipe("token_dropout", "share of a text's tokens that become unknown at random", func(r arch.Recipe) any { return r.TokenDropout }),
	}},
	{"What was measured", "Each metric by its name, with how far a cost is over its mark, and the weight of the want for it.", metricVariables()},
}
