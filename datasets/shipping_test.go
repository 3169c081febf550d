package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shipment is a set with what is downloaded of it.
type shipment struct {
	source
	files  map[string][]byte // by the ends of their addresses
	tested string            // the one whose server misbehaves
	part   string            // where it goes in the cache as long as it is not whole
	url    func(server string) string
	made   []string // in the cache, at the end
}

func archiveOf(name string, raw []byte) archive {
	sum := sha256.Sum256(raw)
	return archive{url: "http://example.invalid/" + name, sha256: hex.EncodeToString(sum[:]), size: int64(len(raw))}
}

// zipShipment is EuroSAT with few pictures.
func zipShipment(t *testing.T) shipment {
	s := littleEuroSAT(t, true)
	raw, err := os.ReadFile(filepath.Join(os.Getenv(Env), s.zip()))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, "")
	s.archive = archiveOf("EuroSAT.zip", raw)
	pack := packOf("", s.info.Name)
	return shipment{s, map[string][]byte{"EuroSAT.zip": raw}, "EuroSAT.zip", "EuroSAT.zip.part",
		func(server string) string { return server + "/EuroSAT.zip" },
		[]string{pack, pack + ".files", pack + ".lock"}}
}

// filesShipment is Fashion-MNIST with few samples.
func filesShipment(t *testing.T) shipment {
	s, raw := littleFashion()
	t.Setenv(Env, "")
	files, made := map[string][]byte{}, []string{"fashion-mnist.lock"}
	for i, f := range s.files {
		z := zipped(raw[f.name])
		files[f.name+".gz"] = z
		s.files[i].archive = archiveOf(f.name+".gz", z)
		sum := sha256.Sum256(raw[f.name])
		s.files[i].content = hex.EncodeToString(sum[:])
		made = append(made, "fashion-mnist/"+f.name+".gz")
	}
	return shipment{s, files, "train-images-idx3-ubyte.gz", "fashion-mnist.part/train-images-idx3-ubyte.gz.part",
		func(server string) string { return server + "/" }, made}
}

// TestShipping downloads a zip and a set of several files from servers of all kinds.
func TestShipping(t *testing.T) {
	for title, make := range map[string]func(t *testing.T) shipment{"zip": zipShipment, "files": filesShipment} {
		t.Run(title, func(t *testing.T) {
			impatient(t)
			ship := make(t)
			raw := ship.files[ship.tested]
			damaged := flipped(raw, len(raw)/2)
			var flaky atomic.Int32
			for name, c := range map[string]struct {
				handle http.HandlerFunc
				left   []byte // of an earlier call
				want   string // in the error
			}{
				"good":                      {whole(raw), nil, ""},
				"resumes":                   {whole(raw), raw[:len(raw)/3], ""},
				"had all":                   {whole(raw), raw, ""},
				"breaks off and resumes":    {breaking(raw, len(raw)/6+1, true), nil, ""},
				"knows no ranges":           {breaking(raw, len(raw), false), raw[:99], ""},
				"breaks off without ranges": {breaking(raw, len(raw)/2, false), nil, "what has come is kept"},
				"redirects": {func(w http.ResponseWriter, r *http.Request) {
					if path.Base(path.Dir(r.URL.Path)) != "moved" {
						http.Redirect(w, r, "/moved/"+path.Base(r.URL.Path), http.StatusFound)
						return
					}
					whole(raw)(w, r)
				}, raw[:len(raw)/3], ""},
				"is slow": {func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
					for chunk := range slices.Chunk(raw, len(raw)/5+1) {
						w.Write(chunk)
						w.(http.Flusher).Flush()
						time.Sleep(fetchStall / 4)
					}
				}, nil, ""},
				"calls the file an encoding": {func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Encoding", "gzip")
					whole(raw)(w, r)
				}, nil, ""},
				"is busy at first": {func(w http.ResponseWriter, r *http.Request) {
					if flaky.Add(1) < 3 {
						w.WriteHeader(http.StatusTooManyRequests)
						return
					}
					whole(raw)(w, r)
				}, nil, ""},
				"never answers": {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, "no byte came for"},
				"promises more": {func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "99999")
					w.Write(raw[:9])
				}, nil, "unexpected EOF"},
				"promises less": {func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "100")
					w.Write(raw[:100])
				}, nil, "has 100 bytes and the SHA-256"},
				"sends too much":       {whole(append(bytes.Clone(raw), 0)), nil, "more than the"},
				"wrong checksum":       {whole(damaged), nil, "damaged on the way"},
				"resumes another file": {whole(raw), damaged[:len(raw)/2+1], "damaged on the way"},
				"not found":            {http.NotFound, nil, "404 Not Found"},
			} {
				t.Run(name, func(t *testing.T) { ship.test(t, c.handle, c.left, c.want) })
			}
		})
	}
}

