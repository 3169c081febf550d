package home

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	workerPrefix = "lemonade-worker-"
	keepWorkers  = 2 // the newest builds, so that two clones in turn do not rebuild each time
	buildTries   = 3 // builds before giving up on a source that changes while it is compiled
)

// Worker returns the path of the worker binary: LEMONADE_WORKER if set, else the
// build of the module's own source, made on first use (about a minute with cold
// caches) into bin/ of the data folder under a name with the hash of that source.
// Callers that come meanwhile wait for it. log, which may be nil, is told each
// line of what happens. Older builds are removed unless a process of this or
// another program has asked for them and still runs.
func Worker(ctx context.Context, log func(string)) (string, error) {
	if log == nil {
		log = func(string) {}
	}
	if path := os.Getenv("LEMONADE_WORKER"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("LEMONADE_WORKER=%s: %w; unset it to have the worker built", path, err)
		}
		return filepath.Abs(found)
	}
	module, err := Module()
	if err != nil {
		return "", err
	}
	bin, err := folder("bin")
	if err != nil {
		return "", err
	}
	unlock, err := Lock(ctx, "worker", func() {
		log("waiting for " + Holder("worker") + ", which builds the worker")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	hash, err := sourceHash(module, workerPackage)
	if err != nil {
		return "", err
	}
	path := filepath.Join(bin, workerPrefix+hash)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		if path, err = buildWorker(ctx, module, bin, hash, log); err != nil {
			return "", err
		}
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // the last used are the ones to keep
	if err := claim(path); err != nil {
		return "", err
	}
	removeOld(bin, path)
	return path, nil
}

// buildWorker builds the worker and returns its path. Where the source changed
// during the build it builds again, for the binary must be what its name says.
func buildWorker(ctx context.Context, module, bin, hash string, log func(string)) (string, error) {
	for range buildTries {
		log("building the worker from " + module + " (the first time takes a minute or two)")
		start := time.Now()
		// Named by the hash, under the lock: what an interrupted build left is overwritten.
		temp := filepath.Join(bin, ".build-"+hash)
		if err := goBuild(ctx, module, temp, log); err != nil {
			_ = os.Remove(temp)
			return "", err
		}
		after, err := sourceHash(module, workerPackage)
		if err != nil {
			_ = os.Remove(temp)
			return "", err
		}
		if after == hash {
			path := filepath.Join(bin, workerPrefix+hash)
			if err := os.Rename(temp, path); err != nil {
				return "", fmt.Errorf("worker: %w", err)
			}
			log(fmt.Sprintf("built the worker in %.0f s", time.Since(start).Seconds()))
			return path, nil
		}
		_ = os.Remove(temp)
		log("the source changed during the build; building again")
		hash = after
	}
	return "", fmt.Errorf("worker: the source in %s kept changing during %d builds; try again when it rests", module, buildTries)
}

// goBuild runs go build in the module's folder, which may be read-only. GOFLAGS
// and the rest of the environment count, but a go.work that includes the module
// must not: the worker is the same for everyone. XLA needs cgo.
func goBuild(ctx context.Context, module, out string, log func(string)) error {
	goTool, err := goCommand()
	if err != nil {
		return fmt.Errorf("the worker cannot be built: %w; or set LEMONADE_WORKER to a worker binary", err)
	}
	cmd := exec.CommandContext(ctx, goTool, "build", "-o", out, "./"+workerPackage)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "PWD="+module, "GOWORK=off", "CGO_ENABLED=1", "GOOS=", "GOARCH=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go removes its work folder
	cmd.WaitDelay = 5 * time.Second
	var output strings.Builder
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "go: ") { // a download; warnings of C compilers are of use only in an error
				log(lines.Text())
			}
			output.WriteString(lines.Text() + "\n")
		}
		_, _ = io.Copy(io.Discard, r) // past a line too long, never block the build
	})
	err = cmd.Run()
	_ = w.Close()
	reading.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("building the worker: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("building the worker in %s: go build: %w\n%s%s", module, err, output.String(), buildAdvice(output.String()))
	}
	return nil
}

// buildAdvice says what to do about a failed build.
func buildAdvice(output string) string {
	for _, advice := range []struct{ sign, text string }{
		{"C compiler", "A C compiler is needed: install gcc, for example with: sudo apt-get install gcc libc6-dev"},
		{"stdlib.h", "The C library's headers are needed, for example: sudo apt-get install libc6-dev"},
		{"toolchain not available", "A newer Go is needed: install it from https://go.dev/dl/"},
		{"no space left", "Free some disk space, or set GOCACHE and LEMONADE_HOME to folders on another disk."},
		{"dial tcp", "Modules could not be downloaded: check the network, or set GOPROXY."},
		{"missing go.sum entry", "The module's go.sum is incomplete: run go mod tidy in it."},
	} {
		if strings.Contains(output, advice.sign) {
			return advice.text
		}
	}
	return "Mend the build, or set LEMONADE_WORKER to a worker binary."
}

// claimed are the shared locks by which this process says that it may run a
// worker binary again; held until it ends.
var claimed = struct {
	sync.Mutex
	locks map[string]*flock.Flock
}{locks: map[string]*flock.Flock{}}

func claim(worker string) error {
	claimed.Lock()
	defer claimed.Unlock()
	if claimed.locks[worker] != nil {
		return nil
	}
	path, err := lockPath(filepath.Base(worker))
	if err != nil {
		return err
	}
	lock := flock.New(path, flock.SetPermissions(0o644))
	got, err := lock.TryRLock()
	if err == nil && !got {
		err = errors.New("held by another process")
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	claimed.locks[worker] = lock
	return nil
}

// removeOld removes the worker binaries in bin that are neither current, nor
// among the last used, nor claimed by a process. It is called under the lock
// "worker", as every claim is made, so that nothing is claimed meanwhile.
func removeOld(bin, current string) {
	type build struct {
		path string
		used time.Time
	}
	var builds []build
	entries, _ := os.ReadDir(bin)
	for _, e := range entries {
		path := filepath.Join(bin, e.Name())
		if strings.HasPrefix(e.Name(), ".build-") {
			_ = os.Remove(path) // left by a build that was killed
		}
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), workerPrefix) && path != current {
			builds = append(builds, build{path, info.ModTime()})
		}
	}
	slices.SortFunc(builds, func(a, b build) int { return b.used.Compare(a.used) })
	for _, b := range builds[min(keepWorkers-1, len(builds)):] {
		path, err := lockPath(filepath.Base(b.path))
		if err != nil {
			continue
		}
		lock := flock.New(path)
		if got, err := lock.TryLock(); err == nil && got {
			_ = os.Remove(b.path)
			_ = os.Remove(path)
		}
		_ = lock.Close()
	}
}
