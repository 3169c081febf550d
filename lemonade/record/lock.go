package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"
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
	dir := filepath.Join(s.dir, "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("record: locking study %q: %w", name, err)
	}
	path := filepath.Join(dir, name+".lock")
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err != nil {
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
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("record: locking study %q: %w", name, err), lock.Unlock())
	}
	return lock.Unlock, nil
}
