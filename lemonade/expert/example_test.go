package expert_test

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What the rule book says to a search whose only network overfits.
func Example() {
	first := trial.Trial{ID: 1, State: trial.Complete, Metrics: trial.Metrics{
		trial.Accuracy:      {Value: 0.73, Method: trial.MethodCounted},
		trial.TrainAccuracy: {Value: 0.91, Method: trial.MethodCounted},
	}}
	o, err := objective.New([]objective.Want{{Metric: trial.Accuracy}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	o.Fix(first.Metrics)

	book, err := expert.Load("testdata/small/book.yaml") // or expert.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	advice, err := book.Advise(expert.Input{
		History: trial.History{first}, Objective: o, Task: expert.Task{Name: "cifar10", Classes: 10}, Trial: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("change trial", advice.Parent)
	for _, c := range advice.Commands {
		fmt.Printf("%s, %s (rule %s): %s\n", c.Code, c.Text, c.Rule, c.Reason)
	}
	for _, d := range advice.Dropped {
		fmt.Printf("not %s: %s\n", d.Command.Code, d.Reason)
	}
	// Output:
	// change trial 1
	// AD, add dropout layer (rule overfits): train accuracy 0.91 is 0.18 above validation accuracy 0.73: the network overfits
	// not RD: it undoes AD (rule overfits), which has the higher priority (8, not 2)
}
