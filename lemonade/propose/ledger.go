package propose

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ledger keeps one proposer's spending within its caps. What a call could use is
// set aside before it is sent, so that calls in flight together break no cap
// either. It may be used from any number of goroutines.
type ledger struct {
	cap     Cap
	price   *Price // nil is unknown
	remote  bool
	limiter *rate.Limiter // nil where there is no limit

	mu       sync.Mutex
	spent    trial.Spending
	inFlight use
}

// use is what calls use, or could.
type use struct{ calls, promptTokens, answerTokens int }

func (u use) tokens() int { return u.promptTokens + u.answerTokens }

func (u use) plus(o use) use {
	return use{u.calls + o.calls, u.promptTokens + o.promptTokens, u.answerTokens + o.answerTokens}
}

func (u use) minus(o use) use {
	return use{u.calls - o.calls, u.promptTokens - o.promptTokens, u.answerTokens - o.answerTokens}
}

// newLedger opens the books of complete options: with what was spent before, and
// with today's price. What calls of unknown price cost before counts in no dollars.
func newLedger(o Options) (*ledger, error) {
	c := o.Cap
	if !(c.Dollars >= 0) || math.IsInf(c.Dollars, 1) || c.Tokens < 0 || c.Calls < 0 {
		return nil, fmt.Errorf("cap: %g USD, %d tokens and %d calls must not be negative (0 is no cap)", c.Dollars, c.Tokens, c.Calls)
	}
	price, err := o.price(time.Now())
	if err != nil {
		return nil, err
	}
	if c.Dollars > 0 && price == nil {
		return nil, fmt.Errorf("cap: %g USD cannot be kept, for the price of model %s is unknown: set %s to PROMPT/ANSWER in USD per million tokens, such as 0.25/2.00, or cap tokens or calls", c.Dollars, o.Model, priceVar)
	}
	l := &ledger{cap: c, price: price, remote: !o.local(), spent: o.Spent}
	if o.Rate > 0 {
		l.limiter = rate.NewLimiter(rate.Limit(o.Rate/60), 1)
	}
	return l, nil
}

// reserve sets aside the most that a call may use, and waits for its turn under
// the rate limit. The settle it returns must be called once, with the exchange as
// it went and the error of its call: it fills in the cost, and what was set aside
// where the server told no usage. An error is a [*CapError] or of ctx.
func (l *ledger) reserve(ctx context.Context, c call) (settle func(*trial.Exchange, error), err error) {
	most := l.most(c)
	if err := l.setAside(most); err != nil {
		return nil, err
	}
	if err := l.turn(ctx); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.inFlight = l.inFlight.minus(most)
		return nil, err
	}
	return func(x *trial.Exchange, err error) { l.settle(most, x, err) }, nil
}

// setAside adds to what is in flight, unless that could break a cap.
func (l *ledger) setAside(most use) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var usd, flying float64
	if l.price != nil {
		usd = l.price.cost(most.promptTokens, most.answerTokens)
		flying = l.price.cost(l.inFlight.promptTokens, l.inFlight.answerTokens)
	}
	switch c := l.cap; {
	case c.Calls > 0 && l.spent.Calls+l.inFlight.calls+1 > c.Calls:
		return capError("calls", c.Calls, l.spent.Calls, l.inFlight.calls, 1)
	case c.Tokens > 0 && l.spent.Tokens()+l.inFlight.tokens()+most.tokens() > c.Tokens:
		return capError("tokens", c.Tokens, l.spent.Tokens(), l.inFlight.tokens(), most.tokens())
	case c.Dollars > 0 && l.spent.Dollars+flying+usd > c.Dollars:
		return capError("USD", c.Dollars, l.spent.Dollars, flying, usd)
	}
	l.inFlight = l.inFlight.plus(most)
	return nil
}

// turn waits for the rate limit.
func (l *ledger) turn(ctx context.Context) error {
	if l.limiter == nil {
		return nil
	}
	err := l.limiter.Wait(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the limit of %.4g calls a minute leaves no turn in time: %w", float64(l.limiter.Limit())*60, context.DeadlineExceeded)
}

// settle replaces what was set aside by what was used. Where that is not known it
// counts as used in full: a call that broke off may well be on the bill.
func (l *ledger) settle(most use, x *trial.Exchange, err error) {
	if x.PromptTokens == 0 && x.AnswerTokens == 0 && !free(err) {
		x.PromptTokens, x.AnswerTokens, x.Assumed = most.promptTokens, most.answerTokens, true
	}
	x.Cost = l.price.costOf(x)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight = l.inFlight.minus(most)
	l.spent.Add(x)
}

// free reports whether a call that ended so cost nothing for certain: the server
// turned it down, or was not reached. The last of several tries speaks for all.
func free(err error) bool {
	if status := (*statusError)(nil); errors.As(err, &status) {
		return status.status >= 400 && status.status < 500 || status.status == http.StatusServiceUnavailable
	}
	dial := (*net.OpError)(nil)
	return errors.As(err, &dial) && dial.Op == "dial"
}

// What a call could use, by our own estimate.
const (
	bytesPerToken    = 2    // at least: English and code have three to four
	tokensPerMessage = 16   // role and separators
	schemaTokens     = 2000 // of the answer's JSON schema, which providers count as prompt
)

// most is the most that a call may use. Any model elsewhere may turn out to think:
// a server that refuses the plain limit of tokens is asked again with room for that.
func (l *ledger) most(c call) use {
	u := use{calls: 1, answerTokens: c.MaxTokens}
	if l.remote || reasoningModel.MatchString(c.Model) || geminiThinks.MatchString(strings.TrimPrefix(c.Model, "models/")) {
		u.answerTokens += reasoningTokens
	}
	for _, m := range c.Messages {
		u.promptTokens += (len(m.Content)+bytesPerToken-1)/bytesPerToken + tokensPerMessage
	}
	if c.JSON {
		u.promptTokens += schemaTokens
	}
	return u
}

// CapError says that a call could break a cap of [Options].
type CapError struct{ text string }

// Error names the cap, what is spent and in flight, and what the call could use.
func (e *CapError) Error() string { return e.text }

func capError(unit string, most, spent, inFlight, next any) *CapError {
	text := func(v any) string {
		if usd, ok := v.(float64); ok {
			return strconv.FormatFloat(usd, 'g', 4, 64)
		}
		return fmt.Sprint(v)
	}
	return &CapError{fmt.Sprintf("the language model's cap of %s %s: %s spent, %s in flight, and this call could use %s: raise the cap to go on",
		text(most), unit, text(spent), text(inFlight), text(next))}
}
