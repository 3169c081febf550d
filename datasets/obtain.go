package datasets

import (
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
	stale, _ := filepath.Glob(filepath.Join(p.cache, "."+b.info.Name+"-*")) // of processes that were killed; the pattern is valid
	for _, s := range stale {
		if err := os.RemoveAll(s); err != nil {
			return err
		}
	}
	a := b.archive
	if p.url != "" {
		a.url = p.url
	}
	own := fmt.Sprintf("or unpack a good copy of %s in a folder and set %s to it", path.Base(b.archive.url), Env)
	file := filepath.Join(p.cache, path.Base(b.archive.url)+".part")
	if err := fetch(p, a, file); err != nil {
		return fmt.Errorf("%w; try again, %s", err, own)
	}
	temp, err := os.MkdirTemp(p.cache, "."+b.info.Name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	names := make([]string, len(b.files))
	for i, f := range b.files {
		names[i] = f.name
	}
	limit := int64(b.records) * int64(b.info.geometry().record())
	if err := unpack(p, file, temp, b.folder, names, limit); err != nil {
		return fmt.Errorf("unpacking %s: %w; %s", file, err, own)
	}
	sums, err := b.verify(p, temp, b.published(), nil)
	if err != nil {
		return fmt.Errorf("the archive from %s: %w; %s", a.url, err, own)
	}
	var lines strings.Builder
	for i, name := range names {
		fmt.Fprintf(&lines, "%s  %s\n", sums.sha256[i], name)
	}
	if err := os.WriteFile(filepath.Join(temp, sumsFile), []byte(lines.String()), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return os.Remove(file)
}
