package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// fakePython puts a python3 on the PATH whose `-m pip download` brings the given
// archive, and nothing else.
func fakePython(t *testing.T, root string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	archive := write(t, filepath.Join(root, "archive.whl"), b.String())
	write(t, filepath.Join(root, "bin/python3"), `#!/bin/sh
case "$*" in
"-m pip --version") exit 0 ;;
"-m pip download "*) while [ "$1" != -d ]; do shift; done; /bin/cp `+archive+` "$2/x-1-py3-none-any.whl" ;;
*) exit 9 ;;
esac
`)
}

func TestWheel(t *testing.T) {
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("no wheel for this platform")
	}
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string // in the error; "" for success
	}{
		{"good", map[string]string{"x/lib.so": "plugin", "x/__init__.py": ""}, ""},
		{"other contents", map[string]string{"x/lib.so": "malicious"}, "SHA-256 " + sum("malicious")},
		{"no library", map[string]string{"x/__init__.py": ""}, "0 files named lib.so"},
		{"two libraries", map[string]string{"x/lib.so": "plugin", "y/lib.so": "plugin"}, "2 files named lib.so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := machine(t)
			fakePython(t, root, test.files)
			w := wheel{"x", "1", "lib.so", sum("plugin")}
			path := write(t, filepath.Join(root, "plugins/other"), "")
			path = filepath.Join(filepath.Dir(path), fileName)
			err := w.fetch(t.Context(), path, func(string) {})
			got, _ := os.ReadFile(path)
			if test.want == "" {
				if err != nil || string(got) != "plugin" {
					t.Errorf("fetched %q, %v", got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
				t.Errorf("error %v, file %q; want an error with %q and no file", err, got, test.want)
			}
			entries, err := os.ReadDir(filepath.Dir(path))
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".fetch-") {
					t.Errorf("left behind: %s", e.Name())
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWheelWithoutNetworkOrPython(t *testing.T) {
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("no wheel for this platform")
	}
	for _, test := range []struct{ name, python, want string }{
		{"no python3", "", "python3 is not on the PATH"},
		{"no network", `#!/bin/sh
[ "$3" = --version ] && exit 0
echo 'WARNING: Retrying' >&2
echo 'ERROR: No matching distribution in https://user:secret@index.example/simple' >&2
exit 1
`, "No matching distribution in https://***@index.example/simple"},
		{"neither pip nor venv", "#!/bin/sh\necho \"No module named $2\" >&2\nexit 1\n", "python3-venv"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := machine(t)
			if test.python != "" {
				write(t, filepath.Join(root, "bin/python3"), test.python)
			}
			err := wheels[0].fetch(t.Context(), filepath.Join(root, fileName), func(string) {})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q in it", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a password in the error: %v", err)
			}
		})
	}
}

// TestWheelFromPyPI fetches the pinned wheel for real. It takes 62 MB of network,
// so that it runs only on demand.
func TestWheelFromPyPI(t *testing.T) {
	if os.Getenv("LEMONADE_TEST_NETWORK") == "" {
		t.Skip("set LEMONADE_TEST_NETWORK=1 to download the wheels")
	}
	for _, w := range wheels {
		path := filepath.Join(t.TempDir(), fileName)
		if err := w.fetch(t.Context(), path, func(s string) { t.Log(s) }); err != nil {
			t.Error(err)
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Size() < 100e6 {
			t.Errorf("%s: %v, %v", w.pkg, info, err)
		}
	}
}

func release(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	text := []byte("plugin")
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	tw.Write(text)
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGitHub(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/good.tar.gz", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(release(t, "pjrt_c_api_cpu_v0.114.0_plugin.so"))
	})
	mux.HandleFunc("/other.tar.gz", func(w http.ResponseWriter, _ *http.Request) { w.Write(release(t, "README")) })
	mux.HandleFunc("/stall.tar.gz", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		<-hang
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(hang)

	gives := func(name string) func(string, string) (string, error) {
		return func(string, string) (string, error) { return server.URL + "/" + name, nil }
	}
	for _, test := range []struct {
		name     string
		assetURL func(platform, version string) (string, error)
		want     string // in the error; "" for success
	}{
		{"good", gives("good.tar.gz"), ""},
		{"no plugin in it", gives("other.tar.gz"), "holds no"},
		{"not found", gives("missing.tar.gz"), "404"},
		{"stalls", gives("stall.tar.gz"), "nothing came"},
		{"out of reach", func(string, string) (string, error) { return "", errors.New("no such host") }, "no such host"},
		{"no answer", func(string, string) (string, error) { <-hang; return "", nil }, "no answer within"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), fileName)
			g := gitHub{assetURL: test.assetURL, ask: 100 * time.Millisecond, stall: 300 * time.Millisecond}
			err := g.fetch(context.Background(), path, func(string) {})
			got, _ := os.ReadFile(path)
			if test.want == "" {
				if err != nil || string(got) != "plugin" {
					t.Errorf("fetched %q, %v", got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
				t.Errorf("error %v, file %q; want an error with %q and no file", err, got, test.want)
			}
		})
	}
}
