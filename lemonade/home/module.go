package home

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// modulePath is the path of the module that this package belongs to.
const modulePath = "github.com/lemo-nade/lemonade"

// Module returns the folder of the module's own source: LEMONADE_SOURCE if set,
// else the folder that this package was compiled from, else (the program was
// built with -trimpath, or the source has moved since) what the go command knows
// about the module in the working folder.
func Module() (string, error) {
	if dir := os.Getenv("LEMONADE_SOURCE"); dir != "" {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("LEMONADE_SOURCE: %w", err)
		}
		if err := checkModule(dir); err != nil {
			return "", fmt.Errorf("LEMONADE_SOURCE=%s: %w", dir, err)
		}
		return dir, nil
	}
	var compiled string // <module>/lemonade/home/module.go
	if _, file, _, ok := runtime.Caller(0); ok {
		compiled = filepath.Dir(filepath.Dir(filepath.Dir(filepath.FromSlash(file))))
		if filepath.IsAbs(compiled) && checkModule(compiled) == nil {
			return compiled, nil
		}
	}
	listed, err := listModule()
	if err != nil {
		return "", fmt.Errorf("the source of Lemonade was not found (compiled from %s; %w); set LEMONADE_SOURCE to a clone of %s, or LEMONADE_WORKER to a worker binary",
			compiled, err, modulePath)
	}
	return listed, nil
}

func listModule() (string, error) {
	goTool, err := goCommand()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(goTool, "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return "", fmt.Errorf("go list -m: %s", strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("go list -m: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", errors.New("go list -m: the module is not downloaded: run go mod download " + modulePath)
	}
	return dir, checkModule(dir)
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?` + regexp.QuoteMeta(modulePath) + `"?\s*(//.*)?$`)

// checkModule says what keeps dir from being the module's folder.
func checkModule(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	if !moduleLine.Match(b) {
		return fmt.Errorf("%s is not the go.mod of %s", filepath.Join(dir, "go.mod"), modulePath)
	}
	return nil
}

// goCommand returns the go command. A kernel or a desktop often starts without
// the login shell's PATH, so that the usual places are tried too.
func goCommand() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	for _, root := range []string{os.Getenv("GOROOT"), "/usr/local/go", "/usr/lib/go"} {
		if root == "" {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(root, "bin", "go")); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the go command is not on the PATH: install Go from https://go.dev/dl/ and add its bin folder to PATH")
}
