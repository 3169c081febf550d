package propose

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const elsewhere = "https://llm.example.org/v1"

// question is a call with a prompt of that many bytes.
func question(bytes, maxTokens int) call {
	return call{Model: "m", MaxTokens: maxTokens, Messages: []trial.Message{{Role: "user", Content: strings.Repeat("x", bytes)}}}
}

func TestLedgerReserves(t *testing.T) {
	for _, c := range []struct {
		name  string
		base  string
		given call
		want  use
	}{
		{"a model on this machine", "http://127.0.0.1:1/v1", question(1001, 1500), use{1, 501 + tokensPerMessage, 1500}},
		{"one elsewhere may think", elsewhere, question(1000, 1500), use{1, 500 + tokensPerMessage, 1500 + reasoningTokens}},
		{"a reasoning model anywhere", "http://127.0.0.1:1/v1", call{Model: "gpt-6-luna", MaxTokens: 10}, use{1, 0, 10 + reasoningTokens}},
		{"Google's think too", "http://127.0.0.1:1", call{Model: "models/gemini-3.8-flash", MaxTokens: 10}, use{1, 0, 10 + reasoningTokens}},
		{"a schema is part of the prompt", "http://127.0.0.1:1/v1", call{Model: "m", MaxTokens: 10, JSON: true}, use{1, schemaTokens, 10}},
	} {
		l, err := newLedger(Options{Model: c.given.Model, BaseURL: c.base})
		if err != nil {
			t.Fatal(err)
		}
		settle, err := l.reserve(t.Context(), c.given)
		if err != nil {
			t.Fatal(err)
		}
		if l.inFlight != c.want {
			t.Errorf("%s: set aside %+v, want %+v", c.name, l.inFlight, c.want)
		}
		settle(&trial.Exchange{PromptTokens: 1}, nil)
		if l.inFlight != (use{}) {
			t.Errorf("%s: %+v is in flight after all is settled", c.name, l.inFlight)
		}
	}
}

func TestLedgerSettles(t *testing.T) {
	t.Setenv(priceVar, "")
	most := use{1, 500 + tokensPerMessage, 1500}
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for _, c := range []struct {
		name         string
		prompt, told int // tokens
		err          error
		want         use
		assumed      bool
	}{
		{"the server told", 300, 20, nil, use{1, 300, 20}, false},
		{"it told, and broke off", 300, 20, errors.New("EOF"), use{1, 300, 20}, false},
		{"it told nothing", 0, 0, nil, most, true},
		{"deadline", 0, 0, context.DeadlineExceeded, most, true},
		{"fault of the server", 0, 0, &statusError{500, "oops"}, most, true},
		{"gateway timed out", 0, 0, &statusError{504, "oops"}, most, true},
		{"connection broke", 0, 0, &net.OpError{Op: "read", Err: errors.New("reset")}, most, true},
		{"turned down", 0, 0, fmt.Errorf("call: %w", &statusError{400, "no"}), use{1, 0, 0}, false},
		{"too fast", 0, 0, &statusError{429, "slow"}, use{1, 0, 0}, false},
		{"unavailable", 0, 0, &statusError{503, "later"}, use{1, 0, 0}, false},
		{"not reached", 0, 0, &url.Error{Op: "Post", URL: elsewhere, Err: refused}, use{1, 0, 0}, false},
	} {
		for _, price := range []*Price{nil, {2, 10}} {
			l, err := newLedger(Options{Model: "m", BaseURL: "http://127.0.0.1:1/v1", Price: price, Spent: trial.Spending{Calls: 3, PromptTokens: 7}})
			if err != nil {
				t.Fatal(err)
			}
			settle, err := l.reserve(t.Context(), question(1000, 1500))
			if err != nil {
				t.Fatal(err)
			}
			x := &trial.Exchange{PromptTokens: c.prompt, AnswerTokens: c.told}
			settle(x, c.err)
			if x.PromptTokens != c.want.promptTokens || x.AnswerTokens != c.want.answerTokens || x.Assumed != c.assumed {
				t.Errorf("%s: %d and %d tokens, assumed %v; want %+v, %v", c.name, x.PromptTokens, x.AnswerTokens, x.Assumed, c.want, c.assumed)
			}
			if (x.Cost == nil) != (price == nil) {
				t.Errorf("%s: cost %v at the price %v", c.name, x.Cost, price)
			}
			if x.Cost != nil {
				if want := float64(2*c.want.promptTokens+10*c.want.answerTokens) / 1e6; *x.Cost != want {
					t.Errorf("%s: cost %g, want %g", c.name, *x.Cost, want)
				}
			}
			want := trial.Spending{Calls: 3, PromptTokens: 7}
			want.Add(x)
			if l.spent != want || l.inFlight != (use{}) {
				t.Errorf("%s: spent %+v with %+v in flight, want %+v", c.name, l.spent, l.inFlight, want)
			}
		}
	}
}

