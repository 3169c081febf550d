package tabular

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestEvaluate(t *testing.T) {
	table, err := open(t, text("arch,acc,energy_mj", cellA+",90,2", cellB+",10,0.5"))
	if err != nil {
		t.Fatal(err)
	}
	job := trial.Job{Network: &arch.Network{}, Choices: exampleChoices}
	got, err := table.Evaluate(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := trial.Metrics{
		trial.Accuracy:        {Value: 0.9, Method: trial.MethodTable},
		trial.InferenceEnergy: {Value: 0.002, Unit: "J", Method: trial.MethodTable},
	}
	if diff := cmp.Diff(want, got.Metrics); got.State != trial.Complete || diff != "" {
		t.Errorf("%s, metrics (-want +got):\n%s", got.State, diff)
	}
	if got.Engine != table.Describe().Engine || got.Device == "" {
		t.Errorf("engine %q on %q", got.Engine, got.Device)
	}

	missing, err := Choices(cellC)
	if err != nil {
		t.Fatal(err)
	}
	for want, taken := range map[string]map[string]string{"the table has no acc": missing, "use the template": nil} {
		job.Choices = taken
		if got, err := table.Evaluate(t.Context(), job, nil); err != nil || got.State != trial.Failed || !strings.Contains(got.Reason, want) {
			t.Errorf("%v: %+v, %v; want the reason %q", taken, got, err, want)
		}
	}
	if _, err := table.Evaluate(t.Context(), trial.Job{}, nil); err == nil {
		t.Error("a job without a network is evaluated")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := table.Evaluate(ctx, job, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// TestEngine: the trial key holds the engine, so another value or another column is
// another experiment.
func TestEngine(t *testing.T) {
	engine := func(columns, row string) string {
		o := Options{Files: files(t, text("arch,acc,energy_mj,latency_ms", row)), Accuracy: "acc", Cost: columns}
		table, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return table.Describe().Engine
	}
	first := engine("energy_mj", cellA+",90,2,2")
	if again := engine("energy_mj", cellA+",90,2.0,7"); again != first {
		t.Errorf("%q and %q of the same values", first, again)
	}
	for _, other := range []string{engine("latency_ms", cellA+",90,2,2"), engine("energy_mj", cellA+",91,2,2"), engine("energy_mj", cellA+",90,3,2")} {
		if other == first {
			t.Errorf("%q of two tables", other)
		}
	}
}
