// Package record keeps studies on disk: one SQLite database, lemonade.db, in
// each folder of studies, so that results are shared between the studies there.
//
//	store, err := record.Open(dir)
//	unlock, err := store.Run("cifar")     // this process runs the study
//	err = store.SaveTrial(ctx, "cifar", t) // on the disk when it returns
//
// Each method is one transaction, and what it wrote is on the disk when it
// returns without an error (write-ahead log, full synchronisation): a process
// or a machine may stop at any moment. One [Store] may be used by many
// goroutines, and any number of processes may open the same folder; readers and
// a writer do not wait for each other, and writers wait for up to ten seconds.
//
// The tables can be read with any SQLite tool; schema.go lists them. A method
// whose context ends does nothing, so save what must not be lost under a
// context that is not cancelled with the work, such as [context.WithoutCancel].
package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// File is the name of the database in a folder of studies.
const File = "lemonade.db"

// patience is how long an access waits for the lock of another process.
const patience = 10 * time.Second

// Store is an open database of studies.
type Store struct {
	dir    string
	writer *sql.DB // one connection; its transactions take the write lock when they begin
	reader *sql.DB
}

// Open opens the database in dir, creating folder and file where there are
// none and bringing an older database up to date. A database of a newer
// version than this code knows is an error.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("record: folder of studies %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("record: making the folder of studies: %w", err)
	}
	s := &Store{dir: dir}
	path := filepath.Join(dir, File)
	if s.writer, err = connect(path, "immediate", 1); err != nil {
		return nil, fmt.Errorf("record: opening %s: %w", path, err)
	}
	if s.reader, err = connect(path, "deferred", 4, "query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("record: opening %s: %w", path, err), s.writer.Close())
	}
	if err := s.prepare(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("record: opening %s: %w", path, err), s.Close())
	}
	return s, nil
}

// connect makes a pool of up to n connections.
func connect(path, lock string, n int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_txlock": {lock}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()),
		"synchronous(FULL)",
		"foreign_keys(1)",
	}, pragmas...)}
	address := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	return db, nil
}

// Close closes the database. Locks of [Store.Run] are not released by it.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// write runs fn in a transaction of the one writing connection.
func (s *Store) write(ctx context.Context, what string, fn func(*sql.Tx) error) error {
	return prefixed(within(ctx, s.writer, what, fn))
}

// read runs fn in a transaction that sees one state of the database throughout.
func (s *Store) read(ctx context.Context, what string, fn func(*sql.Tx) error) error {
	return prefixed(within(ctx, s.reader, what, fn))
}

func prefixed(err error) error {
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return err
}

func within(ctx context.Context, db *sql.DB, what string, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after a commit
	if err := fn(tx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