func TestCapRefuses(t *testing.T) {
	before := trial.Spending{Calls: 8, PromptTokens: 6000, AnswerTokens: 2000, Dollars: 0.8}
	// A call of 984 bytes on this machine sets aside 508 + 500 tokens: at 100 USD a
	// million, 0.1008 USD.
	c := question(984, 500)
	for _, tc := range []struct {
		name string
		cap  Cap
		fit  int // calls that are let through, none of them settled
		say  string
	}{
		{"none", Cap{}, 20, ""},
		{"calls", Cap{Calls: 10}, 2, "cap of 10 calls: 8 spent, 2 in flight, and this call could use 1"},
		{"tokens", Cap{Tokens: 10100}, 2, "cap of 10100 tokens: 8000 spent, 2016 in flight, and this call could use 1008"},
		{"exactly", Cap{Tokens: 10016}, 2, "cap of 10016 tokens"},
		{"dollars", Cap{Dollars: 1.05}, 2, "cap of 1.05 USD: 0.8 spent, 0.2016 in flight, and this call could use 0.1008"},
		{"spent before", Cap{Calls: 8}, 0, "8 spent, 0 in flight"},
		{"the tightest", Cap{Calls: 100, Tokens: 1e6, Dollars: 0.95}, 1, "USD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := newLedger(Options{Model: "m", BaseURL: "http://127.0.0.1:1/v1", Price: &Price{100, 100}, Cap: tc.cap, Spent: before})
			if err != nil {
				t.Fatal(err)
			}
			var settle func(*trial.Exchange, error)
			for i := range tc.fit {
				if settle, err = l.reserve(t.Context(), c); err != nil {
					t.Fatalf("call %d: %v", i+1, err)
				}
			}
			if tc.say == "" {
				return
			}
			_, err = l.reserve(t.Context(), c)
			if cap := (*CapError)(nil); !errors.As(err, &cap) || !strings.Contains(err.Error(), tc.say) || !strings.Contains(err.Error(), "raise") {
				t.Fatalf("error %v does not say %q", err, tc.say)
			}
			if tc.fit == 0 || tc.cap.Calls == 10 {
				return
			}
			settle(&trial.Exchange{}, &statusError{429, "slow"}) // makes room again
			if _, err = l.reserve(t.Context(), c); err != nil {
				t.Errorf("after one call cost nothing: %v", err)
			}
		})
	}
}

func TestCapNeedsAPrice(t *testing.T) {
	t.Setenv(priceVar, "")
	for _, c := range []struct {
		name string
		o    Options
		say  []string // none where it is fine
	}{
		{"unknown model", Options{Model: "m-77", BaseURL: elsewhere, Cap: Cap{Dollars: 1}}, []string{"m-77", priceVar, "tokens"}},
		{"model on this machine", Options{Model: "qwen", BaseURL: "http://127.0.0.1:1/v1", Cap: Cap{Dollars: 1}}, []string{"qwen", priceVar}},
		{"known model", Options{Model: "gpt-6-luna", BaseURL: openAIProvider.base, Cap: Cap{Dollars: 1}}, nil},
		{"tokens need none", Options{Model: "m-77", BaseURL: elsewhere, Cap: Cap{Tokens: 1}}, nil},
		{"negative dollars", Options{Cap: Cap{Dollars: -1}}, []string{"-1 USD", "negative"}},
		{"negative tokens", Options{Cap: Cap{Tokens: -2}}, []string{"-2 tokens", "negative"}},
		{"negative calls", Options{Cap: Cap{Calls: -3}}, []string{"-3 calls", "negative"}},
		{"bad price", Options{Price: &Price{-1, 1}}, []string{"Options.Price", "-1"}},
	} {
		_, err := newLedger(c.o)
		if (err == nil) != (len(c.say) == 0) {
			t.Errorf("%s: error %v", c.name, err)
			continue
		}
		for _, say := range c.say {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: error %q does not say %q", c.name, err, say)
			}
		}
	}
}

