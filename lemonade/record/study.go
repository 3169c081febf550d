package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ErrExists is returned for a study that is there already.
var ErrExists = errors.New("the study exists")

// ErrNoStudy is returned for a study that is not there.
var ErrNoStudy = errors.New("there is no such study")

// Study is what is kept of a study besides its trials.
type Study struct {
	Name    string          // see [CheckName]
	Created time.Time       // kept in UTC
	Options json.RawMessage // fixed when the study begins
	State   json.RawMessage // may change: anchors and the like; nil for none
}

// CreateStudy adds a study; [ErrExists] when there is one of that name.
func (s *Store) CreateStudy(ctx context.Context, st Study) error {
	if err := CheckName(st.Name); err != nil {
		return err
	}
	return s.write(ctx, fmt.Sprintf("creating study %q", st.Name), func(tx *sql.Tx) error {
		return createStudy(ctx, tx, st)
	})
}

func createStudy(ctx context.Context, tx *sql.Tx, st Study) error {
	options, err := rawJSON("Options", st.Options)
	if err != nil {
		return err
	}
	state, err := rawJSON("State", st.State)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO studies (name, created, options, state) VALUES (?, ?, ?, ?)",
		st.Name, timeText(st.Created), options, state)
	if code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return ErrExists
	}
	return err
}

// Content is all that a study has come to.
type Content struct {
	Trials    trial.History
	Extras    trial.Extras
	TestReads []trial.TestRead
}

// Content reads it.
func (s *Store) Content(ctx context.Context, study string) (c Content, err error) {
	if c.Trials, err = s.Trials(ctx, study); err != nil {
		return c, err
	}
	if c.Extras, err = s.Extras(ctx, study); err != nil {
		return c, err
	}
	c.TestReads, err = s.TestReads(ctx, study)
	return c, err
}

// Adopt adds a study with all that it has come to, or nothing at all; [ErrExists]
// when there is one of that name.
func (s *Store) Adopt(ctx context.Context, st Study, c Content) error {
	if err := CheckName(st.Name); err != nil {
		return err
	}
	return s.write(ctx, fmt.Sprintf("adding study %q", st.Name), func(tx *sql.Tx) error {
		if err := createStudy(ctx, tx, st); err != nil {
			return err
		}
		if err := addTrials(ctx, tx, st.Name, c.Trials); err != nil {
			return err
		}
		for _, x := range c.Extras {
			if err := saveExtra(ctx, tx, st.Name, x); err != nil {
				return fmt.Errorf("training %d: %w", x.ID, err)
			}
		}
		for _, r := range c.TestReads {
			if err := addTestRead(ctx, tx, st.Name, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Study returns the study of that name, and whether there is one.
func (s *Store) Study(ctx context.Context, name string) (Study, bool, error) {
	found, err := s.studies(ctx, "WHERE name = ?", name)
	if err != nil || len(found) == 0 {
		return Study{}, false, err
	}
	return found[0], true, nil
}

// Studies returns all studies in the order of their creation.
func (s *Store) Studies(ctx context.Context) ([]Study, error) {
	return s.studies(ctx, "ORDER BY created, name")
}

func (s *Store) studies(ctx context.Context, clause string, args ...any) (out []Study, err error) {
	err = s.read(ctx, "reading studies", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT name, created, options, state FROM studies "+clause, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var st Study
			var created string
			var options, state sql.NullString
			if err := rows.Scan(&st.Name, &created, &options, &state); err != nil {
				return err
			}
			if st.Created, err = parseTime(created); err != nil {
				return fmt.Errorf("study %q: %w", st.Name, err)
			}
			st.Options, st.State = raw(options), raw(state)
			out = append(out, st)
		}
		return rows.Err()
	})
	return out, err
}

// SetState replaces the study's State; [ErrNoStudy] when there is none of that name.
func (s *Store) SetState(ctx context.Context, name string, state json.RawMessage) error {
	return s.write(ctx, fmt.Sprintf("study %q: saving its state", name), func(tx *sql.Tx) error {
		text, err := rawJSON("State", state)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE studies SET state = ? WHERE name = ?", text, name); err != nil {
			return err
		}
		return touch(ctx, tx, name)
	})
}

// Changed returns a number that grows with every write to the study, so that a
// live view can ask cheaply whether there is something new. [ErrNoStudy] when
// there is none of that name.
func (s *Store) Changed(ctx context.Context, study string) (n int64, err error) {
	err = s.read(ctx, fmt.Sprintf("study %q", study), func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT changes FROM studies WHERE name = ?", study).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoStudy
		}
		return err
	})
	return n, err
}

// touch counts a write to the study. Every method that writes calls it, which
// also finds out whether there is such a study.
func touch(ctx context.Context, tx *sql.Tx, study string) error {
	result, err := tx.ExecContext(ctx, "UPDATE studies SET changes = changes + 1 WHERE name = ?", study)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrNoStudy
	}
	return err
}

// code returns SQLite's extended result code, 0 for other errors.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// busy reports whether another process holds a lock that SQLite waits for.
func busy(err error) bool {
	primary := code(err) & 0xff // the rest of the code only details it
	return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
}

// timeLayout is RFC 3339 with a fixed number of decimals, which sorts as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(timeLayout, s)
}

// rawJSON returns the text for a column, nil (NULL) for an empty message.
func rawJSON(field string, m json.RawMessage) (any, error) {
	if len(m) == 0 {
		return nil, nil
	}
	if !json.Valid(m) {
		return nil, fmt.Errorf("%s is not valid JSON: %.40q", field, m)
	}
	return string(m), nil
}

func raw(s sql.NullString) json.RawMessage {
	if !s.Valid {
		return nil
	}
	return json.RawMessage(s.String)
}
