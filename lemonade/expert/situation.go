package expert

import (
	"maps"
	"math"
	"strings"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// lateRounds is how far back a failure still counts. Ours.
const lateRounds = 3

// situation is what the rules are held against: the search so far, seen from
// the parent.
type situation struct {
	*search
	parent   trial.Trial
	niche    *trial.Niche     // that the round asks for; nil where it is open
	metrics  trial.Metrics    // of the parent
	features func() *features // of the parent; nil where its program is not known
	weights  map[trial.Metric]float64

	cost       *cost // the one furthest from met
	costWeight float64
	limit      *limit         // on a cost, the one nearest to being broken
	values     map[string]any // of the variables that were asked for

	// How far wants are from met: Σ wᵢ·(1−nᵢ), without those whose target is reached.
	accuracyUnmet, costUnmet float64
}

// cost is a wanted metric that is not a measure of how right the network is.
type cost struct {
	metric      trial.Metric
	value, over float64
	mark        string // what over compares with: "the target of 4.0 mJ"
}

// limit is a hard limit on a cost, and how much of it the parent uses.
type limit struct {
	metric              trial.Metric
	value, bound, share float64
}

func (c cost) compared() string {
	times := variable{}.write(c.over)
	if times == "1" {
		return "still " + c.mark
	}
	return times + " times " + c.mark
}

// quality reports whether a metric says how right a network is; all others are
// costs of being so.
func quality(m trial.Metric) bool {
	return m == trial.Accuracy || m == trial.TrainAccuracy || m == trial.Loss
}

func newSituation(search *search, parent trial.Trial, niche *trial.Niche) *situation {
	in := search.in
	s := &situation{
		values: map[string]any{}, search: search, parent: parent, niche: niche,
		metrics: objective.MetricsOf(parent), weights: in.Objective.Weights(),
	}
	s.features = sync.OnceValue(func() *features {
		if parent.Program == nil || parent.Program.Network == nil {
			return nil
		}
		f := examine(parent.Program.Network)
		return &f
	})
	if _, ok := s.metrics[trial.TrainAccuracy]; !ok && len(parent.Curve) > 0 {
		// The learning curve has it too, as it was during the last epoch.
		s.metrics = maps.Clone(s.metrics)
		if s.metrics == nil {
			s.metrics = trial.Metrics{}
		}
		s.metrics[trial.TrainAccuracy] = trial.Measurement{Value: parent.Curve[len(parent.Curve)-1].TrainAccuracy}
	}
	s.foresee()
	s.unmet()
	for _, info := range trial.Ordered(maps.Keys(in.Objective.Limits)) {
		bound := in.Objective.Limits[info.Metric]
		cost, known := s.metrics[info.Metric]
		share, comparable := limitShare(info.Metric, bound, cost.Value)
		if known && comparable && !quality(info.Metric) && (s.limit == nil || share > s.limit.share) {
			s.limit = &limit{info.Metric, s.metrics[info.Metric].Value, bound, share}
		}
	}
	return s
}

// value returns the value of a variable.
func (s *situation) value(name string) any {
	v, ok := s.values[name]
	if !ok {
		v = variableByName[name].value(s)
		s.values[name] = v
	}
	return v
}

// foresee puts the forecast in the place of what a training used that was stopped
// at a limit: that is what has to come under the limit.
func (s *situation) foresee() {
	f := s.parent.Forecast
	if s.parent.State != trial.Infeasible || f == nil {
		return
	}
	if _, trained := s.parent.Metrics[trial.Accuracy]; trained {
		return
	}
	s.metrics = maps.Clone(s.metrics)
	for m, value := range map[trial.Metric]float64{trial.TrainingEnergy: f.Energy, trial.TrainingTime: f.Seconds} {
		if used, ok := s.metrics[m]; ok && value > used.Value {
			used.Value = value
			s.metrics[m] = used
		}
	}
}

// unmet fills in what is left to want.
func (s *situation) unmet() {
	worst := 0.0
	for i, term := range s.in.Objective.Terms(s.metrics) {
		want := s.in.Objective.Wants[i]
		unmet := term.Weight * (1 - term.Normalised)
		if !term.Known || s.reached(want) {
			unmet = 0
		}
		if quality(want.Metric) {
			s.accuracyUnmet += unmet
			continue
		}
		s.costWeight += term.Weight
		s.costUnmet += unmet
		if unmet <= worst {
			continue
		}
		if over, mark, ok := s.over(want.Metric, term.Value); ok {
			worst = unmet
			s.cost = &cost{metric: want.Metric, value: term.Value, over: over, mark: mark}
		}
	}
}

// reached reports whether a want has a target and the parent has reached it.
func (s *situation) reached(want objective.Want) bool {
	return want.Target != nil && objective.Objective{Wants: []objective.Want{want}}.TargetsMet(s.metrics)
}

// accuracyMet reports whether accuracy has a target and metrics reach it.
func accuracyMet(o objective.Objective, metrics trial.Metrics) bool {
	for _, w := range o.Wants {
		if w.Metric == trial.Accuracy && w.Target != nil {
			return objective.Objective{Wants: []objective.Want{w}}.TargetsMet(metrics)
		}
	}
	return false
}

// nicheSide says where the parent stands to the round's niche, "" where there is
// none or its MACs are unknown.
func (s *situation) nicheSide() string {
	macs, ok := macsOf(&s.parent)
	if s.niche == nil || !ok {
		return ""
	}
	return side(*s.niche, macs)
}

// over returns how many times worse than its mark a value is: than the target,
// else than the anchor or the first measurement.
func (s *situation) over(m trial.Metric, v float64) (ratio float64, mark string, ok bool) {
	reference, words := s.in.Objective.Anchors[m], "the first trial's "
	for _, w := range s.in.Objective.Wants {
		if w.Metric == m && w.Target != nil {
			reference, words = *w.Target, "the target of "
		}
	}
	if reference == 0 {
		for i := range s.complete {
			first, known := objective.MetricOf(&s.complete[i], m)
			if known && first.Value > 0 && !math.IsInf(first.Value, 0) {
				reference = first.Value
				break
			}
		}
	}
	if reference <= 0 || v < 0 {
		return 0, "", false
	}
	ratio = v / reference
	if info, _ := m.Info(); info.Higher {
		if v == 0 {
			return 0, "", false
		}
		ratio = reference / v
	}
	return ratio, words + objective.Format(m, reference), true
}

// metric returns the parent's value, a float64, or nil where it is unknown.
func (s *situation) metric(m trial.Metric) any {
	if v, ok := finite(s.metrics, m); ok {
		return v
	}
	return nil
}

// late counts the failed trials among the last rounds: those of one reason, or all.
func (s *situation) late(reason string) int {
	n := 0
	for _, t := range s.lastRounds() {
		if kind, _, _ := strings.Cut(t.Reason, ":"); t.State == trial.Failed && (reason == "" || kind == reason) {
			n++
		}
	}
	return n
}

// broken counts the late rounds in which a limit was broken, and returns the
// latest reason.
func (s *situation) broken() (n int, reason string) {
	for _, t := range s.lastRounds() {
		hit := false
		for _, a := range t.Attempts {
			if a.State == trial.Infeasible {
				hit, reason = true, a.Reason
			}
		}
		if t.State == trial.Infeasible {
			hit, reason = true, t.Reason
		}
		if hit {
			n++
		}
	}
	return n, reason
}

// brokenLimit returns the metric of the limit that was broken latest, nil where
// none was: the reason of a broken limit begins with it.
func (s *situation) brokenLimit() any {
	_, reason := s.broken()
	name, _, _ := strings.Cut(reason, " ")
	name = strings.TrimSuffix(name, ":")
	if _, ok := trial.Metric(name).Info(); ok {
		return name
	}
	return nil
}

func (s *situation) lastRounds() trial.History {
	return s.past[max(0, len(s.past)-lateRounds):]
}

// finite returns a metric's value where it is known and a number.
func finite(m trial.Metrics, name trial.Metric) (float64, bool) {
	v, ok := m[name]
	return v.Value, ok && !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0)
}
