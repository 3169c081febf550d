package propose

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// standInKey must reach a server in one header and be seen nowhere else.
const standInKey = "marked-0123456789-lemonade"

// wire is a protocol as its servers speak it.
type wire struct {
	provider provider
	connect  func(o Options, key string, h *http.Client) (chat, error)
	root     string // path of the base URL
	header   string // that carries the key, behind prefix
	prefix   string

	read     func(r *http.Request, body []byte) (asked, error)
	say      func(w io.Writer, text, finish string) // finish is one of the constants below
	fail     func(w http.ResponseWriter, status int, message string)
	broken   string // the beginning of an answer
	wrongKey func(w http.ResponseWriter)
	models   string // alpha and beta, and one that is of no use where the protocol tells
}

const (
	finishStop    = "stop"
	finishLength  = "length"
	finishRefusal = "refusal"
)

// asked is a call as it reached a server, in terms that the protocols share.
type asked struct {
	Model       string
	Messages    []trial.Message
	Tokens      int
	Temperature float64
	Seed        *int
	Stop        []string
	Schema      any // of the structured output, as JSON Schema; nil where none was asked for
}

// behaviour is how a stand-in answers one call.
type behaviour func(w http.ResponseWriter, r *http.Request, p *wire)

// standIn plays the server of a language model. It checks on every request that
// the key comes in its header and nowhere else.
type standIn struct {
	wire *wire
	url  string // base URL
	mu   sync.Mutex
	seen []asked
}

// play starts a stand-in that answers its n-th call, from 1, as script says.
func (p *wire) play(t *testing.T, script func(n int, a asked) behaviour) *standIn {
	t.Helper()
	s := &standIn{wire: p}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller went away
		}
		s.checkKey(t, r, body)
		if r.Method == http.MethodGet {
			io.WriteString(w, p.models)
			return
		}
		a, err := p.read(r, body)
		if err != nil {
			t.Errorf("%s: %v in %s", r.URL, err, body)
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, a)
		n := len(s.seen)
		s.mu.Unlock()
		script(n, a)(w, r, p)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + p.root
	return s
}

func (s *standIn) checkKey(t *testing.T, r *http.Request, body []byte) {
	if got := r.Header.Get(s.wire.header); got != s.wire.prefix+standInKey {
		t.Errorf("%s: the header %s is %q", r.URL, s.wire.header, got)
	}
	rest := r.Header.Clone()
	rest.Del(s.wire.header)
	if strings.Contains(fmt.Sprint(r.URL, rest, string(body)), standInKey) {
		t.Errorf("%s: the key is also in the address, another header or the body", r.URL)
	}
}

// calls returns the calls so far.
func (s *standIn) calls() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.seen...)
}

// proposer makes the proposer that asks the stand-in. It retries at once.
func (s *standIn) proposer(t *testing.T, o Options) *llm {
	t.Helper()
	for _, name := range s.wire.provider.keyVars {
		t.Setenv(name, standInKey)
	}
	if o.BaseURL = s.url; o.Model == "" {
		o.Model = "local"
	}
	p, err := newLLM(s.wire.provider, o, func(o Options, key string) (chat, error) {
		return s.wire.connect(o, key, httpClient(time.Millisecond))
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func says(text string) behaviour { return finishes(text, finishStop) }

func finishes(text, finish string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, p *wire) { p.say(w, text, finish) }
}

func fails(status int, message string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, p *wire) { p.fail(w, status, message) }
}

func asksToWait(seconds string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, p *wire) {
		w.Header().Set("Retry-After", seconds)
		p.fail(w, http.StatusTooManyRequests, "slow down")
	}
}

func refusesKey(w http.ResponseWriter, _ *http.Request, p *wire) { p.wrongKey(w) }

// echoesKey is a server, or a proxy before it, that shows what it was sent.
func echoesKey(w http.ResponseWriter, r *http.Request, _ *wire) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<html>denied: %v</html>", r.Header)
}

func breaksOff(w http.ResponseWriter, _ *http.Request, p *wire) { io.WriteString(w, p.broken) }

func cutsConnection(http.ResponseWriter, *http.Request, *wire) { panic(http.ErrAbortHandler) }

// hangs until the caller goes away.
func hangs(_ http.ResponseWriter, r *http.Request, _ *wire) { <-r.Context().Done() }

// script answers each call by the next behaviour, and all later ones by the last.
func script(all ...behaviour) func(int, asked) behaviour {
	return func(n int, _ asked) behaviour { return all[min(n, len(all))-1] }
}

