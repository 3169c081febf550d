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
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// SaveTrial writes everything of the trial but its attempts, whether it is new
// or not. What an outline lacks stays as it is. [ErrNoStudy] when there is no such study. A value that is no finite
// number is refused with an error that names it.
func (s *Store) SaveTrial(ctx context.Context, study string, t trial.Trial) error {
	return s.write(ctx, fmt.Sprintf("study %q: saving trial %d", study, t.ID), func(tx *sql.Tx) error {
		return saveTrial(ctx, tx, study, t)
	})
}

// AddTrials writes whole trials with their attempts, all of them or none.
func (s *Store) AddTrials(ctx context.Context, study string, trials trial.History) error {
	return s.write(ctx, fmt.Sprintf("study %q: adding %d trials", study, len(trials)), func(tx *sql.Tx) error {
		return addTrials(ctx, tx, study, trials)
	})
}

func addTrials(ctx context.Context, tx *sql.Tx, study string, trials trial.History) error {
	for _, t := range trials {
		if err := saveTrial(ctx, tx, study, t); err != nil {
			return fmt.Errorf("trial %d: %w", t.ID, err)
		}
		for _, a := range t.Attempts {
			if err := addAttempt(ctx, tx, study, t.ID, a); err != nil {
				return fmt.Errorf("trial %d, turn %d: %w", t.ID, a.Turn, err)
			}
		}
	}
	return nil
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
	conditions, err := jsonText("conditions", t.Conditions, err)
	reused, err := jsonText("reused", t.Reused, err)
	if err != nil {
		return err
	}
	set := func(column, lacking string) string {
		if !t.Brief {
			return "excluded." + column
		}
		return fmt.Sprintf("CASE WHEN excluded.%[1]s %[2]s THEN trials.%[1]s ELSE excluded.%[1]s END", column, lacking)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO trials (study, id, state, reason, proposer, parent, hash, key, effectiveness, runs, weights, started, ended, program, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality, conditions, reused)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, proposer = excluded.proposer, parent = excluded.parent,
			hash = excluded.hash, key = excluded.key, effectiveness = excluded.effectiveness, runs = excluded.runs, weights = excluded.weights,
			started = excluded.started, ended = excluded.ended, commands = excluded.commands, costs = excluded.costs, niche = excluded.niche, seconds = excluded.seconds,
			forecast = excluded.forecast, conditions = excluded.conditions, reused = excluded.reused, program = `+set("program", "IS NULL")+`, curve = `+set("curve", "= 'null'")+`, dropped = `+set("dropped", "= 'null'")+`,
			quality = `+set("quality", "= 'null'")+`, lessons = `+set("lessons", "IS NOT NULL"),
		study, t.ID, string(t.State), t.Reason, t.Proposer, t.Parent, t.Hash, t.Key, t.Effectiveness, t.Runs, t.Weights,
		timeText(t.Started), timeText(t.Ended), program, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality, conditions, reused)
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
	var exchange, call any // NULL without one
	var err error
	if a.Exchange != nil {
		exchange, err = jsonText("exchange", a.Exchange, err)
		short := *a.Exchange
		short.Prompt, short.Answer = nil, ""
		call, err = jsonText("call", short, err)
	}
	plan, err := jsonText("plan", a.Plan, err)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO attempts (study, trial, turn, proposer, state, reason, program, hash, exchange, plan, call)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE NOT EXISTS (SELECT 1 FROM attempts
			WHERE study = ?1 AND trial = ?2 AND turn = ?3 AND proposer = ?4 AND state = ?5 AND reason = ?6 AND program = ?7 AND hash = ?8 AND exchange IS ?9 AND plan = ?10)`,
		study, id, a.Turn, a.Proposer, string(a.State), a.Reason, a.Program, a.Hash, exchange, plan, call)
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

// Outlines returns the study's trials as [trial.Trial.Outline] does. That takes a
// fraction of the time, and of the memory.
func (s *Store) Outlines(ctx context.Context, study string, programs bool) (h trial.History, err error) {
	from := columns{trial: "NULL, 'null', 'null', lessons, 'null'", attempt: "'', call"}
	if programs {
		from.trial = "program, curve, 'null', lessons, 'null'"
	}
	err = s.read(ctx, fmt.Sprintf("study %q: reading its trials", study), func(tx *sql.Tx) error {
		if h, err = read(ctx, tx, study, 0, from); err == nil {
			for i, t := range h {
				h[i] = t.Outline(programs) // of the lessons
			}
		}
		return err
	})
	return h, err
}

// Trial returns one trial of the study whole, and whether there is one.
func (s *Store) Trial(ctx context.Context, study string, id int) (t trial.Trial, ok bool, err error) {
	if id < 1 {
		return t, false, nil
	}
	err = s.read(ctx, fmt.Sprintf("study %q: reading trial %d", study, id), func(tx *sql.Tx) error {
		h, err := trials(ctx, tx, study, id)
		if ok = len(h) > 0; ok {
			t = h[0]
		}
		return err
	})
	return t, ok && err == nil, err
}

// Count returns how many trials the study has.
func (s *Store) Count(ctx context.Context, study string) (n int, err error) {
	err = s.read(ctx, fmt.Sprintf("study %q: counting its trials", study), func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM trials WHERE study = ?", study).Scan(&n)
	})
	return n, err
}

