package benchmark

import "github.com/lemo-nade/lemonade/lemonade/trial"

// Course is how the hypervolume of an arm's studies grew.
type Course struct {
	Trials []Step `json:"trials"`           // by the number of networks
	Energy []Step `json:"energy,omitempty"` // by what their trainings had used, Wh; none where that is unknown
}

// Step is a point of a course: the studies' hypervolume there.
type Step struct {
	At float64 `json:"at"`
	Quartiles
}

// courseSteps is how many steps a course by energy has.
const courseSteps = 40

// course follows an arm's studies as far as all of them have come, by energy up to
// their mean. A study that had used less keeps what it has.
func course(studies []sample) (c Course) {
	least, most, known := len(studies[0].trials), 0.0, true
	for _, s := range studies {
		kWh, ok := energy(s.trials)
		least, most, known = min(least, len(s.trials)), most+kWh/float64(len(studies)), known && ok
	}
	over := func(at float64, cut func(sample) trial.History) Step {
		var values []float64
		for _, s := range studies {
			s.trials = cut(s)
			v, _ := hypervolume(s)
			values = append(values, v)
		}
		return Step{at, quartiles(values)}
	}
	for n := 1; n <= least; n++ {
		c.Trials = append(c.Trials, over(float64(n), func(s sample) trial.History {
			then, _ := s.first(n)
			return then.trials
		}))
	}
	for i := 1; known && i <= courseSteps; i++ {
		kWh := most * float64(i) / courseSteps
		c.Energy = append(c.Energy, over(1000*kWh, func(s sample) trial.History { return upTo(s.trials, kWh) }))
	}
	return c
}
