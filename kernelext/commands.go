package kernelext

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
)

func showCommand() *cobra.Command {
	var (
		dir    string
		asJSON bool
		page   bool
		said   bool
		id     int
	)
	c := inStudies(&cobra.Command{
		Use:     "show [NAME]",
		Short:   "Show what the study NAME has found, also while it runs; without a name, which studies there are",
		Example: "  lemonade show\n  lemonade show first\n  lemonade show first --trial 3\n  lemonade show first --trial 3 --prompts",
		Args:    cobra.MaximumNArgs(1),
	}, &dir)
	c.RunE = func(c *cobra.Command, args []string) error {
		out := c.OutOrStdout()
		if len(args) == 0 {
			return listStudies(c.Context(), out, dir)
		}
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			switch {
			case asJSON:
				return writeJSON(out, s.Report())
			case page:
				path, err := writePage(s)
				if err == nil {
					fmt.Fprintln(out, "chart:", path)
				}
				return err
			case said && id == 0:
				return errors.New("--prompts needs the number of a trial: --trial NUMBER")
			case said:
				return showPrompts(out, s, id)
			case id != 0:
				return explain(out, s, id)
			}
			show(out, s)
			return nil
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	c.Flags().BoolVar(&page, "html", false, "write a page with the charts beside the database, and say where")
	c.Flags().IntVar(&id, "trial", 0, "show the trial of this `NUMBER` alone: what was asked, expected and measured, and how")
	c.Flags().BoolVar(&said, "prompts", false, "with --trial: what the language model was asked and answered, word for word")
	c.MarkFlagsMutuallyExclusive("trial", "json", "html")
	completeTrials(c, &dir, "trial")
	return c
}

// listStudies tells a line of each study.
func listStudies(ctx context.Context, out io.Writer, dir string) error {
	names := studyNames(ctx, dir)
	if len(names) == 0 {
		fmt.Fprintln(out, "no studies yet: lemonade begin")
	}
	for _, name := range names {
		if err := withStudy(ctx, name, dir, func(s *lemonade.Study) error {
			v := ViewOf(s)
			fmt.Fprintf(out, "%s on %s: %s\n", v.Name, v.data(), v.summary())
			return nil
		}); err != nil {
			fmt.Fprintln(out, name+":", printable(err.Error()))
		}
	}
	return nil
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func bestCommand() *cobra.Command {
	var dir string
	c := inStudies(&cobra.Command{
		Use:   "best NAME",
		Short: "Show the most effective trial of the study NAME and its network",
		Args:  cobra.ExactArgs(1),
	}, &dir)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			best, ok := s.Best()
			if !ok {
				return fmt.Errorf("study %s has no most effective trial yet: %s", s.Name(), ViewOf(s).summary())
			}
			v := ViewOf(s)
			page := v.trialHTML(best)
			text := v.trialText(best)
			if best.Program != nil {
				text += "\n" + printable(best.Program.Network.Summary())
				page += networkHTML(best.Program.Network)
			}
			text += "\n" + useLine(v.Name, best.ID, placeOf(s)) + "\n"
			page += useHTML(v.Name, best.ID, placeOf(s))
			display(c.OutOrStdout(), text, page)
			return nil
		})
	}
	return c
}

// shellWord quotes a word for a shell where it must be.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_./:=@,%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
