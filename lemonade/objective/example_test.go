package objective_test

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Accuracy first, energy with a target, and no network above one megabyte.
func Example() {
	preset, _ := objective.Preset("accuracy")
	energy, _ := objective.ParseWant("inference_energy=5mJ:medium")
	metric, limit, _ := objective.ParseLimit("model_size=1MB")
	o, err := objective.New(
		objective.Merge(preset, []objective.Want{energy}),
		map[trial.Metric]float64{metric: limit})
	if err != nil {
		fmt.Println(err)
		return
	}

	measured := func(accuracy, joules float64) trial.Metrics {
		return trial.Metrics{
			trial.Accuracy:        {Value: accuracy, Method: trial.MethodCounted},
			trial.InferenceEnergy: {Value: joules, Unit: "J", Method: trial.MethodRAPL},
		}
	}
	history := trial.History{
		{ID: 1, State: trial.Complete, Metrics: measured(0.50, 0.010)},
		{ID: 2, State: trial.Complete, Metrics: measured(0.60, 0.020)},
		{ID: 3, State: trial.Complete, Metrics: measured(0.55, 0.030)},
	}
	o.Fix(history[0].Metrics)

	for _, t := range history {
		score, _ := o.Score(t.Metrics)
		fmt.Printf("trial %d: %.3f\n", t.ID, score)
	}
	best, _ := o.Best(history)
	fmt.Println("best:", best)
	fmt.Println("front:", o.Front(history))
	fmt.Printf("hypervolume: %.3f\n", o.Hypervolume(history))
	fmt.Println(o.Infeasible(trial.Metrics{trial.ModelSize: {Value: 1.3e6, Unit: "B"}}))
	// Output:
	// trial 1: 0.425
	// trial 2: 0.387
	// trial 3: 0.321
	// best: 1
	// front: [1 2]
	// hypervolume: 0.530
	// model_size 1.3 MB is over the limit of 1 MB
}

func ExampleFormat() {
	fmt.Println(objective.Format(trial.Accuracy, 0.465))
	fmt.Println(objective.Format(trial.InferenceEnergy, 0.005))
	fmt.Println(objective.Format(trial.ModelSize, 1.2e6))
	// Output:
	// 46.5 %
	// 5.0 mJ
	// 1.2 MB
}
