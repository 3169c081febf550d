package home

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// workerPackage is the worker's main package, relative to the module.
const workerPackage = "lemonade/cmd/worker"

// sourceHash returns a hash of everything in module that the package pkg (slash
// path within the module) is built from: go.mod, go.sum, and the Go, C, assembly
// and embedded files of pkg and of the module's packages that it imports. Other
// modules are covered by go.sum. GOFLAGS counts too, for it may hold build tags.
func sourceHash(module, pkg string) (string, error) {
	files := map[string]bool{"go.mod": true}
	if _, err := os.Stat(filepath.Join(module, "go.sum")); err == nil {
		files["go.sum"] = true
	}
	seen := map[string]bool{}
	if err := addPackage(module, pkg, files, seen); err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "GOFLAGS=%s\n", os.Getenv("GOFLAGS"))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := hashFile(sum, module, name); err != nil {
			return "", fmt.Errorf("source of the worker: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// addPackage adds the files of pkg, and of the packages of the module that it
// imports, to files, as slash paths relative to module.
func addPackage(module, pkg string, files, seen map[string]bool) error {
	if seen[pkg] {
		return nil
	}
	seen[pkg] = true
	context := build.Default
	context.CgoEnabled = true // as in the build of the worker
	dir := filepath.Join(module, filepath.FromSlash(pkg))
	p, err := context.ImportDir(dir, 0)
	if err != nil {
		return fmt.Errorf("source of the worker: package %s: %w", pkg, err)
	}
	for _, list := range [][]string{p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.HFiles, p.SFiles, p.SysoFiles} {
		for _, name := range list {
			files[path.Join(pkg, name)] = true
		}
	}
	for _, pattern := range p.EmbedPatterns {
		if err := addEmbedded(module, pkg, pattern, files); err != nil {
			return fmt.Errorf("source of the worker: //go:embed %s in %s: %w", pattern, pkg, err)
		}
	}
	for _, imported := range p.Imports {
		if inside, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
			if err := addPackage(module, inside, files, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// addEmbedded adds the files that a go:embed pattern of pkg matches. It may add
// a hidden file that the go command leaves out, which costs at worst one build.
func addEmbedded(module, pkg, pattern string, files map[string]bool) error {
	pattern = strings.TrimPrefix(pattern, "all:")
	dir := filepath.Join(module, filepath.FromSlash(pkg))
	matches, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	if err != nil {
		return err
	}
	if len(matches) == 0 {
		return errors.New("no such file")
	}
	for _, match := range matches {
		err := filepath.WalkDir(match, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(module, name)
			files[filepath.ToSlash(rel)] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func hashFile(w io.Writer, module, name string) error {
	f, err := os.Open(filepath.Join(module, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Name and size delimit the contents, so that no two trees share a stream.
	fmt.Fprintf(w, "%s %d\n", name, info.Size())
	_, err = io.Copy(w, f)
	return err
}
