package propose

import (
	"bytes"
	"context"
	"fmt"
	"io"
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

// httpClient retries what may pass: timeouts, rate limits, faults of the server
// and of the network. The last response comes through as it is, so that the
// caller sees the server's own words.
func httpClient(wait time.Duration) *http.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil // its lines would hold addresses and headers
	c.RetryMax = retries
	c.RetryWaitMin, c.RetryWaitMax = wait, 30*wait
	c.CheckRetry = retry
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.Backoff = backoff
	c.HTTPClient.Transport = bounded{c.HTTPClient.Transport}
	return c.StandardClient()
}

func retry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
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
		return !bytes.Contains(body, []byte("insufficient_quota")) && bearable(resp), nil
	case code == http.StatusRequestTimeout, code >= 500:
		return bearable(resp), nil
	}
	return false, nil
}

// backoff waits as long as the server asks, else twice as long each time.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if wait, ok := retryAfter(resp); ok {
		return wait
	}
	return retryablehttp.LinearJitterBackoff(least, 2*least, 1<<attempt-1, nil)
}

func bearable(resp *http.Response) bool {
	wait, _ := retryAfter(resp)
	return wait <= maxRetryAfter
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
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
