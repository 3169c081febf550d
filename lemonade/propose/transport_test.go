package propose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"
)

func TestRetries(t *testing.T) {
	type handler = func(w http.ResponseWriter, n int32)
	always := func(status int) handler { return func(w http.ResponseWriter, _ int32) { w.WriteHeader(status) } }
	waits := func(after string) handler {
		return func(w http.ResponseWriter, _ int32) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	cut := func(http.ResponseWriter, int32) { panic(http.ErrAbortHandler) }
	const all = retries + 1
	cases := []struct {
		name   string
		h      handler
		once   bool
		calls  int32
		status int // of the last response, 0 where there is none
	}{
		{"400", always(400), false, 1, 400},
		{"401", always(401), false, 1, 401},
		{"403", always(403), false, 1, 403},
		{"404", always(404), false, 1, 404},
		{"408", always(408), false, all, 408},
		{"409", always(409), false, all, 409},
		{"422", always(422), false, 1, 422},
		{"429", always(429), false, all, 429},
		{"429 without money", func(w http.ResponseWriter, _ int32) {
			w.WriteHeader(429)
			io.WriteString(w, `{"error": {"code": "insufficient_quota"}}`)
		}, false, 1, 429},
		{"500", always(500), false, all, 500},
		{"502", always(502), false, all, 502},
		{"504", always(504), false, all, 504},
		{"cut connections", cut, false, all, 0},
		{"recovers", func(w http.ResponseWriter, n int32) {
			switch n {
			case 1:
				panic(http.ErrAbortHandler)
			case 2:
				w.WriteHeader(429)
			default:
				io.WriteString(w, "fine")
			}
		}, false, 3, 200},
		{"asks for an hour", waits("3600"), false, 1, 503},
		{"asks for more than the call has left", waits("30"), false, 1, 503},
		{"asks for an hour by the clock", waits(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), false, 1, 503},
		{"asks for nothing", waits("0"), false, all, 503},
		{"asks for nonsense", waits("-1 s"), false, all, 503},
		{"500, probed", always(500), true, 1, 500},
		{"429, probed", always(429), true, 1, 429},
		{"cut connection, probed", cut, true, 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.h(w, calls.Add(1)) }))
			defer s.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if c.once {
				ctx = Probe(ctx)
			}
			status := post(ctx, t, httpClient(time.Millisecond), s.URL)
			if n := calls.Load(); n != c.calls || status != c.status {
				t.Errorf("%d calls and status %d, want %d and %d", n, status, c.calls, c.status)
			}
		})
	}
}

// post returns the status of the response, 0 where there is none.
func post(ctx context.Context, t *testing.T, c *http.Client, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Key", openaiKey)
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if resp.Header.Get("Retry-After") == "" {
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Errorf("the last response is lost: %v", err)
		}
	}
	return resp.StatusCode
}

func TestBackoff(t *testing.T) {
	const least, most = 100 * time.Millisecond, time.Second
	for attempt, limit := range []time.Duration{2 * least, 4 * least, 8 * least, most, most} {
		var shortest, longest time.Duration = math.MaxInt64, 0
		for range 500 {
			wait := backoff(least, most, attempt, nil)
			shortest, longest = min(shortest, wait), max(longest, wait)
		}
		if shortest <= 0 || shortest > limit/5 || longest > limit || longest < limit*4/5 {
			t.Errorf("attempt %d: waits of %s to %s, want all up to %s", attempt, shortest, longest, limit)
		}
	}
	asked := &http.Response{Header: http.Header{"Retry-After": {"2.5"}}}
	if wait := backoff(least, most, 3, asked); wait < 2500*time.Millisecond || wait > 2600*time.Millisecond {
		t.Errorf("waits %s where the server asks for 2.5 s", wait)
	}
}

// A wait of an hour ends with the study.
func TestCancelledBackoff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		time.AfterFunc(50*time.Millisecond, cancel)
	}))
	defer s.Close()
	c := httpClient(time.Hour)
	start := time.Now()
	if status := post(ctx, t, c, s.URL); status != 0 || time.Since(start) > 5*time.Second {
		t.Errorf("status %d after %s", status, time.Since(start))
	}
}

