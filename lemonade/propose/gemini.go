package propose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

var geminiProvider = provider{
	name: "gemini", keyVars: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, modelVar: "GEMINI_MODEL", baseVar: "GEMINI_BASE_URL",
	base: "https://generativelanguage.googleapis.com", defaultModel: defaultModel("gemini"),
}

// gemini speaks Gemini's protocol: to Google's own endpoint or another server.
type gemini struct {
	client *genai.Client
	http   *http.Client
	base   string
}

func newGemini(o Options) (Proposer, error) {
	return newLLM(geminiProvider, o, func(o Options, key string) (chat, error) {
		return connectGemini(o, key, httpClient(time.Second))
	})
}

// connectGemini gives Google's client no key at all: alone it would put the key
// into addresses, and so into errors. Our own transport sends it. The client also
// opens a connection for cached content, which is not used here: with a scheme in
// the endpoint it reaches nobody, and costs four sleeping goroutines.
func connectGemini(o Options, key string, h *http.Client) (chat, error) {
	base := strings.TrimSuffix(o.BaseURL, "/v1beta") // the client adds it
	h.Transport = &geminiTransport{key: key, next: h.Transport}
	c, err := genai.NewClient(context.Background(), option.WithHTTPClient(h), option.WithoutAuthentication(), option.WithEndpoint(base))
	if err != nil {
		return nil, err
	}
	return &gemini{client: c, http: h, base: base}, nil
}

// geminiThinks matches the models that think before they answer, within the same
// limit of tokens.
var geminiThinks = regexp.MustCompile(`^gemini-(2\.5|[3-9]|flash|pro)`)

// jsonRefused matches what a server says that has no structured output.
var jsonRefused = regexp.MustCompile(`(?i)json mode|response_?schema|response_?mime`)

// complete sends the call, and once more without what the server refuses to be told.
func (g *gemini) complete(ctx context.Context, c call) (reply, error) {
	notes := []string{"seed: Google's client has none"}
	out, err := g.send(ctx, c)
	var s *statusError
	if c.JSON && errors.As(err, &s) && s.status == http.StatusBadRequest && jsonRefused.MatchString(s.text) {
		notes = append(notes, "structured output: the server refused it")
		c.JSON = false
		out, err = g.send(ctx, c)
	}
	out.Notes = notes
	return out, err
}

// send carries one conversation out. It streams, as the client knows no other way
// to send more than one message.
func (g *gemini) send(ctx context.Context, c call) (out reply, err error) {
	defer func() {
		// The client panics on a part of a kind that it does not know.
		if r := recover(); r != nil {
			err = fmt.Errorf("the response holds what Google's client cannot read: %v", r)
		}
	}()
	session, last := g.session(c)
	stream := session.SendMessageStream(ctx, last)
	var text strings.Builder
	var finish genai.FinishReason
	for {
		chunk, err := stream.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if blocked := new(genai.BlockedError); errors.As(err, &blocked) {
			out.Refused, out.Text = true, refusal(blocked)
			return out, nil
		}
		if err != nil {
			return out, geminiStatus(err)
		}
		out.count(chunk.UsageMetadata)
		for _, candidate := range chunk.Candidates[:min(1, len(chunk.Candidates))] {
			finish = candidate.FinishReason
			if candidate.Content == nil { // thinking took all tokens
				continue
			}
			for _, part := range candidate.Content.Parts {
				if t, ok := part.(genai.Text); ok {
					text.WriteString(string(t))
				}
			}
		}
	}
	out.Text = text.String()
	switch finish {
	case genai.FinishReasonStop:
	case genai.FinishReasonMaxTokens:
		out.CutOff = true
	case genai.FinishReasonUnspecified:
		return out, errors.New("the response ends without a reason to finish")
	default:
		out.Refused, out.Text = true, finishText(finish)
	}
	return out, nil
}

// session puts a call into the client's terms. The last message is apart.
func (g *gemini) session(c call) (*genai.ChatSession, genai.Text) {
	m := g.client.GenerativeModel(c.Model)
	tokens := c.MaxTokens
	if geminiThinks.MatchString(strings.TrimPrefix(c.Model, "models/")) {
		tokens += reasoningTokens
	}
	m.SetMaxOutputTokens(int32(tokens))
	m.SetTemperature(float32(c.Temperature))
	m.StopSequences = c.Stop
	if c.JSON {
		m.ResponseMIMEType, m.ResponseSchema = "application/json", geminiSchema(&answerSchema)
	}
	session := m.StartChat()
	var last genai.Text
	for i, message := range c.Messages {
		text := genai.Text(strings.ToValidUTF8(message.Content, "\uFFFD")) // else the client refuses the call
		content := &genai.Content{Role: "user", Parts: []genai.Part{text}}
		switch {
		case message.Role == "system":
			m.SystemInstruction = &genai.Content{Parts: content.Parts}
		case i == len(c.Messages)-1:
			last = text
		case message.Role == "assistant":
			content.Role = "model"
			fallthrough
		default:
			session.History = append(session.History, content)
		}
	}
	return session, last
}

