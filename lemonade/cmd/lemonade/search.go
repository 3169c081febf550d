package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/tabular"
)

func benchmarkSearchCommand() *cobra.Command {
	var (
		o     benchmark.SearchOptions
		table tabular.Options
		names []string
		seeds string
		show  showSearch
	)
	c := &cobra.Command{
		Use:   "search --table FILE[,FILE] --accuracy COLUMN --cost COLUMN",
		Short: "Compare search strategies on a table of measured networks, whose true front is known",
		Long: `Compare search strategies on a table of measured networks, whose true front is known.

The table is one of NAS-Bench-201's architectures, |op~0|+|op~0|op~1|+|op~0|op~1|op~2|,
in CSV files that are joined on them: one column has the accuracies, another the
costs, whatever these are. Each strategy searches once per seed and sees nothing of
the table but what it asked for; a strategy is a proposer, or PROPOSER-PART for one
with a part of the method switched off, such as rulebook-learning.

Reported are, over the seeds, median and quartiles of

  hypervolume         of error and cost, as a share of the box up to the largest of
                      both in the table
  second hypervolume  the same up to 15 % error (or, where no architecture is as good
                      as that, ten points above the least) and 1.1 times the largest
                      cost of the true front: where a person would choose
  best accuracy       in per cent
  IGD+                the mean distance from the true front; less is better

The same options give the same figures. Optuna's NSGA-II and TPE are run on the same
table by lemonade/benchmark/optuna/search.py, whose file --with shows beside.`,
		Example: `  lemonade benchmark search --table accuracies.csv,costs.csv --accuracy cifar10_test_accuracy_200_epochs --cost pi5_litert_energy_mj
  lemonade benchmark search --table table.csv --accuracy acc --cost latency_ms --strategies rulebook,rulebook-learning,random \
      --evaluations 100 --seeds 20 --with optuna.json --json out.json --html out.html`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Seeds, err = parseSeeds(seeds); err != nil {
				return err
			}
			for _, text := range names {
				a, err := benchmark.ParseArm(text)
				if err != nil {
					return err
				}
				o.Strategies = append(o.Strategies, a)
			}
			if o.Evaluations < 1 {
				return fmt.Errorf("evaluations: %d must be 1 or more", o.Evaluations)
			}
			o.Log = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
			if o.Table, err = tabular.Open(table); err != nil {
				return err
			}
			for _, note := range o.Table.Notes {
				o.Log(note)
			}
			return benchmarkSearch(c.Context(), c.OutOrStdout(), o, show)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&table.Files, "table", nil, "`FILE,FILE` in CSV, plain or compressed with gzip")
	f.StringSliceVar(&table.Arch, "arch", tabular.DefaultArch, "headers that the column of architectures may have")
	f.StringVar(&table.Accuracy, "accuracy", "", "header of the `COLUMN` of accuracies, in per cent")
	f.StringVar(&table.Cost, "cost", "", "header of the `COLUMN` of costs")
	f.StringSliceVar(&names, "strategies", []string{"rulebook", "random", "evolution"}, "what is compared: PROPOSER or PROPOSER-PART, with commas between")
	f.IntVar(&o.Evaluations, "evaluations", 200, "of each search")
	f.StringVar(&seeds, "seeds", "50", "how many seeds, or a list such as 1,2,3 (4, is seed 4 alone)")
	f.StringVar(&o.Data, "data", "cifar10", "data set that the strategies are told: "+strings.Join(datasets.Names(), ", "))
	f.StringSliceVar(&show.with, "with", nil, "`FILE,FILE` of JSON reports on the same table, to show beside")
	show.drawn.flags(f)
	show.flags(f)
	return c
}

// showSearch says what is made of the report.
type showSearch struct {
	showBenchmark
	drawn drawBenchmark
	with  []string
}

func benchmarkSearch(ctx context.Context, out io.Writer, o benchmark.SearchOptions, show showSearch) error {
	var others []benchmark.SearchReport
	for _, file := range show.with {
		r, err := benchmark.ReadSearch(file)
		if err != nil {
			return err
		}
		others = append(others, r)
	}
	report, err := benchmark.Search(ctx, o)
	if err != nil {
		return err
	}
	for i, other := range others {
		if err := report.Add(other); err != nil {
			return fmt.Errorf("with %s: %w", show.with[i], err)
		}
	}
	page := func() ([]byte, error) { return kernelext.SearchPage(report) }
	if err := show.drawn.write(page, kernelext.SearchPictures(report)); err != nil {
		return err
	}
	return show.write(out, report)
}
