package kernelext

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What a bundle may hold. A study of ten thousand trials is within all of these.
const (
	entriesMost  = 50_000
	recordMost   = 1 << 30 // bytes of the database
	weightsMost  = 2 << 30 // bytes of one network's weights
	unpackedMost = 8 << 30 // bytes of everything
)

// ImportOptions say under which name, and where, [Import] keeps a study.
type ImportOptions struct {
	As  string // name of the study here; default the one that it has in the bundle
	Dir string // studies folder; default [lemonade.DefaultDir]
}

// Import brings the study of a bundle, which [Export] wrote, into a folder of studies
// and returns its name there: its settings, its trials with all that was measured, and
// the trained weights. It can then be shown, compared, replayed and gone on with like
// any other. Either all of it is there afterwards or nothing is.
//
// A study that is here already, perhaps with more trials by now, is left as it is, and
// that is no error. Another study of the same name is one: name it otherwise with As.
//
// The bundle may come from anybody. Only its database and its weights are unpacked, to
// places that its own names have no say in; the database is checked, and nothing in it
// is run. A bundle has at most 50,000 files, a database of at most 1 GiB, weights of
// at most 2 GiB for each network, and 8 GiB in all.
func Import(ctx context.Context, file string, o ImportOptions) (name string, err error) {
	got, err := importBundle(ctx, file, o)
	return got.name, err
}

// imported is what has become of a bundle.
type imported struct {
	name    string
	here    bool // before
	weights int  // networks that came with theirs
}

func importBundle(ctx context.Context, file string, o ImportOptions) (got imported, err error) {
	defer func() {
		if err != nil {
			got, err = imported{}, fmt.Errorf("import %s: %w", file, err)
		}
	}()
	if o.As != "" {
		if err := record.CheckName(o.As); err != nil {
			return got, err
		}
	}
	if o.Dir == "" {
		if o.Dir, err = lemonade.DefaultDir(); err != nil {
			return got, err
		}
	}
	archive, err := zip.OpenReader(file)
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) {
		return got, errors.New("it is not a zip, or not a whole one: a bundle is what lemonade export NAME writes; fetch it anew")
	}
	if err != nil {
		return got, err
	}
	defer archive.Close()
	b, err := readBundle(ctx, &archive.Reader)
	if err != nil {
		return got, err
	}
	b.study.Name = cmp.Or(o.As, b.name)
	return b.keep(ctx, o.Dir)
}

// bundle is a study that was read from one.
type bundle struct {
	name           string // in the bundle
	study          record.Study
	record.Content                   // without the files of their weights
	weights        map[int]*zip.File // by trial
}

// readBundle reads and checks everything but the weights.
func readBundle(ctx context.Context, archive *zip.Reader) (b bundle, err error) {
	entries, err := entriesOf(archive)
	if err != nil {
		return b, err
	}
	database := entries[record.File]
	if database == nil {
		return b, fmt.Errorf("there is no %s in it: a bundle is what lemonade export NAME writes", record.File)
	}
	dir, err := os.MkdirTemp("", "lemonade-import-")
	if err != nil {
		return b, err
	}
	defer os.RemoveAll(dir)
	if err := unpack(ctx, database, filepath.Join(dir, record.File), recordMost); err != nil {
		return b, err
	}
	if err := record.Verify(ctx, dir); err != nil {
		return b, err
	}
	if err := b.read(ctx, dir); err != nil {
		return b, err
	}
	b.weights = map[int]*zip.File{}
	for i := range b.Trials {
		t := &b.Trials[i]
		if t.Weights == "" {
			continue
		}
		name := weightsEntry(b.name, t.ID)
		if t.Weights != name || entries[name] == nil {
			return b, fmt.Errorf("the weights of trial %d are to be %q, and are not in it", t.ID, t.Weights)
		}
		b.weights[t.ID], t.Weights = entries[name], ""
	}
	return b, nil
}

