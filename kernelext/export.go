package kernelext

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ExportOptions say what of a study [Export] writes. Without any of the first four it
// is the bundle.
type ExportOptions struct {
	Trial  int    // the trial of this number: program, summary, drawing, measurements, and weights where they are kept
	CSV    bool   // every table
	SVG    bool   // every chart, as a still picture
	Bundle string // file of the whole study in one: see [Export]

	NoWeights bool // leaves the trained weights out of the bundle, which they are most of

	Dir string // folder for the other files; default the study's name and "-export", in the working folder
}

// Export writes parts of a study as files, in the order of their names, and returns
// where they are.
//
// The bundle is a zip that repeats the study: its record as a database of its own,
// with which the same commands work; everything as JSON; every program; the weights
// of the front; the rule book; tables and charts; the options, the versions, and a
// README with the commands that show it, replay it without training, and run it anew.
// No key is in it; the prompts and answers of a language model are.
//
// In the tables a text that a spreadsheet would take for a formula begins with a '.
func Export(ctx context.Context, s *lemonade.Study, o ExportOptions) (files []string, err error) {
	v := ViewOf(s)
	if o.CSV {
		v = v.full(s)
	}
	if o.Trial == 0 && !o.CSV && !o.SVG && o.Bundle == "" {
		o.Bundle = v.Name + ".zip"
	}
	content := map[string][]byte{}
	if o.CSV {
		if err := v.addTables(content, ""); err != nil {
			return nil, err
		}
	}
	if o.SVG {
		v.addCharts(content, "")
	}
	if o.Trial != 0 {
		if err := v.addTrial(content, o.Trial); err != nil {
			return nil, err
		}
	}
	dir := cmp.Or(o.Dir, v.Name+"-export")
	for _, name := range slices.Sorted(maps.Keys(content)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return files, fmt.Errorf("export: %w", err)
		}
		if err := os.WriteFile(path, content[name], 0o644); err != nil {
			return files, fmt.Errorf("export: %w", err)
		}
		files = append(files, path)
	}
	if o.Bundle != "" {
		if err := writeBundle(ctx, s, o.Bundle, !o.NoWeights); err != nil {
			return files, fmt.Errorf("export: bundle: %w", err)
		}
		files = append(files, o.Bundle)
	}
	return files, nil
}

func exportCommand() *cobra.Command {
	var (
		dir string
		o   ExportOptions
	)
	c := inStudies(&cobra.Command{
		Use:   "export NAME",
		Short: "Write the study NAME, or parts of it, as files to take away",
		Long: `Write the study NAME, or parts of it, as files to take away. Without a flag it is one
bundle, NAME.zip, that repeats the study: its record, every program, the weights of
the front, the rule book, options and versions, tables, charts, and the commands
that show it, replay it without training, and run it anew.`,
		Example: "  lemonade export first\n  lemonade export first --trial 7\n  lemonade export first --csv --svg --out tables",
		Args:    cobra.ExactArgs(1),
	}, &dir)
	f := c.Flags()
	f.SortFlags = false
	f.IntVar(&o.Trial, "trial", 0, "the trial of this `NUMBER`: its program, summary, drawing, measurements, confusion matrix and weights")
	f.BoolVar(&o.CSV, "csv", false, "every table, with value, unit, method and spread of every metric, and each class")
	f.BoolVar(&o.SVG, "svg", false, "every chart as a picture")
	f.StringVar(&o.Bundle, "bundle", "", "`FILE` of the bundle (default NAME.zip where nothing else is asked for)")
	f.BoolVar(&o.NoWeights, "no-weights", false, "leave the trained weights out of the bundle, which they are most of")
	f.StringVar(&o.Dir, "out", "", "`FOLDER` for the other files (default NAME-export)")
	completeTrials(c, &dir, "trial")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			files, err := Export(c.Context(), s, o)
			if err != nil {
				return err
			}
			note := ""
			if t, ok := s.Outlines().ByID(o.Trial); ok && t.Weights == "" {
				note = noWeights(t) + "\n"
			}
			display(c.OutOrStdout(), printable("written: "+strings.Join(files, "\nwritten: ")+"\n"+note), filesHTML(files, note))
			return nil
		})
	}
	return c
}

