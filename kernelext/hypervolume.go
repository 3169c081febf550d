package kernelext

import "fmt"

// hypervolume is the chart of the share of the reference box that the front covers,
// after each trial.
func (v View) hypervolume() chart {
	c := chart{
		Name: "hypervolume", view: v, Title: "hypervolume over the trials",
		Note: "The share of the reference box that the front covers, 0 to 1. It grows when a trial extends the front; those are marked.",
		X:    trialAxis(len(v.Trials)),
		Y:    axis{Name: "hypervolume", Min: 0, Max: 1, Step: 0.2},
	}
	line := series{Name: "hypervolume", Color: blue, Symbol: "none", Line: true, Step: "end"}
	grown := series{Name: "extends the front", Color: green, Symbol: "circle", Size: 11}
	before := 0.0
	after := v.Objective.Hypervolumes(v.Trials)
	for i, t := range v.Trials {
		if !t.State.Done() {
			continue
		}
		now := after[i]
		if now > before {
			grown.Points = append(grown.Points, point{X: float64(t.ID), Y: now, Label: fmt.Sprint(t.ID), Trial: t.ID})
		}
		if len(grown.Points) > 0 {
			line.Points = append(line.Points, point{X: float64(t.ID), Y: now})
		}
		before = now
	}
	if len(grown.Points) > 0 {
		if len(v.Trials) > many {
			line.Points = steps(line.Points)
		}
		c.add(line, grown)
	}
	return c
}

// trialAxis counts the trials.
func trialAxis(n int) axis {
	return axis{Name: "trial", Min: 0, Max: float64(n + 1), Step: roundStep(max(float64(n+1)/12, 1))}
}
