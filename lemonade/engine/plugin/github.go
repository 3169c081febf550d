package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// releaseVersion is the release of gomlx/pjrt-cpu-binaries that go-xla v0.4.1
// installs (DefaultCPUVersion in its internal/utils).
const releaseVersion = "v0.114.0"

// gitHub fetches the release that go-xla would install. Its integrity rests on
// HTTPS: the releases come without recorded hashes.
type gitHub struct {
	assetURL func(platform, version string) (string, error) // without a context of its own
	ask      time.Duration                                  // how long the address may take
	stall    time.Duration                                  // how long the download may rest
}

func newGitHub() gitHub {
	return gitHub{assetURL: installer.CPUGetDownloadURL, ask: 8 * time.Second, stall: 20 * time.Second}
}

func (g gitHub) fetch(ctx context.Context, path string, log func(string)) error {
	address, err := g.address(ctx)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), tempPattern)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	archive := filepath.Join(temp, "plugin.tar.gz")
	log("downloading " + address)
	if err := g.download(ctx, address, archive); err != nil {
		return err
	}
	if _, err := installer.Untar(archive, temp); err != nil {
		return err
	}
	library := findIn([]string{temp}, "pjrt_c_api_cpu_*plugin.so", "*/pjrt_c_api_cpu_*plugin.so")
	if library == "" {
		return fmt.Errorf("%s holds no pjrt_c_api_cpu_*plugin.so", address)
	}
	if library, err = filepath.EvalSymlinks(library); err != nil {
		return err
	}
	return os.Rename(library, path)
}

// address asks GitHub for the release's address. go-xla's function has no time
// limit, so that it is left behind when it takes too long; it writes nothing.
func (g gitHub) address(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.ask, errors.New("no answer"))
	defer cancel()
	type answer struct {
		url string
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		url, err := g.assetURL(runtime.GOOS+"_"+runtime.GOARCH, releaseVersion)
		answered <- answer{url, err}
	}()
	select {
	case a := <-answered:
		if u, ok := errors.AsType[*url.Error](a.err); ok { // go-xla names the address twice; once is a line
			return "", fmt.Errorf("GitHub cannot be reached: %w", u.Err)
		}
		return a.url, a.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w within %v", context.Cause(ctx), g.ask)
	}
}

// download writes what is at address to path. It gives up when nothing comes for a
// while rather than after a fixed time, for links differ a hundredfold in speed.
func (g gitHub) download(ctx context.Context, address, path string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(g.stall, func() { cancel(fmt.Errorf("nothing came for %v", g.stall)) })
	defer idle.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return cause(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, response.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := response.Body.Read(buffer)
		idle.Reset(g.stall)
		if _, werr := f.Write(buffer[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return f.Close()
		}
		if err != nil {
			return cause(ctx, err)
		}
	}
}

// cause prefers the reason for which ctx ended to err, which only says that it did.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}
