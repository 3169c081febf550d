package kernelext

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// bundled is the bundle of the fake study with weights, and the folder it is from.
func bundled(t *testing.T) (file, dir string) {
	t.Helper()
	v, dir := withWeights(t)
	file = filepath.Join(t.TempDir(), "cifar-first.zip")
	if _, err := run(t, "export", v.Name, "--bundle", file, "--studies", dir); err != nil {
		t.Fatal(err)
	}
	return file, dir
}

// rezipped writes the files of a folder as an archive, and adds to it.
func rezipped(t *testing.T, dir string, add func(*zip.Writer) error) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "changed.zip")
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	err := w.AddFS(os.DirFS(dir))
	if err == nil && add != nil {
		err = add(w)
	}
	if err := errors.Join(err, w.Close(), os.WriteFile(file, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return file
}

// alter changes the database of a folder.
func alter(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, record.File))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestImportRoundTrip takes a study away and brings it back elsewhere, where all
// commands say the same of it.
func TestImportRoundTrip(t *testing.T) {
	file, from := bundled(t)
	to := t.TempDir()
	out, err := run(t, "import", file, "--studies", to)
	if err != nil || !strings.Contains(out, "study cifar-first on cifar10: imported\n8 complete") || !strings.Contains(out, "weights of 1\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"show"}, {"show", "cifar-first"}, {"show", "cifar-first", "--trial", "6"}, {"front", "cifar-first"},
		{"best", "cifar-first"}, {"choose", "cifar-first"}, {"compare", "cifar-first", "4", "6"}} {
		want, err1 := run(t, append(args, "--studies", from)...)
		got, err2 := run(t, append(args, "--studies", to)...)
		if diff := cmp.Diff(strings.ReplaceAll(want, from, "FOLDER"), strings.ReplaceAll(got, to, "FOLDER")); err1 != nil || err2 != nil || diff != "" {
			t.Errorf("%q: %v, %v (-want +got):\n%s", args, err1, err2, diff)
		}
	}
	// The weights have a place of their own.
	weights := filepath.Join(to, "weights", "cifar-first", "6.safetensors")
	if content, err := os.ReadFile(weights); err != nil || string(content) != "weights of trial 6" {
		t.Errorf("the weights are %q, %v", content, err)
	}
	again := filepath.Join(t.TempDir(), "again.zip")
	if _, err := run(t, "export", "cifar-first", "--bundle", again, "--studies", to); err != nil {
		t.Fatal(err)
	}
	first, _ := unzipped(t, file)
	second, names := unzipped(t, again)
	for _, name := range names {
		if name == "README.md" || name == record.File || name == "page.html" { // the name of the bundle, counters, random ids
			continue
		}
		want, err1 := os.ReadFile(filepath.Join(first, name))
		got, err2 := os.ReadFile(filepath.Join(second, name))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s is another one the second time (%v, %v)", name, err1, err2)
		}
	}
	if want, got := storedIn(t, from), storedIn(t, to); !cmp.Equal(want, got) {
		t.Errorf("the record is another one (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// TestImportWithoutWeights holds that a bundle may leave the weights out, and is a whole
// study all the same.
func TestImportWithoutWeights(t *testing.T) {
	v, from := withWeights(t)
	file := filepath.Join(t.TempDir(), "small.zip")
	if _, err := run(t, "export", v.Name, "--bundle", file, "--no-weights", "--studies", from); err != nil {
		t.Fatal(err)
	}
	unpacked, names := unzipped(t, file)
	for _, name := range names {
		if strings.HasPrefix(name, "weights/") {
			t.Errorf("%s is in the bundle", name)
		}
	}
	if readme, err := os.ReadFile(filepath.Join(unpacked, "README.md")); err != nil || strings.Contains(string(readme), "weights/") {
		t.Errorf("the README tells of weights: %v", err)
	}
	to := t.TempDir()
	if out, err := run(t, "import", file, "--studies", to); err != nil || strings.Contains(out, "weights") {
		t.Fatalf("%v\n%s", err, out)
	}
	want, got := storedIn(t, from), storedIn(t, to)
	if len(want.Trials) == 0 || len(got.Trials) != len(want.Trials) {
		t.Errorf("%d trials of %d", len(got.Trials), len(want.Trials))
	}
	if out, err := run(t, "export", v.Name, "--trial", "6", "--out", t.TempDir(), "--studies", to); err != nil || !strings.Contains(out, "there are no weights of trial 6") {
		t.Errorf("%v\n%s", err, out)
	}
}

// storedIn is all that the record of a folder has of the fake study, but for the place
// of weights.
func storedIn(t *testing.T, dir string) (all struct {
	Study  record.Study
	Trials trial.History
}) {
	t.Helper()
	store, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var err1, err2 error
	all.Study, _, err1 = store.Study(t.Context(), "cifar-first")
	all.Trials, err2 = store.Trials(t.Context(), "cifar-first")
	for i := range all.Trials {
		all.Trials[i].Weights = ""
	}
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportAgain(t *testing.T) {
	file, from := bundled(t)
	to := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
		err  string
	}{
		{nil, "cifar10: imported", ""},
		{nil, "cifar10: is here already, and was left as it is", ""},
		{[]string{"--as", "of ann"}, "study of ann on cifar10: imported", ""},
		{[]string{"--as", "of ann"}, "study of ann on cifar10: is here already", ""},
		{[]string{"--as", "../ann"}, "", `"../ann" begins with`},
	} {
		out, err := run(t, append([]string{"import", file, "--studies", to}, c.args...)...)
		if c.err == "" && (err != nil || !strings.Contains(out, c.want)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, want %q%s", c.args, err, c.err, out)
		}
	}
	if out, err := run(t, "import", file, "--studies", from); err != nil || !strings.Contains(out, "is here already") {
		t.Errorf("where it comes from: %v\n%s", err, out)
	}
	// The study may have gone on here, and not there.
	change := func(dir string, do func(*record.Store) error) {
		t.Helper()
		store, err := record.Open(dir)
		if err == nil {
			err = errors.Join(do(store), store.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change(to, func(s *record.Store) error {
		return s.SaveTrial(t.Context(), "cifar-first", trial.Trial{ID: 12, State: trial.Waiting})
	})
	if out, err := run(t, "import", file, "--studies", to); err != nil || !strings.Contains(out, "is here already") {
		t.Errorf("a study that has gone on: %v\n%s", err, out)
	}
	longer := filepath.Join(t.TempDir(), "longer.zip")
	if _, err := run(t, "export", "cifar-first", "--bundle", longer, "--studies", to); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "import", longer, "--studies", from); err == nil || !strings.Contains(err.Error(), "with 11 of its 12 trials") || !strings.Contains(err.Error(), "--as") {
		t.Errorf("a study that has gone on elsewhere: %v\n%s", err, out)
	}
	change(to, func(s *record.Store) error {
		return s.SaveTrial(t.Context(), "cifar-first", trial.Trial{ID: 3, State: trial.Failed, Reason: "another"})
	})
	if out, err := run(t, "import", file, "--studies", to); err == nil || !strings.Contains(err.Error(), "another study cifar-first") || !strings.Contains(err.Error(), "--as") {
		t.Errorf("another study of that name: %v\n%s", err, out)
	}
}

func TestImportWaitsForNobody(t *testing.T) {
	file, _ := bundled(t)
	to := t.TempDir()
	store, err := record.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	unlock, err := store.Run("cifar-first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), file, ImportOptions{Dir: to}); !errors.Is(err, record.ErrRunning) {
		t.Errorf("a study of that name is being begun: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(cancelled, file, ImportOptions{Dir: to}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if name, err := Import(t.Context(), file, ImportOptions{Dir: to}); err != nil || name != "cifar-first" {
		t.Errorf("%q, %v", name, err)
	}
}

// TestImportOlder brings in a bundle of the time before qualities were recorded.
func TestImportOlder(t *testing.T) {
	file, _ := bundled(t)
	unpacked, _ := unzipped(t, file)
	alter(t, unpacked, `ALTER TABLE trials DROP COLUMN forecast; ALTER TABLE trials DROP COLUMN quality; ALTER TABLE metrics DROP COLUMN low;
		ALTER TABLE metrics DROP COLUMN high; ALTER TABLE metrics DROP COLUMN idle; ALTER TABLE metrics DROP COLUMN quality;
		DROP TABLE extras; DROP TABLE test_reads; DROP TABLE rungs;
		ALTER TABLE attempts DROP COLUMN call; ALTER TABLE trials DROP COLUMN conditions; ALTER TABLE trials DROP COLUMN reused; PRAGMA user_version = 2`)
	to := t.TempDir()
	if _, err := Import(t.Context(), rezipped(t, unpacked, nil), ImportOptions{Dir: to}); err != nil {
		t.Fatal(err)
	}
	if trials := storedIn(t, to).Trials; len(trials) != 11 || trials[5].Quality != nil || trials[5].Metrics[trial.Accuracy].Value == 0 {
		t.Errorf("the trials are %+v", trials)
	}
}

// TestImportUnknownData brings in a study of pictures that are not here: it is shown,
// and says what it lacks to go on.
func TestImportUnknownData(t *testing.T) {
	file, _ := bundled(t)
	unpacked, _ := unzipped(t, file)
	alter(t, unpacked, `UPDATE studies SET options = '{"data": "cats"}'`)
	to := t.TempDir()
	if out, err := run(t, "import", rezipped(t, unpacked, nil), "--studies", to); err != nil || !strings.Contains(out, "study cifar-first on cats: imported") {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run(t, "resume", "cifar-first", "--trials", "12", "--studies", to); err == nil || !strings.Contains(err.Error(), `"cats"`) {
		t.Errorf("going on: %v\n%s", err, out)
	}
}

// TestImportStrange shows a study whose values no search would have recorded.
func TestImportStrange(t *testing.T) {
	file, _ := bundled(t)
	unpacked, _ := unzipped(t, file)
	alter(t, unpacked, `UPDATE trials SET quality = '{"data": "x", "classes": 999999, "confusion": [[77, -8, -1], [-8, 3, 5]], "mistakes": [{"index": -7, "true": 999, "predicted": -8, "confidence": 7}]}',
			curve = '[{"epoch": -3, "loss": -1e300}, {"epoch": -3, "loss": 1e300}]', parent = 99, niche = '{"name": "<b>", "min": -1, "max": -5}', runs = -1,
			forecast = '{"energy": -1}', seconds = '{"train": -1e300}', state = 'none' WHERE id > 8;
		UPDATE trials SET parent = id, costs = '{"params": -1}' WHERE id < 5;
		UPDATE metrics SET value = -1e30, spread = -1, low = 5, high = -5, unit = 'ells', method = 'guessed' WHERE trial = 6;
		INSERT INTO metrics (study, trial, metric, value, unit, method, note) VALUES ('cifar-first', 7, '<script>', 1e30, '', '', ''), ('cifar-first', 7, 'latency@', 1, '', '', '')`)
	to := t.TempDir()
	if _, err := Import(t.Context(), rezipped(t, unpacked, nil), ImportOptions{Dir: to}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show", "cifar-first", "--trial", "6"}, {"show", "cifar-first", "--trial", "9"}, {"show", "cifar-first", "--json"}, {"show", "cifar-first", "--html"},
		{"front", "cifar-first"}, {"best", "cifar-first"}, {"choose", "cifar-first"}, {"compare", "cifar-first", "1", "6", "9"}, {"show", "cifar-first"},
		{"export", "cifar-first", "--bundle", filepath.Join(to, "again.zip")}, {"import", filepath.Join(to, "again.zip")}} {
		if _, err := run(t, append(args, "--studies", to)...); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestImportFaults holds that whatever is wrong with a bundle is said, and that
// nothing of it is left behind.
func TestImportFaults(t *testing.T) {
	file, _ := bundled(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	as := func(content []byte) string {
		path := filepath.Join(t.TempDir(), "file.zip")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// changed is the bundle with another database.
	changed := func(statement string) string {
		unpacked, _ := unzipped(t, file)
		alter(t, unpacked, statement)
		return rezipped(t, unpacked, nil)
	}
	without := func(name string) string {
		unpacked, _ := unzipped(t, file)
		if err := os.RemoveAll(filepath.Join(unpacked, name)); err != nil {
			t.Fatal(err)
		}
		return rezipped(t, unpacked, nil)
	}
	with := func(name string, content string) string {
		unpacked, _ := unzipped(t, file)
		return rezipped(t, unpacked, func(w *zip.Writer) error {
			out, err := w.Create(name)
			if err == nil {
				_, err = out.Write([]byte(content))
			}
			return err
		})
	}
	link := func() string {
		unpacked, _ := unzipped(t, file)
		return rezipped(t, unpacked, func(w *zip.Writer) error {
			h := &zip.FileHeader{Name: "programs/99.star"}
			h.SetMode(os.ModeSymlink | 0o777)
			out, err := w.CreateHeader(h)
			if err == nil {
				_, err = out.Write([]byte("/etc/passwd"))
			}
			return err
		})
	}
	huge := func() string {
		return rezipped(t, t.TempDir(), func(w *zip.Writer) error {
			_, err := w.CreateRaw(&zip.FileHeader{Name: record.File, Method: zip.Deflate, UncompressedSize64: 9 << 30})
			return err
		})
	}
	damaged := func() string {
		unpacked, _ := unzipped(t, file)
		if err := os.RemoveAll(filepath.Join(unpacked, "weights")); err != nil {
			t.Fatal(err)
		}
		return rezipped(t, unpacked, func(w *zip.Writer) error {
			const content = "weights of trial 6"
			out, err := w.CreateRaw(&zip.FileHeader{Name: "weights/cifar-first/6.safetensors", CRC32: 1, CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content))})
			if err == nil {
				_, err = out.Write([]byte(content))
			}
			return err
		})
	}
	for name, c := range map[string]struct {
		file string
		want string
	}{
		"no file":           {filepath.Join(t.TempDir(), "none.zip"), "no such file"},
		"a text":            {as([]byte("a text")), "not a zip"},
		"empty":             {as(nil), "not a zip"},
		"truncated":         {as(whole[:len(whole)-len(whole)/3]), "not a whole one"},
		"no record":         {without(record.File), "there is no lemonade.db"},
		"no weights":        {without("weights"), "weights of trial 6"},
		"newer":             {changed("PRAGMA user_version = 99"), "version 99"},
		"a trigger":         {changed("CREATE TRIGGER t AFTER UPDATE ON studies BEGIN DELETE FROM trials; END"), "tables"},
		"two studies":       {changed("INSERT INTO studies (name, created) VALUES ('b', '')"), "2 studies"},
		"no study":          {changed("DELETE FROM attempts; DELETE FROM metrics; DELETE FROM trials; DELETE FROM studies"), "0 studies"},
		"a gap":             {changed("PRAGMA foreign_keys = 0; DELETE FROM attempts WHERE trial = 5; DELETE FROM metrics WHERE trial = 5; DELETE FROM trials WHERE id = 5"), "trial 5 is missing"},
		"a bad name":        {changed("PRAGMA foreign_keys = 0; UPDATE studies SET name = '../b'; UPDATE trials SET study = '../b'; UPDATE metrics SET study = '../b'; UPDATE attempts SET study = '../b'"), "begin with"},
		"other weights":     {changed("UPDATE trials SET weights = '/etc/passwd' WHERE id = 6"), `"/etc/passwd"`},
		"broken options":    {changed(`UPDATE studies SET options = '{'`), "options"},
		"a broken program":  {changed(`UPDATE trials SET program = '{"network": {}}' WHERE id = 1`), "program"},
		"beyond all bounds": {changed("UPDATE metrics SET value = -1e308 WHERE trial > 5"), "unsupported value"},
		"out of it":         {with("../lemonade.db", "x"), "points out of it"},
		"absolute":          {with("/tmp/x", "x"), "points out of it"},
		"two of a name":     {with(record.File, "x"), "two files"},
		"a link":            {link(), "neither"},
		"too large":         {huge(), "8.0 GiB"},
		"damaged weights":   {damaged(), "weights/cifar-first/6.safetensors"},
		"another data base": {rezipped(t, t.TempDir(), func(w *zip.Writer) error { _, err := w.Create(record.File); return err }), "another program"},
	} {
		temp, to := t.TempDir(), t.TempDir()
		t.Setenv("TMPDIR", temp)
		out, err := run(t, "import", c.file, "--studies", to)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), temp) {
			t.Errorf("%s: %v, want %q%s", name, err, c.want, out)
		}
		if names := studyNames(t.Context(), to); len(names) > 0 {
			t.Errorf("%s: there are %q afterwards", name, names)
		}
		for _, pattern := range []string{filepath.Join(temp, "*"), filepath.Join(to, "weights", "*"), filepath.Join(to, "weights", ".*")} {
			if left, _ := filepath.Glob(pattern); len(left) > 0 {
				t.Errorf("%s: it has left %q", name, left)
			}
		}
	}
}

func TestImportCompletes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"first.zip", "notes.txt", "old/second.ZIP"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for typed, want := range map[string]string{"": "first.zip old/", "f": "first.zip", "old/": "old/second.ZIP", "x": ""} {
		if got, _ := completeBundle(nil, nil, typed); strings.Join(got, " ") != want {
			t.Errorf("%q completes to %q", typed, got)
		}
	}
	if got, _ := completeBundle(nil, []string{"first.zip"}, ""); got != nil {
		t.Errorf("a second file: %q", got)
	}
}

// FuzzImport reads archives that somebody has had their hands on.
func FuzzImport(f *testing.F) {
	f.Add([]byte("PK"), 0, byte(0))
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, name := range []string{record.File, "weights/a/1.safetensors", "study.json"} {
		out, err := w.Create(name)
		if err == nil {
			_, err = fmt.Fprintf(out, "SQLite format 3\x00 %d", i)
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), 40, byte(0xff))
	f.Fuzz(func(t *testing.T, content []byte, at int, flip byte) {
		content = slices.Clone(content)
		if at >= 0 && at < len(content) {
			content[at] ^= flip
		}
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		b, err := readBundle(t.Context(), archive)
		if err == nil && record.CheckName(b.name) != nil {
			t.Errorf("it has read a study %q", b.name)
		}
	})
}

// FuzzImportRecord reads databases that somebody has had their hands on, and shows
// what comes through.
func FuzzImportRecord(f *testing.F) {
	dir := f.TempDir()
	store, err := record.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	options := []byte(`{"data": "digits", "fingerprint": "f", "proposer": "rulebook", "prefer": "balanced", "epochs": 2, "seed": 1}`)
	err = store.Adopt(f.Context(), record.Study{Name: "a", Options: options, State: []byte(`{}`)}, record.Content{Trials: trial.History{{ID: 1, State: trial.Failed}, {ID: 2, State: trial.Waiting}}})
	if err := errors.Join(err, store.Close()); err != nil {
		f.Fatal(err)
	}
	sound, err := os.ReadFile(filepath.Join(dir, record.File))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), 0, byte(0))
	f.Add(100, byte(1), 4096, byte(200))
	f.Fuzz(func(t *testing.T, at int, x byte, other int, y byte) {
		content := slices.Clone(sound)
		for at, flip := range map[int]byte{at: x, other: y} {
			if at >= 0 && at < len(content) {
				content[at] ^= flip
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, record.File), content, 0o644); err != nil {
			t.Fatal(err)
		}
		if record.Verify(t.Context(), dir) != nil {
			return
		}
		var b bundle
		if b.read(t.Context(), dir) != nil {
			return
		}
		if err := withStudy(t.Context(), b.name, dir, func(s *lemonade.Study) error {
			_ = Text(ViewOf(s))
			return nil
		}); err != nil {
			t.Errorf("it has come through, and cannot be shown: %v", err)
		}
	})
}
