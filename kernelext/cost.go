package kernelext

import (
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// account is one part of what a study has cost, such as that of its trainings.
type account struct {
	name  string
	items []item
}

// item is one line of an account; the note says how it is known, or what is not.
type item struct{ name, value, note string }

// costs is the cost card of the study: its trainings, its LLM calls and, since
// those cost too, the trials that came to nothing. What is unknown says so.
func (v View) costs() []account {
	all := []account{{"training", v.trainingCosts()}}
	if len(v.Extras) > 0 {
		apart := v
		apart.Trials = nil
		for _, x := range v.Extras {
			apart.Trials = append(apart.Trials, x.Trial)
		}
		all = append(all, account{"outside the search", apart.trainingCosts()})
	}
	return append(all, account{"LLM", v.llmCosts()}, account{"trials", v.outcomes()})
}

// trainingCosts sums over the trainings that were measured. One that crashed or
// was interrupted has cost energy that nobody knows.
func (v View) trainingCosts() []item {
	trainings := 0
	for _, t := range v.Trials {
		trainings += t.Runs
		if t.Runs > 0 && !t.State.Done() {
			trainings-- // it goes on
		}
	}
	sum := func(name string, m trial.Metric) item {
		total, n := v.sum(m)
		it := item{name: name, value: "unknown"}
		var notes []string
		switch {
		case n == 0:
		case m == trial.TrainingTime:
			it.value = lasting(total.Value)
		default:
			it.value = objective.Format(m, total.Value)
			if v.anyGuessed(m) {
				it.value = markGuess + it.value
			}
			notes = append(strings.Split(total.Method, ", "), details(m, total)...)
		}
		if n < trainings {
			notes = append(notes, fmt.Sprintf("%d of %d trainings not measured", trainings-n, trainings))
		}
		it.note = strings.Join(notes, "; ")
		return it
	}
	if trainings == 0 {
		return append([]item{{name: "trainings", value: "none"}}, v.reusedItems()...)
	}
	return append([]item{
		{name: "trainings", value: fmt.Sprint(trainings)}, sum("energy", trial.TrainingEnergy), sum("CO2e", trial.CO2e), sum("time", trial.TrainingTime),
	}, slices.Concat(v.timeItems(), v.reusedItems(), v.savedItems())...)
}

// sum adds a metric up over the n trainings that have it, with its band and its idle
// part where all of them have one: estimates of one method err together.
func (v View) sum(m trial.Metric) (total trial.Measurement, n int) {
	var low, high, idle float64
	banded, idled := 0, 0
	for _, metrics := range v.trainings() {
		got, ok := metrics[m]
		if !ok {
			continue
		}
		n++
		total.Value += got.Value
		if got.Low != nil && got.High != nil {
			low, high, banded = low+*got.Low, high+*got.High, banded+1
		}
		if got.Idle != nil {
			idle, idled = idle+*got.Idle, idled+1
		}
	}
	if banded == n {
		total.Low, total.High = &low, &high
	}
	if idled == n {
		total.Idle = &idle
	}
	total.Method, total.Note = strings.Join(v.methods(m), ", "), v.factors(m, n)
	return total, n
}

// trainings are the measurements of all of them, one for each rung where there are
// some.
func (v View) trainings() (all []trial.Metrics) {
	for _, t := range v.Trials {
		all = append(all, t.Own()...)
	}
	return all
}

// factors are what the notes of a metric have in common, such as the power usage
// effectiveness, without what only few trials tell, such as their joules. Of a
// carbon intensity every one that was used is there.
func (v View) factors(m trial.Metric, n int) string {
	count := map[string]int{}
	var order []string
	for _, metrics := range v.trainings() {
		for part := range strings.SplitSeq(metrics[m].Note, "; ") {
			if count[part]++; count[part] == 1 && part != "" {
				order = append(order, part)
			}
		}
	}
	few := func(part string) bool { return count[part] < max(min(n, 2), n/4) }
	if m != trial.CO2e {
		order = slices.DeleteFunc(order, few)
	}
	return strings.Join(order, "; ")
}

func (v View) anyGuessed(m trial.Metric) bool {
	return slices.ContainsFunc(v.Trials, func(t trial.Trial) bool { return guessed(m, t.Metrics) })
}

// llmCosts is what the LLM calls have used, those that failed and those of the
// lessons included. The energy of a model that somebody else runs is not ours to
// measure, and the one of a local model is not measured.
func (v View) llmCosts() []item {
	spent := v.Trials.Spent()
	if spent.Calls == 0 {
		return []item{{name: "calls", value: "none"}}
	}
	failed, assumed := 0, 0
	for _, x := range exchanges(v.Trials) {
		if x.Error != "" {
			failed++
		}
		if x.Assumed {
			assumed++
		}
	}
	count := func(n int, what string) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d calls %s", n, spent.Calls, what)
	}
	price := item{"price", dollars(spent.Dollars), count(spent.Unpriced, "unpriced")}
	if spent.Unpriced == spent.Calls {
		price.value = "unknown"
	}
	calls := item{name: "calls", value: fmt.Sprint(spent.Calls)}
	if failed > 0 {
		calls.note = fmt.Sprintf("%d failed", failed)
	}
	return []item{
		calls,
		{"tokens", thousands(spent.PromptTokens) + " prompt + " + thousands(spent.AnswerTokens) + " answer", count(assumed, "assumed")},
		price,
		{name: "time", value: lasting(spent.Duration.Seconds())},
		{"energy of the language model", "unknown", "it runs outside the worker, where nothing is measured"},
	}
}

