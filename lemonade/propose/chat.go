package propose

import (
	"context"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// chat is one provider's protocol: it carries one call there and its answer back,
// and knows nothing of architectures, money or deadlines. An error is a
// [*statusError] where the server answered with a status, else the network's or
// ctx's; it may hold the key, which [llm] takes out.
type chat interface {
	complete(ctx context.Context, c call) (reply, error)
	// models lists what the key can use.
	models(ctx context.Context) ([]string, error)
}

// call is what is asked of a language model.
type call struct {
	Model       string
	Messages    []trial.Message // a system message first
	MaxTokens   int             // of the answer that is shown; a model's thinking comes on top
	Temperature float64
	Seed        int
	JSON        bool // the answer is to be JSON of answerSchema, where the provider has structured output
	Stop        []string
}

// reply is a language model's answer.
type reply struct {
	Text         string
	Refused      bool // Text says why, if anything
	CutOff       bool // at MaxTokens
	PromptTokens int  // both 0 where the server does not say
	AnswerTokens int
	Notes        []string // what the server would not be told: "temperature: …"
	NoTemp       bool     // the temperature was one of these
}

// statusError is a server's answer that is none.
type statusError struct {
	status int // of HTTP
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.text) }
