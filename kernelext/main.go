package kernelext

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/agnivade/levenshtein"
	"github.com/janpfeifer/gonb/gonbui"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
)

// Main runs one of Lemonade's commands from a notebook cell and displays what it
// has to show, as "lemonade ARGS" prints it in a terminal. Without arguments it
// takes those of the program, so that it does what a cell of stock GoNB says:
//
//	import "github.com/lemo-nade/lemonade/kernelext"
//	%exec kernelext.Main show first
//
// There the import is needed in each cell: GoNB passes over one that has no Go in it.
// An error ends the cell, with a line that says what to mend.
func Main(args ...string) {
	if len(args) == 0 {
		args = os.Args[1:]
	}
	if status := Execute(Command(), args); status != 0 {
		os.Exit(status)
	}
}

// Execute runs one command line and returns the status for the process to end with:
// 0, 130 where it was interrupted, or 1 after another error. The error is told on
// the standard error.
func Execute(root *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if gonbui.IsNotebook {
		gonbui.Sync() // what was displayed before the error arrives before it
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "lemonade: interrupted; everything up to here is kept, the same command goes on")
		return 130
	}
	fmt.Fprintln(os.Stderr, "lemonade:", printable(err.Error()))
	return 1
}

// Command returns the table of commands, which notebooks and the terminal share.
// The terminal's own commands and checks are added to it: see [Check].
func Command(checks ...Check) *cobra.Command {
	root := &cobra.Command{
		Use:   "lemonade",
		Short: "Discover neural networks that fit a device",
		Long: `Discover neural networks that fit a device.

New here? "lemonade begin" asks four questions in plain words, and "lemonade help
glossary" has the words.`,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
	root.CompletionOptions.DisableDefaultCmd = gonbui.IsNotebook // it is for a shell; notebooks complete by themselves
	root.AddGroup(&cobra.Group{ID: "search", Title: "Search:"}, &cobra.Group{ID: "look", Title: "Look and choose:"})
	for _, c := range []*cobra.Command{beginCommand(), discoverCommand(), resumeCommand(), tryCommand(), baselinesCommand(), finalCommand(), watchCommand()} {
		c.GroupID = "search"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{showCommand(), frontCommand(), bestCommand(), compareCommand(), chooseCommand(), rulesCommand(), dataCommand(), exportCommand(), importCommand()} {
		c.GroupID = "look"
		root.AddCommand(c)
	}
	root.AddCommand(doctorCommand(checks), glossaryCommand())
	root.SetFlagErrorFunc(unknownFlag)
	return root
}

// unknownCommand says which command was meant.
func unknownCommand(root *cobra.Command, word string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("there is no command %q%s; there are %s", word, meant(word, names, ""), strings.Join(names, ", "))
}

// unknownFlag says which flag was meant.
func unknownFlag(c *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("there is no flag --%s%s; %s --help lists them", name, meant(name, names, "--"), c.CommandPath())
}

// meant suggests the nearest name: ", did you mean show?", or nothing where none is
// near.
func meant(word string, names []string, prefix string) string {
	nearest, distance := "", max(1, len(word)/2)+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(word, name); d < distance {
			nearest, distance = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return ", did you mean " + prefix + nearest + "?"
}

// inStudies gives a command the flag that says where the studies are, and completes
// its first argument, which names one.
func inStudies(c *cobra.Command, dir *string) *cobra.Command {
	c.Flags().StringVar(dir, "studies", "", "`FOLDER` that holds the studies (default LEMONADE_STUDIES, else in the data folder)")
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return studyNames(c.Context(), *dir), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// studyNames lists the studies of a folder, without making one.
func studyNames(ctx context.Context, dir string) []string {
	if dir == "" {
		var err error
		if dir, err = lemonade.DefaultDir(); err != nil {
			return nil
		}
	}
	if _, err := os.Stat(filepath.Join(dir, record.File)); err != nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	names, _ := lemonade.Names(ctx, dir) // there is nobody to tell while a word is completed
	return names
}

// completeTrials completes the arguments after the study's name, and the flags named,
// with the numbers of its trials.
func completeTrials(c *cobra.Command, dir *string, flags ...string) {
	trials := func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return studyNames(c.Context(), *dir), cobra.ShellCompDirectiveNoFileComp
		}
		var ids []string
		_ = withStudy(c.Context(), args[0], *dir, func(s *lemonade.Study) error {
			for _, t := range s.Outlines() {
				if id := fmt.Sprint(t.ID); !slices.Contains(args[1:], id) {
					ids = append(ids, id+"\t"+Line(t))
				}
			}
			return nil
		})
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
	if len(flags) == 0 {
		c.ValidArgsFunction = trials
	}
	for _, name := range flags {
		cobra.CheckErr(c.RegisterFlagCompletionFunc(name, trials))
	}
}

// choices completes a flag with words.
func choices(c *cobra.Command, flag string, words ...string) {
	cobra.CheckErr(c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
}

// withStudy opens a study that there is, and closes it after use.
func withStudy(ctx context.Context, name, dir string, use func(*lemonade.Study) error) (err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	study, err := lemonade.Open(ctx, name, lemonade.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, study.Close()) }()
	return use(study)
}

// logTo returns what a command tells of long steps with: apart from what scripts
// read, but not as an error where that would end up in a notebook.
func logTo(c *cobra.Command) func(string) {
	out := c.ErrOrStderr()
	if gonbui.IsNotebook {
		out = c.OutOrStdout()
	}
	return func(text string) { fmt.Fprintln(out, printable(text)) }
}
