package expert

import (
	"math"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// nicheFrom is how many complete trials a search has before niches are asked
// for: the first ones find out what works at all. Ours.
const nicheFrom = 3

// Where a parent stands to the niche of its round.
const (
	belowNiche  = "below"
	insideNiche = "inside"
	aboveNiche  = "above"
)

// niches divides the complexities into three ranges of MACs. With a hard limit on
// MACs they are a ninth, a third and the whole of it; without, they lie around the
// MACs m of the first complete trial: up to m/2, up to 2m, and beyond. Each range
// excludes its lower edge and includes its upper one. There are none where m is
// not known. The edges are ours.
func niches(o objective.Objective, complete trial.History) []trial.Niche {
	if limit, ok := o.Limits[trial.MACs]; ok {
		most := int64(limit)
		if most < 9 {
			return nil
		}
		return []trial.Niche{{Name: "small", Max: most / 9}, {Name: "medium", Min: most / 9, Max: most / 3}, {Name: "large", Min: most / 3, Max: most}}
	}
	m, ok := macsOf(&complete[0])
	if !ok || m < 2 {
		return nil
	}
	return []trial.Niche{{Name: "small", Max: m / 2}, {Name: "medium", Min: m / 2, Max: 2 * m}, {Name: "large", Min: 2 * m}}
}

// pickNiche returns the niche that a round asks for, or nil where it asks for
// none. From the third complete trial on, the odd rounds take turns over the
// niches that make sense: there is no use for large networks where the target for
// accuracy is reached, none for small ones where no cost is wanted, and none for
// networks that would break a hard limit.
func pickNiche(in Input, complete trial.History) *trial.Niche {
	if in.NoNiches || in.Trial%2 == 0 || len(complete) < nicheFrom {
		return nil
	}
	accurate := slices.ContainsFunc(complete, func(t trial.Trial) bool { return accuracyMet(in.Objective, t.Metrics) })
	costly := slices.ContainsFunc(in.Objective.Wants, func(w objective.Want) bool { return !quality(w.Metric) })
	var open []trial.Niche
	for _, n := range niches(in.Objective, complete) {
		switch {
		case n.Name == "large" && accurate:
		case n.Name == "small" && !costly:
		case breaksLimit(in.Objective, n, complete):
		default:
			open = append(open, n)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &open[in.Trial/2%len(open)]
}

// breaksLimit estimates whether every network of a niche would break a hard limit
// on a cost: whether the leanest complete trial, the one with the least of that
// cost for each MAC, would break it at the niche's lower edge. The estimate is
// ours, and careful where a cost has a part that does not grow with the MACs; but
// every larger network that is tried lowers it.
func breaksLimit(o objective.Objective, n trial.Niche, complete trial.History) bool {
	for metric, limit := range o.Limits {
		if quality(metric) {
			continue
		}
		leanest, found := math.Inf(1), false
		for i := range complete {
			macs, known := macsOf(&complete[i])
			cost, measured := objective.MetricOf(&complete[i], metric)
			share, comparable := limitShare(metric, limit, cost.Value)
			if known && comparable && measured {
				leanest, found = min(leanest, share/float64(macs)), true
			}
		}
		if found && leanest*float64(n.Min) >= 1 {
			return true
		}
	}
	return false
}

// limitShare returns how much of a hard limit a cost uses: above 1 breaks it.
func limitShare(m trial.Metric, limit, v float64) (float64, bool) {
	ok := !math.IsNaN(v) && !math.IsInf(v, 0)
	if info, _ := m.Info(); info.Higher {
		return limit / v, ok && v > 0
	}
	return v / limit, ok && limit > 0
}

// side says where a network of that many MACs stands to a niche.
func side(n trial.Niche, macs int64) string {
	switch {
	case n.Max > 0 && macs > n.Max:
		return aboveNiche
	case macs <= n.Min && n.Min > 0:
		return belowNiche
	}
	return insideNiche
}

// distance is how far a network is from a niche, in powers of e of its MACs; 0 inside.
func distance(n trial.Niche, macs int64) float64 {
	switch side(n, macs) {
	case aboveNiche:
		return math.Log(float64(macs) / float64(n.Max))
	case belowNiche:
		// A little more than nothing on the edge itself, which is outside.
		return math.Log(float64(n.Min+1) / float64(max(macs, 1)))
	}
	return 0
}

// nicheText is a niche in words: "above 1.2 M and up to 3.6 M".
func nicheText(n trial.Niche) string {
	low, high := objective.Format(trial.MACs, float64(n.Min)), objective.Format(trial.MACs, float64(n.Max))
	switch {
	case n.Max == 0:
		return "above " + low
	case n.Min == 0:
		return "up to " + high
	}
	return "above " + low + " and up to " + high
}

// macsOf returns the multiply-accumulates of a trial's network, above 0.
func macsOf(t *trial.Trial) (int64, bool) {
	if t.Costs.MACs > 0 { // what is measured repeats it
		return t.Costs.MACs, true
	}
	m, ok := objective.MetricOf(t, trial.MACs)
	return int64(m.Value), ok && m.Value >= 1 && !math.IsInf(m.Value, 0)
}
