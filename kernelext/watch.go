package kernelext

import (
	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
)

func watchCommand() *cobra.Command {
	var dir string
	c := inStudies(&cobra.Command{
		Use:   "watch NAME",
		Short: "Follow the study NAME while another process runs it",
		Long: `Follow the study NAME while another process runs it, such as a terminal or another
notebook. It ends when nobody runs the study any more; an interrupt ends the
watching and does not touch the run.`,
		Args: cobra.ExactArgs(1),
	}, &dir)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error { return Watch(c.Context(), s) })
	}
	return c
}
