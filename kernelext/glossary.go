package kernelext

import (
	"fmt"
	"html"
	"strings"

	"github.com/spf13/cobra"
)

// term links plain words with those of the field.
type term struct{ plain, field, meaning string }

// glossary is by what it is about, from what is searched for to what it costs.
var glossary = []struct {
	about string
	terms []term
}{
	{"The search", []term{
		{"search", "study; neural architecture search", "looking for a network that fits what you want; it lies on disk under its name"},
		{"round", "trial", "one network: asked for, written, trained and measured"},
		{"network", "neural network, architecture, model", "what turns a picture into an answer"},
		{"program", "architecture program", "the network written down, in Starlark, a small Python"},
		{"the one who asks", "expert system, rule book", "rules that turn what was measured into commands such as “use fewer kernels”"},
		{"the one who writes", "proposer", "a language model or the rule book, which turns commands into a program"},
		{"where it came from", "parent", "the trial whose program was changed"},
		{"size that is asked for", "niche", "a range of multiply-accumulates that a round is to keep to"},
	}},
	{"What you want", []term{
		{"what matters", "want, priority, objective", "a metric to improve, and how much it counts beside the others"},
		{"good enough", "target", "the value of a want from which on it is reached"},
		{"must keep", "hard limit; feasible, infeasible", "a value that no network may break; one that breaks it is infeasible"},
		{"accuracy first", "preset accuracy", "accuracy counts three quarters, energy one quarter"},
		{"balanced", "preset balanced", "accuracy counts a half, energy a third, time a sixth"},
		{"small and fast", "preset deployment", "accuracy and energy count a third each, then time and size: for a small device"},
		{"how well it does what you want", "combined effectiveness", "the weighted geometric mean of all that is wanted, 0 to 1; ½ is like the first network"},
	}},
	{"Choosing", []term{
		{"best you can have", "Pareto front, Pareto-optimal", "the networks that no other beats in everything at once"},
		{"beaten", "dominated", "another network is as good in everything and better in something"},
		{"where more begins to cost much", "knee", "the network of the front furthest from the line between its ends"},
		{"what others would have taken", "baseline", "a network written by hand and trained in the same way, to hold the search against"},
		{"how alike two orders are", "rank correlation, Kendall's tau", "1 is the same order, 0 is chance, -1 the reverse"},
		{"how far the search has come", "hypervolume", "the share of all that could be had which the front covers, 0 to 1"},
	}},
	{"How good it is", []term{
		{"right 83 of 100", "accuracy: validation accuracy", "of pictures that the training did not see"},
		{"right on what it learned from", "train_accuracy", "of the pictures that it was trained on"},
		{"right at the very end", "test_accuracy, final", "of pictures that are kept for one last look, after a long training: lemonade final"},
		{"learned by heart", "overfitting", "much more often right on what it learned from than on new pictures"},
		{"right on a class", "recall", "of 100 cats, how many it takes for cats; where that is low, many are missed"},
		{"right when it says so", "precision", "of 100 that it takes for cats, how many are cats; where that is low, there are many false alarms"},
		{"what it takes for what", "confusion matrix", "a table: a row for each class that pictures are of, a column for each that they are taken for; those that are right lie on its diagonal"},
		{"how wrong and how sure", "loss: cross-entropy", "what the training makes smaller"},
	}},
	{"What it costs to use", []term{
		{"energy of a picture", "inference_energy", "joules to classify one sample; 1 mJ lifts a sheet of paper (5 g) by 2 cm"},
		{"power while it works", "inference_power", "watts while classifying"},
		{"time for a picture", "latency", "milliseconds to classify one sample alone, the middle of many runs"},
		{"time for nearly every picture", "latency_p95, latency_p99", "95 and 99 of 100 runs are at least as fast"},
		{"pictures in a second", "throughput", "samples classified per second, many at once"},
		{"dials that were learned", "params: parameters, weights", "the numbers that training sets"},
		{"work for a picture", "macs: multiply-accumulates", "multiplications with an addition, to classify one sample"},
		{"room it takes", "model_size", "bytes of the parameters at float32"},
		{"room it needs while it works", "activation_memory", "bytes between the layers, for one sample"},
	}},
	{"What it costs to train", []term{
		{"training", "training, fitting", "showing the pictures again and again until the network is mostly right"},
		{"once through all pictures", "epoch", "one pass over the training samples"},
		{"energy of the training", "training_energy", "kilowatt-hours, the building's share (PUE) included"},
		{"greenhouse gas of the training", "co2e: CO2 equivalents", "grams: energy times what the country's grid emits"},
		{"time of the training", "training_time", "seconds"},
		{"memory of the training", "peak_memory, device_memory", "bytes that the worker held, in the machine and on its GPU"},
	}},
	{"How sure it is", []term{
		{"≈ a guess", "estimate, prediction", "no meter has read it: an estimate of this machine, or a prediction for another"},
		{"± give or take", "standard deviation, spread", "how far repeated measurements lie apart"},
		{"between … and …", "band", "what an estimate leaves open"},
		{"what a machine uses doing nothing", "idle share", "the part of an energy that would have been used anyway"},
		{"≠ measured in another way", "method", "values by different methods are not ranked together"},
		{"a device that is not here", "board", "its time and energy are predicted from the network alone: latency@raspberry-pi-5"},
	}},
}

// glossaryCommand is a topic of help.
func glossaryCommand() *cobra.Command {
	c := &cobra.Command{Use: "glossary", Short: "The words: plain ones, and those of the field", Long: glossaryText()}
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { display(c.OutOrStdout(), glossaryText(), glossaryHTML()) })
	return c
}

func glossaryText() string {
	var rows [][]string
	for _, part := range glossary {
		rows = append(rows, []string{"", "", ""}, []string{part.about, "", ""})
		for _, t := range part.terms {
			rows = append(rows, []string{"  " + t.plain, t.field, t.meaning})
		}
	}
	return "In plain words, in the field's, and what it is.\n" + strings.ReplaceAll(aligned(rows, func(int) bool { return false }), "\n\n", "\n")
}

func glossaryHTML() string {
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:13px"><tr><th style="text-align:left;padding:2px 16px 2px 0">in plain words</th><th style="text-align:left;padding:2px 16px 2px 0">in the field's</th><th style="text-align:left">what it is</th></tr>`)
	for _, part := range glossary {
		fmt.Fprintf(&b, `<tr><td colspan="3" style="text-align:left;padding:8px 0 2px;border-bottom:1px solid #999"><b>%s</b></td></tr>`, html.EscapeString(part.about))
		for _, t := range part.terms {
			fmt.Fprintf(&b, `<tr style="vertical-align:top"><td style="text-align:left;padding:2px 16px 2px 0">%s</td><td style="text-align:left;padding:2px 16px 2px 0"><b>%s</b></td><td style="text-align:left;padding:2px 0">%s</td></tr>`,
				html.EscapeString(t.plain), html.EscapeString(t.field), html.EscapeString(t.meaning))
		}
	}
	b.WriteString(`</table>`)
	return b.String()
}
