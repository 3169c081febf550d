package main

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const digitsProgram = `
def network(x, classes):
    x = relu(batch_norm(conv(x, 16)))
    x = relu(batch_norm(conv(x, 32, stride = 2)))
    return dense(global_avg_pool(x), classes)
`

// talk starts this test binary as a worker in the mode of args, gives it the job, if
// there is one, and returns all of its messages after the hello with the time of
// each since its start.
func talk(t *testing.T, env []string, job *trial.Job, args ...string) (messages []trial.Envelope, at []time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, argsEnv+"="+strings.Join(args, " "))...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if job != nil {
		if err := json.NewEncoder(in).Encode(trial.Envelope{Job: job}); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e trial.Envelope
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		messages, at = append(messages, e), append(at, time.Since(start))
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(messages) == 0 || messages[0].Hello == nil || messages[0].Hello.Protocol != trial.Protocol {
		t.Fatalf("it did not say hello: %+v", messages)
	}
	return messages[1:], at[1:]
}

// backend names the plugin to train with.
func backend(t *testing.T) string {
	t.Helper()
	dir, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	name, err := plugin.Ensure(context.Background(), filepath.Join(dir, "plugins"), func(string) {})
	if err != nil {
		t.Fatalf("no XLA backend to test with: %v", err)
	}
	return "GOMLX_BACKEND=" + name
}

