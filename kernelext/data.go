package kernelext

import (
	"context"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func dataCommand() *cobra.Command {
	var partial bool
	complete := func(_ *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
		for _, name := range datasets.Names() {
			if info, err := datasets.Lookup(name); err == nil && len(args) == 0 {
				words = append(words, name+"\t"+info.Title)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	c := &cobra.Command{
		Use:               "data [NAME]",
		Short:             "Show which data sets there are, or the data set NAME with samples of each class",
		Example:           "  lemonade data\n  lemonade data digits\n  lemonade data fetch cifar10\n  lemonade data folder:pictures\n  lemonade data 'text:reviews.csv?text=review&label=sentiment'",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: complete,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				rows := setRows()
				display(c.OutOrStdout(), setsText(rows), listHTML(rows)+`<div style="font-size:12px;opacity:.7">`+html.EscapeString(setsNote)+`</div>`)
				return nil
			}
			return showData(c.Context(), c.OutOrStdout(), logTo(c), args[0], partial)
		},
	}
	c.AddCommand(&cobra.Command{
		Use:               "fetch NAME",
		Short:             "Obtain the data set NAME, where it is not here yet, and check it",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete,
		RunE: func(c *cobra.Command, args []string) error {
			return fetchData(c.Context(), c.OutOrStdout(), logTo(c), args[0], partial)
		},
	})
	c.PersistentFlags().BoolVar(&partial, "partial", false, partialHelp)
	return c
}

// showData shows a data set, with pictures where it is on this machine.
func showData(ctx context.Context, out io.Writer, log func(string), name string, partial bool) error {
	info, err := datasets.Lookup(name)
	if err != nil {
		return err
	}
	cache, err := dataCache()
	if err != nil {
		return err
	}
	dir, ok := datasets.Find(name, cache)
	ref := datasets.Ref{Name: name, Dir: dir}
	if info.Download == 0 && dir != "" || !ok && dir != "" || partial { // it can be seen to at once, as a folder that may have changed
		ref, err = prepareData(ctx, log, name, partial)
	} else if !ok {
		show(out, info)
		return nil
	}
	if err != nil {
		return err
	}
	set, err := datasets.Load(ref)
	if err != nil {
		return err
	}
	show(out, set)
	return nil
}

// prepareData obtains a data set, telling of its progress and what there is to note.
func prepareData(ctx context.Context, log func(string), name string, partial bool) (datasets.Ref, error) {
	cache, err := dataCache()
	if err != nil {
		return datasets.Ref{}, err
	}
	last := time.Now() // what takes less than a second is told once
	ref, err := datasets.Prepare(ctx, name, datasets.Options{Cache: cache, Partial: partial, Progress: func(done, total int64, what string) {
		if time.Since(last) < time.Second && done != total {
			return
		}
		last = time.Now()
		if total > 0 {
			what += fmt.Sprintf(": %s of %s", inBytes(done), inBytes(total))
		}
		log(what)
	}})
	for _, note := range ref.Notes {
		log(note)
	}
	return ref, err
}

// fetchData obtains a data set and says where it lies.
func fetchData(ctx context.Context, out io.Writer, log func(string), name string, partial bool) error {
	ref, err := prepareData(ctx, log, name, partial)
	if err != nil {
		return err
	}
	where := "embedded"
	if ref.Dir != "" {
		where = "in " + ref.Dir
	}
	fmt.Fprintln(out, printable(fmt.Sprintf("%s is here%s: %s, fingerprint %s", ref.Name, View{Info: ref.Info}.mark(" (", ")"), where, ref.Fingerprint)))
	return nil
}

// dataCache is the folder that keeps data sets which were downloaded.
func dataCache() (string, error) {
	dir, err := home.Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "data"), nil
}

// lies says where a data set lies, in a word and with its folder.
func lies(name string) (word, where string) {
	cache, err := dataCache()
	if err != nil {
		return "unknown", err.Error()
	}
	dir, ok := datasets.Find(name, cache)
	under := func(parent string) bool {
		rel, err := filepath.Rel(parent, dir)
		return parent != "" && err == nil && filepath.IsLocal(rel)
	}
	switch {
	case !ok && dir != "":
		return "not packed yet", fmt.Sprintf("not packed yet: lemonade data fetch %s does that", shellWord(name))
	case ok && strings.HasSuffix(dir, ".pack"):
		return "packed", dir + ", packed"
	case !ok && !downloads(name):
		return "not here yet", fmt.Sprintf("not here yet: lemonade data fetch %s says where to get it, and where to put it", shellWord(name))
	case !ok:
		return "not here yet", fmt.Sprintf("not here yet: lemonade data fetch %s obtains it, or %s names the folder that has it", shellWord(name), datasets.Env)
	case dir == "embedded":
		return "embedded", "embedded in the program"
	case under(os.Getenv(datasets.Env)):
		return datasets.Env, dir + ", by " + datasets.Env
	case under(cache):
		return "cached", dir + ", downloaded"
	}
	return "here", dir
}

// downloads says whether a data set can be downloaded without a login.
func downloads(name string) bool {
	info, err := datasets.Lookup(name)
	return err == nil && info.Download > 0
}

// setsNote says how to see one of the sets.
const setsNote = "lemonade data NAME shows one with samples of each class; lemonade data fetch NAME obtains one that is not here yet."

// setRows is the table of all sets.
func setRows() [][]string {
	rows := [][]string{{"name", "title", "task", "samples", "shape", "in memory", "licence or terms", "where it lies"}}
	for _, name := range datasets.Names() {
		info, err := datasets.Lookup(name)
		if err != nil {
			rows = append(rows, []string{name, oneLine(err.Error()), "", "", "", "", "", ""})
			continue
		}
		word, _ := lies(name)
		rows = append(rows, []string{
			name, oneLine(info.Title), fmt.Sprintf("which of %s classes", thousands(len(info.ClassNames))), thousands(info.Train + info.Test),
			sampleWords(info), inMemory(info), oneLine(info.Licence), word,
		})
	}
	return rows
}

func setsText(rows [][]string) string {
	short := make([][]string, len(rows))
	for i, row := range rows {
		short[i] = make([]string, len(row))
		for j, cell := range row {
			short[i][j] = clip(cell, 48)
		}
	}
	right := []string{"samples", "in memory"}
	return printable(aligned(short, func(i int) bool { return slices.Contains(right, rows[0][i]) }) + setsNote + "\n")
}

// samplesOf is what the samples of a data set are called.
func samplesOf(i datasets.Info) string {
	if i.Task == datasets.TextClassification {
		return "texts"
	}
	return "pictures"
}

// sampleWords writes what a sample is: "32×32, colour", or "256 words".
func sampleWords(i datasets.Info) string {
	if i.Task == datasets.TextClassification && len(i.Shape) == 1 {
		return thousands(i.Shape[0]) + " words"
	}
	return shapeWords(i.Shape)
}

// shapeWords writes the shape of a picture: "32×32, colour".
func shapeWords(shape []int) string {
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "×")
	if len(shape) != 3 {
		return text
	}
	kind := fmt.Sprintf("%d channels", shape[2])
	switch shape[2] {
	case 1:
		kind = "grey"
	case 3:
		kind = "colour"
	}
	return fmt.Sprintf("%d×%d, %s", shape[0], shape[1], kind)
}

