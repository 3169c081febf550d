package kernelext

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Quality displays how well a trial's network tells the classes apart: in words, the
// share of each class that it gets right, what it takes for what, and the pictures
// that it was surest and wrong about, where the data set is on this machine. It is an
// error where the study has no such trial, or that was not measured class by class.
func Quality(s Study, id int) error { return showQuality(os.Stdout, s, id) }

func showQuality(out io.Writer, s Study, id int) error {
	v := ViewOf(s)
	t, err := v.trial(id)
	if err != nil {
		return err
	}
	q, ok := v.quality(t)
	if !ok {
		return fmt.Errorf("trial %d: study %s does not know how it does on each class: only a network that was trained and measured by this version or a later one has that", id, v.Name)
	}
	page := ""
	if gonbui.IsNotebook { // reading the pictures takes a while
		page = q.html(true)
	}
	display(out, q.text(), page)
	return nil
}

// quality is what there is to show of a network class by class.
type quality struct {
	*trial.Quality
	id             int
	set            string         // name of the data set
	noun           string         // what its samples are called, many of them
	names          []string       // of the classes
	recalls        []trial.Recall // the lowest first
	taken          map[int]int    // samples that are taken for a class, by its label
	right, samples int
}

func (v View) quality(t trial.Trial) (quality, bool) {
	if t.Quality == nil || len(t.Quality.Confusion) == 0 {
		return quality{}, false
	}
	info, _ := v.info() // without it the classes have numbers
	q := qualityOf(t, info.ClassNames)
	q.set, q.noun = v.Data, samplesOf(info)
	return q, true
}

func qualityOf(t trial.Trial, names []string) quality {
	q := quality{Quality: t.Quality, id: t.ID, names: names, noun: samplesOf(datasets.Info{}), recalls: t.Quality.Recalls(), taken: map[int]int{}}
	for _, c := range q.Confusion {
		q.taken[c.Predicted] += c.Count
	}
	slices.SortStableFunc(q.recalls, func(a, b trial.Recall) int { return cmp.Compare(a.Share(), b.Share()) })
	for _, r := range q.recalls {
		q.right, q.samples = q.right+r.Right, q.samples+r.Samples
	}
	return q
}

// qualityText tells how a trial's network does on each class, "" where that is unknown.
func (v View) qualityText(t trial.Trial) string {
	if q, ok := v.quality(t); ok {
		return q.text()
	}
	return ""
}

// qualityHTML is the same for a page. The gallery reads the data set and has the
// pictures in it, so that it is for one trial and not for all of a study.
func (v View) qualityHTML(t trial.Trial, gallery bool) string {
	if q, ok := v.quality(t); ok {
		return q.html(gallery)
	}
	return ""
}

// name is a class's name in a line, down to some characters.
func (q quality) name(class int) string { return className(q.names, class) }

func className(names []string, class int) string {
	if class >= 0 && class < len(names) {
		if name := oneLine(names[class]); name != "" {
			return clip(name, 30)
		}
	}
	return fmt.Sprintf("class %d", class)
}

// words tell what matters in a sentence or two.
func (q quality) words() string {
	if q.right == q.samples {
		return fmt.Sprintf("Right in all %s.", thousands(q.samples))
	}
	text := "Right " + rightOf(float64(q.right)/float64(q.samples))
	if q.samples != 100 {
		text += fmt.Sprintf(" (%s)", outOf(q.right, q.samples))
	}
	first, last := q.recalls[0], q.recalls[len(q.recalls)-1]
	if first.Share() < last.Share() {
		text += ". Best at " + q.named(last) + ", worst at " + q.named(first)
	}
	if pairs := q.Confusions(); pairs[0].Count > 1 {
		var most []string
		for _, c := range pairs {
			if c.Count == pairs[0].Count {
				most = append(most, q.name(c.True)+" for "+q.name(c.Predicted))
			}
		}
		each := ""
		if len(most) > 1 {
			each = " each"
		}
		text += fmt.Sprintf(", most often takes %s (%s times%s)", some(most), thousands(pairs[0].Count), each)
	}
	return text + "."
}

// named lists the classes of the same recall: "zero (all of 14)", "six and seven (all)".
func (q quality) named(like trial.Recall) string {
	var names []string
	for _, r := range q.recalls {
		if r.Share() == like.Share() {
			names = append(names, q.name(r.Class))
		}
	}
	share := outOf(like.Right, like.Samples)
	if len(names) > 1 {
		share, _, _ = strings.Cut(share, " of ")
		if share != "all" && share != "none" {
			share = percent(like.Share())
		}
	}
	return some(names) + " (" + share + ")"
}

// chance says how far chance alone reaches in a class.
func (q quality) chance() string {
	sizes := make([]int, len(q.recalls))
	for i, r := range q.recalls {
		sizes[i] = r.Samples
	}
	slices.Sort(sizes)
	n, p := sizes[len(sizes)/2], float64(q.right)/float64(q.samples)
	return fmt.Sprintf("Of %s %s of a class, %.0f more or less may be right by chance alone.", thousands(n), q.noun, max(1, 1.96*math.Sqrt(float64(n)*p*(1-p))))
}

// precision is the share of what is taken for a class that is of it: "86 %".
func (q quality) precision(r trial.Recall) string {
	if q.taken[r.Class] == 0 {
		return "–"
	}
	return percent(float64(r.Right) / float64(q.taken[r.Class]))
}

