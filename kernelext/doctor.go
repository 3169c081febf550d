package kernelext

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
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/propose"
)

// Check is one thing that doctor looks at: Look says what was found, or what is
// missing and how to mend it.
type Check struct {
	Name string
	Look func(context.Context) (found string, err error)
}

func doctorCommand(more []Check) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is here, what is missing and how to mend it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return lookAt(c.Context(), c.OutOrStdout(), append(checks(logTo(c)), more...))
		},
	}
}

// lookAt reports on one thing after the other, and fails where any is missing.
func lookAt(ctx context.Context, out io.Writer, checks []Check) error {
	faults := 0
	for _, check := range checks {
		mark := "ok  "
		found, err := check.Look(ctx)
		if err != nil {
			mark, found = "FAIL", err.Error()
			faults++
		}
		fmt.Fprintf(out, "%s %-10s %s\n", mark, check.Name, strings.ReplaceAll(printable(found), "\n", "\n                "))
	}
	if faults > 0 {
		return fmt.Errorf("%d of these need mending", faults)
	}
	return nil
}

// checks look at what a study needs. They prepare nothing but the worker and its
// plugin, which they ask for the engine and the meters.
func checks(log func(string)) []Check {
	all := []Check{{"folder", func(context.Context) (string, error) { return home.Dir() }}}
	for _, tool := range [][2]string{{"go", "install Go 1.26 or newer"}, {"gcc", "apt-get install gcc"}, {"python3", "apt-get install python3 python3-venv"}} {
		all = append(all, Check{tool[0], func(context.Context) (string, error) {
			path, err := exec.LookPath(tool[0])
			if err != nil {
				return "", fmt.Errorf("not found on the PATH: %s", tool[1])
			}
			return path, nil
		}})
	}
	all = append(all,
		Check{"worker", func(ctx context.Context) (string, error) {
			local, err := evaluate.Open(ctx, evaluate.Options{Log: log})
			if err != nil {
				return "", err
			}
			about := local.Describe()
			return fmt.Sprintf("%s on %s", about.Engine, about.Device), local.Close()
		}},
		Check{"energy", func(ctx context.Context) (string, error) {
			worker, err := home.Worker(ctx, log)
			if err != nil {
				return "", err
			}
			out, err := exec.CommandContext(ctx, worker, "meters").Output() // it has what it takes to look at a GPU
			return strings.TrimSpace(string(out)), err
		}},
		Check{"carbon", func(context.Context) (string, error) {
			account, err := carbon.Account(carbon.Options{})
			return fmt.Sprintf("%s; --location or LEMONADE_LOCATION sets the country\nPUE %.2f; --pue or LEMONADE_PUE sets it", carbon.Factor(account), account.PUE), err
		}},
	)
	for _, name := range datasets.Names() {
		all = append(all, Check{name, func(context.Context) (string, error) {
			dir, err := home.Dir()
			if err != nil {
				return "", err
			}
			switch where, ok := datasets.Find(name, filepath.Join(dir, "data")); {
			case ok:
				return where, nil
			case where != "":
				return "here; it is packed on first use", nil
			case !downloads(name):
				return "not here; lemonade data fetch " + name + " says where to get it", nil
			}
			return "not here; it is downloaded on first use", nil
		}})
	}
	return append(all, Check{"llm", languageModel})
}

// languageModel says which model the environment has a key or an address for.
func languageModel(context.Context) (string, error) {
	for _, p := range [][2]string{{"openai", "OPENAI_API_KEY"}, {"openai", "OPENAI_BASE_URL"}, {"gemini", "GEMINI_API_KEY"}, {"gemini", "GOOGLE_API_KEY"}} {
		if os.Getenv(p[1]) == "" {
			continue
		}
		model, _, _, err := (propose.Options{}).Resolve(p[0])
		return fmt.Sprintf("%s is set: --proposer %s asks %s", p[1], p[0], model), err
	}
	return "no key in the environment: the rule book proposes", nil
}
