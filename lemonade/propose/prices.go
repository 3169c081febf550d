package propose

import (
	_ "embed" // of the table
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

//go:embed prices.yaml
var pricesYAML []byte

// Model is a row of the table of language models.
type Model struct {
	Name     string // also stands for its dated snapshots, such as NAME-2026-09-22
	Provider string // "openai" or "gemini"
	Default  bool   // it is asked where no other is named
	Prompt   float64
	Answer   float64 // as Prompt, USD per million tokens at the provider's own endpoint
	Date     string  // a day on which Source said so: 2026-11-24
	Until    string  // the last day for which the price is announced, UTC; "" where it is open
	Source   string  // URL
}

// Models lists the language models whose price is known. Of rows with the same name
// the first that has not run out holds.
func Models() []Model { return slices.Clone(table()) }

var table = sync.OnceValue(func() []Model {
	models, err := parseModels(pricesYAML)
	if err != nil {
		panic(err) // the tests load it
	}
	return models
})

func parseModels(text []byte) ([]Model, error) {
	var file struct{ Models []Model }
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("prices.yaml: %w", err)
	}
	for i, m := range file.Models {
		if m.Name == "" || m.Provider == "" || m.Source == "" {
			return nil, fmt.Errorf("prices.yaml: row %d (%q) lacks its name, provider or source", i+1, m.Name)
		}
		if _, err := time.Parse(time.DateOnly, m.Date); err != nil {
			return nil, fmt.Errorf("prices.yaml: %s: date: %w", m.Name, err)
		}
		if _, err := time.Parse(time.DateOnly, m.Until); m.Until != "" && err != nil {
			return nil, fmt.Errorf("prices.yaml: %s: until: %w", m.Name, err)
		}
		if err := (Price{m.Prompt, m.Answer}).check(); err != nil {
			return nil, fmt.Errorf("prices.yaml: %s: %w", m.Name, err)
		}
	}
	return file.Models, nil
}

// defaultModel is the provider's model in the table that is asked where no other is
// named, or "".
func defaultModel(provider string) string {
	for _, m := range table() {
		if m.Provider == provider && m.Default {
			return m.Name
		}
	}
	return ""
}

// priceVar is the environment variable that sets a model's price.
const priceVar = "LEMONADE_LLM_PRICE"

// price is what the model costs on that day: as the options say, else the
// environment, else the table. It is nil where nobody tells: a model on this
// machine (it costs electricity, which is not nothing), one at another endpoint
// than its provider's own, and one that is not in the table.
func (o Options) price(day time.Time) (*Price, error) {
	if o.Price != nil {
		if err := o.Price.check(); err != nil {
			return nil, fmt.Errorf("Options.Price: %w", err)
		}
		return o.Price, nil
	}
	if text := env(priceVar); text != "" {
		p, err := parsePrice(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", priceVar, err)
		}
		return &p, nil
	}
	for _, p := range providers {
		if o.BaseURL == p.base {
			return listPrice(p.name, o.Model, day), nil
		}
	}
	return nil, nil
}

// listPrice looks the model up in the table; nil is unknown.
func listPrice(provider, model string, day time.Time) *Price {
	model = strings.TrimPrefix(model, "models/") // as Google's lists spell it
	today := day.UTC().Format(time.DateOnly)
	for _, m := range table() {
		if m.Provider == provider && m.covers(model) && (m.Until == "" || today <= m.Until) {
			return &Price{m.Prompt, m.Answer}
		}
	}
	return nil
}

// covers reports whether the row stands for that model: by its name or as a dated
// snapshot. Other variants have prices of their own.
func (m Model) covers(model string) bool {
	suffix, ok := strings.CutPrefix(model, m.Name)
	if !ok || suffix == "" {
		return ok
	}
	_, err := time.Parse("-"+time.DateOnly, suffix)
	return err == nil
}

// parsePrice reads PROMPT/ANSWER, USD per million tokens, such as "0.25/2.00".
func parsePrice(text string) (Price, error) {
	prompt, answer, ok := strings.Cut(text, "/")
	p, err1 := strconv.ParseFloat(strings.TrimSpace(prompt), 64)
	a, err2 := strconv.ParseFloat(strings.TrimSpace(answer), 64)
	if !ok || err1 != nil || err2 != nil {
		return Price{}, fmt.Errorf("%q is not PROMPT/ANSWER in USD per million tokens, such as 0.25/2.00", text)
	}
	return Price{p, a}, Price{p, a}.check()
}

func (p Price) check() error {
	for _, v := range []float64{p.Prompt, p.Answer} {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("price: %g is not an amount of USD per million tokens", v)
		}
	}
	return nil
}

// cost is the price of that many tokens in USD.
func (p Price) cost(promptTokens, answerTokens int) float64 {
	return (float64(promptTokens)*p.Prompt + float64(answerTokens)*p.Answer) / 1e6
}

// costOf is what a call cost in USD, or nil where the price is unknown.
func (p *Price) costOf(x *trial.Exchange) *float64 {
	if p == nil {
		return nil
	}
	usd := p.cost(x.PromptTokens, x.AnswerTokens)
	return &usd
}
