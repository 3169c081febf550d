package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// parseOptions reads what follows the scheme in a spec, PATH?KEY=VALUE&KEY=VALUE: it
// hands each option to set and returns the path.
func parseOptions(rest string, set func(key, value string) error) (path string, err error) {
	path, query, _ := strings.Cut(rest, "?")
	if path, err = unescape(path); err != nil {
		return "", err
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if value, err = unescape(value); err != nil {
			return "", err
		}
		if seen[key] {
			return "", fmt.Errorf("%s is given twice", key)
		}
		seen[key] = true
		if value == "" {
			return "", fmt.Errorf("%s has no value: write %s=VALUE", key, key)
		}
		if err := set(key, value); err != nil {
			return "", err
		}
	}
	return path, nil
}

// optionText writes options as they stand in a spec.
type optionText []string

// add adds an option, unless it has the value that it has anyway.
func (t *optionText) add(key, value, usual string) {
	if value != usual {
		*t = append(*t, key+"="+escape(value, "%&"))
	}
}

func (t optionText) String() string {
	if len(t) == 0 {
		return ""
	}
	return "?" + strings.Join(t, "&")
}

// absolute is a path that means the same everywhere on this machine; ~/ is the home
// folder.
func absolute(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, rest)
	}
	return filepath.Abs(path)
}

// escape writes the given characters as % and two hex digits.
func escape(text, special string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", fmt.Errorf("%q ends in the middle of a %% and two hex digits: a %% itself is written %%25", text)
		}
		c, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%%%s in %q are no two hex digits: a %% itself is written %%25", text[i+1:i+3], text)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// countOf reads a positive number.
func countOf(key, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s: %q is no positive number", key, value)
	}
	return n, nil
}

func inBounds(key string, n, most int) error {
	if n < 1 || n > most {
		return fmt.Errorf("%s: %d is not between 1 and %d", key, n, most)
	}
	return nil
}

// kindOf is the name of a set, or the scheme of a spec, without what follows.
func kindOf(name string) string {
	if i := strings.IndexAny(name, ":?"); i >= 0 {
		return name[:i]
	}
	return name
}
