package propose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// llm is the Proposer that asks a language model, whichever protocol it speaks.
type llm struct {
	provider provider
	chat     chat
	options  Options                  // complete
	secret   *regexp.Regexp           // matches the key, which is not kept here; nil where there is none
	pieces   func(text string) string // takes what is left of a key that was cut short out; nil where there is none
	ledger   *ledger
}

func newLLM(p provider, o Options, connect func(o Options, key string) (chat, error)) (*llm, error) {
	o, err := o.complete(p)
	if err != nil {
		return nil, fmt.Errorf("proposer %s: %w", p.name, err)
	}
	key, err := o.key(p)
	if err != nil {
		return nil, fmt.Errorf("proposer %s: %w", p.name, err)
	}
	c, err := connect(o, key)
	if err != nil {
		return nil, fmt.Errorf("proposer %s: %w", p.name, err)
	}
	books, err := newLedger(o)
	if err != nil {
		return nil, fmt.Errorf("proposer %s: %w", p.name, err)
	}
	return &llm{provider: p, chat: c, options: o, secret: secret(key), pieces: withoutPieces(key), ledger: books}, nil
}

func (p *llm) Name() string { return p.provider.name }

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
func (p *llm) Propose(ctx context.Context, r Request) (Proposal, error) {
	prompt, err := messages(r, p.options.Format)
	if err != nil {
		return Proposal{}, err
	}
	ex, reply, err := p.ask(ctx, call{
		Messages: prompt, MaxTokens: p.options.MaxTokens, Temperature: temperature(*p.options.Temperature, r),
		Seed: int(r.rand(p.Name()).Int32()), JSON: p.options.Format == formatJSON,
		// The program is the end of an answer: what small models say behind it is lost
		// time. An opening fence is never followed by an empty line.
		Stop: []string{"\n```\n\n"},
	})
	if err != nil {
		return Proposal{Exchange: ex}, err
	}
	var out Proposal
	missing := "the answer holds no program"
	if r.Template != "" {
		out, missing = readChoices(ex.Answer, r), "the answer holds no choices"
	} else {
		out = read(ex.Answer, r.Parent)
	}
	out.Exchange = ex
	switch {
	case reply.Refused:
		out.Note = "the model refused"
	case reply.CutOff:
		out.Note = "the answer was cut off"
		if n := reply.AnswerTokens; n > 0 {
			out.Note += fmt.Sprintf(" at %d tokens", n)
		}
	case out.Source == "":
		out.Note = cmp.Or(out.Note, missing)
	default:
		return out, nil
	}
	ex.Error = out.Note
	return out, nil
}

// ask carries one call out: within the caps, the rate and the deadline. The
// exchange is there beside an error too, unless nothing was sent.
func (p *llm) ask(ctx context.Context, c call) (*trial.Exchange, reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, reply{}, err
	}
	c.Model = p.options.Model
	settle, err := p.ledger.reserve(ctx, c)
	if err != nil {
		return nil, reply{}, err
	}
	ex := &trial.Exchange{Provider: p.Name(), Model: c.Model, Temperature: &c.Temperature, Prompt: c.Messages}
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	start := time.Now()
	reply, err := p.chat.complete(limited, c)
	ex.Duration = time.Since(start)
	ex.Answer = p.redact(reply.Text)
	for _, note := range reply.Notes {
		ex.Notes = append(ex.Notes, p.tidy(note))
	}
	ex.PromptTokens, ex.AnswerTokens = reply.PromptTokens, reply.AnswerTokens
	if reply.NoTemp {
		ex.Temperature = nil
	}
	settle(ex, err)
	if err != nil {
		return ex, reply, p.failure(ctx, limited, ex, err)
	}
	return ex, reply, nil
}

// failure turns an error of the call into one that may be shown and recorded.
func (p *llm) failure(ctx, limited context.Context, ex *trial.Exchange, err error) error {
	out := &CallError{Exchange: ex, text: fmt.Sprintf("model %s: %s", p.options.Model, p.tidy(err.Error()))}
	var status *statusError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &status):
		out.Status = status.status
	case limited.Err() != nil:
		out.cause = limited.Err()
		out.text = fmt.Sprintf("model %s: no answer within %s", p.options.Model, p.options.Timeout)
	}
	switch out.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		out.text += "; check " + strings.Join(p.provider.keyVars, " or ")
	case http.StatusNotFound:
		out.text += "; set " + p.provider.modelVar + " to a model of this server" + p.usable(ctx)
	}
	// The caller's own end of the call is no fault of the model.
	if ctx.Err() != nil {
		ex.Error = ctx.Err().Error()
		return ctx.Err()
	}
	ex.Error = out.text
	return out
}

// usable names some of the models the key can use, those first whose names begin
// most like the one that was asked for; nothing where the server does not say.
func (p *llm) usable(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(Probe(ctx), min(10*time.Second, p.options.Timeout))
	defer cancel()
	ids, err := p.chat.models(ctx)
	if err != nil || len(ids) == 0 {
		return ""
	}
	like := func(id string) (n int) {
		for n < min(len(id), len(p.options.Model)) && id[n] == p.options.Model[n] {
			n++
		}
		return n
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(like(b)-like(a), strings.Compare(a, b)) })
	if len(ids) > 8 {
		ids = append(ids[:8], "…")
	}
	return ": " + p.tidy(strings.Join(ids, ", "))
}

// tidy makes one short line without the key of a server's words.
func (p *llm) tidy(text string) string {
	line := strings.FieldsFunc(p.redact(text), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return shorten(strings.Join(line, " "), reasonShown)
}

// apiKey matches OpenAI's and Google's keys, also as errors abbreviate them.
var apiKey = regexp.MustCompile(`\b(sk-[A-Za-z0-9_*\-]{3,}|AIza[A-Za-z0-9_*\-]{3,})`)

// redact takes the key out of text that came from a server.
func (p *llm) redact(text string) string {
	if p.secret != nil {
		text = p.secret.ReplaceAllString(text, "[key]")
	}
	if p.pieces != nil {
		text = p.pieces(text)
	}
	return apiKey.ReplaceAllString(text, "[key]")
}

// secret matches a key, plain or with any of its characters escaped as JSON and
// addresses do. A key of a few characters protects nothing, and is part of words.
func secret(key string) *regexp.Regexp {
	if len(key) < 5 {
		return nil
	}
	var b strings.Builder
	for _, r := range key {
		fmt.Fprintf(&b, `(?:\\*%s|\\+u(?i:%04x)|%%(?i:%02x))`, regexp.QuoteMeta(string(r)), r, r)
	}
	return regexp.MustCompile(b.String())
}

// keyPiece is how many characters of a key, in a row, are taken for a part of it.
// Keys of some kinds have no prefix that [apiKey] could know a part by.
const keyPiece = 12

// withoutPieces takes the parts of a key out of text. The key is in the function
// alone, so that printing its holder does not show it.
func withoutPieces(key string) func(text string) string {
	return func(text string) string {
		var b strings.Builder
		for i := 0; i < len(text); {
			n := 0
			for i+n < len(text) && strings.Contains(key, text[i:i+n+1]) {
				n++
			}
			if n < keyPiece {
				b.WriteByte(text[i])
				i++
				continue
			}
			b.WriteString("[key]")
			i += n
		}
		return b.String()
	}
}
