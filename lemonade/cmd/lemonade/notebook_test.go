package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestNotebookList(t *testing.T) {
	out, err := terminal(t, "notebook")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("../../../notebooks/*.ipynb")
	if err != nil || len(all) == 0 {
		t.Fatalf("no notebooks (%v)", err)
	}
	for _, path := range all {
		name := strings.TrimSuffix(filepath.Base(path), ".ipynb")
		if !regexp.MustCompile(`(?m)^` + name + ` +\S.*\n +\S`).MatchString(out) {
			t.Errorf("%s is not listed with its title and a sentence:\n%s", name, out)
		}
	}
}

// saved is a notebook that was saved with an output that running it would not give.
const saved = `{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "lemonade", "display_name": "Go (Lemonade)"}}, "cells": [
	{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A test\n\n**Settings**\n\n| name | what | default |\n|---|---|---|\n| ` + "`LEMONADE_TEST_WORD`" + ` | said | none |\n"},
	{"cell_type": "code", "id": "b", "metadata": {}, "source": "!echo the word is $LEMONADE_TEST_WORD", "execution_count": 7,
		"outputs": [{"output_type": "stream", "name": "stdout", "text": "said long ago"}]}]}`

// TestNotebookRunAndExport holds what tells running a notebook from exporting it.
func TestNotebookRunAndExport(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "test.ipynb")
	if err := os.WriteFile(path, []byte(saved), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LEMONADE_TEST_WORD", "") // restores what --set sets
	for _, test := range []struct {
		args       []string
		says, left string
	}{
		{[]string{"--html", "--out", dir}, "said long ago", "the word is lemon"},
		{[]string{"--set", "LEMONADE_TEST_WORD=lemon", "--out", filepath.Join(dir, "out")}, "the word is lemon", "said long ago"},
	} {
		out, err := terminal(t, append([]string{"notebook", path}, test.args...)...)
		if err != nil {
			t.Fatalf("%q: %v", test.args, err)
		}
		paths := regexp.MustCompile(`(?m)^(?:page|notebook): +(\S+)$`).FindAllStringSubmatch(out, -1)
		if len(paths) == 0 {
			t.Fatalf("%q names no file: %s", test.args, out)
		}
		for _, p := range paths {
			text, err := os.ReadFile(p[1])
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), test.says) || strings.Contains(string(text), test.left) {
				t.Errorf("%q: %s does not say %q, or says %q", test.args, p[1], test.says, test.left)
			}
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != saved {
		t.Errorf("the notebook itself was changed (%v)", err)
	}
	if _, err := terminal(t, "notebook", path, "--out", dir); err == nil || !strings.Contains(err.Error(), "own folder") {
		t.Errorf("error %v, want one that says that the notebook would be replaced", err)
	}
}
