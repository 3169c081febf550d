package benchmark

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// LeastPairs is from how many paired seeds on a difference between studies is told
// with an interval.
const LeastPairs = 6

// Study is what is compared of a study; *lemonade.Study has it.
type Study interface {
	Name() string
	Seed() int64
	Fingerprint() string
	Trials() trial.History
	Objective() objective.Objective
}

// StudyComparison holds one group of studies against another, paired by their seeds.
type StudyComparison struct {
	First   []string `json:"first"`  // names, in the order of the pairs
	Second  []string `json:"second"` // likewise
	Seeds   []int64  `json:"seeds"`  // of the first
	Rows    []Row    `json:"rows"`
	Remarks []string `json:"remarks"` // what there is to mind
}

// Row is one quantity of a comparison.
type Row struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Ratio   bool    `json:"ratio"`   // Change is second / first, and its mean the geometric one; else second - first
	Higher  bool    `json:"higher"`  // whether more is better
	First   Summary `json:"first"`   // over the pairs
	Second  Summary `json:"second"`  // likewise
	Change  Summary `json:"change"`  // without an interval for fewer than [LeastPairs] pairs
	More    int     `json:"more"`    // pairs in which the second has more
	Less    int     `json:"less"`    // in which it has less
	Unknown string  `json:"unknown"` // why the two do not compare by it; else ""
}

// Pairs is in how many pairs both are known.
func (r Row) Pairs() int {
	n := 0
	for _, v := range r.Change.Values {
		if v != nil {
			n++
		}
	}
	return n
}

// Differs reports whether the interval leaves out that there is no difference. known
// is false without an interval.
func (r Row) Differs() (differs, known bool) {
	if r.Change.Low == nil || r.Change.High == nil {
		return false, false
	}
	none := 0.0
	if r.Ratio {
		none = 1
	}
	return *r.Change.Low > none || *r.Change.High < none, true
}

// CompareStudies holds the second group of studies against the first. Studies are
// paired by their seeds; where there is one of each, by that alone. It is an error
// where a seed is twice in a group, or none is in both.
//
// Each pair is scored by one objective, that of its first study, with a hypervolume
// whose reference is the worse of both. What the two do not have in common, such as
// the method of a metric, makes the quantities unknown that depend on it.
func CompareStudies(first, second []Study) (StudyComparison, error) {
	var c StudyComparison
	pairs, err := c.pair(first, second)
	if err != nil {
		return c, err
	}
	for _, q := range quantities {
		row := Row{Name: q.name, Title: q.title, Ratio: q.ratio, Higher: q.higher}
		var before, after, change []*float64
		for _, p := range pairs {
			why := q.apart(p)
			if row.Unknown == "" {
				row.Unknown = why
			}
			x, y := known(q.of, p.first, p.objective, why), known(q.of, p.second, p.objective, why)
			before, after = append(before, x), append(after, y)
			change = append(change, row.count(x, y))
		}
		row.First, row.Second, row.Change = only(summarise(before)), only(summarise(after)), only(row.changed(change))
		c.Rows = append(c.Rows, row)
	}
	return c, nil
}

// studyPair is two studies of a seed.
type studyPair struct {
	first, second Study
	objective     objective.Objective // for both
}

