package propose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// openaiKey is a key that must never be seen again.
const openaiKey = "sk-marked-0123456789-lemonade"

// openaiServe plays an endpoint; h sees the request's body.
func openaiServe(t *testing.T, h func(w http.ResponseWriter, r *http.Request, body openai.ChatCompletionRequest)) string {
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

// openaiClient makes a proposer that retries without waiting long.
func openaiClient(t *testing.T, o Options) *llm {
	t.Helper()
	t.Setenv("OPENAI_API_KEY", openaiKey)
	p, err := newLLM(openAIProvider, o, func(o Options, key string) (chat, error) {
		return connectOpenAI(o, key, httpClient(time.Millisecond))
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openaiReply(w io.Writer, text string) {
	json.NewEncoder(w).Encode(openai.ChatCompletionResponse{
		Choices: []openai.ChatCompletionChoice{{Message: openai.ChatCompletionMessage{Role: "assistant", Content: text}, FinishReason: "stop"}},
		Usage:   openai.Usage{PromptTokens: 100, CompletionTokens: 50},
	})
}

func openaiFail(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"message": %q, "type": "test", "code": "test"}}`, message)
}

func firstRound(t *testing.T) Request {
	s := &study{t: t, task: cifar, objective: balanced(t)}
	s.add(residual)
	return s.request("ACL", "AD")
}

// TestOpenAIAnswers is of what only servers of this protocol say; TestConformance
// is of what any server may.
func TestOpenAIAnswers(t *testing.T) {
	cases := []struct {
		name, answer string
		status       int
		err, note    string // "" is none
	}{
		{"an empty account", `{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}`, 429, "status 429: You exceeded your quota", ""},
		{"plain text", "no: Bearer " + openaiKey, 403, "status 403: no: Bearer [key]; check OPENAI_API_KEY", ""},
		{"lines and codes for a terminal", "no\r\n\x1b[2J\x00way", 418, "status 418: no [2J way", ""},
		{"a long page", "<html>" + strings.Repeat("very long ", 10_000), 418, "long very", ""},
		{"not JSON", "<html>" + openaiKey, 200, "model m: ", ""},
		{"no choices", `{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}`, 200, "no choices", ""},
		{"a filter", `{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}`, 200, "", "the model refused"},
		{"a refusal", `{"choices": [{"message": {"content": "", "refusal": "I cannot."}}]}`, 200, "", "the model refused"},
		{"cut off", `{"choices": [{"message": {"content": "I"}, "finish_reason": "length"}]}`, 200, "", "the answer was cut off"},
		{"nothing", `{"choices": [{"message": {}}]}`, 200, "", "the answer holds no program"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			url := openaiServe(t, func(w http.ResponseWriter, _ *http.Request, _ openai.ChatCompletionRequest) {
				calls.Add(1)
				w.WriteHeader(c.status)
				io.WriteString(w, c.answer)
			})
			got, err := openaiClient(t, Options{Model: "m", BaseURL: url}).Propose(context.Background(), firstRound(t))
			if n := calls.Load(); n != 1 {
				t.Errorf("%d calls", n)
			}
			if got.Exchange == nil || got.Exchange.Duration <= 0 || got.Exchange.Error == "" {
				t.Fatalf("the exchange is not recorded: %+v", got.Exchange)
			}
			record, _ := json.Marshal(got)
			if seen := fmt.Sprintf("%s %v %+v %#v", record, err, err, got); strings.Contains(seen, "marked") {
				t.Errorf("the key shows: %s", seen)
			}
			if c.err == "" {
				if err != nil || got.Note != c.note || got.Exchange.Error != c.note {
					t.Errorf("got note %q, %v; want %q", got.Note, err, c.note)
				}
				return
			}
			var call *CallError
			if !errors.As(err, &call) || call.Exchange != got.Exchange || got.Exchange.Error != err.Error() {
				t.Fatalf("got %v", err)
			}
			if want := c.status; !strings.Contains(err.Error(), c.err) || len(err.Error()) > 600 || call.Status != want && want != 200 {
				t.Errorf("got %q with status %d, want %q with %d", err, call.Status, c.err, want)
			}
			if c.name == "no choices" && (got.Exchange.PromptTokens != 7 || got.Exchange.Assumed) {
				t.Errorf("the tokens that were told are lost: %+v", got.Exchange)
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	url := openaiServe(t, nil)
	p := openaiClient(t, Options{Model: "m", BaseURL: strings.Replace(url, "127.0.0.1:", "127.0.0.1:1", 1), Timeout: 2 * time.Second})
	_, err := p.Propose(context.Background(), firstRound(t))
	if !errors.As(err, new(*CallError)) || strings.Contains(err.Error(), "marked") {
		t.Errorf("got %v", err)
	}
}

// A cancelled study must not be told that the model failed.
func TestCancelledCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url := openaiServe(t, func(_ http.ResponseWriter, r *http.Request, _ openai.ChatCompletionRequest) {
		cancel()
		<-r.Context().Done()
	})
	_, err := openaiClient(t, Options{Model: "m", BaseURL: url}).Propose(ctx, firstRound(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestParametersOfTheCall(t *testing.T) {
	zero := 0.0
	plain := func(r openai.ChatCompletionRequest) bool {
		return r.Temperature == 0 && r.MaxTokens == 0 && r.MaxCompletionTokens >= 1500 && r.Seed == nil && r.Stop == nil
	}
	cases := []struct {
		name    string
		options Options
		want    func(openai.ChatCompletionRequest) bool
		notes   int
	}{
		{"default", Options{Model: "local"}, func(r openai.ChatCompletionRequest) bool {
			return r.Temperature == 1 && r.MaxTokens == 1500 && r.MaxCompletionTokens == 0 && r.Seed != nil && r.ResponseFormat == nil
		}, 0},
		{"zero temperature is sent", Options{Model: "local", Temperature: &zero}, func(r openai.ChatCompletionRequest) bool {
			return r.Temperature > 0 && r.Temperature < 1e-30
		}, 0},
		{"structured output", Options{Model: "local", Format: "json"}, structured, 0},
		{"reasoning", Options{Model: "gpt-6-luna"}, plain, 3},
		{"reasoning with structured output", Options{Model: "o3-mini", Format: "json"}, func(r openai.ChatCompletionRequest) bool {
			return plain(r) && structured(r)
		}, 3},
		{"reasoning behind a gateway", Options{Model: "openai/gpt-5.1"}, plain, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var last openai.ChatCompletionRequest
			c.options.BaseURL = openaiServe(t, func(w http.ResponseWriter, _ *http.Request, body openai.ChatCompletionRequest) {
				last = body
				openaiReply(w, "```\n"+residual+"```")
			})
			got, err := openaiClient(t, c.options).Propose(context.Background(), firstRound(t))
			if err != nil {
				t.Fatal(err)
			}
			if !c.want(last) {
				t.Errorf("sent %+v", last)
			}
			if ex := got.Exchange; len(ex.Notes) != c.notes || (ex.Temperature == nil) != (last.Temperature == 0) {
				t.Errorf("recorded temperature %v and notes %q", ex.Temperature, ex.Notes)
			}
		})
	}
}

func structured(r openai.ChatCompletionRequest) bool {
	f := r.ResponseFormat
	return f != nil && f.Type == "json_schema" && f.JSONSchema.Strict && f.JSONSchema.Schema != nil
}

// The strict mode of OpenAI refuses a schema whose objects do not require all they have.
func TestAnswerSchema(t *testing.T) {
	text, err := json.Marshal(answerSchema)
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"type":"object","properties":{"rationale":{`
	const tail = `"required":["metric","effect"],"additionalProperties":false}}},` +
		`"required":["rationale","changes","program","expected"],"additionalProperties":false}`
	if s := string(text); !strings.HasPrefix(s, head) || !strings.HasSuffix(s, tail) || !json.Valid(text) {
		t.Errorf("got %s", s)
	}
	if s := string(text); strings.Contains(s, "test_accuracy") || !strings.Contains(s, `"inference_energy"`) || !strings.Contains(s, `["up","down","same"]`) {
		t.Errorf("the effects or metrics are wrong in %s", s)
	}
}

// What a server refuses is left out by itself, noted each time, and not sent to it again.
func TestRefusedParameters(t *testing.T) {
	type body = openai.ChatCompletionRequest
	format := func(b body) bool { return b.ResponseFormat != nil }
	temperature := func(b body) bool { return b.Temperature != 0 }
	seed := func(b body) bool { return b.Seed != nil }
	stop := func(b body) bool { return b.Stop != nil }
	limit := func(b body) bool { return b.MaxTokens != 0 }
	type rule struct {
		sent   func(body) bool
		status int
		answer string
	}
	cases := []struct {
		name  string
		rules []rule
		left  []func(body) bool // out of the calls, and nothing else
		note  string
		err   string // where it cannot go on
		calls int32
	}{
		{"temperature", []rule{{temperature, 400, `{"error": {"message": "Unsupported value: 'temperature' does not support 0.5, nor seed", "param": "temperature"}}`}},
			[]func(body) bool{temperature}, "temperature: the server refused it", "", 2},
		{"structured output", []rule{{format, 400, `{"error": {"message": "This response_format type is unavailable now"}}`}},
			[]func(body) bool{format}, "response_format: the server refused it", "", 2},
		{"the schema", []rule{{format, 400, `{"error": {"code": 400, "message": "Failed to parse grammar"}}`}},
			[]func(body) bool{format}, "response_format: the server refused it", "", 2},
		{"seed, in a form of its own", []rule{{seed, 422, `{"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"]}]}`}},
			[]func(body) bool{seed}, "seed: the server refused it", "", 2},
		{"max_tokens", []rule{{limit, 400, `{"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "param": "max_tokens"}}`}},
			[]func(body) bool{limit}, "max_tokens: the server refused it", "", 2},
		{"two, one after the other", []rule{{stop, 400, `{"error": {"message": "stop is not supported"}}`}, {temperature, 400, `{"error": {"message": "nor is temperature"}}`}},
			[]func(body) bool{temperature, stop}, "stop: the server refused it", "", 3},
		{"anything", []rule{{func(body) bool { return true }, 400, `{"error": {"message": "no temperature, seed, stop, max_tokens, json_schema"}}`}},
			nil, "", "no temperature", 6},
		{"a prompt that is too long", []rule{{limit, 400, `{"error": {"message": "maximum context length is 10 tokens; lower max_tokens"}}`}},
			nil, "", "maximum context length", 1},
		{"another fault", []rule{{limit, 400, `{"error": {"message": "stop it", "param": "messages"}}`}}, nil, "", "stop it", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			var last body
			url := openaiServe(t, func(w http.ResponseWriter, _ *http.Request, b body) {
				calls.Add(1)
				last = b
				for _, r := range c.rules {
					if r.sent(b) {
						w.WriteHeader(r.status)
						io.WriteString(w, r.answer)
						return
					}
				}
				openaiReply(w, "```\n"+residual+"```")
			})
			p := openaiClient(t, Options{Model: "m", BaseURL: url, Format: "json"})
			for round, want := range []int32{c.calls, 1} {
				if c.err != "" {
					want = c.calls // nothing is learned from a call that failed
				}
				calls.Store(0)
				got, err := p.Propose(context.Background(), firstRound(t))
				if n := calls.Load(); n != want {
					t.Errorf("round %d: %d calls, want %d", round, n, want)
				}
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("got %v, want %q", err, c.err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				out := 0
				for _, sent := range []func(body) bool{format, temperature, seed, stop, limit} {
					if !sent(last) {
						out++
					}
				}
				for _, sent := range c.left {
					if sent(last) {
						t.Errorf("sent %+v", last)
					}
				}
				ex := got.Exchange
				if out != len(c.left) || len(ex.Notes) != out || !strings.Contains(strings.Join(ex.Notes, "\n"), c.note) {
					t.Errorf("%d parameters were left out, want %d; notes %q", out, len(c.left), ex.Notes)
				}
				if (ex.Temperature == nil) == temperature(last) || last.MaxTokens+last.MaxCompletionTokens < 1500 {
					t.Errorf("temperature %v is recorded, sent %+v", ex.Temperature, last)
				}
			}
		})
	}
}

// Calls side by side learn of refusals together: there is one retry for each at most.
func TestRefusalsSideBySide(t *testing.T) {
	var refused atomic.Int32
	url := openaiServe(t, func(w http.ResponseWriter, _ *http.Request, b openai.ChatCompletionRequest) {
		if b.Temperature != 0 {
			refused.Add(1)
			openaiFail(w, 400, "no temperature")
			return
		}
		openaiReply(w, "```\n"+residual+"```")
	})
	p := openaiClient(t, Options{Model: "m", BaseURL: url})
	const side = 4
	var wg sync.WaitGroup
	for range side {
		r := firstRound(t)
		wg.Go(func() {
			if got, err := p.Propose(context.Background(), r); err != nil || len(got.Exchange.Notes) != 1 {
				t.Errorf("got %+v, %v", got.Exchange, err)
			}
		})
	}
	wg.Wait()
	before := refused.Load()
	if _, err := p.Propose(context.Background(), firstRound(t)); err != nil || before < 1 || before > side || refused.Load() != before {
		t.Errorf("%d refusals, then %d; %v", before, refused.Load(), err)
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
	url := openaiServe(t, func(w http.ResponseWriter, _ *http.Request, body openai.ChatCompletionRequest) {
		last = body
		openaiReply(w, "")
	})
	if _, err := openaiClient(t, Options{Model: "local", BaseURL: url}).Propose(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	n := len(last.Messages)
	if last.Messages[n-2].Content != "my answer" || !strings.Contains(last.Messages[n-1].Content, "model.star:2:12: undefined: dens") {
		t.Errorf("sent %+v", last.Messages[n-2:])
	}
}
