package kernelext

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// modulePath is where Lemonade is from.
const modulePath = "github.com/lemo-nade/lemonade"

// writeBundle writes the whole study into a zip, which appears under its name when it
// is complete.
func writeBundle(ctx context.Context, s *lemonade.Study, path string, weights bool) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".bundle-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	err = errors.Join(zipStudy(ctx, s, file, filepath.Base(path), weights), file.Close())
	if err == nil {
		err = os.Chmod(file.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	return err
}

// zipStudy writes the files of a bundle, which is to have that name, with or without
// the weights.
func zipStudy(ctx context.Context, s *lemonade.Study, out io.Writer, name string, withWeights bool) error {
	source, err := record.Open(s.Dir())
	if err != nil {
		return err
	}
	defer source.Close()
	stored, ok, err := source.Study(ctx, s.Name())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("study %s is not in %s any more", s.Name(), s.Dir())
	}
	settings, err := readStored(stored.Options)
	if err != nil {
		return err
	}
	report, v := s.Report(), ViewOf(s).full(s)
	for i, t := range report.Trials {
		switch {
		case !withWeights:
			report.Trials[i].Weights, v.Trials[i].Weights = "", ""
		case t.Weights != "":
			report.Trials[i].Weights = weightsEntry(s.Name(), t.ID)
		}
	}
	for i := range report.Extras {
		report.Extras[i].Weights = ""
	}
	var whole bytes.Buffer
	if err := writeJSON(&whole, report); err != nil {
		return err
	}
	page, err := Page(v)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"study.json": whole.Bytes(), "options.json": stored.Options, "objective.json": stored.State, "page.html": page,
		"rulebook.yaml": []byte(expert.DefaultText()), "versions.txt": []byte(versions()),
	}
	if settings.Rules != "" {
		files["rulebook.yaml"] = []byte(settings.Rules)
	}
	if settings.Template != "" {
		files["template.star"] = []byte(settings.Template)
	}
	for _, t := range v.Trials {
		if t.Program != nil {
			files[fmt.Sprintf("programs/%d.star", t.ID)] = []byte(strings.TrimRight(t.Program.Source, "\n") + "\n")
		}
	}
	if err := v.addTables(files, "tables/"); err != nil {
		return err
	}
	v.addCharts(files, "charts/")
	weights, err := addRecord(ctx, stored, contentOf(s, v), files)
	if err != nil {
		return err
	}
	files["README.md"] = []byte(bundleReadme(v, settings, name))
	archive := zip.NewWriter(out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now()})
		if err != nil {
			return err
		}
		if _, err := w.Write(files[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if err := copyInto(archive, name, weights[name]); err != nil {
			return err
		}
	}
	return archive.Close()
}

// contentOf is the content of the study's record, with the weights that v has. The
// trials are those of the study itself: its search is not to see what else v shows
// of them, such as a test_accuracy.
func contentOf(s *lemonade.Study, v View) record.Content {
	all := record.Content{Trials: s.Trials(), Extras: s.Extras(), TestReads: s.TestReads()}
	for i, t := range v.Trials {
		all.Trials[i].Weights = t.Weights
	}
	for i := range all.Extras {
		all.Extras[i].Weights = "" // the front's are enough
	}
	return all
}

// addRecord adds a database with this study alone, whose weights lie beside it, and
// returns where these are now.
func addRecord(ctx context.Context, study record.Study, all record.Content, files map[string][]byte) (weights map[string]string, err error) {
	dir, err := os.MkdirTemp("", "lemonade-bundle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	store, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	weights = map[string]string{}
	for i, t := range all.Trials {
		if t.Weights != "" {
			name := weightsEntry(study.Name, t.ID)
			weights[name], all.Trials[i].Weights = t.Weights, name
		}
	}
	err = store.Adopt(ctx, study, all)
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	files[record.File], err = os.ReadFile(filepath.Join(dir, record.File))
	return weights, err
}

// weightsEntry is where the weights of a trial lie in a bundle, and in a folder of
// studies.
func weightsEntry(study string, id int) string {
	return fmt.Sprintf("weights/%s/%d.safetensors", study, id)
}

// copyInto adds a file to the archive.
func copyInto(archive *zip.Writer, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now()})
	if err == nil {
		_, err = io.Copy(w, file)
	}
	return err
}

