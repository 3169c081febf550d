package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Env names the environment variable that holds the folder of data sets which
// the user has already.
const Env = "LEMONADE_DATA"

// brought is the first of these names that is there under LEMONADE_DATA, and whether it
// is a folder; "" where none is.
func brought(names ...string) (path string, folder bool, err error) {
	data := os.Getenv(Env)
	if data == "" {
		return "", false, nil
	}
	for _, name := range names {
		path := filepath.Join(data, name)
		switch info, err := os.Stat(path); {
		case err == nil:
			return path, info.IsDir(), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", false, fmt.Errorf("looking under %s: %w", Env, err)
		}
	}
	return "", false, nil
}

// broughtFolder is brought for a folder; mend ends the error of a file in its place.
func broughtFolder(name, mend string) (dir string, err error) {
	dir, folder, err := brought(name)
	if err == nil && dir != "" && !folder {
		return "", fmt.Errorf("%s is a file, a folder belongs there%s", dir, mend)
	}
	return dir, err
}

// Ref is a set that [Prepare] has found and checked.
type Ref struct {
	Name        string
	Dir         string   // the folder of its files, or its packed file; empty for an embedded set
	Fingerprint string   // of the content: name or scheme, colon, 16 hex digits
	Notes       []string // what a user should know, such as that it is not the official copy
	Info        Info     // of what was found
}

// Options say how to prepare a set.
type Options struct {
	// Cache is the folder that keeps downloads. The default is lemonade/ in the
	// user's cache folder.
	Cache string
	// Progress is called now and then with the bytes done, the bytes in all (0
	// where that is unknown) and what is being done. It may be nil.
	Progress func(done, total int64, what string)
	// URL is another address to download the same archive from, or of the folder
	// of the same files where a set is published as several; it must still have
	// the official checksum.
	URL string
	// Partial takes a copy of one's own that has fewer samples than were published, which
	// is refused otherwise. [Info.Published] then tells of it.
	Partial bool
}

// prep is one call of Prepare, its options completed.
type prep struct {
	ctx     context.Context
	cache   string
	url     string
	partial bool
	whole   bool // whatever partial says: what was downloaded is
	tell    func(done, total int64, what string)
}

// Prepare makes sure that the files of a set are there and right: under
// LEMONADE_DATA, else in the cache, else downloaded into the cache; of a folder
// and of texts, that they are packed in the cache. It reads every file once. An error says which file is wrong, what was found and what
// to do. Several processes may prepare the same set at once: one downloads, the
// others wait.
func Prepare(ctx context.Context, name string, opts Options) (Ref, error) {
	s, name, err := lookup(name)
	if err != nil {
		return Ref{}, err
	}
	p := prep{ctx: ctx, cache: opts.Cache, url: opts.URL, partial: opts.Partial, tell: opts.Progress}
	if p.tell == nil {
		p.tell = func(int64, int64, string) {}
	}
	if p.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return Ref{}, fmt.Errorf("datasets: no folder for downloads: %w; set Options.Cache", err)
		}
		p.cache = filepath.Join(dir, "lemonade")
	}
	ref, err := s.prepare(p)
	if err == nil && ref.Info.Name == "" {
		ref.Info, err = s.describe()
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = ctx.Err() // there is nothing to mend
	}
	if err != nil {
		return Ref{}, fmt.Errorf("datasets: %s: %w", name, err)
	}
	ref.Name = name
	return ref, nil
}

// lockPoll is how often a process that waits for another one's preparation looks.
const lockPoll = 200 * time.Millisecond

// lock waits until no other process prepares the file or folder of that path, and
// makes the folder that it is to lie in.
func (p prep) lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(p.ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("waiting for %s: %w", lock.Path(), err)
	}
	return func() { lock.Unlock() }, nil //nolint:errcheck // the end of the process releases it too
}
