package kernelext

import (
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Choice says how [Choose] picks one network of a study's Pareto front. The zero
// value picks by what the study was asked for: the most effective one.
type Choice struct {
	Knee   bool                     // where more accuracy begins to cost much
	Prefer string                   // what matters: a preset of [objective.Presets], or its plain words such as "small and fast"
	Limits map[trial.Metric]float64 // that it must keep, in each metric's unit; with either of the above, or alone
}

// Choose picks one network of a study's Pareto front, displays which and why in plain
// words, and returns the number of its trial. Beside it are three to choose from: the
// smallest, the most accurate, and one between them.
//
// The knee is the member of the front that lies furthest from the line between the
// front's ends, on the side of the better values, with every axis scaled to 0..1
// between the best and the worst member: Das, "On characterizing the knee of the
// Pareto curve based on Normal-Boundary Intersection", Structural Optimization 18
// (1999), https://doi.org/10.1007/BF01195985; Branke et al., "Finding Knees in
// Multi-objective Optimization", PPSN VIII (2004). With more than two axes it is the
// plane through the corners. A front of two members, or one that bulges to the worse
// side, has no knee.
//
// A preference weighs the metrics as a study of that preset would, against the first
// complete trial, time and energy on the board that the study is after where there is
// one; only members of the front are picked. A limit removes the networks
// that break it, and those of which the metric is unknown, before the front is drawn.
func Choose(s Study, c Choice) (id int, err error) { return choose(os.Stdout, s, c) }

func chooseCommand() *cobra.Command {
	var (
		dir    string
		choice Choice
		limits []string
	)
	c := inStudies(&cobra.Command{
		Use:   "choose NAME",
		Short: "Help to pick one network of the study NAME, in plain words",
		Long: `Help to pick one network of the study NAME, in plain words. Without a flag it is
the one that is most effective by what the study was asked for.

The knee is where more of the one thing begins to cost much of the other: the
network of the front that lies furthest from the line between the front's ends
(Das 1999, Branke and others 2004).`,
		Example: "  lemonade choose first\n  lemonade choose first --knee\n  lemonade choose first --prefer small-and-fast --limit latency=5ms",
		Args:    cobra.ExactArgs(1),
	}, &dir)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if choice.Limits, err = parseLimits(limits); err != nil {
			return err
		}
		return withStudy(c.Context(), args[0], dir, func(s *lemonade.Study) error {
			_, err := choose(c.OutOrStdout(), s, choice)
			return err
		})
	}
	c.Flags().BoolVar(&choice.Knee, "knee", false, "the one where more accuracy begins to cost much")
	c.Flags().StringVar(&choice.Prefer, "prefer", "", "the one that is best by `WHAT` matters: "+presetNames())
	c.Flags().StringArrayVar(&limits, "limit", nil, "`METRIC=VALUE` that it must keep, such as latency=5ms; may be repeated")
	c.MarkFlagsMutuallyExclusive("knee", "prefer")
	choices(c, "prefer", presetChoices()...)
	return c
}

func choose(out io.Writer, s Study, c Choice) (id int, err error) {
	v := ViewOf(s)
	p, err := v.pick(c)
	if err != nil {
		return 0, err
	}
	place := placeOf(s)
	display(out, p.text(place), p.html(place))
	return p.chosen.ID, nil
}

// pick is a network that was picked.
type pick struct {
	view   View
	within View          // what keeps the limits
	front  trial.History // of that, the most accurate first
	chosen trial.Trial
	why    string   // by which rule
	notes  []string // what else there is to know of the rule
}

