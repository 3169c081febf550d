package kernelext

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What is drawn of a study of more trials than one can tell apart. The front, the
// most effective trial and the first one are always there.
const (
	many       = 1000 // trials from which on it is so
	marksMost  = 1000 // of the marks of one kind
	linesMost  = 200  // of the lines of parallel coordinates of one kind
	rowsMost   = 100  // the latest trials, in tables of a page
	spansMost  = 200  // the latest trials, on the timeline
	cellPixels = 3    // marks of one kind that lie as close as that are one mark
)

// outliner is a study that may have too many trials to hold all of each in memory:
// *lemonade.Study is one.
type outliner interface {
	Outlines() trial.History
	Trial(ctx context.Context, id int) (trial.Trial, bool, error)
}

// outlines are the trials as far as tables and charts need them.
func outlines(s Study) trial.History {
	if o, ok := s.(outliner); ok {
		return o.Outlines()
	}
	return s.Trials()
}

// whole returns the trial with all that is known of it, or as it is where that cannot
// be read.
func (v View) whole(t trial.Trial) trial.Trial {
	if !t.Brief || v.study == nil {
		return t
	}
	all, ok, err := v.study.Trial(context.Background(), t.ID)
	if err != nil || !ok {
		fmt.Fprintln(os.Stderr, "kernelext:", err)
		return t
	}
	return v.Extras.With(all)
}

// full is the view with all that is known of every trial, which may take long.
func (v View) full(s Study) View {
	v.Trials = s.Trials()
	for i, t := range v.Trials {
		v.Trials[i] = v.Extras.With(t)
	}
	return v
}

// partly says how many of all are drawn, in a legend: "dominated (1,200 of 9,400)".
func partly(name string, drawn, all int) string {
	if drawn == all {
		return name
	}
	return fmt.Sprintf("%s (%s of %s)", name, thousands(drawn), thousands(all))
}

// thin leaves so many marks of a series at most: one in the place of those that would
// lie on each other, smaller, without label and spread.
func (c chart) thin(s *series, most int) {
	all := len(s.Points)
	for size := float64(cellPixels); ; size *= 1.25 {
		taken := map[[2]int]bool{}
		s.Points = slices.DeleteFunc(s.Points, func(p point) bool {
			x, y := c.place(p)
			cell := [2]int{int(math.Floor(x / size)), int(math.Floor(y / size))}
			defer func() { taken[cell] = true }()
			return taken[cell]
		})
		if len(s.Points) <= most {
			break
		}
	}
	s.Size = s.Size * 2 / 3
	for i := range s.Points {
		s.Points[i].Label, s.Points[i].DX, s.Points[i].DY = "", 0, 0
	}
	s.Name = partly(s.Name, len(s.Points), all)
}

// steps leaves the points of a stepped line at which it changes, and its last.
func steps(points []point) []point {
	out := points[:0:0]
	for i, p := range points {
		if i == 0 || i == len(points)-1 || p.Y != points[i-1].Y {
			out = append(out, p)
		}
	}
	return out
}

// evenly takes so many points at most, evenly over all.
func evenly(s *series, most int) {
	all := len(s.Points)
	if all <= most {
		return
	}
	for i := range most {
		s.Points[i] = s.Points[i*all/most]
	}
	s.Points = s.Points[:most]
	s.Name = partly(s.Name, most, all)
}

// leaders are the front and the most effective trial of a history, kept since many
// parts of a page ask for them.
type leaders struct {
	of    trial.History
	front []int
	best  int // 0 where there is none
}

// leaders returns the front and the most effective of the view's trials.
func (v View) leaders() (front []int, best int) {
	if len(v.Trials) == 0 {
		return nil, 0
	}
	r := v.ranked
	if r == nil || len(r.of) != len(v.Trials) || &r.of[0] != &v.Trials[0] {
		best, _ := v.Objective.Best(v.Trials)
		is := leaders{v.Trials, v.Objective.Front(v.Trials), best}
		if r == nil {
			return is.front, is.best
		}
		*r = is
	}
	return r.front, r.best
}

// noted are the trials of a study of many that a page tells of in full: the front, the
// most effective, the first and the latest. Of any other study they are all.
func (v View) noted() View {
	if len(v.Trials) <= many {
		return v
	}
	front, best := v.leaders()
	all := v.Trials
	v.Trials = nil
	for i, t := range all {
		if i == 0 || i >= len(all)-rowsMost || t.ID == best || slices.Contains(front, t.ID) {
			v.Trials = append(v.Trials, t)
		}
	}
	return v
}

// remark says that a table has not all trials, "" where it has.
func (v View) remark() string {
	n := len(v.noted().Trials)
	if n == len(v.Trials) {
		return ""
	}
	return fmt.Sprintf("These are %s of %s trials: the front, the most effective one, the first and the latest %d. All are in the files of lemonade export %s --csv.",
		thousands(n), thousands(len(v.Trials)), rowsMost, shellWord(v.Name))
}

// drawnIn are the numbers of the trials that charts tell of.
func drawnIn(charts []chart) map[int]bool {
	ids := map[int]bool{}
	for _, c := range charts {
		for _, s := range c.Series {
			for _, p := range s.Points {
				if p.Trial > 0 {
					ids[p.Trial] = true
				}
			}
		}
	}
	return ids
}
