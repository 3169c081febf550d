package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// origin serves an archive in the way a test says and remembers the ranges
// that were asked for.
type origin struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string
}

// asked returns the Range headers so far.
func (o *origin) asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ranges)
}

func serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request)) *origin {
	t.Helper()
	o := &origin{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.ranges = append(o.ranges, r.Header.Get("Range"))
		o.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// impatient shortens the waits of a download.
func impatient(t *testing.T) {
	pause, stall := fetchPause, fetchStall
	fetchPause, fetchStall = time.Millisecond, 300*time.Millisecond
	t.Cleanup(func() { fetchPause, fetchStall = pause, stall })
	t.Setenv(Env, "")
}

// whole serves raw as a good server does, ranges included.
func whole(raw []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.tar.gz", time.Time{}, bytes.NewReader(raw))
	}
}

// breaking announces all that is asked for and breaks off after n bytes.
func breaking(raw []byte, n int, honoursRange bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if honoursRange && r.Header.Get("Range") != "" {
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(raw)-1, len(raw)))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(raw)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(raw[from:min(from+n, len(raw))])
	}
}

func TestDownload(t *testing.T) {
	impatient(t)
	b := little(20)
	raw, arch := pack(t, b.members())
	arch.url = "https://example.invalid/" + "cifar-10-binary.tar.gz"
	b.archive = arch
	other, _ := pack(t, []member{{name: "other", content: bytes.Repeat([]byte("no"), 99)}})
	damaged := bytes.Clone(raw)
	damaged[len(damaged)/2] ^= 1
	var flaky atomic.Int32

	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		left   []byte // of an earlier call
		asks   int    // requests in all; 0 is any number
		want   string // in the error
	}{
		{"good", whole(raw), nil, 1, ""},
		{"resumes", whole(raw), raw[:len(raw)/3], 1, ""},
		{"had all", whole(raw), raw, 0, ""},
		{"breaks off and resumes", breaking(raw, len(raw)/8, true), nil, 0, ""},
		{"knows no ranges", breaking(raw, len(raw), false), raw[:99], 1, ""},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/moved" {
				http.Redirect(w, r, "/moved", http.StatusFound)
				return
			}
			whole(raw)(w, r)
		}, nil, 2, ""},
		{"is busy at first", func(w http.ResponseWriter, r *http.Request) {
			if flaky.Add(1) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			whole(raw)(w, r)
		}, nil, 3, ""},
		{"answers another range", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(raw)))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(raw[:10])
				return
			}
			whole(raw)(w, r)
		}, raw[:500], 2, ""},
		{"breaks off without ranges", breaking(raw, len(raw)/2, false), nil, 5, "what has come is kept"},
		{"never answers", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, 5, "no byte came for"},
		{"promises more than it has", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(2*len(other)))
			w.Write(other)
		}, nil, 0, "unexpected EOF"},
		{"promises less than it has", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write(raw[:100])
		}, nil, 1, "has 100 bytes and the SHA-256"},
		{"sends too much", whole(append(bytes.Clone(raw), 0)), nil, 1, "more than the"},
		{"wrong checksum", whole(damaged), nil, 1, arch.sha256},
		{"old part of another file", whole(raw), other[:50], 1, "damaged on the way"},
		{"another file", whole(other), nil, 1, "damaged on the way"},
		{"not found", http.NotFound, nil, 1, "404 Not Found"},
		{"redirects for ever", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, nil, 0, "stopped after 10 redirects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := serve(t, c.handle)
			p := testPrep(t)
			p.url = o.URL + "/cifar-10-binary.tar.gz"
			part := filepath.Join(p.cache, "cifar-10-binary.tar.gz.part")
			if c.left != nil {
				put(t, p.cache, map[string][]byte{filepath.Base(part): c.left})
			}
			var last int64
			p.tell = func(done, total int64, what string) { last = done }
			ref, err := b.prepare(p)
			if asked := o.asked(); c.asks != 0 && len(asked) != c.asks {
				t.Errorf("%d requests %q, want %d", len(asked), asked, c.asks)
			}
			if c.want != "" {
				for _, want := range []string{c.want, o.URL, "set LEMONADE_DATA to it"} {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %q does not say %q", err, want)
					}
				}
				if _, err := os.Stat(filepath.Join(p.cache, b.folder)); err == nil {
					t.Error("the folder is there all the same")
				}
				if strings.Contains(c.want, "SHA") || strings.Contains(c.want, "damaged") {
					if _, err := os.Stat(part); err == nil {
						t.Error("the wrong file was kept")
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if last == 0 {
				t.Error("no progress was told")
			}
			if c.name == "resumes" && o.asked()[0] != fmt.Sprintf("bytes=%d-", len(c.left)) {
				t.Errorf("it asked for %q", o.asked()[0])
			}
			set, err := b.load(ref)
			if err != nil || set.Train.Len() != 100 {
				t.Fatalf("%v, %v", set, err)
			}
			checkCached(t, b, p, ref)
		})
	}
}

// checkCached prepares again from the cache, then damages it.
func checkCached(t *testing.T, b batches, p prep, ref Ref) {
	t.Helper()
	entries, err := os.ReadDir(p.cache)
	if err != nil || len(entries) != 2 { // the folder and the lock
		t.Errorf("the cache holds %v, %v", entries, err)
	}
	p.url = "http://127.0.0.1:1/" // a download would fail
	again, err := b.prepare(p)
	if err != nil || again.Fingerprint != ref.Fingerprint || again.Dir != ref.Dir {
		t.Errorf("prepared again: %+v, %v; at first %+v", again, err, ref)
	}
	name := filepath.Join(ref.Dir, "data_batch_1.bin")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 1
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = b.prepare(p)
	if err == nil || !strings.Contains(err.Error(), "data_batch_1.bin has the SHA-256") || !strings.Contains(err.Error(), "remove "+ref.Dir) {
		t.Errorf("a changed file in the cache: %v", err)
	}
}

// TestDownloadOnce: of many that prepare at once, one downloads.
func TestDownloadOnce(t *testing.T) {
	impatient(t)
	b := little(20)
	raw, arch := pack(t, b.members())
	b.archive = arch
	o := serve(t, whole(raw))
	b.archive.url = o.URL + "/cifar-10-binary.tar.gz"
	p := testPrep(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := b.prepare(p); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(o.asked()); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

func TestDownloadCancelled(t *testing.T) {
	impatient(t)
	b := little(20)
	raw, arch := pack(t, b.members())
	b.archive = arch
	p := testPrep(t)
	ctx, cancel := context.WithCancel(context.Background())
	p.ctx = ctx
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(raw[:1000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	p.url = o.URL + "/x.tar.gz"
	if _, err := b.prepare(p); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