func digitsJob(t *testing.T, epochs int) *trial.Job {
	t.Helper()
	ref, err := datasets.Prepare(t.Context(), "digits", datasets.Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	program, err := arch.Parse(digitsProgram, arch.Shape{8, 8, 1}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return &trial.Job{
		Network: program.Network, Recipe: program.Recipe, Seed: 1,
		Data:    trial.Data{Name: ref.Name, Dir: ref.Dir, Fingerprint: ref.Fingerprint},
		Budget:  trial.Budget{Epochs: epochs, Profile: time.Nanosecond},
		Account: trial.Accounting{Meter: trial.MethodEstimate, PUE: 1.5, Intensity: 100, Source: "a test"},
	}
}

// result returns the last message, which must be a result of that state, and the
// forecast that was told at the end of the first epoch.
func result(t *testing.T, messages []trial.Envelope, state trial.State) (trial.Result, *trial.Forecast) {
	t.Helper()
	last := messages[len(messages)-1]
	if last.Result == nil || last.Result.State != state {
		t.Fatalf("the last message is %+v, of %+v; want a result of state %s", last, last.Result, state)
	}
	var forecast *trial.Forecast
	for _, m := range messages[:len(messages)-1] {
		if m.Progress == nil {
			t.Fatalf("a message in between: %+v", m)
		}
		if p := m.Progress; p.Forecast != nil {
			if forecast != nil || p.Report == nil || p.Report.Epoch != 1 {
				t.Errorf("a forecast was told with %+v", p)
			}
			forecast = p.Forecast
		}
	}
	return *last.Result, forecast
}

func TestTrain(t *testing.T) {
	const epochs = 8
	job := digitsJob(t, epochs)
	messages, at := talk(t, []string{backend(t), "LEMONADE_PUE=7", "LEMONADE_CPU_TDP=100/1"}, job, "train")
	got, told := result(t, messages, trial.Complete)
	if len(got.Curve) != epochs || got.Reason != "" {
		t.Errorf("%d epochs, reason %q", len(got.Curve), got.Reason)
	}
	for _, info := range trial.MetricInfos {
		m, ok := got.Metrics[info.Metric]
		if want := info.Metric != trial.TestAccuracy && info.Metric != trial.DeviceMemory; ok != want {
			t.Errorf("%s: %+v", info.Metric, m)
		}
	}
	used, co2e := got.Metrics[trial.TrainingEnergy], got.Metrics[trial.CO2e]
	if used.Method != trial.MethodEstimate || !strings.Contains(used.Note, "PUE 1.50") || !strings.Contains(used.Note, "validation") || used.Idle == nil || used.Low == nil {
		t.Errorf("training_energy %+v", used)
	}
	if math.Abs(co2e.Value-100*used.Value) > 1e-9 || !strings.Contains(co2e.Note, "100 g CO2e/kWh (a test)") {
		t.Errorf("co2e %+v of %v kWh", co2e, used.Value)
	}

	// The matrix counts every validation sample, and its diagonal is the accuracy.
	right, sum := 0, 0
	for _, r := range got.Quality.Recalls() {
		right, sum = right+r.Right, sum+r.Samples
	}
	if accuracy := got.Metrics[trial.Accuracy].Value; sum != 143 || float64(right)/143 != accuracy {
		t.Errorf("%d of %d right by the matrix; the accuracy is %v", right, sum, accuracy)
	}
	if q := got.Quality; q.Data != job.Data.Fingerprint || q.Classes != 10 || len(q.Mistakes) != min(sum-right, 40) {
		t.Errorf("of %q, %d classes, %d mistakes kept of %d", q.Data, q.Classes, len(q.Mistakes), sum-right)
	}

	// The first epoch is like the others but for what it warms up, which is much of one
	// as short as these.
	if told == nil || got.Forecast == nil || told.Energy != got.Forecast.Energy || told.Error != nil || got.Forecast.Error == nil {
		t.Fatalf("forecast %+v, in the end %+v", told, got.Forecast)
	}
	if off := told.Energy/used.Value - 1; math.Abs(*got.Forecast.Error-off) > 1e-9 || math.Abs(off) > 1.5 {
		t.Errorf("the forecast of %v kWh is off by %v of %v kWh; it says %v", told.Energy, off, used.Value, *got.Forecast.Error)
	}

	// Every moment since the first message is in one phase.
	all := -got.Seconds[trial.PhasePlugin] // before the first message
	for _, seconds := range got.Seconds {
		all += seconds
	}
	if whole := (at[len(at)-1] - at[0]).Seconds(); math.Abs(all-whole) > 0.1 {
		t.Errorf("the phases add up to %.3f s of %.3f s: %v", all, whole, got.Seconds)
	}
	for _, phase := range []string{trial.PhasePlugin, trial.PhaseData, trial.PhaseCompile, trial.PhaseTrain, trial.PhaseEvaluate, trial.PhaseProfile} {
		if got.Seconds[phase] <= 0 {
			t.Errorf("phase %s took %v s", phase, got.Seconds[phase])
		}
	}
	training := got.Metrics[trial.TrainingTime].Value
	if both := got.Seconds[trial.PhaseTrain] + got.Seconds[trial.PhaseEvaluate]; training < got.Seconds[trial.PhaseTrain]*0.9 || training > both {
		t.Errorf("training_time %v s; the phases %v", training, got.Seconds)
	}
}

// TestTrainStopsAtLimits breaks limits after the first epoch and within it.
func TestTrainStopsAtLimits(t *testing.T) {
	env := []string{backend(t), "LEMONADE_PUE=2", "LEMONADE_CPU_TDP=100/1", "LEMONADE_CARBON_INTENSITY=500"}

	job := digitsJob(t, 100_000)
	job.Account = trial.Accounting{Meter: trial.MethodEstimate} // the rest is the environment's
	job.Budget.Limits = map[trial.Metric]float64{trial.TrainingEnergy: 5e-3}
	messages, _ := talk(t, env, job, "train")
	got, told := result(t, messages, trial.Infeasible)
	if !strings.HasPrefix(got.Reason, "training_energy: ") || !strings.HasSuffix(got.Reason, " forecast after epoch 1 of 100000 break the limit of 5.0 Wh") {
		t.Errorf("reason %q", got.Reason)
	}
	if told == nil || told.Energy < 5e-3 || got.Forecast == nil || got.Forecast.Error != nil {
		t.Errorf("forecast %+v, in the end %+v", told, got.Forecast)
	}
	if len(got.Curve) != 1 || got.Curve[0].Accuracy == 0 {
		t.Errorf("curve %+v", got.Curve)
	}
	for _, name := range []trial.Metric{trial.TrainingEnergy, trial.CO2e, trial.TrainingTime, trial.Params} {
		if got.Metrics[name].Value <= 0 {
			t.Errorf("%s %+v", name, got.Metrics[name])
		}
	}
	if _, ok := got.Metrics[trial.Accuracy]; ok || got.Quality != nil {
		t.Error("it has an accuracy, as if it had been trained")
	}
	if note := got.Metrics[trial.TrainingEnergy].Note; !strings.Contains(note, "PUE 2.00") {
		t.Errorf("note %q", note)
	}
	if note := got.Metrics[trial.CO2e].Note; !strings.Contains(note, "500 g CO2e/kWh") {
		t.Errorf("note %q", note)
	}
	for _, phase := range []string{trial.PhaseCompile, trial.PhaseTrain, trial.PhaseEvaluate} {
		if got.Seconds[phase] <= 0 {
			t.Errorf("phase %s took %v s", phase, got.Seconds[phase])
		}
	}

	job = digitsJob(t, 3)
	job.Budget.Limits = map[trial.Metric]float64{trial.TrainingTime: 1e-3}
	messages, _ = talk(t, env, job, "train")
	got, told = result(t, messages, trial.Infeasible)
	if !strings.Contains(got.Reason, " used in epoch 1 of 3 break the limit of 1.0 ms") || len(got.Curve) != 0 || told != nil {
		t.Errorf("reason %q, curve %+v, forecast %+v", got.Reason, got.Curve, told)
	}
	if got.Metrics[trial.TrainingEnergy].Value <= 0 {
		t.Errorf("metrics %+v", got.Metrics)
	}
}

// TestPlugin opens the plugin and a meter: the one that is asked for, which wins
// over the environment's.
func TestPlugin(t *testing.T) {
	env := []string{backend(t), "LEMONADE_METER=crystal-ball"}
	for _, test := range []struct {
		args        []string
		meter, want string // or an error
	}{
		{[]string{"-meter", "estimate"}, "estimate", ""},
		{[]string{"-meter", "divining-rod"}, "", "divining-rod"},
		{nil, "", "LEMONADE_METER=crystal-ball"},
	} {
		dir := t.TempDir()
		messages, _ := talk(t, env, nil, slices.Concat([]string{"plugin", "-dir", dir}, test.args)...)
		got := messages[len(messages)-1]
		switch {
		case test.want != "":
			if !strings.Contains(got.Fatal, test.want) {
				t.Errorf("%v: %+v; want an error with %q", test.args, got, test.want)
			}
		case got.Backend == nil || got.Backend.Meter != test.meter || got.Backend.Device == "":
			t.Errorf("%v: %+v, fatal %q", test.args, got.Backend, got.Fatal)
		}
	}
}