// pair finds the studies that belong together.
func (c *StudyComparison) pair(first, second []Study) (pairs []studyPair, err error) {
	if len(first) == 0 || len(second) == 0 {
		return nil, errors.New("compare: there is no study to compare: name one, or more, for each side")
	}
	bySeed := func(group []Study) (map[int64]Study, error) {
		found := map[int64]Study{}
		for _, s := range group {
			if other, ok := found[s.Seed()]; ok {
				return nil, fmt.Errorf("compare: %s and %s both have the seed %d: name one of them, or studies of different seeds", other.Name(), s.Name(), s.Seed())
			}
			found[s.Seed()] = s
		}
		return found, nil
	}
	one, err := bySeed(first)
	if err != nil {
		return nil, err
	}
	other, err := bySeed(second)
	if err != nil {
		return nil, err
	}
	if len(first) == 1 && len(second) == 1 {
		other = map[int64]Study{first[0].Seed(): second[0]}
		if a, b := first[0].Seed(), second[0].Seed(); a != b {
			c.Remarks = append(c.Remarks, fmt.Sprintf("the seeds differ (%d and %d), so chance differs too", a, b))
		}
	}
	var alone []string
	for _, s := range second {
		if one[s.Seed()] == nil && len(second) > 1 {
			alone = append(alone, s.Name())
		}
	}
	for _, seed := range slices.Sorted(maps.Keys(one)) {
		a, b := one[seed], other[seed]
		if b == nil {
			alone = append(alone, a.Name())
			continue
		}
		c.First, c.Second, c.Seeds = append(c.First, a.Name()), append(c.Second, b.Name()), append(c.Seeds, seed)
		pairs = append(pairs, studyPair{a, b, shared(a.Objective(), b.Objective())})
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("compare: no seed is on both sides, so nothing pairs: %s", strings.Join(alone, ", "))
	}
	if len(alone) > 0 {
		c.Remarks = append(c.Remarks, "without a partner of their seed, and left out: "+strings.Join(alone, ", "))
	}
	c.remark(pairs)
	return pairs, nil
}

// remark says what of the pairs is to be minded.
func (c *StudyComparison) remark(pairs []studyPair) {
	var open, uneven, reused []string
	for _, p := range pairs {
		for _, s := range []Study{p.first, p.second} {
			if slices.ContainsFunc(s.Trials(), func(t trial.Trial) bool { return !t.State.Done() }) {
				open = append(open, s.Name())
			}
			if n := s.Trials().Saved().Trainings; n > 0 {
				reused = append(reused, fmt.Sprintf("%d of %s", n, s.Name()))
			}
		}
		if a, b := len(p.first.Trials()), len(p.second.Trials()); a != b {
			uneven = append(uneven, fmt.Sprintf("%s has %d, %s %d", p.first.Name(), a, p.second.Name(), b))
		}
	}
	if len(open) > 0 {
		c.Remarks = append(c.Remarks, "not at their end yet: "+strings.Join(open, ", "))
	}
	if len(uneven) > 0 {
		c.Remarks = append(c.Remarks, "not as many trials on both sides: "+strings.Join(uneven, "; "))
	}
	if len(reused) > 0 {
		c.Remarks = append(c.Remarks, "trainings that were taken over from other trials count with the energy and the time that they took there: "+strings.Join(reused, ", "))
	}
}

// shared is the objective of the first with the worse of both references.
func shared(a, b objective.Objective) objective.Objective {
	a.Reference = maps.Clone(a.Reference)
	for m, v := range b.Reference {
		was, ok := a.Reference[m]
		if info, _ := m.Info(); !ok || info.Higher == (v < was) {
			a.Reference[m] = v
		}
	}
	return a
}

// quantity is a number about a study.
type quantity struct {
	name, title string
	ratio       bool
	higher      bool
	apart       func(studyPair) string // why the two do not compare by it, or ""
	of          func(Study, objective.Objective) (float64, bool)
}

var quantities = []quantity{
	{"hypervolume", "hypervolume of the front", false, true, func(p studyPair) string { return firstOf(otherData(p), otherAxes(p), otherMethods(p)) },
		func(s Study, o objective.Objective) (float64, bool) {
			return o.Hypervolume(s.Trials()), len(o.Reference) > 0
		}},
	{"best_effectiveness", "best effectiveness", false, true, func(p studyPair) string { return firstOf(otherData(p), otherWants(p), otherMethods(p)) },
		func(s Study, o objective.Objective) (float64, bool) {
			trials := s.Trials()
			id, ok := o.Best(trials)
			if !ok {
				return 0, false
			}
			best, _ := trials.ByID(id)
			return o.Score(objective.MetricsOf(best))
		}},
	{"best_accuracy", "best accuracy", false, true, otherData,
		func(s Study, _ objective.Objective) (best float64, ok bool) {
			for _, t := range s.Trials().Complete() {
				if m, has := t.Metrics[trial.Accuracy]; has {
					best, ok = max(best, m.Value), true
				}
			}
			return best, ok
		}},
	{"training_energy", "energy of all trainings", true, false, otherEnergy, total(trial.TrainingEnergy)},
	{"training_time", "time of all trainings", true, false, func(studyPair) string { return "" }, total(trial.TrainingTime)},
	{"trial_time", "time of all trials", true, false, func(studyPair) string { return "" },
		func(s Study, _ objective.Objective) (sum float64, ok bool) {
			for _, t := range s.Trials() {
				for _, phases := range clocks(t) {
					sum += trial.Times(phases).Total()
				}
			}
			return sum, sum > 0
		}},
}

