package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// migrations bring the database from version i to version i+1; the version is
// SQLite's user_version. Only ever add to the end.
//
// Columns that hold JSON are those that no query looks inside. Times are
// RFC 3339 in UTC with nine decimals, so that they sort as text; an unknown time
// is ”. An unknown number is NULL, never 0.
var migrations = []string{
	`CREATE TABLE studies (
		name    TEXT PRIMARY KEY,
		created TEXT NOT NULL,
		options TEXT,                         -- JSON, fixed when the study begins
		state   TEXT,                         -- JSON, such as anchors
		changes INTEGER NOT NULL DEFAULT 0    -- counts every write to the study
	) WITHOUT ROWID, STRICT;
	CREATE TABLE trials (
		study         TEXT NOT NULL REFERENCES studies,
		id            INTEGER NOT NULL,
		state         TEXT NOT NULL,
		reason        TEXT NOT NULL,
		proposer      TEXT NOT NULL,
		parent        INTEGER NOT NULL,       -- id, 0 for none
		hash          TEXT NOT NULL,          -- network_hash
		key           TEXT NOT NULL,          -- trial_key
		effectiveness REAL,
		runs          INTEGER NOT NULL,
		weights       TEXT NOT NULL,          -- file
		started       TEXT NOT NULL,
		ended         TEXT NOT NULL,
		program       TEXT,                   -- JSON: source, network, recipe
		commands      TEXT NOT NULL,          -- JSON
		costs         TEXT NOT NULL,          -- JSON
		curve         TEXT NOT NULL,          -- JSON
		PRIMARY KEY (study, id)
	) WITHOUT ROWID, STRICT;
	CREATE INDEX trials_key ON trials (key) WHERE key <> '';
	CREATE TABLE metrics (
		study  TEXT NOT NULL,
		trial  INTEGER NOT NULL,
		metric TEXT NOT NULL,
		value  REAL NOT NULL,
		unit   TEXT NOT NULL,
		method TEXT NOT NULL,
		spread REAL,
		note   TEXT NOT NULL,
		PRIMARY KEY (study, trial, metric),
		FOREIGN KEY (study, trial) REFERENCES trials
	) WITHOUT ROWID, STRICT;
	CREATE TABLE attempts (
		study    TEXT NOT NULL,
		trial    INTEGER NOT NULL,
		turn     INTEGER NOT NULL,
		proposer TEXT NOT NULL,
		state    TEXT NOT NULL,
		reason   TEXT NOT NULL,
		program  TEXT NOT NULL,               -- source
		hash     TEXT NOT NULL,
		exchange TEXT,                        -- JSON: prompt and answer of an LLM
		FOREIGN KEY (study, trial) REFERENCES trials
	) STRICT;
	CREATE INDEX attempts_trial ON attempts (study, trial, turn);`,

	`ALTER TABLE trials ADD COLUMN dropped TEXT NOT NULL DEFAULT 'null'; -- JSON: commands left out
	ALTER TABLE trials ADD COLUMN niche TEXT NOT NULL DEFAULT 'null';    -- JSON
	ALTER TABLE trials ADD COLUMN lessons TEXT NOT NULL DEFAULT 'null';  -- JSON: with their exchange
	ALTER TABLE trials ADD COLUMN seconds TEXT NOT NULL DEFAULT 'null';  -- JSON: of the evaluation, by phase
	ALTER TABLE attempts ADD COLUMN plan TEXT NOT NULL DEFAULT 'null';   -- JSON`,

	`ALTER TABLE trials ADD COLUMN forecast TEXT NOT NULL DEFAULT 'null'; -- JSON: of the training, after its first epoch
	ALTER TABLE trials ADD COLUMN quality TEXT NOT NULL DEFAULT 'null';   -- JSON: confusion matrix without zeros, and some mistakes
	ALTER TABLE metrics ADD COLUMN low REAL;                              -- of an estimate's band, in the value's unit
	ALTER TABLE metrics ADD COLUMN high REAL;                             -- likewise
	ALTER TABLE metrics ADD COLUMN idle REAL;                             -- how much of the value the idle machine would have used
	ALTER TABLE metrics ADD COLUMN quality TEXT NOT NULL DEFAULT '';      -- what weakens the value`,

	`CREATE TABLE extras (                    -- trainings that are no round of the search
		study   TEXT NOT NULL REFERENCES studies,
		id      INTEGER NOT NULL,             -- -1, -2, …
		purpose TEXT NOT NULL,                -- baseline, final or ranking
		name    TEXT NOT NULL,                -- of a baseline
		trial   INTEGER NOT NULL,             -- whose network is trained anew, 0 for none
		epochs  INTEGER NOT NULL,
		seed    INTEGER NOT NULL,
		state   TEXT NOT NULL,
		key     TEXT NOT NULL,                -- trial_key
		content TEXT NOT NULL,                -- JSON: all of it, with program and metrics
		PRIMARY KEY (study, id)
	) WITHOUT ROWID, STRICT;
	CREATE TABLE test_reads (                 -- every access to the test split
		study   TEXT NOT NULL REFERENCES studies,
		at      TEXT NOT NULL,
		who     TEXT NOT NULL,                -- user and machine
		purpose TEXT NOT NULL,
		trial   INTEGER NOT NULL,             -- whose network was trained anew
		hash    TEXT NOT NULL,                -- network_hash
		epochs  INTEGER NOT NULL,
		seed    INTEGER NOT NULL
	) STRICT;
	CREATE INDEX test_reads_study ON test_reads (study);`,
	`CREATE TABLE rungs (
		study    TEXT NOT NULL,
		trial    INTEGER NOT NULL,
		rung     INTEGER NOT NULL,            -- from 1, the shortest training
		key      TEXT NOT NULL,               -- trial_key of this training
		state    TEXT NOT NULL,
		training TEXT NOT NULL,               -- JSON: budget, measurements, learning curve, times
		PRIMARY KEY (study, trial, rung),
		FOREIGN KEY (study, trial) REFERENCES trials
	) WITHOUT ROWID, STRICT;
	CREATE INDEX rungs_key ON rungs (key);`,
	`ALTER TABLE attempts ADD COLUMN call TEXT; -- JSON: the exchange without prompt and answer
	UPDATE attempts SET call = json_remove(exchange, '$.prompt', '$.answer') WHERE exchange IS NOT NULL;
	ALTER TABLE trials ADD COLUMN conditions TEXT NOT NULL DEFAULT 'null'; -- JSON: machine, meter and the like that measured figures hold for
	ALTER TABLE trials ADD COLUMN reused TEXT NOT NULL DEFAULT 'null';     -- JSON: study and trial whose training was taken over`,
}

// prepare turns the write-ahead log on and applies what migrations are missing.
func (s *Store) prepare(ctx context.Context) error {
	// Two processes that create the database at once can meet here, where
	// SQLite does not wait by itself.
	var err error
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err = s.writer.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err == nil || time.Now().After(end) {
			break
		}
		if !busy(err) {
			break
		}
	}
	if err != nil {
		return err
	}
	var version int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == len(migrations) {
		return nil
	}
	return within(ctx, s.writer, "bringing the database up to date", migrate)
}

func migrate(tx *sql.Tx) error {
	var version int // again, now that no one else can change it
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("%w, or another folder of studies", newer(version))
	}
	if version == 0 {
		var tables int
		if err := tx.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if tables > 0 {
			return errors.New("it is a database of another program: use another folder of studies")
		}
	}
	for _, m := range migrations[version:] {
		if _, err := tx.Exec(m); err != nil {
			return err
		}
	}
	_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
	return err
}
