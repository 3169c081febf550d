package propose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sashabaranov/go-openai"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// geminiWire is Gemini's protocol, in the numbers for enums that Google's client
// asks for. An answer comes in two pieces.
var geminiWire = &wire{
	provider: geminiProvider, connect: connectGemini, root: "", header: "X-Goog-Api-Key",
	read: readGemini,
	say: func(w io.Writer, text, finish string) {
		reason := map[string]int{finishStop: 1, finishLength: 2, finishRefusal: 3}[finish]
		if finish == finishRefusal {
			fmt.Fprintf(w, `[{"candidates": [{"finishReason": %d, "index": 0}], "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 150}}]`, reason)
			return
		}
		half := len(text) / 2
		for half > 0 && text[half]&0xc0 == 0x80 { // within a character
			half--
		}
		fmt.Fprintf(w, `[{"candidates": [{"content": {"parts": [{"text": %s}], "role": "model"}, "index": 0}], "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 107}, "modelVersion": "m"},
{"candidates": [{"content": {"parts": [{"text": %s, "thoughtSignature": "c2lnbmVk"}], "role": "model"}, "finishReason": %d, "index": 0}], "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 43, "thoughtsTokenCount": 7, "totalTokenCount": 150}}]`,
			quote(text[:half]), quote(text[half:]), reason)
	},
	fail: func(w http.ResponseWriter, status int, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `[{"error": {"code": %d, "message": %s, "status": "NONE"}}]`, status, quote(message))
	},
	broken: `[{"candidates": [{"content": {"parts": [{"text": "abc`,
	wrongKey: func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT", "details": [
			{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}},
			{"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": "API key not valid. Please pass a valid API key."}]}}]`)
	},
	models: `{"models": [{"name": "models/beta", "supportedGenerationMethods": ["generateContent", "countTokens"]},
		{"name": "models/embedding", "supportedGenerationMethods": ["embedContent"]}, {"name": "models/alpha", "supportedGenerationMethods": ["generateContent"]}]}`,
}

// readGemini reads a call of Gemini's protocol.
func readGemini(r *http.Request, body []byte) (asked, error) {
	type content struct {
		Role  string
		Parts []struct{ Text string }
	}
	var in struct {
		SystemInstruction content
		Contents          []content
		GenerationConfig  struct {
			MaxOutputTokens int
			Temperature     float64
			StopSequences   []string
			ResponseSchema  any
		}
	}
	model, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1beta/models/"), ":streamGenerateContent")
	if err := json.Unmarshal(body, &in); err != nil || !ok {
		return asked{}, fmt.Errorf("not a call for content: %w", err)
	}
	config := in.GenerationConfig
	out := asked{
		Model: model, Tokens: config.MaxOutputTokens, Temperature: config.Temperature,
		Stop: config.StopSequences, Schema: jsonSchema(config.ResponseSchema),
	}
	roles := map[string]string{"user": "user", "model": "assistant", "system": "system"}
	in.SystemInstruction.Role = "system"
	for _, c := range append([]content{in.SystemInstruction}, in.Contents...) {
		if len(c.Parts) != 1 || roles[c.Role] == "" {
			return asked{}, fmt.Errorf("%d parts of role %q", len(c.Parts), c.Role)
		}
		out.Messages = append(out.Messages, trial.Message{Role: roles[c.Role], Content: c.Parts[0].Text})
	}
	return out, nil
}

// jsonSchema turns Gemini's numbers for types into JSON Schema's names.
func jsonSchema(v any) any {
	s, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for name, value := range s {
		switch name {
		case "type":
			value = map[any]string{1.0: "string", 5.0: "array", 6.0: "object"}[value]
		case "format": // "enum" is no format of JSON Schema
			continue
		case "items":
			value = jsonSchema(value)
		case "properties":
			fields := map[string]any{}
			for field, schema := range value.(map[string]any) {
				fields[field] = jsonSchema(schema)
			}
			value = fields
		}
		out[name] = value
	}
	return out
}

// translate starts a server of Gemini's protocol that asks a server of OpenAI's.
func translate(t *testing.T, target, key string) *standIn {
	c := openai.DefaultConfig(key)
	c.BaseURL = target
	client := openai.NewClientWithConfig(c)
	return geminiWire.play(t, func(_ int, a asked) behaviour {
		return func(w http.ResponseWriter, r *http.Request, p *wire) {
			req := openai.ChatCompletionRequest{
				Model: a.Model, MaxTokens: a.Tokens, Temperature: float32(a.Temperature), Stop: a.Stop,
			}
			for _, m := range a.Messages {
				req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Content})
			}
			if a.Schema != nil {
				req.ResponseFormat = &openai.ChatCompletionResponseFormat{
					Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
					JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "answer", Schema: json.RawMessage(quote(a.Schema))},
				}
			}
			resp, err := client.CreateChatCompletion(r.Context(), req)
			if err != nil || len(resp.Choices) == 0 {
				p.fail(w, http.StatusBadGateway, fmt.Sprint(err))
				return
			}
			p.say(w, resp.Choices[0].Message.Content, string(resp.Choices[0].FinishReason))
		}
	})
}

func TestTranslatingStandIn(t *testing.T) {
	target := openAIWire.play(t, script(says(good)))
	p := translate(t, target.url, standInKey).proposer(t, Options{Format: formatJSON})
	got, err := p.Propose(context.Background(), firstRound(t))
	if err != nil || got.Source == "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	call := target.calls()[0]
	if diff := cmp.Diff(got.Exchange.Prompt, call.Messages); diff != "" {
		t.Error(diff)
	}
	var want any
	if err := json.Unmarshal([]byte(quote(answerSchema)), &want); err != nil {
		t.Fatal(err)
	}
	loose := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["additionalProperties"]` }, cmp.Ignore())
	if diff := cmp.Diff(want, call.Schema, loose); diff != "" {
		t.Errorf("the schema is another one: %s", diff)
	}
}