// total sums a metric over all trainings that have it.
func total(m trial.Metric) func(Study, objective.Objective) (float64, bool) {
	return func(s Study, _ objective.Objective) (sum float64, ok bool) {
		for _, t := range s.Trials() {
			for _, metrics := range t.Trainings() {
				sum += metrics[m].Value
			}
		}
		return sum, sum > 0
	}
}

// otherData tells that two studies are not validated on the same samples.
func otherData(p studyPair) string {
	a, b := samplesOf(p.first), samplesOf(p.second)
	if a == b {
		return ""
	}
	return fmt.Sprintf("they are validated on other samples: %s on %s, %s on %s", p.first.Name(), a, p.second.Name(), b)
}

// samplesOf is the fingerprint without the training samples.
func samplesOf(s Study) string {
	all := s.Fingerprint()
	if i := strings.LastIndex(all, "/"); i > 0 {
		return all[:i]
	}
	return all
}

func otherAxes(p studyPair) string {
	a, b := p.first.Objective().Axes, p.second.Objective().Axes
	if slices.Equal(a, b) {
		return ""
	}
	return fmt.Sprintf("their fronts have other axes: %v and %v", a, b)
}

func otherWants(p studyPair) string {
	a, errA := json.Marshal(p.first.Objective().Wants)
	b, errB := json.Marshal(p.second.Objective().Wants)
	if errA == nil && errB == nil && string(a) == string(b) {
		return ""
	}
	return "they want different things"
}

// otherMethods tells that a metric which matters was not obtained alike.
func otherMethods(p studyPair) string {
	a, b := p.first.Objective(), p.second.Objective()
	for _, m := range a.Concerns() {
		if x, y := a.Methods[m], b.Methods[m]; x != "" && y != "" && x != y {
			return fmt.Sprintf("their %s is by other methods: %s and %s", m, x, y)
		}
	}
	return ""
}

func otherEnergy(p studyPair) string {
	x, y := p.first.Objective().Methods[trial.TrainingEnergy], p.second.Objective().Methods[trial.TrainingEnergy]
	if x == y || x == "" || y == "" {
		return ""
	}
	return fmt.Sprintf("their training energy is by other methods: %s and %s", x, y)
}

func firstOf(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

// known is a quantity of a study, nil where it is unknown or does not compare.
func known(of func(Study, objective.Objective) (float64, bool), s Study, o objective.Objective, why string) *float64 {
	if v, ok := of(s, o); ok && why == "" {
		return &v
	}
	return nil
}

// count returns the change from x to y, of a ratio its logarithm, and counts it.
func (r *Row) count(x, y *float64) *float64 {
	if x == nil || y == nil {
		return nil
	}
	d := *y - *x
	if r.Ratio {
		d = math.Log(*y / *x)
	}
	switch {
	case d > tie:
		r.More++
	case d < -tie:
		r.Less++
	}
	return &d
}

// changed summarises the changes.
func (r *Row) changed(changes []*float64) Summary {
	s := summarise(changes)
	if !r.Ratio {
		return s
	}
	exp := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		return ptr(math.Exp(*v))
	}
	for i := range s.Values {
		s.Values[i] = exp(s.Values[i])
	}
	s.Mean, s.Low, s.High = exp(s.Mean), exp(s.Low), exp(s.High)
	return s
}

// only leaves an interval out that so few values do not give.
func only(s Summary) Summary {
	n := 0
	for _, v := range s.Values {
		if v != nil {
			n++
		}
	}
	if n < LeastPairs {
		s.Low, s.High = nil, nil
	}
	return s
}
