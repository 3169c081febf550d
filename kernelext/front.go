package kernelext

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func frontCommand() *cobra.Command {
	var dir string
	c := inStudies(&cobra.Command{
		Use:   "front NAME",
		Short: "Show the Pareto front of the study NAME: the networks that no other beats in everything",
		Args:  cobra.ExactArgs(1),
	}, &dir)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			show(c.OutOrStdout(), s.Front())
			return nil
		})
	}
	return c
}

// members are the trials of the front, the best by its first axis first.
func (v View) members() trial.History {
	var all trial.History
	for _, id := range v.Objective.Front(v.Trials) {
		if t, ok := v.Trials.ByID(id); ok {
			all = append(all, t)
		}
	}
	up, _ := v.axes()
	slices.SortStableFunc(all, func(a, b trial.Trial) int {
		return compareBy(up, objective.MetricsOf(a), objective.MetricsOf(b))
	})
	return all
}

// compareBy orders values of a metric, the better one first.
func compareBy(m trial.Metric, a, b trial.Metrics) int {
	x, y := a[m].Value, b[m].Value
	if info, _ := m.Info(); info.Higher {
		x, y = y, x
	}
	return cmp.Compare(x, y)
}

// front is the view of a front's study with the trials of the front alone.
func (v View) front() View {
	v.Trials = v.members()
	return v
}

// stepName heads what it takes to come from one member of the front to the next.
const stepName = "one step up the front"

// step says what a member of the front gains over the next one down, and what that
// costs: "+2.1 points for 3.4 times the energy". It is "–" for the last one.
func (v View) step(t trial.Trial) string {
	members := v.members()
	i := slices.IndexFunc(members, func(m trial.Trial) bool { return m.ID == t.ID })
	if i < 0 || i == len(members)-1 {
		return "–"
	}
	from, to := objective.MetricsOf(members[i+1]), objective.MetricsOf(t)
	var gains, costs []string
	for _, m := range v.Objective.Axes {
		info, _ := m.Info()
		x, y := from[m], to[m]
		text := times(plainNoun(m), x.Value, y.Value)
		switch {
		case info.Higher && info.Unit == "": // a fraction
			text = pointsOf(x, y)
		case info.Higher:
			text = times(words(m), x.Value, y.Value)
		}
		switch compareBy(m, to, from) {
		case -1:
			gains = append(gains, text)
		case 1:
			costs = append(costs, text)
		}
	}
	if len(gains) == 0 { // neither of two members beats the other: they are equal
		return "the same"
	}
	return strings.Join(gains, " and ") + " for " + strings.Join(costs, " and ")
}

// pointsOf is the difference of two fractions, and a word where chance alone may have
// made it: where it is within the 95 % interval that both spreads leave open.
func pointsOf(from, to trial.Measurement) string {
	difference := to.Value - from.Value
	text := fmt.Sprintf("%+.1f points", 100*difference)
	if from.Spread != nil && to.Spread != nil && math.Abs(difference) < 1.96*math.Hypot(*from.Spread, *to.Spread) {
		text += " (may be chance)"
	}
	return text
}

// frontColumns are those of the trials, with what a step up costs in the place of how
// they ended.
func (v View) frontColumns() []column {
	var all []column
	for _, c := range v.columns() {
		if c.name != "state" && c.name != reasonName {
			all = append(all, c)
		}
	}
	return append(all, column{name: stepName, cell: v.step})
}

// frontText is the front, with what each step up costs and three to choose from.
func (v View) frontText(place string) string {
	head := fmt.Sprintf("study %s on %s: %s\n", v.Name, v.data(), v.summary())
	front := v.front()
	if len(front.Trials) == 0 {
		return printable(head)
	}
	return printable(head + "\n" + front.textTable(front.frontColumns()) + front.legend() + "\n\n" + v.cardsText(place))
}

func (v View) frontHTML(place string) (string, error) {
	front := v.front()
	if len(front.Trials) == 0 {
		return fmt.Sprintf(`<p>Study %s has no front yet: no trial of it is complete.</p>`, html.EscapeString(v.Name)), nil
	}
	key, drawing := newID(), v.frontChart()
	trials, err := v.trialsScript(key, drawing)
	if err != nil {
		return "", err
	}
	chart, err := drawing.drawn(newID(), key)
	if err != nil {
		return "", err
	}
	return libraryOnce() + trials + chart + front.htmlTable(front.frontColumns()) + v.cardsHTML(place), nil
}

// frontChart is the trade-off chart of the front alone, near enough to tell its
// members apart.
func (v View) frontChart() chart {
	c := v.tradeOffOf(v.members())
	up, right := v.axes()
	c.Name, c.Title = "front", fmt.Sprintf("%s: the front, %s against %s", v.Name, words(up), words(right))
	c.Note = fmt.Sprintf("The networks that no other of %d beats in everything.", len(v.Trials.Complete()))
	return c
}
