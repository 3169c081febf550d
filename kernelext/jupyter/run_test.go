package jupyter

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCopyNotebook holds that a copy can read what the notebook reads beside it, and
// that no other notebook comes along.
func TestCopyNotebook(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "notebooks")
	write := func(name string) {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("this is "+name), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	write("a.ipynb")
	if err := copyNotebook(filepath.Join(from, "a.ipynb"), filepath.Join(to, "a.ipynb")); err != nil {
		t.Fatalf("without a folder of data: %v", err)
	}
	write("b.ipynb")
	write("data/study.zip")
	write("data/deep/other.zip")
	want := map[string]string{"a.ipynb": "this is a.ipynb", "data/study.zip": "this is data/study.zip"}
	for range 2 { // what is there already is written again
		if err := copyNotebook(filepath.Join(from, "a.ipynb"), filepath.Join(to, "a.ipynb")); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, name := range slices.Collect(maps.Keys(want)) {
			text, err := os.ReadFile(filepath.Join(to, name))
			if err != nil {
				t.Error(err)
			}
			got[name] = string(text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the copy (-want +got):\n%s", diff)
		}
	}
	for _, other := range []string{"b.ipynb", "data/deep"} {
		if _, err := os.Stat(filepath.Join(to, other)); err == nil {
			t.Errorf("%s came along", other)
		}
	}
}
