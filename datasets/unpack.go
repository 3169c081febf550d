package datasets

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// headroom is how much a gzipped tar may hold beside the wanted files.
const headroom = 4 << 20

// unpack extracts the wanted files, folder/name each, from a gzipped tar into
// dir. Other regular files are passed over. Links, devices and names that lead
// out of the archive's folder are errors, as are a wanted file of more bytes than
// it may have, one that occurs twice, one that is missing, and an archive that
// unpacks to much more than it should.
func unpack(p prep, file, dir, folder string, wanted map[string]int64) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	var total int64
	for _, limit := range wanted {
		total += limit
	}
	bounded := &io.LimitedReader{R: z, N: total + headroom}
	tape := tar.NewReader(bounded)
	var done int64
	var found []string
	for {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		head, err := tape.Next()
		if bounded.N == 0 {
			return fmt.Errorf("it unpacks to more than %d bytes", total+headroom)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(head.Name) {
			return fmt.Errorf("it has a member %q outside its folder", head.Name)
		}
		switch head.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("its member %q is neither a file nor a folder", head.Name)
		}
		parent, name := path.Split(path.Clean(head.Name))
		limit, ok := wanted[name]
		if parent != folder+"/" || !ok {
			continue
		}
		if slices.Contains(found, name) {
			return fmt.Errorf("it has two members %q", head.Name)
		}
		if head.Size > limit {
			return fmt.Errorf("its member %q has %d bytes, %d belong there", head.Name, head.Size, limit)
		}
		if err := write(filepath.Join(dir, name), tape); err != nil {
			return err
		}
		found = append(found, name)
		done += head.Size
		p.tell(done, total, "unpacking "+folder)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !slices.Contains(found, name) {
			return fmt.Errorf("it has no member %s/%s", folder, name)
		}
	}
	return nil
}

// write puts all of r into a new file and waits until it is on the disk.
func write(name string, r io.Reader) (err error) {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, r); err != nil {
		return err
	}
	return out.Sync()
}
