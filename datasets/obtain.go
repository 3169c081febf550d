package datasets

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// obtain downloads the archive, unpacks it beside dir, checks the files and
// only then moves the folder to dir, so that dir is whole or absent. The caller
// holds the lock of the set.
func (b batches) obtain(p prep, dir string) error {
	kind := kindOf(b.info.Name)
	if err := sweep(p.cache, kind); err != nil {
		return err
	}
	own := fmt.Sprintf("or unpack a good copy of %s in a folder and set %s to it", path.Base(b.archive.url), Env)
	file, err := b.archive.obtain(p)
	if err != nil {
		return fmt.Errorf("%w; try again, %s", err, own)
	}
	temp, err := os.MkdirTemp(p.cache, "."+kind+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	limits := make(map[string]int64, len(b.files))
	for _, f := range b.files {
		limits[f.name] = int64(f.records) * int64(b.geometry().record())
	}
	if err := unpack(p, file, temp, b.folder, limits); err != nil {
		return fmt.Errorf("unpacking %s: %w; %s", file, err, own)
	}
	p.whole = true
	sums, err := b.verify(p, temp, nil)
	if err != nil {
		return fmt.Errorf("the archive from %s: %w; %s", b.archive.url, err, own)
	}
	var lines strings.Builder
	for i, f := range b.files {
		fmt.Fprintf(&lines, "%s  %s\n", sums.sha256[i], f.name)
	}
	if err := os.WriteFile(filepath.Join(temp, sumsFile), []byte(lines.String()), 0o644); err != nil {
		return err
	}
	return errors.Join(settle(temp, dir), os.Remove(file))
}

// sweep removes the folders that processes left which were killed while they obtained
// a set.
func sweep(cache, kind string) error {
	stale, _ := filepath.Glob(filepath.Join(escapeGlob(cache), "."+kind+"-*")) // the pattern is valid
	for _, s := range stale {
		if err := os.RemoveAll(s); err != nil {
			return err
		}
	}
	return nil
}

// settle moves a folder that is whole to its place.
func settle(temp, dir string) error {
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

// unpacked says where the archive's folder belongs, after what is wrong there.
func (a archive) unpacked() string {
	return fmt.Sprintf(": unpack the archive from %s in %s", a.url, os.Getenv(Env))
}

// obtain downloads a file into the cache and checks it. It has the suffix .part as
// long as it is not put to use.
func (a archive) obtain(p prep) (file string, err error) {
	file = filepath.Join(p.cache, path.Base(a.url)+".part")
	if p.url != "" {
		a.url, a.also = p.url, ""
	}
	err = fetch(p, a, file)
	if err != nil && a.also != "" && p.ctx.Err() == nil {
		a.url = a.also
		if other := fetch(p, a, file); other != nil {
			return "", fmt.Errorf("%w, and %w", err, other)
		}
		return file, nil
	}
	return file, err
}
