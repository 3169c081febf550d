package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// archive is a file on the net.
type archive struct {
	url    string
	also   string // another address of the publisher, for when that fails
	sha256 string // hex
	size   int64  // bytes
}

// How patient a download is. Tests shorten the times.
var (
	fetchTries = 5                // in a row without a new byte
	fetchPause = time.Second      // before the second try; doubles with each
	fetchStall = 60 * time.Second // without a byte ends a try
)

// errFinal marks what another try would not mend.
var errFinal = errors.New("")

func final(format string, args ...any) error {
	return fmt.Errorf("%w"+format, append([]any{errFinal}, args...)...)
}

// fetch downloads a to file and checks its SHA-256. What an earlier call or try
// left in file is gone on from (HTTP Range); a file with a wrong sum is
// removed, so that the next call begins anew.
func fetch(p prep, a archive, file string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	pause := fetchPause
	for idle := 0; ; {
		before, err := out.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		err = fetchOnce(p, a, out, before)
		if err == nil {
			break
		}
		if p.ctx.Err() != nil {
			return fmt.Errorf("downloading %s: %w", a.url, p.ctx.Err())
		}
		if errors.Is(err, errFinal) {
			return fmt.Errorf("downloading %s: %w", a.url, err)
		}
		if after, serr := out.Seek(0, io.SeekEnd); serr == nil && after > before {
			idle, pause = 0, fetchPause
		}
		if idle++; idle >= fetchTries {
			return fmt.Errorf("downloading %s: %w (%d tries; what has come is kept and will be gone on from)", a.url, err, idle)
		}
		p.tell(before, a.size, fmt.Sprintf("trying again: %v", err))
		select {
		case <-p.ctx.Done():
			return fmt.Errorf("downloading %s: %w", a.url, p.ctx.Err())
		case <-time.After(pause):
		}
		pause *= 2
	}
	return checkSum(a, out)
}

// fetchOnce requests what is missing from offset on and appends it to out. No
// error means that the server has sent all that it said it would.
func fetchOnce(p prep, a archive, out *os.File, offset int64) error {
	if offset >= a.size {
		return nil // whole; the sum decides
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	stall := time.AfterFunc(fetchStall, func() { cancel(fmt.Errorf("no byte came for %v", fetchStall)) })
	defer stall.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return final("%w", err)
	}
	// As it lies there: a server may call a .gz file an encoding, which would be undone.
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return because(ctx, err)
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusOK: // from the beginning, whatever was asked
		offset = 0
		if err := out.Truncate(0); err != nil {
			return final("%w", err)
		}
	case code == http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
			err := fmt.Errorf("asked for the bytes from %d on, the answer is %q", offset, resp.Header.Get("Content-Range"))
			return errors.Join(err, out.Truncate(0))
		}
	case code == http.StatusRequestedRangeNotSatisfiable:
		return errors.Join(errors.New("the server has fewer bytes than are here already"), out.Truncate(0))
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500:
		return errors.New(resp.Status)
	default:
		return final("%s", resp.Status)
	}
	if _, err := out.Seek(offset, io.SeekStart); err != nil {
		return final("%w", err)
	}
	return pour(ctx, p, a, out, resp.Body, offset, stall)
}

// pour copies the body to out and tells the progress ten times a second.
func pour(ctx context.Context, p prep, a archive, out *os.File, body io.Reader, done int64, stall *time.Timer) error {
	buf := make([]byte, 128<<10)
	var told time.Time
	for {
		n, err := body.Read(buf)
		stall.Reset(fetchStall)
		if done += int64(n); done > a.size {
			return errors.Join(final("more than the %d bytes of the archive came: another file", a.size), out.Truncate(0))
		}
		if _, werr := out.Write(buf[:n]); werr != nil {
			return final("%w", werr)
		}
		if now := time.Now(); now.Sub(told) > 100*time.Millisecond || done == a.size {
			p.tell(done, a.size, "downloading "+path.Base(a.url))
			told = now
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return because(ctx, err)
		}
	}
}

// because prefers the reason why the context ended to the error that this led to.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// checkSum compares the whole file with the archive's size and SHA-256, and
// removes it when it differs.
func checkSum(a archive, file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	got := hex.EncodeToString(sum.Sum(nil))
	if got == a.sha256 {
		return nil
	}
	err = fmt.Errorf("what came from %s has %d bytes and the SHA-256 %s, %d bytes and %s belong there (damaged on the way, or not the archive); it was removed",
		a.url, n, got, a.size, a.sha256)
	return errors.Join(err, os.Remove(file.Name()))
}