func (ship shipment) test(t *testing.T, handle http.HandlerFunc, left []byte, want string) {
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		if name == ship.tested {
			handle(w, r)
			return
		}
		whole(ship.files[name])(w, r)
	})
	p := testPrep(t)
	p.url = ship.url(o.URL)
	if left != nil {
		save(t, filepath.Join(p.cache, ship.part), left)
	}
	ref, err := ship.prepare(p)
	if want != "" {
		for _, want := range []string{want, o.URL, "try again, or put"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not say %q", err, want)
			}
		}
		if dir, ok := ship.find(p.cache); ok {
			t.Errorf("%s is there all the same", dir)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	set, err := ship.load(ref)
	if err != nil || set.content != ref.Fingerprint || len(ref.Notes) > 0 {
		t.Errorf("%v, %+v", err, ref)
	}
	var made []string
	err = filepath.Walk(p.cache, func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(p.cache, name)
			made = append(made, rel)
		}
		return err
	})
	if slices.Sort(made); err != nil || !slices.Equal(made, slices.Sorted(slices.Values(ship.made))) {
		t.Errorf("the cache holds %q, %v, want %q", made, err, ship.made)
	}
	o.Close()
	if again, err := ship.prepare(p); err != nil || again.Fingerprint != ref.Fingerprint {
		t.Errorf("prepared again: %+v, %v", again, err)
	}
	if dir, ok := ship.find(p.cache); !ok || dir != ref.Dir {
		t.Errorf("found at %s", dir)
	}
}

// TestShippingDamagedInTheCache: what was changed since it came is not used.
func TestShippingDamagedInTheCache(t *testing.T) {
	for title, make := range map[string]func(t *testing.T) shipment{"zip": zipShipment, "files": filesShipment} {
		t.Run(title, func(t *testing.T) {
			impatient(t)
			ship := make(t)
			o := serve(t, func(w http.ResponseWriter, r *http.Request) { whole(ship.files[path.Base(r.URL.Path)])(w, r) })
			p := testPrep(t)
			p.url = ship.url(o.URL)
			ref, err := ship.prepare(p)
			if err != nil {
				t.Fatal(err)
			}
			name := ref.Dir
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				name = filepath.Join(name, "train-labels-idx1-ubyte.gz")
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			save(t, name, flipped(raw, len(raw)/2))
			if _, err := ship.prepare(p); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "remove") {
				t.Errorf("prepared again: %v", err)
			}
			if _, err := ship.load(ref); err == nil {
				t.Error("but it can be loaded")
			}
		})
	}
}

// TestSecondAddress takes the publisher's other address where the first one fails.
func TestSecondAddress(t *testing.T) {
	impatient(t)
	ship := filesShipment(t)
	s := ship.source.(idxSet)
	good := serve(t, func(w http.ResponseWriter, r *http.Request) { whole(ship.files[path.Base(r.URL.Path)])(w, r) })
	gone := serve(t, http.NotFound)
	for i := range s.files {
		a := &s.files[i].archive
		a.url, a.also = gone.URL+"/"+s.files[i].name+".gz", good.URL+"/"+s.files[i].name+".gz"
	}
	if _, err := s.prepare(testPrep(t)); err != nil || len(good.asked()) != 4 || len(gone.asked()) != 4 {
		t.Errorf("%v; %d and %d requests", err, len(gone.asked()), len(good.asked()))
	}
	good.Config.Handler = gone.Config.Handler
	if _, err := s.prepare(testPrep(t)); err == nil || !strings.Contains(err.Error(), gone.URL) || !strings.Contains(err.Error(), good.URL) {
		t.Errorf("both fail: %v", err)
	}
}

// TestTwoProcesses has two processes prepare the same set: one downloads it, and both
// get it.
func TestTwoProcesses(t *testing.T) {
	impatient(t)
	ship := filesShipment(t)
	if server := os.Getenv("LEMONADE_TEST_SERVER"); server != "" { // one of the two
		p := testPrep(t)
		p.cache, p.url = os.Getenv("LEMONADE_TEST_CACHE"), server
		ref, err := ship.prepare(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ship.load(ref); err != nil {
			t.Fatal(err)
		}
		return
	}
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		whole(ship.files[path.Base(r.URL.Path)])(w, r)
	})
	cache := t.TempDir()
	var both []*exec.Cmd
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
		c.Env = append(os.Environ(), "LEMONADE_TEST_SERVER="+o.URL, "LEMONADE_TEST_CACHE="+cache)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		both = append(both, c)
	}
	for _, c := range both {
		if err := c.Wait(); err != nil {
			t.Errorf("a process failed: %v", err)
		}
	}
	if n := len(o.asked()); n != 4 {
		t.Errorf("%d downloads of 4 files", n)
	}
}
