package propose

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sashabaranov/go-openai"
)

// openAI speaks OpenAI's chat protocol: to OpenAI's own endpoint, another
// provider's, or a server on this machine.
type openAI struct {
	client *openai.Client

	mu      sync.Mutex
	refused map[string]bool // parameters that this server answered without, and is spared
}

func newOpenAI(o Options) (Proposer, error) {
	return newLLM(openAIProvider, o, func(o Options, key string) (chat, error) {
		return connectOpenAI(o, key, httpClient(time.Second))
	})
}

func connectOpenAI(o Options, key string, h *http.Client) (chat, error) {
	c := openai.DefaultConfig(key)
	c.BaseURL = o.BaseURL
	c.HTTPClient = h
	return &openAI{client: openai.NewClientWithConfig(c), refused: map[string]bool{}}, nil
}

// reasoningModel matches the models that accept only the default temperature, or
// another one only without reasoning; gateways put a maker's name before it.
var reasoningModel = regexp.MustCompile(`^(.*/)?(o[1-9]|gpt-[5-9])`)

// reasoningTokens is what a reasoning model may think beyond its answer.
const reasoningTokens = 16000

// parameters are what a call goes on without where the server refuses it, and the
// words by which a server's error means it.
var parameters = []struct {
	name  string
	words *regexp.Regexp
	sent  func(call) bool
}{
	{"response_format", regexp.MustCompile(`(?i)response.?format|json.?schema|structured output|grammar`), func(c call) bool { return c.JSON }},
	{"temperature", regexp.MustCompile(`(?i)\btemperature\b`), always},
	{"max_tokens", regexp.MustCompile(`\bmax_tokens\b`), always},
	{"seed", regexp.MustCompile(`(?i)\bseed\b`), always},
	{"stop", regexp.MustCompile(`\bstop\b`), func(c call) bool { return len(c.Stop) > 0 }},
}

func always(call) bool { return true }

// tooLong matches the complaint that a prompt does not fit, which may name max_tokens.
var tooLong = regexp.MustCompile(`(?i)context.?(length|size|window)`)

// complete sends the call, and again without each parameter that the server
// refuses, which is at most once more for each of them.
func (p *openAI) complete(ctx context.Context, c call) (reply, error) {
	without := p.spared()
	reasoning := reasoningModel.MatchString(c.Model)
	if reasoning {
		for _, name := range []string{"temperature", "max_tokens", "seed", "stop"} {
			without[name] = true
		}
	}
	var resp openai.ChatCompletionResponse
	var err error
	for name := "none"; name != ""; {
		resp, err = p.client.CreateChatCompletion(ctx, request(c, without))
		if name = refusedBy(err, c, without); name != "" {
			without[name] = true
		}
	}
	out := reply{NoTemp: without["temperature"], Notes: notes(c, without, reasoning)}
	if err != nil {
		return out, status(err)
	}
	p.spare(without)
	out.PromptTokens, out.AnswerTokens = resp.Usage.PromptTokens, resp.Usage.CompletionTokens
	if len(resp.Choices) == 0 {
		return out, errors.New("the response has no choices")
	}
	choice := resp.Choices[0]
	out.Text = choice.Message.Content
	if choice.Message.Refusal != "" {
		out.Text = strings.TrimSpace(out.Text + "\n" + choice.Message.Refusal)
	}
	out.Refused = choice.Message.Refusal != "" || choice.FinishReason == openai.FinishReasonContentFilter
	out.CutOff = choice.FinishReason == openai.FinishReasonLength
	return out, nil
}

// spared copies what the server refused before.
func (p *openAI) spared() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.refused)
}

// spare remembers what the server answered without.
func (p *openAI) spare(without map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.refused, without)
}

func request(c call, without map[string]bool) openai.ChatCompletionRequest {
	req := openai.ChatCompletionRequest{Model: c.Model}
	for _, m := range c.Messages {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	if c.JSON && !without["response_format"] {
		req.ResponseFormat = &openai.ChatCompletionResponseFormat{
			Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "architecture", Schema: answerSchema, Strict: true},
		}
	}
	if !without["temperature"] {
		// The client leaves a temperature of 0 out, which would mean the server's default.
		req.Temperature = max(float32(c.Temperature), math.SmallestNonzeroFloat32)
	}
	if without["max_tokens"] { // an answer always has a bound, since the caps count on it
		req.MaxCompletionTokens = c.MaxTokens + reasoningTokens
	} else {
		req.MaxTokens = c.MaxTokens
	}
	if !without["seed"] {
		req.Seed = &c.Seed
	}
	if !without["stop"] {
		req.Stop = c.Stop
	}
	return req
}

// refusedBy finds the parameter, of those that were sent, that the server refuses
// to be told; "" is none.
func refusedBy(err error, c call, without map[string]bool) string {
	var status int
	var text string
	var api *openai.APIError
	var other *openai.RequestError
	switch {
	case errors.As(err, &api):
		status, text = api.HTTPStatusCode, api.Message
		if api.Param != nil {
			text = cmp.Or(*api.Param, text)
		}
	case errors.As(err, &other):
		status, text = other.HTTPStatusCode, string(other.Body)
	}
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity || tooLong.MatchString(text) {
		return ""
	}
	for _, p := range parameters {
		if p.sent(c) && !without[p.name] && p.words.MatchString(text) {
			return p.name
		}
	}
	return ""
}

// notes says what was left out of a call.
func notes(c call, without map[string]bool, reasoning bool) []string {
	var out []string
	for _, p := range parameters {
		switch {
		case !without[p.name] || !p.sent(c):
		case reasoning && p.name != "response_format":
			if p.name != "max_tokens" {
				out = append(out, p.name+": reasoning models take none")
			}
		case p.name == "max_tokens":
			out = append(out, p.name+": the server refused it, and was told max_completion_tokens")
		default:
			out = append(out, p.name+": the server refused it")
		}
	}
	return out
}

func (p *openAI) models(ctx context.Context) ([]string, error) {
	list, err := p.client.ListModels(ctx)
	if err != nil {
		return nil, status(err)
	}
	var ids []string
	for _, m := range list.Models {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// status finds the HTTP status and the server's own words in an error of the client.
func status(err error) error {
	var api *openai.APIError
	var other *openai.RequestError
	switch {
	case errors.As(err, &api):
		return &statusError{api.HTTPStatusCode, api.Message}
	case errors.As(err, &other):
		return &statusError{other.HTTPStatusCode, string(other.Body)}
	}
	return err
}