func TestGeminiCall(t *testing.T) {
	temperature := 0.25
	cases := []struct {
		name    string
		options Options
		want    func(a asked) bool
	}{
		{"plain", Options{Temperature: &temperature, Format: formatFenced}, func(a asked) bool {
			return a.Model == "local" && a.Tokens == 1500 && a.Schema == nil && len(a.Stop) > 0
		}},
		{"room for thinking", Options{Model: "gemini-3.8-flash", Temperature: &temperature}, func(a asked) bool {
			return a.Model == "gemini-3.8-flash" && a.Tokens == 1500+reasoningTokens
		}},
		{"the name with its folder", Options{Model: "models/gemini-2.0-flash", Temperature: &temperature}, func(a asked) bool {
			return a.Model == "gemini-2.0-flash" && a.Tokens == 1500
		}},
		{"structured", Options{Temperature: &temperature, Format: formatJSON}, func(a asked) bool { return a.Schema != nil }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := geminiWire.play(t, script(says(good)))
			got, err := s.proposer(t, c.options).Propose(context.Background(), firstRound(t))
			if err != nil {
				t.Fatal(err)
			}
			call := s.calls()[0]
			if !c.want(call) || call.Temperature != *got.Exchange.Temperature {
				t.Errorf("sent %+v", call)
			}
			if diff := cmp.Diff(got.Exchange.Prompt, call.Messages); diff != "" {
				t.Errorf("the recorded prompt is not what was sent: %s", diff)
			}
			if x := got.Exchange; x.PromptTokens != 100 || x.AnswerTokens != 50 {
				t.Errorf("%d and %d tokens: thinking counts as answer", x.PromptTokens, x.AnswerTokens)
			}
			if diff := cmp.Diff([]string{"seed: Google's client has none"}, got.Exchange.Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// raw answers with a body of Gemini's protocol as it is.
func raw(body string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ *wire) { io.WriteString(w, body) }
}

func TestGeminiAnswers(t *testing.T) {
	cases := []struct{ name, body, err, note, answer string }{
		{"the prompt is blocked", `[{"promptFeedback": {"blockReason": 1}, "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 100}}]`, "", "refused", "the prompt was blocked: safety"},
		{"blocked for a reason that the client lacks", `[{"promptFeedback": {"blockReason": 4}}]`, "", "refused", "the prompt was blocked: reason 4 of Google's"},
		{"recitation", `[{"candidates": [{"finishReason": 4}]}]`, "", "refused", "the answer was blocked: recitation"},
		{"prohibited content", `[{"candidates": [{"finishReason": 8}]}]`, "", "refused", "the answer was blocked: prohibited content"},
		{"a reason of another day", `[{"candidates": [{"finishReason": 77}]}]`, "", "refused", "the answer was blocked: reason 77 of Google's"},
		{"only thinking", `[{"candidates": [{"finishReason": 2, "content": {"role": "model"}}], "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 1600}}]`, "", "cut off at 1500 tokens", ""},
		{"no content", `[{"candidates": [{"finishReason": 2}]}]`, "", "cut off", ""},
		{"no end", `[{"candidates": [{"content": {"parts": [{"text": "abc"}]}}]}]`, "without a reason to finish", "", ""},
		{"no candidates", `[{}]`, "without a reason to finish", "", ""},
		{"an error within", `[{"error": {"code": 503, "message": "overloaded"}}]`, "without a reason to finish", "", ""},
		{"no list", `{"candidates": []}`, "expected '['", "", ""},
		{"a part of another day", `[{"candidates": [{"content": {"parts": [{"hologram": {}}]}, "finishReason": 1}]}]`, "unknown Part", "", ""},
		{"a part that the client panics at", `[{"candidates": [{"content": {"parts": [{"functionResponse": {"name": "f"}}]}, "finishReason": 1}]}]`, "cannot read", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := geminiWire.play(t, script(raw(c.body))).proposer(t, Options{})
			got, err := p.Propose(context.Background(), firstRound(t))
			if c.err != "" {
				if !errors.As(err, new(*CallError)) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || !strings.Contains(got.Note, c.note) || got.Exchange.Answer != c.answer {
				t.Errorf("got %q, note %q, %v", got.Exchange.Answer, got.Note, err)
			}
		})
	}
}

// A server without structured output is asked again in plain words.
func TestGeminiWithoutStructuredOutput(t *testing.T) {
	s := geminiWire.play(t, func(_ int, a asked) behaviour {
		if a.Schema != nil {
			return fails(http.StatusBadRequest, "JSON mode is not enabled for models/local")
		}
		return says(good)
	})
	got, err := s.proposer(t, Options{Format: formatJSON}).Propose(context.Background(), firstRound(t))
	if err != nil || got.Source == "" || len(s.calls()) != 2 {
		t.Fatalf("got %+v, %v after %d calls", got, err, len(s.calls()))
	}
	if notes := strings.Join(got.Exchange.Notes, "; "); !strings.Contains(notes, "structured output: the server refused it") {
		t.Errorf("notes: %s", notes)
	}
}

// Google's client must not get the key, since it would put it into addresses; and
// what it prints must not hold it.
func TestGeminiKeyIsOursAlone(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed)
	defer log.SetOutput(os.Stderr)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, url := range []string{gone.URL, geminiWire.play(t, script(echoesKey)).url} {
		s := &standIn{wire: geminiWire, url: url}
		got, err := s.proposer(t, Options{Timeout: 2 * time.Second}).Propose(context.Background(), firstRound(t))
		if err == nil {
			t.Fatal("no error")
		}
		if seen := fmt.Sprintf("%v %+v %#v %s", err, err, got, printed.String()); strings.Contains(seen, "marked") {
			t.Errorf("the key shows: %s", seen)
		}
	}
}
