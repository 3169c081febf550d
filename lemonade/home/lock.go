package home

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a waiting caller tries again. Advisory file locks have no
// wait that a context could end.
const lockPoll = 100 * time.Millisecond

var lockName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Lock takes the file lock of that name, shared by every process that uses the
// data folder, and by the goroutines of this one. Where another holds it,
// onWait (which may be nil) is called once before waiting; [Holder] then says who
// that is. The wait ends with ctx. The kernel drops the lock of a process that
// dies, so no lock outlives its holder.
func Lock(ctx context.Context, name string, onWait func()) (unlock func(), err error) {
	path, err := lockPath(name)
	if err != nil {
		return nil, err
	}
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	got, err := lock.TryLock()
	if err == nil && !got {
		if onWait != nil {
			onWait()
		}
		got, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil || !got {
		_ = lock.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting for lock %s: %w", name, ctx.Err())
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Who holds it is only for people to read, so that failing to write it is no failure.
	_ = os.WriteFile(path, fmt.Appendf(nil, "process %d (%s)\n", os.Getpid(), filepath.Base(os.Args[0])), 0o644)
	return func() {
		_ = os.Truncate(path, 0)
		_ = lock.Unlock()
	}, nil
}

// Holder says in words who holds the lock of that name, such as "process 4711
// (lemonade)", or "another process" where that is not known.
func Holder(name string) string {
	if path, err := lockPath(name); err == nil {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return strings.TrimSpace(string(b))
		}
	}
	return "another process"
}

func lockPath(name string) (string, error) {
	if !lockName.MatchString(name) {
		return "", fmt.Errorf("lock name %q: use letters, digits, '.', '_' and '-' only", name)
	}
	dir, err := folder("locks")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name+".lock"), nil
}
