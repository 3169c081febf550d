package kernelext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Try trains and measures a program that a person wrote, as [lemonade.Study.Try]
// does, with a live view in the cell's output, or lines of text where there is no
// notebook. Where the network was a trial of the study already it says so, and
// returns that trial.
func Try(ctx context.Context, s *lemonade.Study, source string) (trial.Trial, error) {
	return try(ctx, os.Stdout, s, source)
}

func try(ctx context.Context, out io.Writer, s *lemonade.Study, source string) (trial.Trial, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var p *progress // once there is something to tell: a program that is refused has no view
	trained := false
	t, err := s.Try(ctx, source, func(e lemonade.Event) {
		if p == nil {
			p = newProgress(s, 0, 0)
			if !gonbui.IsNotebook {
				p.out = out
			}
		}
		p.event(e)
		trained = trained || e.Kind == lemonade.Ended
	})
	if p != nil {
		p.end(p.outcome(err))
	}
	if err == nil && !trained {
		fmt.Fprintf(out, "the same network with the same recipe was trial %d already: nothing is trained twice\n", t.ID)
	}
	return t, err
}

func tryCommand() *cobra.Command {
	groups, read := discoverFlags()
	var dir string
	c := inStudies(&cobra.Command{
		Use:   "try NAME FILE",
		Short: "Train and measure a program of your own, in FILE, as a trial of the study NAME",
		Long: `Train and measure a program of your own, in FILE, as a trial of the study NAME.

The study is created where there is none, with the options of discover. A search
that goes on with it may change your network as any other. A program that does not
parse, breaks a limit or was tried before is not trained.`,
		Example: "  lemonade try mine net.star --data digits --epochs 4\n  lemonade try mine narrower.star\n  lemonade compare mine 1 2",
		Args:    cobra.ExactArgs(2),
	}, &dir)
	place := pflag.NewFlagSet("Where", pflag.ContinueOnError)
	place.AddFlag(c.Flag("studies"))
	shown := []*pflag.FlagSet{place, groups[groupStudy], groups[groupMeasure]}
	for _, g := range shown[1:] {
		c.Flags().AddFlagSet(g)
	}
	c.SetUsageFunc(func(c *cobra.Command) error { return usage(c, shown) })
	studyChoices(c)
	names := c.ValidArgsFunction
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return nil, cobra.ShellCompDirectiveDefault // a file
		}
		return names(c, args, word)
	}
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		o, _, err := read()
		if err != nil {
			return err
		}
		source, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		o.Dir = dir
		tell, opened := logTo(c), false
		o.Log = func(text string) {
			if !opened { // afterwards it is an event
				tell(text)
			}
		}
		study, err := lemonade.Open(c.Context(), args[0], o)
		if err != nil {
			return err
		}
		opened = true
		defer func() { err = errors.Join(err, study.Close()) }()
		t, err := try(c.Context(), c.OutOrStdout(), study, string(source))
		if err != nil {
			return errors.New(strings.ReplaceAll(err.Error(), "model.star:", args[1]+":"))
		}
		return explain(c.OutOrStdout(), study, t.ID)
	}
	return c
}
