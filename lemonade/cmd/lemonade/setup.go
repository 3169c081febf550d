package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/kernelext/jupyter"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/propose"
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

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is here, what is missing and how to mend it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return doctor(c.Context(), c.OutOrStdout())
		},
	}
}

// doctor looks at one thing after the other; it prepares nothing but the worker and
// its plugin, which it asks for the engine and the meters.
func doctor(ctx context.Context, out io.Writer) error {
	faults := 0
	report := func(what, found string, err error) {
		mark := "ok  "
		if err != nil {
			mark, found = "FAIL", err.Error()
			faults++
		}
		fmt.Fprintf(out, "%s %-10s %s\n", mark, what, strings.ReplaceAll(found, "\n", "\n                "))
	}
	dir, err := home.Dir()
	report("folder", dir, err)
	for _, tool := range [][2]string{{"go", "install Go 1.26 or newer"}, {"gcc", "apt-get install gcc"}, {"python3", "apt-get install python3 python3-venv"}} {
		path, err := exec.LookPath(tool[0])
		if err != nil {
			err = fmt.Errorf("not found on the PATH: %s", tool[1])
		}
		report(tool[0], path, err)
	}
	local, err := evaluate.Open(ctx, evaluate.Options{Log: progress})
	if err == nil {
		about := local.Describe()
		err = local.Close()
		report("worker", fmt.Sprintf("%s on %s", about.Engine, about.Device), err)
	} else {
		report("worker", "", err)
	}
	meters, err := meters(ctx)
	report("energy", meters, err)
	account, err := carbon.Account(carbon.Options{})
	report("carbon", fmt.Sprintf("%s; --location or LEMONADE_LOCATION sets the country\nPUE %.2f; --pue or LEMONADE_PUE sets it", carbon.Factor(account), account.PUE), err)
	for _, name := range datasets.Names() {
		where, ok := datasets.Find(name, filepath.Join(dir, "data"))
		if !ok {
			where = "not here; it is downloaded on first use"
		}
		report(name, where, nil)
	}
	llm := "no key in the environment: the rule book proposes"
	for _, p := range [][2]string{{"openai", "OPENAI_API_KEY"}, {"openai", "OPENAI_BASE_URL"}, {"gemini", "GEMINI_API_KEY"}, {"gemini", "GOOGLE_API_KEY"}} {
		if os.Getenv(p[1]) == "" {
			continue
		}
		if model, _, _, err := (propose.Options{}).Resolve(p[0]); err != nil {
			report("llm", "", err)
		} else {
			llm = fmt.Sprintf("%s is set: --proposer %s asks %s", p[1], p[0], model)
		}
		break
	}
	report("llm", llm, nil)
	jupyterAt, err := jupyter.Status()
	if err != nil {
		jupyterAt = "not set up: lemonade setup does it"
	}
	report("jupyter", jupyterAt, nil)
	if faults > 0 {
		return fmt.Errorf("%d of these need mending", faults)
	}
	return nil
}

// meters asks the worker, which has what it takes to look at a GPU.
func meters(ctx context.Context) (string, error) {
	worker, err := home.Worker(ctx, progress)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, worker, "meters").Output()
	return strings.TrimSpace(string(out)), err
}
