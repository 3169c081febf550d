package lemonade_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/lemo-nade/lemonade/lemonade"
)

// A study on the handwritten digits that come with the module: three networks,
// proposed by the rule book, trained and measured.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "studies")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	study, err := lemonade.Open(ctx, "my-first", lemonade.Options{Data: "digits", Dir: dir, TrainSamples: 300, Epochs: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer study.Close()
	if err := study.Run(ctx, lemonade.RunOptions{Trials: 3}); err != nil {
		log.Fatal(err)
	}
	best, ok := study.Best()
	fmt.Println(len(study.Trials()), "trials; is there a best one?", ok && best.Metrics["accuracy"].Value > 0.2)
	// Output: 3 trials; is there a best one? true
}

// Stop conditions may be combined; each is looked at between trials.
func ExampleStop_ParseStop() {
	var stop lemonade.Stop
	for _, text := range []string{"30m", "0.1kWh", "a while"} {
		if err := stop.ParseStop(text); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(stop.Time, stop.Energy)
	// Output:
	// stop after: "a while" is none of a time such as 30m, an energy such as 0.1kWh, and the word target
	// 30m0s 0.1
}
