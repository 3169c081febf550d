package trial

import (
	"math"
	"testing"
)

func TestEffect(t *testing.T) {
	of := func(v float64) Metrics { return Metrics{Loss: {Value: v}} }
	for name, test := range map[string]struct {
		before, after Metrics
		want          string
		known         bool
	}{
		"up":               {of(100), of(110), Up, true},
		"down":             {of(100), of(90), Down, true},
		"same":             {of(100), of(100), Same, true},
		"just same up":     {of(100), of(101.9), Same, true},
		"just same down":   {of(100), of(98.1), Same, true},
		"just up":          {of(100), of(102), Up, true},
		"just down":        {of(100), of(98), Down, true},
		"small values":     {of(1e-6), of(1.1e-6), Up, true},
		"below zero":       {of(-100), of(-99), Same, true},
		"up below zero":    {of(-100), of(-90), Up, true},
		"zero stays":       {of(0), of(0), Same, true},
		"from zero":        {of(0), of(1e-9), Up, true},
		"to zero":          {of(1e-9), of(0), Down, true},
		"unknown before":   {Metrics{}, of(1), "", false},
		"unknown after":    {of(1), nil, "", false},
		"another metric":   {Metrics{Latency: {Value: 1}}, of(1), "", false},
		"no number":        {of(1), of(math.NaN()), "", false},
		"infinite":         {of(1), of(math.Inf(1)), "", false},
		"both are without": {of(math.Inf(1)), of(math.Inf(1)), "", false},
	} {
		if got, known := Effect(Loss, test.before, test.after); got != test.want || known != test.known {
			t.Errorf("%s: Effect() = %q, %v, want %q, %v", name, got, known, test.want, test.known)
		}
	}
}