// A server's word must not carry a key to another server.
func TestRedirect(t *testing.T) {
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	url := openaiServe(t, func(w http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := openaiClient(t, Options{Model: "m", BaseURL: url}).Propose(context.Background(), firstRound(t))
	if reached.Load() || err == nil || !strings.Contains(err.Error(), "another address") {
		t.Errorf("got %v", err)
	}
}

// A 404 is told at once, whatever becomes of the list of models.
func TestListThatFails(t *testing.T) {
	cases := map[string]func(w http.ResponseWriter, r *http.Request){
		"fails": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"empty": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data": []}`) },
	}
	for name, list := range cases {
		t.Run(name, func(t *testing.T) {
			var lists atomic.Int32
			url := openaiServe(t, func(w http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
				if strings.HasSuffix(r.URL.Path, "/models") {
					lists.Add(1)
					list(w, r)
					return
				}
				openaiFail(w, 404, "no such model")
			})
			_, err := openaiClient(t, Options{Model: "m", BaseURL: url, Timeout: 300 * time.Millisecond}).Propose(context.Background(), firstRound(t))
			var call *CallError
			if !errors.As(err, &call) || call.Status != 404 || !strings.HasSuffix(err.Error(), "set OPENAI_MODEL to a model of this server") || lists.Load() != 1 {
				t.Errorf("got %v after %d lists", err, lists.Load())
			}
		})
	}
}

// Of many models those are named that are most like the one that was asked for.
func TestListOfManyModels(t *testing.T) {
	url := openaiServe(t, func(w http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
		if !strings.HasSuffix(r.URL.Path, "/models") {
			openaiFail(w, 404, "no such model")
			return
		}
		var list openai.ModelsList
		for i := range 100 {
			list.Models = append(list.Models, openai.Model{ID: fmt.Sprintf("embedding-%d", i)})
		}
		list.Models = append(list.Models, openai.Model{ID: "gpt-6-sol"}, openai.Model{ID: "whisper"}, openai.Model{ID: "gpt-6-luna"})
		json.NewEncoder(w).Encode(list)
	})
	_, err := openaiClient(t, Options{Model: "gpt-6-lunar", BaseURL: url}).Propose(context.Background(), firstRound(t))
	if err == nil || !strings.Contains(err.Error(), ": gpt-6-luna, gpt-6-sol, embedding-0, ") || !strings.HasSuffix(err.Error(), ", …") {
		t.Errorf("got %v", err)
	}
}

func TestRedact(t *testing.T) {
	const key = `se/c<r>e"t\+&k e%y'1`
	plain, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(string(plain))
	if err != nil {
		t.Fatal(err)
	}
	var escaped strings.Builder
	for _, r := range key {
		fmt.Fprintf(&escaped, `\u%04X`, r)
	}
	p := &llm{secret: secret(key)}
	for name, text := range map[string]string{
		"plain": key, "JSON": string(plain), "JSON in JSON": string(twice), "Go": fmt.Sprintf("%q", key),
		"query": strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "path": url.PathEscape(key), "all escaped": escaped.String(),
		"slashes": strings.ReplaceAll(key, "/", `\/`),
	} {
		if got := p.redact("before " + text + " after"); !strings.Contains(got, "[key]") || strings.Contains(got, "se") || !strings.HasSuffix(got, " after") {
			t.Errorf("%s: %s becomes %s", name, text, got)
		}
	}
	for text, want := range map[string]string{
		"Incorrect API key provided: sk-proj-****abcd.": "Incorrect API key provided: [key].",
		"key AIzaSyA-123_x":                             "key [key]",
		"a task-specific risk":                          "a task-specific risk",
	} {
		if got := p.redact(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (&llm{secret: secret("none")}).redact("none of them"); got != "none of them" {
		t.Errorf("got %q", got)
	}
	shown := openaiClient(t, Options{Model: "m", BaseURL: "http://127.0.0.1:9/v1"})
	if text := fmt.Sprintf("%v %+v %#v %+v %#v", shown, shown, shown, *shown, *shown); strings.Contains(text, openaiKey) {
		t.Errorf("a proposer that is printed shows its key: %s", text)
	}
}

func TestKeyAndAddress(t *testing.T) {
	cases := []struct{ name, key, url, model, err string }{
		{"none for a server on this machine", "", "http://127.0.0.1:9/v1", "m", ""},
		{"none by name", "", "http://localhost:9/v1/", "m", ""},
		{"none elsewhere", "", "https://example.com/v1", "m", "OPENAI_API_KEY is not set"},
		{"set", openaiKey, "", "", ""},
		{"a password in the address", openaiKey, "https://user:secret@example.com", "m", "without user, password and query"},
		{"a query", openaiKey, "https://example.com/v1?key=secret", "m", "without user, password and query"},
		{"no address", openaiKey, "example.com", "m", "is not an address"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OPENAI_API_KEY", c.key)
			t.Setenv("OPENAI_BASE_URL", c.url)
			t.Setenv("OPENAI_MODEL", c.model)
			_, err := New("openai", Options{})
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password shows: %v", err)
			}
		})
	}
}

func TestOptionsBounds(t *testing.T) {
	number := func(x float64) *float64 { return &x }
	cases := []struct {
		name    string
		options Options
		env     string // OPENAI_TEMPERATURE
		err     string // "" is none
	}{
		{"all left out", Options{}, "", ""},
		{"temperature by environment", Options{}, " 0.4 ", ""},
		{"temperature by environment, no number", Options{}, "warm", `OPENAI_TEMPERATURE: "warm" is not a number`},
		{"temperature by environment, out of bounds", Options{}, "3", "temperature: 3 is not in [0, 2]"},
		{"an option overrides the environment", Options{Temperature: number(0)}, "3", ""},
		{"temperature", Options{Temperature: number(-0.1)}, "", "temperature: -0.1"},
		{"no temperature", Options{Temperature: number(math.NaN())}, "", "temperature: NaN"},
		{"tokens", Options{MaxTokens: -1}, "", "max tokens: -1"},
		{"many tokens", Options{MaxTokens: 1e6}, "", "max tokens: 1000000"},
		{"timeout", Options{Timeout: -time.Second}, "", "timeout: -1s"},
		{"long timeout", Options{Timeout: 48 * time.Hour}, "", "timeout: 48h0m0s"},
		{"round timeout", Options{RoundTimeout: -time.Second}, "", "round timeout: -1s"},
		{"rate", Options{Rate: -1}, "", "rate: -1"},
		{"no rate", Options{Rate: math.NaN()}, "", "rate: NaN"},
		{"endless rate", Options{Rate: math.Inf(1)}, "", "rate: +Inf"},
		{"format", Options{Format: "xml"}, "", `format: "xml" is neither fenced nor json`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OPENAI_TEMPERATURE", c.env)
			t.Setenv("OPENAI_BASE_URL", "")
			_, err := c.options.complete(openAIProvider)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
	_, err := Options{MaxTokens: -1, Rate: -1, Format: "xml"}.complete(openAIProvider)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not every fault is told: %v", err)
	}
	o, err := Options{RoundTimeout: time.Minute}.complete(openAIProvider)
	if err != nil || o.Timeout != time.Minute || o.MaxTokens != 1500 {
		t.Errorf("got %+v, %v", o, err)
	}
	for url, format := range map[string]string{"": formatJSON, "http://127.0.0.1:9/v1": formatFenced} {
		if o, err := (Options{BaseURL: url}).complete(openAIProvider); err != nil || o.Format != format {
			t.Errorf("%q has format %s, %v; want %s", url, o.Format, err, format)
		}
	}
}

func TestResolve(t *testing.T) {
	half := 0.5
	cases := []struct {
		proposer    string
		options     Options
		model       string
		temperature float64
		local       bool
		err         string
	}{
		{"rulebook", Options{Model: "m"}, "", 0, true, ""},
		{"random", Options{Format: "xml"}, "", 0, true, ""},
		{"openai", Options{}, openAIProvider.defaultModel, 1, false, ""},
		{"gemini", Options{}, "from-the-environment", 1, false, ""},
		{"gemini", Options{Model: "m", Temperature: &half}, "m", 0.5, false, ""},
		{"openai", Options{Model: " m ", BaseURL: "http://LOCALHOST:8080/v1"}, "m", 1, true, ""},
		{"openai", Options{BaseURL: "http://[::1]:8080/v1"}, openAIProvider.defaultModel, 1, true, ""},
		{"openai", Options{BaseURL: "http://0.0.0.0:8080/v1"}, openAIProvider.defaultModel, 1, true, ""},
		{"openai", Options{BaseURL: "http://10.0.0.1/v1"}, openAIProvider.defaultModel, 1, false, ""},
		{"openai", Options{BaseURL: "localhost:8080"}, "", 0, false, "proposer openai: base URL: "},
		{"openai", Options{Format: "xml"}, "", 0, false, "format"},
		{"nobody", Options{}, "", 0, false, `there is no "nobody"`},
	}
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_BASE_URL", "OPENAI_TEMPERATURE", "GEMINI_BASE_URL", "GEMINI_TEMPERATURE", "GEMINI_API_KEY", "GOOGLE_API_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("GEMINI_MODEL", "from-the-environment")
	for _, c := range cases {
		model, temperature, local, err := c.options.Resolve(c.proposer)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %+v: got %v, want %q", c.proposer, c.options, err, c.err)
			}
			continue
		}
		if err != nil || model != c.model || temperature != c.temperature || local != c.local {
			t.Errorf("%s %+v: got %q, %g, %t, %v", c.proposer, c.options, model, temperature, local, err)
		}
	}
}
