package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

// notebookOptions are the flags of the command notebook.
type notebookOptions struct {
	lab, html bool
	out       string
	set       []string
	timeout   time.Duration
}

func notebookCommand() *cobra.Command {
	var o notebookOptions
	c := &cobra.Command{
		Use:   "notebook [NAME]",
		Short: "Run a notebook and write it as a page, open it, or hand it on",
		Long: `Run the notebook NAME from the first cell to the last, and write it as a page with
its charts, and beside that as a notebook with its outputs. NAME is one of Lemonade's,
or the path of any .ipynb file for a Go kernel; without it they are listed. What is
missing is set up before.

With --lab, open it in JupyterLab instead. With --html, write the page of the
notebook as it was saved, with the outputs that it has: nothing is run, so that what
was worked on in JupyterLab can be handed on as one file that needs no network.

What a notebook can be told is in its first cell, under Settings: environment
variables, which --set sets for this run.`,
		Example: `  lemonade notebook
  lemonade notebook quickstart --set LEMONADE_TRIALS=12
  lemonade notebook quickstart --lab
  lemonade notebook my-own.ipynb --html --out .`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, _ := notebookNames() // there is nobody to tell while a word is completed
			return names, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listNotebooks(c.OutOrStdout())
			}
			return notebook(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	c.Flags().BoolVar(&o.lab, "lab", false, "open JupyterLab instead of running the notebook")
	c.Flags().BoolVar(&o.html, "html", false, "write the page of the notebook as it was saved, and run nothing")
	c.Flags().StringVar(&o.out, "out", "", "`FOLDER` of the page (default pages in the data folder)")
	c.Flags().StringArrayVar(&o.set, "set", nil, "set a parameter of the notebook, `NAME=VALUE`; may be repeated")
	c.Flags().DurationVar(&o.timeout, "cell-timeout", jupyter.CellTimeout, "how long one cell may take")
	c.MarkFlagsMutuallyExclusive("lab", "html")
	c.MarkFlagsMutuallyExclusive("lab", "out")
	c.MarkFlagsMutuallyExclusive("html", "set")
	return c
}

func notebook(ctx context.Context, w io.Writer, name string, o notebookOptions) error {
	if o.timeout <= 0 {
		return fmt.Errorf("--cell-timeout %v: a cell needs some time: leave it away for %v", o.timeout, jupyter.CellTimeout)
	}
	path, err := findNotebook(name)
	if err != nil {
		return err
	}
	if err := parameters(path, o.set); err != nil {
		return err
	}
	dir, err := home.Dir()
	if err != nil {
		return err
	}
	out := cmp.Or(o.out, filepath.Join(dir, "pages"))
	if o.html { // needs no worker
		env, err := jupyter.Ensure(ctx, progress)
		if err != nil {
			return err
		}
		return export(ctx, w, env, path, out)
	}
	env, err := setup(ctx)
	if err != nil {
		return err
	}
	env.CellTimeout = o.timeout
	if o.lab {
		return env.Lab(ctx, path)
	}
	page, err := env.Execute(ctx, path, out, progress)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "page:    ", page)
	fmt.Fprintln(w, "notebook:", strings.TrimSuffix(page, ".html")+".ipynb")
	return nil
}

// export writes the page of the notebook that --lab opens.
func export(ctx context.Context, w io.Writer, env *jupyter.Env, path, out string) error {
	path = env.Kept(path)
	progress("as saved in " + path)
	n, err := jupyter.ReadNotebook(path)
	if err != nil {
		return err
	}
	if !n.HasOutputs {
		progress("no cell of it has an output: lemonade notebook NAME runs it, and so does JupyterLab")
	}
	page, err := env.Export(ctx, path, out)
	if err == nil {
		fmt.Fprintln(w, "page:", page)
	}
	return err
}

// parameters puts what --set says into the environment, where notebooks look. The
// variables of others may be keys, which do not belong on a command line.
func parameters(path string, set []string) error {
	if len(set) == 0 {
		return nil
	}
	n, err := jupyter.ReadNotebook(path)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	has := "no parameters: those are LEMONADE_… in a table of Settings in its first cell"
	for _, s := range n.Settings {
		if !strings.HasPrefix(s.Name, "LEMONADE_") {
			continue
		}
		if len(known) == 0 {
			has = "these:"
		}
		known[s.Name] = true
		has += fmt.Sprintf("\n  %s: %s (default %s)", s.Name, s.What, cmp.Or(s.Default, "none"))
	}
	for _, pair := range set {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case ok && !strings.HasPrefix(name, "LEMONADE_"):
			return fmt.Errorf("--set %s: that is no parameter of a notebook: set it in the environment; %s has %s", name, path, has)
		case !ok:
			return fmt.Errorf("--set %s: there is no = in it: give NAME=VALUE", pair)
		case !known[name]:
			return fmt.Errorf("--set %s: that is no parameter of %s, which has %s", pair, path, has)
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("--set %s: %w", pair, err)
		}
	}
	return nil
}

// listNotebooks prints Lemonade's notebooks, each with its title and a sentence.
func listNotebooks(w io.Writer) error {
	names, err := notebookNames()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range names {
		path, err := findNotebook(name)
		if err != nil {
			return err
		}
		n, err := jupyter.ReadNotebook(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\n", name, n.Title)
		if n.About != "" {
			fmt.Fprintf(table, "\t%s\n", n.About)
		}
	}
	fmt.Fprintln(table, "\nlemonade notebook NAME runs one, and with --lab it opens it.")
	return table.Flush()
}

// notebookFolder is the module's.
func notebookFolder() (string, error) {
	module, err := home.Module()
	return filepath.Join(module, "notebooks"), err
}

// notebookNames are the module's notebooks, the one to begin with first.
func notebookNames() (names []string, err error) {
	dir, err := notebookFolder()
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.ipynb"))
	for _, p := range all {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".ipynb"))
	}
	first := map[string]int{"quickstart": -1}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(first[a]-first[b], strings.Compare(a, b)) })
	return names, err
}

// findNotebook takes a name of the module's notebooks folder, or a path.
func findNotebook(name string) (string, error) {
	if strings.HasSuffix(name, ".ipynb") {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("notebook %q: there is no such file: lemonade notebook lists those that come with Lemonade", name)
		} else if err != nil {
			return "", fmt.Errorf("notebook %q: %w", name, err)
		}
		return name, nil
	}
	dir, err := notebookFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".ipynb")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	names, err := notebookNames()
	if err != nil {
		return "", err
	}
	return "", fmt.Errorf("notebook %q: there is none in %s: choose one of %s, or give the path of an .ipynb file", name, dir, strings.Join(names, ", "))
}
