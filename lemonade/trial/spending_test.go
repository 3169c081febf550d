package trial

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func usd(v float64) *float64 { return &v }

func TestSpending(t *testing.T) {
	priced := &Exchange{PromptTokens: 100, AnswerTokens: 10, Cost: usd(0.5)}
	unpriced := &Exchange{PromptTokens: 7, AnswerTokens: 3}
	free := &Exchange{Error: "status 429", Cost: usd(0)}
	twice := Trial{ID: 1, Attempts: []Attempt{
		{Turn: 0, State: Invalid, Exchange: priced},
		{Turn: 1, State: Complete, Exchange: unpriced},
	}}
	mechanical := Trial{ID: 2, Attempts: []Attempt{{Proposer: "rulebook", State: Complete}}}
	reflected := Trial{ID: 3, Lessons: &Lessons{Text: "wider helps", Exchange: priced}, Attempts: []Attempt{{Exchange: free}}}
	carried := Trial{ID: 4, Lessons: &Lessons{Text: "written without a call"}}
	for _, c := range []struct {
		name   string
		trials History
		want   Spending
	}{
		{"nothing", nil, Spending{}},
		{"every turn counts", History{twice}, Spending{Calls: 2, PromptTokens: 107, AnswerTokens: 13, Dollars: 0.5, Unpriced: 1}},
		{"no call at all", History{mechanical, carried}, Spending{}},
		{"lessons count, and a call for nothing", History{reflected}, Spending{Calls: 2, PromptTokens: 100, AnswerTokens: 10, Dollars: 0.5}},
		{"a study", History{twice, mechanical, reflected, carried}, Spending{Calls: 4, PromptTokens: 207, AnswerTokens: 23, Dollars: 1, Unpriced: 1}},
	} {
		got := c.trials.Spent()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got.Tokens() != c.want.PromptTokens+c.want.AnswerTokens {
			t.Errorf("%s: %d tokens in all of %+v", c.name, got.Tokens(), got)
		}
	}
	var s Spending
	for _, x := range []*Exchange{priced, nil, unpriced} {
		s.Add(x)
	}
	if s != twice.Spent() {
		t.Errorf("one by one %+v, as a trial %+v", s, twice.Spent())
	}
}
