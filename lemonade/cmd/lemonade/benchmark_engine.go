package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

func benchmarkEngineCommand() *cobra.Command {
	var (
		network, precision string
		batch              int
		length             time.Duration
		asJSON, markdown   bool
	)
	c := &cobra.Command{
		Use:   "engine",
		Short: "Tell how fast this machine trains and infers, and how busy its device is",
		Long: `Tell how fast this machine trains and infers, and how busy its device is.

A network takes training steps, then classifies batches of the same size, on
made-up samples: in bfloat16 on a GPU, in float32 on a CPU. The table has the time
of a step, median and quartiles, the samples per second, the processor time that the
step took on the host, and the share of the time in which the device was busy: by
NVML on a GPU, by the processor time over all cores on a CPU.

It runs in the worker, so that on another machine that binary alone does it:
lemonade-worker bench. With ` + "`LEMONADE_RESIDENT=0.001`" + ` the samples are streamed, as those
of a data set too large for the device.`,
		Example: `  lemonade benchmark engine
  lemonade benchmark engine --network all --time 20s --markdown > engine.md
  lemonade benchmark engine --network airbench --batch 1024
  lemonade benchmark engine --network model.star --precision float32 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if batch < 0 || length <= 0 {
				return fmt.Errorf("batch and time: %d and %v must be positive", batch, length)
			}
			worker, err := home.Worker(c.Context(), progress)
			if err != nil {
				return err
			}
			run := exec.CommandContext(c.Context(), worker, "bench", "-network", network, "-batch", fmt.Sprint(batch),
				"-precision", precision, "-time", length.String(), fmt.Sprintf("-json=%v", asJSON), fmt.Sprintf("-markdown=%v", markdown))
			run.Stdout, run.Stderr = c.OutOrStdout(), os.Stderr
			return run.Run()
		},
	}
	f := c.Flags()
	f.StringVar(&network, "network", "plain", strings.Join(networks.Names(), ", ")+", or files with an architecture program for CIFAR's images, with commas between; all is the set, on a CPU without airbench")
	f.IntVar(&batch, "batch", 0, "samples in a batch (default the recipe's)")
	f.StringVar(&precision, "precision", "", "float32 or bfloat16 (default as the device suggests)")
	f.DurationVar(&length, "time", 5*time.Second, "how long to train, and to infer")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&markdown, "markdown", false, "print the table as Markdown")
	return c
}
