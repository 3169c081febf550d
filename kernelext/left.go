package kernelext

import (
	"fmt"
	"math"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ended counts the trials that have ended.
func ended(h trial.History) (n int) {
	for i := range h {
		if h[i].State.Done() {
			n++
		}
	}
	return n
}

// left forecasts how long the run will still take: as long for each trial as the
// latest ones took, and for the training at hand the share that is left of it. It
// is false while there is no ground for that, which is until a trial was trained
// or a training has told its own forecast.
func (p *progress) left(h trial.History) (time.Duration, bool) {
	trials := p.total - ended(h)
	if trials <= 0 {
		return 0, false
	}
	each, ok := pace(h, p.began)
	if !ok {
		if p.forecast == "" || p.done <= 0 {
			return 0, false
		}
		each = p.now().Sub(p.since).Seconds() / p.done
	}
	seconds := float64(trials) * each
	if p.training > 0 {
		seconds -= p.done * each
	}
	left := time.Duration(seconds * float64(time.Second))
	if p.limit > 0 { // which is looked at between trials
		left = min(left, max(p.limit-p.now().Sub(p.began), 0)+time.Duration(each*float64(time.Second)))
	}
	return left, true
}

// paceOf is over how many of the latest trials the pace is taken: later ones are
// often larger than the first.
const paceOf = 10

// pace returns how many seconds one trial takes: from its start, or from the end of
// the one before where they overlap, or from when the run began. Those that were
// interrupted earlier tell nothing. It is false until a trial was evaluated.
func pace(h trial.History, began time.Time) (seconds float64, ok bool) {
	var took []float64
	var before time.Time
	for _, t := range h {
		if !t.State.Done() || t.Ended.IsZero() {
			continue
		}
		from := t.Started
		if from.Before(before) {
			from = before
		}
		before = t.Ended
		inThisRun := began.Before(t.Ended)
		if inThisRun && from.Before(began) {
			from = began
		}
		if t.Runs > 1 && !inThisRun {
			continue
		}
		took = append(took, t.Ended.Sub(from).Seconds())
		ok = ok || t.Runs > 0
	}
	if climbed, known := climbPace(h); known {
		return climbed, true
	}
	took = took[max(0, len(took)-paceOf):]
	for _, s := range took {
		seconds += s / float64(len(took))
	}
	return seconds, ok
}

// climbPace is how many seconds a network takes in a study of rungs, its promotions
// included, over all that ended.
func climbPace(h trial.History) (seconds float64, ok bool) {
	n := 0
	for _, t := range h {
		for _, s := range spells(t) {
			if len(t.Rungs) > 0 {
				seconds += s.to.Sub(s.from).Seconds()
			}
		}
		if len(t.Rungs) > 0 {
			n++
		}
	}
	return seconds / float64(max(n, 1)), n > 0
}

// about writes a forecast as roughly as it is known: "about 4 min".
func about(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 10:
		return "a few seconds"
	case s < 55:
		return fmt.Sprintf("about %.0f s", math.Ceil(s/5)*5)
	case s < 570:
		return fmt.Sprintf("about %.0f min", max(math.Round(s/60), 1))
	case s < 3570:
		return fmt.Sprintf("about %.0f min", math.Round(s/300)*5)
	case s < 36_000:
		return fmt.Sprintf("about %.0f h %.0f min", math.Floor(math.Round(s/600)/6), math.Mod(math.Round(s/600), 6)*10)
	}
	return fmt.Sprintf("about %.0f h", math.Round(s/3600))
}
