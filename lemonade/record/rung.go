package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func saveRungs(ctx context.Context, tx *sql.Tx, study string, t trial.Trial) error {
	for _, r := range t.Rungs {
		training, err := jsonText("training", r, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rungs (study, trial, rung, key, state, training) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET key = excluded.key, state = excluded.state, training = excluded.training`,
			study, t.ID, r.Rung, r.Key, string(r.State), training)
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
	}
	return nil
}

// readRungs adds the rungs of one trial of a study, or with id 0 of all of them.
func readRungs(ctx context.Context, tx *sql.Tx, study string, id int, of func(id int) *trial.Trial) error {
	const rungs = `SELECT trial, rung, training FROM rungs WHERE study = ?1 AND (?2 = 0 OR trial = ?2) ORDER BY trial, rung`
	return each(ctx, tx, rungs, study, id, func(scan func(...any) error) error {
		var id, rung int
		var training string
		if err := scan(&id, &rung, &training); err != nil {
			return err
		}
		var r trial.Rung
		if err := fromJSON("training", training, &r, nil); err != nil {
			return fmt.Errorf("trial %d, rung %d: %w", id, rung, err)
		}
		t := of(id)
		t.Rungs = append(t.Rungs, r)
		return nil
	})
}

// findRung finds a trial that has a measured rung of that key, as it was there.
func findRung(ctx context.Context, tx *sql.Tx, key string) (study string, t trial.Trial, ok bool, err error) {
	var id, rung int
	err = tx.QueryRowContext(ctx, `SELECT r.study, r.trial, r.rung FROM rungs AS r WHERE r.key = ? AND r.state = ? AND json_extract(r.training, '$.reused') IS NULL ORDER BY r.study, r.trial LIMIT 1`,
		key, string(trial.Complete)).Scan(&study, &id, &rung)
	if errors.Is(err, sql.ErrNoRows) {
		return "", t, false, nil
	}
	if err != nil {
		return "", t, false, err
	}
	h, err := trials(ctx, tx, study, id)
	if err != nil {
		return "", t, false, err
	}
	t, ok = h[0].At(rung)
	return study, t, ok, nil
}

// finiteRungs is finite for what was measured at the rungs.
func finiteRungs(t trial.Trial) error {
	for _, r := range t.Rungs {
		if err := finite(trial.Trial{Metrics: r.Metrics, Curve: r.Curve}); err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
	}
	return nil
}
