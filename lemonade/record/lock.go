package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ErrRunning is returned for a study that is being run already.
var ErrRunning = errors.New("the study is being run already")

// nameLimit is the longest name of a study in characters, and nameBytes in
// bytes of UTF-8, so that a name with an extension is a file name anywhere.
const (
	nameLimit = 100
	nameBytes = 240
)

// CheckName returns an error that says what to mend when the name is none for
// a study. A name has 1 to 100 characters: letters, digits, and between or
// after them also . _ - and spaces, so that it is a safe file name too.
func CheckName(name string) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("record: study name %q "+format, append([]any{name}, args...)...)
	}
	if name == "" {
		return errors.New("record: a study needs a name: give it one of 1 to 100 letters, digits and . _ - or spaces")
	}
	if !utf8.ValidString(name) {
		return bad("is not UTF-8: use letters, digits and . _ - or spaces")
	}
	if n := utf8.RuneCountInString(name); n > nameLimit || len(name) > nameBytes {
		return bad("is too long (%d characters, %d bytes): use at most %d characters and %d bytes", n, len(name), nameLimit, nameBytes)
	}
	for i, r := range name {
		plain := unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case i == 0 && !plain:
			return bad("begins with %q: begin with a letter or a digit", r)
		case !plain && !strings.ContainsRune("._- ", r):
			return bad("contains %q: use letters, digits and . _ - or spaces", r)
		}
	}
	if strings.HasSuffix(name, " ") {
		return bad("ends with a space: remove it")
	}
	return nil
}

// Run makes this caller the one that runs the study, until unlock is called or
// the process ends, however it ends. It is [ErrRunning] while another process,
// or another caller in this one, runs it. Reading needs no lock.
func (s *Store) Run(name string) (unlock func() error, err error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := s.runFile(name, ".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("record: locking study %q: %w", name, err)
	}
	lock := flock.New(path)
	// Running holds the lock for the moment in which it looks.
	patient, cancel := context.WithTimeout(context.Background(), glance)
	defer cancel()
	ok, err := lock.TryLockContext(patient, glance/10)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("record: locking study %q: %w", name, err)
	}
	if !ok {
		by := "another process"
		if pid, err := os.ReadFile(path); err == nil && len(pid) > 0 {
			by = "process " + strings.TrimSpace(string(pid))
		}
		return nil, fmt.Errorf("record: study %q in %s: %w by %s: wait for it, stop it, or choose another name", name, s.dir, ErrRunning, by)
	}
	// The content only helps people; the lock is the operating system's, and the
	// file stays, since removing it would let two hold locks of the same name.
	err = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	if err == nil {
		err = s.Tell(name, Runner{})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("record: locking study %q: %w", name, err), lock.Unlock())
	}
	held.Store(lock, nil)
	return func() error {
		held.Delete(lock)
		return lock.Unlock()
	}, nil
}

// held are the locks of this process. The collector would close the file of one
// that nothing refers to, and so free it, where the caller drops unlock.
var held sync.Map

// glance is how long Run waits for those who only look whether the study is run.
const glance = 200 * time.Millisecond

func (s *Store) runFile(name, extension string) string {
	return filepath.Join(s.dir, "locks", name+extension)
}

// Runner is what whoever runs a study tells of the run, for those who watch it.
type Runner struct {
	PID      int             `json:"pid"`
	Trials   int             `json:"trials,omitempty"`   // that the run goes to; 0 where it is not known yet
	Trial    int             `json:"trial,omitempty"`    // that Progress is of
	Progress *trial.Progress `json:"progress,omitempty"` // nil where nothing is trained
}

// Tell leaves word of the run for [Store.Running]. Only the caller that holds the
// lock of [Store.Run] may tell. It is no part of the record: it is not kept when
// the machine stops.
func (s *Store) Tell(name string, r Runner) error {
	r.PID = os.Getpid()
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record: telling of study %q: %w", name, err)
	}
	// Renamed, so that nobody reads half of it.
	path := s.runFile(name, ".run")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return fmt.Errorf("record: telling of study %q: %w", name, err)
	}
	return os.Rename(path+".new", path)
}

// Running reports whether this process or another one runs the study, and what it
// has told of the run.
func (s *Store) Running(name string) (r Runner, running bool, err error) {
	if err := CheckName(name); err != nil {
		return r, false, err
	}
	path := s.runFile(name, ".lock")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return r, false, nil // it was never run
	}
	lock := flock.New(path)
	free, err := lock.TryRLock()
	if err != nil {
		return r, false, fmt.Errorf("record: looking who runs study %q: %w", name, err)
	}
	if free {
		return r, false, lock.Unlock()
	}
	text, err := os.ReadFile(s.runFile(name, ".run"))
	if errors.Is(err, os.ErrNotExist) { // it began this very moment
		return r, true, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		err = fmt.Errorf("record: looking who runs study %q: %w", name, err)
	}
	return r, true, err
}