// outOf counts: "6 of 14", "all of 14", "none of 14".
func outOf(n, all int) string {
	switch n {
	case all:
		return "all of " + thousands(all)
	case 0:
		return "none of " + thousands(all)
	}
	return thousands(n) + " of " + thousands(all)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// some lists a few names and counts the rest: "cat, dog and 3 more".
func some(names []string) string {
	if n := len(names) - 2; n > 1 {
		names = append(slices.Clone(names[:2]), fmt.Sprintf("%d more", n))
	}
	if len(names) == 1 {
		return names[0]
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// How much of many classes and mistakes has room.
const (
	matrixMost = 20 // classes in a matrix; of more the pairs are shown
	recallMost = 25 // classes in the list of recalls
	pairsMost  = 15 // pairs of classes
	textMost   = 10 // mistakes in a text
)

// shownRecalls are the lowest recalls, and in words the ones that are left out.
func (q quality) shownRecalls() (shown []trial.Recall, rest string) {
	if len(q.recalls) <= recallMost {
		return q.recalls, ""
	}
	better := q.recalls[recallMost:]
	return q.recalls[:recallMost], fmt.Sprintf("and %s classes more, right in %s to %s", thousands(len(better)), percent(better[0].Share()), percent(better[len(better)-1].Share()))
}

// pairs are the classes that are mixed up most often, with how many pictures there
// are of the first, and in words what is left out.
func (q quality) pairs() (shown []trial.Confused, samples map[int]int, rest string) {
	all := q.Confusions()
	samples = map[int]int{}
	for _, r := range q.recalls {
		samples[r.Class] = r.Samples
	}
	shown = all[:min(len(all), pairsMost)]
	if n := len(all) - len(shown); n > 0 {
		rest = fmt.Sprintf("and %s pairs more", thousands(n))
	}
	return shown, samples, rest
}

// classes are the labels of the confusion matrix, ascending.
func (q quality) classes() []int {
	var classes []int
	for _, c := range q.Confusion {
		classes = append(classes, c.True, c.Predicted)
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// matrix is the confusion matrix of those classes, with the sums in the last row and
// column.
func (q quality) matrix(classes []int) [][]int {
	n := len(classes)
	cells := make([][]int, n+1)
	for i := range cells {
		cells[i] = make([]int, n+1)
	}
	for _, c := range q.Confusion {
		i, j := slices.Index(classes, c.True), slices.Index(classes, c.Predicted)
		for _, at := range [][2]int{{i, j}, {i, n}, {n, j}, {n, n}} {
			cells[at[0]][at[1]] += c.Count
		}
	}
	return cells
}

// caption says what a mistake is: "is seven, read as one (93 %)".
func (q quality) caption(a trial.Answer) string {
	return fmt.Sprintf("is %s, read as %s (%s)", q.name(a.True), q.name(a.Predicted), sure(a))
}

// sure writes how sure the network was of a mistake, which is never quite.
func sure(a trial.Answer) string {
	if a.Confidence > 0.99 {
		return "over 99 %"
	}
	return percent(a.Confidence)
}

// ofMistakes says which mistakes are shown.
func (q quality) ofMistakes(shown int) string {
	all := q.samples - q.right
	which := fmt.Sprintf("%s of its %s mistakes", thousands(shown), thousands(all))
	wrong := 0 // classes with a mistake
	for _, r := range q.recalls {
		if r.Right < r.Samples {
			wrong++
		}
	}
	switch {
	case shown == all:
		which = "all its mistakes"
	case shown < len(q.Mistakes): // the rest has those of other classes
	case wrong > shown:
		which += ", each of another class"
	default:
		which += ", some of every class"
	}
	return which + ", the surest first (in brackets how sure it was)"
}

// text is the whole as text.
func (q quality) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "trial %d, class by class: %s\n%s\n\n%s:\n", q.id, q.words(), q.chance(), barsTitle)
	recalls, rest := q.shownRecalls()
	rows := make([][]string, len(recalls))
	for i, r := range recalls {
		bar := strings.Repeat("█", int(math.Round(20*r.Share())))
		rows[i] = []string{"  " + q.name(r.Class), outOf(r.Right, r.Samples), percent(r.Share()), bar, "precision " + q.precision(r)}
	}
	b.WriteString(aligned(rows, func(i int) bool { return i == 1 || i == 2 || i == 4 }))
	if rest != "" {
		b.WriteString("  " + rest + "\n")
	}
	if q.right < q.samples {
		b.WriteString(q.confusionText())
		shown := q.Mistakes[:min(len(q.Mistakes), textMost)]
		fmt.Fprintf(&b, "\n%s:\n", q.ofMistakes(len(shown)))
		for _, a := range shown {
			fmt.Fprintf(&b, "  %s %d %s\n", strings.TrimSuffix(q.noun, "s"), a.Index, q.caption(a))
		}
	}
	return printable(b.String())
}

func (q quality) confusionText() string {
	classes := q.classes()
	if len(classes) > matrixMost {
		shown, samples, rest := q.pairs()
		text := "\nmixed up most often:\n"
		for _, c := range shown {
			text += fmt.Sprintf("  %s for %s: %s\n", q.name(c.True), q.name(c.Predicted), outOf(c.Count, samples[c.True]))
		}
		if rest != "" {
			text += "  " + rest + "\n"
		}
		return text
	}
	rows := [][]string{{"", ""}}
	for i, row := range q.matrix(classes) {
		line := []string{"", "in all"}
		if i < len(classes) {
			line = []string{fmt.Sprintf("  %d", classes[i]), q.name(classes[i])}
			rows[0] = append(rows[0], fmt.Sprint(classes[i]))
		}
		for _, n := range row {
			if n == 0 {
				line = append(line, "·")
			} else {
				line = append(line, fmt.Sprint(n))
			}
		}
		rows = append(rows, line)
	}
	rows[0] = append(rows[0], "in all")
	return "\nwhat it is (to the left) and what the network takes it for (above, by number), the confusion matrix:\n" + aligned(rows, func(i int) bool { return i != 1 })
}
