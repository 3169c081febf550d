package propose

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// openAI asks a language model behind an endpoint that speaks OpenAI's chat
// protocol: OpenAI's own, another provider's, or a server on this machine.
type openAI struct {
	client  *openai.Client
	options Options
	key     string
	plain   bool // reasoning models take no temperature and count their thinking as answer
}

// reasoningModel matches the models that accept only the default temperature, or
// another one only without reasoning.
var reasoningModel = regexp.MustCompile(`^(o[1-9]|gpt-[5-9])`)

// reasoningTokens is what a reasoning model may think beyond its answer.
const reasoningTokens = 16000

func newOpenAI(o Options) (Proposer, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("proposer openai: %w", err)
	}
	key, err := o.key()
	if err != nil {
		return nil, fmt.Errorf("proposer openai: %w", err)
	}
	return newOpenAIClient(o, key, httpClient(time.Second)), nil
}

func newOpenAIClient(o Options, key string, h *http.Client) *openAI {
	c := openai.DefaultConfig(key)
	c.BaseURL = o.BaseURL
	c.HTTPClient = h
	return &openAI{client: openai.NewClientWithConfig(c), options: o, key: key, plain: reasoningModel.MatchString(o.Model)}
}

func (*openAI) Name() string { return "openai" }

// CallError says that a language model was out of reach, or answered with
// something that is no answer. It holds no key.
type CallError struct {
	Exchange *trial.Exchange // as far as it went, for the record
	Status   int             // of the HTTP response, 0 where there was none
	text     string
	cause    error // context.Canceled or DeadlineExceeded: another could hold the key
}

// Error tells the model, what went wrong and, where it is known, the mend.
func (e *CallError) Error() string { return e.text }

// Unwrap returns context.Canceled or context.DeadlineExceeded where that ended the call.
func (e *CallError) Unwrap() error { return e.cause }

// Propose asks the model once; repairs carry the round's conversation on.
func (p *openAI) Propose(ctx context.Context, r Request) (Proposal, error) {
	if err := ctx.Err(); err != nil {
		return Proposal{}, err
	}
	prompt, err := messages(r)
	if err != nil {
		return Proposal{}, err
	}
	ex := &trial.Exchange{Model: p.options.Model, Prompt: prompt}
	call, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	start := time.Now()
	resp, err := p.complete(call, p.request(prompt, r))
	ex.Duration = time.Since(start)
	if err == nil && len(resp.Choices) == 0 {
		err = errors.New("the response has no choices")
	}
	if err != nil {
		return Proposal{Exchange: ex}, p.failure(ctx, call, ex, err)
	}
	choice := resp.Choices[0]
	ex.Answer = p.redact(choice.Message.Content)
	ex.PromptTokens, ex.AnswerTokens = resp.Usage.PromptTokens, resp.Usage.CompletionTokens
	parent := ""
	if r.Parent != nil && r.Parent.Program != nil {
		parent = r.Parent.Program.Source
	}
	out := Proposal{Exchange: ex}
	var patched bool
	out.Source, patched = patch(extract(ex.Answer, parent), parent)
	switch {
	case choice.Message.Refusal != "":
		ex.Answer = strings.TrimSpace(ex.Answer + "\n" + p.redact(choice.Message.Refusal))
		out.Note = "the model refused"
	case choice.FinishReason == openai.FinishReasonLength:
		out.Note = fmt.Sprintf("the answer was cut off at %d tokens", ex.AnswerTokens)
	case out.Source == "":
		out.Note = "the answer holds no program"
	}
	ex.Error = out.Note
	if patched && out.Note == "" {
		out.Note = "the answer holds some functions only; the rest is the parent's"
	}
	return out, nil
}

// request builds the call. Another turn has another seed, so that a server that
// honours seeds can be repeated and still does not repeat itself.
func (p *openAI) request(prompt []trial.Message, r Request) openai.ChatCompletionRequest {
	req := openai.ChatCompletionRequest{Model: p.options.Model}
	for _, m := range prompt {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	if p.plain {
		req.MaxCompletionTokens = p.options.MaxTokens + reasoningTokens
		return req
	}
	seed := int(r.rand("openai").Int32())
	req.Seed = &seed
	req.MaxTokens = p.options.MaxTokens
	// The program is the end of an answer: what small models say behind it is lost
	// time. An opening fence is never followed by an empty line.
	req.Stop = []string{"\n```\n\n"}
	// The client leaves a temperature of 0 out, which would mean the server's default.
	req.Temperature = max(float32(*p.options.Temperature), math.SmallestNonzeroFloat32)
	return req
}

// complete sends the request, and once more without what the server refuses to
// be told.
func (p *openAI) complete(ctx context.Context, req openai.ChatCompletionRequest) (openai.ChatCompletionResponse, error) {
	resp, err := p.client.CreateChatCompletion(ctx, req)
	var api *openai.APIError
	if !errors.As(err, &api) || api.HTTPStatusCode != http.StatusBadRequest || p.plain {
		return resp, err
	}
	for _, name := range []string{"temperature", "max_tokens", "seed", "stop"} {
		if strings.Contains(api.Message, name) || (api.Param != nil && *api.Param == name) {
			req.MaxCompletionTokens, req.MaxTokens = p.options.MaxTokens+reasoningTokens, 0
			req.Temperature, req.Seed, req.Stop = 0, nil, nil
			return p.client.CreateChatCompletion(ctx, req)
		}
	}
	return resp, err
}

// failure turns an error of the call into one that may be shown and recorded.
func (p *openAI) failure(ctx, call context.Context, ex *trial.Exchange, err error) error {
	if ctx.Err() != nil {
		ex.Error = ctx.Err().Error()
		return ctx.Err()
	}
	out := &CallError{Exchange: ex, text: fmt.Sprintf("model %s: %v", p.options.Model, err)}
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case call.Err() != nil:
		out.cause = call.Err()
		out.text = fmt.Sprintf("model %s: no answer within %s", p.options.Model, p.options.Timeout)
	case errors.As(err, &api):
		out.Status = api.HTTPStatusCode
	case errors.As(err, &request):
		out.Status = request.HTTPStatusCode
	}
	switch out.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		out.text += "; check OPENAI_API_KEY"
	case http.StatusNotFound:
		out.text += "; set OPENAI_MODEL to a model of this server" + p.models(ctx)
	}
	out.text = p.redact(out.text)
	ex.Error = out.text
	return out
}

// models names some of the models the key can use, or nothing.
func (p *openAI) models(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := p.client.ListModels(ctx)
	if err != nil || len(list.Models) == 0 {
		return ""
	}
	var ids []string
	for _, m := range list.Models {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	if len(ids) > 8 {
		ids = append(ids[:8], "…")
	}
	return ": " + strings.Join(ids, ", ")
}

// apiKey matches OpenAI's keys, also as its errors abbreviate them.
var apiKey = regexp.MustCompile(`\bsk-[A-Za-z0-9_*\-]{3,}`)

// redact takes the key out of text that came from a server.
func (p *openAI) redact(text string) string {
	if len(p.key) > 4 {
		text = strings.ReplaceAll(text, p.key, "[key]")
	}
	return apiKey.ReplaceAllString(text, "[key]")
}
