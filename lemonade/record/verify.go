package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Verify checks a database that comes from elsewhere, and changes nothing: it is
// whole, of a version that this code knows, and has the tables of that version and
// nothing else, such as a trigger, that would run when it is written to. What it says
// of its studies is not looked at.
func Verify(ctx context.Context, dir string) error {
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	// Immutable, so that SQLite puts no files for its log beside it.
	address := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"trusted_schema(0)", "cell_size_check(1)", "query_only(1)"},
	}.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return fmt.Errorf("record: %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if err := errors.Join(verify(ctx, db), db.Close()); err != nil {
		return fmt.Errorf("record: %s: %w", File, err)
	}
	return nil
}

func verify(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version > len(migrations):
		return newer(version)
	case version < 1:
		return errors.New("it is a database of another program")
	}
	var fault string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&fault); err != nil {
		return err
	}
	if fault != "ok" {
		return fmt.Errorf("it is damaged: %s", fault)
	}
	got, err := schema(ctx, db)
	if err != nil {
		return err
	}
	want, err := schemaOf(ctx, version)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("its tables are not those of version %d", version)
	}
	orphans, err := db.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer orphans.Close()
	if orphans.Next() {
		return errors.New("it has rows of a trial or a study that is not there")
	}
	return orphans.Err()
}

func newer(version int) error {
	return fmt.Errorf("the database has version %d, this Lemonade knows versions up to %d: use a newer Lemonade", version, len(migrations))
}

// schemaOf is the schema of a database of that version.
func schemaOf(ctx context.Context, version int) (_ []string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	for _, m := range migrations[:version] {
		if _, err := db.ExecContext(ctx, m); err != nil {
			return nil, err
		}
	}
	return schema(ctx, db)
}

// schema lists what makes the tables and indexes, in order, without comments and
// layout.
func schema(ctx context.Context, db *sql.DB) (parts []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var plain []string
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, "--")
			plain = append(plain, strings.Fields(line)...)
		}
		parts = append(parts, strings.Join(plain, " "))
	}
	slices.Sort(parts)
	return parts, rows.Err()
}