// exchanges returns every LLM call of the trials, in order.
func exchanges(h trial.History) []*trial.Exchange {
	var all []*trial.Exchange
	for _, t := range h {
		if t.Lessons != nil && t.Lessons.Exchange != nil {
			all = append(all, t.Lessons.Exchange)
		}
		for _, a := range t.Attempts {
			if a.Exchange != nil {
				all = append(all, a.Exchange)
			}
		}
	}
	return all
}

// costLines is the cost card as text. The trials are in the line of the study.
func (v View) costLines() string {
	var b strings.Builder
	costs := v.costs()
	for _, a := range costs[:len(costs)-1] {
		var parts []string
		for _, it := range a.items {
			text := it.name + " " + it.value
			if it.note != "" {
				text += " (" + it.note + ")"
			}
			parts = append(parts, text)
		}
		fmt.Fprintf(&b, "%s: %s\n", a.name, strings.Join(parts, ", "))
	}
	return b.String()
}

// costCard is the cost card in HTML: the accounts side by side.
func (v View) costCard() string {
	var b strings.Builder
	b.WriteString(`<div style="display:flex;flex-wrap:wrap;gap:4px 32px;font-size:12px;margin:8px 0;padding:8px 12px;border:1px solid #8888;border-radius:6px;width:fit-content">`)
	for _, a := range v.costs() {
		fmt.Fprintf(&b, `<table style="border-collapse:collapse;font-size:12px;align-self:flex-start;margin:0"><tr><th colspan="3" style="text-align:left;padding:0">%s</th></tr>`, html.EscapeString(a.name))
		for _, it := range a.items {
			fmt.Fprintf(&b, `<tr><td style="text-align:left;vertical-align:top;padding:0 8px 0 0">%s</td><td style="text-align:left;vertical-align:top;white-space:nowrap;padding:0 8px 0 0"><b>%s</b></td><td style="text-align:left;padding:0;opacity:.7;max-width:380px">%s</td></tr>`,
				html.EscapeString(it.name), html.EscapeString(it.value), html.EscapeString(it.note))
		}
		b.WriteString(`</table>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}

// called says what one LLM call was: "gpt-6-luna, 1,204 + 310 tokens, 2.1 s, $0.0004".
func called(x *trial.Exchange) string {
	tokens := thousands(x.PromptTokens) + " + " + thousands(x.AnswerTokens) + " tokens"
	if x.Assumed {
		tokens += " assumed"
	}
	parts := []string{clip(x.Model, 60), tokens, lasting(x.Duration.Seconds()), "price unknown"}
	if x.Cost != nil {
		parts[3] = dollars(*x.Cost)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// dollars writes an amount of USD: in cents from a dime on, with two digits below.
func dollars(usd float64) string {
	if usd == 0 || usd >= 0.1 {
		return fmt.Sprintf("$%.2f", usd)
	}
	digits := strconv.FormatFloat(usd, 'e', 1, 64)[4:] // the exponent, such as -05
	exponent, _ := strconv.Atoi(digits)
	return "$" + strconv.FormatFloat(usd, 'f', min(1-exponent, 12), 64)
}

// lasting writes a time in seconds: "41.5 s", "7 min 36 s", "2 h 5 min".
func lasting(seconds float64) string {
	s := int64(seconds + 0.5)
	switch {
	case seconds < 59.95:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}

// thousands writes a count with its digits in groups: "45,210".
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