// pick picks by the rule of c.
func (v View) pick(c Choice) (pick, error) {
	p := pick{view: v}
	c.Prefer = preset(c.Prefer)
	if c.Knee && c.Prefer != "" {
		return p, errors.New("choose: both the knee and a preference are asked for: keep one")
	}
	within, err := v.within(c.Limits)
	if err != nil {
		return p, err
	}
	p.within = within
	if p.front = within.members(); len(p.front) == 0 {
		return p, fmt.Errorf("choose: study %s has no complete trial to choose: %s", v.Name, v.summary())
	}
	if broken := len(v.members()) - len(p.front); len(c.Limits) > 0 && broken > 0 {
		p.notes = append(p.notes, fmt.Sprintf("Without the limit there would be %d more on the front.", broken))
	}
	switch {
	case c.Knee:
		var ok bool
		if p.chosen, ok = within.knee(p.front); ok {
			p.why = "It is the knee of the front: beyond it, a little more of the one thing costs much of the other"
			break
		}
		p.notes = append(p.notes, "There is no knee: "+noKnee(p.front))
		fallthrough
	case c.Prefer == "":
		p.chosen, p.why = within.favourite(p.front)
		p.offTheFront(v.Objective)
	default:
		o, err := v.preferring(c.Prefer)
		if err != nil {
			return p, err
		}
		best, ok := o.Best(p.front)
		if !ok {
			return p, fmt.Errorf("choose: --prefer %s: no network of the front has all that it weighs: %s", c.Prefer, strings.Join(texts(o.Concerns()), ", "))
		}
		p.chosen, _ = p.front.ByID(best)
		p.why = fmt.Sprintf("It is the best of the front where %s matters (preset %s: %s)", quoted(presetWords[c.Prefer]), c.Prefer, weights(o))
		p.offTheFront(o)
	}
	if len(c.Limits) > 0 {
		p.why += ", among those that keep " + limitWords(c.Limits)
	}
	return p, nil
}

// offTheFront notes a trial that is better than the chosen one by what o wants, and no
// member of the front.
func (p *pick) offTheFront(o objective.Objective) {
	if best, ok := o.Best(p.within.Trials); ok && best != p.chosen.ID {
		p.notes = append(p.notes, fmt.Sprintf("Off the front, trial %d is even better by that: it loses on the front's axes and wins on others.", best))
	}
}

func quoted(text string) string { return "“" + text + "”" }

// text tells the choice in plain words, with three to choose from.
func (p pick) text(place string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "study %s on %s: %s\n\n", p.view.Name, p.view.data(), p.view.summary())
	for _, line := range p.lines() {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "%s\n\n%s", useLine(p.view.Name, p.chosen.ID, place), p.within.cardsText(place))
	return printable(b.String())
}

func (p pick) html(place string) string {
	var b strings.Builder
	b.WriteString(`<div style="font-size:14px;margin:8px 0;max-width:820px">`)
	for i, line := range p.lines() {
		weight := "normal"
		if i == 0 {
			weight = "bold"
		}
		fmt.Fprintf(&b, `<div style="margin:4px 0;font-weight:%s">%s</div>`, weight, html.EscapeString(line))
	}
	b.WriteString(useHTML(p.view.Name, p.chosen.ID, place) + `</div>` + p.within.cardsHTML(place))
	return b.String()
}

// lines explain the choice: what it is, why, what its neighbours would be like, and
// how sure that is.
func (p pick) lines() []string {
	lines := []string{fmt.Sprintf("Trial %d: %s.", p.chosen.ID, p.view.inBrief(p.chosen)), p.why + "."}
	i := slices.IndexFunc(p.front, func(t trial.Trial) bool { return t.ID == p.chosen.ID })
	up, _ := p.view.axes()
	if i > 0 {
		lines = append(lines, p.view.neighbour("The next "+moreOf(up)+" one", p.chosen, p.front[i-1]))
	} else if len(p.front) > 1 {
		lines = append(lines, "No other network of the front is "+moreOf(up)+".")
	}
	if i < len(p.front)-1 {
		lines = append(lines, p.view.neighbour("The next one that asks for less", p.chosen, p.front[i+1]))
	} else if len(p.front) > 1 {
		lines = append(lines, "No other network of the front asks for less.")
	}
	lines = append(lines, p.notes...)
	if sure := p.view.sampling(p.chosen); sure != "" {
		lines = append(lines, sure)
	}
	return lines
}
