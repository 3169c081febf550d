package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

func setupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Prepare everything: the worker, the XLA plugin, Jupyter with GoNB",
		Long: `Prepare everything that lemonade needs, inside one folder (LEMONADE_HOME, by
default ~/.local/share/lemonade): the worker binary, the XLA plugin, and a Python
environment with Jupyter and the GoNB kernel. What is there already stays.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := setup(c.Context()); err != nil {
				return err
			}
			dir, err := home.Dir()
			if err == nil {
				fmt.Fprintln(c.OutOrStdout(), "ready:", dir)
			}
			return err
		},
	}
}

// setup prepares the worker with its plugin, then Jupyter.
func setup(ctx context.Context) (*jupyter.Env, error) {
	local, err := evaluate.Open(ctx, evaluate.Options{Log: progress})
	if err != nil {
		return nil, err
	}
	if err := local.Close(); err != nil {
		return nil, err
	}
	return jupyter.Ensure(ctx, progress)
}
