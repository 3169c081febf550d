package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/benchmark"
)

func benchmarkCommand() *cobra.Command {
	c := &cobra.Command{Use: "benchmark", Short: "Measure what the parts of the method and the measurements are worth"}
	c.AddCommand(benchmarkProposersCommand(), benchmarkRungsCommand(), benchmarkMeasurementsCommand(), benchmarkSearchCommand(),
		benchmarkTrialCommand(), benchmarkEngineCommand(), benchmarkRecipesCommand())
	return c
}

func benchmarkProposersCommand() *cobra.Command {
	var (
		studies benchmarkStudies
		arms    []string
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
  lemonade benchmark proposers --arms random,evolution,rulebook --template nasbench201 --data cifar10 --train-samples 2000
  lemonade benchmark proposers --arms random,rulebook,openai,openai-expert --seeds 1,2,3 --trials 12 --json out.json
  lemonade benchmark proposers --arms random,rulebook,openai --report-only --markdown`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return studies.compare(c, arms) },
	}
	c.Flags().StringSliceVar(&arms, "arms", []string{"random", "rulebook"}, "what is compared: PROPOSER or PROPOSER-PART, with commas between")
	studies.flags(c.Flags(), 10)
	return c
}

func benchmarkRungsCommand() *cobra.Command {
	var (
		studies         benchmarkStudies
		proposer, rungs string
	)
	c := &cobra.Command{
		Use:   "rungs",
		Short: "Compare a search in rungs with one that trains every network in full",
		Long: `Compare a search in rungs with one that trains every network in full.

Two arms run one study per seed: PROPOSER in rungs, and PROPOSER-rungs, without them.
The report has energy, time and hypervolume of both, and the hypervolume that each had
when it had spent as much energy as the cheaper one spent in all. Energy is measured as
in every study; where the machine has no counter it is an estimate from CPU time.

What has been trained is kept and is never trained again: a benchmark that was
interrupted goes on with the same command. A training that both arms ask for is done
once, and counted with its energy and time in both.`,
		Example: `  lemonade benchmark rungs --data digits --trials 12 --epochs 9 --seeds 2
  lemonade benchmark rungs --data cifar10 --trials 30 --train-samples 5000 --epochs 9 --rungs 3 --seeds 6 --json rungs.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if studies.Rungs, err = lemonade.ParseRungs(rungs); err != nil {
				return err
			}
			if studies.Rungs.Count < 2 {
				return fmt.Errorf("rungs: %d leave nothing to compare: give 2 or more", studies.Rungs.Count)
			}
			return studies.compare(c, []string{proposer + "-" + string(lemonade.Halving), proposer})
		},
	}
	f := c.Flags()
	f.StringVar(&proposer, "proposer", "rulebook", "who proposes networks in both arms")
	f.StringVar(&rungs, "rungs", "3", "as for discover: their number, perhaps with reduction=3,shrink=epochs|samples|both,least=1")
	studies.flags(f, 9)
	return c
}

// benchmarkStudies are a comparison of whole studies, arm by arm and seed by seed.
type benchmarkStudies struct {
	benchmark.Options
	seeds string
	only  bool
	show  showBenchmark
	drawn drawBenchmark
}

func (b *benchmarkStudies) flags(f *pflag.FlagSet, epochs int) {
	dataFlags(f, "digits", &b.Data, &b.Partial)
	f.StringVar(&b.seeds, "seeds", "6", "how many seeds, or a list such as 1,2,3 (4, is seed 4 alone)")
	f.IntVar(&b.Trials, "trials", 12, "networks of each study in total")
	f.IntVar(&b.TrainSamples, "train-samples", 0, "training samples, drawn evenly from the classes (default all)")
	f.IntVar(&b.Epochs, "epochs", epochs, "epochs of a whole training")
	f.StringVar(&b.Recipe, "recipe", "fixed", "fixed: every network is trained alike; free: programs choose how")
	f.StringVar(&b.Template, "template", "", "`PATH` of a program whose choices are all that is proposed, or "+strings.Join(lemonade.Templates(), ", ")+" (default programs are free)")
	f.StringVar(&b.Dir, "studies", "", "folder of the studies (default benchmarks in the data folder)")
	b.show.flags(f)
	b.drawn.flags(f)
	f.BoolVar(&b.only, "report-only", false, "run nothing, report on what is there")
}

