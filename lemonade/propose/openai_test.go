package propose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// marked is a key that must never be seen again.
const marked = "sk-marked-0123456789-lemonade"

// serve plays an endpoint; h sees the request's body.
func serve(t *testing.T, h func(w http.ResponseWriter, r *http.Request, body openai.ChatCompletionRequest)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var body openai.ChatCompletionRequest
		_ = json.Unmarshal(data, &body) // the list of models is asked for without a body
		h(w, r, body)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// client makes a proposer that retries without waiting long.
func client(t *testing.T, o Options) *openAI {
	t.Helper()
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	return newOpenAIClient(o, marked, httpClient(time.Millisecond))
}

func reply(w io.Writer, text string) {
	json.NewEncoder(w).Encode(openai.ChatCompletionResponse{
		Choices: []openai.ChatCompletionChoice{{Message: openai.ChatCompletionMessage{Role: "assistant", Content: text}, FinishReason: "stop"}},
		Usage:   openai.Usage{PromptTokens: 100, CompletionTokens: 50},
	})
}

func fail(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"message": %q, "type": "test", "code": "test"}}`, message)
}

// fakeModel plays a language model: it edits the program that the prompt shows
// last, and at times answers with a copy, with nonsense, or without a program.
func fakeModel(t *testing.T) Proposer {
	url := serve(t, func(w http.ResponseWriter, r *http.Request, body openai.ChatCompletionRequest) {
		rng := rand.New(rand.NewPCG(uint64(*body.Seed), 1))
		round := body.Messages[3].Content
		input := arch.Shape{32, 32, 3}
		if strings.Contains(round, "[8 8 1]") {
			input = arch.Shape{8, 8, 1}
		}
		source := extract(round, "")
		if source == "" {
			source = arch.Seed(input, 10)
		}
		p, err := arch.Parse(source, input, 10)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		repair := len(body.Messages) > 4
		switch roll := rng.IntN(6); {
		case roll == 0 && !repair:
			reply(w, "I would rather talk about networks.")
			return
		case roll == 1 && !repair:
			reply(w, "```python\ndef network(x, classes):\n    return dense(x + 'a', classes)\n```")
			return
		case roll == 2 && !repair:
			reply(w, "```\n"+source+"```")
			return
		}
		for p.Source == source {
			p, _ = applyAll(p, draw(3, rng), rng)
		}
		reply(w, "All of it.\n```python\n"+p.Source+"```\n")
	})
	return client(t, Options{Model: "local", BaseURL: url})
}

func firstRound(t *testing.T) Request {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	return s.request("ACL", "AD")
}

// TestMisbehavingServers also proves that the key is in nothing that is kept or shown.
func TestMisbehavingServers(t *testing.T) {
	type served struct {
		calls atomic.Int32
		w     http.ResponseWriter
		r     *http.Request
	}
	good := "AD: done.\n```python\n" + strings.Replace(residual, "64, 128", "64, 96", 1) + "```"
	cases := []struct {
		name   string
		h      func(s *served)
		err    string // "" is an answer
		status int
		calls  int32
		note   string
		source bool
	}{
		{"401", func(s *served) {
			fail(s.w, 401, "Incorrect API key provided: "+s.r.Header.Get("Authorization"))
		}, "check OPENAI_API_KEY", 401, 1, "", false},
		{"403 with the key in plain text", func(s *served) {
			s.w.WriteHeader(403)
			io.WriteString(s.w, "no: "+s.r.Header.Get("Authorization"))
		}, "403", 403, 1, "", false},
		{"404", func(s *served) { fail(s.w, 404, "no such model") }, "set OPENAI_MODEL to a model of this server: alpha, beta", 404, 1, "", false},
		{"400", func(s *served) { fail(s.w, 400, "context too long") }, "context too long", 400, 1, "", false},
		{"429, then an answer", func(s *served) {
			if s.calls.Load() == 1 {
				s.w.Header().Set("Retry-After", "1")
				fail(s.w, 429, "slow down")
				return
			}
			reply(s.w, good)
		}, "", 0, 2, "", true},
		{"429 for an hour", func(s *served) {
			s.w.Header().Set("Retry-After", "3600")
			fail(s.w, 429, "slow down")
		}, "slow down", 429, 1, "", false},
		{"no money", func(s *served) {
			s.w.WriteHeader(429)
			io.WriteString(s.w, `{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}`)
		}, "You exceeded your quota", 429, 1, "", false},
		{"500 always", func(s *served) { fail(s.w, 500, "oops "+s.r.Header.Get("Authorization")) }, "oops", 500, retries + 1, "", false},
		{"503 twice", func(s *served) {
			if s.calls.Load() < 3 {
				fail(s.w, 503, "busy")
				return
			}
			reply(s.w, good)
		}, "", 0, 3, "", true},
		{"hangs", func(s *served) {
			select {
			case <-s.r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, "no answer within", 0, 1, "", false},
		{"truncated JSON", func(s *served) { io.WriteString(s.w, `{"choices": [{"message": {"content": "abc`) }, "EOF", 0, 1, "", false},
		{"not JSON", func(s *served) { io.WriteString(s.w, "<html>"+s.r.Header.Get("Authorization")) }, "model m", 0, 1, "", false},
		{"cut connection", func(s *served) { panic(http.ErrAbortHandler) }, "EOF", 0, retries + 1, "", false},
		{"no choices", func(s *served) { io.WriteString(s.w, `{"choices": []}`) }, "no choices", 0, 1, "", false},
		{"huge answer", func(s *served) {
			io.WriteString(s.w, `{"choices": [{"message": {"content": "`)
			io.WriteString(s.w, strings.Repeat("very long ", 1<<20))
			io.WriteString(s.w, `"}}]}`)
		}, "longer than 4 MB", 0, 1, "", false},
		{"refusal", func(s *served) {
			io.WriteString(s.w, `{"choices": [{"message": {"content": "", "refusal": "I cannot help with that."}}]}`)
		}, "", 0, 1, "the model refused", false},
		{"cut off", func(s *served) {
			io.WriteString(s.w, `{"choices": [{"message": {"content": "`+"```"+`python\ndef network(x, classes):\n    x = conv("}, "finish_reason": "length"}]}`)
		}, "", 0, 1, "the answer was cut off", true},
		{"no program", func(s *served) { reply(s.w, "Hello!") }, "", 0, 1, "the answer holds no program", false},
		{"the key as an answer", func(s *served) { reply(s.w, "```python\n# "+s.r.Header.Get("Authorization")+"\n"+residual+"```") }, "", 0, 1, "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &served{}
			url := serve(t, func(w http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
				if strings.HasSuffix(r.URL.Path, "/models") {
					io.WriteString(w, `{"data": [{"id": "beta"}, {"id": "alpha"}]}`)
					return
				}
				s.calls.Add(1)
				s.w, s.r = w, r
				c.h(s)
			})
			timeout := 20 * time.Second
			if c.name == "hangs" {
				timeout = 200 * time.Millisecond
			}
			p := client(t, Options{Model: "m", BaseURL: url, Timeout: timeout})
			got, err := p.Propose(context.Background(), firstRound(t))
			if got.Exchange == nil || got.Exchange.Model != "m" || len(got.Exchange.Prompt) == 0 || got.Exchange.Duration <= 0 {
				t.Fatalf("the exchange is not recorded: %+v", got.Exchange)
			}
			record, _ := json.Marshal(got)
			if seen := fmt.Sprintf("%s %v %+v %#v", record, err, err, got); strings.Contains(seen, marked) || strings.Contains(seen, "marked") {
				t.Errorf("the key shows: %s", seen)
			}
			if n := s.calls.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			if c.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				if (got.Source != "") != c.source || !strings.Contains(got.Note, c.note) || (c.note == "" && got.Note != "") {
					t.Errorf("got %q, note %q", got.Source, got.Note)
				}
				return
			}
			var call *CallError
			if !errors.As(err, &call) || call.Exchange != got.Exchange || got.Exchange.Error != err.Error() {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), c.err) || call.Status != c.status {
				t.Errorf("got %q with status %d, want %q with %d", err, call.Status, c.err, c.status)
			}
			if errors.Is(err, context.DeadlineExceeded) != (c.name == "hangs") {
				t.Errorf("%v is or is not a deadline", err)
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	url := serve(t, nil)
	p := client(t, Options{Model: "m", BaseURL: strings.Replace(url, "127.0.0.1:", "127.0.0.1:1", 1), Timeout: 2 * time.Second})
	_, err := p.Propose(context.Background(), firstRound(t))
	if !errors.As(err, new(*CallError)) || strings.Contains(err.Error(), "marked") {
		t.Errorf("got %v", err)
	}
}

// A cancelled study must not be told that the model failed.
func TestCancelledCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
		cancel()
		<-r.Context().Done()
	})
	_, err := client(t, Options{Model: "m", BaseURL: url}).Propose(ctx, firstRound(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestParametersOfTheCall(t *testing.T) {
	zero := 0.0
	cases := []struct {
		name    string
		options Options
		refuse  string // what the server refuses to be told
		want    func(openai.ChatCompletionRequest) bool
	}{
		{"default", Options{Model: "local"}, "", func(r openai.ChatCompletionRequest) bool {
			return r.Temperature == 1 && r.MaxTokens == 1500 && r.MaxCompletionTokens == 0 && r.Seed != nil
		}},
		{"zero temperature is sent", Options{Model: "local", Temperature: &zero}, "", func(r openai.ChatCompletionRequest) bool {
			return r.Temperature > 0 && r.Temperature < 1e-30
		}},
		{"reasoning model", Options{Model: "gpt-6-luna"}, "", plainCall},
		{"o3", Options{Model: "o3-mini"}, "", plainCall},
		{"a model that refuses a temperature", Options{Model: "new"}, "temperature", plainCall},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var last openai.ChatCompletionRequest
			c.options.BaseURL = serve(t, func(w http.ResponseWriter, _ *http.Request, body openai.ChatCompletionRequest) {
				if last = body; c.refuse != "" && body.Temperature != 0 {
					fail(w, 400, "Unsupported value: '"+c.refuse+"'")
					return
				}
				reply(w, "```\n"+residual+"```")
			})
			if _, err := client(t, c.options).Propose(context.Background(), firstRound(t)); err != nil {
				t.Fatal(err)
			}
			if !c.want(last) {
				t.Errorf("sent %+v", last)
			}
		})
	}
}

func plainCall(r openai.ChatCompletionRequest) bool {
	return r.Temperature == 0 && r.MaxTokens == 0 && r.MaxCompletionTokens >= 1500
}

func TestKeyAndAddress(t *testing.T) {
	cases := []struct{ name, key, url, model, err string }{
		{"none for a server on this machine", "", "http://127.0.0.1:9/v1", "m", ""},
		{"none by name", "", "http://localhost:9/v1/", "m", ""},
		{"none elsewhere", "", "https://example.com/v1", "m", "OPENAI_API_KEY is not set"},
		{"set", marked, "", "", ""},
		{"a password in the address", marked, "https://user:secret@example.com", "m", "without user and password"},
		{"no address", marked, "example.com", "m", "is not an address"},
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

// A repair turn carries the conversation on: the last answer and its exact error.
func TestRepairSendsTheError(t *testing.T) {
	r := firstRound(t)
	r.Turn = 1
	r.Attempts = []trial.Attempt{{
		Proposer: "openai", State: trial.Invalid, Program: "def network(x, classes):\n    return dens(x, classes)\n",
		Reason: "model.star:2:12: undefined: dens", Exchange: &trial.Exchange{Answer: "my answer"},
	}}
	var last openai.ChatCompletionRequest
	url := serve(t, func(w http.ResponseWriter, _ *http.Request, body openai.ChatCompletionRequest) {
		last = body
		reply(w, "")
	})
	if _, err := client(t, Options{Model: "local", BaseURL: url}).Propose(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	n := len(last.Messages)
	if last.Messages[n-2].Content != "my answer" || !strings.Contains(last.Messages[n-1].Content, "model.star:2:12: undefined: dens") {
		t.Errorf("sent %+v", last.Messages[n-2:])
	}
}