// versions are those of the programs that wrote the bundle.
func versions() string {
	var b strings.Builder
	fmt.Fprintf(&b, "go %s on %s/%s, %d processors\n", strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if info, ok := debug.ReadBuildInfo(); ok {
		modules := append([]*debug.Module{&info.Main}, info.Deps...)
		for _, m := range modules {
			if m.Path == modulePath {
				fmt.Fprintf(&b, "%s %s\n", m.Path, m.Version)
			}
		}
		for _, setting := range info.Settings {
			if strings.HasPrefix(setting.Key, "vcs.") {
				fmt.Fprintf(&b, "%s %s\n", setting.Key, setting.Value)
			}
		}
	}
	if dir, err := home.Module(); err == nil {
		text, _ := os.ReadFile(filepath.Join(dir, "go.mod")) // without it there is less to tell
		for _, m := range regexp.MustCompile(`(?m)^\s+(github\.com/gomlx/\S+ v\S+)`).FindAllSubmatch(text, -1) {
			fmt.Fprintf(&b, "%s\n", m[1])
		}
	}
	return b.String()
}

// bundleReadme says what is in a bundle and how to use it.
func bundleReadme(v View, s stored, file string) string {
	name, zipped := shellWord(v.Name), shellWord(file)
	var b strings.Builder
	fmt.Fprintf(&b, "# Study %s on %s\n\n%s\n\n", v.Name, v.data(), v.summary())
	if cards := v.cardsText(" --studies ."); cards != "" {
		fmt.Fprintf(&b, "```\n%s```\n\n", cards)
	}
	asked := ""
	if s.Model != "" {
		asked = `A language model is asked, and answers otherwise each time. What it may use and how it
is called are no part of the study: add --max-cost, --max-tokens or --max-calls, and
for a slow model --llm-timeout, such as 20m.

`
	}
	fmt.Fprintf(&b, `The commands are run in this folder, with [Lemonade](https://%s).

## Look at it

    lemonade show %s --studies .
    lemonade choose %s --studies .

or open page.html in a browser.

## Bring it back, among other studies

    lemonade import %s

with the zip itself. After that no command needs --studies.

## Repeat it from the record, without training or a language model

    lemonade discover again --proposer replay --replay %s --trials %d --studies .

## Run it anew

    %s

%sThe data must have the fingerprint %s. With the rule book the same seed proposes the same networks as
long as the measurements lead to the same commands; energies and times are those of
the machine that it runs on.
`, modulePath, name, name, zipped, name, doneOf(v), commandLine(v.Name, s.options("rulebook.yaml", "template.star"), lemonade.RunOptions{Trials: max(len(v.Trials), 1)}), asked, s.Fingerprint)
	template, weights := "", ""
	if s.Template != "" {
		template = "| template.star | the program whose choices were searched |\n"
	}
	if slices.ContainsFunc(v.Trials, func(t trial.Trial) bool { return t.Weights != "" }) {
		weights = "| weights/ | the trained weights of the networks on the front, in safetensors |\n"
	}
	fmt.Fprintf(&b, `
## What is here

| file | what |
|---|---|
| lemonade.db | the record, in SQLite: trials, programs, prompts, answers, measurements |
| study.json | all of that as JSON |
| options.json, objective.json, rulebook.yaml | what the study was asked for |
| programs/ | the program of each trial, in Starlark |
%s%s| tables/ | trials, metrics with unit, method and spread, learning curves, answers, costs, each class |
| charts/, page.html | the charts |
| versions.txt | what wrote this |
`, template, weights)
	return b.String()
}

// doneOf counts the trials that a replay can repeat.
func doneOf(v View) int {
	n := 0
	for _, t := range v.Trials {
		if t.State.Done() {
			n++
		}
	}
	return max(n, 1)
}