// TestLedgerProperty lets many goroutines spend at random against each cap: what is
// spent and in flight stays within it all the while, and nothing is left over.
func TestLedgerProperty(t *testing.T) {
	const workers, calls = 16, 60
	for seed, caps := range []Cap{{Calls: 200}, {Tokens: 300_000}, {Dollars: 2}, {Calls: 400, Tokens: 400_000, Dollars: 2.5}} {
		l, err := newLedger(Options{Model: "m", BaseURL: "http://127.0.0.1:1/v1", Price: &Price{3, 8}, Cap: caps, Spent: trial.Spending{Calls: 5, AnswerTokens: 500, Dollars: 0.25}})
		if err != nil {
			t.Fatal(err)
		}
		check := func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			n, tokens := l.spent.Calls+l.inFlight.calls, l.spent.Tokens()+l.inFlight.tokens()
			usd := l.spent.Dollars + l.price.cost(l.inFlight.promptTokens, l.inFlight.answerTokens)
			// The dollars are summed in another order here than when they were set aside.
			if (caps.Calls > 0 && n > caps.Calls) || (caps.Tokens > 0 && tokens > caps.Tokens) || (caps.Dollars > 0 && usd > caps.Dollars+1e-9) {
				t.Errorf("cap %+v: %d calls, %d tokens and %g USD are spent or in flight", caps, n, tokens, usd)
			}
		}
		var mu sync.Mutex
		total, refused := trial.Spending{Calls: 5, AnswerTokens: 500, Dollars: 0.25}, 0
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				r := rand.New(rand.NewPCG(uint64(seed), uint64(w)))
				for range calls {
					c := question(r.IntN(4000), 1+r.IntN(1500))
					most := l.most(c)
					settle, err := l.reserve(t.Context(), c)
					if cap := (*CapError)(nil); errors.As(err, &cap) {
						mu.Lock()
						refused++
						mu.Unlock()
						continue
					} else if err != nil {
						t.Error(err)
						return
					}
					check()
					x, failed := &trial.Exchange{PromptTokens: r.IntN(most.promptTokens + 1), AnswerTokens: r.IntN(most.answerTokens + 1)}, error(nil)
					switch r.IntN(4) {
					case 0:
						x, failed = &trial.Exchange{}, &statusError{429, "slow"}
					case 1:
						x, failed = &trial.Exchange{}, context.DeadlineExceeded
					}
					settle(x, failed)
					check()
					mu.Lock()
					total.Add(x)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if l.inFlight != (use{}) || l.spent.Calls != total.Calls || l.spent.Tokens() != total.Tokens() || abs(l.spent.Dollars-total.Dollars) > 1e-9 {
			t.Errorf("cap %+v: the books say %+v with %+v in flight, the calls %+v", caps, l.spent, l.inFlight, total)
		}
		if refused == 0 || total.Calls == 5 {
			t.Errorf("cap %+v: %d calls were refused and %d made: it was not tried", caps, refused, total.Calls)
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestLedgerRate(t *testing.T) {
	l, err := newLedger(Options{Model: "m", BaseURL: elsewhere, Rate: 1200}) // every 50 ms
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 4 {
		settle, err := l.reserve(t.Context(), question(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		settle(&trial.Exchange{PromptTokens: 1}, nil)
	}
	if took := time.Since(start); took < 145*time.Millisecond {
		t.Errorf("four calls at 1200 a minute took %s", took)
	}

	slow, err := newLedger(Options{Model: "m", BaseURL: elsewhere, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.reserve(t.Context(), question(1, 1)); err != nil {
		t.Fatal(err)
	}
	flying := slow.inFlight
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := slow.reserve(soon, question(1, 1)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 calls a minute") {
		t.Errorf("no turn before the deadline: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := slow.reserve(stopped, question(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it waits: %v", err)
	}
	if slow.inFlight != flying {
		t.Errorf("calls that were never sent are in flight: %+v, want %+v", slow.inFlight, flying)
	}
}