func inBytes(n int64) string { return objective.Format(trial.ModelSize, float64(n)) }

// inMemory is the room that all samples take when they are loaded.
func inMemory(i datasets.Info) string {
	size := int64(i.Train + i.Test)
	if i.DType == datasets.Int32 {
		size *= 4
	}
	for _, n := range i.Shape {
		size *= int64(n)
	}
	return inBytes(size)
}

// infoRows is what is known of a data set, from what it is to where it lies.
func infoRows(i datasets.Info) [][2]string {
	_, where := lies(i.Name)
	names := make([]string, min(len(i.ClassNames), 30))
	for class := range names {
		names[class] = className(i.ClassNames, class)
	}
	if more := len(i.ClassNames) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %s more", thousands(more)))
	}
	var changes []string
	if i.Augment.Flip {
		changes = append(changes, "mirrored")
	}
	if i.Augment.Turn {
		changes = append(changes, "turned by quarters")
	}
	if i.Augment.Crop > 0 {
		changes = append(changes, fmt.Sprintf("moved by up to %d pixels", i.Augment.Crop))
	}
	augmented := "as they are"
	if last := len(changes) - 1; last >= 0 {
		if last > 0 {
			changes[last] = "and " + changes[last]
		}
		augmented = "may be " + strings.Join(changes, ", ")
	}
	rows := [][2]string{
		{"name", i.Name},
		{"samples", fmt.Sprintf("%s: %s to fit on, %s to validate with, %s for a final", thousands(i.Train+i.Test), thousands(i.Available()), thousands(i.Validation), thousands(i.Test))},
		{"a sample", sampleWords(i)},
		{"partial copy", partialWords(i)},
		{"words known", vocabularyWords(i)},
		{"in memory", inMemory(i)},
		{"classes", fmt.Sprintf("%s: %s", thousands(len(i.ClassNames)), strings.Join(names, ", "))},
		{"mean and spread", channels(i.Mean, i.Std)},
		{"in training", augmented},
		{"licence or terms", i.Licence},
		{"source", i.Source},
		{"where it lies", where},
	}
	for r := range rows {
		rows[r][1] = oneLine(rows[r][1])
	}
	return slices.DeleteFunc(rows, func(row [2]string) bool { return row[1] == "" })
}