// noWeights says why there are no weights of a trial.
func noWeights(t trial.Trial) string {
	why := "a study keeps those of its front"
	if t.Reused != nil {
		why = fmt.Sprintf("its training was taken over from %s, whose weights were not kept, or it is not on the front; a final trains it anew and keeps its own", t.Reused)
	}
	return fmt.Sprintf("there are no weights of trial %d: %s", t.ID, why)
}

// filesHTML links the files, which lie where the notebook does.
func filesHTML(files []string, note string) string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:13px">written:<ul style="margin:2px 0">`)
	for _, path := range files {
		if filepath.IsAbs(path) {
			fmt.Fprintf(&b, `<li>%s</li>`, html.EscapeString(path))
			continue
		}
		fmt.Fprintf(&b, `<li><a href="%s">%s</a></li>`, html.EscapeString((&url.URL{Path: filepath.ToSlash(path)}).String()), html.EscapeString(path))
	}
	fmt.Fprintf(&b, `</ul>%s</div>`, html.EscapeString(note))
	return b.String()
}

// addTrial adds the files of one trial.
func (v View) addTrial(files map[string][]byte, id int) error {
	t, err := v.trial(id)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("trial-%d", id)
	text := v.trialText(t)
	if t.Program != nil {
		files[name+".star"] = []byte(strings.TrimRight(t.Program.Source, "\n") + "\n")
		files[name+".svg"] = []byte(drawNetwork(t.Program.Network))
		text = printable(t.Program.Network.Summary()) + "\n" + text
	}
	files[name+".txt"] = []byte(text)
	only := v
	only.Trials = only.Trials[:0:0]
	only.Trials = append(only.Trials, t)
	tables := map[string][][]string{".csv": only.metricsTable()}
	if q, ok := v.quality(t); ok {
		tables["-classes.csv"], tables["-confusion.csv"] = only.classesTable(), q.matrixTable()
	}
	for suffix, rows := range tables {
		if files[name+suffix], err = asCSV(rows); err != nil {
			return err
		}
	}
	weights := map[string]string{"": t.Weights} // by what follows the name
	for _, x := range v.Extras.For(trial.Final) {
		if x.Of == id && x.State == trial.Complete {
			weights[fmt.Sprintf("-final-%d-epochs-seed-%d", x.Epochs, x.Seed)] = x.Weights
		}
	}
	for suffix, file := range weights {
		if file == "" {
			continue
		}
		if files[name+suffix+".safetensors"], err = os.ReadFile(file); err != nil {
			return fmt.Errorf("trial %d: its weights: %w", id, err)
		}
	}
	return nil
}

// addTables adds every table as CSV.
func (v View) addTables(files map[string][]byte, folder string) (err error) {
	tables := map[string][][]string{
		"trials": v.trialsTable(), "metrics": v.metricsTable(), "curves": v.curvesTable(), "answers": v.answersTable(), "costs": v.costsTable(),
		"classes": v.classesTable(), "confusion": v.confusionTable(),
		"extras": v.extrasTable(), "test_reads": v.testReadsTable(), "ranking": v.ranking().table(),
	}
	if v.hasRungs() {
		tables["rungs"] = v.rungsTable()
	}
	for name, rows := range tables {
		if len(rows) == 0 { // of what most studies do not have
			continue
		}
		if files[folder+name+".csv"], err = asCSV(rows); err != nil {
			return err
		}
	}
	return nil
}

// addCharts adds every chart as a picture named after what it shows.
func (v View) addCharts(files map[string][]byte, folder string) {
	for i, c := range v.plots() {
		name := folder + fileName(strings.TrimPrefix(c.Title, v.Name+": "))
		if files[name+".svg"] != nil {
			name += fmt.Sprintf("-%d", i+1)
		}
		files[name+".svg"] = []byte(c.svg())
	}
}

// fileName is a text as a name for a file: lower-case letters, digits and dashes.
func fileName(text string) string {
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return cmp.Or(clipBytes(strings.Join(parts, "-"), 80), "chart")
}

func clipBytes(ascii string, n int) string { return ascii[:min(len(ascii), n)] }

func asCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
