package kernelext

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/benchmark"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// CompareStudies displays whether two studies differ, or two groups of them that are
// paired by their seeds: in hypervolume, in their best networks, and in the energy and
// time that they took. Six pairs or more have intervals.
func CompareStudies(first, second []*lemonade.Study) error {
	c, err := benchmark.CompareStudies(asStudies(first), asStudies(second))
	if err == nil {
		showStudies(os.Stdout, studies{c, groupName(c.First), groupName(c.Second)})
	}
	return err
}

func asStudies(group []*lemonade.Study) (all []benchmark.Study) {
	for _, s := range group {
		all = append(all, s)
	}
	return all
}

// groupName is what a group is called whose members are named.
func groupName(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}

// compareStudies compares what two patterns name.
func compareStudies(ctx context.Context, dir, first, second string) (c benchmark.StudyComparison, err error) {
	var all [2][]*lemonade.Study
	defer func() {
		for _, s := range slices.Concat(all[0], all[1]) {
			err = errors.Join(err, s.Close())
		}
	}()
	for i, pattern := range []string{first, second} {
		names, err := matching(ctx, dir, pattern)
		if err != nil {
			return c, err
		}
		for _, name := range names {
			s, err := lemonade.Open(ctx, name, lemonade.Options{Dir: dir})
			if err != nil {
				return c, err
			}
			all[i] = append(all[i], s)
		}
	}
	return benchmark.CompareStudies(asStudies(all[0]), asStudies(all[1]))
}

// matching lists the studies that a pattern names: names and patterns such as cifar.*,
// with commas between them.
func matching(ctx context.Context, dir, pattern string) (found []string, err error) {
	for part := range strings.SplitSeq(pattern, ",") {
		part = strings.TrimSpace(part)
		if !strings.ContainsAny(part, `*?[\`) {
			found = append(found, part)
			continue
		}
		some := false
		for _, name := range studyNames(ctx, dir) {
			ok, err := path.Match(part, name)
			if err != nil {
				return nil, fmt.Errorf("studies: the pattern %q is wrong: %w", part, err)
			}
			some = some || ok
			if ok && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
		if !some {
			return nil, fmt.Errorf("studies: no study has a name like %q: lemonade show lists them", part)
		}
	}
	return found, nil
}

// studies are a comparison for people.
type studies struct {
	benchmark.StudyComparison
	first, second string // what the sides are called
}

func showStudies(out io.Writer, s studies) {
	display(out, s.text(), s.html())
}

// write writes a value of a row.
func write(r benchmark.Row, v float64) string {
	switch r.Name {
	case "training_energy":
		return objective.Format(trial.TrainingEnergy, v)
	case "training_time", "trial_time":
		return lasting(v)
	case "best_accuracy":
		return objective.Format(trial.Accuracy, v)
	}
	return fmt.Sprintf("%.3f", v)
}

// writeChange writes a change of a row: "-38 %", "+1.2 points", "+0.031".
func writeChange(r benchmark.Row, v float64) string {
	switch {
	case r.Ratio && v >= 10:
		return fmt.Sprintf("×%.3g", v)
	case r.Ratio:
		return fmt.Sprintf("%+.0f %%", 100*(v-1))
	case r.Name == "best_accuracy":
		return fmt.Sprintf("%+.1f points", 100*v)
	}
	return fmt.Sprintf("%+.3f", v)
}

// interval writes a mean with its interval.
func interval(s benchmark.Summary, write func(float64) string) string {
	if s.Mean == nil {
		return "–"
	}
	text := write(*s.Mean)
	if s.Low != nil && s.High != nil {
		text += fmt.Sprintf(" [%s, %s]", write(*s.Low), write(*s.High))
	}
	return text
}

// table is the rows under their heads.
func (s studies) table() [][]string {
	rows := [][]string{{"", s.first, s.second, "change", "pairs with more, less"}}
	for _, r := range s.Rows {
		value := func(v float64) string { return write(r, v) }
		count := "–"
		if r.Pairs() > 0 {
			count = fmt.Sprintf("%d, %d of %d", r.More, r.Less, r.Pairs())
		}
		rows = append(rows, []string{
			r.Title, interval(r.First, value), interval(r.Second, value), interval(r.Change, func(v float64) string { return writeChange(r, v) }), count,
		})
	}
	return rows
}

// head says what is compared.
func (s studies) head() string {
	if len(s.Seeds) == 1 {
		return fmt.Sprintf("study %s against study %s", s.second, s.first)
	}
	var seeds []string
	for _, seed := range s.Seeds {
		seeds = append(seeds, fmt.Sprint(seed))
	}
	return fmt.Sprintf("studies %s against %s: %d pairs, of the seeds %s; means", s.second, s.first, len(s.Seeds), strings.Join(seeds, ", "))
}

// words say of each row whether the two differ.
func (s studies) words() (all []string) {
	for _, r := range s.Rows {
		all = append(all, s.wordsOf(r))
	}
	n := len(s.Seeds)
	if n < benchmark.LeastPairs {
		pairs := fmt.Sprintf("%d pairs", n)
		if n == 1 {
			pairs = "one pair"
		}
		all = append(all, fmt.Sprintf("Of %s no interval can be had: whether the two differ is open. A claim takes %d pairs of the same seed or more.", pairs, benchmark.LeastPairs))
	} else {
		all = append(all, fmt.Sprintf("[…] are 95 %% bootstrap intervals over %d paired seeds.", n))
	}
	return all
}

func (s studies) wordsOf(r benchmark.Row) string {
	name := capital(r.Title)
	switch differs, known := r.Differs(); {
	case r.Unknown != "":
		return name + " does not compare: " + r.Unknown + "."
	case r.Change.Mean == nil:
		return name + " is not known of both."
	case known && !differs:
		return fmt.Sprintf("%s: no difference that %d pairs could show.", name, r.Pairs())
	case known:
		return fmt.Sprintf("%s: %s has %s.", name, s.second, side(r))
	case r.More == 0 && r.Less == 0:
		return name + " is the same."
	default:
		return fmt.Sprintf("%s: %s has %s here; it may be chance.", name, s.second, side(r))
	}
}

// side says to which side the second differs, and by how much.
func side(r benchmark.Row) string {
	v := *r.Change.Mean
	up, text := v > 0, strings.TrimLeft(writeChange(r, v), "+-")
	if r.Ratio {
		up = v > 1
	}
	word := " less"
	if up {
		word = " more"
	}
	if r.Ratio && v >= 10 {
		text, word = fmt.Sprintf("%.3g times", v), " as much"
	}
	if up == r.Higher {
		return text + word + " (better)"
	}
	return text + word + " (worse)"
}

func (s studies) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", s.head(), aligned(s.table(), func(i int) bool { return i > 0 }))
	for _, line := range append(s.words(), s.Remarks...) {
		b.WriteString(capital(line) + "\n")
	}
	return printable(b.String())
}

func (s studies) html() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:13px;margin:8px 0">%s%s`, html.EscapeString(capital(s.head())), listHTML(s.table()))
	for _, line := range append(s.words(), s.Remarks...) {
		fmt.Fprintf(&b, `<div style="margin:4px 0">%s</div>`, html.EscapeString(capital(line)))
	}
	return b.String() + `</div>`
}