// compare runs the arms' studies and reports on them.
func (b *benchmarkStudies) compare(c *cobra.Command, arms []string) (err error) {
	o := b.Options
	if o.Seeds, err = parseSeeds(b.seeds); err != nil {
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
	if !b.only {
		if err := benchmark.Run(c.Context(), o); err != nil {
			return err
		}
	}
	report, err := benchmark.Read(c.Context(), o)
	if err != nil {
		return err
	}
	page := func() ([]byte, error) { return kernelext.StudiesPage(report) }
	if err := b.drawn.write(page, kernelext.StudiesPictures(report)); err != nil {
		return err
	}
	return b.show.write(c.OutOrStdout(), report)
}

// dataFlags name the data of a benchmark.
func dataFlags(f *pflag.FlagSet, standard string, data *string, partial *bool) {
	f.StringVar(data, "data", standard, "data set: "+strings.Join(datasets.Names(), ", "))
	f.BoolVar(partial, "partial", false, "take a copy of the data set that has fewer samples than were published, and mark the report")
}

// showBenchmark says what is made of the report.
type showBenchmark struct {
	json     string // path, "-" or ""
	markdown bool
}

func (s *showBenchmark) flags(f *pflag.FlagSet) {
	f.StringVar(&s.json, "json", "", "write the report as JSON to this file; - prints it in place of the table")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as Markdown")
}

func (s showBenchmark) write(out io.Writer, report interface {
	Write(w io.Writer, markdown bool) error
}) error {
	switch s.json {
	case "":
	case "-":
		return writeJSON(out, report)
	default:
		file, err := os.Create(s.json)
		if err != nil {
			return err
		}
		if err := errors.Join(writeJSON(file, report), file.Close()); err != nil {
			return err
		}
	}
	return report.Write(out, s.markdown)
}

// drawBenchmark says where the charts of a report go.
type drawBenchmark struct {
	html string // file, or ""
	svg  string // folder, or ""
}

func (d *drawBenchmark) flags(f *pflag.FlagSet) {
	f.StringVar(&d.html, "html", "", "write the report with its charts as a page to this file")
	f.StringVar(&d.svg, "svg", "", "write the charts as SVG into this `FOLDER`")
}

func (d drawBenchmark) write(page func() ([]byte, error), pictures map[string]string) error {
	if d.html != "" {
		text, err := page()
		if err != nil {
			return err
		}
		if err := os.WriteFile(d.html, text, 0o644); err != nil {
			return err
		}
	}
	if d.svg == "" {
		return nil
	}
	if err := os.MkdirAll(d.svg, 0o755); err != nil {
		return err
	}
	for name, picture := range pictures {
		if err := os.WriteFile(filepath.Join(d.svg, name), []byte(picture), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func benchmarkMeasurementsCommand() *cobra.Command {
	var (
		o    benchmark.MeasureOptions
		show showBenchmark
	)
	c := &cobra.Command{
		Use:   "measurements",
		Short: "Tell how repeatable the measurements of this machine are",
		Long: `Tell how repeatable the measurements of this machine are.

A network and one of twice the multiply-accumulates are trained briefly and
profiled in turn, each run with the same seed in a process of its own, as a study
does it. The report tells by how much each metric varies from run to run, which
spread the single measurements claimed, and how often the network of twice the
work ranked above the other one.

Whatever else runs on the machine disturbs it, as it disturbs a study.`,
		Example: `  lemonade benchmark measurements
  lemonade benchmark measurements --times 20 --data cifar10 --json out.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Times < 1 {
				return fmt.Errorf("times: %d must be 1 or more", o.Times)
			}
			o.Log = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
			return benchmarkMeasurements(c.Context(), c.OutOrStdout(), o, show)
		},
	}
	f := c.Flags()
	dataFlags(f, "digits", &o.Data, &o.Partial)
	f.IntVar(&o.Times, "times", 10, "runs of each of the two networks")
	f.DurationVar(&o.Profile, "profile", 0, "time for the measurement of inference in each run (default as in a study)")
	show.flags(f)
	return c
}

func benchmarkTrialCommand() *cobra.Command {
	var (
		o    benchmark.TrialOptions
		show showBenchmark
	)
	c := &cobra.Command{
		Use:   "trial",
		Short: "Tell where the time of a trial goes",
		Long: `Tell where the time of a trial goes: what its phases take, from the start of the
worker's process to its end, and the share that is not spent in training. The
network that the rule book begins with is trained and measured as a study does it,
for as many epochs as fill the time; a first trial of two epochs finds out how many.`,
		Example: `  lemonade benchmark trial
  lemonade benchmark trial --data digits --train-samples 0 --time 20s --json -`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Times < 1 || o.Time <= 0 || o.TrainSamples < 0 {
				return fmt.Errorf("times, time and train samples: %d, %v and %d: the first two are positive, and the third is not negative", o.Times, o.Time, o.TrainSamples)
			}
			o.Log = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
			report, err := benchmark.Trial(c.Context(), o)
			if err != nil {
				return err
			}
			return show.write(c.OutOrStdout(), report)
		},
	}
	f := c.Flags()
	dataFlags(f, "cifar10", &o.Data, &o.Partial)
	f.IntVar(&o.TrainSamples, "train-samples", 5000, "training samples, drawn evenly from the classes (0 takes all)")
	f.DurationVar(&o.Time, "time", time.Minute, "time that a trial should take, or about")
	f.IntVar(&o.Times, "times", 1, "trials")
	show.flags(f)
	return c
}

// benchmarkMeasurements reports on the runs that there are when it is interrupted
// too: they are not kept for another time.
func benchmarkMeasurements(ctx context.Context, out io.Writer, o benchmark.MeasureOptions, show showBenchmark) error {
	report, err := benchmark.Measure(ctx, o)
	stopped := errors.Is(err, context.Canceled)
	switch {
	case err != nil && !stopped:
		return err
	case len(report.Networks) == 0 || len(report.Networks[0].Runs) == 0:
		return errors.New("interrupted before there was anything to report; the same command begins anew")
	}
	if err := show.write(out, report); err != nil {
		return err
	}
	if stopped {
		return errors.New("interrupted: the report is of the runs up to here; the same command begins anew")
	}
	return nil
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
