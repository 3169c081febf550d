package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/kernelext"
	"github.com/lemo-nade/lemonade/lemonade"
)

func showCommand() *cobra.Command {
	var (
		dir    string
		asJSON bool
		page   bool
		id     int
	)
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show what the study NAME has found, also while it runs",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return show(c.Context(), c.OutOrStdout(), args[0], dir, id, asJSON, page)
		},
	}
	c.Flags().StringVar(&dir, "studies", "", "folder of the studies (default in the data folder)")
	c.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	c.Flags().BoolVar(&page, "html", false, "write a page with the charts beside the database, and say where")
	c.Flags().IntVar(&id, "trial", 0, "show the trial of this number alone: what was asked, expected and measured, and how")
	c.MarkFlagsMutuallyExclusive("trial", "json")
	c.MarkFlagsMutuallyExclusive("trial", "html")
	return c
}

func show(ctx context.Context, out io.Writer, name, dir string, id int, asJSON, page bool) (err error) {
	study, err := lemonade.Open(ctx, name, lemonade.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()
	switch {
	case asJSON:
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(study.Report())
	case page:
		path, err := writePage(study)
		if err == nil {
			fmt.Fprintln(out, "chart:", path)
		}
		return err
	case id != 0:
		text, err := kernelext.TrialText(study, id)
		if err == nil {
			fmt.Fprint(out, text)
		}
		return err
	}
	_, err = fmt.Fprint(out, kernelext.Text(kernelext.ViewOf(study)))
	return err
}
