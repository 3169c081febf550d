package propose

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Options say which language model is asked, and how. The mechanical proposers
// need none of them. The API key is no option: it comes from the environment alone,
// OPENAI_API_KEY or GEMINI_API_KEY (or GOOGLE_API_KEY).
type Options struct {
	Model        string         // "" is OPENAI_MODEL or GEMINI_MODEL, else the provider's default in [Models]
	BaseURL      string         // "" is OPENAI_BASE_URL or GEMINI_BASE_URL, else the provider's own
	Temperature  *float64       // nil is OPENAI_TEMPERATURE or GEMINI_TEMPERATURE, else 1.0: at lower ones small models copy the parent
	MaxTokens    int            // of an answer, at most 100,000; 0 is 1,500
	Timeout      time.Duration  // of one call, retries included; 0 is five minutes, or RoundTimeout where that is less
	RoundTimeout time.Duration  // of all turns of one round; 0 is a quarter of an hour
	Rate         float64        // calls per minute at most; 0 is no limit of ours
	Format       string         // "fenced" or "json" (structured output); "" is json at OpenAI's and Google's own endpoints
	Price        *Price         // of the model; nil is that of the table, if it is there
	Cap          Cap            // what may be spent
	Spent        trial.Spending // what was spent before, and counts against the caps
}

// Price is what a model costs, in USD per million tokens.
type Price struct {
	Prompt float64 `json:"prompt"`
	Answer float64 `json:"answer"`
}

// Cap bounds what may be spent on language models; 0 is no bound. Calls in flight count.
type Cap struct {
	Dollars float64
	Tokens  int
	Calls   int
}

// The formats of an answer.
const (
	formatFenced = "fenced"
	formatJSON   = "json"
)

// provider is where one kind of language models is reached.
type provider struct {
	name         string
	keyVars      []string // environment variables, the first that is set wins
	modelVar     string
	baseVar      string
	base         string // the provider's own endpoint
	defaultModel string
}

var openAIProvider = provider{
	name: "openai", keyVars: []string{"OPENAI_API_KEY"}, modelVar: "OPENAI_MODEL", baseVar: "OPENAI_BASE_URL",
	base: "https://api.openai.com/v1", defaultModel: defaultModel("openai"),
}

// providers is the one list of them.
var providers = []provider{openAIProvider, geminiProvider}

// Resolve says which model the proposer of that name would ask, with which
// temperature, and whether it runs on this machine; no key is needed to know that.
// A proposer that asks no model has none, and is on this machine. Errors are those
// of [New], less the missing key.
func (o Options) Resolve(proposer string) (model string, temperature float64, local bool, err error) {
	if !slices.Contains(Names(), proposer) {
		return "", 0, false, fmt.Errorf("proposer: there is no %q: use one of %s", proposer, strings.Join(Names(), ", "))
	}
	for _, p := range providers {
		if p.name == proposer {
			if o, err = o.complete(p); err != nil {
				return "", 0, false, fmt.Errorf("proposer %s: %w", proposer, err)
			}
			return o.Model, *o.Temperature, o.local(), nil
		}
	}
	return "", 0, true, nil
}

// complete fills in what is left out, and reports everything that is out of bounds.
func (o Options) complete(p provider) (Options, error) {
	o.Model = cmp.Or(strings.TrimSpace(o.Model), env(p.modelVar), p.defaultModel)
	o.BaseURL = strings.TrimRight(cmp.Or(strings.TrimSpace(o.BaseURL), env(p.baseVar), p.base), "/")
	o.MaxTokens = cmp.Or(o.MaxTokens, 1500)
	o.RoundTimeout = cmp.Or(o.RoundTimeout, 15*time.Minute)
	o.Timeout = cmp.Or(o.Timeout, min(5*time.Minute, max(0, o.RoundTimeout)))
	if o.Format == "" {
		o.Format = formatFenced
		if o.BaseURL == p.base {
			o.Format = formatJSON
		}
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if text := env(p.temperatureVar()); o.Temperature == nil {
		t, err := strconv.ParseFloat(cmp.Or(text, "1"), 64)
		if err != nil {
			fault("%s: %q is not a number", p.temperatureVar(), text)
		}
		o.Temperature = &t
	}
	if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The text is not repeated: it may hold a password.
		fault("base URL: %s (or Options.BaseURL) is not an address such as http://127.0.0.1:8080/v1 without user, password and query", p.baseVar)
	}
	if t := *o.Temperature; !(t >= 0 && t <= 2) {
		fault("temperature: %g is not in [0, 2]", t)
	}
	if o.MaxTokens < 1 || o.MaxTokens > maxTokens {
		fault("max tokens: %d is not in [1, %d] (0 is 1500)", o.MaxTokens, maxTokens)
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		fault("timeout: %s is not in [0, %s] (0 is 5m)", o.Timeout, maxTimeout)
	}
	if o.RoundTimeout < 0 || o.RoundTimeout > maxTimeout {
		fault("round timeout: %s is not in [0, %s] (0 is 15m)", o.RoundTimeout, maxTimeout)
	}
	if !(o.Rate >= 0 && o.Rate <= maxRate) {
		fault("rate: %g calls per minute is not in [0, %d] (0 is no limit)", o.Rate, maxRate)
	}
	if o.Format != formatFenced && o.Format != formatJSON {
		fault("format: %q is neither %s nor %s", o.Format, formatFenced, formatJSON)
	}
	return o, errors.Join(faults...)
}

// The most that an option may ask for: more is a slip of the pen.
const (
	maxTokens  = 100_000
	maxTimeout = 24 * time.Hour
	maxRate    = 100_000
)

// temperatureVar is beside modelVar: OPENAI_TEMPERATURE.
func (p provider) temperatureVar() string {
	return strings.TrimSuffix(p.modelVar, "MODEL") + "TEMPERATURE"
}

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// key returns the API key. A server on this machine needs none.
func (o Options) key(p provider) (string, error) {
	for _, name := range p.keyVars {
		if key := env(name); key != "" {
			return key, nil
		}
	}
	if o.local() {
		return "none", nil
	}
	return "", fmt.Errorf("%s is not set: set it, or point %s at a server on this machine, or use another proposer", strings.Join(p.keyVars, " or "), p.baseVar)
}

// NeedsKey returns the environment variable that is to hold the API key of the
// proposer of that name, where it needs one and has none; else "".
func (o Options) NeedsKey(proposer string) string {
	for _, p := range providers {
		if p.name != proposer {
			continue
		}
		o, err := o.complete(p)
		if err != nil {
			return "" // said by New
		}
		if _, err := o.key(p); err != nil {
			return p.keyVars[0]
		}
	}
	return ""
}

// local reports whether the model runs on this machine.
func (o Options) local() bool {
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip.IsLoopback() || ip.IsUnspecified()
}
