package trial

import "time"

// Spending is what LLM calls have used.
type Spending struct {
	Calls        int           `json:"calls"`
	PromptTokens int           `json:"prompt_tokens"`
	AnswerTokens int           `json:"answer_tokens"`
	Dollars      float64       `json:"dollars"`  // of the calls whose price is known
	Unpriced     int           `json:"unpriced"` // calls whose price is unknown
	Duration     time.Duration `json:"duration"` // ns, waited for answers
}

// Tokens is the sum of both kinds.
func (s Spending) Tokens() int { return s.PromptTokens + s.AnswerTokens }

// Add counts one call; nil, and a call that was only replayed, count nothing.
func (s *Spending) Add(x *Exchange) {
	if x == nil || x.Replayed {
		return
	}
	s.Calls++
	s.PromptTokens += x.PromptTokens
	s.AnswerTokens += x.AnswerTokens
	s.Duration += x.Duration
	if x.Cost == nil {
		s.Unpriced++
	} else {
		s.Dollars += *x.Cost
	}
}

// Spent is what the LLM calls of one trial have used, its lessons included.
func (t Trial) Spent() Spending {
	var s Spending
	for _, a := range t.Attempts {
		s.Add(a.Exchange)
	}
	if t.Lessons != nil {
		s.Add(t.Lessons.Exchange)
	}
	return s
}

// Spent is what the LLM calls of all trials have used.
func (h History) Spent() Spending {
	var s Spending
	for _, t := range h {
		s = s.plus(t.Spent())
	}
	return s
}

func (s Spending) plus(o Spending) Spending {
	return Spending{s.Calls + o.Calls, s.PromptTokens + o.PromptTokens, s.AnswerTokens + o.AnswerTokens, s.Dollars + o.Dollars, s.Unpriced + o.Unpriced, s.Duration + o.Duration}
}
