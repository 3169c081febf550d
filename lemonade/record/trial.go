package record

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// SaveTrial writes everything of the trial but its attempts, whether it is new
// or not. [ErrNoStudy] when there is no such study. A value that is no finite
// number is refused with an error that names it.
func (s *Store) SaveTrial(ctx context.Context, study string, t trial.Trial) error {
	return s.write(ctx, fmt.Sprintf("study %q: saving trial %d", study, t.ID), func(tx *sql.Tx) error {
		return saveTrial(ctx, tx, study, t)
	})
}

func saveTrial(ctx context.Context, tx *sql.Tx, study string, t trial.Trial) error {
	if t.ID < 1 {
		return fmt.Errorf("the id is %d: ids begin with 1", t.ID)
	}
	if err := finite(t); err != nil {
		return err
	}
	if err := touch(ctx, tx, study); err != nil {
		return err
	}
	var program any // NULL without one
	var err error
	if t.Program != nil {
		program, err = jsonText("program", t.Program, err)
	}
	commands, err := jsonText("commands", t.Commands, err)
	costs, err := jsonText("costs", t.Costs, err)
	curve, err := jsonText("curve", t.Curve, err)
	dropped, err := jsonText("dropped", t.Dropped, err)
	niche, err := jsonText("niche", t.Niche, err)
	lessons, err := jsonText("lessons", t.Lessons, err)
	seconds, err := jsonText("seconds", t.Seconds, err)
	forecast, err := jsonText("forecast", t.Forecast, err)
	quality, err := jsonText("quality", t.Quality, err)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO trials (study, id, state, reason, proposer, parent, hash, key, effectiveness, runs, weights, started, ended, program, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, proposer = excluded.proposer, parent = excluded.parent,
			hash = excluded.hash, key = excluded.key, effectiveness = excluded.effectiveness, runs = excluded.runs, weights = excluded.weights,
			started = excluded.started, ended = excluded.ended, program = excluded.program, commands = excluded.commands,
			costs = excluded.costs, curve = excluded.curve, dropped = excluded.dropped, niche = excluded.niche, lessons = excluded.lessons, seconds = excluded.seconds,
			forecast = excluded.forecast, quality = excluded.quality`,
		study, t.ID, string(t.State), t.Reason, t.Proposer, t.Parent, t.Hash, t.Key, t.Effectiveness, t.Runs, t.Weights,
		timeText(t.Started), timeText(t.Ended), program, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality)
	if err != nil {
		return err
	}
	if err := saveMetrics(ctx, tx, study, t); err != nil {
		return err
	}
	return saveRungs(ctx, tx, study, t)
}

func saveMetrics(ctx context.Context, tx *sql.Tx, study string, t trial.Trial) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM metrics WHERE study = ? AND trial = ?", study, t.ID); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.Metrics)) {
		m := t.Metrics[name]
		_, err := tx.ExecContext(ctx, "INSERT INTO metrics (study, trial, metric, value, unit, method, spread, low, high, idle, quality, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			study, t.ID, string(name), m.Value, m.Unit, m.Method, m.Spread, m.Low, m.High, m.Idle, m.Quality, m.Note)
		if err != nil {
			return fmt.Errorf("metric %s: %w", name, err)
		}
	}
	return nil
}

// AddAttempt adds an attempt to a trial that was saved before. The same attempt
// again changes nothing; another one of the same turn is kept beside it.
func (s *Store) AddAttempt(ctx context.Context, study string, id int, a trial.Attempt) error {
	return s.write(ctx, fmt.Sprintf("study %q: adding turn %d to trial %d", study, a.Turn, id), func(tx *sql.Tx) error {
		return addAttempt(ctx, tx, study, id, a)
	})
}

func addAttempt(ctx context.Context, tx *sql.Tx, study string, id int, a trial.Attempt) error {
	if err := touch(ctx, tx, study); err != nil {
		return err
	}
	var exchange any // NULL without one
	var err error
	if a.Exchange != nil {
		exchange, err = jsonText("exchange", a.Exchange, err)
	}
	plan, err := jsonText("plan", a.Plan, err)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO attempts (study, trial, turn, proposer, state, reason, program, hash, exchange, plan)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS (SELECT 1 FROM attempts
			WHERE study = ?1 AND trial = ?2 AND turn = ?3 AND proposer = ?4 AND state = ?5 AND reason = ?6 AND program = ?7 AND hash = ?8 AND exchange IS ?9 AND plan = ?10)`,
		study, id, a.Turn, a.Proposer, string(a.State), a.Reason, a.Program, a.Hash, exchange, plan)
	if err != nil && code(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		return fmt.Errorf("there is no such trial: save it first (%w)", err)
	}
	return err
}