// actor plays a language model well enough for whole rounds: it edits the program
// that the prompt shows, and at times answers with a copy, with nonsense, or
// without a program. The same conversation always gets the same answer.
func actor(_ int, a asked) behaviour {
	h := fnv.New64a()
	for _, m := range a.Messages {
		io.WriteString(h, m.Content)
	}
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	var round string // the first question that is no example's
	repair := false
	for _, m := range a.Messages {
		switch {
		case round != "":
			repair = true
		case m.Role == "user" && !strings.Contains(m.Content, "[28 28 1]") && !strings.Contains(m.Content, "News:"):
			round = m.Content
		}
	}
	input, classes := cifar.Input, cifar.Classes
	switch {
	case strings.Contains(round, "[8 8 1]"):
		input = digits.Input
	case strings.Contains(round, "texts of"):
		input, classes = reviews.Input, reviews.Classes
	}
	source := extract(round, "")
	if _, options, ok := strings.Cut(round, "# Its choices\n"); ok {
		return says(chooser(options, rng, repair))
	}
	if source == "" {
		source = arch.Seed(input, classes)
	}
	p, err := arch.Parse(source, input, classes)
	if err != nil {
		return fails(http.StatusBadRequest, err.Error())
	}
	switch roll := rng.IntN(6); {
	case roll == 0 && !repair:
		return says("I would rather talk about networks.")
	case roll == 1 && !repair:
		return says("```python\ndef network(x, classes):\n    return dense(x + 'a', classes)\n```")
	case roll == 2 && !repair:
		return says("```\n" + source + "```")
	}
	for p.Source == source {
		p, _ = applyAll(p, draw(3, rng), rng)
	}
	return says("All of it.\n```python\n" + p.Source + "```\n")
}

// chooser plays a model that is asked for choices: options are the lines that list
// them, with what follows.
func chooser(options string, rng *rand.Rand, repair bool) string {
	var entries []string
	for line := range strings.Lines(options) {
		name, values, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- "), ": ")
		if !ok {
			break
		}
		all := strings.Split(values, ", ")
		entries = append(entries, fmt.Sprintf("%q: %s", name, all[rng.IntN(len(all))]))
	}
	line := "choices = {" + strings.Join(entries, ", ") + "}"
	switch roll := rng.IntN(6); {
	case roll == 0 && !repair:
		return "I would rather talk about networks."
	case roll == 1 && !repair:
		return "```python\n" + strings.Replace(line, "}", ", \"edge9\": 1}", 1) + "\n```"
	case roll == 2:
		return line
	case roll == 3:
		return fmt.Sprintf(`{"choices": {%s}}`, strings.Join(entries, ", "))
	}
	return "All of it.\n```python\n" + line + "\n```\n"
}

// good is an answer with a program that is not the parent's.
var good = "AD: done.\n```python\n" + strings.Replace(residual, "64, 128", "64, 96", 1) + "```"

func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// openAIWire is OpenAI's chat protocol.
var openAIWire = &wire{
	provider: openAIProvider, connect: connectOpenAI, root: "/v1", header: "Authorization", prefix: "Bearer ",
	read: func(r *http.Request, body []byte) (asked, error) {
		var in struct {
			Model               string
			Messages            []trial.Message
			MaxTokens           int `json:"max_tokens"`
			MaxCompletionTokens int `json:"max_completion_tokens"`
			Temperature         float64
			Seed                *int
			Stop                []string
			ResponseFormat      *struct {
				JSONSchema struct{ Schema any } `json:"json_schema"`
			} `json:"response_format"`
		}
		if err := json.Unmarshal(body, &in); err != nil || r.URL.Path != "/v1/chat/completions" {
			return asked{}, fmt.Errorf("not a chat completion: %w", err)
		}
		out := asked{
			Model: in.Model, Messages: in.Messages, Tokens: max(in.MaxTokens, in.MaxCompletionTokens),
			Temperature: in.Temperature, Seed: in.Seed, Stop: in.Stop,
		}
		if in.ResponseFormat != nil {
			out.Schema = in.ResponseFormat.JSONSchema.Schema
		}
		return out, nil
	},
	say: func(w io.Writer, text, finish string) {
		field := "content"
		if finish == finishRefusal {
			field, finish = "refusal", finishStop
		}
		fmt.Fprintf(w, `{"choices": [{"message": {"role": "assistant", %q: %s}, "finish_reason": %q}], "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}}`,
			field, quote(text), finish)
	},
	fail: func(w http.ResponseWriter, status int, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error": {"message": %s, "type": "invalid_request_error", "param": null, "code": null}}`, quote(message))
	},
	broken: `{"choices": [{"message": {"content": "abc`,
	wrongKey: func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error": {"message": "Incorrect API key provided: `+standInKey+`.", "type": "invalid_request_error", "code": "invalid_api_key"}}`)
	},
	models: `{"object": "list", "data": [{"id": "beta", "object": "model"}, {"id": "alpha", "object": "model"}]}`,
}
