package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// SaveExtra writes a training outside the search, whether it is new or not, as
// SaveTrial does a trial. Its id is below 0.
func (s *Store) SaveExtra(ctx context.Context, study string, x trial.Extra) error {
	return s.write(ctx, fmt.Sprintf("study %q: saving training %d", study, x.ID), func(tx *sql.Tx) error {
		return saveExtra(ctx, tx, study, x)
	})
}

func saveExtra(ctx context.Context, tx *sql.Tx, study string, x trial.Extra) error {
	if x.ID > -1 {
		return fmt.Errorf("the id is %d: those of trainings outside the search begin with -1", x.ID)
	}
	if err := finite(x.Trial); err != nil {
		return err
	}
	if err := touch(ctx, tx, study); err != nil {
		return err
	}
	content, err := jsonText("content", x, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO extras (study, id, purpose, name, trial, epochs, seed, state, key, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET purpose = excluded.purpose, name = excluded.name, trial = excluded.trial, epochs = excluded.epochs, seed = excluded.seed,
			state = excluded.state, key = excluded.key, content = excluded.content`,
		study, x.ID, string(x.Purpose), x.Name, x.Of, x.Epochs, x.Seed, string(x.State), x.Key, content)
	return err
}

// Extras returns the study's trainings outside its search, the oldest first.
func (s *Store) Extras(ctx context.Context, study string) (all trial.Extras, err error) {
	err = s.read(ctx, fmt.Sprintf("study %q: reading its trainings outside the search", study), func(tx *sql.Tx) error {
		return each(ctx, tx, "SELECT id, content FROM extras WHERE study = ?1 AND ?2 = 0 ORDER BY id DESC", study, 0, func(scan func(...any) error) error {
			var id int
			var content string
			if err := scan(&id, &content); err != nil {
				return err
			}
			var x trial.Extra
			if err := json.Unmarshal([]byte(content), &x); err != nil {
				return fmt.Errorf("training %d: %w", id, err)
			}
			x.ID = id
			all = append(all, x)
			return nil
		})
	})
	return all, err
}

// AddTestRead writes down that a test split is read.
func (s *Store) AddTestRead(ctx context.Context, study string, r trial.TestRead) error {
	return s.write(ctx, fmt.Sprintf("study %q: writing down that the test split is read", study), func(tx *sql.Tx) error {
		return addTestRead(ctx, tx, study, r)
	})
}

func addTestRead(ctx context.Context, tx *sql.Tx, study string, r trial.TestRead) error {
	if err := touch(ctx, tx, study); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO test_reads (study, at, who, purpose, trial, hash, epochs, seed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		study, timeText(r.At), r.Who, string(r.Purpose), r.Trial, r.Hash, r.Epochs, r.Seed)
	return err
}

// TestReads returns every time that the study's test split was read, the oldest first.
func (s *Store) TestReads(ctx context.Context, study string) (all []trial.TestRead, err error) {
	err = s.read(ctx, fmt.Sprintf("study %q: reading when its test split was read", study), func(tx *sql.Tx) error {
		return each(ctx, tx, "SELECT at, who, purpose, trial, hash, epochs, seed FROM test_reads WHERE study = ?1 AND ?2 = 0 ORDER BY at, rowid", study, 0, func(scan func(...any) error) error {
			var r trial.TestRead
			var at string
			err := scan(&at, &r.Who, &r.Purpose, &r.Trial, &r.Hash, &r.Epochs, &r.Seed)
			if err == nil {
				r.At, err = parseTime(at)
			}
			all = append(all, r)
			return err
		})
	})
	return all, err
}

// findExtra finds a training outside the searches of that key, as a trial.
func findExtra(ctx context.Context, tx *sql.Tx, key, conditions string) (study string, t trial.Trial, ok bool, err error) {
	var id int
	var content string
	err = tx.QueryRowContext(ctx, `SELECT study, id, content FROM extras WHERE key = ? AND state IN (?, ?)
		AND json_extract(content, '$.reused') IS NULL AND json_extract(content, '$.metrics.accuracy') IS NOT NULL
		ORDER BY json_extract(content, '$.conditions') = ? DESC, study, id DESC LIMIT 1`,
		key, string(trial.Complete), string(trial.Infeasible), conditions).Scan(&study, &id, &content)
	if errors.Is(err, sql.ErrNoRows) {
		return "", t, false, nil
	}
	if err != nil {
		return "", t, false, err
	}
	var x trial.Extra
	if err := fromJSON("content", content, &x, nil); err != nil {
		return "", t, false, fmt.Errorf("training %d: %w", id, err)
	}
	x.Trial.ID = id
	return study, x.Trial, true, nil
}
