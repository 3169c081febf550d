package jupyter

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// kernelName is the name of our kernelspec, which notebooks say in their metadata.
const kernelName = "lemonade"

//go:embed logo-svg.svg
var logo []byte

// kernelDir is the folder of the kernelspec. The binary lies there too, since it
// is built from the module as the clone has it.
func (e *Env) kernelDir() string { return filepath.Join(e.dataDir(), "kernels", kernelName) }

// buildKernel builds the kernel "Go (Lemonade)" and writes its kernelspec.
func (e *Env) buildKernel(ctx context.Context, log func(string)) error {
	dir := e.kernelDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	binary := filepath.Join(dir, "lemonade-kernel")
	if err := e.run(ctx, log, e.module, e.goTool, "build", "-ldflags=-s -w", "-o", binary, "./kernelext/kernel/cmd/lemonade-kernel"); err != nil {
		return err
	}
	spec, err := json.MarshalIndent(map[string]any{
		"argv":           []string{binary, "-gonb", filepath.Join(e.root, "bin", "gonb"), "-source", e.module, "{connection_file}"},
		"display_name":   "Go (Lemonade)",
		"language":       "go",
		"interrupt_mode": "message",
		// For a Jupyter that we have not started.
		"env": map[string]string{
			"LEMONADE_HOME":   filepath.Dir(e.root),
			"LEMONADE_SOURCE": e.module,
			"GOWORK":          "",
			"PATH":            "${PATH}" + string(os.PathListSeparator) + filepath.Dir(e.goTool),
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "logo-svg.svg"), logo, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "kernel.json"), spec, 0o644)
}

// sourceState tells one state of the module's source from another: a hash of the
// names, sizes and times of the files that the kernel may be built from.
func (e *Env) sourceState() (string, error) {
	sum := sha256.New()
	for _, top := range []string{"go.mod", "go.sum", "datasets", "kernelext", "lemonade"} {
		err := filepath.WalkDir(filepath.Join(e.module, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir(), strings.HasSuffix(path, "_test.go"):
				return nil
			}
			info, err := d.Info()
			if err == nil {
				fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("source of Lemonade: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