// entriesOf are the files of an archive by name.
func entriesOf(archive *zip.Reader) (map[string]*zip.File, error) {
	if n := len(archive.File); n > entriesMost {
		return nil, fmt.Errorf("it has %d files, more than the %d that a bundle may have", n, entriesMost)
	}
	entries, left := map[string]*zip.File{}, uint64(unpackedMost)
	for _, f := range archive.File {
		switch {
		case !filepath.IsLocal(f.Name) || strings.Contains(f.Name, `\`):
			return nil, fmt.Errorf("it has a file %q, which points out of it", f.Name)
		case !f.Mode().IsRegular() && !f.Mode().IsDir():
			return nil, fmt.Errorf("%q in it is neither a file nor a folder", f.Name)
		case entries[f.Name] != nil:
			return nil, fmt.Errorf("it has two files %q", f.Name)
		case f.UncompressedSize64 > left:
			return nil, fmt.Errorf("it unpacks to more than the %s that a bundle may hold", humanize.IBytes(unpackedMost))
		}
		left -= f.UncompressedSize64
		entries[f.Name] = f
	}
	return entries, nil
}

// unpack writes a file of the archive to the disk.
func unpack(ctx context.Context, f *zip.File, path string, most int64) error {
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	// What it says of its size need not be true.
	n, err := io.Copy(out, io.LimitReader(untilDone{ctx, in}, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("it is larger than the %s that it may be", humanize.IBytes(uint64(most)))
	}
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// read reads the study of a folder, which it brings up to date for that.
func (b *bundle) read(ctx context.Context, dir string) (err error) {
	store, err := record.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	studies, err := store.Studies(ctx)
	if err != nil {
		return err
	}
	if len(studies) != 1 {
		return fmt.Errorf("there are %d studies in it: a bundle has one", len(studies))
	}
	b.study, b.name = studies[0], studies[0].Name
	if err := record.CheckName(b.name); err != nil {
		return err
	}
	if b.Content, err = store.Content(ctx, b.name); err != nil {
		return err
	}
	for i := range b.Extras {
		b.Extras[i].Weights = ""
	}
	for i, t := range b.Trials {
		if t.ID != i+1 {
			return fmt.Errorf("trial %d is missing", i+1)
		}
	}
	// Whatever stops a study from being opened or shown is found before it is among
	// the others.
	return withStudy(ctx, b.name, dir, func(s *lemonade.Study) error {
		_, err := Page(ViewOf(s))
		return err
	})
}

// keep adds the study to a folder of studies.
func (b bundle) keep(ctx context.Context, dir string) (got imported, err error) {
	got.name = b.study.Name
	if dir, err = filepath.Abs(dir); err != nil { // the record is to name the weights for good
		return got, err
	}
	store, err := record.Open(dir)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if got.here, err = b.isIn(ctx, store); err != nil || got.here {
		return got, err
	}
	unlock, err := store.Run(b.study.Name)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	files, err := b.unpackWeights(ctx, dir)
	if err == nil {
		err = store.Adopt(ctx, b.study, b.Content)
	}
	if err != nil {
		for _, path := range files {
			err = errors.Join(err, os.Remove(path))
		}
		return got, err
	}
	got.weights = len(files)
	return got, nil
}

// isIn reports whether the study is there already; another one of its name is an
// error.
func (b bundle) isIn(ctx context.Context, store *record.Store) (bool, error) {
	there, ok, err := store.Study(ctx, b.study.Name)
	if err != nil || !ok {
		return false, err
	}
	trials, err := store.Trials(ctx, b.study.Name)
	if err != nil {
		return false, err
	}
	switch {
	case !there.Created.Equal(b.study.Created) || string(there.Options) != string(b.study.Options) || !sameTrials(trials, b.Trials):
		return false, fmt.Errorf("there is another study %s here: give this one another name with --as NAME", b.study.Name)
	case len(trials) < len(b.Trials):
		return false, fmt.Errorf("study %s is here with %d of its %d trials: bring it in beside that one with --as NAME", b.study.Name, len(trials), len(b.Trials))
	}
	return true, nil
}

// sameTrials reports whether the trials that both have, and have ended in both, are
// the same. Which of them have kept their weights changes as a study goes on.
func sameTrials(a, b trial.History) bool {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if !x.State.Done() || !y.State.Done() {
			continue
		}
		x.Weights, y.Weights = "", ""
		one, err1 := json.Marshal(x)
		other, err2 := json.Marshal(y)
		if err1 != nil || err2 != nil || string(one) != string(other) {
			return false
		}
	}
	return true
}

// unpackWeights puts the weights where the study's are, names them in the trials, and
// returns what files there are now.
func (b bundle) unpackWeights(ctx context.Context, dir string) (files []string, err error) {
	if len(b.weights) == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "weights"), 0o755); err != nil {
		return nil, err
	}
	// Beside the others, so that a file is moved into its place whole.
	staging, err := os.MkdirTemp(filepath.Join(dir, "weights"), ".import-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(staging)
	for id, f := range b.weights {
		if err := unpack(ctx, f, filepath.Join(staging, fmt.Sprint(id)), weightsMost); err != nil {
			return nil, err
		}
	}
	for id := range b.weights {
		path := filepath.Join(dir, filepath.FromSlash(weightsEntry(b.study.Name, id)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return files, err
		}
		if err := os.Rename(filepath.Join(staging, fmt.Sprint(id)), path); err != nil {
			return files, err
		}
		files = append(files, path)
		b.Trials[id-1].Weights = path
	}
	return files, nil
}

func importCommand() *cobra.Command {
	var o ImportOptions
	c := inStudies(&cobra.Command{
		Use:   "import FILE",
		Short: "Bring a study back from the bundle FILE, which export has written",
		Long: `Bring a study back from the bundle FILE, which "lemonade export NAME" has written, here
or elsewhere: its settings, its trials with all that was measured, and the trained
weights of its front. It can then be shown, compared, replayed and gone on with like
any other. A study that is here already is left as it is.`,
		Example: "  lemonade import first.zip\n  lemonade import first.zip --as first-of-ann",
		Args:    cobra.ExactArgs(1),
	}, &o.Dir)
	c.Flags().StringVar(&o.As, "as", "", "`NAME` that it gets here (default the one that it has)")
	c.ValidArgsFunction = completeBundle
	c.RunE = func(c *cobra.Command, args []string) error {
		got, err := importBundle(c.Context(), args[0], o)
		if err != nil {
			return err
		}
		return withStudy(c.Context(), got.name, o.Dir, func(s *lemonade.Study) error {
			text := got.text(s)
			display(c.OutOrStdout(), printable(text), `<pre style="font:13px monospace;white-space:pre-wrap">`+
				html.EscapeString(strings.ReplaceAll(text, "  lemonade ", "  %lemonade "))+`</pre>`)
			return nil
		})
	}
	return c
}

// text says what has become of the bundle, and what to do with the study.
func (i imported) text(s *lemonade.Study) string {
	v := ViewOf(s)
	what := "imported"
	if i.here {
		what = "is here already, and was left as it is"
	}
	text := fmt.Sprintf("study %s on %s: %s\n%s", v.Name, v.data(), what, v.summary())
	if i.weights > 0 {
		text += fmt.Sprintf(" · weights of %d", i.weights)
	}
	name, place := shellWord(v.Name), placeOf(s)
	return fmt.Sprintf("%s\n  lemonade show %s%s\n  lemonade choose %s%s\n", text, name, place, name, place)
}

// completeBundle completes an argument with the zips and folders that there are.
func completeBundle(_ *cobra.Command, args []string, typed string) (found []string, directive cobra.ShellCompDirective) {
	directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, directive
	}
	folder, begun := filepath.Split(typed)
	entries, _ := os.ReadDir(cmp.Or(folder, ".")) // there is nobody to tell while a word is completed
	for _, e := range entries {
		name := e.Name()
		switch hidden := strings.HasPrefix(name, ".") && begun == ""; {
		case hidden || !strings.HasPrefix(name, begun):
		case e.IsDir():
			found = append(found, folder+name+"/")
			directive |= cobra.ShellCompDirectiveNoSpace
		case strings.EqualFold(filepath.Ext(name), ".zip"):
			found = append(found, folder+name)
		}
	}
	return found, directive
}