// Trials returns the study's trials in the order of their ids, whole: with
// metrics, and with attempts in the order of their turns. It is a consistent
// picture of one moment. A study that is not there has none.
func (s *Store) Trials(ctx context.Context, study string) (h trial.History, err error) {
	err = s.read(ctx, fmt.Sprintf("study %q: reading its trials", study), func(tx *sql.Tx) error {
		h, err = trials(ctx, tx, study, 0)
		return err
	})
	return h, err
}

// Find returns the trial with that trial_key that was trained and measured,
// over all studies: a complete one, else one that broke a limit only when it
// was measured, but not one whose training was stopped at a limit; else one of
// which a rung has that key, as it was measured there. Of several it is the one that
// ended first, of rungs the first by name and number.
func (s *Store) Find(ctx context.Context, key string) (study string, t trial.Trial, ok bool, err error) {
	if key == "" {
		return "", trial.Trial{}, false, nil
	}
	err = s.read(ctx, fmt.Sprintf("looking for trial key %q", key), func(tx *sql.Tx) error {
		var id int
		err := tx.QueryRowContext(ctx, `SELECT study, id FROM trials AS t WHERE key = ? AND key <> '' AND (state = ? OR state = ? AND EXISTS (
				SELECT 1 FROM metrics AS m WHERE m.study = t.study AND m.trial = t.id AND m.metric = ?))
			ORDER BY state = ? DESC, ended, study, id LIMIT 1`,
			key, string(trial.Complete), string(trial.Infeasible), string(trial.Accuracy), string(trial.Complete)).Scan(&study, &id)
		if errors.Is(err, sql.ErrNoRows) {
			study, t, ok, err = findRung(ctx, tx, key)
			return err
		}
		if err != nil {
			return err
		}
		h, err := trials(ctx, tx, study, id)
		if err != nil {
			return err
		}
		t, ok = h[0], true
		return nil
	})
	return study, t, ok && err == nil, err
}

