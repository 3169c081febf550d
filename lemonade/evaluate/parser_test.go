package evaluate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

var image = arch.Shape{8, 8, 1}

// openParser opens only what parses: a worker, but no XLA.
func openParser(t *testing.T, o Options) *parser {
	t.Helper()
	o.ensureDefaults()
	o.Worker = worker(t)
	p := &parser{options: o}
	if err := p.warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.close(); noChildren(t) })
	return p
}

func TestParse(t *testing.T) {
	p := openParser(t, Options{})
	want, err := arch.Parse(smallProgram, image, 10)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.parse(t.Context(), smallProgram, image, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got.Network.Hash() != want.Network.Hash() || got.Recipe != want.Recipe || got.Source != smallProgram {
		t.Errorf("the worker's program differs:\n%+v\n%+v", got, want)
	}
	const wrong = "def network(x, classes):\n    return x + conv(x, 5, kernl = 3)\n"
	_, wantErr := arch.Parse(wrong, image, 10)
	if _, err := p.parse(t.Context(), wrong, image, 10); err == nil || wantErr == nil || err.Error() != wantErr.Error() || !errors.As(err, new(*ProgramError)) {
		t.Errorf("error %v\nwant, verbatim, %v", err, wantErr)
	}
}

// Programs that would harm this process if it ran them itself.
func TestHarmfulPrograms(t *testing.T) {
	const end = "\n    return dense(flatten(x), classes)\n"
	p := openParser(t, Options{})
	before := peak(t)
	for _, test := range []struct{ name, source, want string }{
		{"endless loop", "def network(x, classes):\n    for i in range(1000000000):\n        y = i" + end, "step"},
		{"few steps of long work", "def network(x, classes):\n    s = 'x' * 50000000\n    for i in range(100000):\n        s.count('y')" + end, "the program ran longer than 2s: "},
		{"string doubled for ever", "def network(x, classes):\n    s = 'x'\n    for i in range(100):\n        s = s + s" + end, "the program used more than 512 MiB of memory: "},
		// Collecting the garbage of so many small values takes long: either limit may come first.
		{"list trebled for ever", "def network(x, classes):\n    s = [0]\n    for i in range(100):\n        s = s + s + s" + end, "the program "},
		{"10^9 parameters", "def network(x, classes):\n    return dense(dense(dense(flatten(x), 31623), 31623), classes)\n", "parameters"},
		{"long error", "def network(x, classes):\n    fail('x' * 200000)\n", "xxx"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := p.parse(t.Context(), test.source, image, 10)
			if !errors.As(err, new(*ProgramError)) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %.300v, want a program error with %q", err, test.want)
			}
			if n := len(err.Error()); n > 10_000 {
				t.Errorf("the error has %d bytes", n)
			}
			t.Logf("%.200v", err)
			if _, err := p.parse(t.Context(), smallProgram, image, 10); err != nil {
				t.Errorf("the next program suffers: %v", err)
			}
		})
	}
	if grown := peak(t) - before; grown > 100<<20 {
		t.Errorf("this process's peak memory grew by %d MiB", grown>>20)
	}
}

// peak returns the most memory that this process ever held, in bytes.
func peak(t *testing.T) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Maxrss << 10
}

func TestParseConcurrently(t *testing.T) {
	p := openParser(t, Options{})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 10 {
				if _, err := p.parse(t.Context(), smallProgram, image, 10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
}

// A worker that dies while it is idle is replaced, and no program is blamed.
func TestParserIsReplaced(t *testing.T) {
	p := openParser(t, Options{})
	unix.Kill(p.child.pid, unix.SIGKILL)
	<-p.child.ended
	if _, err := p.parse(t.Context(), smallProgram, image, 10); err != nil {
		t.Error(err)
	}
}

func TestParseCancel(t *testing.T) {
	p := openParser(t, Options{ParseTime: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	const long = "def network(x, classes):\n    s = 'x' * 50000000\n    for i in range(100000):\n        s.count('y')\n"
	if _, err := p.parse(ctx, long, image, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
	if _, err := p.parse(t.Context(), smallProgram, image, 10); err != nil {
		t.Error(err)
	}
}

func BenchmarkParse(b *testing.B) {
	o := Options{Worker: worker(b)}
	o.ensureDefaults()
	p := &parser{options: o}
	defer p.close()
	for b.Loop() {
		if _, err := p.parse(b.Context(), smallProgram, image, 10); err != nil {
			b.Fatal(err)
		}
	}
}
