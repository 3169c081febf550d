package plugin

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// wheel is a Python package with a PJRT CPU plugin in it, at a pinned version.
type wheel struct {
	pkg, version string
	member       string // base name of the shared library in it
	sha256       string // of that library, hexadecimal; recorded from wheels that were seen to load and train
}

// wheels are for Linux on x86-64 (manylinux_2_27). The first is of the same XLA
// as jaxlib 0.11.2, under the Apache licence 2.0.
var wheels = []wheel{
	{"lammps-jax-pjrt-cpu", "0.11.2", "pjrt_c_api_cpu_plugin.so", "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2"},
	{"fastatomstruct-xla-cpu", "2026.6.23", "libpjrt_cpu.so", "0a0fe56ca17be9efc7b942e89e534e5e0ad4a0f1e369b66d27b62184509015b9"},
}

// pipLimit bounds one pip command; the wheels are some 60 to 90 MB.
const pipLimit = 15 * time.Minute

func pypiSources() []source {
	var list []source
	for _, w := range wheels {
		list = append(list, source{"PyPI wheel " + w.pkg + "==" + w.version, w.fetch})
	}
	return list
}

func (w wheel) fetch(ctx context.Context, path string, log func(string)) error {
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		return fmt.Errorf("there is no wheel for %s", platform)
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), tempPattern)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	python, err := pip(ctx, temp)
	if err != nil {
		return err
	}
	if err := run(ctx, python, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet",
		"--no-deps", "--only-binary=:all:", "-d", temp, w.pkg+"=="+w.version); err != nil {
		return err
	}
	found, _ := filepath.Glob(filepath.Join(temp, "*.whl"))
	if len(found) != 1 {
		return fmt.Errorf("pip download left %d wheels, not one", len(found))
	}
	library := filepath.Join(temp, w.member)
	sum, err := extract(found[0], w.member, library)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(found[0]), err)
	}
	if sum != w.sha256 {
		return fmt.Errorf("%s in %s has SHA-256 %s, not the recorded %s: it is not used", w.member, filepath.Base(found[0]), sum, w.sha256)
	}
	return os.Rename(library, path)
}

// pip returns a python3 that has pip: the one on the PATH, else, for Debian's
// comes without, a virtual environment of it in temp.
func pip(ctx context.Context, temp string) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 is not on the PATH; install Python 3 with venv, for example: sudo apt-get install python3-venv")
	}
	noPip := run(ctx, python, "-m", "pip", "--version")
	if noPip == nil {
		return python, nil
	}
	venv := filepath.Join(temp, "venv")
	if err := run(ctx, python, "-m", "venv", venv); err != nil {
		return "", fmt.Errorf("python3 has neither pip nor venv, for example: sudo apt-get install python3-venv\n%w\n%w", noPip, err)
	}
	return filepath.Join(venv, "bin", "python3"), nil
}

// run runs a command; its error holds the last lines of what it printed.
func run(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, pipLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	const keep = 3
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-keep):]
	return fmt.Errorf("%s: %w: %s", strings.Join(append([]string{filepath.Base(name)}, args[:min(3, len(args))]...), " "), err, redact(strings.Join(lines, "\n")))
}

// redact hides the user and password of addresses, which a pip set up for a
// private index prints in its messages.
func redact(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(rest, "/ \n'\",")
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
			b.WriteString("***")
			rest = rest[at:]
		}
		text = rest
	}
}

// extract writes the one file of that base name in the zip archive to path, and
// returns its SHA-256.
func extract(archive, base, path string) (string, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return "", err
	}
	defer z.Close()
	var members []*zip.File
	for _, f := range z.File {
		if f.Name == base || strings.HasSuffix(f.Name, "/"+base) {
			members = append(members, f)
		}
	}
	if len(members) != 1 {
		return "", fmt.Errorf("it holds %d files named %s, not one", len(members), base)
	}
	in, err := members[0].Open()
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	defer out.Close()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, sum), in); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), out.Close()
}
