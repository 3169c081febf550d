package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
)

func benchmarkRecipesCommand() *cobra.Command {
	var (
		o     benchmark.RecipeOptions
		seeds string
		show  showBenchmark
	)
	c := &cobra.Command{
		Use:   "recipes",
		Short: "Tell what each ingredient of a training recipe is worth",
		Long: `Tell what each ingredient of a training recipe is worth.

One network is trained with a recipe of what airbench and NAS-Bench-201 teach
(Nesterov momentum, label smoothing, a one-cycle rate, weight decay, mirrored and
moved images), and with each of these left out or changed, with the same seeds. The
report has the validation accuracies and the differences to the whole recipe, seed by
seed, with intervals.

All recipes of a seed are trained before the next seed. What has been trained is kept
and is never trained again: a benchmark that was interrupted goes on with the same
command.`,
		Example: `  lemonade benchmark recipes --data cifar10 --train-samples 5000
  lemonade benchmark recipes --data cifar10 --train-samples 5000 --report-only --markdown`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Seeds, err = parseSeeds(seeds); err != nil {
				return err
			}
			o.Log = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
			report, err := benchmark.Recipes(c.Context(), o)
			if err != nil {
				return err
			}
			return show.write(c.OutOrStdout(), report)
		},
	}
	f := c.Flags()
	dataFlags(f, "digits", &o.Data, &o.Partial)
	f.StringVar(&o.Network, "network", "plain", strings.Join(networks.Names(), ", "))
	f.IntVar(&o.TrainSamples, "train-samples", 0, "training samples, drawn evenly from the classes (default all)")
	f.IntVar(&o.Epochs, "epochs", 8, "epochs per training")
	f.StringVar(&seeds, "seeds", "6", "how many seeds, or a list such as 1,2,3 (4, is seed 4 alone)")
	f.StringVar(&o.Dir, "dir", "", "folder of what was trained (default benchmarks/recipes in the data folder)")
	f.BoolVar(&o.ReportOnly, "report-only", false, "train nothing, report on what is there")
	show.flags(f)
	return c
}
