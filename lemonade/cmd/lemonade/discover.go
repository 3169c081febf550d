package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func discoverCommand() *cobra.Command {
	var (
		o      lemonade.Options
		run    lemonade.RunOptions
		wants  []string
		limits []string
		stops  []string
	)
	c := &cobra.Command{
		Use:   "discover NAME",
		Short: "Run the study NAME, or go on with it where it exists",
		Long: `Run the study NAME, or go on with it where it exists: --trials is the total.

Options are fixed when the study is created; leave them out to go on with it.
A language model is reached through OPENAI_API_KEY, OPENAI_BASE_URL and
OPENAI_MODEL. Training runs on a GPU where there is one.`,
		Example: `  lemonade discover first --data digits --trials 6
  lemonade discover cifar --data cifar10 --trials 30 --train-samples 5000 --epochs 3 --proposer openai
  lemonade discover tiny --data cifar10 --trials 20 --prefer deployment --limit model_size=1MB --want latency=5ms:high`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := parseObjective(&o, wants, limits); err != nil {
				return err
			}
			for _, stop := range stops {
				if err := run.Stop.ParseStop(stop); err != nil {
					return err
				}
			}
			return discover(c.Context(), c.OutOrStdout(), args[0], o, run)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Data, "data", "", "data set: "+strings.Join(datasets.Names(), ", "))
	f.IntVar(&run.Trials, "trials", 0, "number of trials in total, earlier ones included")
	f.StringVar(&o.Proposer, "proposer", "", "who proposes networks: "+strings.Join(propose.Names(), ", ")+" (default rulebook)")
	f.StringVar(&o.Prefer, "prefer", "", "what matters: "+strings.Join(objective.Presets(), ", ")+" (default balanced)")
	f.StringArrayVar(&wants, "want", nil, "METRIC[=TARGET][:PRIORITY], such as inference_energy=5mJ:high; may be repeated")
	f.StringArrayVar(&limits, "limit", nil, "METRIC=VALUE that no network may break, such as model_size=1MB; may be repeated")
	f.StringArrayVar(&stops, "stop-after", nil, "a time such as 30m, a training energy such as 0.1kWh, or target; may be repeated")
	f.IntVar(&o.TrainSamples, "train-samples", 0, "training samples, drawn evenly from the classes (default all)")
	f.IntVar(&o.Epochs, "epochs", 0, "epochs per trial (default 10)")
	f.Int64Var(&o.Seed, "seed", 0, "seed of weights, order and proposals (default 1)")
	f.StringVar(&o.Dir, "studies", "", "folder of the studies (default in the data folder)")
	cobra.CheckErr(c.MarkFlagRequired("trials"))
	return c
}

func parseObjective(o *lemonade.Options, wants, limits []string) error {
	var faults []error
	for _, text := range wants {
		w, err := objective.ParseWant(text)
		faults = append(faults, err)
		o.Wants = append(o.Wants, w)
	}
	for _, text := range limits {
		metric, value, err := objective.ParseLimit(text)
		faults = append(faults, err)
		if o.Limits == nil {
			o.Limits = map[trial.Metric]float64{}
		}
		o.Limits[metric] = value
	}
	return errors.Join(faults...)
}

func discover(ctx context.Context, out io.Writer, name string, o lemonade.Options, run lemonade.RunOptions) (err error) {
	o.Log = progress
	study, err := lemonade.Open(ctx, name, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()
	before := len(study.Trials())
	run.On = printer()
	if err := study.Run(ctx, run); err != nil {
		return err
	}
	if n := len(study.Trials()); n == before {
		fmt.Fprintf(out, "study %s has %d trials already\n", name, n)
	}
	fmt.Fprint(out, kernelext.Text(kernelext.ViewOf(study)))
	page, err := writePage(study)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "chart:", page)
	return nil
}

// writePage writes the study's charts beside its database.
func writePage(study *lemonade.Study) (string, error) {
	page, err := kernelext.Page(kernelext.ViewOf(study))
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(study.Dir(), study.Name()+".html"))
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, page, 0o644)
}

// printer tells a terminal what a study does: a line for each thing that
// happened, and at most one every ten seconds while a network is trained.
func printer() func(lemonade.Event) {
	last := time.Now()
	return func(e lemonade.Event) {
		switch {
		case e.Kind == lemonade.Note && e.Trial.ID == 0:
			return // told by Options.Log already
		case e.Kind == lemonade.Progress && e.Progress.Report == nil && time.Since(last) < 10*time.Second:
			return
		}
		last = time.Now()
		progress(kernelext.Describe(e))
		if e.Kind == lemonade.Began {
			for _, c := range e.Trial.Commands {
				progress(fmt.Sprintf("  %s %s: %s", c.Code, c.Text, c.Reason))
			}
		}
	}
}
