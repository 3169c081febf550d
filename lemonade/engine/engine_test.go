package engine

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/home"
)

// start opens the one engine of this process, with a plugin that is found or
// fetched. Without one the test fails: it cannot say anything about the engine.
var start = sync.OnceValues(func() (*Engine, error) {
	dir, err := home.Dir()
	if err != nil {
		return nil, err
	}
	backend, err := plugin.Ensure(context.Background(), filepath.Join(dir, "plugins"), func(string) {})
	if err != nil {
		return nil, err
	}
	return Open(backend)
})

func testEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := start()
	if err != nil {
		t.Fatalf("no XLA backend to test with: %v", err)
	}
	return e
}

// digits returns the embedded set of small images of digits.
func digits(t testing.TB) *datasets.Set {
	t.Helper()
	ref, err := datasets.Prepare(t.Context(), "digits", datasets.Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	set, err := datasets.Load(ref)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// parse runs an architecture program.
func parse(t testing.TB, source string, input arch.Input, classes int) *arch.Program {
	t.Helper()
	program, err := arch.Parse(source, input, classes)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestSynchronize demands that waiting for the device works again and again, and
// takes little time beside a window of energy.
func TestSynchronize(t *testing.T) {
	e := testEngine(t)
	if err := e.Synchronize(); err != nil {
		t.Fatal(err)
	}
	const calls = 100
	began := time.Now()
	for range calls {
		if err := e.Synchronize(); err != nil {
			t.Fatal(err)
		}
	}
	if each := time.Since(began) / calls; each > 10*time.Millisecond {
		t.Errorf("one call takes %v", each)
	}
}
