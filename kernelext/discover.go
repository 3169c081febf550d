package kernelext

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/propose"
)

func discoverCommand() *cobra.Command {
	groups, read := discoverFlags()
	return runCommand(&cobra.Command{
		Use:   "discover NAME",
		Short: "Run the study NAME, or go on with it where it exists",
		Long: `Run the study NAME, or go on with it where it exists: --trials is the total.

The options of the study are fixed when it is created; leave them out to go on with
it. Training runs on a GPU where there is one.

A language model is asked with --proposer openai (OpenAI, or any server that speaks
its protocol) or --proposer gemini. Its key comes from the environment:
OPENAI_API_KEY, or GEMINI_API_KEY or GOOGLE_API_KEY; where it is not there, you are
asked for it, if you are there; a server on this machine needs none. OPENAI_BASE_URL
and GEMINI_BASE_URL say where another server is, OPENAI_MODEL and GEMINI_MODEL which
model is asked. LEMONADE_LLM_PRICE=0.25/2.00 sets its price (USD per million tokens
of prompt and answer) where Lemonade knows none.`,
		Example: `  lemonade discover first --data digits --trials 6
  lemonade discover tiny --data cifar10 --trials 20 --prefer deployment --limit model_size=1MB --want latency=5ms:high
  lemonade discover board --data cifar10 --trials 20 --limit latency@raspberry-pi-5=20ms --location FR
  lemonade discover cifar --data cifar10 --trials 30 --train-samples 5000 --epochs 3 --proposer openai --max-cost 0.50
  OPENAI_BASE_URL=http://127.0.0.1:8080/v1 lemonade discover local --data digits --trials 12 --proposer openai --max-tokens 200k
  lemonade discover placebo --data digits --trials 12 --proposer openai --recipe fixed --without advice --without lessons
  lemonade discover again --trials 12 --proposer replay --replay local`,
	}, groups, read)
}

func resumeCommand() *cobra.Command {
	groups, read := discoverFlags()
	return runCommand(&cobra.Command{
		Use:   "resume NAME",
		Short: "Go on with the study NAME, which exists",
		Long: `Go on with the study NAME, which exists: --trials is the total. A trial that was
interrupted is run again, under its own number. The options of the study are
stored; how a language model is called, and its caps, are not, and are given again.`,
		Example: "  lemonade resume first --trials 12\n  lemonade resume cifar --trials 40 --stop-after 1h --max-cost 0.50",
	}, []*pflag.FlagSet{groups[groupRun], groups[groupCalls], groups[groupCaps]}, read)
}

// runCommand completes a command that runs a study.
func runCommand(c *cobra.Command, groups []*pflag.FlagSet, read func() (lemonade.Options, lemonade.RunOptions, error)) *cobra.Command {
	c.Args = cobra.ExactArgs(1)
	for _, g := range groups {
		c.Flags().AddFlagSet(g)
	}
	c.Flags().SortFlags = false
	c.SetUsageFunc(func(c *cobra.Command) error { return usage(c, groups) })
	c.RunE = func(c *cobra.Command, args []string) error {
		o, run, err := read()
		if err != nil {
			return err
		}
		return discover(c, args[0], o, run)
	}
	cobra.CheckErr(c.MarkFlagRequired("trials"))
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return studyNames(c.Context(), c.Flag("studies").Value.String()), cobra.ShellCompDirectiveNoFileComp
	}
	if c.Flag("data") != nil {
		studyChoices(c)
	}
	choices(c, "llm-format", "json", "fenced")
	return c
}

// studyChoices completes the flags that are of the study and of its measurement.
func studyChoices(c *cobra.Command) {
	var boards []string
	for _, b := range device.Boards() {
		boards = append(boards, b.Name+"\t"+b.Title+" with "+b.Runtime)
	}
	choices(c, "data", datasets.Names()...)
	choices(c, "proposer", append(propose.Names(), "replay")...)
	choices(c, "prefer", append(presetChoices(), "none\twhere the wants say it all")...)
	choices(c, "recipe", "free", "fixed")
	choices(c, "without", texts(lemonade.Parts)...)
	choices(c, "require", "measured")
	choices(c, "board", boards...)
}

// discover runs a study: with the live view in a notebook; in a terminal with a line
// for each thing that happens, and the table and a page of charts at its end.
func discover(c *cobra.Command, name string, o lemonade.Options, run lemonade.RunOptions) (err error) {
	tell := logTo(c)
	running := false
	o.Log = func(text string) {
		if !running || !gonbui.IsNotebook { // the live view tells of it
			tell(text)
		}
	}
	study, err := lemonade.Open(c.Context(), name, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()
	before, out := len(study.Outlines()), c.OutOrStdout()
	if before < run.Trials {
		if err := askKey(c.Context(), o.LLM.NeedsKey(study.Proposer())); err != nil {
			return err
		}
	}
	running = true
	if gonbui.IsNotebook {
		err = Run(c.Context(), study, run)
	} else {
		run.On = printer(tell)
		err = study.Run(c.Context(), run)
	}
	if err != nil {
		return err
	}
	if n := len(study.Outlines()); n == before {
		fmt.Fprintf(out, "study %s has %d trials already\n", name, n)
	}
	v, place := ViewOf(study), placeOf(study)
	if gonbui.IsNotebook {
		display(out, v.cardsText(place), v.cardsHTML(place))
		return nil
	}
	fmt.Fprint(out, Text(v))
	if cards := v.cardsText(place); cards != "" {
		fmt.Fprint(out, "\n"+cards)
	}
	page, err := writePage(study)
	if err == nil {
		fmt.Fprintln(out, "chart:", page)
	}
	return err
}

// writePage writes the study's charts beside its database.
func writePage(study *lemonade.Study) (string, error) {
	page, err := Page(ViewOf(study))
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
func printer(tell func(string)) func(lemonade.Event) {
	last := time.Now()
	return func(e lemonade.Event) {
		switch {
		case e.Kind == lemonade.Note && e.Trial.ID == 0:
			return // told by Options.Log already
		case e.Kind == lemonade.Progress && e.Progress.Report == nil && time.Since(last) < linePace:
			return
		}
		text := Describe(e)
		if text == "" {
			return
		}
		last = time.Now()
		tell(text)
		if e.Kind == lemonade.Began {
			for _, c := range e.Trial.Commands {
				tell(fmt.Sprintf("  %s %s: %s", c.Code, c.Text, c.Reason))
			}
		}
	}
}
