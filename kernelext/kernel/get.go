package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// autoGet decides for which cells GoNB runs go get. That asks the module proxy for
// the versions of everything that a cell needs, which for one that imports Lemonade
// takes a second and some fifty requests, and longer without a network; and what
// Lemonade needs is there already.
type autoGet struct {
	known []string // modules that are there
	off   bool     // as GoNB has it
	left  bool     // to whoever writes the cells: one of them has said so
}

var (
	required = regexp.MustCompile(`(?m)^(?:require)?\s+([\w.-]+/\S+) v\S+`)
	imported = regexp.MustCompile("[\"`]([\\w-]+(?:\\.[\\w-]+)+/[\\w./~-]+)[\"`]")
	getLine  = regexp.MustCompile(`(?m)^(?://gonb:)?%(?:no)?autoget\b`)
)

// newAutoGet knows the modules that the one in the folder source requires.
func newAutoGet(source string) autoGet {
	a := autoGet{known: []string{"github.com/lemo-nade/lemonade"}}
	text, _ := os.ReadFile(filepath.Join(source, "go.mod")) // without it go get runs a bit more often
	for _, r := range required.FindAllSubmatch(text, -1) {
		a.known = append(a.known, string(r[1]))
	}
	return a
}

// before returns the line that GoNB is to have before a cell, or "".
func (a *autoGet) before(code string) string {
	a.left = a.left || getLine.MatchString(code)
	off := !slices.ContainsFunc(imported.FindAllStringSubmatch(code, -1), func(found []string) bool { return !a.has(found[1]) })
	if a.left || off == a.off {
		return ""
	}
	a.off = off
	if off {
		return "%noautoget"
	}
	return "%autoget"
}

// has reports whether the package of that path is of a known module.
func (a *autoGet) has(path string) bool {
	return slices.ContainsFunc(a.known, func(module string) bool { return path == module || strings.HasPrefix(path, module+"/") })
}
