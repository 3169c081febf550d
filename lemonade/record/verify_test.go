package record

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// written makes a database of that version with a study of one trial, and lets change
// have its way with it.
func written(t *testing.T, version int, change string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, text := range append(migrations[:version:version], fmt.Sprintf("PRAGMA user_version = %d", version),
		`INSERT INTO studies (name, created) VALUES ('a', '2026-01-02T03:04:05.000000006Z')`,
		`INSERT INTO trials (study, id, state, reason, proposer, parent, hash, key, runs, weights, started, ended, commands, costs, curve)
			VALUES ('a', 1, 'failed', 'nan', 'rulebook', 0, '', '', 1, '', '', '', 'null', '{}', 'null')`, change) {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		version int
		change  string
		want    string // of the error
	}{
		"this version":     {len(migrations), "", ""},
		"the first one":    {1, "", ""},
		"a newer one":      {len(migrations), "PRAGMA user_version = 99", "version 99"},
		"another program":  {len(migrations), "PRAGMA user_version = 0", "another program"},
		"a trigger":        {len(migrations), "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM studies; END", "tables are not those"},
		"a view":           {len(migrations), "DROP INDEX attempts_trial; CREATE VIEW attempts_trial AS SELECT 1", "tables are not those"},
		"another version":  {1, "PRAGMA user_version = 2", "tables are not those of version 2"},
		"a missing trial":  {len(migrations), "PRAGMA foreign_keys = 0; DELETE FROM studies", "not there"},
		"one of no schema": {len(migrations), "DROP TABLE attempts", "tables are not those"},
	} {
		dir := written(t, c.version, c.change)
		before, err := os.ReadFile(filepath.Join(dir, File))
		if err != nil {
			t.Fatal(err)
		}
		err = Verify(ctx, dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		after, err := os.ReadFile(filepath.Join(dir, File))
		if err != nil || string(after) != string(before) {
			t.Errorf("%s: the database was changed (%v)", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("%s: it left %v", name, left)
		}
	}
}

func TestVerifyDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "a")
	x, _ := full(t, 1)
	for x.ID = 1; x.ID < 20; x.ID++ {
		save(t, s, "a", x)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Verify(ctx, dir); err != nil {
		t.Fatalf("a sound one: %v", err)
	}
	path := filepath.Join(dir, File)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noise := append([]byte{}, sound...)
	for i := len(noise) / 2; i < len(noise)/2+4096; i++ {
		noise[i] ^= 0x5a
	}
	for name, content := range map[string][]byte{"noise": noise, "half": sound[:len(sound)/2], "text": []byte("no database"), "empty": nil} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Verify(ctx, dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Verify(ctx, t.TempDir()); err == nil {
		t.Error("no file: no error")
	}
}

func TestAdopt(t *testing.T) {
	s := open(t, t.TempDir())
	x, attempts := full(t, 1)
	x.Attempts = attempts
	y := trial.Trial{ID: 2, State: trial.Waiting}
	st := Study{Name: "a", Options: []byte(`{"data": "digits"}`)}
	if err := s.Adopt(ctx, st, Content{Trials: trial.History{x, y}}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Trials(ctx, "a")
	if diff := cmp.Diff(trial.History{x, y}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := s.Adopt(ctx, st, Content{}); !errors.Is(err, ErrExists) {
		t.Errorf("again: %v", err)
	}
	st.Name = "b"
	if err := s.Adopt(ctx, st, Content{Trials: trial.History{x, {ID: 0}}}); err == nil || !strings.Contains(err.Error(), "trial 0") {
		t.Errorf("a trial that cannot be saved: %v", err)
	}
	if _, ok, err := s.Study(ctx, "b"); ok || err != nil {
		t.Errorf("half of it is there: %v, %v", ok, err)
	}
}
