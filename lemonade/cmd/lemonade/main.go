// Command lemonade discovers neural networks that fit a device, from a terminal.
//
//	lemonade notebook quickstart                       set up, run the notebook, write a page
//	lemonade discover first --data digits --trials 6   run a study
//	lemonade show first                                what it found
//	lemonade setup                                     prepare everything now
//	lemonade doctor                                    what is here, and what is missing
//
// Each command has --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "lemonade: interrupted; everything up to here is kept, the same command goes on")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "lemonade:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "lemonade",
		Short:         "Discover neural networks that fit a device",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(notebookCommand(), discoverCommand(), showCommand(), setupCommand(), doctorCommand())
	root.AddCommand(benchmarkCommand())
	return root
}

// progress prints a line about a long step, apart from what scripts read.
func progress(text string) { fmt.Fprintln(os.Stderr, text) }
