package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade/home"
)

func notebookCommand() *cobra.Command {
	var (
		lab bool
		out string
	)
	c := &cobra.Command{
		Use:   "notebook NAME",
		Short: "Set up what is missing, run the notebook NAME and write it as a page",
		Long: `Set up what is missing, run the notebook NAME from the first cell to the last,
and write it as an HTML page with its charts. With --lab, open JupyterLab instead.`,
		Example: "  lemonade notebook quickstart\n  lemonade notebook quickstart --lab",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return notebook(c.Context(), c.OutOrStdout(), args[0], out, lab)
		},
	}
	c.Flags().BoolVar(&lab, "lab", false, "open JupyterLab instead of running the notebook")
	c.Flags().StringVar(&out, "out", "", "folder of the page (default notebooks in the data folder)")
	return c
}

func notebook(ctx context.Context, w io.Writer, name, out string, lab bool) error {
	path, err := findNotebook(name)
	if err != nil {
		return err
	}
	env, err := setup(ctx)
	if err != nil {
		return err
	}
	if lab {
		return env.Lab(ctx, path)
	}
	if out == "" {
		dir, err := home.Dir()
		if err != nil {
			return err
		}
		out = filepath.Join(dir, "notebooks")
	}
	page, err := env.Execute(ctx, path, out, progress)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "page:", page)
	return nil
}

// findNotebook takes a name of the module's notebooks folder, or a path.
func findNotebook(name string) (string, error) {
	if strings.HasSuffix(name, ".ipynb") {
		_, err := os.Stat(name)
		return name, err
	}
	module, err := home.Module()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(module, "notebooks")
	path := filepath.Join(dir, name+".ipynb")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.ipynb"))
	if err != nil {
		return "", err
	}
	var names []string
	for _, p := range all {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".ipynb"))
	}
	return "", fmt.Errorf("notebook %q: there is none in %s: choose one of %s, or give the path of an .ipynb file", name, dir, strings.Join(names, ", "))
}
