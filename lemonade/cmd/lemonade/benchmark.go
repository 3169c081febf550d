package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

func benchmarkCommand() *cobra.Command {
	c := &cobra.Command{Use: "benchmark", Short: "Measure what the parts of the method are worth"}
	c.AddCommand(benchmarkProposersCommand())
	return c
}

func benchmarkProposersCommand() *cobra.Command {
	var (
		o     benchmark.Options
		arms  []string
		seeds string
		show  showBenchmark
	)
	c := &cobra.Command{
		Use:   "proposers",
		Short: "Compare proposers at equal numbers of trainings",
		Long: fmt.Sprintf(`Compare proposers at equal numbers of trainings.

An arm is a proposer, or PROPOSER-PART for one with a part of the method switched
off: %s. So openai-advice gets commands that are drawn at random, and openai-loop
answers each round with the task alone.

Every arm runs one study per seed, all arms of a seed before the next seed. What
has been trained is kept and is never trained again: a benchmark that was
interrupted goes on with the same command. The objective is accuracy against
multiply-accumulates, neither of which depends on the load of the machine.`, partNames()),
		Example: `  lemonade benchmark proposers --arms random,rulebook --seeds 6
  lemonade benchmark proposers --arms random,rulebook,openai,openai-expert --seeds 1,2,3 --trials 12 --json out.json
  lemonade benchmark proposers --arms random,rulebook,openai --report-only --markdown`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Seeds, err = parseSeeds(seeds); err != nil {
				return err
			}
			for _, text := range arms {
				a, err := benchmark.ParseArm(text)
				if err != nil {
					return err
				}
				o.Arms = append(o.Arms, a)
			}
			if o.Trials < 1 || o.Epochs < 1 {
				return fmt.Errorf("trials and epochs: %d and %d must be 1 or more", o.Trials, o.Epochs)
			}
			o.Log = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
			return benchmarkProposers(c.Context(), c.OutOrStdout(), o, show)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Data, "data", "digits", "data set: "+strings.Join(datasets.Names(), ", "))
	f.StringSliceVar(&arms, "arms", []string{"random", "rulebook"}, "what is compared: PROPOSER or PROPOSER-PART, with commas between")
	f.StringVar(&seeds, "seeds", "6", "how many seeds, or a list such as 1,2,3 (4, is seed 4 alone)")
	f.IntVar(&o.Trials, "trials", 12, "trials of each study in total")
	f.IntVar(&o.TrainSamples, "train-samples", 0, "training samples, drawn evenly from the classes (default all)")
	f.IntVar(&o.Epochs, "epochs", 10, "epochs per trial")
	f.StringVar(&o.Recipe, "recipe", "fixed", "fixed: every network is trained alike; free: programs choose how")
	f.StringVar(&o.Dir, "studies", "", "folder of the studies (default benchmarks in the data folder)")
	f.StringVar(&show.json, "json", "", "write the report as JSON to this file; - prints it in place of the table")
	f.BoolVar(&show.markdown, "markdown", false, "print the table as Markdown")
	f.BoolVar(&show.only, "report-only", false, "run nothing, report on what is there")
	return c
}

// showBenchmark says what is made of the report.
type showBenchmark struct {
	json           string // path, "-" or ""
	markdown, only bool
}

func benchmarkProposers(ctx context.Context, out io.Writer, o benchmark.Options, show showBenchmark) error {
	if !show.only {
		if err := benchmark.Run(ctx, o); err != nil {
			return err
		}
	}
	report, err := benchmark.Read(ctx, o)
	if err != nil {
		return err
	}
	switch show.json {
	case "":
	case "-":
		return writeJSON(out, report)
	default:
		file, err := os.Create(show.json)
		if err != nil {
			return err
		}
		if err := errors.Join(writeJSON(file, report), file.Close()); err != nil {
			return err
		}
	}
	return report.Write(out, show.markdown)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// parseSeeds reads how many seeds there are, or a list of them.
func parseSeeds(text string) ([]int64, error) {
	words := strings.Split(text, ",")
	var seeds []int64
	for i, word := range words {
		if word == "" && i > 0 && i == len(words)-1 {
			break // after the last comma
		}
		n, err := strconv.ParseInt(strings.TrimSpace(word), 10, 32)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("seeds: %q is neither a positive number nor a list such as 1,2,3", text)
		}
		seeds = append(seeds, n)
	}
	if len(words) > 1 {
		return seeds, nil
	}
	count := seeds[0]
	if count > 1000 {
		return nil, fmt.Errorf("seeds: %d are more than 1000: for the seed of that number alone write %d,", count, count)
	}
	seeds = nil
	for seed := range count {
		seeds = append(seeds, seed+1)
	}
	return seeds, nil
}

func partNames() string {
	var names []string
	for _, p := range lemonade.Parts {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}