// count takes the latest usage. What is in the total beyond prompt and answer was
// thinking, which the client has no field for.
func (r *reply) count(u *genai.UsageMetadata) {
	if u == nil {
		return
	}
	r.PromptTokens = int(u.PromptTokenCount)
	r.AnswerTokens = int(max(u.CandidatesTokenCount, u.TotalTokenCount-u.PromptTokenCount))
}

// refusal says why an answer was withheld.
func refusal(b *genai.BlockedError) string {
	if b.Candidate != nil {
		return finishText(b.Candidate.FinishReason)
	}
	if b.PromptFeedback.BlockReason == genai.BlockReasonSafety {
		return "the prompt was blocked: safety"
	}
	return fmt.Sprintf("the prompt was blocked: reason %d of Google's", b.PromptFeedback.BlockReason)
}

// finishTexts names why answers end that are none, those that the client lacks
// included: https://ai.google.dev/api/generate-content#FinishReason.
var finishTexts = map[genai.FinishReason]string{
	genai.FinishReasonSafety: "safety", genai.FinishReasonRecitation: "recitation", genai.FinishReasonOther: "other",
	6: "language", 7: "blocklist", 8: "prohibited content", 9: "personal information",
}

func finishText(f genai.FinishReason) string {
	if text, ok := finishTexts[f]; ok {
		return "the answer was blocked: " + text
	}
	return fmt.Sprintf("the answer was blocked: reason %d of Google's", f)
}

// models asks without the client, which would not heed ctx here.
func (g *gemini) models(ctx context.Context) ([]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+"/v1beta/models?pageSize=1000", nil)
	if err != nil {
		return nil, err
	}
	resp, err := g.http.Do(req)
	if err != nil {
		return nil, geminiStatus(err)
	}
	defer resp.Body.Close()
	var list struct {
		Models []struct {
			Name                       string
			SupportedGenerationMethods []string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range list.Models {
		if slices.Contains(m.SupportedGenerationMethods, "generateContent") {
			ids = append(ids, strings.TrimPrefix(m.Name, "models/"))
		}
	}
	return ids, nil
}

// geminiTransport sends the key in its header and makes errors of the responses
// that are none. The client would lose some of their words, and try again for ten
// minutes what the transport below has tried often enough.
type geminiTransport struct {
	key  string
	next http.RoundTripper
}

func (t *geminiTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Goog-Api-Key", t.key)
	resp, err := t.next.RoundTrip(r)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	return nil, geminiError(resp.StatusCode, body)
}

// geminiError finds the server's words in a response that is an error, alone or in
// a list. A wrong key is told as 401, as other servers do; Google's status is 400.
func geminiError(status int, body []byte) *statusError {
	var told struct {
		Error struct {
			Message string
			Details []struct{ Reason string }
		}
	}
	list := []any{&told}
	if json.Unmarshal(body, &told) != nil && json.Unmarshal(body, &list) != nil || told.Error.Message == "" {
		return &statusError{status, shorten(strings.TrimSpace(string(body)), reasonShown)}
	}
	for _, d := range told.Error.Details {
		if d.Reason == "API_KEY_INVALID" {
			status = http.StatusUnauthorized
		}
	}
	return &statusError{status, told.Error.Message}
}

// geminiStatus takes the client's wrapping, with its address, off a [*statusError].
func geminiStatus(err error) error {
	if s := new(statusError); errors.As(err, &s) {
		return s
	}
	return err
}

// geminiSchema puts a schema into the client's terms. The client keeps no order of
// properties, so it is the alphabet's: changes still come before the program.
func geminiSchema(s *schema) *genai.Schema {
	if s == nil {
		return nil
	}
	out := &genai.Schema{
		Type:        map[string]genai.Type{"object": genai.TypeObject, "array": genai.TypeArray, "string": genai.TypeString}[s.Type],
		Description: s.Description, Enum: s.Enum, Items: geminiSchema(s.Items),
	}
	if len(s.Enum) > 0 {
		out.Format = "enum"
	}
	for _, p := range s.Properties {
		if out.Properties == nil {
			out.Properties = map[string]*genai.Schema{}
		}
		out.Properties[p.Name] = geminiSchema(&p.schema)
		out.Required = append(out.Required, p.Name)
	}
	return out
}
