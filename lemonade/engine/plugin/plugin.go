// Package plugin finds or fetches the XLA plugin (a PJRT shared library) that
// the engine runs on, without linking XLA itself.
//
// The order, ending at the first that is there:
//
//  1. GOMLX_BACKEND, whatever it says.
//  2. With an NVIDIA GPU, a CUDA plugin: LEMONADE_CUDA_PLUGIN, or where go-xla
//     looks, or the one of JAX in the active Python environment. It is not
//     fetched, for its libraries take gigabytes; `pip install "jax[cuda13]"` in a
//     virtual environment brings it.
//  3. A CPU plugin where go-xla looks: the folders of PJRT_PLUGIN_LIBRARY_PATH,
//     which replace the rest, else ~/.local/lib/go-xla, /usr/local/lib/go-xla,
//     those of its older versions, and LD_LIBRARY_PATH.
//  4. A CPU plugin fetched earlier.
//  5. The release that go-xla itself installs, from GitHub, by the parts of its
//     installer. (Its whole installer draws a spinner on standard output, which
//     carries the worker's messages, and cannot be cancelled.)
//  6. A pinned wheel from PyPI, whose library must have the recorded SHA-256.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/home"
)

// fileName is the name by which go-xla, too, would find the plugin in a folder.
const fileName = "pjrt_c_api_cpu_plugin.so"

// Ensure returns the value for GOMLX_BACKEND, such as "xla:/home/me/…/x.so"; an
// absolute path, so that go-xla neither searches nor installs by itself. Where no
// plugin is found, one is fetched into dir, under a lock that other processes
// wait for. log, which may be nil, is told each line of what happens. The error
// lists what was tried and the commands that a person can run.
func Ensure(ctx context.Context, dir string, log func(string)) (backend string, err error) {
	if log == nil {
		log = func(string) {}
	}
	if backend := os.Getenv("GOMLX_BACKEND"); backend != "" {
		return backend, nil
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("plugin folder %q: give an absolute path", dir)
	}
	path, err := findCUDA(log)
	if err != nil {
		return "", err
	}
	if path != "" {
		return "xla:" + path, nil
	}
	if path := findCPU(dir); path != "" {
		return "xla:" + path, nil
	}
	unlock, err := home.Lock(ctx, "plugin", func() {
		log("waiting for " + home.Holder("plugin") + ", which fetches the XLA plugin")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if path := findCPU(dir); path != "" { // fetched while this call waited
		return "xla:" + path, nil
	}
	path = filepath.Join(dir, fileName)
	if err := fetch(ctx, path, sources, log); err != nil {
		return "", err
	}
	return "xla:" + path, nil
}

// source is one way to fetch the CPU plugin to a path, where it appears whole or
// not at all.
type source struct {
	name  string
	fetch func(ctx context.Context, path string, log func(string)) error
}

var sources = append([]source{{"go-xla's release on GitHub", newGitHub().fetch}}, pypiSources()...)

func fetch(ctx context.Context, path string, sources []source, log func(string)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("plugin folder: %w", err)
	}
	removeLeftovers(filepath.Dir(path))
	var tried []string
	for _, s := range sources {
		log("fetching the XLA plugin: " + s.name)
		err := s.fetch(ctx, path, log)
		if err == nil {
			log("the XLA plugin is in " + path)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetching the XLA plugin: %w", ctx.Err())
		}
		log(fmt.Sprintf("not from %s: %v", s.name, err))
		tried = append(tried, fmt.Sprintf("%s: %v", s.name, err))
	}
	return errors.New(advice(path, tried))
}

// advice is the text for a person whom no source has served.
func advice(path string, tried []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "no XLA plugin for %s/%s, which training needs. Tried:\n", runtime.GOOS, runtime.GOARCH)
	for _, t := range tried {
		fmt.Fprintf(&b, "  - %s\n", strings.ReplaceAll(t, "\n", "\n    "))
	}
	wheel := wheels[0]
	fmt.Fprintf(&b, `Any of these helps, on this machine or on one with a network and copied over:
  curl -L https://github.com/gomlx/pjrt-cpu-binaries/releases/download/%[6]s/pjrt_cpu_%[7]s_%[8]s.tar.gz | tar xz -C %[1]s
  python3 -m pip download --no-deps -d wheel %[2]s==%[3]s && unzip -j -o wheel/*.whl '*/%[4]s' -d %[1]s
  export GOMLX_BACKEND=xla:/path/to/%[5]s     # one that is there already`,
		filepath.Dir(path), wheel.pkg, wheel.version, wheel.member, fileName, releaseVersion, runtime.GOOS, runtime.GOARCH)
	return b.String()
}

// tempPattern names what is being written beside the plugin.
const tempPattern = ".fetch-*"

// removeLeftovers removes what a killed fetch left; it is called under the lock.
func removeLeftovers(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, tempPattern))
	for _, name := range left {
		_ = os.RemoveAll(name)
	}
}