// trials reads one trial of a study, or with id 0 all of them.
func trials(ctx context.Context, tx *sql.Tx, study string, id int) (trial.History, error) {
	var h trial.History
	at := map[int]int{} // place of each id in h
	const columns = `SELECT id, state, reason, proposer, parent, hash, key, effectiveness, runs, weights, started, ended, program, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality
		FROM trials WHERE study = ?1 AND (?2 = 0 OR id = ?2) ORDER BY id`
	err := each(ctx, tx, columns, study, id, func(scan func(...any) error) error {
		var t trial.Trial
		var started, ended, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality string
		var program sql.NullString
		if err := scan(&t.ID, &t.State, &t.Reason, &t.Proposer, &t.Parent, &t.Hash, &t.Key, &t.Effectiveness, &t.Runs, &t.Weights,
			&started, &ended, &program, &commands, &costs, &curve, &dropped, &niche, &lessons, &seconds, &forecast, &quality); err != nil {
			return err
		}
		var err error
		if program.Valid {
			t.Program = new(arch.Program)
			err = fromJSON("program", program.String, t.Program, err)
		}
		err = fromJSON("commands", commands, &t.Commands, err)
		err = fromJSON("costs", costs, &t.Costs, err)
		err = fromJSON("curve", curve, &t.Curve, err)
		err = fromJSON("dropped", dropped, &t.Dropped, err)
		err = fromJSON("niche", niche, &t.Niche, err)
		err = fromJSON("lessons", lessons, &t.Lessons, err)
		err = fromJSON("seconds", seconds, &t.Seconds, err)
		err = fromJSON("forecast", forecast, &t.Forecast, err)
		err = fromJSON("quality", quality, &t.Quality, err)
		var err1, err2 error
		t.Started, err1 = parseTime(started)
		t.Ended, err2 = parseTime(ended)
		if err := cmp.Or(err, err1, err2); err != nil {
			return fmt.Errorf("trial %d: %w", t.ID, err)
		}
		at[t.ID] = len(h)
		h = append(h, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	const metrics = `SELECT trial, metric, value, unit, method, spread, low, high, idle, quality, note FROM metrics WHERE study = ?1 AND (?2 = 0 OR trial = ?2)`
	err = each(ctx, tx, metrics, study, id, func(scan func(...any) error) error {
		var of int
		var name trial.Metric
		var m trial.Measurement
		if err := scan(&of, &name, &m.Value, &m.Unit, &m.Method, &m.Spread, &m.Low, &m.High, &m.Idle, &m.Quality, &m.Note); err != nil {
			return err
		}
		t := &h[at[of]]
		if t.Metrics == nil {
			t.Metrics = trial.Metrics{}
		}
		t.Metrics[name] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	const attempts = `SELECT trial, turn, proposer, state, reason, program, hash, exchange, plan FROM attempts
		WHERE study = ?1 AND (?2 = 0 OR trial = ?2) ORDER BY trial, turn, rowid`
	err = each(ctx, tx, attempts, study, id, func(scan func(...any) error) error {
		var of int
		var a trial.Attempt
		var exchange sql.NullString
		var plan string
		if err := scan(&of, &a.Turn, &a.Proposer, &a.State, &a.Reason, &a.Program, &a.Hash, &exchange, &plan); err != nil {
			return err
		}
		if err := fromJSON("plan", plan, &a.Plan, nil); err != nil {
			return fmt.Errorf("trial %d, turn %d: %w", of, a.Turn, err)
		}
		if exchange.Valid {
			a.Exchange = new(trial.Exchange)
			if err := fromJSON("exchange", exchange.String, a.Exchange, nil); err != nil {
				return fmt.Errorf("trial %d, turn %d: %w", of, a.Turn, err)
			}
		}
		t := &h[at[of]]
		t.Attempts = append(t.Attempts, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, readRungs(ctx, tx, study, id, func(of int) *trial.Trial { return &h[at[of]] })
}

// each calls fn with every row of a query over a study and an id.
func each(ctx context.Context, tx *sql.Tx, query, study string, id int, fn func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, query, study, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// finite returns an error that names the first value that is NaN or infinite.
func finite(t trial.Trial) error {
	check := func(v float64, format string, args ...any) error {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s is %v: leave out what is unknown, it is not recorded as a number", fmt.Sprintf(format, args...), v)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.Metrics)) {
		m := t.Metrics[name]
		err := check(m.Value, "metric %s", name)
		for _, part := range []struct {
			what  string
			value *float64
		}{{"spread", m.Spread}, {"lower bound", m.Low}, {"upper bound", m.High}, {"idle part", m.Idle}} {
			if part.value != nil {
				err = cmp.Or(err, check(*part.value, "the %s of metric %s", part.what, name))
			}
		}
		if err != nil {
			return err
		}
	}
	if err := finiteRungs(t); err != nil {
		return err
	}
	for _, e := range t.Curve {
		err := cmp.Or(check(e.Loss, "the loss of epoch %d", e.Epoch), check(e.TrainAccuracy, "the training accuracy of epoch %d", e.Epoch),
			check(e.Accuracy, "the accuracy of epoch %d", e.Epoch), check(e.Seconds, "the time of epoch %d", e.Epoch))
		if err != nil {
			return err
		}
	}
	if t.Effectiveness != nil {
		return check(*t.Effectiveness, "the effectiveness")
	}
	return nil
}

// jsonText returns v as JSON for the column of that name. An earlier error is
// passed through, so that several can be asked for in a row.
func jsonText(column string, v any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", column, err)
	}
	return string(text), nil
}

// fromJSON is the way back.
func fromJSON(column, text string, v any, err error) error {
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%s: %w", column, err)
	}
	return nil
}
