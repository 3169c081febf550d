// Package home is what Lemonade keeps on a machine: its data folder, the locks
// in it, the module's own source folder, and the worker binary built from that.
//
// Everything lies inside one folder, ~/.local/share/lemonade or LEMONADE_HOME:
//
//	bin/      worker binaries, one per state of the source
//	plugins/  XLA plugins
//	data/     downloaded data sets
//	studies/  the default studies folder
//	jupyter/  the Python environment and kernels of the notebooks
//	locks/    lock files; they stay, empty of meaning when nobody holds them
//
// The package is used alike by a test, by the terminal and by a notebook cell,
// which runs in a temporary folder and may link the module from the module cache.
package home

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dir returns the data folder as an absolute path, and creates it: LEMONADE_HOME
// if set, else lemonade in XDG_DATA_HOME, else ~/.local/share/lemonade.
func Dir() (string, error) {
	dir := os.Getenv("LEMONADE_HOME")
	if dir == "" {
		data := os.Getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(data) { // the XDG specification has a relative path ignored
			user, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("no folder for Lemonade's data: %w; set LEMONADE_HOME to one", err)
			}
			data = filepath.Join(user, ".local", "share")
		}
		dir = filepath.Join(data, "lemonade")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data folder %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("data folder: %w; set LEMONADE_HOME to a folder that can be written", err)
	}
	return dir, nil
}

// folder returns a folder of the layout, and creates it.
func folder(name string) (string, error) {
	dir, err := Dir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("data folder: %w; set LEMONADE_HOME to a folder that can be written", err)
	}
	return dir, nil
}
