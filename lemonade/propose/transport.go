package propose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	maxAnswerBytes = 4 << 20          // of a response's body
	maxRetryAfter  = 60 * time.Second // a server that asks for longer is out of reach
	retries        = 4
)

// Probe returns a context in which a language model is asked once, without
// retries: for the round after an outage.
func Probe(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

type onceKey struct{}

// errRedirected ends a call: headers that hold a key must not follow a server's
// word to another.
var errRedirected = errors.New("the server sends the call on to another address: use that one as the base URL")

// httpClient retries what may pass: timeouts, conflicts, rate limits, faults of
// the server and of the network. Its first wait is up to twice as long as wait. The
// last response comes through as it is, so that the caller sees the server's own
// words.
func httpClient(wait time.Duration) *http.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil // its lines would hold addresses and headers
	c.RetryMax = retries
	c.RetryWaitMin, c.RetryWaitMax = wait, 30*wait
	c.CheckRetry = retry
	c.ErrorHandler = passThrough
	c.Backoff = backoff
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirected }
	c.HTTPClient.Transport = bounded{c.HTTPClient.Transport}
	return c.StandardClient()
}

func passThrough(resp *http.Response, err error, _ int) (*http.Response, error) {
	if err != nil && resp != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, err
}

func retry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case ctx.Value(onceKey{}) != nil || errors.Is(err, errRedirected):
		return false, nil
	case err != nil:
		return retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		// Too fast passes, an empty account does not.
		body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return true, nil //nolint:nilerr // an answer that breaks off is worth another try
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return !bytes.Contains(body, []byte("insufficient_quota")) && bearable(ctx, resp), nil
	case code == http.StatusRequestTimeout, code == http.StatusConflict, code >= 500:
		return bearable(ctx, resp), nil
	}
	return false, nil
}

// backoff waits as long as the server asks and a little more, else anything up to
// a limit that doubles each time. The chance in it ("full jitter") keeps clients
// that failed together from coming back together.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if wait, ok := retryAfter(resp); ok {
		return wait + rand.N(least)
	}
	return rand.N(min(most, 2*least<<attempt)) + 1
}

// bearable reports whether the wait that the server asks for, if any, is worth it.
func bearable(ctx context.Context, resp *http.Response) bool {
	wait, _ := retryAfter(resp)
	end, limited := ctx.Deadline()
	return wait <= maxRetryAfter && (!limited || wait < time.Until(end))
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1e6) * float64(time.Second)), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// bounded cuts a response off that is longer than any answer could be.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswerBytes}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the response is longer than %d MB", maxAnswerBytes>>20)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
