package lemonade

import (
	"fmt"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Front is the Pareto front of a study at one moment, with the study that it is the
// front of. It prints as the ids of its trials.
type Front struct {
	IDs       []int               // of its trials, in their order
	Study     string              // its name
	Data      string              // name of the study's data set
	Info      datasets.Info       // of the data set
	Dir       string              // studies folder
	Trials    trial.History       // all of the study's: its [Study.Outlines]
	Objective objective.Objective // whose axes it is a front by
}

// Front returns the trials that no other beats in accuracy and energy, or the study's
// other axes, at once.
func (s *Study) Front() Front {
	f := Front{Study: s.name, Data: s.Data(), Info: s.info, Dir: s.dir, Trials: s.Outlines(), Objective: s.Objective()}
	f.IDs = f.Objective.Front(f.Trials)
	return f
}

// String lists the ids.
func (f Front) String() string { return fmt.Sprint(f.IDs) }