// partialWords say that samples are missing, "" where none are.
func partialWords(i datasets.Info) string {
	if i.Published == 0 {
		return ""
	}
	return fmt.Sprintf("%s of the %s samples that were published: results are not comparable with published ones", thousands(i.Train+i.Test), thousands(i.Published))
}

// vocabularyWords say how many words of a text have an id of their own.
func vocabularyWords(i datasets.Info) string {
	if i.Vocabulary < 3 {
		return ""
	}
	return fmt.Sprintf("the %s most frequent; all others are one and the same to a network", thousands(i.Vocabulary-2))
}

// channels writes the mean and the standard deviation of each channel, from 0 to 1.
func channels(mean, std []float32) string {
	var parts []string
	for i := range min(len(mean), len(std)) {
		name := ""
		if len(mean) == 3 {
			name = []string{"red ", "green ", "blue "}[i]
		}
		parts = append(parts, fmt.Sprintf("%s%.3f ± %.3f", name, mean[i], std[i]))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " of pixels from 0 to 1"
}

func infoText(i datasets.Info) string {
	rows := [][]string{{"data set", oneLine(i.Title)}}
	for _, row := range infoRows(i) {
		rows = append(rows, row[:])
	}
	return printable(aligned(rows, func(int) bool { return false }))
}

func infoHTML(i datasets.Info) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:13px;margin:8px 0"><b>%s</b><table style="border-collapse:collapse;font-size:12px;margin:4px 0;max-width:1000px">`, html.EscapeString(oneLine(i.Title)))
	for _, row := range infoRows(i) {
		text := html.EscapeString(row[1])
		if row[0] == "source" && (strings.HasPrefix(row[1], "https://") || strings.HasPrefix(row[1], "http://")) {
			text = fmt.Sprintf(`<a href="%s" rel="noreferrer">%s</a>`, text, text)
		}
		fmt.Fprintf(&b, `<tr><th scope="row" style="text-align:left;vertical-align:top;white-space:nowrap;font-weight:normal;opacity:.7;padding:2px 12px 2px 0">%s</th><td style="text-align:left;white-space:normal;overflow-wrap:anywhere">%s</td></tr>`, row[0], text)
	}
	return b.String() + `</table></div>`
}
