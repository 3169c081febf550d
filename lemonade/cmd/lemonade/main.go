// Command lemonade discovers neural networks that fit a device, from a terminal.
//
//	lemonade notebook quickstart                       set up, run the notebook, write a page
//	lemonade notebook                                  the notebooks that there are
//	lemonade begin                                     four questions, a forecast, and the line that begins
//	lemonade discover first --data digits --trials 6   run a study
//	lemonade show first                                what it found
//	lemonade choose first                              which network to take, in plain words
//	lemonade export first                              the study as one file to take away
//	lemonade setup                                     prepare everything now
//	lemonade doctor                                    what is here, and what is missing
//
// Each command has --help. All but notebook, setup and benchmark are the same in a
// notebook: see package kernelext.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/kernelext/jupyter"
)

func main() { os.Exit(kernelext.Execute(command(), os.Args[1:])) }

// command is the table of commands with those that only a terminal has.
func command() *cobra.Command {
	root := kernelext.Command(kernelext.Check{Name: "jupyter", Look: func(context.Context) (string, error) {
		found, err := jupyter.Status()
		if err != nil {
			found = "not set up: lemonade setup does it"
		}
		return found, nil
	}})
	root.AddCommand(notebookCommand(), setupCommand(), benchmarkCommand())
	return root
}

// progress prints a line about a long step, apart from what scripts read.
func progress(text string) { fmt.Fprintln(os.Stderr, text) }