// Find returns the trial with that trial_key that was trained and measured,
// over all studies: a complete one, else one that broke a limit only when it
// was measured, but not one whose training was stopped at a limit, nor one that was
// itself taken over; else one of which a rung has that key, as it was measured there;
// else a training outside the searches. Of several it is one that was measured under
// these conditions, where there is one, and the one that ended first, of rungs the first
// by name and number.
func (s *Store) Find(ctx context.Context, key string, under trial.Conditions) (study string, t trial.Trial, ok bool, err error) {
	if key == "" {
		return "", trial.Trial{}, false, nil
	}
	conditions, err := jsonText("conditions", under, nil)
	if err != nil {
		return "", trial.Trial{}, false, err
	}
	err = s.read(ctx, fmt.Sprintf("looking for trial key %q", key), func(tx *sql.Tx) error {
		var id int
		err := tx.QueryRowContext(ctx, `SELECT study, id FROM trials AS t WHERE key = ? AND key <> '' AND reused = 'null' AND (state = ? OR state = ? AND EXISTS (
				SELECT 1 FROM metrics AS m WHERE m.study = t.study AND m.trial = t.id AND m.metric = ?))
			ORDER BY conditions = ? DESC, state = ? DESC, ended, study, id LIMIT 1`,
			key, string(trial.Complete), string(trial.Infeasible), string(trial.Accuracy), conditions, string(trial.Complete)).Scan(&study, &id)
		if errors.Is(err, sql.ErrNoRows) {
			if study, t, ok, err = findRung(ctx, tx, key); err == nil && !ok {
				study, t, ok, err = findExtra(ctx, tx, key, conditions)
			}
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
	return read(ctx, tx, study, id, columns{
		trial:   "program, curve, dropped, lessons, quality",
		attempt: "program, exchange",
	})
}

// columns are where the large parts of trials and attempts are read from.
type columns struct{ trial, attempt string }

func read(ctx context.Context, tx *sql.Tx, study string, id int, from columns) (trial.History, error) {
	var rows []row
	at := map[int]int{} // place of each id in rows
	query := `SELECT id, state, reason, proposer, parent, hash, key, effectiveness, runs, weights, started, ended, commands, costs, niche, seconds, forecast, conditions, reused, ` + from.trial + `
		FROM trials WHERE study = ?1 AND id ` + these + ` ORDER BY id`
	err := each(ctx, tx, query, study, id, func(scan func(...any) error) error {
		var r row
		t := &r.t
		if err := scan(&t.ID, &t.State, &t.Reason, &t.Proposer, &t.Parent, &t.Hash, &t.Key, &t.Effectiveness, &t.Runs, &t.Weights,
			&r.started, &r.ended, &r.commands, &r.costs, &r.niche, &r.seconds, &r.forecast, &r.conditions, &r.reused, &r.program, &r.curve, &r.dropped, &r.lessons, &r.quality); err != nil {
			return err
		}
		at[t.ID] = len(rows)
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	h, err := decode(rows)
	if err != nil {
		return nil, err
	}
	if err := readMetrics(ctx, tx, study, id, func(id int) *trial.Trial { return &h[at[id]] }); err != nil {
		return nil, err
	}
	attempts := `SELECT trial, turn, proposer, state, reason, hash, plan, ` + from.attempt + ` FROM attempts
		WHERE study = ?1 AND trial ` + these + ` ORDER BY trial, turn, rowid`
	err = each(ctx, tx, attempts, study, id, func(scan func(...any) error) error {
		var of int
		var a trial.Attempt
		var exchange sql.NullString
		var plan string
		if err := scan(&of, &a.Turn, &a.Proposer, &a.State, &a.Reason, &a.Hash, &plan, &a.Program, &exchange); err != nil {
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
		if t.Program != nil && a.Program == t.Program.Source {
			a.Program = t.Program.Source // kept once
		}
		t.Attempts = append(t.Attempts, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, readRungs(ctx, tx, study, id, func(of int) *trial.Trial { return &h[at[of]] })
}

// row is a row of the table of trials, its JSON as it is there.
type row struct {
	t                                                                                                               trial.Trial
	started, ended, commands, costs, curve, dropped, niche, lessons, seconds, forecast, quality, conditions, reused string
	program                                                                                                         sql.NullString
}

// decode turns rows into trials, on every processor: that takes most of the time.
func decode(rows []row) (trial.History, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	h := make(trial.History, len(rows))
	next := atomic.Int64{}
	work := errgroup.Group{}
	for range min(runtime.GOMAXPROCS(0), len(rows)) {
		work.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(rows) {
					return nil
				}
				if err := rows[i].decode(); err != nil {
					return fmt.Errorf("trial %d: %w", rows[i].t.ID, err)
				}
				h[i], rows[i] = rows[i].t, row{}
			}
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return h, nil
}

func (r *row) decode() (err error) {
	t := &r.t
	if r.program.Valid {
		t.Program = new(arch.Program)
		err = fromJSON("program", r.program.String, t.Program, err)
	}
	err = fromJSON("commands", r.commands, &t.Commands, err)
	err = fromJSON("costs", r.costs, &t.Costs, err)
	err = fromJSON("curve", r.curve, &t.Curve, err)
	err = fromJSON("dropped", r.dropped, &t.Dropped, err)
	err = fromJSON("niche", r.niche, &t.Niche, err)
	err = fromJSON("lessons", r.lessons, &t.Lessons, err)
	err = fromJSON("seconds", r.seconds, &t.Seconds, err)
	err = fromJSON("forecast", r.forecast, &t.Forecast, err)
	err = fromJSON("quality", r.quality, &t.Quality, err)
	err = fromJSON("conditions", r.conditions, &t.Conditions, err)
	err = fromJSON("reused", r.reused, &t.Reused, err)
	var err1, err2 error
	t.Started, err1 = parseTime(r.started)
	t.Ended, err2 = parseTime(r.ended)
	return cmp.Or(err, err1, err2)
}

// readMetrics adds the metrics of one trial of a study, or with id 0 of all of them.
func readMetrics(ctx context.Context, tx *sql.Tx, study string, id int, of func(id int) *trial.Trial) error {
	words := map[string]string{} // units, methods and notes are the same for many: each is kept once
	once := func(s *string) {
		if known, ok := words[*s]; ok {
			*s = known
		} else {
			words[*s] = *s
		}
	}
	const metrics = `SELECT trial, metric, value, unit, method, spread, low, high, idle, quality, note FROM metrics WHERE study = ?1 AND trial ` + these
	return each(ctx, tx, metrics, study, id, func(scan func(...any) error) error {
		var id int
		var name string
		var m trial.Measurement
		if err := scan(&id, &name, &m.Value, &m.Unit, &m.Method, &m.Spread, &m.Low, &m.High, &m.Idle, &m.Quality, &m.Note); err != nil {
			return err
		}
		for _, s := range []*string{&name, &m.Unit, &m.Method, &m.Quality, &m.Note} {
			once(s)
		}
		t := of(id)
		if t.Metrics == nil {
			t.Metrics = make(trial.Metrics, usualMetrics)
		}
		t.Metrics[trial.Metric(name)] = m
		return nil
	})
}

// usualMetrics is how many metrics a trial has as a rule.
const usualMetrics = 17

// these is the one trial of id ?2, or with 0 all of a study. Unlike a condition with OR
// it lets SQLite use the key.
const these = `BETWEEN ?2 AND iif(?2 = 0, 9223372036854775807, ?2)`

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
	if text == "null" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%s: %w", column, err)
	}
	return nil
}
