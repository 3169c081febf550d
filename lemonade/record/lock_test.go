package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"cifar":                   "",
		"Energy of CIFAR-10_v1.2": "",
		"7":                       "",
		"Größe 测试":                "",
		"a..b":                    "",
		strings.Repeat("x", 100):  "",
		"":                        "needs a name",
		strings.Repeat("x", 101):  "too long (101 characters",
		strings.Repeat("测", 81):   "81 characters, 243 bytes",
		".":                       "begins with '.'",
		"..":                      "begins with '.'",
		".hidden":                 "begins with '.'",
		"-rf":                     "begins with '-'",
		" a":                      "begins with ' '",
		"a ":                      "ends with a space",
		"a/b":                     "contains '/'",
		"a\\b":                    `contains '\\'`,
		"a\x00b":                  `contains '\x00'`,
		"a\nb":                    `contains '\n'`,
		"a:b":                     "contains ':'",
		"a\xff":                   "not UTF-8",
	} {
		err := CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	s := open(t, t.TempDir())
	if err := s.CreateStudy(ctx, Study{Name: "a/b"}); err == nil {
		t.Error("a study with a bad name can be created")
	}
	if _, err := s.Run("../a"); err == nil {
		t.Error("a study with a bad name can be run")
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	name := strings.Repeat("测", 80)
	unlock, err := s.Run(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, second := range []*Store{s, other} {
		if _, err := second.Run(name); !errors.Is(err, ErrRunning) {
			t.Errorf("run twice: %v", err)
		}
	}
	free, err := other.Run("another")
	if err != nil {
		t.Errorf("another study: %v", err)
	}
	if err := errors.Join(unlock(), free()); err != nil {
		t.Error(err)
	}
	unlock, err = other.Run(name)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "locks", name+".lock")); err != nil {
		t.Error(err)
	}
}
